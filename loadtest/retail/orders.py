"""Orders of the web shop, the marketplace and for pick-up, through every life that a line can have."""

import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from loadtest.retail.chance import HOUR, SECOND, Chance
from loadtest.retail.drafts import Draft
from loadtest.retail.retailer import MARKETPLACE, MARKETPLACE_CHANNEL, WAREHOUSES, Retailer

_ORDERS, _KITS = 0.04, 0.001
_FEWEST_KITS = 40
_FAR = 12 * HOUR
_LAST_SECOND = SECOND


class Wanted(NamedTuple):
    """What somebody orders: a sku, what the marketplace calls it, the store nearby, and the only place that has it
    (None: any)."""

    sku: str
    listing: str
    store: str
    only_at: str | None = None


class _Line(NamedTuple):
    """One line of an order. `asked_as` and `source` are how the place that sold it names it."""

    order: str
    number: str
    sku: str
    asked_as: str
    channel: str
    channel_as: str
    source: str
    location: str | None
    store: str
    quantity: int
    placed: int


def orders(retailer: Retailer, seed: int, span: int) -> Iterator[Draft]:
    """Orders of what the tills sell, and of bundles."""
    tills = retailer.tills

    def product(dice: random.Random) -> Wanted:
        row = dice.randrange(tills.lines)
        number = int(tills.product[row])
        sku = tills.products[number].sku
        return Wanted(
            sku, retailer.listing.get(number, sku), tills.stores[int(tills.store[tills.basket[row]])]
        )

    def kit(dice: random.Random) -> Wanted:
        chosen = dice.choice(retailer.kits)
        return Wanted(chosen.sku, chosen.listing, dice.choice(tills.stores))

    yield from Orders(Chance(seed, "order", span), "", product).all(int(tills.lines * _ORDERS))
    many = max(_FEWEST_KITS, int(tills.lines * _KITS))
    for draft in Orders(Chance(seed, "kit-order", span), "kit-", kit).all(many):
        yield draft._replace(kind=f"bundle: {draft.kind}")


