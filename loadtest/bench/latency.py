"""Latency at a steady load: from the instant an event is due to be sent to the API showing its effect."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
from redis import Redis

from inventory.murmur import shard_of
from loadtest.bench.pacing import steady
from loadtest.cpu import stolen_words
from loadtest.pause import no_collection
from loadtest.probe_skus import opening
from loadtest.probes import Api, Asked, Probed, Probes
from loadtest.processes import api, apply_rules, engine, warm_up
from loadtest.sender import Sender, preload, send_catalog, send_now
from loadtest.verify.freshness import read_freshness, wait_caught_up
from loadtest.w1 import workload as w1
from loadtest.w1.check import mismatches
from loadtest.w1.draw import Size
from loadtest.w1.write import sku_name
from loadtest.world import world
from runtime import redis as redis_link
from runtime.settings import Settings
from wire.codec import Codec

PROBES_PER_S = 50
_SEED = 7
_LEAD_S = 4.0
WARM_UP_S = 30
"""Of load that is not measured: broker, engine and API were started just before."""
_CATCH_UP_S = 180.0


@dataclass(frozen=True)
class Latency:
    """What probes have shown, in ms. `behind_ms`: how late the load was sent at worst; `lost`: never seen; `stolen`:
    the share of the processors' time that other machines of the host had."""

    rate: int
    seconds: int
    probes: int
    lost: int
    p50: float
    p99: float
    p999: float
    worst: float
    behind_ms: float
    stolen: float

    @classmethod
    def of(cls, rate: int, seconds: int, probed: Probed, behind_s: float) -> Self:
        """Of a load that fell `behind_s` seconds behind."""
        return cls(
            rate, seconds, probed.histogram.get_total_count(), probed.lost, probed.ms(50), probed.ms(99),
            probed.ms(99.9), probed.histogram.get_max_value() / 1000, behind_s * 1000, probed.stolen,
        )  # fmt: skip

    def judged(self, mismatches: int) -> "Judged":
        """With what was found wrong at the end."""
        return Judged(**asdict(self), mismatches=mismatches)


@dataclass(frozen=True)
class Judged(Latency):
    """`mismatches`: numbers that are wrong at the end."""

    mismatches: int

    def line(self) -> str:
        """For people."""
        return (
            f"p50 {self.p50:.1f}, p99 {self.p99:.1f}, p99.9 {self.p999:.1f}, worst {self.worst:.0f} ms of "
            f"{self.probes:,} probes, {self.lost} lost, {self.mismatches} mismatches{stolen_words(self.stolen)}"
        )


class Checked(Protocol):
    """What runs: an engine of whatever processes."""

    def check(self) -> None:
        """Raise ProcessEnded if it does not run any more."""


class System:
    """A running system whose probes are known and whose stock is counted, and W1's mix at `rate` events a second."""

    def __init__(
        self, settings: Settings, codec: Codec, redis: Redis, running: Checked, url: str, probes: Probes, size: Size,
        rate: int,
    ) -> None:  # fmt: skip
        self.settings, self.url, self.probes = settings, url, probes
        self._codec, self._redis, self._running = codec, redis, running
        self._size, self._rate = size, rate
        self._start = 0.0

    def begin(self) -> float:
        """When the load starts (epoch seconds): soon. It is written now, dated as it will be sent."""
        self._start = time.time() + _LEAD_S
        self.workload = w1.paced(self._size, int(self._start * 1000), self._rate, w1.headers(self._codec))
        return self._start

    def load(self) -> AbstractContextManager[Connection]:
        """Send the load; the connection yields by how many seconds it fell behind."""
        return steady(self.settings, self.workload.run, self._start, self._rate)

    def heard_of(self, since: float) -> bool:
        """Whether every lane has said something of itself after that instant (epoch seconds)."""
        return read_freshness(self._redis, self.settings).committed_at > since * 1000

    def mismatches(self) -> int:
        """Numbers that are wrong once everything is folded."""
        self._running.check()
        wait_caught_up(self._redis, self.settings, int(time.time() * 1000), _CATCH_UP_S)
        return mismatches(self._redis, self.settings, self.workload)


def through_api(system: System) -> AbstractContextManager[Asked]:
    """The API, for probes to be looked up there."""
    return Api(system.url)


def measure(
    given: Settings, codec: Codec, cells: int, rate: int, seconds: int,
    asked: Callable[[System], AbstractContextManager[Asked]] = through_api,
) -> Judged:  # fmt: skip
    """Drain the opening counts of the run, then send W1's mix at `rate` events a second, probes included; the first
    seconds of it are not measured. `asked`: where the effects of probes are looked up."""
    with under_load(given, codec, cells, rate - PROBES_PER_S, seconds, _SEED) as system:
        start = system.begin()
        with system.load() as load, no_collection():
            probed = system.probes.run(asked(system), start, seconds, PROBES_PER_S, WARM_UP_S)
            behind = load.recv()
        return Latency.of(rate, seconds, probed, behind).judged(system.mismatches())


@contextmanager
def under_load(
    given: Settings, codec: Codec, cells: int, rate: int, seconds: int, seed: int,
    start: Callable[[Settings, int, Path], AbstractContextManager[Checked]] = engine,
) -> Iterator[System]:  # fmt: skip
    """A system to measure for so many seconds and the warm-up before them."""
    size = Size(events=rate * (seconds + WARM_UP_S), seed=seed, chunk=rate * 2)
    with world(given, lasting=True) as place:
        settings = place.settings
        apply_rules(w1.rules(size), settings, place.folder)
        warm_up(settings, place.folder)
        workload = w1.paced(size, int(time.time() * 1000), rate, w1.headers(codec))
        probes = Probes(settings, codec, lane_shares(workload, settings.partitions), seed)
        redis = redis_link.connect(settings)
        send_catalog(settings, codec, w1.catalog(size))
        send_now(Sender(settings), opening(probes.skus, codec, int(time.time() * 1000)))
        preload(settings, [workload.opening])
        sent = int(time.time() * 1000)
        with start(settings, cells, place.folder) as running, api(settings, place.folder) as url:
            wait_caught_up(redis, settings, sent, _CATCH_UP_S, running.check)
            yield System(settings, codec, redis, running, url, probes, size, rate)
        redis.close()


def lane_shares(workload: w1.Workload, lanes: int) -> npt.NDArray[np.float64]:
    """(lanes,): the share of the events that each lane gets."""
    lane = np.array([shard_of(sku_name(sku)) % lanes for sku in range(workload.size.skus)])
    events = np.bincount(lane[workload.run.sku], minlength=lanes).astype(np.float64)
    share: npt.NDArray[np.float64] = events / events.sum()
    return share
