"""Ring-fences: what is set aside for a channel, what of it was used, and what the others are left with."""

import json
from typing import Any

import pytest

from tests.inventory.shop import SKU, Shop
from tests.reference.shop import DAY, HOUR, MINUTE, NOW, SECOND


@pytest.fixture(params=[1, 4], ids=["one lane", "four lanes"])
def shop(request: pytest.FixtureRequest) -> Shop:
    shop = Shop(request.param)
    shop.channel("amazon", 2, locations={"id": "DC1"})
    shop.count(10, at=-2 * DAY)
    shop.count(4, location="S1", at=-2 * DAY)
    return shop


def fence(shop: Shop, units: int, channel: str = "amazon", *, name: str = "rf", **fields: Any) -> None:
    log_time = fields.pop("log_time", shop.now)
    definition = {"units": units, "channel": channel, "set_at": NOW - 3 * HOUR} | fields
    value = {"id": name, "status": "ACTIVE", "layer": "ring_fence", "definition": json.dumps(definition)}
    shop.cluster.tell("Policy", value, log_time)


def percent_fence(shop: Shop, channel: str = "amazon", *, name: str = "rf", **fields: Any) -> None:
    shop.rule("ring_fence", name, json.dumps({"percent": "20", "channel": channel, **fields}))


def allocate(shop: Shop, *fences: tuple[str, int, int], sku: str = SKU, **where: Any) -> None:
    told = [{"fence": name, "units": units, "set_at": NOW + at} for name, units, at in fences]
    shop.cluster.tell("Allocation", {"sku": sku, "fences": told}, shop.now, **where)


def terms(shop: Shop, channel: str) -> tuple[int, int, int, int]:
    told = shop.told(channel)
    return told["pool"], told["grant"], told["shared"], told["available"]


class TestGrants:
    def test_a_fence_is_the_channels_own_and_is_missing_in_the_other_pools(self, shop: Shop) -> None:
        fence(shop, 6)
        assert terms(shop, "amazon") == (10, 6, 4, 10)
        assert terms(shop, "web") == (14, 0, 8, 8)
        assert terms(shop, "pickup") == (4, 0, 4, 4)  # no place in common

    def test_a_fence_takes_no_more_than_there_is_at_the_places_both_sell_from(self, shop: Shop) -> None:
        fence(shop, 50)
        assert terms(shop, "amazon") == (10, 10, 0, 10)
        assert terms(shop, "web") == (14, 0, 4, 4)

    def test_what_one_fence_took_the_next_cannot_take(self, shop: Shop) -> None:
        shop.channel("ebay", 3, locations={"id": "DC1"})
        fence(shop, 7, "amazon", name="b", priority=1)
        fence(shop, 7, "ebay", name="a", priority=2)
        assert terms(shop, "amazon") == (10, 7, 0, 7)
        assert terms(shop, "ebay") == (10, 3, 0, 3)
        assert terms(shop, "web") == (14, 0, 4, 4)

    def test_equal_priorities_go_by_the_rules_id_and_a_missing_one_is_100(self, shop: Shop) -> None:
        shop.channel("ebay", 3, locations={"id": "DC1"})
        fence(shop, 7, "amazon", name="b", priority=100)
        fence(shop, 7, "ebay", name="a")
        assert (shop.told("ebay")["grant"], shop.told("amazon")["grant"]) == (7, 3)

    def test_a_channels_own_fence_takes_from_its_whole_pool(self, shop: Shop) -> None:
        fence(shop, 12, "web", name="rf-web", priority=1)
        fence(shop, 6, "amazon", name="rf-amazon", priority=2)
        # 12 of the 14 are the web's own; of the 10 at DC1 the 2 that are left
        assert terms(shop, "web") == (14, 12, 0, 12)
        assert terms(shop, "pickup") == (4, 0, 0, 0)
        assert terms(shop, "amazon") == (10, 0, 0, 0)

    def test_places_are_emptied_in_the_order_of_their_ids(self, shop: Shop) -> None:
        """Ordinals say nothing: A0 has the greatest ordinal and the smallest id."""
        shop.location("A0", 7)
        shop.count(5, location="A0")
        fence(shop, 6, "pickup", name="rf-1", priority=1)  # S1 and A0: takes A0 whole and 1 of S1
        shop.channel("a0", 4, locations={"id": "A0"})
        fence(shop, 5, "a0", name="rf-2", priority=2)
        assert terms(shop, "web") == (19, 0, 13, 13)
        shop.channel("s1", 5, locations={"id": "S1"})
        fence(shop, 5, "s1", name="rf-3", priority=3)
        assert terms(shop, "web") == (19, 0, 10, 10)

    def test_safety_stock_at_a_place_is_not_granted(self, shop: Shop) -> None:
        shop.rule("safety_stock", "ss", '{"units": 3, "match": {"location": "DC1"}}')
        fence(shop, 50)
        assert terms(shop, "amazon") == (7, 7, 0, 7)
        assert terms(shop, "web") == (11, 0, 4, 4)

    def test_an_excluded_or_deleted_channel_is_granted_nothing(self, shop: Shop) -> None:
        fence(shop, 6)
        shop.rule("exclusion", "ex", '{"channel": "amazon"}')
        assert terms(shop, "amazon") == (10, 0, 10, 0)
        assert terms(shop, "web") == (14, 0, 14, 14)
        shop.rule("exclusion", "ex", '{"channel": "amazon"}', valid_to=NOW)
        assert terms(shop, "web") == (14, 0, 8, 8)
        shop.channel("amazon", 2, locations={"id": "DC1"}, deleted=True)
        assert terms(shop, "web") == (14, 0, 14, 14)

    def test_a_share_is_of_what_no_fence_holds(self, shop: Shop) -> None:
        fence(shop, 6)
        shop.rule("share", "sh", '{"channel": "amazon", "percent": "30"}')
        assert terms(shop, "amazon") == (10, 6, 4, 7)
        shop.rule("share", "sh", '{"channel": "amazon", "percent": "0"}')
        assert shop.available("amazon") == 6

    def test_of_two_fences_of_a_channel_one_wins(self, shop: Shop) -> None:
        fence(shop, 6, name="any")
        fence(shop, 2, name="this", match={"sku": SKU})
        assert shop.told("amazon")["grant"] == 2
        network = shop.cluster.running[0].lane.masters.network
        assert network.id_of_channel(2) == "amazon"


