"""Open demand: what customers were promised and have not got, given back or let expire."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from inventory.reference.facts import LineFacts, SkuFacts, Version


class Demand(NamedTuple):
    """Open units of a sku: `soft` and `hard` by location, `unsourced` by channel, and what of these is `of_bundles`, by
    bundle and channel."""

    soft: Mapping[str, int]
    hard: Mapping[str, int]
    unsourced: Mapping[str, int]
    of_bundles: Mapping[tuple[str, str], int]


NO_DEMAND = Demand({}, {}, {}, {})


def open_quantity(line: LineFacts, now: int) -> int:
    """The greatest version decides, less everything ever used up of the line, whatever the version."""
    last = line.last()
    if last is None or last.action == "CANCEL":
        return 0
    if now > (lapses_after(last) if line.is_checked() else ends_at(last)):
        return 0
    return max(0, line.ordered() - line.released() - line.consumed())


def ends_at(version: Version) -> float:
    """The last instant (ms) that a version is meant for. A soft line that names no end has none."""
    return math.inf if version.commitment == "HARD" or version.expires_at is None else version.expires_at


def lapses_after(version: Version) -> float:
    """The last instant (ms) at which a version is open: its confirmation may be on its way."""
    return ends_at(version) + version.grace


def as_of(line: LineFacts, instant: int) -> LineFacts:
    """The line as the facts dated at or before an instant (ms) have it, whenever they came."""
    return LineFacts(
        [version for version in line.versions if version.occurred_at <= instant],
        [used for used in line.consumption if used.occurred_at <= instant],
    )


def open_at(facts: SkuFacts, location: str, net_of: str | None, instant: int) -> int:
    """D(T): open units of a position as the facts dated at or before `instant` (ms) have them.

    `net_of` says of which commitment: HARD, SOFT_AND_HARD, or None for none. Whether the location is in use
    today does not matter: the source counted what it knew.

    It is always computed anew from all facts ever told. A line is "forgotten" by an engine once it is not
    open and nothing more is expected of it; its part of D(T) is then "frozen", which is to say that it stays
    what these facts make it: for a model that forgets no line there is nothing to freeze.
    """
    if net_of is None:
        return 0
    units = 0
    for line in facts.lines.values():
        then = as_of(line, instant)
        last = then.last()
        if last is not None and last.location == location and is_in(net_of, last.commitment):
            units += open_quantity(then, instant)
    return units


def is_in(net_of: str, commitment: str) -> bool:
    return net_of == "SOFT_AND_HARD" or commitment == "HARD"


def demand(facts: SkuFacts, is_deleted: Callable[[str], bool], now: int) -> Demand:
    """Demand at a deleted location has to be sourced anew: it counts as unsourced of its channel."""
    soft: defaultdict[str, int] = defaultdict(int)
    hard: defaultdict[str, int] = defaultdict(int)
    unsourced: defaultdict[str, int] = defaultdict(int)
    of_bundles: defaultdict[tuple[str, str], int] = defaultdict(int)
    for line in facts.lines.values():
        units, last = open_quantity(line, now), line.last()
        if not units or last is None:
            continue
        if last.location is None or is_deleted(last.location):
            unsourced[last.channel] += units
            if last.bundle is not None:
                of_bundles[last.bundle, last.channel] += units
        elif last.commitment == "SOFT":
            soft[last.location] += units
        else:
            hard[last.location] += units
    return Demand(soft, hard, unsourced, of_bundles)
