"""Expected supply: what is on its way, what of it came, and which channels may count on it."""

import json
from typing import Any

import pytest

from inventory.layers import LONGEST_WINDOW
from tests.inventory.shop import SKU, Shop
from tests.reference.shop import DAY, HOUR, MINUTE, NOW, SECOND


@pytest.fixture(params=[1, 4], ids=["one lane", "four lanes"])
def shop(request: pytest.FixtureRequest) -> Shop:
    return counting(Shop(request.param))


def counting(shop: Shop, channel: str = "web", *, name: str = "it", **fields: Any) -> Shop:
    definition = {"channel": channel, "confidence": "1", "within_days": 3} | fields
    shop.rule("in_transit", name, json.dumps(definition))
    return shop


def expect(shop: Shop, quantity: int, *, version: int = 1, at: int = -HOUR, **fields: Any) -> None:
    value = {
        "reference": "PO-1", "version": version, "kind": "PURCHASE_ORDER", "quantity": quantity,
        "expected_at": NOW + DAY, "status": "OPEN",
    }  # fmt: skip
    shop.event("ExpectedSupply", at, value | fields)


def receive(shop: Shop, quantity: int, *, at: int = -MINUTE, kind: str = "RECEIPT", **fields: Any) -> None:
    shop.movement(kind, quantity, at=at, **{"reference": "PO-1", **fields})


def coming(shop: Shop, channel: str = "web") -> int:
    """What the channel counts beside what is there."""
    return int(shop.told(channel)["pool"]) - max(0, shop.row().nodes.get("DC1", {"on_hand": 0})["on_hand"])


class TestVersions:
    def test_only_a_channel_whose_rule_says_so_counts_it(self, shop: Shop) -> None:
        expect(shop, 10)
        expect(shop, 5, reference="PO-2", location="S1")
        assert (shop.available("web"), shop.available("pickup")) == (15, 0)
        assert "DC1" not in shop.row().nodes
        counting(shop, "pickup", name="it-p", confidence="0.5")
        assert shop.available("pickup") == 2  # of 5, rounded down; what comes to DC1 is not the stores'

    def test_the_greatest_version_wins(self, shop: Shop) -> None:
        for version in (2, 3, 1):
            expect(shop, version, version=version)
            shop.run()
        assert shop.available() == 3
        expect(shop, 9, version=4, status="CANCELLED")
        assert shop.available() == 0

    def test_two_contents_of_one_version(self, shop: Shop) -> None:
        expect(shop, 5)
        expect(shop, 6)
        assert shop.available() == 6
        expect(shop, 7, at=-2 * HOUR)
        assert shop.available() == 6
        assert set(shop.opened()) == {"conflicting_version"}

    @pytest.mark.parametrize("order", [(1, 2), (2, 1)])
    def test_of_two_contents_alike_in_all_else_the_greater_bytes_stay(self, order: tuple[int, int]) -> None:
        shop = counting(Shop(1))
        for quantity in order:
            expect(shop, quantity)
            shop.run()
        assert shop.available() == 2

    def test_a_reference_is_of_one_sku(self) -> None:
        shop = counting(Shop(2, skus=(SKU, "SKU-2")))
        expect(shop, 5)
        expect(shop, 3, sku="SKU-2")
        assert (shop.available(), shop.available(sku="SKU-2")) == (5, 3)

    def test_what_is_wrong_is_a_dead_letter(self, shop: Shop) -> None:
        expect(shop, -1)
        expect(shop, 1, reference="")
        expect(shop, 1, at=HOUR, log_time=NOW)
        expect(shop, 1, sku="never")
        shop.run()
        shop.run(2 * DAY)
        assert shop.letters() == ["from_the_future", "invalid_event", "invalid_quantity", "unknown_sku"]

    def test_a_record_in_the_wrong_partition_reaches_its_sku(self) -> None:
        shop = counting(Shop(4))
        for partition in range(4):
            expect(shop, 1, reference=f"PO-{partition}", partition=partition)
        assert shop.available() == 4