class TestConsumed:
    def test_an_order_uses_the_fence_and_a_cancel_gives_back(self, shop: Shop) -> None:
        fence(shop, 6)
        shop.line("o", 1, 4, channel="amazon")
        assert terms(shop, "amazon") == (6, 2, 4, 6)
        assert terms(shop, "web") == (10, 0, 8, 8)  # as before the order: the fence covered it
        shop.line("o", 2, 4, channel="amazon", action="CANCEL")
        assert terms(shop, "amazon") == (10, 6, 4, 10)

    def test_shipping_does_not_give_back_and_releasing_does(self, shop: Shop) -> None:
        fence(shop, 6)
        shop.line("o", 1, 4, channel="amazon")
        shop.movement("SHIP", 1, at=-1, reservation_id="o", channel="amazon")
        assert terms(shop, "amazon") == (6, 2, 4, 6)
        shop.line("o", 0, 2, at=-1, action="RELEASE")
        assert terms(shop, "amazon") == (8, 4, 4, 8)
        shop.line("o", 2, 4, channel="amazon", action="CANCEL")  # what was shipped stays used
        assert terms(shop, "amazon") == (9, 5, 4, 9)

    def test_what_was_used_is_more_than_the_fence_and_it_asks_nothing(self, shop: Shop) -> None:
        fence(shop, 3)
        shop.line("o", 1, 5, channel="amazon")
        assert terms(shop, "amazon") == (5, 0, 5, 5)

    def test_a_line_counts_if_its_first_version_was_made_after_the_fence_was_set(self, shop: Shop) -> None:
        fence(shop, 6, set_at=NOW - HOUR)
        shop.line("old", 2, 1, at=-MINUTE, channel="amazon")
        shop.line("at once", 1, 1, at=-HOUR, channel="amazon")
        shop.line("new", 1, 1, at=-HOUR + 1, channel="amazon")
        assert shop.told("amazon")["grant"] == 4
        shop.line("old", 1, 1, at=-2 * HOUR, channel="amazon")  # the first version comes late
        assert shop.told("amazon")["grant"] == 5

    def test_a_line_counts_for_the_channel_that_it_has_now(self, shop: Shop) -> None:
        fence(shop, 6)
        shop.line("o", 1, 2, channel="amazon")
        assert shop.told("amazon")["grant"] == 4
        shop.line("o", 2, 2, channel="web")
        assert shop.told("amazon")["grant"] == 6

    def test_an_expired_hold_gives_back_by_itself(self, shop: Shop) -> None:
        fence(shop, 6)
        shop.line("o", 1, 2, channel="amazon", commitment="SOFT", expires_at=NOW + SECOND)
        assert shop.told("amazon")["grant"] == 4
        shop.run(SECOND + 1)
        assert shop.told("amazon")["grant"] == 6

    def test_sales_without_a_reservation_count(self, shop: Shop) -> None:
        fence(shop, 6)
        shop.movement("SHIP", 1, channel="amazon")
        shop.sale({}, channel="amazon")
        shop.sale({"quantity": -1}, channel="amazon")
        shop.movement("SHIP", 1, at=-4 * HOUR, channel="amazon")
        shop.movement("SHIP", 1, channel="nobody's")
        shop.movement("SHIP", 1)
        shop.movement("RETURN", 1, channel="amazon")
        assert shop.told("amazon")["grant"] == 4

    def test_sales_count_by_the_minute(self, shop: Shop) -> None:
        fence(shop, 6, set_at=NOW - HOUR)
        minute = (NOW - HOUR) // MINUTE * MINUTE - NOW
        shop.movement("SHIP", 1, at=minute - 1, channel="amazon")
        shop.movement("SHIP", 1, at=minute, channel="amazon")
        shop.movement("SHIP", 1, at=minute + MINUTE, channel="amazon")
        assert shop.told("amazon")["grant"] == 4

    def test_sales_count_whose_fence_comes_later(self, shop: Shop) -> None:
        shop.movement("SHIP", 1, channel="amazon")
        shop.line("o", 1, 1, channel="amazon")
        shop.run()
        fence(shop, 6)
        assert shop.told("amazon")["grant"] == 4

    def test_only_another_set_at_starts_a_fence_anew(self, shop: Shop) -> None:
        fence(shop, 6)
        shop.line("o", 1, 4, channel="amazon")
        assert shop.told("amazon")["grant"] == 2
        fence(shop, 8)
        assert shop.told("amazon")["grant"] == 4
        fence(shop, 8, set_at=NOW)
        assert shop.told("amazon")["grant"] == 6  # of a pool of 6
        fence(shop, 8)
        assert shop.told("amazon")["grant"] == 4

    def test_a_set_at_before_what_is_remembered_is_moved_once(self, shop: Shop) -> None:
        fence(shop, 6, set_at=NOW - 9 * DAY)
        shop.movement("SHIP", 1, at=-26 * HOUR, channel="amazon")
        shop.movement("SHIP", 1, at=-23 * HOUR, channel="amazon")
        assert shop.told("amazon")["grant"] == 5
        shop.run(2 * HOUR)
        fence(shop, 7, set_at=NOW - 9 * DAY)  # the same, so it goes on counting from where it did
        assert shop.told("amazon")["grant"] == 6

    def test_a_fence_that_says_no_set_at_counts_from_its_record(self, shop: Shop) -> None:
        shop.rule("ring_fence", "rf", '{"units": 6, "channel": "amazon"}')
        shop.movement("SHIP", 1, channel="amazon")
        shop.movement("SHIP", 1, at=MINUTE, channel="amazon")
        assert shop.run(HOUR).told("amazon")["grant"] == 5

    def test_a_rule_that_takes_over_for_a_while_does_not_reset_the_other(self, shop: Shop) -> None:
        fence(shop, 6, name="always")
        value = {"units": 9, "channel": "amazon", "set_at": NOW, "match": {"sku": SKU}}
        shop.rule("ring_fence", "today", json.dumps(value), valid_from=NOW + HOUR, valid_to=NOW + 2 * HOUR)
        shop.line("o", 1, 2, channel="amazon")
        assert shop.told("amazon")["grant"] == 4
        shop.run(HOUR)
        assert shop.told("amazon")["grant"] == 8  # all of the pool
        shop.line("p", 1, 1, at=HOUR, channel="amazon")
        assert shop.told("amazon")["grant"] == 7
        assert shop.run(2 * HOUR).told("amazon")["grant"] == 3


