"""`python -m loadtest growth`: throughput and latency as a retailer grows; what stalls it at a million positions."""

import json
import os
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console

from loadtest.growth.case import Measured, Sizes, measure
from loadtest.growth.load import W1_RULES, Case, Phases
from loadtest.reporting import REPORTS
from runtime.settings import Settings
from wire.codec import Codec

REPORT = REPORTS / "growth.json"
FULL = Sizes()
QUICK = Sizes(events=20_000, rate=500, stall_rate=1_000, seconds=5)
_MILLION = 1_000_000
_LEAST_KEPT = 0.8
"""Of the events a second at the smallest retailer the largest one must reach."""
_FRESH_S, _EPOCH_S, _HEALED_S = 6.0, 0.050, 60.0
"""Bounds at a million positions, and of a million rows."""


@dataclass(frozen=True)
class Options:
    """Which of the cases (names of what grows; all if empty), of what sizes."""

    sizes: Sizes = FULL
    only: tuple[str, ...] = ()
    quick: bool = False


def cases(*, quick: bool) -> Iterator[Case]:
    """What is measured. The first of each group is what the others of it are compared with."""
    share = 100 if quick else 1
    for skus in (10_000, 100_000, _MILLION):
        largest = skus == _MILLION
        yield Case("skus", skus // share, phases=Phases(stalls=largest, healing=largest))
    for locations in (20, 100, 500):
        yield Case("locations", 10_000 // share, locations)
    for channels in (3, 10, 30):
        yield Case("channels", 10_000 // share, channels=channels)
    for rules in (W1_RULES, 100, 1_000):
        yield Case("rules", 10_000 // share, rules=rules)
    for cells in (1, 2):
        yield Case("cells", 10_000 // share, cells=cells)
    yield Case("positions", 10_000 // share, 100, positions_a_sku=100, phases=Phases(stalls=True))


NAMES = ("skus", "locations", "channels", "rules", "cells", "positions")


def growth(settings: Settings, codec: Codec, options: Options, console: Console) -> int:
    """Measure, write the report, print the table; 1 if a number was wrong or a bound is not kept."""

    def say(text: str) -> None:
        console.print(f"[dim]{time.strftime('%H:%M:%S')}[/dim] {text}", highlight=False, soft_wrap=True)

    found = []
    for case in cases(quick=options.quick):
        if options.only and case.grows not in options.only:
            continue
        say(f"{case.grows}: {describe(case)}")
        found.append(measure(settings, codec, case, options.sizes, say))
        write_report(found, options)  # what was measured is kept, whatever becomes of the next one
    for line in markdown(found):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    faults = broken(found)
    for fault in () if options.quick else faults:
        say(f"NOT KEPT: {fault}")
    say(f"written to {REPORT}")
    wrong = sum(each.mismatches for each in found)
    return 1 if wrong or (faults and not options.quick) else 0


def describe(case: Case) -> str:
    """A case in words."""
    return (
        f"{case.skus:,} skus, {case.locations} locations, {case.channels} channels, {case.rules} rules, "
        f"{case.cells} cell(s)"
    )


def broken(found: Sequence[Measured]) -> list[str]:
    """The bounds that are not kept."""
    faults = []
    rates = {each.case.skus: each.drain.per_s for each in found if each.case.grows == "skus" and each.drain}
    if rates and rates[max(rates)] < _LEAST_KEPT * rates[min(rates)]:
        share = rates[max(rates)] / rates[min(rates)]
        faults.append(f"with {max(rates):,} skus {share:.0%} of the events/s with {min(rates):,}")
    for each in found:
        name = f"{each.positions:,} positions of {each.case.skus:,} skus"
        if each.stalls is not None:
            if each.stalls.worst is None or each.stalls.worst > _EPOCH_S:
                faults.append(f"{name}: an epoch's end took up to {each.stalls.worst} s")
            if each.stalls.first_fresh_s > _FRESH_S:
                faults.append(f"{name}: fresh {each.stalls.first_fresh_s:.1f} s after SIGKILL")
        if each.healed_s is not None and each.healed_s > _HEALED_S:
            faults.append(f"{name}: Redis healed after {each.healed_s:.0f} s")
    return faults


def markdown(found: Sequence[Measured]) -> Iterator[str]:
    """The tables, as documents have them."""
    yield "| grows | system | positions | events/s | event to API p50, p99 ms | filled s | wrong |"
    yield "|---|---|---|---|---|---|---|"
    for each in found:
        rate = f"{each.drain.per_s:,.0f}" if each.drain else ""
        seen = (
            f"{each.latency.p50:.1f}, {each.latency.p99:.1f} at {each.latency.rate:,}/s"
            if each.latency
            else ""
        )
        yield (
            f"| {each.case.grows} | {describe(each.case)} | {each.positions:,} | {rate} | {seen} | {each.fill_s:.0f} "
            f"| {each.mismatches} |"
        )
    stalls = [(each, each.stalls) for each in found if each.stalls is not None]
    if stalls:
        yield ""
        yield "| positions | skus | epoch's end p50, p99, longest s | first fresh number s | of every lane s | healed |"
        yield "|---|---|---|---|---|---|"
    for each, told in stalls:
        healed = f"{each.rows:,} rows in {each.healed_s:.1f} s" if each.healed_s is not None else ""
        yield (
            f"| {each.positions:,} | {each.case.skus:,} | {_bound(told.p50)}, {_bound(told.p99)}, {_bound(told.worst)} "
            f"| {told.first_fresh_s:.1f} | {told.all_fresh_s:.1f} | {healed} |"
        )


def _bound(seconds: float | None) -> str:
    return "" if seconds is None else f"<= {seconds:g}"


def write_report(found: Sequence[Measured], options: Options) -> None:
    """Leave `reports/growth.json`."""
    report: dict[str, Any] = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "options": asdict(options),
        "cases": [
            asdict(each) | {"events_per_s": each.drain.per_s if each.drain else None} for each in found
        ],
        "not_kept": broken(found),
    }
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
