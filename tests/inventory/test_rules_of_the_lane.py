"""The rules of what "available" means, one by one, on whole lanes; the reference model's cases beside the engine."""

import pytest

from tests.inventory.shop import SKU, Shop
from tests.reference.shop import DAY, HOUR, MINUTE, NOW, SECOND


@pytest.fixture(params=[1, 4], ids=["one lane", "four lanes"])
def shop(request: pytest.FixtureRequest) -> Shop:
    return Shop(request.param)


class TestCounters:
    def test_a_count_replaces_the_anchor_and_keeps_what_happened_after_it(self, shop: Shop) -> None:
        shop.movement("SHIP", 2, at=-MINUTE)
        shop.count(10, at=-HOUR)
        assert shop.on_hand() == 8

    def test_an_older_count_changes_nothing_whenever_it_arrives(self, shop: Shop) -> None:
        shop.count(10, at=-MINUTE)
        shop.count(99, at=-HOUR)
        assert shop.on_hand() == 10

    def test_a_movement_at_the_instant_of_the_count_is_absorbed(self, shop: Shop) -> None:
        shop.count(10, at=-HOUR)
        shop.movement("SHIP", 3, at=-HOUR)
        shop.movement("SHIP", 1, at=-HOUR + 1)
        assert shop.on_hand() == 9

    def test_an_absorbed_shipment_still_consumes_its_line(self, shop: Shop) -> None:
        shop.line("o", 1, 3)
        shop.count(10, at=-MINUTE)
        assert shop.available() == 7
        shop.movement("SHIP", 3, at=-HOUR, reservation_id="o")
        assert (shop.on_hand(), shop.available()) == (10, 10)

    def test_a_late_count_is_anchored_between_the_movements_it_missed(self, shop: Shop) -> None:
        for at in (-3 * HOUR, -2 * HOUR, -HOUR):
            shop.movement("SHIP", 1, at=at)
        shop.count(10, at=-2 * HOUR - MINUTE)
        assert shop.on_hand() == 8

    def test_a_correction_carries_the_instant_of_what_it_corrects(self, shop: Shop) -> None:
        shop.count(10, at=-HOUR)
        shop.correction(-2, at=-2 * HOUR)
        assert shop.on_hand() == 10
        shop.correction(-2, at=-MINUTE)
        assert shop.on_hand() == 8

    def test_units_that_may_not_be_sold_are_part_of_what_is_on_hand(self, shop: Shop) -> None:
        shop.count(10)
        shop.count(3, counter="DAMAGED")
        shop.movement("STATE_CHANGE", 2, at=-1, from_state="SELLABLE", to_state="BLOCKED")
        shop.movement("RECEIPT", 1, at=-1, to_state="QUALITY_CONTROL")
        node = shop.node()
        counters = [node[c] for c in ("on_hand", "damaged", "quality_control", "blocked")]
        assert counters == [11, 3, 1, 2]
        assert shop.available() == 5

    def test_a_count_of_what_is_on_hand_does_not_touch_what_is_damaged(self, shop: Shop) -> None:
        shop.count(3, counter="DAMAGED")
        shop.count(10, at=-1)
        assert (shop.node()["damaged"], shop.available()) == (3, 7)

    def test_a_negative_position_takes_nothing_from_other_places(self, shop: Shop) -> None:
        shop.count(5)
        shop.movement("SHIP", 3, location="S1")
        assert shop.on_hand("S1") == -3
        assert shop.available() == 5

    def test_a_count_beyond_the_horizon_is_refused_and_a_recount_asked_for(self, shop: Shop) -> None:
        shop.count(5, at=-25 * HOUR, log_time=NOW)
        assert shop.opened() == ["count_too_late"]
        assert shop.row().nodes.get("DC1", {"on_hand": 0})["on_hand"] == 0

    def test_a_count_older_than_the_deltas_that_are_left_is_refused(self) -> None:
        shop = Shop(1, count_horizon_ms=HOUR)
        for n in range(300):  # until the table is full, which is when the lane forgets
            shop.movement("RECEIPT", 1, at=-3 * HOUR + n)
            shop.run()
        assert shop.on_hand() == 300
        shop.count(5, at=-3 * HOUR + 10)
        assert shop.opened() == ["count_too_late"]
        shop.count(400, at=-MINUTE)
        assert shop.on_hand() == 400

    @pytest.mark.parametrize("part", ["DAMAGED", "QUALITY_CONTROL", "BLOCKED"])
    def test_a_part_that_nobody_counted_keeps_its_deltas_though_all_else_was(
        self, shop: Shop, part: str
    ) -> None:
        shop.movement("STATE_CHANGE", 4, at=-3 * HOUR, to_state=part)
        shop.movement("STATE_CHANGE", 1, at=-HOUR, to_state=part)
        shop.run()
        for counter in sorted({"ON_HAND", "DAMAGED", "QUALITY_CONTROL", "BLOCKED"} - {part}):
            shop.count(30 if counter == "ON_HAND" else 0, counter=counter, at=-MINUTE)
        shop.run()
        shop.count(7, counter=part, at=-2 * HOUR)
        assert shop.node()[part.lower()] == 8

    def test_deltas_that_nobody_can_need_any_more_are_forgotten(self) -> None:
        shop = Shop(1)
        deltas = shop.cluster.running[0].lane.memory.stores["deltas"]
        for day in range(60):
            for n in range(50):
                shop.movement("RECEIPT", 1, at=day * DAY + n)
            shop.run(day * DAY + HOUR)
        assert shop.on_hand() == 3000
        assert len(deltas) <= 1024


