"""Which rule of a layer wins, and when."""

from itertools import permutations
from typing import Any

import pytest

from tests.reference.shop import SKU, Shop

ITEM = {"category": "shoes", "style": "runner", "attributes": {"size": "42", "colour": "red"}}

STRONGEST_FIRST: list[dict[str, Any]] = [
    # the number of conditions comes first: an attribute is one a name
    {"attribute": {"size": "42", "colour": "red"}, "category": "shoes"},
    {"style": "runner", "location": "S1"},
    {"style": "runner", "region": "east"},
    {"category": "shoes", "location_type": "store"},
    {"attribute": {"size": "42"}, "location": "S1"},
    {"attribute": {"size": "42", "colour": "red"}},
    {"location_type": "store", "region": "east"},
    # then the item dimension
    {"sku": SKU},
    {"style": "runner"},
    {"category": "shoes"},
    {"attribute": {"colour": "red"}},
    # then the place
    {"location": "S1"},
    {"location_type": "store"},
    {"region": "east"},
    {},
]


def store() -> Shop:
    shop = Shop(locations=[])
    shop.item(SKU, **ITEM)
    shop.location("S1", type="store", region="east")
    return shop


@pytest.mark.parametrize("at", range(len(STRONGEST_FIRST)))
def test_the_stronger_of_two_wins(at: int) -> None:
    shop = store()
    # The weaker ones have the smaller ids and end sooner: neither helps them.
    for weaker in range(at + 1, len(STRONGEST_FIRST)):
        shop.rule("safety_stock", f"a{weaker}", units=99, match=STRONGEST_FIRST[weaker], valid_to=1)
    shop.rule("safety_stock", "b", units=1, match=STRONGEST_FIRST[at])
    assert shop.node("S1").safety_stock == 1


@pytest.mark.parametrize(
    "match",
    [
        {"sku": "SKU-2"},
        {"style": "boot"},
        {"category": "shirts"},
        {"attribute": {"size": "43"}},
        {"attribute": {"size": "42", "width": "42"}},
        {"location": "S2"},
        {"location_type": "warehouse"},
        {"region": "west"},
        {"sku": SKU, "region": "west"},
    ],
)
def test_every_condition_must_hold(match: dict[str, Any]) -> None:
    shop = store()
    shop.rule("safety_stock", "ss", units=1, match=match)
    assert shop.node("S1").safety_stock == 0


def test_then_the_validity_that_ends_soonest_then_the_smaller_id() -> None:
    rules = [("z", 1, 10), ("y", 2, 20), ("b", 3, None), ("c", 4, None)]
    for order in permutations(rules):
        shop = store()
        for name, units, valid_to in order:
            shop.rule("safety_stock", name, units=units, valid_to=valid_to)
        assert [shop.node("S1", at=at).safety_stock for at in (0, 9, 10, 19, 20)] == [1, 1, 2, 2, 3]


def test_a_rule_holds_from_valid_from_to_just_before_valid_to() -> None:
    shop = store()
    shop.rule("safety_stock", "ss", units=1, valid_from=5, valid_to=10)
    assert [shop.node("S1", at=at).safety_stock for at in (4, 5, 9, 10)] == [0, 1, 1, 0]


def test_a_channel_is_no_condition_and_a_rule_without_one_is_for_all() -> None:
    shop = Shop(channels={"web": {}, "amazon": {}})
    shop.receipt(10)
    shop.rule("buffer", "b", units=1)
    shop.rule("buffer", "c", units=2, channel="web")  # no stronger than `b`: the smaller id wins
    assert (shop.available("web"), shop.available("amazon")) == (9, 9)
    shop.rule("buffer", "a", units=3, channel="amazon")
    assert (shop.available("web"), shop.available("amazon")) == (9, 7)


