"""What a system looks like from outside, once a second, at the seconds of the load."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from redis import Redis, RedisError

from loadtest import metrics
from loadtest.engine_metrics import facts_read
from loadtest.peak.memory import resident_mb
from loadtest.verify.freshness import read_freshness
from runtime.settings import Settings

STALL = "stocktide_commit_seconds"
_MB = 1_000_000


@dataclass(frozen=True)
class Sample:
    """`at`: seconds after the start. `sent`, `folded`: messages so far; None: no cell answered, or nobody said.

    `lag`: records that the lanes know of and have not folded, and skus not shown. `stall_ms`: an upper bound of the
    longest end of an epoch since the sample before. `reader_lag`: what the reader of `availability` has not read.
    """

    at: float
    sent: int
    folded: int | None
    lag: int | None
    stall_ms: float | None
    redis_mb: float | None
    reader_lag: int | None
    memory_mb: dict[str, float] = field(default_factory=dict)


class Sampler:
    """Takes samples of an engine of `cells` cells, from `start` (epoch seconds) on."""

    def __init__(
        self, settings: Settings, cells: int, redis: Redis, start: float, sent: Callable[[], int],
        reader_lag: Callable[[], int | None],
    ) -> None:  # fmt: skip
        self._settings, self._cells, self._redis, self._start = settings, cells, redis, start
        self._sent, self._reader_lag = sent, reader_lag
        self._before: metrics.Samples = {}
        self._stopped = threading.Event()
        self.taken: list[Sample] = []

    def run(self) -> None:
        """Take one a second until stopped. One that took longer than a second leaves out those that were due."""
        while not self._stopped.wait(max(0.0, self._start + self._next() - time.time())):
            self.taken.append(self.look())

    def stop(self) -> None:
        """No more."""
        self._stopped.set()

    def _next(self) -> int:
        return max(0, int(time.time() - self._start) + 1)

    def look(self) -> Sample:
        """One sample now. What does not answer is None."""
        at = time.time() - self._start
        samples = metrics.scrape(self._settings, self._cells)
        stall = metrics.quantiles(samples, self._before, STALL, 1.0)[0] if self._before and samples else None
        self._before = samples or self._before
        lag, redis_mb = self._of_redis()
        return Sample(
            at, self._sent(), facts_read(samples) if samples else None, lag,
            None if stall is None else stall * 1000, redis_mb, self._reader_lag(), resident_mb(os.getpid()),
        )  # fmt: skip

    def _of_redis(self) -> tuple[int | None, float | None]:
        try:
            lag = read_freshness(self._redis, self._settings).lag
            return lag, int(self._redis.info("memory")["used_memory"]) / _MB
        except RedisError:
            return None, None


@contextmanager
def sampling(sampler: Sampler) -> Iterator[Sampler]:
    """Samples are taken by a thread until the block ends."""
    thread = threading.Thread(target=sampler.run, name="sampler", daemon=True)
    thread.start()
    try:
        yield sampler
    finally:
        sampler.stop()
        thread.join()