class TestMemory:
    def test_what_forgotten_lines_and_sales_used_stays_used(self) -> None:
        shop = Shop(1)
        shop.count(30_000)
        fence(shop, 20_000, "web")
        lines = shop.cluster.running[0].lane.memory.stores["lines"]
        sales = shop.cluster.running[0].lane.memory.stores["sales"]
        used = 0
        for week in range(30):
            at = 8 * week * DAY
            for n in range(100):
                shop.line(f"{week}-{n}", 1, 2, at=at)
                shop.movement("SHIP", 1, at=at + 1, reservation_id=f"{week}-{n}")
                shop.line(f"{week}-{n}", 2, 0, action="CANCEL", at=at + 2)
                shop.movement("SHIP", 1, at=at + n * MINUTE, channel="web")
            used += 200
            shop.run(at + 3 * HOUR)
        assert shop.told()["grant"] == 20_000 - used
        assert len(lines) <= 1024
        assert len(sales) <= 2048

    def test_sales_that_no_fence_counts_are_forgotten(self) -> None:
        shop = Shop(1)
        sales = shop.cluster.running[0].lane.memory.stores["sales"]
        for day in range(20):
            for n in range(100):
                shop.movement("SHIP", 1, at=2 * day * DAY + n * MINUTE, channel="web")
            shop.run(2 * day * DAY + 3 * HOUR)
        assert len(sales) <= 512


