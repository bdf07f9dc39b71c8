"""Bundles: what they are made of, what is offered of them, and whose facts their events are."""

from itertools import permutations
from typing import Any

import pytest

from tests.reference import recompute
from tests.reference.shop import DAY, HOUR, MINUTE, NOW, Shop

KIT, LAMP, BULB = "KIT", "LAMP", "BULB"


def kits(lamps: int = 10, bulbs: int = 20, each: int = 3, **fields: Any) -> Shop:
    """A kit is one lamp and three bulbs."""
    shop = Shop(locations=["A", "B"], channels={"web": {}, "store": {"id": "B"}}, skus=[LAMP, BULB])
    shop.bundle(KIT, {LAMP: 1, BULB: each}, **fields)
    shop.count(lamps, sku=LAMP, location="A", at=-2 * HOUR)
    shop.count(bulbs, sku=BULB, location="B", at=-2 * HOUR)
    return shop


def test_the_scarcest_component_decides() -> None:
    shop = kits(lamps=10, bulbs=20)
    told = shop.channel(sku=KIT)
    assert (told.pool, told.shared, told.offer, told.view, told.available) == (6, 6, 6, 6, 6)
    assert (told.grant, told.supply, told.demand, told.shortage, told.withheld) == (0, 0, 0, 0, 0)
    assert shop.available(sku=KIT, name="store") == 0  # no lamp there
    shop.receipt(1, sku=BULB, location="A")
    assert shop.available(sku=KIT) == 7


def test_what_is_shipped_together_must_be_together() -> None:
    shop = kits(ship_together=True)
    assert shop.available(sku=KIT) == 0
    shop.receipt(7, sku=BULB, location="A")
    shop.receipt(3, sku=LAMP, location="B")
    assert shop.available(sku=KIT) == 2 + 3
    shop.rule("safety_stock", "ss", units=2, match={"sku": BULB})  # of each node
    assert shop.available(sku=KIT) == 1 + 3
    shop.item(KIT, bundle=[{"sku": LAMP, "quantity": 1}, {"sku": BULB, "quantity": 3}])
    assert shop.available(sku=KIT) == (27 - 4) // 3


def together(**stock: tuple[int, int]) -> Shop:
    """A kit of a lamp and a bulb that ships together; `stock` of both by place. `store` sells from B."""
    shop = Shop(locations=["A", "B"], channels={"web": {}, "store": {"id": "B"}}, skus=[LAMP, BULB])
    shop.bundle(KIT, {LAMP: 1, BULB: 1}, ship_together=True)
    for place, (lamps, bulbs) in stock.items():
        shop.count(lamps, sku=LAMP, location=place, at=-2 * HOUR)
        shop.count(bulbs, sku=BULB, location=place, at=-2 * HOUR)
    return shop


def assert_explained(shop: Shop, available: int) -> None:
    told = shop.model.explain(KIT, "web", NOW)
    assert (told.numbers.available, recompute.available(told)) == (available, available)


def test_a_kit_that_was_granted_has_taken_its_parts_from_the_shelf_where_they_were_together() -> None:
    """Lamps are at A and bulbs, but for one, at B. One kit can be made, whoever asks, and no second one."""
    shop = together(A=(10, 1), B=(0, 9))
    assert_explained(shop, 1)
    shop.line("o", 1, 1, sku=KIT, location=None)
    assert (shop.available(sku=LAMP), shop.available(sku=BULB)) == (9, 9)
    assert_explained(shop, 0)
    shop.line("o", 2, 1, sku=KIT, location="A")  # from now on it is the shelf itself that has fewer
    assert_explained(shop, 0)
    shop.receipt(3, sku=BULB, location="A")
    assert_explained(shop, 3)


def test_what_is_promised_of_a_part_may_come_from_the_shelf_that_a_kit_needs() -> None:
    shop = together(A=(10, 10), B=(0, 20))
    assert_explained(shop, 10)
    shop.line("o", 1, 3, sku=LAMP, location=None)
    assert_explained(shop, 7)
    shop.line("p", 1, 4, sku=BULB, location=None)  # from B
    assert_explained(shop, 7)
    shop.line("q", 1, 25, sku=BULB, location="B")  # 5 short there, which leave one bulb at A
    assert_explained(shop, 1)
    shop.line("p", 2, 6, sku=BULB, location=None)
    assert_explained(shop, 0)
    assert shop.channel(sku=KIT).pool == 0  # never below


