"""`python -m loadtest sizes`: tables for people, and `reports/sizes.json`."""

import json
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from loadtest.bench.lane_alone import Retailer
from loadtest.reporting import REPORTS
from loadtest.sizes.command import Sizes, measure
from loadtest.sizes.plan import DEFAULT, Business, Horizons, cells, fleet, items
from runtime.settings import Settings

REPORT = REPORTS / "sizes.json"
QUICK = Retailer(skus=500, events=20_000)
_FLEETS = (1, 2, 8, 16, 64, 256)
_SHARDS = 256


def sizes(
    settings: Settings, retailer: Retailer, business: Business, chosen: Horizons, console: Console
) -> int:
    """Weigh, print, and write the report."""
    found = measure(retailer, settings)
    for table in (things(found), plan(found, business, chosen), fleets(found, business, chosen)):
        console.print(table)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report(found, business, chosen), indent=2) + "\n", "utf-8")
    console.print(f"written to {REPORT}", highlight=False, soft_wrap=True)
    return 0


def report(found: Sizes, business: Business, chosen: Horizons) -> dict[str, Any]:
    """For programs."""
    return {
        "sizes": asdict(found),
        "business": asdict(business),
        "plans": {
            name: {
                "horizons_h": horizons._asdict(),
                "items": [item._asdict() for item in items(found, business, horizons)],
                "cells": cells(found, business, horizons)._asdict(),
            }
            for name, horizons in (("default", DEFAULT), ("chosen", chosen))
        },
    }


def things(found: Sizes) -> Table:
    """What one of each thing weighs."""
    shown = Table("one", "bytes in memory", "in a base file", "weighed", title="Sizes", title_justify="left")
    for name, weight in found.weights.items():
        shown.add_row(name, f"{weight.held:,.0f}", f"{weight.in_base:,.0f}", f"{weight.many:,}")
    if found.row is not None:
        row = found.row
        said = f"{row.positions:,.0f} positions, {found.retailer.channels} channels; {row.sent:,.0f} bytes sent; "
        shown.add_row("row in Redis", f"{row.held:,.0f}", "", said + f"{row.per_s:,.0f} rows/s")
    for what, us in found.catalog.items():
        shown.add_row(f"catalog record {what}", "", "", f"{us:,.0f} µs of CPU to fold")
    for many, size in found.journal.items():
        shown.add_row("event in the journal", "", f"{size:,.0f}", f"{many:,} a commit of the lane")
    shown.add_row("base file", "", f"{found.base:,}", "all of the above")
    shown.add_row("tables of the lane", f"{found.counted:,}", "", f"the process grew by {found.grown:,}")
    return shown


def plan(found: Sizes, business: Business, chosen: Horizons) -> Table:
    """A retailer's lanes, with the horizons that are the default and with others."""
    title = (
        f"{business.skus:,} skus, {business.positions_a_sku} positions each, {business.rate:,} facts/s all day, "
        f"{business.lanes} lanes"
    )
    shown = Table("what", title=title, title_justify="left")
    both = (DEFAULT, chosen)
    for horizons in both:
        shown.add_column(f"{horizons.counts:g}/{horizons.dedupe:g}/{horizons.memory:g} h")
        shown.add_column("GB", justify="right")
    for left, right in zip(*(items(found, business, horizons) for horizons in both), strict=True):
        shown.add_row(left.name, *_cell(left.many, left.bytes), *_cell(right.many, right.bytes))
    totals = [sum(item.bytes for item in items(found, business, horizons)) for horizons in both]
    shown.add_row("all lanes", *(part for total in totals for part in ("", f"{total / 1e9:,.1f}")))
    needs = [cells(found, business, horizons) for horizons in both]
    memory = (
        part
        for need in needs
        for part in (
            f"{need.memory:,} cells" if need.memory else "more lanes",
            f"{need.bytes / 1e9:,.1f} each",
        )
    )
    shown.add_row(f"for memory ({business.cell_gb:g} GB a cell)", *memory)
    if business.cell_rate:
        work = (part for need in needs for part in (f"{need.throughput:,} cells", ""))
        shown.add_row(f"for {business.peak:g} x the rate ({business.cell_rate:,} a cell)", *work)
    if found.row is not None:
        gigabytes = business.skus * found.row.held / 1e9
        shown.add_row(
            "rows in Redis",
            f"{business.skus:,}",
            f"{gigabytes:,.1f}",
            f"{business.skus:,}",
            f"{gigabytes:,.1f}",
        )
    return shown


def _cell(many: float, size: float) -> tuple[str, str]:
    return f"{many:,.0f}", f"{size / 1e9:,.1f}"


def fleets(found: Sizes, business: Business, chosen: Horizons) -> Table:
    """The same retailer on one cell to hundreds."""
    shown = Table(
        "cells", "lanes a cell", "GB a cell", "facts/s a cell", "fetches/s of all", "words at a first start",
        "connections", title=f"{_SHARDS} lanes, horizons {chosen.counts:g}/{chosen.dedupe:g}/{chosen.memory:g} h",
        title_justify="left",
    )  # fmt: skip
    widest = Business(**{**asdict(business), "lanes": _SHARDS})
    for many in _FLEETS:
        row = fleet(found, widest, chosen, many)
        shown.add_row(
            f"{row.cells}", f"{row.lanes}", f"{row.bytes / 1e9:,.1f}", f"{row.rate:,.0f}", f"{row.fetches:,.0f}",
            f"{row.words:,}", f"{row.connections:,}",
        )  # fmt: skip
    return shown
