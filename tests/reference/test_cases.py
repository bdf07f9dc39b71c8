"""Worked cases of other systems: numbers that nobody here made up.

Each test carries the number of its case and names whose documentation or issue says so. Where a system means
something else by a word, its meaning is translated. At the end of each test everything that it told is told to the
engine as well, which has to agree. One case is tested where it belongs, with the writing of rows (77), and one cannot
be said in the words of this system (78). `docs/cases.md` lists them all, and says why not where not.
"""

import json
import re
from collections.abc import Iterator
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import pytest

from tests.inventory.judging import decision_of, differences
from tests.inventory.simulation import Cluster
from tests.inventory.worlds import write
from tests.reference.histories import Told
from tests.reference.shop import DAY, HOUR, MINUTE, NOW, SKU
from tests.reference.shop import Shop as ReferenceShop

ROOT = Path(__file__).resolve().parents[2]
CASES = {
    1, 2, 4, 6, 7, 10, 11, 12, 13, 14, 16, 18, 21, 22, 23, 27, 30, 31, 32, 33, 34, 36, 38, 40, 42, 43, 44, 45, 47, 49,
    51, 52, 54, 55, 57, 62, 63, 65, 67, 69, 70, 72, 74, 77, 78,
}  # fmt: skip


class Shop(ReferenceShop):
    """A shop that remembers what it was told, so that the engine can be told the same."""

    made: list["Shop"]

    def __init__(self, **how: Any) -> None:
        self.told: list[Told] = []
        self._ordinals: dict[tuple[str, str], int] = {}
        super().__init__(**how)
        self.made.append(self)

    def fold(self, record_name: str, value: dict[str, Any] | None, **how: Any) -> str | None:
        assert value is not None
        self.told.append(Told(record_name, self._numbered(record_name, value), how.get("log_time", NOW)))
        return super().fold(record_name, value, **how)

    def _numbered(self, record_name: str, value: dict[str, Any]) -> dict[str, Any]:
        """Places and channels with the ordinals that `rules apply` gives them."""
        if record_name not in ("Location", "Channel"):
            return value
        named = record_name, value["id"]
        ordinal = self._ordinals.setdefault(named, sum(kind == record_name for kind, _ in self._ordinals))
        plain = {"type": "store", "region": None} if record_name == "Location" else {}
        definition = plain | json.loads(value["definition"]) | {"ordinal": ordinal, "aliases": []}
        return {**value, "definition": json.dumps(definition)}

    def engine_agrees(self) -> None:
        engine = Cluster(2)
        for told in self.told:
            write(engine, told)
        engine.run(NOW)
        assert differences(engine, self.model, NOW) == []
        decided = [decision_of(answer) for answer in engine.answers]
        assert decided == [each for sku in self.model.skus() for each in self.model.decisions(sku)]


@pytest.fixture(autouse=True)
def the_engine_says_the_same() -> Iterator[None]:
    Shop.made = []
    yield
    for shop in Shop.made:
        shop.engine_agrees()


def test_every_case_is_a_test_or_says_why_not() -> None:
    tested: dict[int, str] = {}
    for name in ("tests/reference/test_cases.py", "tests/wire/test_rows_script.py"):
        for numbers, title in re.findall(
            r"^def test_cases?_((?:\d+_(?:and_)?)+)(\w+)", (ROOT / name).read_text(), re.M
        ):
            tested |= {int(number): title.replace("_", " ") for number in re.findall(r"\d+", numbers)}
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| ([^|]+) \|$", (ROOT / "docs" / "cases.md").read_text(), re.M)
    listed = {int(number): said for number, said in rows}
    assert listed.keys() == CASES
    assert {
        number: said for number, said in listed.items() if not said.startswith("**not expressible**")
    } == tested


