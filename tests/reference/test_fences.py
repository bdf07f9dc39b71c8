"""Ring-fences: what they ask, in which order, where from, and what uses them up."""

from itertools import permutations

import pytest

from inventory.reference.fences import Grant
from tests.reference.shop import DAY, HOUR, MINUTE, NOW, SECOND, SKU, Shop

TWO: dict[str, dict[str, str]] = {"web": {}, "amazon": {}}


def shared_stock(units: int) -> Shop:
    shop = Shop(channels=TWO)
    shop.count(units, at=-2 * HOUR)
    return shop


def partly_shared() -> Shop:
    """web sells from A, B and C; store from B and C; depot from C and D."""
    selectors = {"web": {"id": ["A", "B", "C"]}, "store": {"id": ["B", "C"]}, "depot": {"id": ["C", "D"]}}
    return Shop(locations=["D", "C", "B", "A"], channels=selectors)


def asked_of(shop: Shop, channel: str) -> int:
    """What the one fence still asks, seen in a pool that could give more."""
    (grant,) = shop.channel(channel).grants
    return grant.units


def test_a_fence_keeps_units_for_its_channel_alone() -> None:
    shop = shared_stock(30)
    shop.fence("rf", "web", units=10)
    web, amazon = shop.channel("web"), shop.channel("amazon")
    assert (web.pool, web.grant, web.shared, web.available) == (30, 10, 20, 30)
    assert (amazon.pool, amazon.grant, amazon.shared, amazon.available) == (30, 0, 20, 20)
    assert web.rules == amazon.rules == ("rf",)


def test_share_0_shows_a_channel_its_fence_alone() -> None:
    shop = shared_stock(30)
    shop.fence("rf", "web", units=10)
    shop.rule("share", "sh", percent="0", channel="web")
    assert shop.available("web") == 10


@pytest.mark.parametrize(
    ("first", "second", "granted"),
    [
        ({"priority": 2}, {"priority": 1}, (4, 8)),
        ({"priority": 1}, {"priority": 2}, (8, 4)),
        ({}, {}, (8, 4)),  # a missing priority is 100; then the smaller id
        ({}, {"priority": 99}, (4, 8)),
        ({}, {"priority": 101}, (8, 4)),
    ],
)
def test_fences_are_granted_by_priority_then_id(
    first: dict[str, int], second: dict[str, int], granted: tuple[int, int]
) -> None:
    shop = shared_stock(12)
    shop.fence("a", "web", units=8, **first)
    shop.fence("b", "amazon", units=8, **second)
    assert (shop.channel("web").grant, shop.channel("amazon").grant) == granted
    assert (shop.channel("web").shared, shop.available("web")) == (0, granted[0])


def test_another_channel_takes_only_from_places_that_both_sell_from_in_their_order() -> None:
    shop = partly_shared()
    for location, units in (("A", 10), ("B", 3), ("C", 4), ("D", 10)):
        shop.count(units, location=location)
    shop.rule("safety_stock", "ss", units=1, match={"location": "B"})
    shop.fence("rf", "store", units=5)
    web = shop.channel("web")
    assert web.grants == (Grant("rf", "store", 5, (("B", 2), ("C", 3))),)
    assert (web.pool, web.shared) == (16, 11)
    assert shop.channel("depot").grants == (Grant("rf", "store", 4, (("C", 4),)),)
    store = shop.channel("store")  # its own takes from the whole pool
    assert (store.grants, store.shared) == ((Grant("rf", "store", 5),), 1)


def test_what_one_fence_took_the_next_cannot_take() -> None:
    shop = partly_shared()
    shop.count(10, location="A")
    shop.count(6, location="C")
    shop.fence("rf-1", "store", units=4, priority=1)
    shop.fence("rf-2", "depot", units=4, priority=2)
    web = shop.channel("web")
    assert web.grants == (Grant("rf-1", "store", 4, (("C", 4),)), Grant("rf-2", "depot", 2, (("C", 2),)))
    assert web.shared == 10