def test_many_orders_for_one_part_take_no_kits_that_another_part_bounds() -> None:
    shop = together(A=(1000, 10))
    shop.line("o", 1, 500, sku=LAMP, location=None)
    assert_explained(shop, 10)


def test_a_part_of_which_a_kit_has_several_spares_a_kit_for_each_begun() -> None:
    shop = kits(lamps=10, bulbs=0, ship_together=True)
    shop.receipt(30, sku=BULB, location="A")
    for bulbs, available in ((1, 9), (3, 9), (4, 8)):
        shop.line("o", bulbs, bulbs, sku=BULB, location=None)
        assert_explained(shop, available)


def test_a_channel_spares_what_is_promised_where_it_sells() -> None:
    shop = together(A=(5, 5), B=(5, 5))
    shop.line("o", 1, 2, sku=LAMP, location=None, channel="store")
    assert (shop.available(sku=KIT), shop.available(sku=KIT, name="store")) == (8, 3)
    shop.channel_record("depot", {"id": "A"})
    assert shop.available(sku=KIT, name="depot") == 5


def test_a_kit_that_need_not_ship_together_spares_no_shelf() -> None:
    shop = together(A=(10, 1), B=(0, 9))
    shop.bundle(KIT, {LAMP: 1, BULB: 1}, ship_together=False)
    shop.line("o", 1, 1, sku=KIT, location=None)
    assert_explained(shop, 9)


def test_a_component_offers_what_its_own_rules_let_it() -> None:
    shop = kits(lamps=10, bulbs=300)
    shop.rule("safety_stock", "ss", units=1, match={"sku": LAMP})
    assert shop.available(sku=KIT) == 9
    shop.fence("rf", "store", units=100, match={"sku": BULB})
    assert shop.channel(sku=BULB).shared == 200
    shop.rule("share", "sh", percent="10", channel="web", match={"sku": BULB})
    assert shop.available(sku=KIT) == 20 // 3
    # What a component shows alone is not what it offers.
    shop.rule("buffer", "bu", units=99, match={"sku": BULB})
    shop.rule("cap", "ca", units=1, match={"sku": LAMP})
    shop.rule("threshold", "th", units=99, match={"sku": LAMP})
    shop.rule("backorder", "bo", units=99, match={"sku": LAMP})
    assert shop.available(sku=KIT) == 6
    shop.rule("exclusion", "ex", channel="web", match={"sku": LAMP})
    assert shop.available(sku=KIT) == 0


def test_then_the_rules_of_the_bundle_itself() -> None:
    shop = kits(lamps=20, bulbs=63)
    assert shop.available(sku=KIT) == 20
    shop.rule("share", "sh", percent="50", match={"sku": KIT})
    shop.rule("buffer", "bu", units=2, match={"sku": KIT})
    shop.rule("cap", "ca", units=7, match={"sku": KIT})
    shop.rule("low_stock", "ls", units=9, match={"sku": KIT})
    told = shop.channel(sku=KIT)
    assert (told.pool, told.offer, told.view, told.status) == (20, 10, 7, "LOW")
    assert told.rules == ("bu", "ca", "ls", "sh")
    shop.rule("threshold", "th", units=7, match={"sku": KIT})
    assert shop.available(sku=KIT) == 0
    shop.rule("backorder", "bo", units=3, match={"sku": KIT})
    assert shop.available(sku=KIT) == 0  # nobody could hold them
    shop.rule("exclusion", "ex", channel="web", match={"sku": KIT})
    assert (shop.channel(sku=KIT).pool, shop.available(sku=KIT)) == (20, 0)


