"""`python -m loadtest bench`: the figures, a table of them, and `reports/bench.json`."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from loadtest.bench import checked as bench_checked
from loadtest.bench import latency as bench_latency
from loadtest.bench import mix as bench_mix
from loadtest.bench import tills as bench_tills
from loadtest.bench import w1 as bench_w1
from loadtest.bench.consume import FULL_SPEED
from loadtest.bench.lookup import lookup_bench
from loadtest.cpu import stolen_words
from loadtest.reporting import REPORTS, made, timed
from runtime.settings import Settings
from wire.codec import Codec

PARTS = ("w1", "mix", "tills", "latency", "checked", "lookup")
REPORT = REPORTS / "bench.json"

_MIX_LINES = 100_000
"""Of the mix every number is computed a second time, by the slow model."""


@dataclass(frozen=True)
class Options:
    """What to measure, and how long."""

    parts: tuple[str, ...] = PARTS
    events: int = 2_000_000
    lines: int = 1_500_000
    cells: tuple[int, ...] = (1, 2)
    runs: int = 3
    rate: int = 5_000
    lanes: int = 4
    """Of the system whose latency is measured: each lane costs its cell a turn, so fewer are faster."""
    requests: int = 200
    seconds: int = 60


QUICK = Options(events=200_000, lines=100_000, runs=1, seconds=10)
"""Small sizes: to see that it works, not to quote."""


def bench(settings: Settings, codec: Codec, options: Options, console: Console) -> int:
    """Measure, write the report, print the table; 1 if a number in the view was wrong."""
    say = timed(console)
    report = made()
    wrong = 0
    cells = options.cells[0]
    paced = settings.replace(partitions=options.lanes)
    if "w1" in options.parts:
        measured = bench_w1.measure(settings, codec, options.events, options.cells, options.runs, say)
        report |= _w1_report(measured)
        wrong += sum(measured.mismatches)
        cells = measured.best.cells
    if "mix" in options.parts:
        lines = min(options.lines, _MIX_LINES)
        mixed = bench_mix.measure(settings, codec, lines, cells, options.runs, say)
        report["mix_facts_per_s"] = round(mixed.median.per_s)
        report["mix"] = asdict(mixed)
        wrong += mixed.mismatches
    if "tills" in options.parts:
        told = bench_tills.measure(settings, codec, options.lines, cells, options.runs, say)
        report["tills_lines_per_s"] = round(told.median.per_s)
        report["tills"] = asdict(told)
        wrong += told.mismatches
    if "latency" in options.parts:
        say(f"latency: {options.rate:,} events/s for {options.seconds} s, {options.lanes} lanes")
        latency = bench_latency.measure(paced, codec, cells, options.rate, options.seconds)
        report["latency_ms"] = {"p50": latency.p50, "p99": latency.p99, "p999": latency.p999}
        report["latency"] = asdict(latency) | {"cells": cells, "lanes": options.lanes}
        wrong += latency.mismatches + latency.lost
    if "checked" in options.parts:
        say(
            f"reservations: {options.requests:,} a second beside {options.rate:,} events/s for {options.seconds} s, "
            f"{options.lanes} lanes"
        )
        decided = bench_checked.measure(
            paced, codec, min(options.cells), options.rate, options.requests, options.seconds
        )
        report["checked_ms"] = {"p50": decided.p50, "p99": decided.p99}
        report["checked"] = asdict(decided) | {"lanes": options.lanes}
        wrong += decided.mismatches + decided.undecided + decided.unaccounted
    if "lookup" in options.parts:
        say("lookups: the API beside a bare server")
        report |= lookup_bench()
    report["mismatches"] = wrong
    write_report(report)
    console.print(table(report))
    say(f"written to {REPORT.relative_to(Path.cwd()) if REPORT.is_relative_to(Path.cwd()) else REPORT}")
    return 1 if wrong else 0


def _w1_report(measured: bench_w1.W1Bench) -> dict[str, Any]:
    best = measured.best
    return {
        "w1_events_per_s": round(best.per_s),
        "w1_cells": best.cells,
        "consume_only_per_s": round(measured.consumed_per_s),
        "w1_ratio_to_consume_only": best.per_s / measured.consumed_per_s,
        "w1": asdict(measured) | {"stages_of_best": best.stages, "per_cpu_s": best.per_cpu_s},
    }


def write_report(report: dict[str, Any]) -> None:
    """Leave `reports/bench.json`."""
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


def table(report: dict[str, Any]) -> Table:
    """The report for people."""
    shown = Table("measure", "value", "said", title="Stocktide bench", title_justify="left")
    for measure, show in _ROWS:
        row = show(report)
        if row is not None:
            shown.add_row(measure, *row)
    return shown


Row = tuple[str, str] | None


def _drained(report: dict[str, Any]) -> Row:
    if "w1" not in report:
        return None
    runs = ", ".join(f"{d['records'] / d['seconds']:,.0f} ({d['cells']})" for d in report["w1"]["drains"])
    stolen = stolen_words(max(d["stolen"] for d in report["w1"]["drains"]))
    return (
        f"{report['w1_events_per_s']:,} records/s",
        f"{report['w1_cells']} cell(s); runs (cells): {runs}{stolen}",
    )


def _floor(report: dict[str, Any]) -> Row:
    if "w1" not in report:
        return None
    floor = report["consume_only_per_s"]
    meant = "" if floor >= FULL_SPEED else f"; below {FULL_SPEED:,}: compare ratios"
    return f"{floor:,} records/s", f"W1 reaches {report['w1_ratio_to_consume_only']:.2f} of it{meant}"


def _stages(report: dict[str, Any]) -> Row:
    if "w1" not in report:
        return None
    stages: dict[str, float] = report["w1"]["stages_of_best"]
    records = report["w1"]["drains"][0]["records"]
    split = ", ".join(
        f"{name} {1e6 * seconds / records:.2f}"
        for name, seconds in sorted(stages.items(), key=lambda s: -s[1])
    )
    return f"{report['w1']['per_cpu_s']:,.0f} per CPU-s", f"µs a record: {split}"


def _tills(report: dict[str, Any]) -> Row:
    if "tills" not in report:
        return None
    told = report["tills"]
    runs = ", ".join(f"{d['records'] / d['seconds']:,.0f}" for d in told["drains"])
    said = f"{told['lines']:,} lines in {told['transactions']:,} transactions, {told['drains'][0]['cells']} cell(s); "
    said += f"runs: {runs}"
    return f"{report['tills_lines_per_s']:,} lines/s", said


def _mix(report: dict[str, Any]) -> Row:
    if "mix" not in report:
        return None
    drains = report["mix"]["drains"]
    runs = ", ".join(f"{d['records'] / d['seconds']:,.0f}" for d in drains)
    said = f"{drains[0]['records']:,} facts of every kind, {drains[0]['cells']} cell(s); runs: {runs}"
    return f"{report['mix_facts_per_s']:,} facts/s", said


def _latency(report: dict[str, Any]) -> Row:
    if "latency" not in report:
        return None
    told = report["latency"]
    numbers = f"p50 {told['p50']:.1f}, p99 {told['p99']:.1f}, p99.9 {told['p999']:.1f} ms"
    return (
        numbers,
        f"{told['rate']:,} events/s, {told['lanes']} lanes, {told['probes']:,} probes, worst {told['worst']:.0f} ms"
        + stolen_words(told["stolen"]),
    )


def _checked(report: dict[str, Any]) -> Row:
    if "checked" not in report:
        return None
    told = report["checked"]
    said = f"{told['per_s']:,} requests/s beside {told['rate']:,} events/s, {told['lanes']} lanes, "
    said += f"{told['granted']:,} granted, {told['undecided']:,} undecided, worst {told['worst']:.0f} ms"
    return f"p50 {told['p50']:.1f}, p99 {told['p99']:.1f} ms", said


def _lookups(report: dict[str, Any]) -> Row:
    if "lookup_ratio_to_bare" not in report:
        return None
    said = f"{report['lookups_per_s']:,.0f}/s beside {report['bare_per_s']:,.0f}/s"
    return f"{report['lookup_ratio_to_bare']:.2f} of a bare server", said


def _batches(report: dict[str, Any]) -> Row:
    return (
        None
        if "batch_skus_per_s" not in report
        else (f"{report['batch_skus_per_s']:,.0f} skus/s", "batches of 500")
    )


def _wrong(report: dict[str, Any]) -> Row:
    return (
        f"{report['mismatches']:,}",
        "numbers in the view that differ from the scalar model, lost probes, requests undecided, units unaccounted for",
    )


_ROWS: tuple[tuple[str, Callable[[dict[str, Any]], Row]], ...] = (
    ("W1 drained", _drained),
    ("consuming alone", _floor),
    ("W1 by stage", _stages),
    ("all features drained", _mix),
    ("real tills drained", _tills),
    ("event to API", _latency),
    ("reservation decided", _checked),
    ("lookup", _lookups),
    ("batch", _batches),
    ("mismatches", _wrong),
)
