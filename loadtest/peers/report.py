"""The comparison as `reports/compare.json`, `reports/compare.md`, and tables on the screen."""

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from rich.table import Table

from loadtest.bench.consume import FULL_SPEED
from loadtest.bench.latency import Judged
from loadtest.peers.drain import Run
from loadtest.peers.latency import ENGINE, ENGINE_API
from loadtest.peers.launch import KAFKA_STREAMS, PEERS
from loadtest.reporting import REPORTS, leave, markdown_table

JSON, MARKDOWN = REPORTS / "compare.json", REPORTS / "compare.md"

_OURS = ENGINE + "_"
_DRAIN_HEADS = (
    "drain", "records/s", "runs", "second half", "ours / theirs", "records per CPU-s", "RSS MB", "start s",
    "mismatches",
)  # fmt: skip
_LATENCY_HEADS = ("latency", "p50 ms", "p99", "p99.9", "worst", "probes", "lost", "mismatches")

Rows = list[tuple[str, ...]]


@dataclass
class Comparison:
    """All that was measured. `consume_only`: records a second of a consumer that does nothing, once a round."""

    at: str
    machine: dict[str, Any]
    runs: list[Run] = field(default_factory=list)
    latencies: dict[str, Judged] = field(default_factory=dict)
    consume_only: list[float] = field(default_factory=list)

    def of(self, contender: str, on_small: bool = False) -> list[Run]:
        """The runs of one contender on the full set, or on the small one."""
        return [run for run in self.runs if run.contender == contender and run.on_small == on_small]

    def per_s(self, contender: str) -> float:
        """The median rate of a contender on the full set."""
        return median(run.per_s for run in self.of(contender))

    @property
    def contenders(self) -> list[str]:
        """Those that were drained: ours, then the peers."""
        drained = {run.contender for run in self.runs}
        return sorted(drained - PEERS.keys()) + [name for name in PEERS if name in drained]

    @property
    def best(self) -> str | None:
        """The engine with the number of cells at which it is fastest."""
        ours = [name for name in self.contenders if name.startswith(_OURS)]
        return max(ours, key=self.per_s, default=None)

    @property
    def ratios(self) -> dict[str, float]:
        """By peer: how many times its rate ours is, the medians of both."""
        best = self.best
        if best is None:
            return {}
        return {name: self.per_s(best) / self.per_s(name) for name in self.contenders if name in PEERS}

    @property
    def mismatches(self) -> int:
        """Numbers that were wrong, added over all."""
        drained = sum(run.mismatches or 0 for run in self.runs)
        return drained + sum(latency.mismatches for latency in self.latencies.values())

    @property
    def unchecked(self) -> list[str]:
        """Contenders of which no run ended, so that nothing could be compared."""
        checked = {run.contender for run in self.runs if run.mismatches is not None}
        return [name for name in self.contenders if name not in checked]

    @property
    def wrong(self) -> bool:
        """Whether a number was wrong or could not be checked, or a probe was lost."""
        return bool(self.mismatches or self.unchecked or any(told.lost for told in self.latencies.values()))

    def document(self) -> dict[str, Any]:
        """What `compare.json` has."""
        return {
            "at": self.at,
            "machine": self.machine,
            "ratios": self.ratios,
            "latency_ms": {
                name: {"p50": told.p50, "p99": told.p99, "p999": told.p999, "max": told.worst}
                for name, told in self.latencies.items()
            },
            "latency_ratios": self._latency_ratios(),
            "mismatches": self.mismatches,
            "unchecked": self.unchecked,
            "best": self.best,
            "records_per_s": {name: self.per_s(name) for name in self.contenders if self.of(name)},
            "floor": {
                "consume_only_per_s": median(self.consume_only) if self.consume_only else None,
                "full_speed_per_s": FULL_SPEED,
                "runs": self.consume_only,
            },
            "runs": [asdict(run) | {"per_s": run.per_s, "per_cpu_s": run.per_cpu_s} for run in self.runs],
            "latencies": {name: asdict(told) for name, told in self.latencies.items()},
        }

    def _latency_ratios(self) -> dict[str, dict[str, float]]:
        """Ours over Kafka Streams', where both were measured."""
        theirs = self.latencies.get(KAFKA_STREAMS.name)
        if theirs is None:
            return {}
        ours = {name: self.latencies[name] for name in (ENGINE, ENGINE_API) if name in self.latencies}
        return {
            name: {"p50": told.p50 / theirs.p50, "p99": told.p99 / theirs.p99} for name, told in ours.items()
        }