def test_safety_stock_fences_and_supply_are_never_of_a_bundle() -> None:
    shop = kits()
    for layer in ("safety_stock", "network_safety_stock"):
        shop.rule(layer, layer, units=1, match={"sku": KIT})
    shop.fence("rf", "store", units=1, match={"sku": KIT})
    shop.fence("rf-pct", "web", percent="10", match={"sku": KIT})
    shop.rule("in_transit", "it", confidence="1", within_days=1, match={"sku": KIT})
    told = shop.channel(sku=KIT)
    assert (told.available, told.grants, told.rules) == (6, (), ())
    assert shop.model.rebalanced(KIT, NOW) == {}
    node = shop.node("A", sku=KIT)
    assert (node.on_hand, node.safety_stock, node.safety_shortfall) == (0, 0, 0)


def test_a_bundle_is_never_on_backorder() -> None:
    """To be held its components must be there, so no more is shown; what is missing of them is told."""
    shop = kits(lamps=10, bulbs=20)
    shop.rule("backorder", "bo", units=5)
    assert_explained(shop, 6)
    shop.line("o", 1, 27, sku=BULB, location=None)
    told = shop.channel(sku=KIT)
    assert (told.unmet, told.view, told.available) == (3, 0, 0)  # 7 bulbs are 3 kits, the last in part
    assert shop.channel(sku=KIT).rules == ()
    assert shop.available(sku=LAMP) == 15


# Whose facts


def test_an_order_of_a_bundle_is_one_of_its_components() -> None:
    shop = kits()
    shop.line("o", 1, 2, sku=KIT, location="B")
    assert (shop.open(sku=LAMP), shop.open(sku=BULB)) == ({("o", "1"): 2}, {("o", "1"): 6})
    assert shop.open(sku=KIT) == {}
    assert shop.available(sku=KIT) == (20 - 6) // 3
    shop.release("o", 1, sku=KIT)
    assert (shop.open(sku=LAMP), shop.open(sku=BULB)) == ({("o", "1"): 1}, {("o", "1"): 3})
    shop.ship(1, sku=KIT, location="B", reservation_id="o")
    assert (shop.open(sku=LAMP), shop.open(sku=BULB)) == ({}, {})
    assert (shop.node("B", sku=BULB).on_hand, shop.node("B", sku=LAMP).on_hand) == (17, -1)
    # A component may be shipped alone.
    shop.line("o", 2, 3, sku=KIT, location="B")
    shop.ship(1, sku=BULB, location="B", reservation_id="o")
    assert (shop.open(sku=LAMP), shop.open(sku=BULB)) == ({("o", "1"): 1}, {("o", "1"): 9 - 3 - 3 - 1})
    shop.cancel("o", 3, sku=KIT, location="B")
    assert (shop.open(sku=LAMP), shop.open(sku=BULB)) == ({}, {})


def test_every_movement_and_every_till_moves_components() -> None:
    shop = kits()
    steps: list[tuple[str, int, int]] = []
    for kind, quantity, lamps in (
        ("RECEIPT", 2, 12), ("SHIP", 1, 11), ("RETURN", 1, 12), ("TRANSFER_OUT", 3, 9), ("TRANSFER_IN", 1, 10),
        ("ADJUST", -2, 8), ("STATE_CHANGE", 1, 8),
    ):  # fmt: skip
        state: dict[str, Any] = {"to_state": "DAMAGED"} if kind == "STATE_CHANGE" else {}
        shop.movement(kind, quantity, sku=KIT, location="A", **state)
        steps.append((kind, shop.node("A", sku=LAMP).on_hand, lamps))
        assert shop.node("A", sku=BULB).on_hand == (lamps - 10) * 3
    assert all(found == expected for _, found, expected in steps), steps
    assert (shop.node("A", sku=LAMP).damaged, shop.node("A", sku=BULB).damaged) == (1, 3)
    shop.correction(1, sku=KIT, location="A")
    shop.sale({"sku": KIT, "quantity": 4}, {"sku": LAMP}, location="A")
    assert shop.node("A", sku=LAMP).on_hand == 8 + 1 - 4 - 1
    assert shop.node("A", sku=BULB).on_hand == -6 + 3 - 12


