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


def last_count(
    facts: SkuFacts, location: str, counter: int, before: CountKey | None = None
) -> tuple[CountKey, Count] | None:
    """The greatest count of a counter, or the greatest of those that are less than `before`."""
    counts = facts.counts(location, counter).items()
    return max((count for count in counts if before is None or count[0] < before), default=None)


def value(
    facts: SkuFacts, location: str, counter: int, *, before: CountKey | None = None, until: float = math.inf
) -> int:
    """What the counter has at `until` (ms), as if there were no count but those less than `before`.

    A movement at or before the time of the anchor is absorbed: the count already saw it.
    """
    last = last_count(facts, location, counter, before)
    counted = NEVER_COUNTED if last is None else Anchor(last[0].counted_at, gross(facts, location, last[1]))
    after = (
        fact.change[counter]
        for fact in facts.position(location).movements
        if counted.time < fact.occurred_at <= until and fact.change is not None
    )
    return counted.quantity + sum(after)


def counters(facts: SkuFacts, location: str) -> Counters:
    return Counters(*(value(facts, location, counter) for counter in COUNTERS.values()))
