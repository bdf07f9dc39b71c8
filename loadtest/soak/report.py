"""What a soak has shown, as Markdown that may be kept: figures, how they are judged, the command that made them."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.peak.rows import Row
from loadtest.peak.run import Outcome
from loadtest.reporting import markdown_table
from loadtest.soak.slope import Slope, slope

BYTES_AN_EVENT = 1.0
"""Growth up to this is called none. The least that the engine keeps of an event is its id, 12 bytes: if each event left
one for ever, memory would grow twelve times as fast."""
_FIRST_PART = 0.25
"""Of the time, in which tables fill until the first things are forgotten."""
_WINDOWS = 12
_MB = 1_000_000


@dataclass(frozen=True)
class Growth:
    """Of one process, in MB, after the first quarter: its line, and the most that an hour may add."""

    kind: str
    line: Slope | None
    bound: float
    least: float
    most: float

    @property
    def is_flat(self) -> bool:
        """Whether the whole interval lies below the bound. Too few samples prove nothing."""
        return self.line is not None and self.line.at_most <= self.bound


def growths(rows: Sequence[Row], rate: float, seconds: float) -> list[Growth]:
    """Of each kind of process that served all the time, and of Redis' own account."""
    judged = [row for row in rows if _FIRST_PART * seconds <= row.second < seconds and row.memory_mb]
    bound = BYTES_AN_EVENT * rate * 3_600 / _MB
    kinds = sorted({kind for row in judged for kind in row.memory_mb} - {"loadtest"})
    found = [
        _growth(kind, [(row.second, row.memory_mb.get(kind)) for row in judged], bound) for kind in kinds
    ]
    return [*found, _growth("Redis' data", [(row.second, row.redis_mb) for row in judged], bound)]


def _growth(kind: str, samples: Sequence[tuple[int, float | None]], bound: float) -> Growth:
    there = [(second, size) for second, size in samples if size is not None]
    sizes = [size for _, size in there]
    line = slope([second for second, _ in there], sizes)
    return Growth(kind, line, bound, min(sizes, default=0.0), max(sizes, default=0.0))


def flat(found: Sequence[Growth]) -> bool:
    """Whether the memory of all cells is flat. (Kafka's is its heap; Redis' grows with the rows alone.)"""
    cells = [growth for growth in found if growth.kind.startswith("cell")]
    return bool(cells) and all(growth.is_flat for growth in cells)


def markdown(
    outcome: Outcome,
    found: Sequence[Growth],
    settings: Mapping[str, int],
    command: str,
    rate: float,
    seconds: float,
) -> str:
    """The whole document."""
    told = outcome.report()
    verdict = "flat" if flat(found) else "NOT flat"
    parts = [
        f"# Soak of {time.strftime('%Y-%m-%d', time.gmtime())}: {seconds / 60:g} minutes at {rate:,.0f} messages/s",
        f"Made by `{command}`, ended {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, on {platform.platform()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}.",
        "Settings of the engine that differ from the default: "
        + ", ".join(f"`{name}` {value:,} ms" for name, value in settings.items()) + ".",
        f"**{outcome.differences:,} differences, memory of the cells {verdict}.** "
        f"{told['planned']:,} messages planned and {told['sent']:,} sent (at worst {told['behind_ms']:,.0f} ms late), "
        f"lag at most {told['lag_most'] or 0:,}, everything shown {told['drained_s']:.1f} s after the end of the plan.",
        "## Memory after the first quarter", markdown_table(GROWTH_HEADS, growth_lines(found), numbers=True),
        "The line is that of least squares through the means of blocks of the samples (one a second), with its "
        f"interval of 95 %. Flat: the whole interval lies below {BYTES_AN_EVENT:g} byte an event. The least that the "
        "engine keeps of an event is its id, 12 bytes: below the bound, at most one event in twelve can have left one "
        "for ever.",
        "## Latencies over time",
        "From the planned time (open loop), in ms: until the API shows it, and of lookups.",
        _latency_table(outcome.rows, seconds), _totals(told), "## Numbers", *outcome.verdict,
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


GROWTH_HEADS = ("process", "MB, least and most", "MB/h, ± (95 %)", "bound, MB/h", "")


def growth_lines(found: Sequence[Growth]) -> list[list[str]]:
    """A line for each process, under GROWTH_HEADS."""
    lines = []
    for growth in found:
        line = growth.line
        rise = "-" if line is None else f"{line.per_hour:+.2f} ± {line.margin:.2f}"
        size = f"{growth.least:,.0f} - {growth.most:,.0f}"
        lines.append(
            [growth.kind, size, rise, f"{growth.bound:.2f}", "flat" if growth.is_flat else "not flat"]
        )
    return lines


def _latency_table(rows: Sequence[Row], seconds: float) -> str:
    """The median and the worst second of each part of the time."""
    width = max(1, round(seconds / _WINDOWS))
    lines = []
    for first in range(0, int(seconds), width):
        part = rows[first : first + width]
        names = ("p50_ms", "p99_ms", "max_ms", "lookup_p50_ms", "lookup_p99_ms")
        numbers = [_worst_and_median([getattr(row, name) for row in part]) for name in names]
        lines.append([f"{first / 60:g} - {min(first + width, seconds) / 60:g}", *numbers])
    heads = ("minutes", "p50 of a second", "p99", "longest", "lookup p50", "lookup p99")
    return markdown_table(heads, lines, numbers=True) + "\n\nEach: the median second, and the worst one."


def _worst_and_median(values: Sequence[float | None]) -> str:
    there = sorted(value for value in values if value is not None)
    return f"{there[len(there) // 2]:,.1f} / {there[-1]:,.1f}" if there else "-"


def _totals(told: Mapping[str, Any]) -> str:
    lines = []
    for what, name in (("latency_ms", "visible"), ("lookup_ms", "lookup")):
        one = told[what]
        numbers = ["-" if one[key] is None else f"{one[key]:,.1f}" for key in ("p50", "p99", "p999", "max")]
        lines.append([name, f"{one['count']:,}", *numbers, f"{one['lost']:,}"])
    heads = ("all of the time", "many", "p50", "p99", "p99.9", "longest", "lost")
    return markdown_table(heads, lines, numbers=True)