def test_a_component_row_is_booked_once_and_beside_what_names_the_component() -> None:
    shop = kits()
    for _ in range(2):
        shop.ship(1, sku=KIT, location="A", event_id="e")
        shop.sale({"sku": KIT}, {"sku": BULB}, location="A", event_id="f")
    assert (shop.node("A", sku=LAMP).on_hand, shop.node("A", sku=BULB).on_hand) == (8, -7)
    shop.ship(1, sku=BULB, location="A", event_id="e")
    assert shop.exceptions() == ["conflicting_duplicate"]


def test_a_version_of_a_bundle_is_the_same_for_all_its_components() -> None:
    # As Avro writes them 64 is greater than 63, but 3 * 64 = 192 is not greater than 3 * 63 = 189.
    for order in permutations([63, 64]):
        shop = kits()
        for quantity in order:
            shop.line("o", 1, quantity, sku=KIT, location="A", recorded_at=NOW, log_time=NOW)
        assert (shop.open(sku=LAMP), shop.open(sku=BULB)) == ({("o", "1"): 64}, {("o", "1"): 192})
        assert shop.exceptions() == ["conflicting_version"]


def test_a_sale_of_a_bundle_uses_the_fences_of_its_components() -> None:
    shop = kits(bulbs=100)
    shop.fence("rf", "store", units=30, match={"sku": BULB})
    shop.line("o", 1, 2, sku=KIT, location="B", channel="store")
    shop.ship(1, sku=KIT, location="B", channel="store")
    assert shop.channel("store", sku=BULB).grant == 30 - 6 - 3


def test_counts_and_supply_of_a_bundle_are_refused() -> None:
    shop = kits()
    assert shop.count(5, sku=KIT, location="A") == "bundle_sku"
    assert shop.expect("PO-1", 1, 5, sku=KIT, location="A", due=DAY) == "bundle_sku"
    assert [code for code, *_ in shop.model.dead_letters] == ["bundle_sku"] * 2
    assert shop.available(sku=KIT) == 6


def test_what_came_before_the_catalog_waits_and_is_then_exploded_or_refused() -> None:
    shop = Shop(locations=["A"], skus=[LAMP])
    shop.line("o", 1, 2, sku=KIT, location="A")
    shop.count(5, sku=KIT, location="A")
    shop.bundle(KIT, {LAMP: 1, BULB: 3})
    assert shop.open(sku=LAMP) == {("o", "1"): 2}
    assert [code for code, *_ in shop.model.dead_letters] == ["bundle_sku"]
    assert shop.model.waiting == 1  # the row of the component that is not known
    shop.ship(1, sku=KIT, location="A", reservation_id="o", at=-MINUTE)
    shop.sale({"sku": KIT}, location="A")
    assert shop.model.waiting == 3
    shop.item(BULB)
    assert shop.model.waiting == 0
    assert (shop.open(sku=LAMP), shop.open(sku=BULB)) == ({("o", "1"): 1}, {("o", "1"): 3})
    assert (shop.node("A", sku=LAMP).on_hand, shop.node("A", sku=BULB).on_hand) == (-2, -6)


def test_rows_of_components_wait_each_for_its_own() -> None:
    shop = Shop(locations=["A"], skus=[])
    shop.bundle(KIT, {LAMP: 1, BULB: 3})
    shop.ship(1, sku=KIT, location="A")
    assert shop.model.waiting == 2
    for sku, waiting, on_hand in ((LAMP, 1, -1), (BULB, 0, -3)):
        shop.item(sku)
        assert (shop.model.waiting, shop.node("A", sku=sku).on_hand) == (waiting, on_hand)


# What a bundle may be


def test_an_unknown_component_makes_it_0_until_it_is_known() -> None:
    shop = kits()
    shop.bundle("SET", {LAMP: 1, "SHADE": 1})
    told = shop.channel(sku="SET")
    assert (told.pool, told.available, shop.projected(2, sku="SET")) == (0, 0, [0, 0])
    shop.item("SHADE")
    shop.count(2, sku="SHADE", location="A")
    assert (shop.channel(sku="SET").pool, shop.available(sku="SET")) == (2, 2)


