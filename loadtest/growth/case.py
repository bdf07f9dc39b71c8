"""One system of `growth`: filled, drained, put under a steady load, killed, and its Redis emptied."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from redis import Redis

from deploy.ports import free_port
from inventory.murmur import shard_of
from loadtest import metrics
from loadtest.bench.drain import Drain, to_drain, watch
from loadtest.bench.latency import PROBES_PER_S, WARM_UP_S, Latency, lane_shares
from loadtest.bench.pacing import steady
from loadtest.errors import NotCaughtUp
from loadtest.growth.load import Case, rules_of, send_skus
from loadtest.pause import no_collection
from loadtest.probe_skus import opening, receipt
from loadtest.probes import Api, Probes
from loadtest.processes import Running, api, apply_rules, warm_up
from loadtest.sender import Sender, preload, send_now
from loadtest.verify.freshness import caught_up, wait_caught_up
from loadtest.w1 import workload as w1
from loadtest.w1.check import mismatches
from loadtest.w1.draw import draw
from loadtest.w1.write import Written, write_run
from loadtest.world import World, world
from runtime import redis as redis_link
from runtime.settings import Settings
from wire.codec import Codec
from wire.rows_read import read_channel
from wire.viewkeys import row_key

EPOCH = "stocktide_epoch_seconds"
_TIMEOUT_S = 3_600.0
_LEAD_S = 4.0
_FRESH_WITHIN_S = 300.0
_POLL_S = 0.01
_SEED = 2
_OTHER_NUMBERS = 50_000_000


@dataclass(frozen=True)
class Sizes:
    """`events` are drained; `rate` a second are sent for `seconds` (of a case with stalls `stall_rate`)."""

    events: int = 2_000_000
    rate: int = 5_000
    stall_rate: int = 10_000
    seconds: int = 60


@dataclass
class Stalls:
    """Seconds of an epoch's end, as upper bounds (`epochs` of them); of a restart after SIGKILL from the start of the
    process to the first fresh number, and to one of every lane."""

    epochs: int = 0
    p50: float | None = None
    p99: float | None = None
    worst: float | None = None
    first_fresh_s: float = 0.0
    all_fresh_s: float = 0.0


@dataclass
class Measured:
    """`fill_s`: catalog and counts, from the start of the process. `latency`: from event to API. `healed_s`: all rows
    are in Redis again."""

    case: Case
    positions: int = 0
    fill_s: float = 0.0
    drain: Drain | None = None
    mismatches: int = 0
    latency: Latency | None = None
    stalls: Stalls | None = None
    rows: int = 0
    healed_s: float | None = None


def measure(given: Settings, codec: Codec, case: Case, sizes: Sizes, say: Callable[[str], None]) -> Measured:
    """Measure a system of its own. Raises NotCaughtUp, ProcessEnded."""
    if case.phases.healing and given.redis_url:
        raise NotCaughtUp("a Redis is emptied here: unset STOCKTIDE_REDIS_URL, so that it is one of its own")
    with world(given) as place:
        settings = place.settings.replace(metrics_port=free_port(), cells=case.cells)
        redis = redis_link.connect(settings)
        try:
            return _System(settings, codec, case, sizes, redis, place, say).measure()
        finally:
            redis.close()


class _System:
    def __init__(
        self, settings: Settings, codec: Codec, case: Case, sizes: Sizes, redis: Redis, place: World,
        say: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._settings, self._codec, self._case, self._sizes = settings, codec, case, sizes
        self._redis, self._folder, self._say = redis, place.folder, say
        self._found = Measured(case)

    def measure(self) -> Measured:
        case, found = self._case, self._found
        workload = self._fill()
        with self._engine() as running:
            found.drain = watch(
                running, self._redis, self._settings, case.cells, len(workload.run.end), _TIMEOUT_S
            )
            found.mismatches = mismatches(self._redis, self._settings, workload)
            self._say(f"drained: {found.drain.per_s:,.0f} events/s, {found.mismatches} mismatches")
            if case.phases.latency:
                self._latency(running)
            if case.phases.healing:
                self._heal(running)
            if case.phases.stalls:
                running.kill()
        if case.phases.stalls:
            self._restart()
        return found

    @contextmanager
    def _engine(self) -> Iterator[Running]:
        with to_drain(self._settings, self._case.cells, self._folder) as running:
            yield running

    def _fill(self) -> w1.Workload:
        """Everything but the events is folded, and shown; the events are in Kafka."""
        case, settings, found = self._case, self._settings, self._found
        apply_rules(rules_of(case), settings, self._folder)
        warm_up(settings, self._folder)
        send_skus(settings, self._codec, case)
        size = case.size(self._sizes.events)
        now = int(time.time() * 1000)
        workload = w1.drain(size, now, w1.headers(self._codec), case.positions_a_sku)
        self._probes = Probes(settings, self._codec, lane_shares(workload, settings.partitions), _SEED)
        send_now(Sender(settings), opening(self._probes.skus, self._codec, int(time.time() * 1000)))
        preload(settings, [workload.opening])
        found.positions = len(workload.opening.end)
        sent = int(time.time() * 1000)
        with self._engine() as running:
            wait_caught_up(self._redis, settings, sent, _TIMEOUT_S, running.check)
            found.fill_s = time.time() - running.started_at
        preload(settings, [workload.run])
        self._say(f"filled: {found.positions:,} positions in {found.fill_s:.0f} s")
        return workload

    def _latency(self, running: Running) -> None:
        case, sizes = self._case, self._sizes
        rate = (sizes.stall_rate if case.phases.stalls else sizes.rate) - PROBES_PER_S
        size = case.size(rate * (sizes.seconds + WARM_UP_S), _SEED)
        with api(self._settings, self._folder) as url:
            start = (
                time.time() + _LEAD_S + (size.events + case.skus) / 200_000
            )  # it is drawn and written first
            load = _paced(case, size.events, start, rate, w1.headers(self._codec))
            with steady(self._settings, load, start, rate) as told, no_collection():
                before = metrics.scrape(self._settings, case.cells)
                probed = self._probes.run(Api(url), start, sizes.seconds, PROBES_PER_S, WARM_UP_S)
                behind = told.recv()
            running.check()
            after = metrics.scrape(self._settings, case.cells)
        found = self._found.latency = Latency.of(rate + PROBES_PER_S, sizes.seconds, probed, behind)
        self._say(f"event to API: p50 {found.p50:.1f}, p99 {found.p99:.1f} ms")
        if case.phases.stalls:
            epochs = metrics.total(after, EPOCH + "_count") - metrics.total(before, EPOCH + "_count")
            p50, p99, worst = metrics.quantiles(after, before, EPOCH, 0.5, 0.99, 1.0)
            self._found.stalls = Stalls(int(epochs), p50, p99, worst)

    def _restart(self) -> None:
        """Everything that probes watch receives one unit while the engine is dead; it is started again."""
        stalls = self._found.stalls = self._found.stalls or Stalls()
        probes = self._probes.skus
        skus = [own[0] for own in probes.lanes]
        before = self._numbers(skus)
        sold = (receipt(probes, self._codec, lane, sku) for lane, sku in enumerate(skus))
        send_now(Sender(self._settings), sold)
        waiting = dict(zip(skus, before, strict=True))
        with self._engine() as running:
            deadline = running.started_at + _FRESH_WITHIN_S
            while waiting:
                for sku, number in zip(list(waiting), self._numbers(list(waiting)), strict=True):
                    if number != waiting[sku]:
                        del waiting[sku]
                        stalls.all_fresh_s = time.time() - running.started_at
                        stalls.first_fresh_s = stalls.first_fresh_s or stalls.all_fresh_s
                running.check()
                if time.time() > deadline:
                    raise NotCaughtUp(f"no fresh number of {', '.join(waiting)}; {running.last_words()}")
                time.sleep(_POLL_S)
        self._say(f"killed: fresh after {stalls.first_fresh_s:.1f} s, every lane {stalls.all_fresh_s:.1f} s")

    def _numbers(self, skus: list[str]) -> list[int]:
        """What the view says of some skus in the first channel."""
        prefix = self._settings.redis_prefix.encode()
        pipeline = self._redis.pipeline(transaction=False)
        for sku in skus:
            pipeline.hget(row_key(prefix, shard_of(sku), sku.encode()), "c")
        rows = [read_channel(packed, 0) for packed in pipeline.execute()]
        return [-1 if row is None else row.available for row in rows]

    def _heal(self, running: Running) -> None:
        """All that is in Redis goes; every row must come back."""
        settings, found = self._settings, self._found
        wait_caught_up(self._redis, settings, int(time.time() * 1000), _TIMEOUT_S, running.check)
        self._redis.flushdb()
        began = time.time()
        while not caught_up(self._redis, settings, int(began * 1000)):
            running.check()
            if time.time() - began > _TIMEOUT_S:
                raise NotCaughtUp(f"Redis was not healed within {_TIMEOUT_S:g} s: {running.last_words()}")
            time.sleep(_POLL_S)
        found.healed_s = time.time() - began
        prefix = settings.redis_prefix.replace("[", "\\[")
        found.rows = sum(1 for _ in self._redis.scan_iter(match=prefix + "v:{*", count=10_000))
        self._say(f"Redis emptied: {found.rows:,} rows again after {found.healed_s:.1f} s")


def _paced(case: Case, events: int, start: float, rate: int, headers: tuple[bytes, bytes, bytes]) -> Written:
    """W1's mix again, with reservations of its own, each event dated around the instant it is due."""
    run = draw(case.size(events, _SEED))
    due = int(start * 1000) + (np.arange(events) * (1000.0 / rate)).astype(np.int64)
    return write_run(run._replace(number=run.number + _OTHER_NUMBERS), due, headers)