def test_case_1_everything_that_is_subtracted() -> None:
    # HotWax, ATP Management. The threshold that subtracts is a buffer; the brokering queue is unsourced
    # demand; 5 of the 100 are at a facility that the channel may not sell from.
    shop = Shop(locations=["DC1", "back room"], channels={"web": {"id": "DC1"}})
    shop.count(95, location="DC1")
    shop.count(5, location="back room")
    shop.line("reserved", 1, 5, location="DC1")
    shop.line("queue", 1, 5, location=None)
    shop.rule("safety_stock", "ss", units=5)
    shop.rule("buffer", "bu", units=5, channel="web")
    assert shop.available() == 75


@pytest.mark.parametrize(
    ("on_hand", "allocated", "threshold", "expected"),
    [(10, 0, 0, 10), (10, 0, 3, 7), (10, 5, 0, 5), (10, 5, 3, 2), (10, 10, 0, 0)],
)
def test_case_2_out_of_stock_threshold(on_hand: int, allocated: int, threshold: int, expected: int) -> None:
    # Vendure, Stock Control.
    shop = Shop()
    shop.count(on_hand)
    shop.line("o", 1, allocated)
    shop.rule("safety_stock", "ss", units=threshold)
    assert shop.available() == expected


def test_case_2_a_threshold_below_0_is_a_backorder() -> None:
    # Vendure, Stock Control.
    shop = Shop()
    shop.count(10)
    shop.line("o", 1, 10)
    shop.rule("backorder", "bo", units=5, channel="web")
    assert shop.available() == 5


def test_case_4_a_threshold_below_0_adds_to_what_is_there() -> None:
    # Adobe, Backorders.
    shop = Shop()
    shop.count(25)
    shop.rule("backorder", "bo", units=50, channel="web")
    assert shop.available() == 75


def test_case_6_safety_stock_beyond_supply_falls_short() -> None:
    # IBM, Calculating availability. Supply in two lots is one position: 9 + 10 are withheld.
    shop = Shop()
    shop.receipt(10)
    shop.receipt(12)
    shop.line("o", 1, 3)
    shop.rule("safety_stock", "ss", units=21)
    node = shop.node()
    assert (node.node_ats, node.withheld, node.safety_shortfall) == (0, 9 + 10, 2)


@pytest.mark.parametrize(
    ("sku", "location", "expected"),
    [("M", "pickup", 8), ("M", "ship", 9), ("L", "pickup", 7), ("L", "ship", 10)],
)
def test_case_7_item_before_style(sku: str, location: str, expected: int) -> None:
    # IBM, Item-based safety stock. Delivery from a store is a location type of its own.
    shop = Shop(locations=[], skus=[])
    shop.item("M", style="tee")
    shop.item("L", style="tee")
    shop.location("pickup", type="store")
    shop.location("ship", type="store that ships")
    shop.rule("safety_stock", "m", units=4, match={"sku": "M"})
    shop.rule("safety_stock", "m-store", units=2, match={"sku": "M", "location_type": "store"})
    shop.rule("safety_stock", "m-ship", units=1, match={"sku": "M", "location_type": "store that ships"})
    shop.rule("safety_stock", "tee", units=5, match={"style": "tee"})
    shop.rule("safety_stock", "tee-store", units=3, match={"style": "tee", "location_type": "store"})
    shop.rule(
        "safety_stock", "tee-ship", units=0, match={"style": "tee", "location_type": "store that ships"}
    )
    shop.count(10, sku=sku, location=location)
    assert shop.node(location, sku=sku).node_ats == expected


def test_case_10_a_factor_in_percent() -> None:
    # IBM, support note getATP.
    shop = Shop()
    shop.count(100)
    assert shop.available() == 100
    shop.rule("safety_stock", "ss", percent=10)
    assert shop.available() == 90


def test_case_11_of_two_factors_the_greater() -> None:
    # IBM, safety factor.
    shop = Shop()
    shop.count(100)
    shop.rule("safety_stock", "ship", units=5)
    shop.rule("network_safety_stock", "pickup", units=10)
    assert shop.available() == 90


