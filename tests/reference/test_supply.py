"""Expected supply: what is open of a line, what a channel may count of it, and when."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from inventory.reference.fences import Grant
from inventory.reference.supply import Arriving
from tests.reference.shop import DAY, HOUR, MINUTE, NOW, SKU, Shop


def counting(confidence: str = "1", within_days: int = 3, **definition: Any) -> Shop:
    shop = Shop()
    shop.rule("in_transit", "it", confidence=confidence, within_days=within_days, **definition)
    return shop


def test_what_is_on_its_way_counts_for_channels_whose_rule_says_so() -> None:
    shop = Shop(channels={"web": {}, "amazon": {}})
    shop.rule("in_transit", "it", confidence="0.5", within_days=3, channel="web")
    shop.expect("PO-1", 1, 7, due=DAY)
    web, amazon = shop.channel("web"), shop.channel("amazon")
    assert (web.supply, web.pool, web.available, web.rules) == (3, 3, 3, ("it",))
    assert web.arriving == (Arriving("PO-1", "DC1", 7, 3, "it"),)
    assert (amazon.supply, amazon.arriving, amazon.rules) == (0, (), ())
    assert (shop.on_hand(), shop.node().node_ats) == (0, 0)


def test_confidence_is_of_each_line_and_rounds_down() -> None:
    shop = counting("0.9")
    for reference in ("PO-1", "PO-2", "PO-3"):
        shop.expect(reference, 1, 1, due=DAY)
    assert shop.available() == 0
    shop.expect("PO-4", 1, 10, due=DAY)
    assert shop.available() == 9
    shop.rule("in_transit", "it", confidence="0.0001", within_days=3)
    shop.expect("PO-5", 1, 30_000, due=DAY)
    assert shop.available() == 3


@pytest.mark.parametrize(
    ("due", "counts"),
    [(-1, False), (0, True), (1, True), (3 * DAY, True), (3 * DAY + 1, False)],
)
def test_a_line_counts_from_the_start_of_its_window_until_it_is_due(due: int, counts: bool) -> None:
    shop = counting()
    shop.expect("PO-1", 1, 5, due=due)
    assert shop.available() == (5 if counts else 0)


def test_the_window_and_the_due_date_are_instants() -> None:
    shop = counting()
    shop.expect("PO-1", 1, 5, due=5 * DAY)
    assert shop.model.instants(SKU) == [NOW + 2 * DAY, NOW + 5 * DAY + 1]
    seen = [shop.available(at=at) for at in (2 * DAY - 1, 2 * DAY, 5 * DAY, 5 * DAY + 1)]
    assert seen == [0, 5, 5, 0]


def test_a_receipt_after_the_version_closes_it_wherever_it_arrives() -> None:
    shop = counting()
    shop.location("DC2")
    shop.expect("PO-1", 1, 10, due=DAY, at=-HOUR)
    shop.receipt(2, reference="PO-1", at=-HOUR)  # at that time: the version knows of it
    assert (shop.channel().supply, shop.channel().arriving[0].units) == (12, 10)
    shop.receipt(3, reference="PO-1", at=-HOUR + 1, location="DC2")
    shop.movement("TRANSFER_IN", 1, reference="PO-1", at=-MINUTE, to_state="DAMAGED")
    assert shop.channel().arriving == (Arriving("PO-1", "DC1", 6, 6, "it"),)
    for other in ({"reference": "PO-2"}, {"reference": None}):
        shop.receipt(1, at=-MINUTE, **other)
    shop.movement("RETURN", 1, at=-MINUTE, reference="PO-1")
    shop.ship(1, at=-MINUTE, reference="PO-1")
    assert shop.channel().arriving[0].units == 6


def test_a_version_is_an_anchor_in_any_order() -> None:
    steps: list[Callable[[Shop], object]] = [
        lambda shop: shop.expect("PO-1", 1, 10, due=DAY, at=-3 * HOUR),
        lambda shop: shop.expect("PO-1", 2, 5, due=DAY, at=-HOUR),
        lambda shop: shop.receipt(4, reference="PO-1", at=-2 * HOUR),
        lambda shop: shop.receipt(2, reference="PO-1", at=-MINUTE),
    ]
    for order in permutations(steps):
        shop = counting()
        for step in order:
            step(shop)
        assert shop.channel().arriving[0].units == 3
        assert shop.available() == 9


@pytest.mark.parametrize("status", ["CLOSED", "CANCELLED"])
def test_a_line_that_is_not_open_counts_nothing_and_may_be_opened_again(status: str) -> None:
    shop = counting()
    shop.expect("PO-1", 1, 10, due=DAY)
    shop.expect("PO-1", 2, 10, due=DAY, status=status)
    assert shop.available() == 0
    shop.expect("PO-1", 3, 4, due=DAY)
    assert shop.available() == 4


def test_of_equal_versions_the_later_stays() -> None:
    for order in permutations([(10, -HOUR), (4, -MINUTE)]):
        shop = counting()
        for quantity, at in order:
            shop.expect("PO-1", 1, quantity, due=DAY, at=at)
        assert shop.available() == 4
        assert shop.exceptions() == ["conflicting_version"]


def test_a_transfer_counts_at_most_what_is_under_way() -> None:
    shop = counting()
    shop.location("S1")
    shop.expect("T-1", 1, 10, due=DAY, kind="TRANSFER", at=-3 * HOUR)
    assert shop.channel().arriving == ()
    shop.movement("TRANSFER_OUT", 6, location="S1", reference="T-1", at=-4 * HOUR)
    assert shop.channel().arriving[0].units == 6
    shop.movement("TRANSFER_IN", 2, reference="T-1", at=-2 * HOUR)
    assert shop.channel().arriving[0].units == 4  # of 8 open
    # A later version does not make units out of what has already arrived.
    shop.expect("T-1", 2, 8, due=DAY, kind="TRANSFER", at=-HOUR)
    assert shop.channel().arriving[0].units == 4
    shop.movement("TRANSFER_OUT", 9, location="S1", reference="T-1")
    assert shop.channel().arriving[0].units == 8
    shop.movement("TRANSFER_IN", 20, reference="T-1", at=-MINUTE)
    assert shop.channel().arriving == ()


def test_more_than_the_line_has_is_an_over_receipt() -> None:
    shop = counting()
    shop.expect("PO-1", 1, 5, due=DAY)
    shop.receipt(5, reference="PO-1", at=-MINUTE)
    assert shop.incidents() == set()
    shop.receipt(1, reference="PO-1", at=-MINUTE)
    assert shop.incidents() == {("over_receipt", "PO-1")}
    shop.expect("PO-1", 2, 5, due=DAY, status="CLOSED", at=0)
    assert shop.incidents() == set()
    shop.receipt(1, reference="PO-1", at=1, log_time=NOW)
    assert shop.incidents() == {("over_receipt", "PO-1")}


def test_the_rule_is_that_of_the_place_where_it_arrives() -> None:
    shop = Shop(locations=[])
    shop.location("DC1", type="warehouse")
    shop.location("S1", type="store")
    shop.rule("in_transit", "it", confidence="1", within_days=3)
    shop.rule("in_transit", "it-store", confidence="0.5", within_days=3, match={"location_type": "store"})
    for location in ("DC1", "S1"):
        shop.expect(f"to {location}", 1, 8, due=DAY, location=location)
    assert shop.available() == 12
    assert shop.channel().rules == ("it", "it-store")


def test_what_goes_elsewhere_or_nowhere_does_not_count() -> None:
    shop = Shop(locations=["A", "B"], channels={"web": {"id": "A"}})
    shop.rule("in_transit", "it", confidence="1", within_days=3)
    shop.expect("PO-1", 1, 8, due=DAY, location="B")
    assert shop.available() == 0
    shop.expect("PO-1", 2, 8, due=DAY, location="A")
    assert shop.available() == 8
    shop.location("A", deleted=True)
    assert shop.available() == 0


def test_supply_on_its_way_covers_demand_and_is_kept_back_by_the_network_alone() -> None:
    shop = counting()
    shop.expect("PO-1", 1, 8, due=DAY)
    shop.line("o", 1, 3)
    shop.rule("safety_stock", "ss", units=2)
    told = shop.channel()
    assert (told.supply, told.demand, told.withheld, told.pool, told.unmet) == (8, 3, 0, 5, 0)
    shop.rule("network_safety_stock", "ns", units=4)
    assert shop.channel().pool == 1


def test_a_fence_takes_what_is_on_its_way_too() -> None:
    shop = Shop(locations=["A", "B"], channels={"web": {}, "store": {"id": "B"}})
    shop.rule("in_transit", "it", confidence="0.5", within_days=3, channel="web")
    shop.expect("PO-1", 1, 8, due=DAY, location="B")
    shop.count(10, location="A")
    shop.count(1, location="B")
    shop.fence("rf", "store", units=9)
    # In each pool what counts there: 1 + 4 of B in the pool of web, 1 in its own.
    assert shop.channel("web").grants == (Grant("rf", "store", 5, (("B", 5),)),)
    assert shop.channel("store").grants == (Grant("rf", "store", 1),)


def test_supply_is_guarded_like_every_event() -> None:
    shop = Shop()
    assert shop.expect("PO-1", 1, -1, due=DAY) == "invalid_quantity"
    assert shop.expect("PO-1", 1, 1, due=DAY, at=10 * MINUTE, log_time=NOW) == "from_the_future"
    assert shop.expect("PO-1", 1, 1, due=DAY, status="LATE") == "invalid_event"
    assert shop.expect("PO-1", 1, 1, due=DAY, recorded_at=NOW - 4 * DAY, log_time=NOW) == "beyond_horizon"
    shop.expect("PO-1", 1, 5, due=DAY, sku="SKU-2", location="DC2")
    shop.rule("in_transit", "it", confidence="1", within_days=3)
    assert shop.model.waiting == 1
    shop.location("DC2")
    shop.item("SKU-2")
    assert (shop.model.waiting, shop.available(sku="SKU-2")) == (0, 5)


def test_a_sku_arrives_line_by_line() -> None:
    shop = counting()
    shop.item("SKU-2")
    for sku, quantity in ((SKU, 5), ("SKU-2", 7)):
        shop.expect("PO-1", 1, quantity, due=DAY, sku=sku)
    shop.receipt(5, reference="PO-1", at=-MINUTE, sku="SKU-2")
    assert shop.channel().arriving[0].units == 5
    assert shop.channel(sku="SKU-2").arriving[0].units == 2


# Backorder


def test_a_backorder_is_sold_beyond_what_there_is() -> None:
    shop = Shop()
    shop.count(4)
    shop.rule("backorder", "bo", units=10)
    shop.rule("threshold", "th", units=4)
    shop.rule("cap", "ca", units=1)
    told = shop.channel()
    assert (told.view, told.available, told.status, told.rules) == (0, 10, "IN_STOCK", ("bo", "ca", "th"))


def test_demand_that_stock_does_not_meet_uses_the_backorder_up() -> None:
    shop = Shop()
    shop.count(4)
    shop.rule("backorder", "bo", units=10)
    assert shop.available() == 14
    for units, available in ((4, 10), (11, 3), (14, 0), (20, 0)):
        shop.line("o", units, units)
        assert shop.available() == available


@pytest.mark.parametrize("how", ["excluded", "inactive"])
def test_who_may_not_sell_takes_no_backorders(how: str) -> None:
    shop = Shop()
    shop.rule("backorder", "bo", units=10)
    if how == "excluded":
        shop.rule("exclusion", "ex", channel="web")
    else:
        shop.item(SKU, active=False)
    assert (shop.available(), shop.channel().status) == (0, "OUT")


def test_a_line_without_a_reference_is_invalid() -> None:
    shop = Shop()
    value = {
        "event_id": "e", "source": "s", "occurred_at": NOW, "recorded_at": NOW, "reference": "", "version": 1,
        "kind": "ASN", "sku": SKU, "location": "DC1", "quantity": 1, "expected_at": NOW, "status": "OPEN",
    }  # fmt: skip
    assert shop.fold("ExpectedSupply", value) == "invalid_event"
    assert shop.fold("ExpectedSupply", {**value, "reference": "PO-1"}) is None
