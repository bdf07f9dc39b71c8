"""From positions to what a channel is told."""

import pytest

from tests.reference.shop import NOW, SKU, Shop


def two_places(first: int, second: int) -> Shop:
    shop = Shop(locations=["A", "B"], channels={"web": {}, "pickup": {"id": "B"}})
    shop.count(first, location="A")
    shop.count(second, location="B")
    return shop


def test_what_a_node_withholds_it_does_not_owe_to_other_nodes() -> None:
    shop = two_places(1, 10)
    shop.rule("safety_stock", "ss", units=4)
    first, second = shop.node("A"), shop.node("B")
    assert (first.withheld, first.safety_shortfall, first.node_ats) == (1, 3, 0)
    assert (second.withheld, second.safety_shortfall, second.node_ats) == (4, 0, 6)
    assert shop.available() == 6


def test_the_safety_stock_of_a_node_is_of_what_demand_left() -> None:
    shop = Shop()
    shop.count(10)
    shop.line("o", 1, 3)
    shop.line("p", 1, 2, commitment="SOFT")
    shop.rule("safety_stock", "ss", percent="50")
    node = shop.node()
    assert (node.net, node.safety_stock, node.withheld, node.node_ats) == (5, 3, 3, 2)


def test_of_a_shortage_no_percentage_is_withheld() -> None:
    shop = Shop()
    shop.line("o", 1, 4)
    shop.rule("safety_stock", "ss", percent="50")
    node = shop.node()
    assert (node.net, node.safety_stock, node.withheld, node.node_ats) == (-4, 0, 0, 0)


@pytest.mark.parametrize(
    ("percent", "of", "withheld"),
    [
        ("10", 100, 10),
        ("10", 101, 11),
        ("0", 9, 0),
        ("100", 9, 9),
        ("33.3333", 3, 1),
        (12.5, 8, 1),
        (12, 9, 2),
    ],
)
def test_a_withheld_percentage_rounds_up(percent: object, of: int, withheld: int) -> None:
    shop = Shop()
    shop.count(of)
    shop.rule("safety_stock", "ss", percent=percent)
    assert shop.node().withheld == withheld


def test_a_percentage_is_exact() -> None:
    shop = Shop()
    shop.count(10**9)
    shop.rule("safety_stock", "ss", percent="0.0001")
    shop.rule("share", "sh", percent=0.0003, channel="web")
    assert shop.node().withheld == 10**3
    assert shop.available() == (10**9 - 10**3) * 3 // 10**6


def test_a_shortage_crosses_nodes_and_counts_in_every_channel_of_its_place() -> None:
    shop = two_places(10, 1)
    shop.line("o", 1, 4, location="B", channel="web")
    assert (shop.channel("web").shortage, shop.available("web")) == (3, 7)
    told = shop.channel("pickup")
    assert (told.shortage, told.unmet, told.pool, told.available, told.status) == (3, 3, 0, 0, "OUT")
    assert {("oversell", "B")} == shop.incidents()  # told where it is


def test_nothing_is_withheld_twice_and_never_more_than_there_is() -> None:
    shop = two_places(10, 10)
    shop.rule("safety_stock", "ss", units=2)
    for network, pool in ((3, 16), (4, 16), (5, 15), (20, 0), (99, 0)):
        shop.rule("network_safety_stock", "ns", units=network)
        assert shop.channel().pool == pool
    shop.line("o", 1, 15, location=None)
    shop.rule("network_safety_stock", "ns", units=6)
    told = shop.channel()
    assert (told.supply, told.demand, told.withheld, told.pool) == (20, 15, 5, 0)


def test_share_then_buffer_then_cap_then_threshold() -> None:
    shop = Shop()
    shop.count(21)
    shop.rule("share", "sh", percent="50", channel="web")
    assert shop.available() == 10
    shop.rule("buffer", "bu", units=3, channel="web")
    assert shop.available() == 7
    shop.rule("cap", "ca", units=5, channel="web")
    assert shop.available() == 5
    shop.rule("threshold", "th", units=4, channel="web")
    assert shop.available() == 5
    shop.rule("threshold", "th", units=5, channel="web")
    told = shop.channel()
    assert (told.offer, told.view, told.available, told.status) == (10, 0, 0, "OUT")


def test_a_share_rounds_down_and_takes_nothing_from_others() -> None:
    shop = two_places(0, 9)
    shop.rule("share", "sh", percent="99.9999", channel="pickup")
    assert (shop.available("pickup"), shop.available("web")) == (8, 9)
    assert (shop.channel("pickup").pool, shop.channel("pickup").shared) == (9, 9)
    shop.rule("share", "sh", percent="0", channel="pickup")
    assert shop.available("pickup") == 0


def test_a_buffer_greater_than_the_offer_leaves_0() -> None:
    shop = Shop()
    shop.count(2)
    shop.rule("buffer", "bu", units=3)
    assert shop.channel().view == 0


def test_a_cap_of_0_shows_nothing() -> None:
    shop = Shop()
    shop.count(2)
    shop.rule("cap", "ca", units=0)
    assert shop.channel().view == 0


def test_status() -> None:
    shop = Shop()
    shop.rule("low_stock", "ls", units=5, channel="web")
    seen = []
    for quantity in (0, 1, 4, 5):
        shop.count(quantity, count_sequence=quantity)
        seen.append(shop.channel().status)
    assert seen == ["OUT", "LOW", "LOW", "IN_STOCK"]


def test_an_excluded_channel_is_told_0_and_others_are_not() -> None:
    shop = two_places(10, 10)
    shop.rule("exclusion", "ex", channel="web")
    told = shop.channel("web")
    assert (told.pool, told.offer, told.view, told.available, told.status) == (20, 0, 0, 0, "OUT")
    assert shop.available("pickup") == 10


def test_a_channel_sells_from_where_all_its_keys_hold() -> None:
    shop = Shop(
        locations=[],
        channels={
            "all": {},
            "stores": {"type": "store"},
            "east": {"region": ["east", "west"], "type": ["store", "dark store"]},
            "one": {"id": "W1"},
            "none": {"type": "drone"},
        },
    )
    for name, kind, region in (
        ("W1", "warehouse", "east"),
        ("S1", "store", "east"),
        ("S2", "store", "north"),
    ):
        shop.location(name, type=kind, region=region)
        shop.count({"W1": 1, "S1": 10, "S2": 100}[name], location=name)
    shop.location("X")
    shop.count(1000, location="X")
    assert {name: shop.available(name) for name in shop.model.channels()} == {
        "all": 1111, "east": 10, "none": 0, "one": 1, "stores": 110,
    }  # fmt: skip


def test_what_a_place_shows_is_no_more_than_the_channel_may_sell() -> None:
    shop = two_places(10, 3)
    shop.rule("cap", "ca", units=5, channel="web")
    told = (shop.model.available_at(SKU, "web", place, NOW) for place in ("A", "B"))
    assert tuple(told) == (5, 3)


def test_numbers_are_those_of_the_instant_that_is_asked_for() -> None:
    shop = Shop()
    shop.count(10)
    shop.line("o", 1, 4, commitment="SOFT", expires_at=1_790_000_000_000)
    assert [shop.available(at=at) for at in (0, 1, 0)] == [6, 10, 6]
