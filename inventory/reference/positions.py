"""The counters of a position: an anchor that a count sets, and what moved after it."""

import math
from typing import NamedTuple

from inventory.reference.demand import open_at
from inventory.reference.facts import COUNTERS, Count, CountKey, SkuFacts


class Counters(NamedTuple):
    """Units of one position, signed, never clamped. The last three are parts of `on_hand`."""

    on_hand: int = 0
    damaged: int = 0
    quality_control: int = 0
    blocked: int = 0

    @property
    def sellable(self) -> int:
        return self.on_hand - self.damaged - self.quality_control - self.blocked


class Anchor(NamedTuple):
    """`quantity` units at `time` (ms); minus infinity where nothing was counted."""

    time: float
    quantity: int


NEVER_COUNTED = Anchor(-math.inf, 0)


def gross(facts: SkuFacts, location: str, count: Count) -> int:
    """The physical units that a count of any basis means, by what is known now of the demand of its time."""
    demand = open_at(facts, location, count.net_of, count.demand_as_of)
    return count.number + count.withheld + demand


def anchor_key(facts: SkuFacts, location: str, counter: int) -> CountKey | None:
    """The count that holds."""
    return max(facts.position(location).counts.get(counter, ()), default=None)


def anchor(facts: SkuFacts, location: str, counter: int) -> Anchor:
    key = anchor_key(facts, location, counter)
    if key is None:
        return NEVER_COUNTED
    return Anchor(key.counted_at, gross(facts, location, facts.position(location).counts[counter][key]))


def value(facts: SkuFacts, location: str, counter: int, until: float = math.inf) -> int:
    """What the counter has at `until` (ms), which is not before its anchor.

    A movement at or before the time of the anchor is absorbed: the count already saw it.
    """
    counted = anchor(facts, location, counter)
    after = (
        fact.change[counter]
        for fact in facts.position(location).movements
        if counted.time < fact.occurred_at <= until and fact.change is not None
    )
    return counted.quantity + sum(after)


def counters(facts: SkuFacts, location: str) -> Counters:
    return Counters(*(value(facts, location, counter) for counter in COUNTERS.values()))
