"""The facts that moved a sku last: which ones, in which order, and what is told of each."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from inventory.lane import Lane, LaneConfig
from inventory.sections import dump, load
from tests.inventory import shop as shops
from tests.inventory.published import Encoded
from tests.inventory.same_state import state_of
from tests.inventory.shop import SKU
from tests.inventory.test_checked import request
from tests.inventory.test_snapshots import Warehouse
from tests.reference.shop import HOUR, MINUTE, NOW, SECOND


class Shop(shops.Shop):
    made_of = Encoded

    def facts(self, sku: str = SKU) -> list[dict[str, Any]]:
        return facts(self, sku)

    def kinds(self) -> list[str]:
        return [fact["kind"] for fact in self.facts()]


class Stockroom(Warehouse):
    made_of = Encoded


def facts(shop: shops.Shop, sku: str = SKU, channel: str = "web") -> list[dict[str, Any]]:
    """Newest first."""
    shop.run(shop.now - NOW)
    assert isinstance(shop.cluster, Encoded)
    told: list[dict[str, Any]] = shop.cluster.explain(sku, channel)["facts"]
    return told


def test_a_sku_without_facts_has_none() -> None:
    assert Shop().facts() == []


def test_what_is_told_of_a_fact() -> None:
    shop = Shop(lanes=1)
    shop.sale(
        {"quantity": 2}, {"sku": "other"}, {"quantity": -1}, location="S1", channel="pickup", at=-MINUTE
    )
    back, sold = shop.facts()
    assert sold == {
        "kind": "SALE", "quantity": 2, "location": "S1", "channel": "pickup", "line": 1, "absorbed": False,
        "occurred_at": NOW - MINUTE, "log_time": NOW - MINUTE + SECOND, "record": "pos-sales/0/0",
        "text": sold["text"],
    }  # fmt: skip
    assert sold["text"].startswith("2 sold at S1, 20")
    assert (back["line"], back["quantity"], back["text"][:16]) == (3, -1, "1 returned at S1")


def test_every_kind_of_fact_says_what_it_was() -> None:
    shop = Shop()
    shop.count(9, counter="DAMAGED")
    shop.movement("STATE_CHANGE", 1, from_state="SELLABLE", to_state="BLOCKED")
    shop.correction(-2, state="QUALITY_CONTROL")
    shop.line("o", 1, 3, commitment="SOFT", expires_at=NOW + HOUR)
    shop.event("ExpectedSupply", -HOUR, {
        "reference": "P", "version": 1, "kind": "ASN", "quantity": 5, "expected_at": NOW + HOUR, "status": "OPEN",
    })  # fmt: skip
    shop.sale({"line": "a-7"})
    told = {fact["kind"]: fact for fact in shop.facts()}
    assert told["COUNT"]["counter"] == "DAMAGED"
    assert (told["STATE_CHANGE"]["from_state"], told["STATE_CHANGE"]["to_state"]) == ("SELLABLE", "BLOCKED")
    assert (told["CORRECTION"]["state"], told["CORRECTION"]["quantity"]) == ("QUALITY_CONTROL", -2)
    assert (told["PLACE"]["commitment"], told["PLACE"]["channel"], told["PLACE"]["location"]) == (
        "SOFT", "web", "DC1",
    )  # fmt: skip
    assert told["EXPECTED"]["status"] == "OPEN"
    assert told["SALE"]["line"] is None  # it is no number
    assert {fact["record"].rpartition("/")[0].rpartition("/")[0] for fact in told.values()} == {
        "wms-adjustments", "stock-movements", "reservations", "expected-supply", "pos-sales",
    }  # fmt: skip


def test_the_ring_keeps_the_last_eight_in_the_order_of_folding() -> None:
    shop = Shop()
    for n in range(1, 12):
        shop.movement("RECEIPT", n, at=-n * MINUTE)
        shop.run()
    assert [fact["quantity"] for fact in shop.facts()] == [11, 10, 9, 8, 7, 6, 5, 4]


def test_it_is_as_long_as_there_are_facts() -> None:
    shop = Shop()
    for n in range(1, 4):
        shop.movement("RECEIPT", n)
    assert [fact["quantity"] for fact in shop.facts()] == [3, 2, 1]


def test_what_changed_nothing_is_not_among_them() -> None:
    shop = Shop()
    shop.count(9, at=-MINUTE)
    shop.line("o", 2, 1)
    assert shop.kinds() == ["COUNT", "PLACE"]  # topics are read one after the other
    shop.count(4, at=-HOUR)  # older
    shop.line("o", 1, 5)  # superseded
    shop.line("o", 2, 1, at=-MINUTE)  # the same again
    for _ in range(2):
        shop.movement("SHIP", 1, at=-SECOND, event_id="twice")
        shop.correction(1, at=-SECOND, event_id="k")
        shop.line("o", 1, 1, action="RELEASE", event_id="r")
        shop.sale({}, event_id="s", at=-SECOND)
    assert sorted(shop.kinds()) == ["CORRECTION", "COUNT", "PLACE", "RELEASE", "SALE", "SHIP"]


ABSORBED: dict[str, Callable[[Shop], Any]] = {
    "a shipment": lambda shop: shop.movement("SHIP", 1, at=-HOUR),
    "one of an order that is not known": lambda shop: shop.movement("SHIP", 1, at=-HOUR, reservation_id="?"),
    "a sale": lambda shop: shop.sale({"quantity": 2}, at=-HOUR, location="DC1"),
    "a correction": lambda shop: shop.correction(-1, at=-HOUR),
    "a receipt": lambda shop: shop.movement("RECEIPT", 1, at=-MINUTE),  # at the instant of the count
    "a part of it": lambda shop: shop.movement("ADJUST", -1, at=-HOUR, from_state="DAMAGED"),
    "a change between parts": lambda shop: shop.movement(
        "STATE_CHANGE", 1, at=-HOUR, from_state="SELLABLE", to_state="DAMAGED"
    ),
}
MOVING: dict[str, Callable[[Shop], Any]] = {
    "later": lambda shop: shop.movement("SHIP", 1, at=-SECOND),
    "elsewhere": lambda shop: shop.movement("SHIP", 1, at=-HOUR, location="S1"),
    "what was ordered": lambda shop: shop.movement("SHIP", 1, at=-HOUR, reservation_id="o"),
    "a sale of what was ordered": lambda shop: shop.sale({"reservation_id": "o"}, at=-HOUR, location="DC1"),
    "what was shipped by mistake": lambda shop: shop.movement("ADJUST", -1, at=-HOUR, reservation_id="o"),
    "of a part that nobody counted": lambda shop: shop.movement(
        "STATE_CHANGE", 1, at=-HOUR, from_state="SELLABLE", to_state="BLOCKED"
    ),
    "what a fence counts": lambda shop: shop.movement("SHIP", 1, at=-HOUR, channel="web"),
    "what was on its way": lambda shop: shop.movement("RECEIPT", 1, at=-HOUR, reference="P"),
}


def counted() -> Shop:
    """9 units, of which 1 is damaged; an order for 3, a fence, and something on its way."""
    shop = Shop(lanes=1)
    shop.rule("ring_fence", "f", json.dumps({"units": "5", "channel": "web", "set_at": NOW - 5 * HOUR}))
    shop.count(9, at=-MINUTE)
    shop.count(1, at=-MINUTE, counter="DAMAGED")
    shop.line("o", 1, 3, location="DC1", at=-2 * HOUR)
    shop.event("ExpectedSupply", -2 * HOUR, {
        "reference": "P", "version": 1, "kind": "ASN", "quantity": 5, "expected_at": NOW + HOUR, "status": "OPEN",
    })  # fmt: skip
    assert not any(fact["absorbed"] for fact in shop.facts())
    return shop


@pytest.mark.parametrize("what", ABSORBED)
def test_what_a_count_had_seen_is_found_and_marked(what: str) -> None:
    shop = counted()
    before = shop.told(), shop.on_hand()
    ABSORBED[what](shop)
    fact = shop.facts()[0]
    assert (shop.told(), shop.on_hand()) == before
    assert fact["absorbed"]
    assert fact["text"].endswith(" UTC: a count had seen it already, and nothing changed")


@pytest.mark.parametrize("what", MOVING)
def test_what_moved_anything_is_not_marked(what: str) -> None:
    shop = counted()
    MOVING[what](shop)
    fact = shop.facts()[0]
    assert not fact["absorbed"]
    assert fact["text"].endswith(" UTC")


def test_under_a_net_count_what_lowers_its_demand_moves_the_stock() -> None:
    shop = Shop(lanes=1)
    shop.line("o", 1, 3, location="DC1", at=-3 * HOUR)
    shop.count(9, at=-HOUR, basis="NET", net_of="HARD")
    shop.line("o", 3, 0, action="CANCEL", at=-MINUTE)
    assert shop.on_hand() == 12
    shop.movement("SHIP", 1, at=-2 * HOUR, reservation_id="o")  # of demand, nothing is open any more
    assert (shop.facts()[0]["kind"], shop.facts()[0]["absorbed"]) == ("SHIP", False)
    assert shop.on_hand() == 11
    shop.line("o", 2, 2, at=-90 * MINUTE, action="UPDATE")  # outdone, but it was what the count knew
    assert (shop.facts()[0]["kind"], shop.facts()[0]["absorbed"]) == ("UPDATE", False)
    assert shop.on_hand() == 10


def test_a_checked_version_is_one_once_it_is_decided() -> None:
    shop = Shop(lanes=1)
    shop.count(5)
    request(shop, "a", 1, 4)
    request(shop, "b", 1, 4)
    placed, counted = shop.facts()
    assert (placed["kind"], placed["quantity"], placed["record"]) == ("PLACE", 4, "reservations/0/0")
    assert counted["kind"] == "COUNT"


def test_what_a_snapshot_zeroes() -> None:
    shop = Stockroom(lanes=4)
    shop.entry("S0", 1)
    shop.mark(items=1)
    zeroed, counted = facts(shop, "S1")
    assert (zeroed["kind"], zeroed["quantity"], zeroed["location"]) == ("ZEROED", 0, "DC1")
    assert zeroed["record"].startswith("routed/")
    assert zeroed["occurred_at"] == NOW - HOUR
    assert counted["kind"] == "COUNT"
    assert [fact["kind"] for fact in facts(shop, "S0")] == ["COUNT", "COUNT"]


def test_a_component_has_the_facts_of_its_bundles() -> None:
    shop = Shop(skus=("LAMP",))
    shop.item("KIT", bundle=[{"sku": "LAMP", "quantity": 2}])
    shop.run()
    shop.line("o", 1, 3, sku="KIT")
    (fact,) = shop.facts("LAMP")
    assert (fact["kind"], fact["quantity"], fact["record"].partition("/")[0]) == ("PLACE", 6, "reservations")
    assert shop.facts("KIT") == []


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "changes"])
def test_a_restored_lane_knows_them_and_goes_on(whole: bool) -> None:
    shop = Shop(lanes=1)
    (running,) = shop.cluster.running
    for n in range(1, 6):
        shop.movement("RECEIPT", n)
        shop.run()
        running.checkpoint(whole=whole or n == 1)
    before = shop.facts()
    running.start()
    for n in range(6, 10):
        shop.movement("RECEIPT", n)
    after = shop.facts()
    assert [fact["quantity"] for fact in after] == [9, 8, 7, 6, 5, 4, 3, 2]
    assert after[4:] == before[:4]
    lane = Lane(0, 1, LaneConfig(), 1, "again")
    load(lane, iter(list(dump(running.lane, everything=True))))
    assert state_of(lane)["table:recent"] == state_of(running.lane)["table:recent"]