class TestDuplicates:
    def test_a_fact_counts_once_however_often_it_comes(self, shop: Shop) -> None:
        for partition in (None, 0, None):
            shop.movement("RECEIPT", 5, event_id="once", partition=partition)
            shop.run()
        assert shop.on_hand() == 5
        assert shop.cluster.duplicates == 2

    def test_two_sources_may_use_one_id(self, shop: Shop) -> None:
        shop.movement("RECEIPT", 5, event_id="e", source="a")
        shop.movement("RECEIPT", 5, event_id="e", source="b")
        assert shop.on_hand() == 10

    def test_of_a_basket_known_lines_are_duplicates_and_new_ones_are_booked(self, shop: Shop) -> None:
        shop.sale({}, {"quantity": 2}, event_id="basket")
        shop.sale({}, {"quantity": 2}, {"quantity": 4}, event_id="basket")
        assert shop.on_hand() == -7

    def test_a_second_release_under_one_id_is_a_duplicate_whatever_line_it_names(self, shop: Shop) -> None:
        shop.count(10)
        shop.line("o", 1, 3, line="1")
        shop.line("o", 1, 3, line="2")
        for line in ("1", "2"):
            shop.line("o", 0, 2, action="RELEASE", line=line, event_id="release")
        assert shop.available() == 6
        assert shop.opened() == ["conflicting_duplicate"]

    def test_a_message_written_long_after_its_event_is_for_a_person(self, shop: Shop) -> None:
        shop.movement("RECEIPT", 5, at=-4 * DAY, log_time=NOW)
        assert shop.letters() == ["beyond_horizon"]


