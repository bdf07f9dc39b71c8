import pytest

from feeds.simulator.buyers import BuyerSettings
from feeds.simulator.faults import Fault
from feeds.simulator.places import Place
from feeds.simulator.shopify import Shopify
from feeds.simulator.shopify_settings import ShopifySettings
from feeds.simulator.simulation import advance
from feeds.simulator.spread import Spread
from feeds.simulator.truth import Truth
from feeds.simulator.walmart import Walmart
from feeds.simulator.walmart_settings import WalmartSettings

HOUR = 3_600_000


def _shop(truth: Truth | None = None, buyers: BuyerSettings | None = None) -> Shopify:
    return Shopify(ShopifySettings(buyers=buyers or BuyerSettings()), seed=3, truth=truth)


def test_buyers_come_as_often_as_they_are_said_to() -> None:
    shop = _shop()
    place = shop.add_listing("S", "x", "l", quantity=10**9, velocity=2.0)
    shop.advance(HOUR)
    assert place.came == pytest.approx(7200, rel=0.05)
    assert place.sold == place.came == 10**9 - place.applied
    gaps = [
        later.at_ms - earlier.at_ms
        for earlier, later in zip(shop.buyers.orders, shop.buyers.orders[1:], strict=False)
    ]
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert deviation == pytest.approx(mean, rel=0.1)  # as of an exponential law