def test_the_last_record_of_a_rule_counts_and_an_ended_one_does_not() -> None:
    shop = store()
    shop.rule("safety_stock", "ss", units=1, match={"sku": SKU})
    shop.rule("safety_stock", "ss", units=2)
    assert shop.node("S1").safety_stock == 2
    shop.fold("Policy", {"id": "ss", "status": "DELETED", "definition": "{}", "layer": "ring_fence"})
    assert shop.node("S1").safety_stock == 0
    shop.rule("safety_stock", "ss", units=2)
    shop.fold("Policy", None, key="ss")
    assert shop.node("S1").safety_stock == 0


def test_a_rule_follows_its_sku_and_its_place() -> None:
    shop = store()
    shop.rule("safety_stock", "ss", units=1, match={"category": "shoes", "location_type": "store"})
    shop.location("S1", type="warehouse")
    assert shop.node("S1").safety_stock == 0
    shop.location("S1", type="store")
    shop.item(SKU, category="shirts")
    assert shop.node("S1").safety_stock == 0


def test_a_number_names_the_rules_that_won() -> None:
    shop = Shop(locations=["A", "B"], channels={"web": {}, "pickup": {"id": "B"}})
    shop.rule("safety_stock", "ss-a", units=1, match={"location": "A"})
    shop.rule("safety_stock", "ss-b", units=1, match={"location": "B"})
    shop.rule("safety_stock", "ss-other", units=1, match={"sku": "SKU-2"})
    shop.rule("buffer", "bu", units=1, channel="web")
    shop.rule("buffer", "bu-weaker", units=1, channel="web")
    shop.rule("cap", "ca", units=1, channel="pickup")
    assert shop.channel("web").rules == ("bu", "ss-a", "ss-b")
    assert shop.channel("pickup").rules == ("ca", "ss-b")


@pytest.mark.parametrize(
    ("layer", "definition"),
    [
        ("safety_stock", {}),
        ("safety_stock", {"units": 1, "percent": "1"}),
        ("safety_stock", {"units": -1}),
        ("safety_stock", {"units": "1"}),
        ("safety_stock", {"units": 1, "channel": "web"}),
        ("safety_stock", {"percent": "100.01"}),
        ("safety_stock", {"percent": "1.00001"}),
        ("safety_stock", {"percent": "many"}),
        ("safety_stock", {"percent": "NaN"}),
        ("safety_stock", {"percent": True}),
        ("network_safety_stock", {"percent": "10"}),
        ("exclusion", {"units": 1}),
        ("share", {"units": 1}),
        ("ring_fence", {"units": 1}),
        ("ring_fence", {"channel": "web"}),
        ("ring_fence", {"channel": "web", "units": 1, "percent": "1"}),
        ("ring_fence", {"channel": "web", "units": 1, "minimum": 1}),
        ("ring_fence", {"channel": "web", "units": 1, "priority": "first"}),
        ("ring_fence", {"channel": "web", "units": 1, "set_at": "today"}),
        ("ring_fence", {"channel": "web", "percent": "1", "minimum": -1}),
        ("ring_fence", {"channel": "web", "units": 1, "match": {"location": "DC1"}}),
        ("backorder", {"percent": "1"}),
        ("in_transit", {"confidence": "0.5"}),
        ("in_transit", {"within_days": 1}),
        ("in_transit", {"confidence": "1.1", "within_days": 1}),
        ("in_transit", {"confidence": "0.12345", "within_days": 1}),
        ("in_transit", {"confidence": "1", "within_days": -1}),
        ("buffer", {"units": 1, "match": {"location": "DC1"}}),
        ("buffer", {"units": 1, "match": {"colour": "red"}}),
        ("buffer", {"units": 1, "match": {"attribute": "red"}}),
        ("buffer", {"units": 1, "match": []}),
    ],
)
def test_a_rule_that_cannot_be_read_leaves_what_was_told_before(
    layer: str, definition: dict[str, Any]
) -> None:
    shop = Shop()
    shop.receipt(10)
    shop.rule("buffer", "x", units=3)
    assert shop.rule(layer, "x", **definition) == "invalid_event"
    assert shop.available() == 7