class TestDemand:
    def test_the_greatest_version_wins(self, shop: Shop) -> None:
        shop.count(20)
        for version in (2, 10, 9, 1):
            shop.line("o", version, version)
            shop.run()
        assert shop.available() == 10

    def test_a_cancel_may_overtake_its_order(self, shop: Shop) -> None:
        shop.count(10)
        shop.line("o", 2, 4, action="CANCEL")
        assert shop.available() == 10
        shop.line("o", 1, 4)
        assert shop.available() == 10

    def test_consumption_may_come_before_its_line(self, shop: Shop) -> None:
        shop.count(10)
        shop.movement("SHIP", 1, at=-1, reservation_id="o")
        assert shop.available() == 9
        shop.line("o", 1, 3)
        assert (shop.on_hand(), shop.available()) == (9, 7)

    def test_what_was_shipped_elsewhere_falls_there_and_demand_falls_here(self, shop: Shop) -> None:
        shop.count(10)
        shop.count(10, location="S1")
        shop.line("o", 1, 3)
        shop.movement("SHIP", 3, at=-1, location="S1", reservation_id="o")
        assert (shop.node()["hard"], shop.on_hand("S1"), shop.available()) == (0, 7, 17)

    def test_a_release_ignores_what_it_says_of_place_and_channel(self, shop: Shop) -> None:
        shop.count(10)
        shop.line("o", 1, 3)
        shop.line("o", 0, 1, action="RELEASE", location="nowhere", channel="nobody's")
        shop.line("o", 0, 1, action="RELEASE", location="", channel="", mode="CHECKED")
        assert shop.available() == 9
        assert (shop.letters(), shop.cluster.parked()) == ([], 0)

    def test_a_till_may_deliver_an_order(self, shop: Shop) -> None:
        shop.count(10)
        shop.line("o", 1, 2)
        shop.sale({"reservation_id": "o"}, at=-1)
        assert (shop.on_hand(), shop.node()["hard"]) == (9, 1)

    def test_a_return_does_not_open_a_line_again(self, shop: Shop) -> None:
        shop.line("o", 1, 2)
        shop.movement("SHIP", 2, reservation_id="o")
        shop.movement("RETURN", 2, reservation_id="o")
        shop.sale({"quantity": -1, "reservation_id": "o"})
        assert shop.node()["hard"] == 0

    def test_an_adjustment_gives_consumption_back(self, shop: Shop) -> None:
        shop.line("o", 1, 2)
        shop.movement("SHIP", 2, reservation_id="o")
        shop.movement("ADJUST", 1, reservation_id="o")
        assert shop.node()["hard"] == 1

    def test_a_soft_line_is_open_until_its_expiry_has_passed(self, shop: Shop) -> None:
        shop.count(10)
        shop.line("o", 1, 2, commitment="SOFT", expires_at=NOW + SECOND)
        assert shop.available() == 8
        assert shop.run(SECOND).available() == 8
        assert shop.run(SECOND + 1).available() == 10
        shop.line("o", 2, 2, action="CONFIRM")
        assert shop.available() == 8

    def test_unsourced_demand_counts_in_every_channel_that_shares_a_place(self, shop: Shop) -> None:
        shop.count(10)
        shop.count(4, location="S1")
        shop.line("o", 1, 3, location=None)
        assert (shop.available("web"), shop.available("pickup")) == (11, 1)

    def test_demand_at_a_deleted_place_is_unsourced_until_it_comes_back(self, shop: Shop) -> None:
        shop.count(10)
        shop.count(4, location="S1")
        shop.line("o", 1, 3, location="S1")
        assert shop.available("web") == 11
        shop.location("S1", 1, deleted=True)
        assert shop.available("web") == 7
        shop.location("S1", 1)
        assert (shop.available("web"), shop.node("S1")["hard"]) == (11, 3)

    def test_a_line_that_is_not_open_is_forgotten_in_the_end_and_open_ones_never(self) -> None:
        shop = Shop(1)
        lines = shop.cluster.running[0].lane.memory.stores["lines"]
        shop.line("open", 1, 7)
        for week in range(30):
            for n in range(100):
                shop.line(f"{week}-{n}", 1, 1, at=8 * week * DAY)
                shop.line(f"{week}-{n}", 2, 0, action="CANCEL", at=8 * week * DAY)
            shop.run(8 * week * DAY + MINUTE)
        assert len(lines) <= 1024
        assert shop.node()["hard"] == 7


