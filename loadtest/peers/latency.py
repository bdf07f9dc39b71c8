"""Latency at a steady pace, by the same method for the engine and for the peers that keep up.

W1's mix is sent at a steady rate; fifty events a second are probes: receipts of one unit for skus on which nothing else
happens. A probe's time begins when it was due to be sent and ends when its effect is read: from Redis, which is asked
every 2 ms, for all; from the engine's API besides, for which no peer has a counterpart. Opening counts are drained
before, and the first ten seconds are not measured.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from inventory.murmur import shard_of
from loadtest import w1
from loadtest.bench_latency import PROBES_PER_S, WARM_UP_S, lane_shares, make_known, under_load
from loadtest.errors import NotCaughtUp
from loadtest.pacing import steady
from loadtest.pause import no_collection
from loadtest.peers.launch import KAFKA_STREAMS, KAFKA_STREAMS_EOS, Peer, launched
from loadtest.peers.outcome import Outcome, load_script
from loadtest.probes import CHANNEL, Api, Asked, Probed, Probes
from loadtest.processes import Running
from loadtest.rows import Places
from loadtest.sender import preload
from loadtest.w1_draw import Size
from loadtest.world import world
from runtime import redis as redis_link
from runtime.settings import Settings
from wire.codec import Codec
from wire.rows_read import read_channel
from wire.viewkeys import row_key

ENGINE, ENGINE_API = "stocktide", "stocktide_api"
PUBLISH_EVERY_MS = 20
"""How long a peer gathers views here: at 100 ms, as it is drained, half of its latency would be waiting."""

_CELLS = 1
_SEED = 7
_LEAD_S = 4.0
_CATCH_UP_S = 180.0
_KEEP_UP = (KAFKA_STREAMS, KAFKA_STREAMS_EOS)


@dataclass(frozen=True)
class Contender:
    """Who is measured; `peer` None: the engine."""

    name: str
    title: str
    peer: Peer | None


@dataclass(frozen=True)
class Latency:
    """Milliseconds. `behind_ms`: how late the load was sent at worst; `lost`: probes that were never seen;
    `mismatches`: numbers that are wrong at the end."""

    rate: int
    seconds: int
    probes: int
    lost: int
    p50: float
    p99: float
    p999: float
    worst: float
    behind_ms: float
    mismatches: int

    def line(self) -> str:
        """For people."""
        return (
            f"p50 {self.p50:.1f}, p99 {self.p99:.1f}, p99.9 {self.p999:.1f}, worst {self.worst:.0f} ms of "
            f"{self.probes:,} probes, {self.lost} lost, {self.mismatches} mismatches"
        )


def contenders(peers: Sequence[Peer]) -> list[Contender]:
    """The engine, those of the peers that keep up with such a pace, and the engine through its API."""
    theirs = [Contender(peer.name, peer.title, peer) for peer in peers if peer in _KEEP_UP]
    return [
        Contender(ENGINE, "Stocktide", None),
        *theirs,
        Contender(ENGINE_API, "Stocktide, through its API", None),
    ]


def measure(given: Settings, codec: Codec, contender: Contender, rate: int, seconds: int) -> Latency:
    """Send W1's mix at `rate` events a second, probes included, and wait for each probe."""
    if contender.peer is not None:
        return _measure_peer(given, codec, contender.peer, rate, seconds)
    with under_load(given, codec, _CELLS, rate - PROBES_PER_S, seconds, _SEED) as system:
        with redis_link.connect(system.settings) as redis:
            asked: AbstractContextManager[Asked] = nullcontext(_Rows(redis, system.settings))
            if contender.name == ENGINE_API:
                asked = Api(system.url)
            start = system.begin()
            with system.load() as load, no_collection():
                probed = system.probes.run(asked, start, seconds, PROBES_PER_S, WARM_UP_S)
                behind = load.recv()
        return _latency(rate, seconds, probed, behind, system.mismatches())


def _latency(rate: int, seconds: int, probed: Probed, behind: float, wrong: int) -> Latency:
    return Latency(
        rate, seconds, probed.histogram.get_total_count(), probed.lost, probed.ms(50), probed.ms(99),
        probed.ms(99.9), probed.histogram.get_max_value() / 1000, behind * 1000, wrong,
    )  # fmt: skip


class _Rows:
    """The numbers of the engine's rows in Redis."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self._prefix = settings.redis_prefix.encode()
        self._channel = Places(redis, settings).channels[CHANNEL]

    def numbers(self, skus: list[str]) -> dict[str, int]:
        """The number of each sku in the channel of the probes. Raises NotCaughtUp where one is not there."""
        pipeline = self._redis.pipeline(transaction=False)
        for sku in skus:
            pipeline.hget(row_key(self._prefix, shard_of(sku), sku.encode()), "c")
        found = {}
        for sku, packed in zip(skus, pipeline.execute(), strict=True):
            channel = None if packed is None else read_channel(packed, self._channel)
            if channel is None:
                raise NotCaughtUp(f"there is no row of {sku}")
            found[sku] = channel.available
        return found


def _measure_peer(given: Settings, codec: Codec, peer: Peer, rate: int, seconds: int) -> Latency:
    load = rate - PROBES_PER_S
    size = Size(events=load * (seconds + WARM_UP_S), seed=_SEED, chunk=load * 2)
    headers = w1.headers(codec)
    with world(given) as place, redis_link.connect(place.settings) as redis:
        settings = place.settings
        opening = w1.paced(size, int(time.time() * 1000), load, headers)
        probes = Probes(settings, codec, lane_shares(opening, settings.partitions), _SEED)
        make_known(settings, codec, probes)
        preload(settings, [opening.opening])
        stocked = len(opening.opening.end) + len(probes.names())
        with _folding(peer, settings, redis, stocked, place.folder) as (running, outcome):
            start = time.time() + _LEAD_S
            workload = w1.paced(size, int(start * 1000), load, headers)
            with steady(settings, workload.run, start, load) as sending, no_collection():
                probed = probes.run(nullcontext(outcome), start, seconds, PROBES_PER_S, WARM_UP_S)
                behind = sending.recv()
            sent = size.events - workload.repeats + (seconds + WARM_UP_S) * PROBES_PER_S
            _wait_folded(running, outcome, stocked + sent)
            return _latency(rate, seconds, probed, behind, outcome.mismatches(workload))


@contextmanager
def _folding(
    peer: Peer, settings: Settings, redis: Redis, stocked: int, folder: Path
) -> Iterator[tuple[Running, Outcome]]:
    """The peer, once it has folded what was there before it."""
    outcome = Outcome(redis, settings.redis_prefix)
    with launched(peer, settings, load_script(redis), PUBLISH_EVERY_MS, folder) as running:
        _wait_folded(running, outcome, stocked)
        yield running, outcome


def _wait_folded(running: Running, outcome: Outcome, events: int) -> None:
    deadline = time.monotonic() + _CATCH_UP_S
    while (folded := outcome.folded()) < events:
        running.check()
        if time.monotonic() > deadline:
            raise NotCaughtUp(
                f"{running.name} folded {folded:,} of {events:,} events within {_CATCH_UP_S:g} s"
            )
        time.sleep(0.05)
