"""Open demand: what customers were promised and have not got, given back or let expire."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from inventory.reference.facts import LineFacts, SkuFacts


class Demand(NamedTuple):
    """Open units of a sku: `soft` and `hard` by location, `unsourced` by channel."""

    soft: Mapping[str, int]
    hard: Mapping[str, int]
    unsourced: Mapping[str, int]


NO_DEMAND = Demand({}, {}, {})


def open_quantity(line: LineFacts, now: int) -> int:
    """The greatest version decides, less everything ever used up of the line, whatever the version."""
    last = line.last()
    if last is None or last.action == "CANCEL":
        return 0
    # A soft line that names no end has none.
    if last.commitment == "SOFT" and last.expires_at is not None and now > last.expires_at:
        return 0
    return max(0, last.quantity - line.released() - line.consumed())


def demand(facts: SkuFacts, is_deleted: Callable[[str], bool], now: int) -> Demand:
    """Demand at a deleted location has to be sourced anew: it counts as unsourced of its channel."""
    soft: defaultdict[str, int] = defaultdict(int)
    hard: defaultdict[str, int] = defaultdict(int)
    unsourced: defaultdict[str, int] = defaultdict(int)
    for line in facts.lines.values():
        units, last = open_quantity(line, now), line.last()
        if not units or last is None:
            continue
        if last.location is None or is_deleted(last.location):
            unsourced[last.channel] += units
        elif last.commitment == "SOFT":
            soft[last.location] += units
        else:
            hard[last.location] += units
    return Demand(soft, hard, unsourced)
