"""Who has promised too much: what of all promises cannot be sent, from whatever place it is sent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.reference.deficit import Need, Promised, deficit, free_at
from tests.reference.shop import DAY, HOUR, NOW, SKU, Shop

AT_BOTH: dict[str, dict[str, Any]] = {"web": {}, "pickup": {"id": "S001"}}


def shop_with(stock: dict[str, int], channels: dict[str, Any], **promised: int) -> Shop:
    """`channels` by the places they sell from; `promised` units without a place."""
    selectors = {
        channel: places if isinstance(places, dict) else {"id": list(places)}
        for channel, places in channels.items()
    }
    shop = Shop(locations=stock, channels=selectors)
    for place, units in stock.items():
        shop.count(units, location=place, at=-2 * HOUR)
    for channel, units in promised.items():
        promise(shop, channel, units)
    return shop


def promise(shop: Shop, channel: str, units: int, **fields: Any) -> None:
    shop.line(f"{channel} {units}", 1, units, **{"channel": channel, "location": None, **fields})


def assert_oversold(shop: Shop, deficit: int, **units: int) -> None:
    """Just these channels are, by so much, and it is told of them."""
    assert (shop.deficit(), shop.oversold()) == (deficit, units)
    told = {subject for code, subject in shop.incidents() if code == "oversell"}
    assert told & set(shop.model.channels()) == set(units)


def test_what_can_be_sent_from_elsewhere_is_not_oversold() -> None:
    """G1: the web's 20 need not come from the shop, where pickup holds 2."""
    shop = shop_with({"DC1": 30, "S001": 10}, AT_BOTH, pickup=2, web=20)
    assert (shop.channel("pickup").unmet, shop.available("web")) == (12, 18)
    assert_oversold(shop, 0)


def test_it_is_oversold_when_it_fits_nowhere() -> None:
    assert_oversold(shop_with({"DC1": 30, "S001": 10}, AT_BOTH, web=38, pickup=3), 1, web=1, pickup=1)
    assert_oversold(shop_with({"DC1": 30, "S001": 10}, AT_BOTH, web=41), 1, web=1)


def test_nested_channels_are_oversold_where_the_narrow_one_has_too_much() -> None:
    """Pickup's 12 need the shop's 10 and more: had the web promised less, they would not fit either."""
    assert_oversold(shop_with({"DC1": 30, "S001": 10}, AT_BOTH, pickup=12, web=20), 2, pickup=2)
    assert_oversold(shop_with({"DC1": 30, "S001": 10}, AT_BOTH, pickup=12, web=33), 5, pickup=5, web=3)


def test_crossing_channels_are_both_oversold() -> None:
    """Either of them could be met, had the other promised 5 fewer."""
    crossing = {"a": ["1", "2"], "b": ["2", "3"]}
    shop = shop_with({"1": 0, "2": 15, "3": 0}, crossing, a=10, b=10)
    assert_oversold(shop, 5, a=5, b=5)
    shop.receipt(3, location="1")
    assert_oversold(shop, 2, a=2, b=2)
    shop.receipt(2, location="3")
    assert_oversold(shop, 0)
    assert (shop.channel("a").unmet, shop.channel("b").unmet) == (2, 3)


def test_channels_without_a_place_in_common_know_nothing_of_one_another() -> None:
    shop = shop_with({"1": 5, "2": 5, "3": 5}, {"a": ["1"], "b": ["2"], "c": ["2", "3"]}, a=7, b=5, c=5)
    assert_oversold(shop, 2, a=2)


def test_no_more_than_a_channel_promised_is_its_fault() -> None:
    shop = shop_with({"DC1": 0}, {"a": {}, "b": {}}, a=3, b=8)
    assert_oversold(shop, 11, a=3, b=8)


# Promises at places


def test_a_shortage_is_told_where_it_is() -> None:
    shop = shop_with({"DC1": 0, "S001": 10}, {"web": {}})
    promise(shop, "web", 4, location="DC1")
    promise(shop, "web", 7)
    assert shop.channel().unmet == 1
    assert_oversold(shop, 0)
    assert ("oversell", "DC1") in shop.incidents()


def test_books_below_0_are_no_promise() -> None:
    shop = shop_with({"DC1": 5, "S001": 0}, AT_BOTH, web=5)
    shop.ship(4, location="S001")
    assert shop.node("S001").sellable == -4
    assert_oversold(shop, 0)


def test_safety_stock_keeps_nothing_from_what_is_promised() -> None:
    shop = shop_with({"DC1": 5}, {"web": {}}, web=5)
    shop.rule("safety_stock", "ss", units=5)
    shop.fence("rf", "web", units=5)
    assert_oversold(shop, 0)


# On its way, backorders, what is no longer there


def test_what_is_on_its_way_meets_the_promises_of_who_counts_it() -> None:
    shop = shop_with({"DC1": 2}, {"web": {}, "amazon": {}}, web=5, amazon=3)
    shop.expect("PO-1", 1, 10, due=DAY)
    assert_oversold(shop, 6, web=5, amazon=3)
    shop.rule("in_transit", "it", channel="web", confidence="0.5", within_days=2)
    assert_oversold(shop, 1, amazon=1)  # 5 of the web's, and 2 are there
    shop.rule("in_transit", "less", channel="amazon", confidence="0.1", within_days=2)
    assert_oversold(shop, 1, web=1, amazon=1)  # the line gives 5 in all


