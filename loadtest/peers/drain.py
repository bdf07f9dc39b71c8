"""One drain of W1 by the engine or by a peer, measured the same way for all.

Everything is in Kafka already. The clock starts when the first fact is taken, by the contender's own word, and stops at
the last write that Redis saw (its count of script calls, looked at 20 times a second) before everything is in the
views. A contender that does not end within the limit is cut: what is in its views by then counts. Twice a second a
thread notes how far it is, and how much memory it has.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from redis import Redis

from deploy.ports import free_port
from loadtest import metrics
from loadtest.bench import drain
from loadtest.cpu import cpu_seconds, resident_bytes
from loadtest.engine_metrics import facts_read
from loadtest.errors import NotCaughtUp
from loadtest.peers.launch import Peer, launched
from loadtest.peers.outcome import Outcome, load_script
from loadtest.processes import Running
from loadtest.w1.check import mismatches
from loadtest.w1.workload import Workload
from loadtest.world import fresh_outputs
from runtime import redis as redis_link
from runtime.settings import Settings

PUBLISH_EVERY_MS = 100
"""How long a peer gathers views while it is drained."""

_LOOK_EVERY_S = 0.05
_NOTE_EVERY_S = 0.5
_FIRST_WITHIN_S = 300.0


@dataclass(frozen=True)
class Run:
    """One drain, `on_small` set or on the full one.

    `records` within `seconds`: all of them, or (`cut`) those of the time that was given. `start_s`: from the start of
    the process to the first fact; `cpu_s`: of the contender within `seconds`; `rss_mb`: the most it held;
    `second_half_per_s`: records a second after half of them (None if cut); `mismatches`: numbers that are wrong at the
    end (None if cut: there is nothing to compare with); `progress`: (seconds since the first fact, records).
    """

    contender: str
    records: int
    cut: bool
    seconds: float
    start_s: float
    cpu_s: float
    rss_mb: float
    second_half_per_s: float | None
    mismatches: int | None
    progress: list[tuple[float, int]]
    on_small: bool = False

    @property
    def per_s(self) -> float:
        """Records a second."""
        return self.records / self.seconds

    @property
    def per_cpu_s(self) -> float:
        """Records a processor second."""
        return self.records / self.cpu_s if self.cpu_s else 0.0


@dataclass
class _Notes:
    """What the thread noted: (epoch seconds, records), and the most memory."""

    progress: list[tuple[float, int]] = field(default_factory=list)
    resident: int = 0


@contextmanager
def _noting(pid: int, records: Callable[[], int]) -> Iterator[_Notes]:
    notes = _Notes()
    ended = threading.Event()

    def note() -> None:
        over = False
        while not over:
            notes.resident = max(notes.resident, resident_bytes(pid))
            notes.progress.append((time.time(), records()))
            over = ended.wait(_NOTE_EVERY_S)

    thread = threading.Thread(target=note, name="noting", daemon=True)
    thread.start()
    try:
        yield notes
    finally:
        ended.set()
        thread.join()


def drain_engine(settings: Settings, folder: Path, cells: int, workload: Workload, limit_s: float) -> Run:
    """The engine with so many cells, from nothing. Raises NotCaughtUp if it does not end in time."""
    settings = settings.replace(state_dir=Path(mkdtemp(dir=folder)), metrics_port=free_port(), cells=cells)
    fresh_outputs(settings)

    def taken() -> int:
        return facts_read(metrics.scrape(settings, cells))

    with redis_link.connect(settings) as redis, drain.to_drain(settings, cells, folder) as running:
        with _noting(running.pid, taken) as notes:
            done = drain.watch(running, redis, settings, cells, workload.records, limit_s)
        wrong = mismatches(redis, settings, workload)
    first = running.started_at + done.start_s
    return _run(
        engine_name(cells),
        workload,
        workload.records,
        done.seconds,
        done.start_s,
        done.cpu_s,
        notes,
        first,
        wrong,
    )


def engine_name(cells: int) -> str:
    """What the engine with so many cells is called in reports."""
    return f"stocktide_{cells}"


def drain_peer(settings: Settings, folder: Path, peer: Peer, workload: Workload, limit_s: float) -> Run:
    """A peer, from nothing; cut after `limit_s` seconds."""
    fresh_outputs(settings)
    distinct = workload.records - workload.repeats
    with redis_link.connect(settings) as redis:
        outcome = Outcome(redis, settings.redis_prefix)

        def taken() -> int:
            return outcome.folded() * workload.records // distinct

        with launched(peer, settings, load_script(redis), PUBLISH_EVERY_MS, folder) as running:
            with _noting(running.pid, taken) as notes:
                first, last, spent = _watch(running, redis, outcome, distinct, limit_s)
            records, folded = taken(), outcome.folded()
        wrong = outcome.mismatches(workload) if folded == distinct else None
    return _run(
        peer.name, workload, records, last - first, first - running.started_at, spent, notes, first, wrong
    )


def _watch(
    running: Running, redis: Redis, outcome: Outcome, distinct: int, limit_s: float
) -> tuple[float, float, float]:
    """When the peer took its first fact and when Redis saw the last write, and what the peer spent in between."""
    first = _first_fact(running, outcome)
    spent = cpu_seconds(running.pid)
    last, last_spent, calls = time.time(), spent, drain.script_calls(redis)
    while time.time() < first + limit_s:
        time.sleep(_LOOK_EVERY_S)
        running.check()
        folded = outcome.folded()
        served = drain.script_calls(redis)
        if served != calls:
            last, last_spent, calls = time.time(), cpu_seconds(running.pid), served
        if folded >= distinct:
            break
    return first, last, last_spent - spent


def _first_fact(running: Running, outcome: Outcome) -> float:
    deadline = time.time() + _FIRST_WITHIN_S
    while (first := outcome.first_at()) is None:
        running.check()
        if time.time() > deadline:
            raise NotCaughtUp(
                f"{running.name} took nothing within {_FIRST_WITHIN_S:g} s; it said:\n{running.last_words()}"
            )
        time.sleep(_LOOK_EVERY_S)
    return first


def _run(
    contender: str, workload: Workload, records: int, seconds: float, start_s: float, cpu_s: float, notes: _Notes,
    first: float, wrong: int | None,
) -> Run:  # fmt: skip
    progress = [(round(at - first, 3), taken) for at, taken in notes.progress if at > first]
    cut = records < workload.records
    return Run(
        contender, records, cut, seconds, start_s, cpu_s, notes.resident / 1e6,
        None if cut else second_half_per_s(progress, records, seconds), wrong, progress,
    )  # fmt: skip


def second_half_per_s(progress: list[tuple[float, int]], records: int, seconds: float) -> float:
    """Records a second from the instant at which half of them were taken, by straight lines between the notes."""
    before = [(at, taken) for at, taken in progress if at < seconds]
    at, taken = zip((0.0, 0), *before, (seconds, records), strict=True)
    half = float(np.interp(records / 2, taken, at))
    return records / 2 / (seconds - half)
