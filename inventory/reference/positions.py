"""The counters of a position: an anchor that a count sets, and what moved after it."""

import math
from typing import NamedTuple

from inventory.reference.facts import COUNTERS, PositionFacts


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


def anchor(position: PositionFacts, counter: int) -> Anchor:
    counts = position.counts.get(counter)
    if not counts:
        return Anchor(-math.inf, 0)
    greatest = max(counts)
    return Anchor(greatest.counted_at, counts[greatest])


def value(position: PositionFacts, counter: int) -> int:
    """A movement at or before the time of the anchor is absorbed: the count already saw it."""
    counted = anchor(position, counter)
    after = (
        fact.change[counter]
        for fact in position.movements
        if fact.occurred_at > counted.time and fact.change is not None
    )
    return counted.quantity + sum(after)


def counters(position: PositionFacts) -> Counters:
    return Counters(*(value(position, counter) for counter in COUNTERS.values()))