class TestAllocations:
    def test_a_percentage_asks_nothing_until_an_allocation_names_it(self, shop: Shop) -> None:
        percent_fence(shop)
        assert terms(shop, "amazon") == (10, 0, 10, 10)
        allocate(shop, ("other", 5, 0))
        assert shop.told("amazon")["grant"] == 0
        allocate(shop, ("rf", 5, -HOUR), ("other", 5, 0))
        assert terms(shop, "amazon") == (10, 5, 5, 10)
        assert shop.told("web")["shared"] == 9

    def test_what_was_used_since_it_was_set_counts(self, shop: Shop) -> None:
        percent_fence(shop)
        allocate(shop, ("rf", 5, -HOUR))
        shop.line("o", 1, 2, at=-MINUTE, channel="amazon")
        shop.line("p", 1, 1, at=-2 * HOUR, channel="amazon")
        assert shop.told("amazon")["grant"] == 3
        allocate(shop, ("rf", 5, 0))
        assert shop.told("amazon")["grant"] == 5

    def test_the_last_record_of_a_sku_stands_and_may_be_taken_back(self, shop: Shop) -> None:
        percent_fence(shop)
        allocate(shop, ("rf", 5, -HOUR))
        allocate(shop, ("rf", 4, -HOUR))
        assert shop.told("amazon")["grant"] == 4
        shop.cluster.tell("Allocation", None, shop.now, key=SKU)
        assert shop.told("amazon")["grant"] == 0

    def test_it_may_come_before_its_sku(self, shop: Shop) -> None:
        percent_fence(shop)
        allocate(shop, ("rf", 5, -HOUR), sku="later")
        shop.run()
        shop.item("later")
        shop.count(9, sku="later")
        assert shop.told("amazon", sku="later")["grant"] == 5
        assert shop.letters() == []

    def test_it_may_lie_in_the_wrong_partition(self) -> None:
        shop = Shop(4)
        shop.count(10)
        percent_fence(shop, "web")
        for partition in range(4):
            allocate(shop, ("rf", 5, -HOUR), partition=partition)
            assert shop.told()["grant"] == 5
            shop.cluster.tell("Allocation", None, shop.now, key=SKU, partition=partition)
            assert shop.told()["grant"] == 0

    def test_a_wrong_one_is_a_dead_letter(self, shop: Shop) -> None:
        percent_fence(shop)
        allocate(shop, ("rf", 5, -HOUR))
        allocate(shop, ("rf", -1, 0))
        allocate(shop, ("rf", 1, 0), ("rf", 2, 0))
        assert shop.letters() == ["invalid_event", "invalid_event"]
        assert shop.told("amazon")["grant"] == 5


def test_fences_survive_a_restart() -> None:
    shop = Shop(2)
    shop.count(20)
    fence(shop, 6, "web")
    percent_fence(shop, "pickup", name="rf-p")
    allocate(shop, ("rf-p", 3, -HOUR))
    allocate(shop, ("rf", 3, -HOUR), sku="later")
    shop.line("o", 1, 2)
    shop.movement("SHIP", 1, channel="web")
    shop.run()
    before = shop.row()
    for running in shop.cluster.running:
        running.checkpoint(whole=True)
        running.start()
    shop.movement("SHIP", 1, channel="web")
    told = shop.told()
    assert (before.channels["web"]["grant"], told["grant"]) == (3, 2)
    assert told["pool"] == 18


def test_backorder_is_what_unmet_demand_leaves_of_it(shop: Shop) -> None:
    shop.rule("backorder", "bo", '{"units": 5, "channel": "amazon"}')
    shop.rule("low_stock", "ls", '{"units": 4, "channel": "amazon"}')
    assert (shop.available("amazon"), shop.told("amazon")["view"]) == (15, 10)
    shop.line("o", 1, 12, channel="amazon")
    assert (shop.available("amazon"), shop.told("amazon")["unmet"], shop.told("amazon")["status"]) == (
        3,
        2,
        "LOW",
    )
    shop.line("p", 1, 9, channel="amazon")
    assert (shop.available("amazon"), shop.told("amazon")["status"]) == (0, "OUT")
    shop.line("p", 2, 0, channel="amazon")
    shop.rule("exclusion", "ex", '{"channel": "amazon"}')
    assert shop.available("amazon") == 0
