"""Numbers at the edges of what a message can hold: refused, or exact."""

import json

import pytest

from inventory.columns import MAX_QUANTITY
from tests.inventory.shop import SKU, Shop
from tests.reference.shop import HOUR, NOW

LAST, FIRST = 2**63 - 1, -(2**63) + 1  # of a long; -2^63 stands for null


def test_a_quantity_beyond_a_billion_is_refused_by_every_kind_of_record() -> None:
    shop = Shop()
    for units in (MAX_QUANTITY + 1, 2**62, LAST):
        shop.count(units)
        shop.movement("RECEIPT", units)
        shop.movement("ADJUST", -units)
        shop.correction(-units)
        shop.line("o", 1, units, location=None)
        shop.sale({"quantity": -units})
    assert shop.letters() == ["invalid_quantity"] * 18
    assert shop.row().nodes == {}


def test_sums_and_percentages_of_the_greatest_quantities_are_exact() -> None:
    shop = Shop()
    shop.rule("share", "sh", json.dumps({"channel": "web", "percent": "33.3333"}))
    shop.rule("safety_stock", "ss", json.dumps({"percent": "0.0001"}))
    shop.count(MAX_QUANTITY)
    for _ in range(9_999):
        shop.movement("RECEIPT", MAX_QUANTITY, at=-1)
    units = 10_000 * MAX_QUANTITY
    assert shop.on_hand() == units
    withheld = units // 1_000_000
    assert shop.told("web")["pool"] == units - withheld
    assert shop.available("web") == (units - withheld) * 333_333 // 1_000_000


@pytest.mark.parametrize("at", [FIRST, FIRST + 5, -1, 0])
def test_times_long_past_are_too_late_or_beyond_the_horizon(at: int) -> None:
    shop = Shop()
    shop.movement("RECEIPT", 7)
    shop.count(1000, counted_at=at)
    shop.movement("RECEIPT", 9, recorded_at=at)
    assert shop.on_hand() == 7
    assert shop.opened() == ["count_too_late"]
    assert shop.letters() == ["beyond_horizon"]


@pytest.mark.parametrize("at", [LAST, LAST - 5, 2**62])
def test_times_far_ahead_are_from_the_future(at: int) -> None:
    shop = Shop()
    shop.count(5)
    shop.count(1000, counted_at=at)
    shop.movement("RECEIPT", 9, occurred_at=at)
    shop.sale({"quantity": 0}, {"quantity": LAST}, occurred_at=at)
    shop.movement("RECEIPT", 9, recorded_at=at)
    shop.line("o", 1, 1, commitment="SOFT", expires_at=at)
    assert shop.available() == 4
    assert shop.letters() == ["from_the_future"] * 5


def test_versions_at_the_edges_are_compared_as_numbers() -> None:
    shop = Shop()
    shop.count(5)
    shop.line("o", LAST, 1)
    shop.line("o", FIRST, 3)
    shop.line("o", LAST - 1, 2)
    assert shop.available() == 4


def test_texts_are_bounded() -> None:
    shop = Shop()
    shop.movement("RECEIPT", 1, reason="x" * 500)
    shop.movement("RECEIPT", 1, reason="x" * 501)
    shop.movement("RECEIPT", 1, event_id="x" * 501)
    shop.sale({}, register="é" * 251)
    assert shop.letters() == ["invalid_event"] * 3
    assert shop.on_hand() == 1
    assert shop.cluster.view.rows[SKU].channels["web"]["available"] == 1


@pytest.mark.parametrize("at", [FIRST, -(2**62), 0, 2**62, LAST])
def test_a_delivery_and_a_need_may_be_dated_as_they_like(at: int) -> None:
    shop = Shop()
    shop.count(5)
    shop.rule("in_transit", "it", '{"channel": "web", "confidence": "1", "within_days": 366}')
    line = {"reference": "P", "version": LAST, "kind": "ASN", "quantity": 7, "status": "OPEN"}
    shop.event("ExpectedSupply", -HOUR, {**line, "expected_at": at})
    shop.line("o", 1, 1, needed_at=at)
    assert (shop.available(), shop.letters()) == (4, [])
    expected = [(0, 0, at, 7)] if at > NOW else []
    assert [row for row in shop.row().dated if row[0] == 0] == expected
    assert shop.run(HOUR).available() == 4


@pytest.mark.parametrize("at", [FIRST, FIRST + 59_999, -(2**62)])
def test_a_sale_long_past_counts_for_no_fence(at: int) -> None:
    shop = Shop()
    shop.count(5)
    shop.rule("ring_fence", "rf", json.dumps({"channel": "web", "units": 3, "set_at": NOW - HOUR}))
    shop.movement("SHIP", 1, occurred_at=at, channel="web")
    shop.line("o", 1, 1, occurred_at=at)
    assert (shop.told()["grant"], shop.letters()) == (3, [])


@pytest.mark.parametrize("at", [2**63, -(2**63), 2**200])
def test_a_fence_is_set_at_a_time_that_fits(at: int) -> None:
    shop = Shop()
    shop.rule("ring_fence", "rf", json.dumps({"channel": "web", "units": 3, "set_at": at}))
    assert shop.letters() == ["invalid_event"]