def test_case_12_stale_stock_less_what_has_probably_sold() -> None:
    # Oracle, Using Probability Rules.
    shop = Shop()
    shop.count(20)
    shop.rule("buffer", "sell-through", units=15, channel="web")
    assert shop.available() == 5


@pytest.mark.parametrize(
    ("allocation", "preorder", "turnover", "on_order", "expected"),
    [(10, 5, 3, 2, 10), (10, 5, 4, 9, 2), (10, 0, 10, 0, 0), (4, 2, 3, 6, 0), (0, 7, 0, 3, 4)],
)
def test_case_13_allocation_and_preorder_less_turnover_and_on_order(
    allocation: int, preorder: int, turnover: int, on_order: int, expected: int
) -> None:
    # Salesforce Commerce Cloud, ATS: max(0, allocation + preorder - turnover - on order); a new allocation sets the
    # turnover to 0. An allocation is a count, what may be ordered beforehand a backorder allowance.
    shop = Shop()
    shop.rule("backorder", "preorder", units=preorder, channel="web")
    shop.count(allocation, at=-3 * HOUR)
    if turnover:
        shop.sale({"quantity": turnover}, at=-2 * HOUR)
    shop.line("o", 1, on_order, at=-2 * HOUR)
    assert shop.available() == expected == max(0, allocation + preorder - turnover - on_order)
    shop.count(allocation)
    assert shop.available() == max(0, allocation + preorder - on_order)


def test_case_14_safety_stock_is_clamped_by_node() -> None:
    # Derived: 6 + 0, not 11 - 8 = 3.
    shop = Shop(locations=["S1", "S2"])
    shop.count(10, location="S1")
    shop.count(1, location="S2")
    shop.rule("safety_stock", "ss", units=4)
    assert shop.available() == 6


def test_case_16_a_warehouse_in_two_zones_counts_once() -> None:
    # saleor, pull request 11233.
    shop = Shop(locations=[], channels={"web": {"region": ["zone 1", "zone 2", "zone 1"]}})
    shop.location("W1", region="zone 1")
    shop.location("W2", region="zone 2")
    shop.count(10, location="W1")
    shop.count(1, location="W2")
    assert shop.available() == 11


def test_case_18_two_sources_add_up() -> None:
    # Magento inventory, issue 2046.
    shop = Shop(locations=["A", "B"])
    shop.count(10, location="A")
    shop.count(10, location="B")
    assert shop.available() == 20


def test_case_21_what_is_needed_later_is_not_available_now() -> None:
    # D365, ATP: on hand 20, 3 needed on the first day of 7.
    shop = Shop()
    shop.count(20)
    shop.line("o", 1, 3, needed_at=NOW)
    assert shop.projected(7) == [17] * 7


def test_case_22_what_arrives_later_is_available_later() -> None:
    # D365, ATP: as before, and 10 arrive on the third day.
    shop = Shop()
    shop.count(20)
    shop.line("o", 1, 3, needed_at=NOW)
    shop.expect("PO-1", 1, 10, due=2 * DAY)
    assert shop.projected(7) == [17, 17, 27, 27, 27, 27, 27]


def test_case_23_no_day_promises_what_a_later_one_needs() -> None:
    # D365, ATP, recomputed: as before, 15 are needed on day 4, 1 and 3 arrive on days 5 and 6.
    shop = Shop()
    shop.count(20)
    shop.line("o", 1, 3, needed_at=NOW)
    shop.expect("PO-1", 1, 10, due=2 * DAY)
    shop.line("p", 1, 15, needed_at=NOW + 3 * DAY)
    shop.expect("PO-2", 1, 1, due=4 * DAY)
    shop.expect("PO-3", 1, 3, due=5 * DAY)
    assert shop.projected(7) == [12, 12, 12, 12, 13, 16, 16]


def test_case_27_a_receipt_delivered_twice() -> None:
    # Derived.
    shop = Shop()
    for _ in range(2):
        shop.receipt(10, event_id="po-line-1", reference="PO-1")
    assert shop.on_hand() == 10
    shop.expect("PO-1", 1, 10, due=DAY, at=-2 * HOUR)
    assert shop.projected(2) == [10, 10]
    assert shop.incidents() == set()


