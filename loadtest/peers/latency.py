"""Latency at a steady pace, by the same method for the engine and for the peers that keep up.

W1's mix is sent at a steady rate; fifty events a second are probes: receipts of one unit for skus on which nothing else
happens. A probe's time begins when it was due to be sent and ends when its effect is read: from Redis, which is asked
every 2 ms, for all; from the engine's API besides, for which no peer has a counterpart. Opening counts are drained
before, and the first half minute of the load is not measured.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

from redis import Redis

from inventory.murmur import shard_of
from loadtest.bench import latency as bench_latency
from loadtest.bench.latency import PROBES_PER_S, WARM_UP_S, Judged, Latency, System, lane_shares, through_api
from loadtest.bench.pacing import steady
from loadtest.errors import NotCaughtUp
from loadtest.pause import no_collection
from loadtest.peers.launch import KAFKA_STREAMS, KAFKA_STREAMS_EOS, Peer, launched
from loadtest.peers.outcome import Outcome, load_script
from loadtest.probe_skus import opening
from loadtest.probes import CHANNEL, Asked, Probes
from loadtest.processes import Running
from loadtest.sender import Sender, preload, send_now
from loadtest.verify.rows import Places
from loadtest.w1 import workload as w1
from loadtest.w1.draw import Size
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


class Contender(NamedTuple):
    """Who is measured; `peer` None: the engine."""

    name: str
    peer: Peer | None


def contenders(peers: Sequence[Peer]) -> list[Contender]:
    """The engine, those of the peers that keep up with such a pace, and the engine through its API."""
    theirs = [Contender(peer.name, peer) for peer in peers if peer in _KEEP_UP]
    return [Contender(ENGINE, None), *theirs, Contender(ENGINE_API, None)]


def measure(given: Settings, codec: Codec, contender: Contender, rate: int, seconds: int) -> Judged:
    """Send W1's mix at `rate` events a second, probes included, and wait for each probe."""
    if contender.peer is not None:
        return _measure_peer(given, codec, contender.peer, rate, seconds)
    asked = through_api if contender.name == ENGINE_API else through_redis
    return bench_latency.measure(given, codec, _CELLS, rate, seconds, asked)


@contextmanager
def through_redis(system: System) -> Iterator[Asked]:
    """The rows of the engine in Redis, for probes to be looked up there."""
    with redis_link.connect(system.settings) as redis:
        yield _Rows(redis, system.settings)


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


def _measure_peer(given: Settings, codec: Codec, peer: Peer, rate: int, seconds: int) -> Judged:
    load = rate - PROBES_PER_S
    size = Size(events=load * (seconds + WARM_UP_S), seed=_SEED, chunk=load * 2)
    headers = w1.headers(codec)
    with world(given, lasting=True) as place, redis_link.connect(place.settings) as redis:
        settings = place.settings
        before = int(time.time() * 1000)
        first = w1.paced(size, before, load, headers)
        probes = Probes(settings, codec, lane_shares(first, settings.partitions), _SEED)
        send_now(Sender(settings), opening(probes.skus, codec, before))
        preload(settings, [first.opening])
        stocked = len(first.opening.end) + len(probes.skus.all())
        with _folding(peer, settings, redis, stocked, place.folder) as (running, outcome):
            start = time.time() + _LEAD_S
            workload = w1.paced(size, int(start * 1000), load, headers)
            with steady(settings, workload.run, start, load) as sending, no_collection():
                probed = probes.run(nullcontext(outcome), start, seconds, PROBES_PER_S, WARM_UP_S)
                behind = sending.recv()
            sent = size.events - workload.repeats + (seconds + WARM_UP_S) * PROBES_PER_S
            _wait_folded(running, outcome, stocked + sent)
            return Latency.of(rate, seconds, probed, behind).judged(outcome.mismatches(workload))


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