def test_the_same_seed_brings_the_same_buyers_whatever_else_happens() -> None:
    def came(other: bool, refill: bool, steps: int) -> list[int]:
        shop = _shop()
        place = shop.add_listing("S", "x", "l", quantity=500, velocity=0.5)
        if other:
            shop.add_listing("S", "y", "l", quantity=50, velocity=9.0)
        for step in range(steps):
            if refill:
                shop.edit(place, 1000, step * HOUR // steps)
            shop.advance((step + 1) * HOUR // steps)
        return [order.at_ms for order in shop.buyers.orders if order.listing == "x"][:400]

    assert came(False, False, 1) == came(True, True, 1) == came(True, False, 977)


def test_the_velocity_changes_and_ends() -> None:
    shop = _shop()
    place = shop.add_listing("S", "x", "l", quantity=10**6, velocity=0.01)
    shop.advance(HOUR)
    slow = place.came
    shop.buyers.come(place, 10.0, HOUR)
    shop.advance(2 * HOUR)
    assert place.came - slow == pytest.approx(36_000, rel=0.05)
    shop.buyers.come(place, 0.0, 2 * HOUR)
    before = place.came
    shop.advance(9 * HOUR)
    assert place.came == before
    with pytest.raises(ValueError, match="0 or more"):
        shop.buyers.come(place, -1.0, 9 * HOUR)


def test_nobody_buys_what_is_not_shown() -> None:
    shop = _shop()
    place = shop.add_listing("S", "x", "l", quantity=3, velocity=1.0)
    shop.truth.set(place.sku, 10, 0)
    shop.advance(HOUR)
    assert (place.sold, place.applied, place.oversold) == (3, 0, 0)
    assert place.sent_away == place.came - 3


def test_a_unit_sold_beyond_the_stock_is_oversold() -> None:
    shop = _shop()
    place = shop.add_listing("S", "x", "l", quantity=10, sku="sku")
    shop.truth.set("sku", 4, 0)
    orders = [shop.buyers.buy(place, units, 5) for units in (3, 3, 2)]
    assert [order.oversold for order in orders] == [0, 2, 2]
    assert (place.oversold, shop.buyers.oversold, shop.truth.oversold["sku"]) == (4, 4, 4)
    with pytest.raises(ValueError, match="shows 2"):
        shop.buyers.buy(place, 3, 6)


def test_channels_over_one_truth_sell_the_same_units() -> None:
    truth = Truth()
    shop, walmart = _shop(truth), Walmart(WalmartSettings(), seed=3, truth=truth)
    here = shop.add_listing("S", "x", "l", quantity=10, velocity=0.02, sku="sku")
    there = walmart.add_listing("W", "x", quantity=10, velocity=0.02, sku="sku")
    truth.set("sku", 6, 0)
    advance([shop, walmart], HOUR)
    assert here.sold == there.sold == 10
    assert truth.oversold["sku"] == here.oversold + there.oversold == 14
    last_real = sorted(shop.buyers.orders + walmart.buyers.orders, key=lambda order: order.at_ms)[:6]
    assert all(order.oversold == 0 for order in last_real)


def test_time_to_zero_runs_from_the_end_of_the_stock_until_nothing_is_shown() -> None:
    shop = _shop()
    place = shop.add_listing("S", "x", "l", quantity=10, sku="sku")
    other = shop.add_listing("S", "x", "m", quantity=0, sku="sku")
    shop.truth.set("sku", 5, 0)
    shop.truth.take("sku", 5, 1_000)
    assert shop.truth.open_places() == [place]
    shop.edit(place, 4, 2_000)
    shop.edit(place, 0, 31_000)
    assert shop.truth.times_to_zero == [("shopify", "S", "x", "l", 1_000, 30_000, False)]
    assert shop.truth.already_zero == 1
    shop.truth.set("sku", 3, 40_000)
    shop.edit(other, 2, 41_000)
    shop.truth.set("sku", 0, 42_000)
    shop.truth.set("sku", 7, 43_000)
    assert shop.truth.times_to_zero[1:] == [("shopify", "S", "x", "m", 42_000, None, False)]


def test_the_sale_of_the_last_unit_that_shows_zero_at_once_takes_no_time() -> None:
    shop = _shop()
    place = shop.add_listing("S", "x", "l", quantity=1, sku="sku")
    shop.truth.set("sku", 1, 0)
    shop.buyers.buy(place, 1, 5)
    assert (shop.truth.times_to_zero, shop.truth.already_zero) == ([], 1)


def test_orders_are_fetched_in_pages_and_one_may_come_twice() -> None:
    shop = _shop()
    place = shop.add_listing("S", "x", "l", quantity=100)
    shop.faults.switch_on(Fault("duplicate_orders", 0.5))
    for n in range(40):
        shop.buyers.buy(place, 1, n)
    assert [order.at_ms for order in shop.orders(10, 3)] == [10, 11, 12]
    shop.advance(HOUR)
    told = [order.order_id for order in shop.orders()]
    assert len(set(told)) == 40
    assert 45 < len(told) < 75
    assert place.sold == 40


def test_an_order_is_told_after_the_sale() -> None:
    shop = _shop(buyers=BuyerSettings(told_after=Spread(9_000, 9_000)))
    place = shop.add_listing("S", "x", "l", quantity=1)
    shop.buyers.buy(place, 1, 100)
    shop.advance(9_099)
    assert not shop.orders()
    shop.advance(9_100)
    assert [order.at_ms for order in shop.orders()] == [100]


def test_a_sale_stays_reserved_until_it_is_shipped() -> None:
    walmart = Walmart(WalmartSettings(buyers=BuyerSettings(reserved_ms=1_000)))
    place: Place = walmart.add_listing("W", "x", quantity=10)
    walmart.buyers.buy(place, 4, 0)
    assert (place.applied, place.reserved) == (6, 4)
    walmart.shelf.write(place, 10, 500)
    assert place.applied == 6
    walmart.advance(1_000)
    assert (place.applied, place.reserved) == (6, 0)


def test_orders_that_cannot_be_filled_count_against_the_seller_in_its_window() -> None:
    walmart = Walmart(WalmartSettings(cancelled_window_s=60))
    walmart.faults.switch_on(Fault("duplicate_orders"))
    place = walmart.add_listing("W", "x", quantity=10)
    walmart.truth.set(place.sku, 3, 0)
    assert walmart.cancelled_share(0) == 0
    for n in range(4):
        walmart.buyers.buy(place, 1, n * 1_000)
    walmart.advance(10**6)
    assert walmart.cancelled_share(3_000) == 0.25
    assert walmart.cancelled_share(62_000) == 0.5


def test_units_sold_beyond_the_stock_do_not_start_the_time_anew() -> None:
    shop = _shop()
    place = shop.add_listing("S", "x", "l", quantity=5, sku="sku")
    shop.truth.set("sku", 1, 0)
    for n in range(5):
        shop.buyers.buy(place, 1, n * 1_000)
    assert shop.truth.times_to_zero == [("shopify", "S", "x", "l", 0, 4_000, False)]
    assert shop.truth.already_zero == 0


def test_a_place_that_shows_units_again_without_stock_is_timed_again() -> None:
    shop = _shop()
    place = shop.add_listing("S", "x", "l", quantity=0, sku="sku")
    shop.truth.set("sku", 0, 0)
    shop.edit(place, 7, 5_000)
    assert shop.truth.open_places() == [place]
    shop.edit(place, 0, 9_000)
    late = shop.add_listing("S", "y", "l", quantity=3, sku="sku", now_ms=10_000)
    shop.edit(late, 0, 11_000)
    assert [each[4:] for each in shop.truth.times_to_zero] == [(5_000, 4_000, True), (10_000, 1_000, False)]


def test_a_velocity_that_is_set_anew_forgets_the_buyers_of_the_old_one() -> None:
    shop = _shop()
    place = shop.add_listing("S", "x", "l", quantity=10**6)
    for _ in range(100):
        shop.buyers.come(place, 0.5, 0)
    shop.buyers.come(place, 1e-12, 0)
    shop.advance(HOUR)
    assert place.came == 0
