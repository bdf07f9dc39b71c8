"""One scenario: the system is made, the load is sent by its plan, everything is looked at, every number is verified."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.peak.observer import Observer, Watch
from loadtest.peak.probes import SKUS_A_LANE
from loadtest.peak.rows import Latencies, Row, rows_of
from loadtest.peak.samples import Sampler, sampling
from loadtest.peak.scenarios import Action, Options, Pace, Scenario
from loadtest.peak.sending import Sending
from loadtest.peak.system import System, system, with_ports
from loadtest.probe_skus import opening, probe_skus
from loadtest.processes import apply_rules, warm_up
from loadtest.reporting import Say
from loadtest.sender import Sender, send_now
from loadtest.verify.command import verify
from loadtest.verify.freshness import caught_up, wait_caught_up
from loadtest.world import world
from runtime.settings import Settings
from wire.codec import Codec

_CATCH_UP_S = 600.0
_LOOK_EVERY_S = 0.05
_QUIET_S = 3
"""Of samples after everything is shown, so that the plots have an end."""
_OPENED_BEFORE_MS = 1_000


@dataclass
class Outcome:
    """What came of one. `drained_s`: from the end of the plan until everything was shown; `behind_s`: how late a
    message was sent at worst; `differences`: of the numbers at the end, as the verification tells them."""

    name: str
    rows: list[Row]
    planned: int
    sent: int
    behind_s: float
    drained_s: float
    probes: Latencies
    lookups: Latencies
    verdict: list[str] = field(default_factory=list)
    differences: int = 0

    def report(self) -> dict[str, Any]:
        """For a machine: the numbers without the rows."""
        return {
            "planned": self.planned, "sent": self.sent, "behind_ms": self.behind_s * 1000,
            "per_s_most": _most(row.folded_per_s for row in self.rows),
            "planned_per_s_most": _most(row.planned for row in self.rows),
            "lag_most": _most(row.lag for row in self.rows), "drained_s": self.drained_s,
            "latency_ms": _percentiles(self.probes), "lookup_ms": _percentiles(self.lookups),
            "stall_ms_most": _most(row.stall_ms for row in self.rows),
            "memory_mb_most": memory_most(self.rows),
            "redis_mb_most": _most(row.redis_mb for row in self.rows),
            "differences": self.differences,
        }  # fmt: skip


def _percentiles(found: Latencies) -> dict[str, Any]:
    """Of probes or lookups; the whole histogram too, in HdrHistogram's own format."""
    return {
        "p50": found.ms(50), "p99": found.ms(99), "p999": found.ms(99.9), "max": found.ms(100),
        "count": found.many, "lost": found.lost, "hdr": found.encoded(),
    }  # fmt: skip


def _most(values: Any) -> float | None:
    return max((value for value in values if value is not None), default=None)


def memory_most(rows: Sequence[Row]) -> dict[str, float]:
    """The most that each kind of process had."""
    most: dict[str, float] = {}
    for row in rows:
        for kind, size in row.memory_mb.items():
            most[kind] = max(size, most.get(kind, 0.0))
    return most


def run(given: Settings, codec: Codec, name: str, scenario: Scenario, options: Options, say: Say) -> Outcome:
    """Play it in a world of its own. Raises what the system, a sender or a look at it raised."""
    with world(given, lasting=True) as place:
        settings = with_ports(place.settings, options.cells)
        say(f"{name}: {scenario.say}")
        with (
            Sending(settings, scenario.traffic(options)) as sender,
            played(settings, place.folder, codec, name, sender, options, say, scenario.actions) as (running, outcome),
        ):  # fmt: skip
            say(f"{name}: all is sent and shown; computing every number a second time")
            verdict = verify(settings, running.redis, codec, running.api.url, options.seed, say)
            outcome.verdict, outcome.differences = verdict.lines(), len(verdict.differences.found)
            return outcome


@contextmanager
def played(
    settings: Settings, folder: Path, codec: Codec, name: str, sender: Sending, pace: Pace, say: Say,
    actions: Sequence[Action] = (), check: Callable[[], None] = lambda: None,
) -> Iterator[tuple[System, Outcome]]:  # fmt: skip
    """A load that was sent by its plan and is shown, not verified yet; the system runs until the block ends. Raises
    what `check` raises meanwhile."""
    warm_up(settings, folder)
    stage = sender.prepared(check)
    apply_rules(stage.rules, settings, folder)
    skus = probe_skus(stage.place, settings.partitions, SKUS_A_LANE)
    send_now(Sender(settings), opening(skus, codec, _now() - _OPENED_BEFORE_MS))
    with system(settings, folder, pace.cells) as running:
        say(f"{name}: the engine reads what is there beforehand")
        wait_caught_up(running.redis, settings, _now(), _CATCH_UP_S, running.engine.check)
        start = time.time() + stage.lead_s
        watch = Watch(running.api.url, start, skus, pace.probes, stage.skus, pace.lookups)
        sender.begin(start)
        say(f"{name}: the load begins in {stage.lead_s:.0f} s")
        yield running, _load(running, sender, watch, name, actions, pace, say, check)
        running.engine.check()


def _load(
    running: System, sender: Sending, watch: Watch, name: str, actions: Sequence[Action], pace: Pace, say: Say,
    check: Callable[[], None],
) -> Outcome:  # fmt: skip
    """From the start of the plan until everything is shown."""
    sampler = Sampler(
        running.settings, pace.cells, running.redis, watch.start, lambda: sender.sent, running.reader_lag
    )
    with Observer(running.settings, watch) as observer, sampling(sampler):
        notes = _act(running, sender, watch.start, actions, pace.seconds, check)
        planned = sender.planned()
        say(f"{name}: all is sent; the engine makes up for what is left")
        drained = _drained(running, watch.start) - max(len(planned), 1)
        time.sleep(_QUIET_S)
        seen = observer.observed()
    return Outcome(
        name, rows_of(planned, sampler.taken, seen.probes, seen.lookups, notes), int(planned.sum()), sender.sent,
        sender.behind_s, max(0.0, drained), Latencies(seen.probes), Latencies(seen.lookups),
    )  # fmt: skip


def _act(
    running: System, sender: Sending, start: float, actions: Sequence[Action], seconds: float,
    check: Callable[[], None],
) -> dict[int, str]:  # fmt: skip
    """Let happen what is to happen, until the sender has told its end; what happened when."""
    notes, left = dict[int, str](), list(actions)
    while left or not sender.over:
        running.engine.check()
        check()
        passed = time.time() - start
        if left and passed >= left[0].at * seconds:
            action = left.pop(0)
            at = int(passed)
            notes[at] = f"{notes[at]}; {action.note}" if at in notes else action.note
            action.do(running)
        time.sleep(_LOOK_EVERY_S)
    return notes


def _drained(running: System, start: float) -> float:
    """Wait until everything that was sent is shown; how many seconds after the start that was."""
    since, deadline = _now(), time.monotonic() + _CATCH_UP_S
    while not caught_up(running.redis, running.settings, since):
        running.engine.check()
        if time.monotonic() > deadline:
            wait_caught_up(running.redis, running.settings, since, 0.0)  # says what is wrong
        time.sleep(_LOOK_EVERY_S)
    return time.time() - start


def _now() -> int:
    return int(time.time() * 1000)