class TestReceipts:
    def test_what_came_after_the_version_is_no_longer_expected_wherever_it_came(self, shop: Shop) -> None:
        expect(shop, 10)
        receive(shop, 3)
        receive(shop, 2, location="S1", to_state="BLOCKED")
        assert shop.available() == 3 + 5

    def test_a_version_is_an_anchor(self, shop: Shop) -> None:
        receive(shop, 3, at=-2 * HOUR)
        receive(shop, 1, at=-HOUR)
        expect(shop, 10)
        assert coming(shop) == 10
        receive(shop, 4)
        assert coming(shop) == 6
        expect(shop, 6, version=2, at=-SECOND)
        assert coming(shop) == 6

    def test_only_receipts_and_transfers_in_receive(self, shop: Shop) -> None:
        expect(shop, 10)
        for kind in ("RETURN", "SHIP", "TRANSFER_OUT", "ADJUST"):
            receive(shop, 2, kind=kind)
        shop.run()
        assert shop.available() == 10
        receive(shop, 2, kind="TRANSFER_IN")
        assert shop.available() == 10
        receive(shop, 1, reference=None)
        assert shop.available() == 11

    def test_a_receipt_counts_once(self, shop: Shop) -> None:
        expect(shop, 10)
        for _ in range(2):
            receive(shop, 4, event_id="once")
            shop.run()
        assert coming(shop) == 6
        receive(shop, 4, event_id="once", reference="PO-2")
        assert "conflicting_duplicate" in shop.opened()

    def test_more_than_was_expected_is_told(self, shop: Shop) -> None:
        expect(shop, 3)
        receive(shop, 3)
        assert shop.opened() == []
        receive(shop, 1)
        assert shop.opened() == ["over_receipt"]
        [told] = shop.cluster.incidents
        assert told.detail == {"reference": "PO-1", "version": 1, "promised": 3, "received": 4}
        assert coming(shop) == 0

    def test_of_a_transfer_counts_what_is_on_the_road(self, shop: Shop) -> None:
        shop.count(20, location="S1", at=-2 * HOUR)
        expect(shop, 10, kind="TRANSFER")
        assert shop.available() == 20
        receive(shop, 6, kind="TRANSFER_OUT", location="S1")
        assert shop.available() == 20  # 14 in the store, 6 on the road
        receive(shop, 4, kind="TRANSFER_IN", at=-1)
        assert shop.available() == 20
        receive(shop, 9, kind="TRANSFER_OUT", location="S1")
        assert shop.available() == 5 + 4 + 6  # of the 11 on the road no more than the 6 that are open


class TestTime:
    def test_the_window_opens_by_itself_and_overdue_is_nothing(self, shop: Shop) -> None:
        expect(shop, 10, expected_at=NOW + 3 * DAY + SECOND)
        assert shop.available() == 0
        assert shop.run(SECOND - 1).available() == 0
        assert shop.run(SECOND).available() == 10
        assert shop.run(3 * DAY + SECOND).available() == 10
        assert shop.run(3 * DAY + SECOND + 1).available() == 0

    def test_versions_count_each_instant_once_however_it_is_reached(self) -> None:
        """Day by day, in one go, or told when all is over: the version is the same."""
        versions = []
        for ends in ([DAY, 2 * DAY, 5 * DAY], [5 * DAY], []):
            shop = counting(Shop(1))
            if ends:
                expect(shop, 10, expected_at=NOW + 3 * DAY)
            for at in ends:
                shop.run(at)
            if not ends:
                shop.run(5 * DAY)
                expect(shop, 10, expected_at=NOW + 3 * DAY, log_time=NOW)
            lane = shop.run(5 * DAY).cluster.running[0].lane
            versions.append(int(lane.memory.stores["skus"].table.rows["instants"][0]))
        assert versions == [LONGEST_WINDOW + 2] * 3

    def test_a_delivery_long_ago_and_one_far_ahead(self, shop: Shop) -> None:
        expect(shop, 1, expected_at=-(2**62))
        expect(shop, 1, expected_at=2**62, reference="PO-2")
        assert shop.available() == 0

    def test_a_rule_that_comes_later_sees_what_is_expected(self) -> None:
        shop = Shop(2)
        expect(shop, 10)
        assert shop.available() == 0
        counting(shop)
        assert shop.available() == 10
        counting(shop, within_days=0)
        assert shop.available() == 0
        assert shop.run(DAY).available() == 10