def test_an_order_may_make_room_for_a_third_fence_that_shares_only_some_places() -> None:
    # The fence of amazon took all of A, and nothing was left for that of the store. Once its order has used
    # it up, the store's is granted, and the web sees less: the same stock is still promised only once.
    shop = Shop(locations=["A", "B"], channels={"web": {}, "amazon": {}, "store": {"id": "A"}})
    shop.count(5, location="A", at=-2 * HOUR)
    shop.count(5, location="B", at=-2 * HOUR)
    shop.fence("rf-1", "amazon", units=5, priority=1)
    shop.fence("rf-2", "store", units=5, priority=2)
    assert (shop.available("web"), shop.available("store")) == (5, 0)
    shop.line("o", 1, 5, location="B", channel="amazon")
    assert (shop.available("web"), shop.available("store")) == (0, 5)


def test_no_fence_takes_more_than_the_pool_has() -> None:
    shop = partly_shared()
    shop.count(10, location="C")
    shop.line("o", 1, 7, location=None, channel="web")  # asks for stock of every channel that shares a place
    shop.fence("rf-1", "web", units=2, priority=1)
    shop.fence("rf-2", "store", units=99, priority=2)
    web = shop.channel("web")
    assert (web.pool, [grant.units for grant in web.grants], web.shared) == (3, [0, 3], 0)


def test_a_fence_that_shares_no_place_takes_nothing_and_shapes_nothing() -> None:
    shop = Shop(locations=["A", "B"], channels={"web": {"id": "A"}, "store": {"id": "B"}})
    shop.count(10, location="A")
    shop.fence("rf", "store", units=5)
    assert (shop.channel("web").grants, shop.channel("web").rules) == ((), ())


@pytest.mark.parametrize("how", ["excluded", "deleted", "unknown"])
def test_a_channel_that_cannot_sell_keeps_nothing(how: str) -> None:
    shop = shared_stock(10)
    shop.fence("rf", "amazon" if how != "unknown" else "nowhere", units=4)
    if how == "excluded":
        shop.rule("exclusion", "ex", channel="amazon", match={"sku": SKU})
    elif how == "deleted":
        shop.channel_record("amazon", {}, deleted=True)
    assert (shop.channel("web").shared, shop.channel("web").grants) == (10, ())
    if how == "unknown":
        shop.channel_record("nowhere", {})
        assert shop.channel("web").shared == 6


def test_one_fence_of_a_channel_wins() -> None:
    shop = shared_stock(30)
    shop.fence("rf-1", "web", units=10)
    shop.fence("rf-2", "web", units=2, match={"sku": SKU})
    shop.fence("rf-3", "amazon", units=3)
    assert [(grant.fence, grant.units) for grant in shop.channel("web").grants] == [("rf-2", 2), ("rf-3", 3)]


# What uses a fence up


def test_an_order_uses_the_fence_and_leaves_others_alone() -> None:
    shop = shared_stock(30)
    shop.fence("rf", "web", units=10)
    shop.line("o", 1, 4)
    assert (shop.available("web"), shop.available("amazon"), asked_of(shop, "web")) == (26, 20, 6)
    shop.line("p", 1, 8)
    assert (shop.available("web"), shop.available("amazon"), asked_of(shop, "web")) == (18, 18, 0)


def test_shipping_gives_nothing_back_and_cancel_release_and_expiry_do() -> None:
    shop = shared_stock(100)
    shop.fence("rf", "web", units=20)
    shop.line("o", 1, 8)
    shop.ship(3, reservation_id="o")
    assert asked_of(shop, "web") == 12
    shop.release("o", 1)
    assert asked_of(shop, "web") == 13
    shop.cancel("o", 2)
    assert asked_of(shop, "web") == 17  # 3 are shipped
    shop.line("p", 1, 5, commitment="SOFT", expires_at=NOW)
    assert asked_of(shop, "web") == 12
    (grant,) = shop.channel("web", at=1).grants
    assert grant.units == 17


def test_what_was_shipped_counts_whole_also_beyond_the_line_and_before_the_fence() -> None:
    shop = shared_stock(100)
    shop.fence("rf", "web", units=20, set_at=-HOUR)
    shop.line("o", 1, 2, at=-MINUTE)
    shop.ship(5, at=-90 * MINUTE, reservation_id="o")
    assert asked_of(shop, "web") == 15


