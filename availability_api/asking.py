"""What a request for a reservation comes to: bundles resolved into components, and one line a sku for each of both."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from availability_api import problems
from availability_api.asks import ALONE, COMPONENT, Ask, Granted
from availability_api.network import Channel
from availability_api.view import Offered
from inventory.columns import MAX_QUANTITY

MOST_ASKS = 500
"""Skus that one reservation may hold, components of bundles included."""


class AskedLine(BaseModel):
    """Units of one sku, from a location where it must be that one."""

    model_config = ConfigDict(extra="forbid", strict=True)
    sku: str = Field(min_length=1, max_length=128)
    quantity: int = Field(ge=1, le=MAX_QUANTITY)
    location: str | None = Field(None, min_length=1, max_length=128)


class Wish(NamedTuple):
    """All that is asked of one sku. `parts`: units of each component in one, empty of what is no bundle, which ships
    `together` or not. `available`: how many there are of it, as the view says. `line`: that of its reservation."""

    sku: str
    quantity: int
    location: str | None
    parts: Mapping[str, int]
    available: int
    together: bool
    line: str = ALONE

    def told(self) -> dict[str, Any]:
        """What is asked and what there is, for people."""
        return {"sku": self.sku, "asked": self.quantity, "available": self.available}

    def available_of(self, told: Mapping[tuple[str, str], Mapping[str, Any]]) -> int:
        """How many there were when it was decided (`told`: decisions by line and sku)."""
        if not self.parts:
            return int(told[self.line, self.sku]["available"])
        return min(int(told[self.line, part]["available"]) // each for part, each in self.parts.items())

    def granted_of(self, told: Mapping[tuple[str, str], Mapping[str, Any]]) -> int:
        """How many were granted: a bundle is, whole."""
        return self.quantity if self.parts else int(told[self.line, self.sku]["quantity"])


def wishes(lines: Sequence[AskedLine], channel: Channel, offered: Mapping[str, Offered]) -> list[Wish]:
    """What is asked of each sku, in all. Raises Problem: 422 where it cannot be asked."""
    found: dict[str, Wish] = {}
    for line in lines:
        if line.location is not None and line.location not in channel.sells_from.values():
            raise problems.invalid(f"channel {channel.id!r} does not sell from a location {line.location!r}")
        before = found.get(line.sku)
        _check_places(line.sku, before, line.location)
        quantity = _at_most(line.sku, line.quantity + (0 if before is None else before.quantity))
        told = offered[line.sku]
        found[line.sku] = Wish(line.sku, quantity, line.location, told.parts, told.available, told.together)
    of_bundles = _lines_of_bundles(found.values())
    return [wish._replace(line=of_bundles.get(sku, ALONE)) for sku, wish in found.items()]


def _lines_of_bundles(wanted: Iterable[Wish]) -> dict[str, str]:
    """The line of each bundle: one for all of them, but for those that ship together and share a component with another
    one. What a parcel needs is told apart, so that the engine knows of each what it is.

    The lines are the same in whatever order is asked.
    """
    groups: list[list[Wish]] = []
    for wish in sorted((wish for wish in wanted if wish.parts), key=lambda wish: wish.sku):
        group = next((group for group in groups if not any(_apart(wish, other) for other in group)), None)
        if group is None:
            groups.append(group := [])
        group.append(wish)
    return {
        wish.sku: COMPONENT if n == 1 else f"{COMPONENT}{n}"
        for n, group in enumerate(groups, 1)
        for wish in group
    }


def _apart(wish: Wish, other: Wish) -> bool:
    return (wish.together or other.together) and not wish.parts.keys().isdisjoint(other.parts)


def asks_of(wanted: Iterable[Wish]) -> list[Ask]:
    """A line for each sku that is asked alone, and one for each that is asked as a component. Raises Problem.

    Components first: what is asked alone is then judged when they are held, as the engine judges it.
    """
    found: dict[tuple[str, str], Ask] = {}
    for wish in sorted(wanted, key=lambda wish: not wish.parts):
        for sku, each in (wish.parts or {wish.sku: 1}).items():
            line = wish.line
            before = found.get((line, sku))
            _check_places(sku, before, wish.location)
            quantity = _at_most(sku, wish.quantity * each + (0 if before is None else before.quantity))
            bundle = None if not wish.parts else wish.sku if before is None else before.bundle
            found[line, sku] = Ask(line, sku, quantity, wish.location, bundle)
    if len(found) > MOST_ASKS:
        raise problems.invalid(
            f"with the components of bundles these are {len(found)} skus: ask for at most {MOST_ASKS} at once"
        )
    return list(found.values())


def too_many(wanted: Iterable[Wish]) -> list[dict[str, Any]]:
    """The bundles of which more are asked than there are when those before them are held, as a refusal tells them.

    Of one that ships together there may be one fewer for each unit of a component that is taken before.
    """
    short = []
    taken: Counter[str] = Counter()
    for wish in wanted:
        less = sum(taken[part] for part in wish.parts) if wish.together else 0
        there = max(0, wish.available - less)
        if wish.parts and wish.quantity > there:
            short.append({**wish.told(), "available": there, "reason": "insufficient"})
        taken.update({part: each * wish.quantity for part, each in wish.parts.items()})
    return short


def granted_lines(wanted: Iterable[Wish], granted: Granted) -> list[dict[str, Any]]:
    """What was granted of each sku that was asked for."""
    told = {(ask.line, ask.sku): decision for ask, decision in granted.lines}
    return [
        {"sku": wish.sku, "granted": wish.granted_of(told), "available": wish.available_of(told)}
        for wish in wanted
    ]


def _check_places(sku: str, before: Wish | Ask | None, location: str | None) -> None:
    if before is not None and before.location != location:
        raise problems.invalid(f"sku {sku!r} is asked for from two locations: make two reservations")


def _at_most(sku: str, quantity: int) -> int:
    if quantity > MAX_QUANTITY:
        raise problems.invalid(f"{quantity} units of {sku!r} in all: ask for at most {MAX_QUANTITY} at once")
    return quantity