def segments() -> Shop:
    """Three fences of 10 in a stock of 50; a share of 0 keeps a channel out of what is not fenced."""
    shop = Shop(channels={"store": {}, "online": {}, "marketplace": {}, "unsegmented": {}})
    shop.count(50)
    for channel in ("store", "online", "marketplace"):
        shop.fence(channel, channel, units=10)
    shop.rule("share", "sh", percent="0", channel="marketplace")
    return shop


def test_case_30_segments_and_what_two_of_them_share() -> None:
    # IBM, unsegmented scenario.
    shop = segments()
    names = ("store", "online", "marketplace", "unsegmented")
    assert [shop.available(name) for name in names] == [30, 30, 10, 20]


def test_case_31_a_segment_sells_its_own_and_then_what_is_shared() -> None:
    # Derived from the former.
    shop = segments()
    shop.line("o", 1, 25, channel="store")
    names = ("store", "online", "marketplace", "unsegmented")
    assert [shop.available(name) for name in names] == [5, 15, 10, 5]


@pytest.mark.parametrize(("share", "expected"), [("0", 200), ("100", 250)])
def test_case_32_alone_and_with_the_common_stock(share: str, expected: int) -> None:
    # OneTruth.
    shop = Shop(channels={"b2b": {}, "b2c": {}})
    shop.count(350)
    shop.fence("b2b", "b2b", units=100)
    shop.fence("b2c", "b2c", units=200)
    shop.rule("share", "sh", percent=share, channel="b2c")
    assert shop.available("b2c") == expected


def test_case_33_a_reserve_is_used_first_and_returns_at_its_end() -> None:
    # Sellercloud.
    shop = Shop(channels={"G": {}, "other": {}})
    shop.count(100, at=-2 * HOUR)
    shop.fence("rf", "G", units=10, valid_to=1)
    assert shop.available("other") == 90
    shop.line("o", 1, 4, channel="G")
    assert shop.available("other") == 90
    assert shop.available("other", at=1) == 96


def test_case_34_an_allocation_is_moved() -> None:
    # D365, inventory allocation.
    shop = Shop(channels={"US": {}, "EU": {}})
    shop.count(10)
    for channel in ("US", "EU"):
        shop.rule("share", f"sh-{channel}", percent="0", channel=channel)
    shop.fence("US", "US", units=10)
    assert (shop.available("US"), shop.available("EU")) == (10, 0)
    shop.fence("US", "US", units=8)
    shop.fence("EU", "EU", units=2)
    assert (shop.available("US"), shop.available("EU")) == (8, 2)


def test_case_36_an_exclusion_and_a_buffer_both_match() -> None:
    # Fluent, order of controls.
    shop = Shop()
    shop.item(SKU, category="hazmat")
    shop.count(10)
    shop.rule("exclusion", "ex", channel="web", match={"category": "hazmat"})
    shop.rule("buffer", "bu", units=1, channel="web", match={"sku": SKU})
    assert shop.available() == 0


def test_case_38_item_and_node_before_item() -> None:
    # IBM, priority list.
    shop = Shop()
    shop.rule("safety_stock", "A", units=1, match={"sku": SKU})
    shop.rule("safety_stock", "B", units=2, match={"sku": SKU, "location": "DC1"})
    assert shop.node().safety_stock == 2


def test_case_40_crossing_a_level_is_said_once() -> None:
    # OneTruth, of its lowest level, 5: below at 4, above again at 5, and nothing for moves on one side of it.
    shop = Shop()
    shop.rule("low_stock", "low", units=5, channel="web")
    shop.count(31)
    statuses = [shop.channel().status]
    for change in (-1, -15, -9, -2, -1, 1, 1, 8, 30):
        shop.movement("ADJUST", change, at=-MINUTE)
        statuses.append(shop.channel().status)
    assert shop.available() == 43
    crossed = [told for before, told in pairwise(statuses) if told != before]
    assert crossed == ["LOW", "IN_STOCK"]