@pytest.mark.parametrize(("at", "asks"), [(-HOUR - 1, 20), (-HOUR, 20), (-HOUR + 1, 15)])
def test_a_line_counts_if_it_was_first_placed_after_the_fence_was_set(at: int, asks: int) -> None:
    for order in permutations([(1, 9, at), (2, 5, -MINUTE)]):
        shop = shared_stock(100)
        shop.fence("rf", "web", units=20, set_at=-HOUR)
        for version, quantity, placed in order:
            shop.line("o", version, quantity, at=placed)
        assert asked_of(shop, "web") == asks


def test_a_line_is_of_the_channel_that_it_names_last_wherever_it_is() -> None:
    shop = shared_stock(100)
    shop.fence("rf", "web", units=20)
    shop.line("o", 1, 5, location=None)
    assert asked_of(shop, "web") == 15
    shop.line("o", 2, 5, channel="amazon")
    assert asked_of(shop, "web") == 20


def test_consumption_counts_when_its_line_comes() -> None:
    shop = shared_stock(100)
    shop.fence("rf", "web", units=20)
    shop.ship(5, reservation_id="o", channel="web")
    assert asked_of(shop, "web") == 20
    shop.line("o", 1, 5)
    assert asked_of(shop, "web") == 15


def test_sales_that_name_the_channel_and_no_reservation_count() -> None:
    shop = Shop(channels=TWO)
    shop.count(100, at=-3 * HOUR)
    shop.fence("rf", "web", units=50)
    shop.sale({"quantity": 2}, {"quantity": -1}, {"quantity": 1, "reservation_id": "o"}, channel="web")
    shop.ship(3, channel="web")
    assert asked_of(shop, "web") == 45
    shop.ship(1, channel="amazon")
    shop.ship(1)
    shop.ship(1, channel="no such channel")
    shop.ship(1, channel="web", reservation_id="p")
    shop.movement("RETURN", 1, channel="web")
    shop.movement("ADJUST", -1, channel="web")
    shop.movement("TRANSFER_OUT", 1, channel="web")
    assert asked_of(shop, "web") == 45


def test_a_sale_that_a_count_absorbed_still_used_the_fence() -> None:
    shop = Shop(channels=TWO)
    shop.fence("rf", "web", units=50)
    shop.ship(3, at=-90 * MINUTE, channel="web")
    shop.count(100, at=-HOUR)
    assert asked_of(shop, "web") == 47


def test_sales_are_told_apart_by_the_minute() -> None:
    minute = -(NOW % MINUTE)  # the start of the one that NOW is in
    for at, asks in ((minute - 1, 20), (minute, 19), (minute + 1, 19)):
        shop = Shop(channels=TWO)
        shop.count(100, at=-3 * HOUR)
        shop.fence("rf", "web", units=20, set_at=minute + 1)
        shop.ship(1, at=at, channel="web")
        assert asked_of(shop, "web") == asks


# From when on


def test_only_a_changed_set_at_starts_a_fence_anew() -> None:
    shop = shared_stock(100)
    shop.fence("rf", "web", units=20)
    shop.line("o", 1, 5)
    shop.fence("rf", "web", units=30, priority=1)
    assert asked_of(shop, "web") == 25
    shop.fence("rf", "web", units=30, set_at=-MINUTE)
    assert asked_of(shop, "web") == 30
    shop.line("p", 1, 4, at=-SECOND)
    assert asked_of(shop, "web") == 26
    shop.fence("rf", "web", units=30, set_at=None)
    assert asked_of(shop, "web") == 26


def test_a_fence_counts_at_most_the_count_horizon_before_its_record_came() -> None:
    # A line at the very instant from which it counts was not placed after it.
    for at, asks in ((-25 * HOUR, 20), (-DAY, 20), (-DAY + 1, 15)):
        shop = shared_stock(100)
        shop.line("o", 1, 5, at=at)
        shop.fence("rf", "web", units=20, set_at=-10 * DAY)
        assert asked_of(shop, "web") == asks
        # Told again later it counts no less: it was not set anew.
        shop.fence("rf", "web", units=20, set_at=-10 * DAY, log_time=9 * DAY)
        assert asked_of(shop, "web") == asks


