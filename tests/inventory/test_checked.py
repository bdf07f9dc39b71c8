"""Checked reservations on whole lanes."""

from typing import Any

from tests.inventory.shop import Shop
from tests.reference.shop import HOUR, MINUTE, NOW, SECOND, SKU

GRACE = 30 * SECOND


def request(shop: Shop, order: str, version: int, quantity: int, *, at: int = -MINUTE, **fields: Any) -> None:
    hold = {"commitment": "SOFT", "expires_at": NOW + 10 * MINUTE, "location": None, "mode": "CHECKED"}
    shop.line(order, version, quantity, at=at, **{**hold, **fields})


def ask(shop: Shop, order: str, version: int, quantity: int, *, now: int = 0, **fields: Any) -> tuple[Any, ...]:
    """One request, and its answer."""
    request(shop, order, version, quantity, **fields)
    told = len(shop.cluster.answers)
    shop.run(now)
    (answer,) = shop.cluster.answers[told:]
    return brief(answer)


def brief(answer: dict[str, Any]) -> tuple[Any, ...]:
    return answer["outcome"], answer["reason"], answer["quantity"], answer["available"]


def stocked(quantity: int = 10, **config: int) -> Shop:
    shop = Shop(lanes=1, **config)
    shop.count(quantity, at=-HOUR)
    shop.run()
    return shop


def test_first_come_first_served_and_never_more_than_there_is() -> None:
    shop = stocked()
    for order in "abc":
        request(shop, order, 1, 4)
    shop.run()
    assert [brief(answer) for answer in shop.cluster.answers] == [
        ("ACCEPTED", None, 4, 10),
        ("ACCEPTED", None, 4, 6),
        ("REFUSED", "insufficient", 0, 2),
    ]
    assert shop.available() == 2