def in_any_order(*facts: tuple[str, dict[str, Any]], twice: bool = False) -> list[Shop]:
    """One shop for each order of the facts: a method of Shop and its arguments."""
    numbered = [(name, {"event_id": f"f{at}", **told}) for at, (name, told) in enumerate(facts)]
    shops = []
    for order in permutations(numbered):
        shop = Shop()
        for name, told in order * (2 if twice else 1):
            getattr(shop, name)(**told)
        shops.append(shop)
    return shops


def test_case_42_order_cancel_ship_in_any_order() -> None:
    # The sum from the source, the order derived.
    for shop in in_any_order(
        ("line", {"order": "o", "version": 1, "quantity": 25}),
        ("release", {"order": "o", "quantity": 5}),
        ("ship", {"quantity": 20, "reservation_id": "o"}),
    ):
        assert (shop.open(), shop.on_hand()) == ({}, -20)


def test_case_43_more_released_than_reserved() -> None:
    # D365, reservation APIs.
    shop = Shop()
    shop.line("o", 1, 10)
    shop.release("o", 12)
    assert shop.open() == {}
    assert shop.incidents() == {("over_release", "o/1")}


def test_case_44_released_in_part() -> None:
    # D365.
    shop = Shop()
    shop.line("o", 1, 100)
    shop.release("o", 10)
    assert shop.node().hard == 90


def test_case_45_many_ask_for_the_last_one() -> None:
    # Magento, issues 3072 and 2722.
    shop = Shop()
    shop.count(1)
    for buyer in range(5):
        shop.line(f"buyer {buyer}", 1, 1, mode="CHECKED")
    assert [told.outcome for told in shop.model.decide(NOW)] == ["ACCEPTED", *["REFUSED"] * 4]
    assert (shop.available(), shop.node().net) == (0, 0)


def test_case_47_two_ask_for_all_there_is() -> None:
    # OpenBoxes, pull request 6061.
    shop = Shop()
    shop.count(5)
    for picklist in ("a", "b"):
        shop.line(picklist, 1, 5, mode="CHECKED")
    assert [told.outcome for told in shop.model.decide(NOW)] == ["ACCEPTED", "REFUSED"]
    assert shop.node().net == 0


def test_case_49_an_order_over_two_locations() -> None:
    # Vendure, issue 4030: two lines, since a line has one location.
    shop = Shop(locations=["A", "B"])
    shop.count(10, location="A")
    shop.count(15, location="B")
    shop.line("o", 1, 10, line="1", location="A")
    shop.line("o", 1, 3, line="2", location="B")
    assert (shop.node("A").node_ats, shop.node("B").node_ats) == (0, 12)


def test_case_51_cancel_before_place() -> None:
    # Derived.
    shop = Shop()
    shop.cancel("o", 2)
    assert shop.open() == {}
    shop.line("o", 1, 5)
    assert shop.open() == {}


def test_case_52_place_update_consume_release_in_any_order_twice() -> None:
    # Derived.
    for shop in in_any_order(
        ("line", {"order": "o", "version": 1, "quantity": 5}),
        ("line", {"order": "o", "version": 2, "quantity": 3}),
        ("ship", {"quantity": 1, "reservation_id": "o"}),
        ("release", {"order": "o", "quantity": 1}),
        twice=True,
    ):
        assert shop.open() == {("o", "1"): 1}


def test_case_54_the_same_order_twice() -> None:
    # Derived, from a public demo that reserves twice.
    shop = Shop()
    for _ in range(2):
        shop.line("o", 1, 5, event_id="e")
    assert shop.node().hard == 5


def test_case_55_demand_beyond_stock_is_shown_beside_0() -> None:
    # Derived, from a public demo where the last positive value survives.
    shop = Shop()
    shop.count(3)
    assert shop.available() == 3
    shop.line("o", 1, 5)
    told = shop.channel()
    assert (told.available, told.shortage, told.unmet) == (0, 2, 2)


