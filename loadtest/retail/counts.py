"""Counts that are hard to get right: net of orders, whole stocks, and those around sales that are told late."""

import random
from collections.abc import Iterator

import numpy as np

from loadtest.retail.baskets import due, offline
from loadtest.retail.chance import MINUTE, SECOND, Chance
from loadtest.retail.drafts import Draft
from loadtest.retail.orders import Orders, Wanted
from loadtest.retail.retailer import THIRD_PARTY, THIRD_PARTY_SITE, WAREHOUSES, Retailer
from loadtest.retail.stock import opening_units

_NET_SKUS, _NET_ORDERS, _NET_COUNTS = 60, 240, 3
_RECOUNTS = 12
_LISTED = 0.85
_LARGEST_STOCK = 1_500
"""Positions of a store that sends its whole stock."""


def counts(retailer: Retailer, seed: int, span: int) -> Iterator[Draft]:
    """All of them, kind by kind."""
    yield from net_feed(retailer, seed, span)
    yield from around_late_sales(retailer, seed, span)
    yield from whole_stocks(retailer, seed, span)


def net_feed(retailer: Retailer, seed: int, span: int) -> Iterator[Draft]:
    """The logistics provider counts what is left after the orders it knows, and these orders are told by the shop."""
    chance = Chance(seed, "net", span)
    tills, dice = retailer.tills, chance.dice
    products = np.unique(tills.product[: tills.lines // 2]).tolist()
    chosen = [p for p in products if p not in retailer.launches]
    chosen = dice.sample(chosen, min(_NET_SKUS, len(chosen)))

    def want(dice: random.Random) -> Wanted:
        product = dice.choice(chosen)
        sku = tills.products[product].sku
        return Wanted(sku, retailer.listing.get(product, sku), dice.choice(tills.stores), WAREHOUSES[1])

    yield from Orders(Chance(seed, "net-order", span), "3pl-", want).all(_NET_ORDERS)
    for product in chosen * _NET_COUNTS:
        at = chance.moment()
        _, sends = chance.told(at)
        counted = at - dice.choice((0, 0, dice.randrange(SECOND), dice.randrange(20 * MINUTE)))
        sku = tills.products[product].sku
        yield Draft(sends, "net count", "wms-adjustments", sku, "StockCount", {
            "event_id": chance.event_id(), "source": THIRD_PARTY, "occurred_at": counted,
            "recorded_at": sends, "sku": sku, "location": THIRD_PARTY_SITE, "quantity": dice.randrange(25),
            "counted_at": counted, "basis": "NET", "net_of": dice.choice(("HARD", "SOFT_AND_HARD")),
            "demand_as_of": dice.choice((None, counted - 2 * SECOND)),
        })  # fmt: skip


def around_late_sales(retailer: Retailer, seed: int, span: int) -> Iterator[Draft]:
    """Cycle counts in stores that are offline: some told before the sales that they have seen, some after."""
    chance = Chance(seed, "recount", span)
    tills = retailer.tills
    stores = tills.store_of_lines()
    for store, (begin, end, ago) in offline(retailer, seed, span).items():
        rows = np.flatnonzero(stores == store).tolist()
        told_late = [row for row in rows if begin <= _sold_at(retailer, row, span) < end]
        for row in chance.dice.sample(told_late, min(_RECOUNTS, len(told_late))):
            before = chance.dice.randrange(_sold_at(retailer, row, span), end)
            after = chance.later(end, 0.1)
            for kind, at, counted in (
                ("count before its late sales", before, before - ago),
                ("count after late sales", after, after),
            ):
                if chance.dice.random() < 0.7:
                    yield _count(chance, kind, "wms", at, counted, tills.stores[store], _sku(retailer, row))


def whole_stocks(retailer: Retailer, seed: int, span: int) -> Iterator[Draft]:
    """Two stores send all that they have: one the whole of it, one a batch of which an item is missing."""
    chance = Chance(seed, "snapshot", span)
    tills = retailer.tills
    store, product, _ = opening_units(tills, seed)
    positions = np.bincount(store, minlength=len(tills.stores))
    largest = np.argsort(-np.where(positions <= _LARGEST_STOCK, positions, 0), kind="stable")
    for number, chosen in enumerate(largest[:2].tolist()):
        has = [tills.products[p].sku for p in product[store == chosen].tolist()]
        listed = [sku for sku in has if chance.dice.random() < _LISTED]
        whole = number == 0
        yield from _batch(chance, tills.stores[chosen], listed, f"stock-{seed}-{number}", whole)


def _batch(chance: Chance, store: str, skus: list[str], batch: str, whole: bool) -> Iterator[Draft]:
    """A NONZERO snapshot as of one instant, told in any order in the time after it."""
    as_of = int(chance.span * chance.dice.uniform(0.2, 0.6))
    source = f"stock-{store}"
    kind = "snapshot" if whole else "broken snapshot"
    for marker in ("BEGIN", "END"):
        sends = chance.later(as_of, 0.2)
        yield Draft(sends, f"{kind}: {marker.lower()}", "wms-adjustments", source, "SnapshotMarker", {
            "event_id": chance.event_id(), "source": source, "occurred_at": as_of, "recorded_at": sends,
            "batch_id": batch, "marker": marker, "mode": "NONZERO", "locations": [store], "basis": "GROSS",
            "as_of": as_of, "items": len(skus) if marker == "END" else 0,
        })  # fmt: skip
    for sequence, sku in enumerate(skus):
        item = _count(chance, f"{kind}: item", source, chance.later(as_of, 0.2), as_of, store, sku)
        fields = {**item.fields, "count_sequence": 0, "batch": {"batch_id": batch, "sequence": sequence}}
        if whole or sequence:
            yield item._replace(fields=fields)


def _count(chance: Chance, kind: str, source: str, sends: int, counted: int, store: str, sku: str) -> Draft:
    return Draft(sends, kind, "wms-adjustments", sku, "StockCount", {
        "event_id": chance.event_id(), "source": source, "occurred_at": counted, "recorded_at": sends,
        "sku": sku, "location": store, "quantity": chance.dice.randint(1, 20), "counted_at": counted,
        "count_sequence": chance.dice.randrange(3), "basis": "GROSS",
    })  # fmt: skip


def _sold_at(retailer: Retailer, row: int, span: int) -> int:
    return due(retailer, int(retailer.tills.at[retailer.tills.basket[row]]), span)


def _sku(retailer: Retailer, row: int) -> str:
    return retailer.tills.products[int(retailer.tills.product[row])].sku
