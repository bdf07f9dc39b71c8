"""Aliases, what is not known yet, and what is no longer in use."""

import pytest

from inventory.reference import UnknownIdentifier
from tests.reference.shop import MINUTE, NOW, SKU, Shop


def aliases(*names: str, source: str = "till") -> list[dict[str, str]]:
    return [{"source": source, "identifier": name} for name in names]


def test_each_source_has_its_own_names() -> None:
    shop = Shop(locations=[])
    shop.item(SKU, aliases=aliases("4011"))
    shop.item("4011")
    shop.location("S1", aliases=aliases("shop 1"))
    shop.receipt(5, sku="4011", location="shop 1", source="till")
    shop.receipt(7, sku="4011", location="S1", source="erp")
    assert (shop.on_hand("S1"), shop.on_hand("S1", sku="4011")) == (5, 7)


def test_a_channel_has_aliases_too() -> None:
    shop = Shop()
    shop.channel_record("amazon", {"id": "none"}, aliases=aliases("AMZ-DE", source="oms"))
    shop.line("o", 1, 2, location=None, channel="AMZ-DE", source="oms")
    assert shop.channel("amazon").demand == 2


def test_a_duplicate_is_one_under_any_name() -> None:
    shop = Shop(skus=[])
    shop.item(SKU, aliases=aliases("4011"))
    shop.receipt(5, sku="4011", source="till", event_id="e")
    shop.receipt(5, sku=SKU, source="till", event_id="e")
    assert shop.on_hand() == 5


def test_an_alias_belongs_to_one_sku_for_ever() -> None:
    shop = Shop()
    shop.item(SKU, aliases=aliases("4011"))
    shop.item("SKU-2", aliases=aliases("4011", "4012"))
    shop.item(SKU)  # without its alias
    shop.receipt(5, sku="4011", source="till")
    shop.receipt(6, sku="4012", source="till")
    assert (shop.on_hand(), shop.on_hand(sku="SKU-2")) == (5, 6)
    assert shop.model.exceptions == [("alias_conflict", "CatalogItem", "SKU-2", "4011")]


def test_a_record_waits_until_all_its_identifiers_are_known() -> None:
    shop = Shop(locations=[], skus=[], channels={})
    assert shop.line("o", 1, 2) is None
    assert shop.receipt(5) is None
    assert shop.model.waiting == 2
    shop.item(SKU)
    shop.location("DC1")
    assert (shop.on_hand(), shop.node().hard, shop.model.waiting) == (5, 0, 1)
    shop.channel_record("web", {})
    assert (shop.node().hard, shop.model.waiting) == (2, 0)


def test_an_alias_makes_known_too() -> None:
    shop = Shop()
    shop.receipt(5, sku="4011", source="till")
    shop.receipt(6, sku="4011", source="erp")
    shop.item(SKU, aliases=aliases("4011"))
    assert (shop.on_hand(), shop.model.waiting) == (5, 1)


def test_a_record_that_waited_is_judged_by_its_own_log_time() -> None:
    shop = Shop(locations=[])
    shop.count(5, at=-MINUTE)
    shop.fold("Location", {"id": "DC1", "status": "ACTIVE", "definition": "{}"}, log_time=NOW * 2)
    assert shop.on_hand() == 5


def test_of_a_transaction_only_the_unknown_sku_waits() -> None:
    shop = Shop(locations=[])
    shop.sale({}, {"sku": "new"})
    assert shop.model.waiting == 1
    shop.location("DC1")
    assert (shop.on_hand(), shop.model.waiting) == (-1, 1)
    shop.item("new")
    assert (shop.on_hand(sku="new"), shop.model.waiting) == (-1, 0)


def test_stock_that_moved_has_moved_whatever_its_channel() -> None:
    shop = Shop()
    shop.ship(1, channel="no such channel", event_id="e")
    shop.sale({}, channel="", event_id="t")
    assert shop.on_hand() == -2
    assert shop.model.exceptions == [
        ("unknown_channel", "StockMovement", "e", None),
        ("unknown_channel", "PosTransaction", "t", None),
    ]


def test_a_sku_is_known_at_0_from_its_catalog_record_on() -> None:
    shop = Shop(skus=[])
    with pytest.raises(UnknownIdentifier):
        shop.channel()
    shop.item(SKU)
    assert (shop.channel().available, shop.channel().status) == (0, "OUT")
    with pytest.raises(UnknownIdentifier):
        shop.channel("no such channel")
    with pytest.raises(UnknownIdentifier):
        shop.node("nowhere")


