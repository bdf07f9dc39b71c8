"""Where bundles, fences and supply meet counts, batches and requests."""

from typing import Any

from tests.reference.shop import DAY, HOUR, MINUTE, NOW, SECOND, SKU, Shop

KIT = "KIT"


def kits() -> Shop:
    """A kit is two of SKU-1."""
    shop = Shop()
    shop.bundle(KIT, {SKU: 2})
    shop.count(10, at=-2 * HOUR)
    return shop


def ask(shop: Shop, order: str, version: int, quantity: int, *, now: int = 0, **fields: Any) -> Any:
    hold = {"at": -MINUTE, "commitment": "SOFT", "expires_at": NOW + 10 * MINUTE, "location": None}
    shop.line(order, version, quantity, **{**hold, "mode": "CHECKED", **fields})
    (decision,) = shop.model.decide(NOW + now)
    return decision


def test_a_request_for_a_bundle_is_refused() -> None:
    shop = kits()
    told = ask(shop, "o", 1, 1, sku=KIT)
    assert (told.outcome, told.reason, told.available) == ("REFUSED", "bundle_sku", 5)
    assert shop.open() == {}
    assert shop.model.decisions(KIT) == [told]
    assert ask(shop, "o", 3, 1, sku=KIT).reason == "conflict"


def test_a_component_is_asked_for_beyond_what_the_component_alone_shows() -> None:
    shop = kits()
    shop.rule("buffer", "bu", units=9, match={"sku": SKU})
    assert ask(shop, "o", 1, 2).reason == "insufficient"
    assert ask(shop, "p", 1, 10, bundle=KIT, line="c").outcome == "ACCEPTED"
    assert shop.channel(sku=KIT).pool == 0


def test_a_request_takes_of_the_fence_and_of_what_is_on_its_way() -> None:
    shop = Shop(channels={"web": {}, "amazon": {}})
    shop.count(10, at=-2 * HOUR)
    shop.rule("in_transit", "it", confidence="0.5", within_days=2)
    shop.expect("PO-1", 1, 8, due=DAY)
    shop.fence("rf", "web", units=6)
    told = ask(shop, "o", 1, 14)
    assert (told.outcome, told.available) == ("ACCEPTED", 14)
    assert shop.available("amazon") == 0
    shop.rule("backorder", "bo", units=3, channel="web")
    assert ask(shop, "p", 1, 3).outcome == "ACCEPTED"
    assert ask(shop, "q", 1, 1).outcome == "REFUSED"


def test_a_hold_uses_its_fence_until_it_lapses() -> None:
    shop = Shop(channels={"web": {}, "amazon": {}})
    shop.count(10, at=-2 * HOUR)
    shop.fence("rf", "web", units=6)
    ask(shop, "o", 1, 4, expires_at=NOW)
    grace = 30 * SECOND
    assert [shop.channel(at=at).grant for at in (0, grace, grace + 1)] == [2, 2, 6]
    assert shop.model.instants(SKU) == [NOW + 1, NOW + grace + 1]


def test_what_was_refused_uses_no_fence() -> None:
    shop = Shop()
    shop.count(10, at=-2 * HOUR)
    shop.fence("rf", "web", units=6)
    assert ask(shop, "o", 1, 11).outcome == "REFUSED"
    assert shop.channel().grant == 6


def test_a_batch_has_an_item_of_a_bundle_though_it_is_refused() -> None:
    shop = kits()
    shop.item("OTHER")
    shop.count(5, at=-2 * HOUR, sku="OTHER")
    terms = {"batch_id": "b", "mode": "NONZERO", "locations": ["DC1"], "basis": "GROSS", "as_of": NOW - HOUR}
    item = {"batch": {"batch_id": "b", "sequence": 0}}
    assert shop.count(3, at=-HOUR, sku=KIT, **item) == "bundle_sku"
    assert shop.node(sku="OTHER").on_hand == 5
    shop.event("SnapshotMarker", {**terms, "marker": "END", "items": 1}, -HOUR, {})
    assert (shop.node(sku="OTHER").on_hand, shop.on_hand(), shop.available(sku=KIT)) == (0, 0, 0)


def test_supply_that_does_not_come_is_a_cause_of_an_oversell() -> None:
    shop = Shop()
    shop.rule("in_transit", "it", confidence="1", within_days=2)
    shop.expect("PO-1", 1, 5, due=DAY, at=-2 * HOUR)
    shop.line("o", 1, 5, location=None, at=-HOUR)
    assert shop.channel().unmet == 0
    shop.expect("PO-1", 2, 2, due=DAY, at=-MINUTE, event_id="less")
    (cause,) = shop.model.oversell_causes(SKU, NOW)["web"]
    assert (cause.what, cause.event_id, cause.units) == ("expected_supply", "less", 3)


def test_a_net_count_is_net_of_the_components_of_bundles_too() -> None:
    shop = Shop()
    shop.bundle(KIT, {SKU: 2})
    shop.line("o", 1, 3, sku=KIT, at=-2 * HOUR)
    shop.count(4, basis="NET")
    assert (shop.on_hand(), shop.node().net, shop.available(sku=KIT)) == (10, 4, 2)