class Orders:
    """All messages about orders of what `want` chooses, in no order. Their names begin with `mark`."""

    def __init__(self, chance: Chance, mark: str, want: Callable[[random.Random], Wanted]) -> None:
        self._chance = chance
        self._mark = mark
        self._want = want
        self._lives = (
            (0.30, self._shipped),
            (0.42, self._confirmed),
            (0.52, self._lapsed),
            (0.60, self._cancelled),
            (0.66, self._cancelled_first),
            (0.74, self._updated),
            (0.80, self._released),
            (0.86, self._collected),
            (0.90, self._extended),
            (0.93, self._shipped_after_cancel),
            (0.95, self._confirmed_late),
            (0.97, self._given_back),
        )

    def all(self, many: int) -> Iterator[Draft]:
        """Every message of so many orders."""
        for number in range(many):
            for line in self._lines(number):
                x = self._chance.dice.random()
                life = next((life for below, life in self._lives if x < below), self._open)
                yield from life(line)

    def _lines(self, number: int) -> Iterator[_Line]:
        dice = self._chance.dice
        channel = dice.choice(("web", "web", "web", "amazon", "pickup"))
        placed = self._chance.moment()
        for line in range(dice.choice((1, 1, 1, 2, 3))):
            wanted = self._want(dice)
            location: str | None = dice.choice((*WAREHOUSES, WAREHOUSES[0], wanted.store, None))
            asked_as, channel_as, source = wanted.sku, channel, "shop"
            if channel == "amazon":
                location = dice.choice(WAREHOUSES)
                channel_as, source = MARKETPLACE_CHANNEL, MARKETPLACE
                asked_as = wanted.listing
            elif channel == "pickup":
                location = wanted.store
            yield _Line(
                f"{self._mark}{channel}-{self._chance.seed}-{number:07d}", str(line + 1), wanted.sku, asked_as,
                channel, channel_as, source, wanted.only_at or location, wanted.store, dice.randint(1, 3), placed,
            )  # fmt: skip

    # The lives of a line.

    def _open(self, line: _Line) -> Iterator[Draft]:
        yield self._place(line)

    def _shipped(self, line: _Line) -> Iterator[Draft]:
        yield self._place(line)
        at = line.placed
        location = line.location
        version = 1
        if location is None:
            location, version = WAREHOUSES[0], 2
            at = self._chance.later(at)
            sourced = line._replace(location=location)
            yield self._version(sourced, at, "sourced", version, "SOURCE", line.quantity)
        if self._chance.dice.random() < 0.06:
            location = line.store  # sent from another place than planned
        left = line.quantity
        while left > 0:
            at = self._chance.later(at)
            units = self._chance.dice.randint(1, left)
            yield self._ship(line, at, location, units)
            left -= units
            if self._chance.dice.random() < 0.15:
                return  # the rest stays open

    def _confirmed(self, line: _Line) -> Iterator[Draft]:
        yield self._place(line, "SOFT", _FAR)
        at = self._chance.later(line.placed)
        yield self._version(line, at, "confirmed", 2, "CONFIRM", line.quantity)
        if line.location is not None and self._chance.dice.random() < 0.6:
            yield self._ship(line, self._chance.later(at), line.location, line.quantity)

    def _lapsed(self, line: _Line) -> Iterator[Draft]:
        """A cart that nobody pays: it lapses within seconds, before the simulation ends."""
        life = self._chance.dice.randrange(2 * SECOND, 15 * SECOND)
        ends = line.placed + life <= self._chance.span - _LAST_SECOND
        yield self._place(line, "SOFT", life if ends else _FAR)

    def _cancelled(self, line: _Line) -> Iterator[Draft]:
        yield self._place(line)
        yield self._version(line, self._chance.later(line.placed), "cancelled", 2, "CANCEL", 0)

    def _cancelled_first(self, line: _Line) -> Iterator[Draft]:
        """The cancel overtakes its order."""
        placed = self._place(line)
        cancelled = self._version(line, line.placed + 1, "cancelled before placed", 2, "CANCEL", 0)
        late = self._chance.later(max(placed.sends, cancelled.sends), 0.1)
        yield cancelled
        yield placed._replace(sends=late, fields={**placed.fields, "recorded_at": late})

    def _updated(self, line: _Line) -> Iterator[Draft]:
        yield self._place(line)
        at = self._chance.later(line.placed)
        for version in range(2, 2 + self._chance.dice.randint(1, 3)):
            yield self._version(line, at, "updated", version, "UPDATE", self._chance.dice.randint(1, 5))
            at = self._chance.later(at, 0.1)

    def _released(self, line: _Line) -> Iterator[Draft]:
        """Part of it, or more than there is, is given back; what else a RELEASE says is noise."""
        yield self._place(line)
        units = self._chance.dice.randint(1, line.quantity + 1)
        noise = line._replace(location=None)
        yield self._version(noise, self._chance.later(line.placed), "released", 0, "RELEASE", units)

    def _collected(self, line: _Line) -> Iterator[Draft]:
        """Collected at a till: a POS line that names the reservation."""
        at_store = line._replace(location=line.store)
        yield self._place(at_store)
        occurred, sends = self._chance.told(self._chance.later(line.placed))
        event = self._chance.event_id()
        yield Draft(sends, "collected at the till", "pos-sales", line.store, "PosTransaction", {
            "event_id": event, "source": f"desk-{line.store}", "occurred_at": occurred, "recorded_at": sends,
            "location": line.store, "transaction_id": event, "register": "pickup", "channel": line.channel,
            "lines": [{
                "line": "1", "sku": line.sku, "quantity": line.quantity, "reservation_id": line.order,
                "reservation_line": line.number,
            }],
        })  # fmt: skip

    def _extended(self, line: _Line) -> Iterator[Draft]:
        yield self._place(line, "SOFT", 3 * SECOND)
        yield self._version(line, line.placed + SECOND, "extended", 2, "EXTEND", line.quantity, "SOFT", _FAR)

    def _shipped_after_cancel(self, line: _Line) -> Iterator[Draft]:
        yield from self._cancelled(line)
        yield self._ship(line, self._chance.later(line.placed), line.location or WAREHOUSES[0], line.quantity)

    def _confirmed_late(self, line: _Line) -> Iterator[Draft]:
        """Paid after the cart had lapsed."""
        yield self._place(line, "SOFT", SECOND)
        at = self._chance.later(line.placed + 2 * SECOND, 0.1)
        yield self._version(line, at, "confirmed after it lapsed", 2, "CONFIRM", line.quantity)

    def _given_back(self, line: _Line) -> Iterator[Draft]:
        """Shipped by mistake: an ADJUST that names the line gives its consumption back."""
        location = line.location or WAREHOUSES[0]
        yield self._place(line)
        at = self._chance.later(line.placed)
        shipped = self._ship(line, at, location, line.quantity)
        yield shipped
        back = self._ship(line, self._chance.later(at), location, line.quantity)
        fields = {**back.fields, "movement": "ADJUST", "reason": "shipped by mistake"}
        yield back._replace(kind="shipment taken back", fields=fields)

    # The messages they are made of.

    def _place(self, line: _Line, commitment: str = "HARD", life: int | None = None) -> Draft:
        return self._version(line, line.placed, "order placed", 1, "PLACE", line.quantity, commitment, life)

    def _version(
        self,
        line: _Line,
        at: int,
        kind: str,
        version: int,
        action: str,
        quantity: int,
        commitment: str = "HARD",
        life: int | None = None,
    ) -> Draft:
        occurred, sends = self._chance.told(at)
        return Draft(sends, kind, "reservations", line.asked_as, "Reservation", {
            "event_id": self._chance.event_id(), "source": line.source, "occurred_at": occurred,
            "recorded_at": sends, "correlation_id": line.order, "reservation_id": line.order,
            "line": line.number, "version": version, "action": action, "sku": line.asked_as,
            "channel": line.channel_as, "location": line.location, "quantity": quantity,
            "commitment": commitment, "expires_at": None if life is None else at + life,
        })  # fmt: skip

    def _ship(self, line: _Line, at: int, location: str, units: int) -> Draft:
        occurred, sends = self._chance.told(at)
        fields: dict[str, Any] = {
            "event_id": self._chance.event_id(), "source": "oms", "occurred_at": occurred,
            "recorded_at": sends, "correlation_id": line.order, "sku": line.sku, "location": location,
            "movement": "SHIP", "quantity": units, "channel": line.channel, "reservation_id": line.order,
            "line": line.number,
        }  # fmt: skip
        return Draft(sends, "shipment", "stock-movements", line.sku, "StockMovement", fields)
