"""Messages of a bundle as messages of its components."""

from typing import Any

import pytest

from tests.inventory.simulation import CODEC
from wire.explosion import component_message

ENVELOPE = {"event_id": "e", "source": "s", "occurred_at": 1, "recorded_at": 2, "correlation_id": "c"}


@pytest.mark.parametrize(
    ("record", "fields", "quantity"),
    [
        ("StockMovement", {"sku": "our kit", "location": "A", "movement": "ADJUST", "quantity": -2}, -6),
        (
            "StockCorrection",
            {"sku": "KIT", "location": "A", "quantity": 5, "state": "DAMAGED", "reason": "x"},
            15,
        ),
    ],
)
def test_all_but_sku_and_quantity_stays(record: str, fields: dict[str, Any], quantity: int) -> None:
    message = CODEC.encode(record, {**ENVELOPE, **fields})
    name, value = CODEC.decode(component_message(CODEC, message, "LAMP", 3, "KIT"))
    before = CODEC.decode(message)[1]
    assert (name, value) == (record, {**before, "sku": "LAMP", "quantity": quantity})


@pytest.mark.parametrize("action", ["PLACE", "RELEASE"])
def test_a_reservation_names_the_bundle(action: str) -> None:
    line = {"reservation_id": "o", "version": 1, "action": action, "sku": "our kit", "channel": "web", "quantity": 2,
            "commitment": "HARD"}  # fmt: skip
    message = CODEC.encode("Reservation", {**ENVELOPE, **line})
    _, value = CODEC.decode(component_message(CODEC, message, "LAMP", 3, "KIT"))
    assert value == {**CODEC.decode(message)[1], "sku": "LAMP", "quantity": 6, "bundle": "KIT"}


def test_a_till_line() -> None:
    sold = {"line": "7", "sku": "KIT", "quantity": -2, "to_state": "DAMAGED", "reservation_id": "o"}
    message = CODEC.encode(
        "PosTransaction", {**ENVELOPE, "transaction_id": "t", "location": "A", "lines": [sold]}
    )
    _, value = CODEC.decode(component_message(CODEC, message, "LAMP", 3, "KIT"))
    before = CODEC.decode(message)[1]
    assert value == {**before, "lines": [{**before["lines"][0], "sku": "LAMP", "quantity": -6}]}
