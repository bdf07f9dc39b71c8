"""Ring-fences: units of a sku that are kept for one channel, and what they take from each channel's pool."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from inventory.reference.demand import open_quantity
from inventory.reference.facts import SkuFacts
from inventory.reference.rules import Rule

MINUTE_MS = 60_000


class Start(NamedTuple):
    """From when on a fence counts what its channel sells: as told (None: not told), and as it counts (ms)."""

    set_at: int | None
    since: int


class Allocated(NamedTuple):
    """What a percentage fence asks for a sku."""

    units: int
    start: Start


class Fence(NamedTuple):
    """A fence of a sku. `consumed` of its `target` units the channel has had `since` (ms)."""

    id: str
    channel: str
    priority: int
    target: int
    since: int
    consumed: int

    @property
    def asks(self) -> int:
        return max(0, self.target - self.consumed)


class Grant(NamedTuple):
    """What a fence takes from the pool of a channel; of another channel's fence also where, by location."""

    fence: str
    channel: str
    units: int
    taken: tuple[tuple[str, int], ...] = ()


def started(set_at: int | None, log_time: int, known: Start | None, horizon: int) -> Start:
    """Only a changed `set_at` starts a fence anew, and one that is not told is no change.

    Sales are remembered for `horizon` (ms): a fence cannot count what was sold long before its record came.
    A fence that was never told when it was set was set when its record came.
    """
    if known is not None and set_at in (None, known.set_at):
        return known
    return Start(set_at, log_time if set_at is None else max(set_at, log_time - horizon))


def fence_of(rule: Rule, channel: str, allocated: Allocated | None, facts: SkuFacts, now: int) -> Fence:
    """A percentage is never evaluated here: it asks for what was allocated, and for 0 until then."""
    if rule.units is not None:
        target, since = rule.units, rule.since
    elif allocated is not None:
        target, since = allocated.units, allocated.start.since
    else:
        target, since = 0, rule.since
    return Fence(rule.id, channel, rule.priority, target, since, consumed(facts, channel, since, now))


def consumed(facts: SkuFacts, channel: str, since: int, now: int) -> int:
    """Units that the channel holds or has had: cancel, expiry and release give back, shipping does not."""
    return consumed_by_lines(facts, channel, since, now) + sold_without_line(facts, channel, since)


def consumed_by_lines(facts: SkuFacts, channel: str, since: int, now: int) -> int:
    """A line is the channel's that its last version names, and counts whole or not at all."""
    units = 0
    for line in facts.lines.values():
        last, placed = line.last(), line.first_placed()
        if last is not None and placed is not None and last.channel == channel and placed > since:
            units += open_quantity(line, now) + line.consumed()
    return units


def sold_without_line(facts: SkuFacts, channel: str, since: int) -> int:
    """Sales are told apart by the minute: the one in which the fence was set counts whole."""
    return sum(
        fact.sale.units
        for fact in facts.additive.values()
        if fact.sale is not None
        and fact.sale.channel == channel
        and fact.occurred_at // MINUTE_MS >= since // MINUTE_MS
    )


def in_order(fences: Iterable[Fence]) -> list[Fence]:
    return sorted(fences, key=lambda fence: (fence.priority, fence.id))


def grants(
    channel: str,
    pool: int,
    fences: Sequence[Fence],
    has: Mapping[str, int],
    may_sell_from: Callable[[str], Collection[str]],
) -> tuple[Grant, ...]:
    """What each fence takes from the `pool` of a channel, in the order given; nobody takes what is taken.

    `has` is the units at each of the channel's locations: `node_ats` and the in-transit supply that counts.
    The channel's own fence takes from the whole pool, another only from locations that both may sell from.
    """
    rest, at = pool, dict(has)
    granted = []
    for fence in fences:
        if fence.channel == channel:
            grant = Grant(fence.id, fence.channel, min(fence.asks, rest))
        else:
            grant = take(fence, min(fence.asks, rest), at, may_sell_from(fence.channel))
        rest -= grant.units
        granted.append(grant)
    return tuple(granted)


def take(fence: Fence, wanted: int, at: dict[str, int], places: Collection[str]) -> Grant:
    taken = []
    for place in sorted(at):
        units = min(wanted, at[place]) if place in places else 0
        if units:
            at[place] -= units
            wanted -= units
            taken.append((place, units))
    return Grant(fence.id, fence.channel, sum(units for _, units in taken), tuple(taken))


def resolved(rule: Rule, pool: int) -> int:
    """What a percentage fence comes to in units, of the `pool` of its channel before fences."""
    if rule.percent is None:
        raise ValueError(f"ring-fence {rule.id} is not a percentage: there is nothing to resolve")
    return max(rule.minimum, math.floor(rule.percent * pool / 100))