def test_an_inactive_sku_is_folded_and_shown_to_nobody() -> None:
    shop = Shop()
    shop.item(SKU, active=False)
    shop.receipt(5)
    told = shop.channel()
    assert (told.available, told.view, told.offer, told.status) == (0, 0, 0, "OUT")
    assert (told.pool, shop.node().node_ats) == (5, 5)
    shop.item(SKU)
    assert shop.available() == 5


def test_a_catalog_tombstone_makes_inactive() -> None:
    shop = Shop()
    shop.receipt(5)
    shop.fold("CatalogItem", None, key=SKU)
    shop.fold("CatalogItem", None, key="never known")
    assert (shop.available(), shop.on_hand(), shop.model.skus()) == (0, 5, [SKU])


@pytest.mark.parametrize("tombstone", [True, False])
def test_a_deleted_location_supplies_nothing_and_its_demand_is_unsourced(tombstone: bool) -> None:
    shop = Shop(locations=["A", "B"], channels={"web": {}, "pickup": {"id": "B"}})
    shop.count(10, location="A")
    shop.count(10, location="B")
    shop.line("o", 1, 4, location="A")
    if tombstone:
        shop.fold("Location", None, key="location:A")
    else:
        shop.location("A", deleted=True)
    shop.receipt(1, location="A", at=-MINUTE)
    assert shop.available("web") == shop.available("pickup") == 6
    node = shop.node("A")
    assert (node.on_hand, node.hard, node.net, node.node_ats) == (11, 0, 0, 0)
    assert shop.incidents() == {("stock_at_deleted_location", "A")}
    assert shop.model.locations_of(SKU) == shop.model.locations() == ["B"]
    shop.location("A")
    assert (shop.available("web"), shop.node("A").hard) == (17, 4)


def test_a_deleted_location_connects_no_channels() -> None:
    shop = Shop(locations=["A", "B", "C"], channels={"web": {"id": ["A", "B"]}, "pickup": {"id": ["A", "C"]}})
    shop.line("o", 1, 4, location=None, channel="web")
    assert shop.channel("pickup").demand == 4
    shop.location("A", deleted=True)
    assert (shop.channel("web").demand, shop.channel("pickup").demand) == (4, 0)


@pytest.mark.parametrize("how", ["tombstone", "empty", "whole"])
def test_the_demand_of_a_deleted_channel_stays(how: str) -> None:
    shop = Shop(locations=["A", "B"], channels={"web": {"id": "A"}, "pickup": {"id": "B"}, "all": {}})
    shop.count(10, location="A")
    shop.line("o", 1, 4, location=None, channel="web")
    if how == "tombstone":
        shop.fold("Channel", None, key="channel:web")
    elif how == "empty":
        shop.fold("Channel", {"id": "web", "status": "DELETED", "definition": "{}"})
    else:
        shop.channel_record("web", {"id": "A"}, deleted=True)
    assert shop.model.channels() == ["all", "pickup"]
    assert (shop.channel("all").demand, shop.channel("pickup").demand) == (4, 0)
    with pytest.raises(UnknownIdentifier):
        shop.channel("web")
    shop.line("p", 1, 1, location="A", channel="web")
    assert shop.available("all") == 5


@pytest.mark.parametrize(
    ("record_name", "value"),
    [
        ("Location", {"id": "DC1", "status": "ACTIVE", "definition": "not JSON"}),
        ("Location", {"id": "DC1", "status": "ACTIVE", "definition": "[]"}),
        ("Location", {"id": "DC1", "status": "GONE", "definition": "{}"}),
        ("Channel", {"id": "web", "status": "ACTIVE", "definition": '{"locations": {"size": "XL"}}'}),
        ("Channel", {"id": "web", "status": "ACTIVE", "definition": '{"locations": {"id": 7}}'}),
        ("Channel", {"id": "web", "status": "ACTIVE", "definition": '{"locations": {}, "aliases": [{}]}'}),
        ("Channel", {"id": "web", "status": "ACTIVE", "definition": "{}"}),
        ("CatalogItem", {"sku": ""}),
        ("CatalogItem", {"sku": SKU, "attributes": {"size": 7}}),
    ],
)
def test_master_data_that_cannot_be_read_leaves_what_was_told_before(
    record_name: str, value: dict[str, object]
) -> None:
    shop = Shop()
    shop.receipt(5)
    assert shop.fold(record_name, value) == "invalid_event"
    assert shop.available() == 5
