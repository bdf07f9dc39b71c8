"""What a request for a reservation comes to: bundles resolved into components, and one line a sku for each of both."""

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
    """All that is asked of one sku. `parts`: units of each component in one, empty of what is no bundle.
    `available`: how many there are of it, as the view says."""

    sku: str
    quantity: int
    location: str | None
    parts: Mapping[str, int]
    available: int

    def told(self) -> dict[str, Any]:
        """What is asked and what there is, for people."""
        return {"sku": self.sku, "asked": self.quantity, "available": self.available}

    def available_of(self, told: Mapping[tuple[str, str], Mapping[str, Any]]) -> int:
        """How many there were when it was decided (`told`: decisions by line and sku)."""
        if not self.parts:
            return int(told[ALONE, self.sku]["available"])
        return min(int(told[COMPONENT, part]["available"]) // each for part, each in self.parts.items())

    def granted_of(self, told: Mapping[tuple[str, str], Mapping[str, Any]]) -> int:
        """How many were granted: a bundle is, whole."""
        return self.quantity if self.parts else int(told[ALONE, self.sku]["quantity"])


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
        found[line.sku] = Wish(line.sku, quantity, line.location, told.parts, told.available)
    return list(found.values())


def asks_of(wanted: Iterable[Wish]) -> list[Ask]:
    """A line for each sku that is asked alone, and one for each that is asked as a component. Raises Problem."""
    found: dict[tuple[str, str], Ask] = {}
    for wish in wanted:
        for sku, each in (wish.parts or {wish.sku: 1}).items():
            line = COMPONENT if wish.parts else ALONE
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
    """The bundles of which more are asked than there are, as a refusal tells them."""
    return [
        {**wish.told(), "reason": "insufficient"}
        for wish in wanted
        if wish.parts and wish.quantity > wish.available
    ]


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
