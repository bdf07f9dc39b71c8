"""What the facts of a sku come to, and which of them moved any of it when they came."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from inventory.reference.causes import Entry, told_again
from inventory.reference.demand import open_quantity
from inventory.reference.facts import LineId, SkuFacts
from inventory.reference.positions import Counters, counters
from inventory.reference.snapshots import Snapshots
from inventory.reference.supply import units_to_come

NOTHING = Counters()


class Sum(NamedTuple):
    """Counters by location; open units by line, with the place that they are asked of; what each fence that keeps
    something counts as had; units to come by reference. Without what is 0."""

    counters: dict[str, Counters]
    lines: dict[LineId, tuple[int, str | None, str]]
    fences: dict[str, int]
    coming: dict[str, int]


class Effect(NamedTuple):
    """Whether a fact moved anything of its sku when it came; if not, a count had seen it, or another outdoes it."""

    source: str
    event_id: str
    what: str
    moved: bool


def sum_of(facts: SkuFacts, fences: dict[str, int], now: int) -> Sum:
    """What the facts come to at `now` (ms)."""
    places = {place: counters(facts, place) for place in {*facts.positions, *facts.completions()}}
    lines = {}
    for line_id, line in facts.lines.items():
        units, last = open_quantity(line, now), line.last()
        if units and last is not None:
            lines[line_id] = (units, last.location, last.channel)
    coming = {}
    for reference, supply in facts.supply.items():
        promise = supply.last()
        if promise is not None and promise.status == "OPEN":
            coming[reference] = units_to_come(supply, promise)
    return Sum(
        {place: each for place, each in places.items() if each != NOTHING},
        lines,
        {name: units for name, units in fences.items() if units},
        {reference: units for reference, units in coming.items() if units},
    )


def effects(
    entries: Iterable[Entry], sku: str, snapshots: Snapshots, summed: Callable[[SkuFacts], Sum]
) -> list[Effect]:
    """Of each fact in the order of the log. `summed` tells what some facts come to."""
    before, found = summed(SkuFacts()), []
    for entry, facts in told_again(entries, sku, snapshots):
        after = summed(facts)
        found.append(Effect(entry.source, entry.event_id, entry.what, after != before))
        before = after
    return found