class TestPlaces:
    def test_a_rule_may_speak_of_places(self) -> None:
        shop = counting(Shop(2), match={"location_type": "store"})
        expect(shop, 10)
        expect(shop, 5, reference="PO-2", location="S1")
        assert shop.available() == 5
        shop.location("S1", 1, deleted=True)
        assert shop.available() == 0

    def test_demand_is_met_by_it_and_safety_stock_is_not_taken_from_it_at_a_place(self, shop: Shop) -> None:
        shop.rule("safety_stock", "ss", '{"units": 3}')
        expect(shop, 10)
        shop.line("o", 1, 4)
        told = shop.told()
        assert (told["shortage"], told["unmet"], told["pool"]) == (4, 0, 6)
        shop.rule("network_safety_stock", "ns", '{"units": 5}')
        assert shop.available() == 1

    def test_fences_reach_it_where_the_channel_that_looks_counts_it(self) -> None:
        shop = counting(Shop(2))
        shop.channel("amazon", 2, locations={"id": "DC1"})
        shop.count(2, at=-DAY)
        expect(shop, 10)
        fence = {"channel": "amazon", "units": 7, "set_at": NOW - HOUR}
        shop.rule("ring_fence", "rf", json.dumps(fence))
        assert (shop.told("web")["pool"], shop.told("web")["shared"]) == (12, 5)
        assert (shop.told("amazon")["pool"], shop.told("amazon")["grant"]) == (2, 2)


class TestMemory:
    def test_what_is_closed_is_forgotten_and_what_is_open_never(self) -> None:
        shop = counting(Shop(1), within_days=366)
        stores = shop.cluster.running[0].lane.memory.stores
        expect(shop, 7, reference="open", expected_at=NOW + 300 * DAY)
        expect(shop, 7, reference="sent later", kind="TRANSFER", expected_at=NOW + 300 * DAY)
        for week in range(30):
            at = 8 * week * DAY
            for n in range(100):
                reference = f"PO-{week}-{n}"
                expect(shop, 2, reference=reference, at=at, expected_at=NOW + at + DAY)
                receive(shop, 2, reference=reference, at=at + 1)
                receive(shop, 1, reference="open too", at=at + 1)
            expect(shop, 7, reference="open too", at=at + 2, version=week, expected_at=NOW + 300 * DAY)
            shop.run(at + MINUTE)
        assert len(stores["supply"]) <= 1024
        assert len(stores["receipts"]) <= 2048
        assert coming(shop) == 14
        receive(shop, 3, reference="sent later", kind="TRANSFER_OUT", at=233 * DAY)
        assert shop.run(233 * DAY).available() == 9000 - 3 + 14 + 3

    def test_it_survives_a_restart(self) -> None:
        shop = counting(Shop(2), within_days=1)
        expect(shop, 10, expected_at=NOW + 2 * DAY)
        receive(shop, 4)
        shop.run()
        for running in shop.cluster.running:
            running.checkpoint(whole=True)
            running.start()
        assert shop.available() == 4
        assert shop.run(DAY).available() == 10
        receive(shop, 1, at=DAY)
        assert shop.run(DAY + HOUR).available() == 10
        assert shop.run(3 * DAY).available() == 5
