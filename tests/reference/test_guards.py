"""What is refused, and under which code."""

from typing import Any

import pytest

from inventory.reference import NotModelled
from tests.reference.shop import DAY, HOUR, MINUTE, NOW, SKU, Shop


@pytest.mark.parametrize(
    ("kind", "states"),
    [
        ("RECEIPT", {"from_state": "DAMAGED"}),
        ("RETURN", {"from_state": "BLOCKED"}),
        ("TRANSFER_IN", {"from_state": "QUALITY_CONTROL"}),
        ("SHIP", {"to_state": "DAMAGED"}),
        ("TRANSFER_OUT", {"to_state": "DAMAGED"}),
        ("ADJUST", {"to_state": "DAMAGED"}),
        ("STATE_CHANGE", {}),
        ("STATE_CHANGE", {"from_state": "DAMAGED", "to_state": "DAMAGED"}),
    ],
)
def test_an_unused_state_is_sellable_and_a_state_changes(kind: str, states: dict[str, Any]) -> None:
    shop = Shop()
    assert shop.movement(kind, 1, **states) == "invalid_event"
    assert shop.on_hand() == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"sku": ""},
        {"sku": "x" * 129},
        {"sku": "é" * 65},
        {"location": ""},
        {"movement": "TELEPORT"},
        {"quantity": "1"},
        {"quantity": True},
        {"quantity": 2**63},
        {"occurred_at": None},
    ],
)
def test_a_wrong_field_is_invalid(fields: dict[str, Any]) -> None:
    shop = Shop()
    assert shop.receipt(**{"quantity": 1, **fields}) == "invalid_event"
    assert [code for code, *_ in shop.model.dead_letters] == ["invalid_event"]


def test_a_missing_field_is_invalid_and_an_absent_optional_one_is_its_default() -> None:
    shop = Shop()
    record = {"event_id": "e", "source": "s", "occurred_at": NOW, "recorded_at": NOW}
    count = {**record, "sku": SKU, "location": "DC1", "quantity": 4, "counted_at": NOW}
    assert shop.fold("StockCount", count) == "invalid_event"  # an undeclared basis
    assert shop.fold("StockCount", {**count, "basis": "GROSS"}) is None
    assert shop.on_hand() == 4


@pytest.mark.parametrize("quantity", [0, -1])
@pytest.mark.parametrize("kind", ["RECEIPT", "SHIP", "RETURN", "TRANSFER_OUT", "TRANSFER_IN"])
def test_a_movement_is_of_something(kind: str, quantity: int) -> None:
    assert Shop().movement(kind, quantity) == "invalid_quantity"


def test_quantities_of_0() -> None:
    shop = Shop()
    assert shop.movement("STATE_CHANGE", 0, to_state="DAMAGED") == "invalid_quantity"
    assert shop.movement("ADJUST", 0) == "invalid_quantity"
    assert shop.correction(0) == "invalid_quantity"
    assert shop.release("o", 0) == "invalid_quantity"
    assert shop.line("o", 1, -1) == "invalid_quantity"
    assert shop.line("o", 1, 0) is None
    assert shop.count(-1) == "invalid_quantity"
    assert shop.count(0) is None


def test_of_a_transaction_a_bad_line_concerns_itself_only() -> None:
    shop = Shop()
    assert shop.sale({"quantity": 0}, {"to_state": "DAMAGED"}, {"sku": ""}, {}, event_id="t") is None
    assert shop.on_hand() == -1
    assert shop.model.dead_letters == [
        ("invalid_quantity", "PosTransaction", "t", "1"),
        ("invalid_event", "PosTransaction", "t", "2"),
        ("invalid_event", "PosTransaction", "t", "3"),
    ]


def test_of_a_transaction_that_cannot_be_read_nothing_is_booked() -> None:
    shop = Shop()
    assert shop.sale({"quantity": "1"}, {}) == "invalid_event"
    assert shop.on_hand() == 0


def test_a_fact_may_be_as_far_ahead_as_clocks_are_apart() -> None:
    shop = Shop()
    apart: dict[str, Any] = {"at": 0, "recorded_at": NOW, "log_time": NOW - 5 * MINUTE}
    assert shop.receipt(1, **apart) is None
    assert shop.receipt(1, **{**apart, "log_time": NOW - 5 * MINUTE - 1}) == "from_the_future"
    assert shop.count(9, at=0, occurred_at=NOW - HOUR, log_time=NOW - 6 * MINUTE) == "from_the_future"
    assert shop.on_hand() == 1


def test_a_message_written_after_the_broker_got_it_has_a_broken_clock() -> None:
    """Its age could not be told: sent again next year it would be new, and booked twice."""
    shop = Shop()
    written: dict[str, Any] = {"at": -HOUR, "recorded_at": NOW, "log_time": NOW - 5 * MINUTE}
    assert shop.receipt(1, **written) is None
    for late in (NOW + 1, NOW + 1000 * DAY):
        assert shop.receipt(1, **{**written, "recorded_at": late}) == "from_the_future"
        assert (
            shop.receipt(1, **{**written, "recorded_at": late}, accept_beyond_horizon=True)
            == "from_the_future"
        )
    assert shop.on_hand() == 1


def test_a_file_sent_again_next_week_is_for_a_person_to_judge() -> None:
    shop = Shop()
    late: dict[str, Any] = {"at": -4 * DAY, "recorded_at": NOW - 3 * DAY - 1, "log_time": NOW}
    assert shop.receipt(1, **late) == "beyond_horizon"
    assert shop.line("o", 1, 1, **late) == "beyond_horizon"
    assert shop.receipt(1, **{**late, "recorded_at": NOW - 3 * DAY}) is None
    assert shop.receipt(1, **late, accept_beyond_horizon=True) is None
    assert shop.on_hand() == 2


def test_a_person_who_accepts_an_old_record_accepts_nothing_else() -> None:
    shop = Shop()
    assert shop.ship(-1, accept_beyond_horizon=True) == "invalid_quantity"
    shop.count(1, at=-4 * DAY, log_time=NOW, accept_beyond_horizon=True)
    assert shop.exceptions() == ["count_too_late"]


def test_what_cannot_be_read_at_all() -> None:
    shop = Shop()
    assert shop.fold("StockMovement", None, key=SKU) == "undecodable"
    assert shop.fold("StockMovement", {}, key=SKU) == "invalid_event"
    assert shop.model.dead_letters == [
        ("undecodable", "StockMovement", SKU, None),
        ("invalid_event", "StockMovement", SKU, None),
    ]


def test_what_the_model_does_not_compute_is_said_aloud() -> None:
    shop = Shop()
    with pytest.raises(NotModelled):
        shop.fold("Availability", {})


@pytest.mark.parametrize(
    "fields", [{"event_id": ""}, {"source": ""}, {"reason": "x" * 501}, {"line": "é" * 251}]
)
def test_texts_that_cannot_be_meant_are_invalid(fields: dict[str, Any]) -> None:
    shop = Shop()
    assert shop.receipt(**{"quantity": 1, **fields}) == "invalid_event"
    assert shop.receipt(quantity=1, reason="x" * 500, line="é" * 250) is None


def test_a_quantity_beyond_a_billion_is_a_mistake() -> None:
    shop = Shop()
    assert shop.receipt(quantity=10**9) is None
    assert shop.receipt(quantity=10**9 + 1) == "invalid_quantity"
    assert shop.movement("ADJUST", -(10**9) - 1) == "invalid_quantity"
    assert shop.on_hand() == 10**9
