"""The comparison as `reports/cells-or-cluster.json`, the same as a table, and lines for the screen."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from loadtest.bench.drain import Drain
from loadtest.cluster.contenders import CONTENDERS, Contender
from loadtest.cluster.steady import Steady
from loadtest.reporting import REPORTS, leave, markdown_table

JSON, MARKDOWN = REPORTS / "cells-or-cluster.json", REPORTS / "cells-or-cluster.md"


@dataclass(frozen=True)
class Drained:
    """One drain of W1, and how many numbers were wrong behind it."""

    contender: str
    drain: Drain
    mismatches: int

    def line(self) -> str:
        """For people."""
        drain = self.drain
        return f"{drain.per_s:,.0f} records/s, {drain.seconds:.1f} s, {self.mismatches} mismatches"


@dataclass
class Comparison:
    """All that was measured. `command`: how; `consume_only`: records a second of a consumer that does nothing, once a
    round."""

    at: str
    machine: dict[str, Any]
    command: str
    drains: list[Drained] = field(default_factory=list)
    steady: list[Steady] = field(default_factory=list)
    consume_only: list[float] = field(default_factory=list)

    def drains_of(self, name: str) -> list[Drain]:
        """Of one contender."""
        return [each.drain for each in self.drains if each.contender == name]

    def steady_of(self, name: str) -> list[Steady]:
        """Of one contender."""
        return [each for each in self.steady if each.contender == name]

    def mismatches_of(self, name: str) -> int:
        """Numbers of one contender that were wrong, added over all runs."""
        drained = sum(each.mismatches for each in self.drains if each.contender == name)
        return drained + sum(each.mismatches for each in self.steady_of(name))

    def lost_of(self, name: str) -> int:
        """Probes that were never seen, likewise."""
        return sum(each.lost for each in self.steady_of(name))

    @property
    def mismatches(self) -> int:
        """Of both."""
        return sum(self.mismatches_of(contender.name) for contender in CONTENDERS)

    @property
    def lost(self) -> int:
        """Of both."""
        return sum(self.lost_of(contender.name) for contender in CONTENDERS)

    def document(self) -> dict[str, Any]:
        """What the JSON has: medians by contender, then each run."""
        return {
            "at": self.at,
            "machine": self.machine,
            "command": self.command,
            "medians": {
                measure.name: {contender.name: measure.median(self, contender) for contender in CONTENDERS}
                for measure in MEASURES
            },
            "mismatches": self.mismatches,
            "lost": self.lost,
            "consume_only_per_s": self.consume_only,
            "drains": [asdict(each) | {"per_s": each.drain.per_s} for each in self.drains],
            "steady": [asdict(each) for each in self.steady],
        }


@dataclass(frozen=True)
class Measure:
    """One row. `shown`: how a value is written; `drained`, `steadily`: the value of a run of either sort."""

    name: str
    title: str
    shown: str
    drained: Callable[[Drain], float] | None = None
    steadily: Callable[[Steady], float] | None = None

    def values(self, comparison: Comparison, contender: Contender) -> list[float]:
        """Of each run."""
        if self.drained is not None:
            return [self.drained(each) for each in comparison.drains_of(contender.name)]
        assert self.steadily is not None
        return [self.steadily(each) for each in comparison.steady_of(contender.name)]

    def median(self, comparison: Comparison, contender: Contender) -> float | None:
        """Of its runs; None without any."""
        values = self.values(comparison, contender)
        return median(values) if values else None


MEASURES = (
    Measure("drain_per_s", "W1 drained, records/s", ",.0f", drained=lambda drain: drain.per_s),
    Measure("drain_per_cpu_s", "records per CPU-s", ",.0f", drained=lambda drain: drain.per_cpu_s),
    Measure("start_s", "from start to first fact, s", ".1f", drained=lambda drain: drain.start_s),
    Measure("p50_ms", "event to Redis, p50 ms", ".1f", steadily=lambda run: run.p50),
    Measure("p99_ms", "event to Redis, p99 ms", ".1f", steadily=lambda run: run.p99),
    Measure("worst_ms", "event to Redis, worst ms", ".0f", steadily=lambda run: run.worst),
    Measure("p50_slower_ms", "p50 ms of the slower process", ".1f", steadily=lambda run: run.p50_slower),
    Measure("cores", "cores used under that load", ".2f", steadily=lambda run: run.cores),
    Measure("paused_own_s", "paused: its lanes not fresh, s", ".2f", steadily=lambda run: run.paused.own_s),
    Measure("paused_others_s", "paused: other lanes not fresh, s", ".2f", steadily=lambda run: run.paused.others_s),
    Measure("p50_later_ms", "seconds later: p50 ms of the slower process", ".1f", steadily=lambda run: run.p50_later),
    Measure("killed_own_s", "killed: its lanes not fresh, s", ".2f", steadily=lambda run: run.killed.own_s),
    Measure("killed_others_s", "killed: other lanes not fresh, s", ".2f", steadily=lambda run: run.killed.others_s),
    Measure("killed_anew", "killed: processes that began anew", ".0f", steadily=lambda run: run.killed.anew),
    Measure("moved_own_s", "moved: these lanes not fresh, s", ".2f", steadily=lambda run: run.moved.own_s),
    Measure("moved_others_s", "moved: other lanes not fresh, s", ".2f", steadily=lambda run: run.moved.others_s),
    Measure("moved_anew", "moved: processes that began anew", ".0f", steadily=lambda run: run.moved.anew),
)  # fmt: skip


def write(comparison: Comparison) -> None:
    """Leave both reports."""
    leave(comparison.document(), JSON, markdown(comparison), MARKDOWN)


def markdown(comparison: Comparison) -> str:
    """The table, and what it was measured on."""
    machine = ", ".join(f"{name} {value}" for name, value in comparison.machine.items())
    lines = [
        f"# Two cells, or a cluster of two processes, {comparison.at}",
        "",
        f"`{comparison.command}`; {machine}.",
    ]
    if comparison.consume_only:
        lines[-1] += f" Consuming alone: {median(comparison.consume_only):,.0f} records/s."
    return "\n".join([*lines, "", markdown_table(heads(), rows(comparison), numbers=True), ""])


def heads() -> list[str]:
    """Of the table."""
    return ["median (each run)", *(contender.title for contender in CONTENDERS)]


def rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """Of the table: each measure that was taken, then what was wrong."""
    found = []
    for measure in MEASURES:
        each = [measure.values(comparison, contender) for contender in CONTENDERS]
        if all(each):
            found.append((measure.title, *(_cell(measure, values) for values in each)))
    wrong = [comparison.mismatches_of(contender.name) for contender in CONTENDERS]
    lost = [comparison.lost_of(contender.name) for contender in CONTENDERS]
    for title, counts in (("wrong numbers", wrong), ("lost probes", lost)):
        found.append((title, *(f"{count:,}" for count in counts)))
    return found


def _cell(measure: Measure, values: list[float]) -> str:
    runs = ", ".join(format(value, measure.shown) for value in values)
    return f"{format(median(values), measure.shown)} ({runs})"
