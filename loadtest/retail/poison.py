"""Messages that must end in `dead-letters`, and messages that must wait because nobody knows their names."""

from collections.abc import Iterator
from typing import Any

from loadtest.retail.chance import HOUR, Chance
from loadtest.retail.drafts import SPOILERS, Draft
from loadtest.retail.retailer import Retailer

_EACH = 4
_TOO_OLD = -100 * HOUR
_TOO_NEW = 2 * HOUR


def poisoned(retailer: Retailer, seed: int, span: int) -> Iterator[Draft]:
    """A handful of every kind of message that cannot or may not be applied."""
    chance = Chance(seed, "poison", span)
    for _ in range(_EACH):
        for spoil in SPOILERS:
            yield _movement(retailer, chance, f"poison: {spoil}", "undecodable", spoil=spoil)
        yield _movement(retailer, chance, "poison: from the future", "from_the_future", occurred_at=_TOO_NEW)
        yield _movement(
            retailer, chance, "poison: beyond the horizon", "beyond_horizon", recorded_at=_TOO_OLD
        )
        yield _movement(retailer, chance, "poison: quantity 0", "invalid_quantity", quantity=0)
        yield _movement(
            retailer, chance, "poison: negative quantity", "invalid_quantity", movement="RECEIPT", quantity=-5
        )
        yield _movement(retailer, chance, "poison: no change", "invalid_event", movement="STATE_CHANGE")
        yield _movement(
            retailer,
            chance,
            "poison: unused state",
            "invalid_event",
            movement="RECEIPT",
            from_state="DAMAGED",
        )
        yield _transaction(retailer, chance)


def unknown(retailer: Retailer, seed: int, span: int) -> Iterator[Draft]:
    """Events of a sku, a place and a channel that never appear: parked, until the parking horizon."""
    chance = Chance(seed, "unknown", span)
    for number in range(_EACH * 5):
        yield _movement(retailer, chance, "unknown sku", None, sku=f"GHOST-{number:02d}")
    for _ in range(_EACH):
        yield _movement(retailer, chance, "unknown location", None, location="S999")
        at = chance.moment()
        sku = retailer.tills.products[0].sku
        yield Draft(at, "unknown channel", "reservations", sku, "Reservation", {
            "event_id": chance.event_id(), "source": "shop", "occurred_at": at, "recorded_at": at,
            "reservation_id": chance.event_id(), "version": 1, "action": "PLACE", "sku": sku,
            "channel": "fax", "quantity": 1, "commitment": "HARD",
        })  # fmt: skip
        # Stock that moved has moved: of a movement an unknown channel is only reported.
        yield _movement(retailer, chance, "sale by an unknown channel", None, channel="fax")


def _movement(
    retailer: Retailer, chance: Chance, kind: str, code: str | None, *, spoil: str | None = None, **other: Any
) -> Draft:
    at = chance.moment()
    tills = retailer.tills
    row = chance.dice.randrange(tills.lines)
    sku = other.get("sku", tills.products[int(tills.product[row])].sku)
    fields = {
        "event_id": chance.event_id(), "source": "wms", "occurred_at": at, "recorded_at": at, "sku": sku,
        "location": tills.stores[int(tills.store[tills.basket[row]])], "movement": "SHIP", "quantity": 7,
    } | other  # fmt: skip
    return Draft(at, kind, "stock-movements", sku, "StockMovement", fields, poison=code, spoil=spoil)


def _transaction(retailer: Retailer, chance: Chance) -> Draft:
    """A sale of two lines, of which one has quantity 0: that line alone is a dead letter."""
    at = chance.moment()
    tills = retailer.tills
    row = chance.dice.randrange(tills.lines)
    store = int(tills.store[tills.basket[row]])
    sku = retailer.till_identifier(store, int(tills.product[row]))
    event = chance.event_id()
    return Draft(at, "poison: a line with quantity 0", "pos-sales", tills.stores[store], "PosTransaction", {
        "event_id": event, "source": retailer.till_source(store), "occurred_at": at, "recorded_at": at,
        "location": tills.stores[store], "transaction_id": event, "register": "1",
        "lines": [{"line": "1", "sku": sku, "quantity": 1}, {"line": "2", "sku": sku, "quantity": 0}],
    }, poison="invalid_quantity")  # fmt: skip