def write(comparison: Comparison) -> None:
    """Leave both reports."""
    leave(comparison.document(), JSON, markdown(comparison), MARKDOWN)


def line(run: Run) -> str:
    """One run for people."""
    said = f"{title(run.contender)}: {run.per_s:,.0f} records/s, {run.records:,} in {run.seconds:.1f} s"
    said += ", cut" if run.cut else f", {run.mismatches} mismatches"
    return said + (" (small set)" if run.on_small else "")


def tables(comparison: Comparison) -> list[Table]:
    """For the screen."""
    shown = []
    for heads, rows in _parts(comparison):
        table = Table(*heads)
        for row in rows:
            table.add_row(*row)
        shown.append(table)
    return shown


def markdown(comparison: Comparison) -> str:
    """Both tables, and what they were measured on."""
    machine = ", ".join(f"{name} {value}" for name, value in comparison.machine.items())
    lines = [
        f"# Stocktide and its peers on W1, {comparison.at}",
        "",
        f"`python -m loadtest compare`; {machine}.",
        "",
    ]
    for heads, rows in _parts(comparison):
        lines += [markdown_table(heads, rows), ""]
    return "\n".join(lines)


def _parts(comparison: Comparison) -> list[tuple[tuple[str, ...], Rows]]:
    parts = [(_DRAIN_HEADS, _drain_rows(comparison)), (_LATENCY_HEADS, _latency_rows(comparison))]
    return [(heads, rows) for heads, rows in parts if rows]


def _drain_rows(comparison: Comparison) -> Rows:
    rows: Rows = []
    ratios = comparison.ratios
    for name in comparison.contenders:
        for on_small in (False, True):
            runs = comparison.of(name, on_small)
            if runs:
                ratio = f"{ratios[name]:.2f}" if name in ratios and not on_small else ""
                rows.append(_drain_row(title(name) + (", small set" if on_small else ""), runs, ratio))
    if comparison.consume_only:
        floor = median(comparison.consume_only)
        meant = "" if floor >= FULL_SPEED else f", below {FULL_SPEED:,}: compare ratios"
        each = ", ".join(f"{per_s / 1000:,.0f} k" for per_s in comparison.consume_only)
        rows.append((f"consuming alone{meant}", f"{floor:,.0f}", each, *[""] * (len(_DRAIN_HEADS) - 3)))
    return rows


def _drain_row(title: str, runs: list[Run], ratio: str) -> tuple[str, ...]:
    halves = [run.second_half_per_s for run in runs if run.second_half_per_s is not None]
    checked = [run.mismatches for run in runs if run.mismatches is not None]
    return (
        title,
        f"{median(run.per_s for run in runs):,.0f}",
        ", ".join(f"{run.per_s / 1000:,.1f} k" + (" (cut)" if run.cut else "") for run in runs),
        f"{median(halves):,.0f}" if halves else "",
        ratio,
        f"{median(run.per_cpu_s for run in runs):,.0f}",
        f"{median(run.rss_mb for run in runs):,.0f}",
        f"{median(run.start_s for run in runs):.1f}",
        f"{sum(checked):,}" if checked else "cut",
    )


def _latency_rows(comparison: Comparison) -> Rows:
    return [
        (
            title(name), f"{told.p50:.1f}", f"{told.p99:.1f}", f"{told.p999:.1f}", f"{told.worst:.0f}",
            f"{told.probes:,}", f"{told.lost:,}", f"{told.mismatches:,}",
        )
        for name, told in comparison.latencies.items()
    ]  # fmt: skip


def title(name: str) -> str:
    """A contender for people."""
    if name in PEERS:
        return PEERS[name].title
    if name == ENGINE_API:
        return "Stocktide, through its API"
    cells = name.removeprefix(_OURS)
    return "Stocktide" if cells == name else f"Stocktide, {cells} {'cell' if cells == '1' else 'cells'}"