def test_a_bundle_in_a_bundle_makes_it_0() -> None:
    shop = kits()
    shop.bundle("SET", {KIT: 1, LAMP: 2})
    shop.bundle("ITSELF", {"ITSELF": 1})
    shop.rule("backorder", "bo", units=5)
    assert (shop.available(sku="SET"), shop.available(sku="ITSELF")) == (0, 0)
    assert shop.incidents(sku="SET") == {("nested_bundle", KIT)}
    assert shop.incidents(sku="ITSELF") == {("nested_bundle", "ITSELF")}
    # Of its events what can be booked is.
    assert shop.ship(1, sku="SET", location="A") is None
    assert shop.node("A", sku=LAMP).on_hand == 8
    assert [code for code, *_ in shop.model.dead_letters] == ["bundle_sku"]


@pytest.mark.parametrize("sku", [KIT, LAMP])
def test_an_inactive_component_is_not_sold_in_a_bundle_either(sku: str) -> None:
    shop = kits()
    shop.rule("backorder", "bo", units=5)
    shop.fold("CatalogItem", None, key=sku)
    told = shop.channel(sku=KIT)
    assert (told.offer, told.available, told.status) == (0, 0, "OUT")
    assert shop.projected(1, sku=KIT) == [0]
    assert shop.available(sku=BULB) == 25


def test_a_composition_is_that_of_the_first_record() -> None:
    shop = kits()
    shop.bundle(KIT, {BULB: 3, LAMP: 1})
    shop.item(KIT, bundle=[{"sku": BULB, "quantity": n} for n in (1, 2)] + [{"sku": LAMP, "quantity": 1}])
    assert shop.exceptions() == []
    for parts in ({LAMP: 1}, {LAMP: 1, BULB: 2}, {}):
        shop.bundle(KIT, parts, category="lights")
        assert shop.available(sku=KIT) == 6
    assert shop.exceptions() == ["bundle_changed"]
    shop.bundle(LAMP, {BULB: 1})  # a sku of its own becomes no bundle
    assert shop.available(sku=LAMP) == 10
    # But for its components the record is folded.
    shop.rule("cap", "ca", units=1, match={"category": "lights"})
    assert shop.available(sku=KIT) == 1


def test_a_bundle_that_cannot_be_read() -> None:
    shop = Shop()
    for quantity in (0, -1):
        assert shop.bundle(KIT, {LAMP: quantity}) == "invalid_quantity"
    assert shop.model.skus() == ["SKU-1"]


# By date, and over time


def test_by_date_it_is_the_component_that_comes_last() -> None:
    shop = kits(lamps=4, bulbs=3)
    shop.expect("PO-1", 1, 5, sku=BULB, location="A", due=DAY)
    shop.expect("PO-2", 1, 50, sku=BULB, location="A", due=2 * DAY)
    shop.line("o", 1, 4, sku=LAMP, location="A", needed_at=NOW + 3 * DAY)
    shop.line("p", 1, 1, sku=LAMP, location="B", needed_at=NOW + 3 * DAY)
    assert shop.projected(4, sku=KIT) == [-1, -1, -1, -1]
    shop.cancel("p", 2, sku=LAMP, location="B")
    shop.receipt(2, sku=LAMP, location="B")
    assert shop.projected(4, sku=KIT) == [1, 2, 2, 2]


def test_its_instants_and_its_version_are_those_of_its_components_too() -> None:
    shop = kits()
    before = shop.model.version(KIT, NOW)
    shop.line("o", 1, 4, sku=LAMP, location="A", commitment="SOFT", expires_at=NOW + HOUR)
    assert shop.model.instants(KIT) == [NOW + HOUR + 1]
    assert [shop.available(sku=KIT, at=at) for at in (0, HOUR, HOUR + 1)] == [6, 6, 6]
    assert shop.model.version(KIT, NOW) == before + 1
    # The record of a rule, and the instant at which it begins, of the bundle and of each component; its end
    # takes nothing back.
    shop.rule("buffer", "bu", units=1, valid_from=-HOUR)
    assert shop.model.version(KIT, NOW) == before + 5
    shop.fold("Policy", None, key="bu")
    shop.rule("buffer", "bu", units=2)
    assert shop.model.version(KIT, NOW) == before + 7
    assert shop.model.version(KIT, NOW + HOUR + 1) == shop.model.version(KIT, NOW) + 1
