"""Stock around the tills: opening counts, receipts that follow demand, transfers, counts, conditions."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from loadtest.retail.baskets import due
from loadtest.retail.chance import HOUR, MINUTE, OPENED_AT, Chance
from loadtest.retail.drafts import Draft
from loadtest.retail.retailer import THIRD_PARTY, THIRD_PARTY_SITE, WAREHOUSES, Retailer
from loadtest.retail.tills import Longs, Tills

_RECEIPTS, _TRANSFERS, _COUNTS, _CONDITIONS, _CORRECTIONS = 0.05, 0.012, 0.02, 0.008, 0.003
_TOO_LATE = 5
_TOO_LATE_BY = 30 * HOUR


def opening_units(tills: Tills, seed: int) -> tuple[Longs, Longs, Longs]:
    """(store, product, units) of every position the tills sell from: about what is sold, some too little."""
    dice = np.random.default_rng(seed)
    many = len(tills.products)
    key, inverse = np.unique(tills.store_of_lines() * many + tills.product, return_inverse=True)
    sold = np.bincount(inverse, weights=tills.quantity)
    units = np.ceil(sold * dice.uniform(0.6, 1.8, len(key))) + dice.integers(1, 12, len(key))
    return key // many, key % many, units.astype(np.int64)


def opening(retailer: Retailer, seed: int) -> Iterator[Draft]:
    """One GROSS count of every position: the stores, then the warehouses."""
    tills = retailer.tills
    number = 0
    for store, product, units in zip(*(c.tolist() for c in opening_units(tills, seed)), strict=True):
        number += 1
        yield _count(
            f"opening-{seed}-{number:07d}", "erp", tills.stores[store], tills.products[product].sku, units
        )
    dice = np.random.default_rng(seed + 1)
    sold = np.bincount(tills.product, weights=tills.quantity, minlength=len(tills.products))
    for warehouse, part in zip(WAREHOUSES, (1.0, 0.6), strict=True):
        stocked = np.flatnonzero(dice.random(len(sold)) < part)
        units = (np.ceil(sold[stocked] * dice.uniform(0.05, 0.3, len(stocked))) + 10).astype(np.int64)
        for product, quantity in zip(stocked.tolist(), units.tolist(), strict=True):
            number += 1
            yield _count(
                f"opening-{seed}-{number:07d}", "erp", warehouse, tills.products[product].sku, quantity
            )


def _count(event: str, source: str, location: str, sku: str, units: int) -> Draft:
    return Draft(OPENED_AT, "opening count", "wms-adjustments", sku, "StockCount", {
        "event_id": event, "source": source, "occurred_at": OPENED_AT, "recorded_at": OPENED_AT, "sku": sku,
        "location": location, "quantity": units, "counted_at": OPENED_AT, "basis": "GROSS",
    })  # fmt: skip


class Stock:
    """Everything that moves stock beside sales and orders; each method yields one kind of message."""

    def __init__(self, retailer: Retailer, seed: int, span: int) -> None:
        self._retailer = retailer
        self._tills = retailer.tills
        self._seed = seed
        self._span = span

    def all(self) -> Iterator[Draft]:
        """Every message, kind by kind."""
        yield from self.receipts()
        yield from self.transfers()
        yield from self.counts()
        yield from self.late_counts()
        yield from self.conditions()
        yield from self.corrections()

    def receipts(self) -> Iterator[Draft]:
        """What was sold is replenished some time later, in larger units."""
        chance = self._chance("receipt")
        for store, sku, quantity, sold_at in self._sold(chance, _RECEIPTS):
            at = chance.later(sold_at, 0.2)
            units = quantity * chance.dice.randint(2, 6)
            yield self._movement(chance, at, "receipt", "wms", sku, store, "RECEIPT", units)

    def transfers(self) -> Iterator[Draft]:
        """From a warehouse to a store; DC2 is run by a third party that has its own code for it."""
        chance = self._chance("transfer")
        for store, sku, quantity, sold_at in self._sold(chance, _TRANSFERS):
            at = chance.later(sold_at, 0.1)
            units = quantity + chance.dice.randint(1, 6)
            third = chance.dice.random() < 0.4
            source, place = (THIRD_PARTY, THIRD_PARTY_SITE) if third else ("wms", WAREHOUSES[0])
            reference = f"transfer-{chance.dice.randrange(10**9):09d}"
            sent = self._movement(chance, at, "transfer out", source, sku, place, "TRANSFER_OUT", units)
            arrived = self._movement(
                chance, chance.later(at, 0.2), "transfer in", "wms", sku, store, "TRANSFER_IN", units
            )
            for draft in (sent, arrived):
                yield draft._replace(fields={**draft.fields, "reference": reference})

    def counts(self) -> Iterator[Draft]:
        """Cycle counts; of some conditions too. Some are told minutes or hours after they were made."""
        chance = self._chance("count")
        for store, sku, quantity, sold_at in self._sold(chance, _COUNTS):
            at = chance.later(sold_at, 0.5)
            _, sends = chance.told(at)
            x = chance.dice.random()
            age = 0
            if x < 0.2:
                age = chance.dice.randrange(30 * MINUTE)
            elif x < 0.25:
                age = chance.dice.randrange(7 * HOUR)
            counter = "ON_HAND"
            units = chance.dice.randrange(quantity * 8 + 12)
            if chance.dice.random() < 0.08:
                counter = chance.dice.choice(("DAMAGED", "QUALITY_CONTROL", "BLOCKED"))
                units = chance.dice.randrange(4)
            yield self._cycle(chance, sends, "cycle count", store, sku, units, at - age, counter)

    def late_counts(self) -> Iterator[Draft]:
        """Counts that come too late to be used: the engine asks for a recount."""
        chance = self._chance("late-count")
        for _ in range(_TOO_LATE):
            at = chance.moment()
            row = chance.dice.randrange(self._tills.lines)
            store, sku = self._place(row)
            yield self._cycle(chance, at, "count too late", store, sku, 1, at - _TOO_LATE_BY, "ON_HAND")

    def conditions(self) -> Iterator[Draft]:
        """Units are damaged, blocked, checked, and some are found good again."""
        chance = self._chance("condition")
        for store, sku, quantity, sold_at in self._sold(chance, _CONDITIONS):
            at = chance.later(sold_at, 0.3)
            units = chance.dice.randint(1, max(1, min(quantity, 5)))
            to = chance.dice.choice(("DAMAGED", "DAMAGED", "QUALITY_CONTROL", "BLOCKED"))
            changed = self._movement(
                chance, at, "change of condition", "wms", sku, store, "STATE_CHANGE", units
            )
            yield changed._replace(fields={**changed.fields, "from_state": "SELLABLE", "to_state": to})
            x = chance.dice.random()
            after = chance.later(at, 0.3)
            if x < 0.3:
                back = self._movement(
                    chance, after, "change of condition", "wms", sku, store, "STATE_CHANGE", units
                )
                yield back._replace(fields={**back.fields, "from_state": to, "to_state": "SELLABLE"})
            elif x < 0.5:
                gone = self._movement(chance, after, "write-off", "wms", sku, store, "ADJUST", -units)
                yield gone._replace(fields={**gone.fields, "from_state": to, "reason": "destroyed"})
            elif x < 0.7:
                returned = self._movement(
                    chance, after, "return", "returns-desk", sku, store, "RETURN", units
                )
                yield returned._replace(fields={**returned.fields, "to_state": "QUALITY_CONTROL"})

    def corrections(self) -> Iterator[Draft]:
        """Bookings set right, dated when the wrong one was made."""
        chance = self._chance("correction")
        for store, sku, quantity, sold_at in self._sold(chance, _CORRECTIONS):
            sends = chance.later(sold_at, 0.3)
            units = chance.dice.randint(1, max(1, min(quantity, 9))) * chance.dice.choice((-1, 1))
            state = chance.dice.choice(("SELLABLE", "SELLABLE", "SELLABLE", "DAMAGED"))
            yield Draft(sends, "correction", "wms-adjustments", sku, "StockCorrection", {
                "event_id": chance.event_id(), "source": "erp", "occurred_at": sold_at, "recorded_at": sends,
                "sku": sku, "location": store, "quantity": units, "state": state, "reason": "wrong booking",
            })  # fmt: skip

    def _chance(self, part: str) -> Chance:
        return Chance(self._seed, part, self._span)

    def _sold(self, chance: Chance, share: float) -> Iterator[tuple[str, str, int, int]]:
        """(store, sku, quantity, when) of a sample of the real lines."""
        tills = self._tills
        for _ in range(int(tills.lines * share)):
            row = chance.dice.randrange(tills.lines)
            store, sku = self._place(row)
            yield (
                store,
                sku,
                int(tills.quantity[row]),
                due(self._retailer, int(tills.at[tills.basket[row]]), self._span),
            )

    def _place(self, row: int) -> tuple[str, str]:
        tills = self._tills
        return tills.stores[int(tills.store[tills.basket[row]])], tills.products[int(tills.product[row])].sku

    def _movement(
        self,
        chance: Chance,
        at: int,
        kind: str,
        source: str,
        sku: str,
        location: str,
        movement: str,
        units: int,
    ) -> Draft:
        occurred, sends = chance.told(at)
        fields: dict[str, Any] = {
            "event_id": chance.event_id(), "source": source, "occurred_at": occurred, "recorded_at": sends,
            "sku": sku, "location": location, "movement": movement, "quantity": units,
        }  # fmt: skip
        return Draft(sends, kind, "stock-movements", sku, "StockMovement", fields)

    def _cycle(
        self,
        chance: Chance,
        sends: int,
        kind: str,
        store: str,
        sku: str,
        units: int,
        counted: int,
        counter: str,
    ) -> Draft:
        fields = {
            "event_id": chance.event_id(), "source": "wms", "occurred_at": counted, "recorded_at": sends,
            "sku": sku, "location": store, "quantity": units, "counted_at": counted,
            "count_sequence": chance.dice.randrange(3), "basis": "GROSS", "counter": counter,
        }  # fmt: skip
        return Draft(sends, kind, "wms-adjustments", sku, "StockCount", fields)
