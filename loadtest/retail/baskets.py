"""The real baskets as `pos-sales`: late stores, sales told twice, returns at the till."""

from collections.abc import Iterator
from typing import Any

from loadtest.retail.chance import HOUR, Chance
from loadtest.retail.drafts import Draft
from loadtest.retail.retailer import Retailer
from loadtest.retail.tills import Basket

LATE_STORES = 6
_OFFLINE_SINCE = 4 * HOUR
_SHORT_FIRST = 0.01
_RETURNS = 0.005
_KITS, _FEWEST_KITS = 0.001, 40


def plain_sales(retailer: Retailer, span: int) -> Iterator[Draft]:
    """Every real basket once, at its place in the span, nothing around it."""
    for basket in retailer.tills.baskets():
        at = due(retailer, basket.at, span)
        yield transaction(retailer, basket, at, at, "sale")


def sales(retailer: Retailer, seed: int, span: int) -> Iterator[Draft]:
    """Every real basket, with the disorder of real networks.

    Some stores are offline for a while and then send everything at once, one of them since hours before
    the start. Of some baskets the first message lacks the last line; a second, in a new envelope, has all.
    """
    chance = Chance(seed, "sale", span)
    outages = offline(retailer, seed, span)
    for basket in retailer.tills.baskets():
        at = due(retailer, basket.at, span)
        outage = outages.get(basket.store)
        if outage is not None and outage[0] <= at < outage[1]:
            occurred = at - outage[2]
            yield transaction(retailer, basket, occurred, outage[1], "sale in a late store batch")
            continue
        occurred, sends = chance.told(at)
        whole = transaction(retailer, basket, occurred, sends, "sale")
        if basket.last - basket.first > 1 and chance.dice.random() < _SHORT_FIRST:
            yield whole._replace(
                fields={**whole.fields, "lines": whole.fields["lines"][:-1]}, kind="sale, incomplete"
            )
            again = chance.later(sends)
            whole = whole._replace(
                sends=again, fields={**whole.fields, "recorded_at": again}, kind="sale, told again in full"
            )
        yield whole


def returns(retailer: Retailer, seed: int, span: int) -> Iterator[Draft]:
    """Some real lines come back: a negative line in a transaction of its own, sometimes damaged."""
    chance = Chance(seed, "return", span)
    tills = retailer.tills
    for _ in range(int(tills.lines * _RETURNS)):
        row = chance.dice.randrange(tills.lines)
        store, product = int(tills.store[tills.basket[row]]), int(tills.product[row])
        sold_at = due(retailer, int(tills.at[tills.basket[row]]), span)
        occurred, sends = chance.told(chance.later(sold_at, 0.5))
        event = chance.event_id()
        yield Draft(sends, "return at the till", "pos-sales", tills.stores[store], "PosTransaction", {
            "event_id": event,
            "source": retailer.till_source(store),
            "occurred_at": occurred,
            "recorded_at": sends,
            "location": tills.stores[store],
            "transaction_id": event,
            "register": "service",
            "lines": [{
                "line": "1",
                "sku": retailer.till_identifier(store, product),
                "quantity": -min(int(tills.quantity[row]), 3),
                "to_state": chance.dice.choice(("SELLABLE", "SELLABLE", "DAMAGED", "QUALITY_CONTROL")),
            }],
        })  # fmt: skip


def kits(retailer: Retailer, seed: int, span: int) -> Iterator[Draft]:
    """Bundles sold at tills, beside other things, and some of them brought back."""
    chance = Chance(seed, "kit-sale", span)
    tills = retailer.tills
    for _ in range(max(_FEWEST_KITS, int(tills.lines * _KITS))):
        row = chance.dice.randrange(tills.lines)
        store = int(tills.store[tills.basket[row]])
        kit = chance.dice.choice(retailer.kits)
        other = retailer.till_identifier(store, int(tills.product[row]))
        back = chance.dice.random() < 0.15
        occurred, sends = chance.told(chance.moment())
        event = chance.event_id()
        kind = "bundle: return at the till" if back else "bundle: sale"
        yield Draft(sends, kind, "pos-sales", tills.stores[store], "PosTransaction", {
            "event_id": event,
            "source": retailer.till_source(store),
            "occurred_at": occurred,
            "recorded_at": sends,
            "location": tills.stores[store],
            "transaction_id": event,
            "register": "1",
            "channel": chance.dice.choice((None, "pickup")),
            "lines": [
                {"line": "1", "sku": kit.sku, "quantity": -1 if back else chance.dice.randint(1, 2)},
                {"line": "2", "sku": other, "quantity": 1},
            ],
        })  # fmt: skip


def due(retailer: Retailer, at: int, span: int) -> int:
    """A real instant of the window (ms since its first basket) on the compressed time line."""
    return at * span // (retailer.tills.span_ms + 1)


def transaction(retailer: Retailer, basket: Basket, occurred: int, sends: int, kind: str) -> Draft:
    """The message of one real basket."""
    tills = retailer.tills
    store = tills.stores[basket.store]
    lines: list[dict[str, Any]] = [
        {"line": str(number), "sku": retailer.till_identifier(basket.store, product), "quantity": quantity}
        for number, (product, quantity) in enumerate(
            zip(
                tills.product[basket.first : basket.last].tolist(),
                tills.quantity[basket.first : basket.last].tolist(),
                strict=True,
            ),
            1,
        )
    ]
    return Draft(sends, kind, "pos-sales", store, "PosTransaction", {
        "event_id": f"{store}-{basket.register}-{basket.date}-{basket.transaction}",
        "source": retailer.till_source(basket.store),
        "occurred_at": occurred,
        "recorded_at": sends,
        "correlation_id": basket.transaction,
        "location": store,
        "transaction_id": basket.transaction,
        "register": basket.register,
        "lines": lines,
    })  # fmt: skip


def offline(retailer: Retailer, seed: int, span: int) -> dict[int, tuple[int, int, int]]:
    """Per late store: offline from, back at, and how long before that its sales really were made."""
    chance = Chance(seed, "outage", span)
    stores = chance.dice.sample(
        range(len(retailer.tills.stores)), min(LATE_STORES, len(retailer.tills.stores))
    )
    outages: dict[int, tuple[int, int, int]] = {}
    for number, store in enumerate(stores):
        begin = 0 if number == 0 else chance.dice.randrange(chance.span // 2)
        end = begin + int(chance.span * chance.dice.uniform(0.15, 0.4))
        outages[store] = (begin, end, _OFFLINE_SINCE if number == 0 else 0)
    return outages