def test_case_57_a_count_after_any_sales() -> None:
    # D365, set on-hand.
    shop = Shop()
    shop.sale({"quantity": 37}, at=-2 * HOUR)
    shop.count(100)
    assert shop.on_hand() == 100


def test_case_62_two_counts_do_not_add_up() -> None:
    # Odoo, pull request 10682: both were opened at 10.
    shop = Shop()
    shop.receipt(10, at=-2 * HOUR)
    shop.count(20, at=-HOUR)
    shop.count(30, at=-MINUTE)
    assert shop.on_hand() == 30


@pytest.mark.parametrize("late", [False, True])
def test_case_63_shipped_while_the_count_was_open(late: bool) -> None:
    # Odoo, issue 42997: opened at a theoretical 10, 1 shipped, 9 entered.
    shop = Shop()
    shop.receipt(10, at=-3 * HOUR)
    if late:
        shop.count(9, at=-HOUR, log_time=NOW)
    shop.ship(1, at=-2 * HOUR, log_time=NOW)
    if not late:
        shop.count(9, at=-HOUR, log_time=NOW)
    assert shop.on_hand() == 9


def test_case_65_an_older_count_after_a_newer_one() -> None:
    # Derived.
    shop = Shop()
    shop.count(9, at=-MINUTE)
    shop.count(50, at=-HOUR, log_time=NOW)
    assert shop.on_hand() == 9


def test_case_67_a_net_feed_says_0_of_the_last_unit_which_is_ordered() -> None:
    # Magento, issue 2725.
    shop = Shop()
    shop.count(1, at=-3 * HOUR)
    shop.line("o", 1, 1, at=-2 * HOUR)
    shop.count(0, basis="NET")
    assert (shop.on_hand(), shop.available()) == (1, 0)
    shop.ship(1, at=-MINUTE, reservation_id="o")
    assert (shop.on_hand(), shop.available()) == (0, 0)


@pytest.mark.parametrize(("mode", "on_hand", "said"), [("FULL", 7, True), ("NONZERO", 0, False)])
def test_cases_69_and_70_a_feed_misses_a_known_sku(mode: str, on_hand: int, said: bool) -> None:
    # Adobe, order management: 69 keeps the value and warns, 70 is 0.
    shop = Shop()
    shop.receipt(7, at=-2 * HOUR)
    feed = {"batch_id": "b", "marker": "END", "mode": mode, "locations": ["DC1"], "basis": "GROSS"}
    shop.event("SnapshotMarker", {**feed, "as_of": NOW - HOUR, "items": 0}, -HOUR, {})
    assert shop.on_hand() == on_hand
    assert (("missing_in_snapshot", "DC1") in shop.incidents()) is said
    shop.rule("backorder", "sold without end", units=1000, channel="web")  # 70: "unless unlimited"
    assert shop.available() == on_hand + 1000


def test_case_72_a_count_closes_movements_and_keeps_reservations() -> None:
    # Fluent, inventory quantity types.
    shop = Shop()
    shop.sale({"quantity": 3}, at=-2 * HOUR)
    shop.movement("ADJUST", -2, at=-2 * HOUR)
    shop.line("o", 1, 4, at=-2 * HOUR)
    shop.count(20)
    assert (shop.on_hand(), shop.node().hard, shop.available()) == (20, 4, 16)


def test_case_74_a_kit_is_as_available_as_its_scarcest_part() -> None:
    # The rule is Medusa's, inventory kits; the numbers are derived.
    shop = Shop(skus=["frame", "wheel", "handlebar"])
    shop.bundle("bicycle", {"frame": 1, "wheel": 2, "handlebar": 1})
    for part, quantity in (("frame", 10), ("wheel", 13), ("handlebar", 9)):
        shop.count(quantity, sku=part)
    assert shop.available(sku="bicycle") == 6
