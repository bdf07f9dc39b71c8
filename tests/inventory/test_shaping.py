"""What a row says of the rules that shape its numbers: which ones, what they give, and where they hold."""

import json
from typing import Any

from tests.inventory import shop as shops
from tests.inventory.published import Encoded
from tests.inventory.shop import SKU
from tests.reference.shop import NOW, SECOND
from wire.rows_explained import Explained, read_explained


class Shop(shops.Shop):
    made_of = Encoded

    def give(self, layer: str, name: str, **definition: Any) -> None:
        fields = {key: definition.pop(key) for key in ("valid_from",) if key in definition}
        self.rule(layer, name, json.dumps(definition), **fields)

    def told(self, sku: str = SKU) -> Explained:  # type: ignore[override]
        self.run(self.now - NOW)
        assert isinstance(self.cluster, Encoded)
        return read_explained(self.cluster.rows[sku].get(b"e"))


def test_without_rules_and_facts_there_is_nothing_to_say() -> None:
    shop = Shop()
    shop.run()
    assert isinstance(shop.cluster, Encoded)
    assert b"e" not in shop.cluster.rows[SKU]


def test_a_rule_that_holds_everywhere_names_no_place() -> None:
    shop = Shop()
    shop.give("safety_stock", "all", percent="12.5")
    rule = shop.told().rules["all"]
    assert (rule.layer, rule.value, rule.percent, rule.places) == ("safety_stock", 125_000, True, None)


def test_rules_that_share_the_places_say_where_they_hold() -> None:
    shop = Shop()
    shop.location("S3", 3)
    shop.give("safety_stock", "all", units=1)
    shop.give("safety_stock", "dc", units=2, match={"location_type": "warehouse"})
    shop.give("in_transit", "it", channel="web", confidence="0.25", within_days=3, match={"location": "S3"})
    rules = shop.told().rules
    held = {name: [at for at in range(5) if rule.holds_at(at)] for name, rule in rules.items()}
    assert held == {"all": [1, 3], "dc": [0], "it": [3]}
    assert (rules["it"].value, rules["it"].within_days, rules["it"].percent) == (2_500, 3, False)


def test_rules_of_channels_and_of_the_pool() -> None:
    shop = Shop()
    shop.give("network_safety_stock", "ns", units=4)
    shop.give("ring_fence", "rf", channel="pickup", units=6, priority=9, set_at=NOW - SECOND)
    shop.give("share", "sh", channel="web", percent="33.3333")
    shop.give("exclusion", "ex", channel="web")
    shop.give("cap", "outdone", channel="web", units=5)
    shop.give("cap", "cap", channel="web", units=7, match={"sku": SKU})
    shop.give("cap", "later", channel="web", units=8, match={"sku": SKU}, valid_from=NOW + SECOND)
    told = shop.told()
    assert {name: (rule.layer, rule.value) for name, rule in told.rules.items()} == {
        "ns": ("network_safety_stock", 4), "rf": ("ring_fence", 6), "sh": ("share", 333_333), "ex": ("exclusion", 1),
        "cap": ("cap", 7),
    }  # fmt: skip
    assert (told.rules["rf"].priority, told.rules["rf"].channel) == (9, 1)
    assert told.fences == [(1, 6, 0)]


def test_fences_that_are_granted_nothing_are_not_told() -> None:
    shop = Shop()
    shop.give("ring_fence", "rf", channel="pickup", units=6, set_at=NOW - SECOND)
    shop.give("exclusion", "ex", channel="pickup")
    assert shop.told().fences == []


def test_what_a_fence_has_had() -> None:
    shop = Shop()
    shop.give("ring_fence", "rf", channel="web", units=6, set_at=NOW - 2 * 3_600_000)
    shop.run()
    shop.line("o", 1, 2)
    assert shop.told().fences == [(0, 6, 2)]
