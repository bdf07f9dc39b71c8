"""Why there is less than what was promised."""

from typing import Any

import pytest
from hypothesis import given

from inventory.reference import ReferenceModel
from tests.reference.histories import EVERYTHING, MASTER_DATA, Told, ask, histories, tell
from tests.reference.shop import DAY, HOUR, MINUTE, NOW, SKU, Shop

ORDERED = [("DC1", "fact_reservation", "order", 4)]


def causes(shop: Shop, *, at: int = 0) -> list[tuple[str, str, str, int]]:
    found = shop.model.oversell_causes(SKU, NOW + at)
    return sorted(
        (where, cause.what, cause.event_id, cause.units) for where in found for cause in found[where]
    )


def sold_out() -> Shop:
    """Ten units, all of them ordered."""
    shop = Shop()
    shop.receipt(10, at=-3 * HOUR)
    shop.line("o", 1, 10, at=-2 * HOUR)
    return shop


def test_a_fact_reservation_beyond_stock() -> None:
    shop = sold_out()
    assert causes(shop) == []
    shop.line("p", 1, 4, event_id="order")
    assert causes(shop) == ORDERED


@pytest.mark.parametrize(
    ("name", "fields", "what"),
    [
        ("ship", {"quantity": 4}, "shipment"),
        ("ship", {"quantity": 4, "log_time": NOW}, "late_shipment"),
        ("ship", {"quantity": 4, "log_time": NOW - HOUR + 5 * MINUTE}, "shipment"),
        ("sale", {"lines": {"quantity": 4}, "log_time": NOW}, "late_sale"),
        ("movement", {"kind": "TRANSFER_OUT", "quantity": 4}, "movement"),
        ("correction", {"quantity": -4}, "correction"),
        ("count", {"quantity": 6}, "count"),
        ("count", {"quantity": 6, "log_time": NOW}, "late_count"),
    ],
)
def test_what_leaves_less_than_was_ordered(name: str, fields: dict[str, Any], what: str) -> None:
    shop = sold_out()
    lines = [fields.pop("lines")] if "lines" in fields else []
    getattr(shop, name)(*lines, event_id="e", **dict(fields))
    assert causes(shop) == [("DC1", what, "e", 4)]


def test_a_feed_that_does_not_list_what_was_ordered() -> None:
    shop = sold_out()
    feed = {"batch_id": "b", "marker": "END", "mode": "NONZERO", "locations": ["DC1"], "basis": "GROSS"}
    shop.event("SnapshotMarker", {**feed, "as_of": NOW - HOUR, "items": 0}, -HOUR, {"log_time": NOW})
    assert causes(shop) == [("DC1", "late_snapshot", "b", 10)]
    shop = sold_out()
    for log_time in (NOW - HOUR, NOW):  # told again later, it was complete all the time
        shop.event("SnapshotMarker", {**feed, "as_of": NOW - HOUR, "items": 0}, -HOUR, {"log_time": log_time})
    assert causes(shop) == [("DC1", "snapshot", "b", 10)]


def test_only_what_came_since_there_was_last_enough_in_the_order_of_the_log() -> None:
    shop = sold_out()
    shop.ship(4, at=-40 * MINUTE, event_id="covered again")
    shop.receipt(4, at=-30 * MINUTE)
    shop.ship(1, at=-10 * MINUTE, event_id="second")
    shop.line("p", 1, 3, at=-20 * MINUTE, event_id="first")
    shop.receipt(1, at=-MINUTE)
    assert causes(shop) == [
        ("DC1", "fact_reservation", "first", 3),
        ("DC1", "shipment", "second", 1),
    ]
    found = shop.model.oversell_causes(SKU, NOW)["DC1"]
    assert [cause.event_id for cause in found] == ["first", "second"]
    shop.receipt(3, at=0)
    assert causes(shop) == []


def test_what_lapses_by_itself_is_no_cause_any_more() -> None:
    shop = sold_out()
    shop.line("p", 1, 4, commitment="SOFT", expires_at=NOW, event_id="order")
    assert causes(shop, at=0) == ORDERED
    assert causes(shop, at=1) == []


def test_a_grant_is_in_the_story() -> None:
    shop = Shop()
    shop.receipt(10, at=-3 * HOUR)
    shop.line("h", 1, 10, at=-2 * HOUR, mode="CHECKED", event_id="hold")
    shop.model.decide(NOW)
    shop.ship(4, event_id="e")
    assert causes(shop) == [("DC1", "shipment", "e", 4)]


def test_of_a_channel_it_is_what_left_more_of_its_promises_unmet() -> None:
    """Facts that take from what others can be sent from are causes; what could be met elsewhere was none."""
    shop = Shop(locations=["DC1", "S001"], channels={"web": {}, "pickup": {"id": "S001"}})
    shop.count(30, at=-3 * HOUR)
    shop.count(10, location="S001", at=-3 * HOUR)
    for event_id, channel, units, ago in (
        ("a", "web", 20, 50),
        ("b", "pickup", 10, 40),
        ("c", "pickup", 2, 30),
    ):
        at = -ago * MINUTE
        shop.line(event_id, 1, units, channel=channel, location=None, at=at, event_id=event_id)
    assert causes(shop) == [("pickup", "fact_reservation", "c", 2)]
    shop.ship(13, at=-20 * MINUTE, event_id="d")
    assert causes(shop) == [
        ("pickup", "fact_reservation", "c", 2),
        ("pickup", "shipment", "d", 3),
        ("web", "shipment", "d", 3),
    ]
    shop.receipt(3, at=-MINUTE)
    assert causes(shop) == [("pickup", "fact_reservation", "c", 2), ("pickup", "shipment", "d", 3)]


@given(histories(features=EVERYTHING))
def test_every_oversell_has_causes_and_nothing_else_has(history: list[Told]) -> None:
    model = tell(ReferenceModel(), *MASTER_DATA)
    ask(model, history)
    for sku in model.skus():
        for now in (NOW, NOW + DAY):
            oversold = {subject for code, subject in model.incidents(sku, now) if code == "oversell"}
            found = model.oversell_causes(sku, now)
            assert set(found) == oversold
            assert all(cause.units > 0 for made in found.values() for cause in made)
            assert all(found.values())