def test_a_fence_that_was_never_set_was_set_when_its_record_came() -> None:
    shop = shared_stock(100)
    shop.line("o", 1, 5, at=-HOUR)
    shop.line("p", 1, 4, at=-MINUTE)
    shop.fence("rf", "web", units=20, set_at=None, log_time=-2 * MINUTE)
    assert asked_of(shop, "web") == 16
    shop.fence("rf", "web", units=20, set_at=None, log_time=0)
    assert asked_of(shop, "web") == 16


def test_a_fence_that_ended_starts_again_with_its_next_record() -> None:
    shop = shared_stock(100)
    shop.fence("rf", "web", units=20, set_at=None, log_time=-HOUR)
    shop.line("o", 1, 5, at=-MINUTE)
    assert asked_of(shop, "web") == 15
    shop.fold("Policy", None, key="rf")
    assert shop.channel("web").grants == ()
    shop.fence("rf", "web", units=20, set_at=None)
    assert asked_of(shop, "web") == 20


# Percentages


def test_a_percentage_asks_0_until_it_is_allocated() -> None:
    shop = shared_stock(100)
    shop.fence("rf", "web", percent="50", minimum=7)
    assert asked_of(shop, "web") == 0
    shop.allocate({"rf": 12, "other": 5})
    assert asked_of(shop, "web") == 12
    shop.line("o", 1, 5)
    assert asked_of(shop, "web") == 7
    shop.allocate({"rf": 20})
    assert asked_of(shop, "web") == 15
    shop.allocate({"rf": 20}, set_at=-MINUTE)
    assert asked_of(shop, "web") == 20
    shop.allocate({"other": 20})
    assert asked_of(shop, "web") == 0


def test_an_allocation_may_come_first_and_ends_with_its_tombstone() -> None:
    shop = Shop(skus=[], channels=TWO)
    shop.allocate({"rf": 5})
    shop.item(SKU)
    shop.count(10)
    shop.fence("rf", "web", percent="50")
    assert asked_of(shop, "web") == 5
    shop.fold("Allocation", None, key=SKU)
    assert asked_of(shop, "web") == 0


def test_an_allocation_is_of_one_sku_and_moves_no_fence_in_units() -> None:
    shop = shared_stock(100)
    shop.fence("rf", "web", units=5)
    shop.fence("rf-2", "amazon", percent="50")
    shop.allocate({"rf": 50, "rf-2": 7})
    assert [grant.units for grant in shop.channel("web").grants] == [5, 7]
    shop.item("SKU-2")
    shop.count(100, sku="SKU-2")
    assert [grant.units for grant in shop.channel("web", sku="SKU-2").grants] == [5, 0]


def test_an_allocation_counts_at_most_the_count_horizon_before_its_record_came() -> None:
    shop = shared_stock(100)
    shop.line("o", 1, 5, at=-DAY - HOUR)
    shop.fence("rf", "web", percent="50")
    shop.allocate({"rf": 20}, set_at=-10 * DAY, log_time=-2 * HOUR)
    shop.allocate({"rf": 21}, set_at=-10 * DAY)
    assert asked_of(shop, "web") == 16
    shop.allocate({"rf": 21}, set_at=-9 * DAY)
    assert asked_of(shop, "web") == 21


def test_an_allocation_that_cannot_be_read_leaves_what_was_told_before() -> None:
    shop = shared_stock(100)
    shop.fence("rf", "web", percent="50")
    shop.allocate({"rf": 5})
    assert shop.allocate({"rf": -1}) == "invalid_quantity"
    assert shop.fold("Allocation", {"sku": SKU}, key=SKU) == "invalid_event"
    assert asked_of(shop, "web") == 5


@pytest.mark.parametrize(
    ("pool", "percent", "minimum", "units"),
    [(99, "50", 0, 49), (99, "50", 60, 60), (0, "50", 3, 3), (99, "0", 0, 0), (99, "99.9999", 0, 98)],
)
def test_rebalance_takes_a_percentage_of_the_pool_before_fences(
    pool: int, percent: str, minimum: int, units: int
) -> None:
    shop = shared_stock(pool)
    shop.fence("rf", "web", percent=percent, minimum=minimum)
    shop.fence("rf-other", "amazon", units=40, priority=1)
    assert shop.model.rebalanced(SKU, NOW) == {"rf": units}
