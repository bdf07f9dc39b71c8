"""One drain: everything is in Kafka already, the engine starts, and somebody looks at a clock.

The clock starts when the first cell takes its first fact (by its own word: its metrics say when a counter came to
be; master data is read before that and not counted), and stops at the last write that Redis saw before all lanes
say that nothing is left (Redis' own count of script calls, looked at 20 times a second). `start_s` is the time
from the start of the process to its first fact.
"""

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis

from loadtest import metrics
from loadtest.cpu import Stolen, cpu_seconds
from loadtest.engine_metrics import first_fact_at, stage_seconds
from loadtest.errors import NotCaughtUp
from loadtest.processes import Running, Start, engine
from loadtest.verify.freshness import caught_up
from runtime.settings import Settings

_LOOK_EVERY_S = 0.05
_SETTLE_S = 1.0
_NEVER_MS = 10 * 365 * 24 * 60 * 60_000
"""A million rows offered again within a day would be twelve a second, and no drain would end."""


@dataclass(frozen=True)
class Drain:
    """`seconds` from first fact to last write; `cpu_s` of the engine within them; `stages`: seconds by stage,
    added over the cells; `stolen`: share of the processors' time that other machines of the host had."""

    cells: int
    records: int
    seconds: float
    start_s: float
    cpu_s: float
    stages: dict[str, float] = field(default_factory=dict)
    stolen: float = 0.0

    @property
    def per_s(self) -> float:
        """Records a second."""
        return self.records / self.seconds

    @property
    def per_cpu_s(self) -> float:
        """Records a processor second of the engine."""
        return self.records / self.cpu_s if self.cpu_s else 0.0


def to_drain(
    settings: Settings, cells: int, folder: Path, start: Start = engine
) -> AbstractContextManager[Running]:
    """An engine for `watch`, until the block ends: it does not offer rows again, so that its last write is the drain's
    (of 14 minutes' rows a drain of seconds would offer one in a hundred)."""
    return start(settings.replace(offer_again_ms=_NEVER_MS), cells, folder)


def watch(
    running: Running, redis: Redis, settings: Settings, cells: int, records: int, timeout_s: float
) -> Drain:
    """Watch an engine of `to_drain` that has just been started drain. Raises NotCaughtUp, ProcessEnded."""
    deadline = time.time() + timeout_s
    first, before = _first_fact(running, settings, cells, deadline)
    spent, stolen = cpu_seconds(running.pid), Stolen()
    last, last_spent, calls = time.time(), spent, script_calls(redis)
    # Over only when every lane has spoken again some time after the last write: a cell that is busy with itself
    # (it compiles, say) writes nothing and says nothing either.
    while not caught_up(redis, settings, int((last + _SETTLE_S) * 1000)):
        time.sleep(_LOOK_EVERY_S)
        running.check()
        now = time.time()
        served = script_calls(redis)
        if served != calls:
            last, last_spent, calls = now, cpu_seconds(running.pid), served
        if now > deadline:
            raise NotCaughtUp(
                f"the drain did not end within {timeout_s:g} s; the engine said:\n{running.last_words()}"
            )
    after = stage_seconds(metrics.scrape(settings, cells))
    stages = {name: seconds - before.get(name, 0.0) for name, seconds in after.items()}
    return Drain(
        cells, records, last - first, first - running.started_at, last_spent - spent, stages, stolen.share
    )


def _first_fact(
    running: Running, settings: Settings, cells: int, deadline: float
) -> tuple[float, dict[str, float]]:
    """When a cell had taken a fact, and the seconds of each stage until then."""
    while time.time() < deadline:
        running.check()
        first = first_fact_at(settings, cells)
        if first is not None:
            return first, stage_seconds(metrics.scrape(settings, cells))
        time.sleep(_LOOK_EVERY_S)
    raise NotCaughtUp(f"the engine took no fact in time; it said:\n{running.last_words()}")


def script_calls(redis: Redis) -> int:
    """How many calls of scripts Redis has served."""
    stats = redis.info("commandstats")
    return sum(int(stats[name]["calls"]) for name in ("cmdstat_evalsha", "cmdstat_fcall") if name in stats)