class TestIdentity:
    def test_what_nobody_knows_waits_until_it_is_known(self, shop: Shop) -> None:
        shop.movement("RECEIPT", 5, sku="later")
        shop.movement("RECEIPT", 2, location="new")
        shop.sale({"sku": "later"}, {})
        shop.run()
        assert shop.cluster.parked() == 3
        shop.item("later")
        shop.location("new", 2)
        assert shop.on_hand(sku="later") == 4
        assert shop.on_hand("new") == 2
        assert (shop.cluster.parked(), shop.letters()) == (0, [])

    def test_what_nobody_ever_knows_becomes_a_dead_letter(self, shop: Shop) -> None:
        shop.movement("RECEIPT", 5, sku="never")
        shop.line("o", 1, 1, channel="never")
        shop.count(1, location="never")
        shop.run()
        shop.run(DAY)
        assert shop.letters() == []
        shop.run(DAY + 1)
        assert shop.letters() == ["unknown_channel", "unknown_location", "unknown_sku"]

    def test_a_source_has_names_of_its_own_and_they_come_first(self, shop: Shop) -> None:
        shop.item("SKU-2", ("till", "SKU-1"))
        shop.run()
        shop.sale({"sku": "SKU-1"}, source="till")
        shop.sale({"sku": "SKU-1"}, source="another")
        assert (shop.on_hand(sku="SKU-1"), shop.on_hand(sku="SKU-2")) == (-1, -1)

    @pytest.mark.parametrize("plu", [f"PLU {n}" for n in range(4)])
    def test_a_till_may_know_an_article_before_the_catalog_does(self, shop: Shop, plu: str) -> None:
        """The number hashes to any lane; the line waits there, and goes on to the lane of the sku."""
        shop.sale({"sku": plu, "quantity": 3})
        shop.run()
        assert shop.cluster.parked() == 1
        shop.item(SKU, ("test", plu))
        assert shop.on_hand() == -3
        assert shop.cluster.parked() == 0

    def test_a_record_in_the_wrong_partition_reaches_its_sku(self) -> None:
        shop = Shop(4)
        for partition in range(4):
            shop.movement("RECEIPT", 1, partition=partition)
        assert shop.on_hand() == 4

    def test_the_decision_about_age_is_that_of_the_first_log_time(self) -> None:
        """A record that came just in time and was routed is still just in time."""
        shop = Shop(2)
        shop.count(5, at=-HOUR, log_time=NOW - HOUR + SECOND, partition=0)
        shop.movement("RECEIPT", 1, at=0, recorded_at=NOW - 3 * DAY, log_time=NOW, partition=1)
        shop.run(2 * DAY)
        assert (shop.on_hand(), shop.letters()) == (6, [])

    def test_an_inactive_sku_is_folded_and_shows_nothing(self, shop: Shop) -> None:
        shop.item(SKU, active=False)
        shop.count(5)
        assert (shop.on_hand(), shop.available(), shop.told()["status"]) == (5, 0, "OUT")

    def test_a_new_sku_is_known_at_nought(self, shop: Shop) -> None:
        shop.item("new")
        assert shop.available(sku="new") == 0


class TestNumbers:
    def test_a_shortage_crosses_places_and_safety_stock_does_not(self, shop: Shop) -> None:
        shop.rule("safety_stock", "ss", '{"units": 4, "match": {"location": "S1"}}')
        shop.count(10)
        shop.count(1, location="S1")
        assert shop.available() == 10  # of the 4 there is 1, and the other 3 are nobody's
        shop.line("o", 1, 3, location="S1")
        assert (shop.available(), shop.told()["shortage"]) == (8, 2)

    def test_the_order_of_operations(self, shop: Shop) -> None:
        shop.count(100)
        for layer, definition in (
            ("network_safety_stock", '{"units": 10}'),
            ("share", '{"percent": "50", "channel": "web"}'),
            ("buffer", '{"units": 5, "channel": "web"}'),
            ("cap", '{"units": 30, "channel": "web"}'),
            ("low_stock", '{"units": 31, "channel": "web"}'),
        ):
            shop.rule(layer, layer, definition)
        told = shop.told()
        assert (told["pool"], told["view"], told["status"]) == (90, 30, "LOW")
        shop.rule("threshold", "threshold", '{"units": 30, "channel": "web"}')
        assert (shop.available(), shop.told()["status"]) == (0, "OUT")
        shop.rule("threshold", "threshold", '{"units": 29, "channel": "web"}')
        assert shop.available() == 30
        shop.rule("exclusion", "exclusion", '{"channel": "web"}')
        assert shop.available() == 0

    def test_a_withheld_percentage_rounds_up(self, shop: Shop) -> None:
        shop.count(10)
        shop.rule("safety_stock", "ss", '{"percent": "10.0001"}')
        assert (shop.node()["safety_stock"], shop.available()) == (2, 8)
