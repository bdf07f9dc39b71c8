"""`python -m loadtest peak`: how the system takes a peak, second by second; `reports/peak.json`, CSV, one HTML page."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from loadtest.peak.html import html_table, page, section
from loadtest.peak.rows import write_csv
from loadtest.peak.run import Outcome, run
from loadtest.peak.scenarios import SCENARIOS, Options
from loadtest.reporting import REPORTS, made, timed
from runtime.settings import Settings
from wire.codec import Codec

_HEADS = (
    "scenario", "planned", "most/s planned", "most/s read", "lag at most", "made up for in", "p50", "p99", "p99.9",
    "longest", "lookup p99", "lookups failed", "differences",
)  # fmt: skip
_SHOWN = 20


def peak(
    given: Settings,
    codec: Codec,
    names: Sequence[str],
    options: Options,
    console: Console,
    folder: Path = REPORTS,
) -> int:
    """Play the scenarios one after the other, write the report, print a table; 1 if a number was wrong, or a probe was
    never seen."""
    say = timed(console)
    found = [run(given, codec, name, SCENARIOS[name], options, say) for name in names]
    write(found, options, folder)
    console.print(table(found))
    for outcome in found:
        for line in outcome.verdict[-_SHOWN:] if outcome.differences else outcome.verdict[-1:]:
            console.print(f"{outcome.name}: {line}", highlight=False, soft_wrap=True)
    say(f"written to {folder}: peak.json, peak.html, and a peak-NAME.csv each")
    return 1 if any(outcome.differences or outcome.probes.lost for outcome in found) else 0


def table(found: Sequence[Outcome]) -> Table:
    """All scenarios for people."""
    shown = Table(
        *_HEADS, title="Stocktide at peak (latencies in ms, from the planned time)", title_justify="left"
    )
    for line in _lines(found):
        shown.add_row(*line)
    return shown


def _lines(found: Sequence[Outcome]) -> list[list[str]]:
    return [_line(outcome) for outcome in found]


def _line(outcome: Outcome) -> list[str]:
    told = outcome.report()
    latency, lookup = told["latency_ms"], told["lookup_ms"]
    lost = f" ({latency['lost']} lost)" if latency["lost"] else ""
    return [
        outcome.name, _whole(told["planned"]), _whole(told["planned_per_s_most"]), _whole(told["per_s_most"]),
        _whole(told["lag_most"]), f"{told['drained_s']:.1f} s", _ms(latency["p50"]), _ms(latency["p99"]),
        _ms(latency["p999"]), _ms(latency["max"]) + lost, _ms(lookup["p99"]), _whole(lookup["lost"]),
        _whole(told["differences"]),
    ]  # fmt: skip


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"


def write(found: Sequence[Outcome], options: Options, folder: Path) -> None:
    """Leave the report: JSON, a CSV a scenario, one page."""
    folder.mkdir(parents=True, exist_ok=True)
    for outcome in found:
        write_csv(outcome.rows, folder / f"peak-{outcome.name}.csv")
    report = made() | {
        "options": asdict(options),
        "scenarios": {outcome.name: outcome.report() for outcome in found},
        "differences": sum(outcome.differences for outcome in found),
    }  # fmt: skip
    (folder / "peak.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    machine = report["machine"]
    said = [
        f"Made at {report['at']} on {machine['system']}, {machine['cores']} cores, by python -m loadtest peak. "
        f"Options: {', '.join(f'{name} {value:g}' for name, value in asdict(options).items())}.",
        "Open loop: an event, a probe and a lookup is due when its plan says, whatever the system does, and its time "
        "begins then. A latency stands at the second in which a probe was due.",
    ]
    sections = [
        section(outcome.name, [SCENARIOS[outcome.name].say, *outcome.verdict[:_SHOWN]], outcome.rows)
        for outcome in found
    ]
    text = page("Stocktide at peak", said, html_table(_HEADS, _lines(found)), sections)
    (folder / "peak.html").write_text(text, "utf-8")
