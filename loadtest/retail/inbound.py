"""What is on its way: purchase orders and transfers that are expected, arrive in parts, are late, or called off."""

from collections.abc import Iterator
from typing import Any

from loadtest.retail.chance import HOUR, SECOND, Chance
from loadtest.retail.drafts import Draft
from loadtest.retail.retailer import WAREHOUSES, Retailer

_ORDERS, _FEWEST = 0.004, 40
_DAY = 24 * HOUR
_WITHIN, _BEYOND = 2 * _DAY, 9 * _DAY


def inbound(retailer: Retailer, seed: int, span: int) -> Iterator[Draft]:
    """All of it: two in three are purchase orders, the others transfers."""
    chance = Chance(seed, "inbound", span)
    for number in range(max(_FEWEST, int(retailer.tills.lines * _ORDERS))):
        line = _Inbound(retailer, chance, number)
        yield from line.transfer() if number % 3 == 2 else line.purchase()


class _Inbound:
    """One expected line, and what becomes of it."""

    def __init__(self, retailer: Retailer, chance: Chance, number: int) -> None:
        tills, dice = retailer.tills, chance.dice
        row = dice.randrange(tills.lines)
        self._chance = chance
        self._reference = f"PO-{chance.seed}-{number:06d}"
        self._sku = tills.products[int(tills.product[row])].sku
        self._store = tills.stores[int(tills.store[tills.basket[row]])]
        self._units = dice.randint(4, 60)

    def purchase(self) -> Iterator[Draft]:
        """Some arrive within days and some later; some of those that were due in seconds come too late."""
        dice, told = self._chance.dice, self._chance.moment()
        place = dice.choice((*WAREHOUSES, WAREHOUSES[0], self._store))
        soon = dice.randrange(SECOND, 9 * SECOND)
        ends = told + soon <= self._chance.span - SECOND  # before the simulation does
        ahead = dice.choice((_WITHIN, _WITHIN, _BEYOND, soon if ends else _WITHIN))
        yield self._version(told, 1, place, self._units, told + ahead)
        x = dice.random()
        later = self._chance.later(told)
        if x < 0.45:
            first = dice.randint(1, self._units)
            yield self._movement("receipt of an order", later, "RECEIPT", place, first)
            if x < 0.15:  # the rest, or more than that
                rest = self._units - first + dice.choice((0, 0, 3))
                yield self._movement(
                    "receipt of an order", self._chance.later(later), "RECEIPT", place, max(1, rest)
                )
            elif x < 0.25:
                yield self._version(self._chance.later(later), 2, place, 0, told + ahead, "CLOSED")
        elif x < 0.65:
            yield self._version(later, 2, place, self._units + dice.randint(-3, 9), later + _BEYOND)
        elif x < 0.75:
            yield self._version(later, 2, place, self._units, told + ahead, "CANCELLED")

    def transfer(self) -> Iterator[Draft]:
        """From a warehouse to a store: no more can come than has left."""
        told = self._chance.moment()
        yield self._version(told, 1, self._store, self._units, told + _WITHIN, kind="TRANSFER")
        leaves = self._chance.later(told, 0.1)
        sent = self._chance.dice.randint(1, self._units)
        yield self._movement("transfer out of an order", leaves, "TRANSFER_OUT", WAREHOUSES[0], sent)
        if self._chance.dice.random() < 0.5:
            came = self._chance.dice.randint(1, sent)
            arrives = self._chance.later(leaves)
            yield self._movement("transfer in of an order", arrives, "TRANSFER_IN", self._store, came)

    def _version(
        self, at: int, version: int, place: str, units: int, expected_at: int, status: str = "OPEN",
        kind: str = "PURCHASE_ORDER",
    ) -> Draft:  # fmt: skip
        occurred, sends = self._chance.told(at)
        return Draft(sends, "expected order", "expected-supply", self._sku, "ExpectedSupply", {
            "event_id": self._chance.event_id(), "source": "erp", "occurred_at": occurred, "recorded_at": sends,
            "reference": self._reference, "version": version, "kind": kind, "sku": self._sku,
            "location": place, "quantity": units, "expected_at": expected_at, "status": status,
        })  # fmt: skip

    def _movement(self, kind: str, at: int, movement: str, place: str, units: int) -> Draft:
        occurred, sends = self._chance.told(at)
        fields: dict[str, Any] = {
            "event_id": self._chance.event_id(), "source": "wms", "occurred_at": occurred,
            "recorded_at": sends, "sku": self._sku, "location": place, "movement": movement,
            "quantity": units, "reference": self._reference,
        }  # fmt: skip
        return Draft(sends, kind, "stock-movements", self._sku, "StockMovement", fields)
