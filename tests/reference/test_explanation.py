"""The explanation of a number names what it is made of."""

from tests.reference import recompute
from tests.reference.shop import DAY, NOW, SKU, Shop


def test_every_term_of_a_number() -> None:
    shop = Shop(locations=["A", "B"], channels={"web": {}, "store": {"id": "B"}})
    shop.count(20, location="A")
    shop.count(3, location="B")
    shop.line("o", 1, 5, location="B", commitment="SOFT")
    shop.line("p", 1, 1, location=None, channel="store")
    shop.expect("PO-1", 1, 9, due=DAY, location="A")
    shop.rule("in_transit", "it", confidence="0.5", within_days=2)
    shop.rule("safety_stock", "ss", units=2, match={"location": "A"})
    shop.rule("network_safety_stock", "ns", units=3)
    shop.fence("rf-web", "web", units=6, priority=2)
    shop.fence("rf-store", "store", units=6, priority=1)
    shop.rule("share", "sh", percent="50", channel="web")
    shop.rule("buffer", "bu", units=1)
    told = shop.model.explain(SKU, "web", NOW)
    assert [(node.numbers.location, node.numbers.net, node.safety_stock) for node in told.nodes] == [
        ("A", 20, told.nodes[0].safety_stock),
        ("B", -2, None),
    ]
    rule = told.nodes[0].safety_stock
    assert rule is not None
    assert rule.id == "ss"
    assert [(line.reservation_id, line.location, line.commitment, line.units) for line in told.lines] == [
        ("o", "B", "SOFT", 5),
        ("p", None, "HARD", 1),
    ]
    assert [(line.reference, line.units, line.counted) for line in told.arriving] == [("PO-1", 9, 4)]
    assert [(claim.fence.id, claim.fence.asks, claim.places) for claim in told.claims] == [
        ("rf-store", 5, ("B",)),
        ("rf-web", 1, ("A", "B")),
    ]
    assert sorted(rule.id for rule in told.winning.values()) == ["bu", "ns", "rf-web", "sh"]
    # 24 less 3 asked for and 3 withheld; 1 to its own fence, and half of the rest, less the buffer.
    assert (told.numbers.pool, told.numbers.available, recompute.available(told)) == (18, 1 + 8 - 1, 8)


def test_a_bundle_is_explained_by_its_components() -> None:
    shop = Shop(locations=["A", "B"], skus=["LAMP", "BULB"])
    shop.bundle("KIT", {"LAMP": 1, "BULB": 3}, ship_together=True)
    shop.bundle("SET", {"LAMP": 1, "SHADE": 1})
    shop.count(4, sku="LAMP", location="A")
    shop.count(7, sku="BULB", location="A")
    shop.count(9, sku="BULB", location="B")
    told = shop.model.explain("KIT", "web", NOW)
    assert [(part.sku, part.quantity, part.offer) for part in told.parts] == [("LAMP", 1, 4), ("BULB", 3, 16)]
    assert told.together == (2, 0, 0)
    assert (told.sellable, told.numbers.available, recompute.available(told)) == (True, 2, 2)
    broken = shop.model.explain("SET", "web", NOW)
    assert (broken.sellable, broken.numbers.available, recompute.available(broken)) == (False, 0, 0)
