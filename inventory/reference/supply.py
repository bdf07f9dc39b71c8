"""Units on their way: what is still open of each expected line, and what of it a channel may count."""

import math
from typing import NamedTuple

from inventory.reference.facts import Promise, SkuFacts, SupplyFacts
from inventory.reference.rules import Rule


class Expected(NamedTuple):
    """An expected line that is open and not overdue. `units` is what may still come of it, more than 0."""

    reference: str
    location: str
    expected_at: int
    units: int


class Arriving(NamedTuple):
    """Of the `units` of an expected line, those that are `counted` by a rule."""

    reference: str
    location: str
    units: int
    counted: int
    rule: str


def expected(facts: SkuFacts, now: int) -> list[Expected]:
    """Closed and cancelled lines promise nothing, and an overdue one has broken its promise."""
    lines = []
    for reference, line in sorted(facts.supply.items()):
        last = line.last()
        if last is not None and last.status == "OPEN" and now <= last.expected_at:
            units = units_to_come(line, last)
            if units:
                lines.append(Expected(reference, last.location, last.expected_at, units))
    return lines


def units_to_come(line: SupplyFacts, last: Promise) -> int:
    """A transfer can bring no more than has left and not yet arrived."""
    open_units = max(0, last.quantity - received_after(line, last))
    return min(open_units, under_way(line)) if last.kind == "TRANSFER" else open_units


def received_after(line: SupplyFacts, last: Promise) -> int:
    """A version says what is open as of its time: it knows of what arrived at or before it."""
    return sum(
        fact.transit.received
        for fact in line.transits
        if fact.transit is not None and fact.occurred_at > last.occurred_at
    )


def under_way(line: SupplyFacts) -> int:
    """What was sent at any time and has not arrived."""
    transits = [fact.transit for fact in line.transits if fact.transit is not None]
    return max(0, sum(each.sent - each.received for each in transits))


def over_received(line: SupplyFacts) -> bool:
    """Has more arrived than the line has? One that is closed has nothing left."""
    last = line.last()
    if last is None:
        return False
    return received_after(line, last) > (last.quantity if last.status == "OPEN" else 0)


def arriving_by(rule: Rule, line: Expected, now: int) -> Arriving | None:
    """What a rule counts of a line, None outside its window."""
    if line.expected_at > now + rule.within:
        return None
    counted = math.floor(line.units * rule.confidence)
    return Arriving(line.reference, line.location, line.units, counted, rule.id)