def test_a_line_gives_each_channel_what_it_counts_and_all_no_more_than_the_one_that_counts_most() -> None:
    shop = shop_with({"DC1": 0}, {"a": {}, "b": {}})
    shop.expect("PO-1", 1, 10, due=DAY)
    shop.rule("in_transit", "a", channel="a", confidence="0.6", within_days=2)
    shop.rule("in_transit", "b", channel="b", confidence="0.4", within_days=2)
    promise(shop, "a", 3)
    promise(shop, "b", 3)
    assert_oversold(shop, 0)
    promise(shop, "b", 2)  # 5 of which it counts 4, and 8 of 6 in all
    assert_oversold(shop, 2, a=1, b=2)


def test_a_permitted_backorder_is_not_oversold() -> None:
    shop = shop_with({"DC1": 2}, {"web": {}, "amazon": {}}, web=6)
    shop.rule("backorder", "bo", units=4, channel="web")
    assert shop.channel().unmet == 4
    assert_oversold(shop, 0)
    promise(shop, "web", 1)
    assert_oversold(shop, 1, web=1)
    promise(shop, "amazon", 2)  # it may backorder nothing, and could have had the 2 units
    assert_oversold(shop, 3, web=3, amazon=2)


@pytest.mark.parametrize("why", ["excluded", "inactive"])
def test_who_may_not_sell_may_not_backorder(why: str) -> None:
    shop = shop_with({"DC1": 2}, {"web": {}}, web=6)
    shop.rule("backorder", "bo", units=4)
    if why == "excluded":
        shop.rule("exclusion", "ex", channel="web")
    else:
        shop.item(SKU, active=False)
    assert_oversold(shop, 4, web=4)


def test_what_was_promised_at_a_place_that_is_no_more_is_without_a_place() -> None:
    shop = shop_with({"DC1": 5, "S001": 10}, AT_BOTH)
    promise(shop, "web", 8, location="S001")
    promise(shop, "pickup", 1, location="S001")
    assert_oversold(shop, 0)
    shop.location("S001", deleted=True)
    assert_oversold(shop, 4, web=3, pickup=1)  # and the 10 there are nobody's
    assert ("stock_at_deleted_location", "S001") in shop.incidents()


def test_a_deleted_channel_is_not_told_and_what_it_promised_stands() -> None:
    shop = shop_with({"DC1": 10}, {"web": {}, "amazon": {}}, web=7, amazon=5)
    shop.rule("backorder", "bo", units=4, channel="amazon")
    assert_oversold(shop, 0)
    shop.channel_record("amazon", {}, deleted=True)
    assert_oversold(shop, 2, web=2)  # nobody may backorder for it any more


def test_what_expires_is_no_promise_any_more() -> None:
    shop = shop_with({"DC1": 2}, {"web": {}})
    promise(shop, "web", 3, commitment="SOFT", expires_at=NOW)
    assert (shop.oversold(at=0), shop.oversold(at=1)) == ({"web": 1}, {})


# What is free at a place

PLACES = ("1", "2", "3")
CHANNELS = ("a", "b", "gone")
few = st.integers(0, 9)


@st.composite
def promises(draw: st.DrawFn) -> Promised:
    """Three places, two channels and a deleted one, two lines on their way."""
    live = CHANNELS[:2]
    return Promised(
        net={place: draw(st.integers(-6, 9)) for place in PLACES},
        unsourced={channel: draw(few) for channel in CHANNELS},
        sells_from={channel: draw(st.frozensets(st.sampled_from(PLACES))) for channel in CHANNELS},
        counted={
            channel: draw(st.dictionaries(st.sampled_from(["P", "T"]), st.integers(0, 4))) for channel in live
        },
        allowance={channel: draw(st.integers(0, 3)) for channel in live},
    )


def at(place: str, units: int) -> Need:
    return Need(units, frozenset([place]), {}, allowance=0)


@given(promises(), st.sampled_from(PLACES), few)
def test_free_is_the_most_that_leaves_no_more_unmet(promised: Promised, place: str, spare: int) -> None:
    """By trying. `spare`: so much more may go unmet than does."""
    unmet = deficit(promised)
    fits = [q for q in range(promised.stock(place) + 1) if deficit(promised, at(place, q)) <= unmet + spare]
    assert free_at(place, promised, unmet + spare) == fits[-1]
    assert fits == list(range(len(fits)))


@given(promises(), st.sampled_from(PLACES), st.integers(0, 9))
def test_what_is_promised_at_a_place_is_asked_for_there_and_nowhere_else(
    promised: Promised, place: str, units: int
) -> None:
    """While it is there: to take it off the shelf and to wait for it there is one."""
    taken = min(units, promised.stock(place))
    left = promised._replace(net={**promised.net, place: promised.net[place] - taken})
    assert deficit(left) == deficit(promised, at(place, taken))
    assert left.without("a", place, taken) == promised


@given(promises())
def test_somebody_has_promised_what_goes_unmet(promised: Promised) -> None:
    unmet = deficit(promised)
    nobody = promised._replace(unsourced={}, net={place: max(0, n) for place, n in promised.net.items()})
    assert deficit(nobody) == 0
    assert 0 <= unmet <= sum(promised.unsourced.values()) + sum(max(0, -n) for n in promised.net.values())
    for channel, units in promised.unsourced.items():
        assert 0 <= unmet - deficit(promised.without(channel, None, units)) <= units
