"""Buyers: a Poisson process a listing. They buy what the marketplace shows, whether it exists or not.

The arrivals of a listing depend on the seed, the listing and its velocities only, never on what the seller or another
listing does, so that two ways of publishing are tried with the very same buyers.
"""

import hashlib
import math
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from feeds.simulator.agenda import Agenda
from feeds.simulator.faults import Faults
from feeds.simulator.places import Place
from feeds.simulator.shelf import Shelf
from feeds.simulator.spread import Spread
from feeds.simulator.truth import Truth

_MASK = 2**64 - 1


class Order(NamedTuple):
    """A sale. The same `order_id` may come twice. `oversold`: units that did not exist."""

    order_id: str
    account: str
    listing: str
    location: str | None
    sku: str
    units: int
    at_ms: int
    oversold: int


@dataclass(frozen=True)
class BuyerSettings:
    """`told_after`: from the sale until the seller can fetch the order. `reserved_ms`: so long a sale stays reserved,
    until it is shipped. `repeated_after`: when a fault repeats an order, so much later. All assumptions."""

    told_after: Spread = field(default=Spread())
    reserved_ms: int = 0
    repeated_after: Spread = field(default=Spread(5_000, 60_000))


class Buyers:
    """Those of one marketplace. `orders` in the order in which the seller learns of them. `sells_down`: a sale lowers
    what is shown; else the marketplace shows a state that only its seller changes."""

    def __init__(
        self,
        name: str,
        shelf: Shelf,
        truth: Truth,
        agenda: Agenda,
        faults: Faults,
        settings: BuyerSettings,
        seed: int,
        *,
        sells_down: bool = True,
    ) -> None:
        self.orders: list[Order] = []
        self.sold = 0
        self.oversold = 0
        self._name = name
        self._shelf = shelf
        self._truth = truth
        self._agenda = agenda
        self._faults = faults
        self._settings = settings
        self._seed = seed
        self._sells_down = sells_down
        self._random = Random(f"{seed} orders of {name}")

    def come(self, place: Place, per_s: float, now_ms: int) -> None:
        """From now on so many buyers a second come to a place, on average."""
        if per_s < 0 or not math.isfinite(per_s):
            raise ValueError(f"listing {place.name}: {per_s} buyers a second; write a number of 0 or more")
        if not place.buyer_seed:
            text = f"{self._seed}\n{self._name}\n{place.name}"
            place.buyer_seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) | 1
        place.velocity = per_s
        place.next_buyer_ms = float(now_ms)
        if per_s > 0:
            self._next(place)

    def _next(self, place: Place) -> None:
        place.buyers_drawn += 1
        wait_s = -math.log(_unit(place.buyer_seed, place.buyers_drawn)) / place.velocity
        place.next_buyer_ms += wait_s * 1000
        self._agenda.at(place.next_buyer_ms, self._arrive, place, place.buyers_drawn)

    def _arrive(self, place: Place, drawn: int, now_ms: int) -> None:
        if drawn != place.buyers_drawn or place.velocity == 0:
            return  # the velocity has been changed since
        place.came += 1
        if place.onboarded and place.applied > 0:
            self.buy(place, 1, now_ms)
        elif self._truth.stock.get(place.sku, 0) > 0:
            place.sent_away += 1
        self._next(place)

    def buy(self, place: Place, units: int, now_ms: int) -> Order:
        """A sale: the marketplace lowers what it shows by itself. Raises ValueError where it shows less."""
        if units < 1 or place.applied < (units if self._sells_down else 1):
            raise ValueError(f"listing {place.name} shows {place.applied} units; nobody can buy {units}")
        if self._sells_down:
            self._shelf.move(place, place.applied - units, now_ms)
        beyond = self._truth.take(place.sku, units, now_ms)
        place.sold += units
        place.oversold += beyond
        self.sold += units
        self.oversold += beyond
        if self._settings.reserved_ms:
            place.reserved += units
            self._agenda.at(now_ms + self._settings.reserved_ms, self._ship, place, units)
        identity = f"{self._name}-{self.sold}-{place.sold}"
        order = Order(
            identity, place.account, place.listing, place.location, place.sku, units, now_ms, beyond
        )
        told_ms = self._settings.told_after.draw(self._random)
        self._tell_after(order, told_ms, now_ms)
        if self._faults.strikes("duplicate_orders", now_ms):
            self._tell_after(order, told_ms + self._settings.repeated_after.draw(self._random), now_ms)
        return order

    def unfillable_share(self, since_ms: int) -> float:
        """The share of the orders told since then that hold units which do not exist; an order counts once."""
        recent = {order.order_id: order.oversold > 0 for order in self.orders if order.at_ms >= since_ms}
        return sum(recent.values()) / len(recent) if recent else 0.0

    def _tell_after(self, order: Order, after_ms: int, now_ms: int) -> None:
        if after_ms:
            self._agenda.at(now_ms + after_ms, self._tell, order)
        else:
            self.orders.append(order)

    def _tell(self, order: Order, _: int) -> None:
        self.orders.append(order)

    def _ship(self, place: Place, units: int, _: int) -> None:
        place.reserved -= units  # the input falls with it: what is shown stays


def _unit(seed: int, drawn: int) -> float:
    """The n-th number of a seed, above 0 and at most 1 (SplitMix64)."""
    mixed = (seed + drawn * 0x9E3779B97F4A7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return (((mixed ^ (mixed >> 31)) >> 11) + 1) / 2**53
