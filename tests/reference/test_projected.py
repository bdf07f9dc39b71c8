"""Available by date."""

import pytest

from inventory.reference import UnknownIdentifier
from tests.reference.shop import DAY, HOUR, MINUTE, NOW, SKU, Shop

MIDNIGHT = DAY - NOW % DAY
"""The end of today (UTC), from NOW."""


def stocked(units: int = 10) -> Shop:
    shop = Shop()
    shop.count(units)
    return shop


def test_days_are_utc_and_the_first_is_today() -> None:
    for due, expected in (
        (0, [15, 15, 15]),
        (MIDNIGHT - 1, [15, 15, 15]),
        (MIDNIGHT, [10, 15, 15]),
        (MIDNIGHT + DAY - 1, [10, 15, 15]),
        (MIDNIGHT + DAY, [10, 10, 15]),
    ):
        shop = stocked()
        shop.expect("PO-1", 1, 5, due=due)
        assert shop.projected(3) == expected


def test_what_is_needed_on_a_day_is_promised_from_today_on() -> None:
    shop = stocked()
    shop.expect("PO-1", 1, 5, due=2 * DAY)
    shop.line("o", 1, 8, needed_at=NOW + MIDNIGHT + 4 * DAY)
    assert shop.projected(7) == [7] * 7
    # Also if that day is not asked for.
    assert shop.projected(3) == [7] * 3
    shop.line("p", 1, 8, needed_at=NOW + MIDNIGHT)
    assert shop.projected(4) == [-1, -1, -1, -1]
    assert shop.projected(0) == []


def test_a_line_without_a_date_or_late_is_needed_now() -> None:
    for needed_at in (None, NOW, NOW - 9 * DAY):
        shop = stocked()
        shop.line("o", 1, 4, needed_at=needed_at)
        shop.expect("PO-1", 1, 5, due=DAY)
        assert shop.projected(3) == [6, 11, 11]


def test_only_open_lines_ask_and_what_they_still_have() -> None:
    shop = stocked()
    shop.line("o", 1, 4, needed_at=NOW + DAY)
    shop.ship(1, reservation_id="o", at=-MINUTE)
    assert shop.projected(2) == [6, 6]
    shop.line("p", 1, 2, commitment="SOFT", expires_at=NOW)
    assert (shop.projected(1), shop.projected(1, at=1)) == ([4], [6])
    shop.cancel("o", 2)
    assert shop.projected(1, at=1) == [9]


def test_unsourced_demand_asks_where_its_channel_shares_a_place() -> None:
    shop = Shop(
        locations=["A", "B", "C"], channels={"web": {}, "store": {"id": "B"}, "depot": {"id": ["A", "C"]}}
    )
    for location in ("A", "B", "C"):
        shop.count(10, location=location)
    shop.line("o", 1, 3, location=None, channel="store")
    shop.line("p", 1, 1, location="A", channel="store")
    shop.line("q", 1, 2, location="C", channel="depot")
    assert [shop.projected(1, name) for name in ("web", "store", "depot")] == [[24], [7], [17]]
    # What was at a place that is no more asks anew, wherever its channel sells.
    shop.location("C", deleted=True)
    assert [shop.projected(1, name) for name in ("web", "store", "depot")] == [[14], [7], [7]]


def test_expected_lines_count_in_full_and_overdue_ones_not_at_all() -> None:
    shop = stocked(0)
    shop.rule("in_transit", "it", confidence="0.1", within_days=0)
    shop.expect("PO-1", 1, 9, due=3 * DAY)
    shop.expect("PO-2", 1, 7, due=-1)
    shop.expect("PO-3", 1, 7, due=DAY, status="CANCELLED")
    assert shop.projected(5) == [0, 0, 0, 9, 9]
    shop.receipt(4, reference="PO-1", at=-MINUTE)
    assert shop.projected(5) == [4, 4, 4, 9, 9]


def test_a_transfer_brings_at_most_what_was_sent() -> None:
    shop = Shop(locations=["DC1", "S1"], channels={"web": {"id": "DC1"}})
    shop.expect("T-1", 1, 9, due=DAY, kind="TRANSFER")
    assert shop.projected(2) == [0, 0]
    shop.movement("TRANSFER_OUT", 5, location="S1", reference="T-1")
    assert shop.projected(2) == [0, 5]
    shop.movement("TRANSFER_IN", 2, reference="T-1", at=-MINUTE)
    assert shop.projected(2) == [2, 5]


def test_it_is_before_all_that_rules_keep_back() -> None:
    shop = stocked()
    shop.rule("safety_stock", "ss", units=2)
    shop.rule("network_safety_stock", "ns", units=5)
    shop.rule("buffer", "bu", units=1)
    shop.rule("cap", "ca", units=1)
    shop.rule("backorder", "bo", units=100)
    shop.rule("exclusion", "ex")
    shop.fence("rf", "web", units=3)
    assert shop.projected(1) == [10]
    shop.item(SKU, active=False)
    assert shop.projected(2) == [0, 0]


def test_a_place_below_0_takes_nothing_from_others() -> None:
    shop = Shop(locations=["A", "B"])
    shop.count(5, location="A", at=-2 * HOUR)
    shop.ship(7, location="B")
    assert shop.projected(1) == [5]


def test_who_is_not_known_is_told_nothing() -> None:
    shop = stocked()
    with pytest.raises(UnknownIdentifier):
        shop.projected(1, "nowhere")
    with pytest.raises(UnknownIdentifier):
        shop.projected(1, sku="SKU-2")
