"""A source sends its whole stock: batches that end, that do not, that contradict themselves; over lanes and crashes."""

from collections.abc import Callable
from typing import Any

import pytest

from inventory.batch import Incident
from tests.inventory.shop import Shop
from tests.reference.shop import DAY, HOUR, MINUTE, NOW, SECOND

SKUS = tuple(f"S{n}" for n in range(8))
AS_OF = -HOUR
LANES = pytest.mark.parametrize("lanes", [1, 4, 8])


class Warehouse(Shop):
    """10 units of each of eight skus at DC1, counted a day ago."""

    def __init__(self, lanes: int = 4, *, skus: tuple[str, ...] = SKUS, **config: int) -> None:
        super().__init__(lanes, skus=skus, **config)
        for sku in skus:
            self.count(10, at=-20 * HOUR, sku=sku, source="cycle")
        self.run()

    def entry(self, sku: str, sequence: int, quantity: int = 7, *, batch: str = "b", **fields: Any) -> None:
        """One item of a batch."""
        value = {"sku": sku, "batch": {"batch_id": batch, "sequence": sequence}} | fields
        self.count(quantity, **{"at": AS_OF} | value)

    def mark(self, marker: str = "END", items: int = 0, *, batch: str = "b", **fields: Any) -> None:
        value: dict[str, Any] = {
            "event_id": f"{batch}-{marker}", "source": "test", "occurred_at": NOW + AS_OF, "recorded_at": NOW + AS_OF,
            "batch_id": batch, "marker": marker, "mode": "NONZERO", "locations": ["DC1"], "basis": "GROSS",
            "as_of": NOW + AS_OF, "items": items,
        } | fields  # fmt: skip
        log_time = value.pop("log_time", self.now)
        self.cluster.tell("SnapshotMarker", value, log_time, partition=value.pop("partition", None))

    def stock(self, place: str = "DC1") -> dict[str, int]:
        self.run(self.now - NOW)
        rows = self.cluster.view.rows
        return {sku: row.nodes[place]["on_hand"] for sku, row in rows.items() if place in row.nodes}

    def found(self, *codes: str) -> list[Incident]:
        self.run(self.now - NOW)
        if "missing_in_snapshot" in codes:  # it is told when it has stood for a while
            self.run(self.now - NOW + self.cluster.config.exception_delay_ms)
        return [incident for incident in self.cluster.incidents if incident.code in codes]


def listed(*skus: str, quantity: int = 7) -> dict[str, int]:
    return {sku: quantity if sku in skus else 0 for sku in SKUS}


@LANES
def test_a_complete_nonzero_batch_is_a_zero_of_everything_that_it_does_not_list(lanes: int) -> None:
    shop = Warehouse(lanes)
    shop.mark("BEGIN")
    for sequence, sku in enumerate(SKUS[:5]):
        shop.entry(sku, sequence)
    assert shop.stock() == {
        **dict.fromkeys(SKUS, 10),
        **dict.fromkeys(SKUS[:5], 7),
    }  # nothing is zeroed before
    shop.mark(items=5)
    assert shop.stock() == listed(*SKUS[:5])
    assert shop.found("incomplete_snapshot", "batch_mismatch") == []


@LANES
def test_case_70_an_end_before_its_items(lanes: int) -> None:
    shop = Warehouse(lanes)
    shop.mark(items=2)
    shop.run()
    shop.entry("S0", 1)
    assert shop.stock()["S7"] == 10
    shop.entry("S1", 2)
    assert shop.stock() == listed("S0", "S1")


@pytest.mark.parametrize("mode", ["FULL", "PARTIAL"])
def test_case_69_only_a_nonzero_batch_zeroes(mode: str) -> None:
    shop = Warehouse()
    shop.entry("S0", 1)
    shop.mark(items=1, mode=mode)
    assert shop.stock() == {**dict.fromkeys(SKUS, 10), "S0": 7}
    missing = shop.found("missing_in_snapshot")
    assert [incident.sku for incident in sorted(missing, key=str)] == ([*SKUS[1:]] if mode == "FULL" else [])


def test_a_missing_position_that_is_counted_is_not_missing_any_more() -> None:
    shop = Warehouse()
    shop.mark(items=0, mode="FULL")
    assert len(shop.found("missing_in_snapshot")) == 8
    shop.count(3, at=-MINUTE, sku="S3")
    assert [i.sku for i in shop.found("missing_in_snapshot") if i.closed_at is not None] == ["S3"]


def test_an_item_that_never_comes_zeroes_nothing_and_is_told_after_an_hour() -> None:
    shop = Warehouse()
    for sequence, sku in enumerate(SKUS[:4]):
        if sku != "S2":
            shop.entry(sku, sequence)
    shop.mark(items=4)
    assert shop.stock()["S7"] == 10
    shop.run(HOUR - SECOND)
    assert shop.found("incomplete_snapshot") == []
    shop.run(HOUR)
    [late] = shop.found("incomplete_snapshot")
    assert (late.source, late.closed_at, late.detail["items"], late.detail["arrived"]) == ("test", None, 4, 3)
    shop.entry("S2", 2, log_time=NOW + HOUR)
    assert shop.stock() == listed(*SKUS[:4])
    assert [i.closed_at is None for i in shop.found("incomplete_snapshot")] == [True, False]


def test_a_lane_that_lags_does_not_tell_that_a_batch_is_incomplete() -> None:
    shop = Warehouse(1)
    shop.entry("S0", 1)
    shop.mark(items=2)
    shop.run()
    for n in range(3):
        shop.movement("RECEIPT", 1, at=n, log_time=NOW + n, sku="S5")
    shop.entry("S1", 2, log_time=NOW + 5)
    for _ in range(2):
        shop.cluster.running[0].step(NOW + 2 * HOUR, 1)
    shop.run(2 * HOUR)
    assert shop.found("incomplete_snapshot") == []
    assert shop.stock()["S7"] == 0


def test_a_batch_that_never_ends_is_told_and_then_forgotten() -> None:
    shop = Warehouse()
    shop.entry("S0", 1)
    shop.run()
    shop.run(HOUR)
    assert len(shop.found("incomplete_snapshot")) == 1
    shop.run(2 * DAY)
    assert [i.closed_at is None for i in shop.found("incomplete_snapshot")] == [True, False]
    assert not any(running.lane.markers.books for running in shop.cluster.running)
    assert not any(running.lane.snapshots.listings for running in shop.cluster.running)


@LANES
def test_an_item_told_twice_counts_once(lanes: int) -> None:
    shop = Warehouse(lanes)
    for _ in range(2):
        shop.entry("S0", 1, event_id="same")
        shop.entry("S3", 1)  # another item with a number that is taken
    shop.mark(items=2)
    assert shop.stock()["S7"] == 10
    shop.entry("S1", 2)
    assert shop.stock() == listed("S0", "S1", "S3")


@pytest.mark.parametrize(
    "second",
    [
        {"mode": "FULL"},
        {"locations": ["DC1", "S1"]},
        {"basis": "NET"},
        {"as_of": NOW + AS_OF + 1},
        {"items": 3},
    ],
)
def test_markers_that_differ_complete_nothing(second: dict[str, Any]) -> None:
    shop = Warehouse()
    shop.entry("S0", 1)
    shop.mark("END" if "items" in second else "BEGIN", **second)
    shop.mark(items=1, event_id="other")
    assert shop.stock()["S7"] == 10
    assert len(shop.found("batch_mismatch")) == 1
    shop.run(2 * HOUR)
    assert shop.stock()["S7"] == 10
    assert shop.found("incomplete_snapshot") == []


@pytest.mark.parametrize("fields", [{"basis": "NET"}, {"location": "S1"}])
def test_an_item_that_contradicts_its_marker_completes_nothing(fields: dict[str, Any]) -> None:
    shop = Warehouse()
    shop.entry("S0", 1)
    shop.entry("S1", 2, **fields)
    shop.mark(items=2)
    assert shop.stock()["S7"] == 10
    assert len(shop.found("batch_mismatch")) == 1


def test_markers_that_differ_in_what_says_nothing_of_gross_numbers_agree() -> None:
    shop = Warehouse()
    shop.mark("BEGIN", net_of="SOFT_AND_HARD")
    shop.entry("S0", 1, net_of="SOFT_AND_HARD")
    shop.mark(items=1)
    assert shop.stock() == listed("S0")


def test_two_batches_that_overlap_do_not_mix() -> None:
    shop = Warehouse()
    later: dict[str, Any] = {"at": -MINUTE, "batch": "later"}
    for sequence in range(3):
        shop.entry(SKUS[sequence], sequence)
        shop.entry(SKUS[sequence + 1], sequence, 9, **later)
    shop.mark(items=3, batch="later", as_of=NOW - MINUTE)
    assert shop.stock() == listed("S1", "S2", "S3", quantity=9)
    shop.mark(items=3)  # the older one changes nothing more
    assert shop.stock() == listed("S1", "S2", "S3", quantity=9)


def test_a_movement_after_the_batch_counts_and_one_before_is_in_it() -> None:
    shop = Warehouse()
    shop.mark(items=0)
    shop.movement("RECEIPT", 3, at=-MINUTE, sku="S1")
    shop.movement("RECEIPT", 5, at=-2 * HOUR, sku="S2")
    assert shop.stock() == {**listed(), "S1": 3}


def test_positions_and_skus_that_come_to_be_later_were_zero_too() -> None:
    shop = Warehouse()
    shop.mark(items=0, locations=["DC1", "S1"])
    shop.run()
    shop.item("new")
    for sku in ("new", "S1"):
        shop.movement("RECEIPT", 5, at=-2 * HOUR, sku=sku, location="S1")
        shop.movement("RECEIPT", 2, at=-MINUTE, sku=sku, location="S1")
    assert shop.stock("S1") == {"new": 2, "S1": 2}
    shop.run(3 * DAY)  # the newest batch of a location is remembered for good
    shop.item("newer")
    shop.movement(
        "RECEIPT", 5, at=AS_OF, sku="newer", location="S1", log_time=NOW + 3 * DAY, recorded_at=NOW + 3 * DAY
    )
    assert shop.stock("S1")["newer"] == 0


def test_batches_that_a_newer_one_has_outdone_are_forgotten() -> None:
    shop = Warehouse(1)
    shop.mark(items=0)
    shop.mark(items=0, batch="later", as_of=NOW - MINUTE, event_id="later")
    shop.run()
    snapshots = shop.cluster.running[0].lane.snapshots
    assert len(snapshots.completions) == 2
    shop.run(2 * DAY)
    assert [batch for _, batch in snapshots.completions] == ["later"]


def test_a_net_batch_is_zero_net_of_demand_also_where_there_is_demand_alone() -> None:
    shop = Warehouse()
    shop.line("o", 1, 4, at=-2 * HOUR, sku="S1", location="DC1")
    shop.line("p", 1, 3, at=-2 * HOUR, sku="S2", location="S1")  # no stock was ever there
    shop.line("q", 1, 2, at=-2 * HOUR, sku="S3", location="S1")
    shop.line("q", 2, 0, at=-MINUTE, sku="S3", location="S1", action="CANCEL")  # open as of the batch
    shop.mark(items=0, basis="NET", locations=["DC1", "S1"])
    assert shop.stock() == {**listed(), "S1": 4}
    assert shop.stock("S1") == {"S2": 3, "S3": 2}
    shop.line("late", 1, 6, at=-2 * HOUR, sku="S4", location="S1")
    shop.line("late", 2, 0, at=-MINUTE, sku="S4", location="S1", action="CANCEL")
    assert shop.stock("S1") == {"S2": 3, "S3": 2, "S4": 6}


def test_dead_letters_have_arrived_and_items_that_are_too_late_have_not() -> None:
    shop = Warehouse()
    shop.entry("S0", 1)
    shop.entry("S1", 2, -1)  # invalid_quantity: it lists its sku all the same
    shop.entry("nobody's", 3)  # waits for its sku
    shop.mark(items=4)
    assert shop.stock()["S7"] == 10
    shop.entry("S2", 4, counted_at=NOW - 26 * HOUR)  # too late
    assert shop.stock()["S7"] == 10
    shop.entry("S2", 4)
    assert shop.stock() == {**listed("S0", "S2"), "S1": 10}
    assert shop.letters() == ["invalid_quantity"]


def test_an_item_under_an_alias_that_becomes_known_later_is_not_zeroed() -> None:
    shop = Warehouse()
    shop.entry("our S6", 1)
    shop.mark(items=1, batch="b", event_id="~")
    assert shop.stock() == listed()
    shop.item("S6", ("test", "our S6"))
    assert shop.stock() == listed("S6")


def test_an_item_of_a_sku_that_becomes_known_later_is_not_zeroed() -> None:
    shop = Warehouse()
    shop.entry("new", 1)
    shop.mark(items=1)
    shop.run()
    shop.item("new")
    assert shop.stock()["new"] == 7


def test_a_marker_waits_for_its_location_and_goes_to_the_lane_of_its_source() -> None:
    shop = Warehouse(8)
    shop.entry("S0", 1)
    shop.mark(items=1, locations=["dc one"], partition=5)
    assert shop.stock()["S7"] == 10
    shop.location("DC1", 0, type="warehouse", aliases=[("test", "dc one")])
    assert shop.stock() == listed("S0")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"locations": []}, "invalid_event"),
        ({"locations": [""]}, "invalid_event"),
        ({"batch_id": ""}, "invalid_event"),
        ({"items": -1}, "invalid_quantity"),
        ({"as_of": NOW + 6 * MINUTE}, "from_the_future"),
        ({"recorded_at": NOW + 6 * MINUTE}, "from_the_future"),
        ({"basis": "NET", "demand_as_of": NOW + 6 * MINUTE}, "from_the_future"),
        ({"recorded_at": NOW - 4 * DAY}, "beyond_horizon"),
    ],
)
def test_markers_are_judged_as_facts_are(fields: dict[str, Any], code: str) -> None:
    shop = Warehouse()
    shop.mark(**fields)
    assert shop.stock() == dict.fromkeys(SKUS, 10)
    assert shop.letters() == [code]


def test_a_batch_of_long_ago_is_too_late() -> None:
    shop = Warehouse()
    shop.mark(as_of=NOW - 25 * HOUR)
    assert shop.stock() == dict.fromkeys(SKUS, 10)
    assert [incident.code for incident in shop.found("count_too_late")] == ["count_too_late"]


def crash_everything(shop: Warehouse, whole: bool) -> None:
    for running in shop.cluster.running:
        running.checkpoint(whole=whole)
        running.start()


def no_more(_shop: Warehouse) -> None:
    """The last step is the end."""


STEPS: tuple[Callable[[Warehouse], None], ...] = (
    lambda shop: shop.entry("S0", 0),
    lambda shop: shop.mark("BEGIN"),
    lambda shop: shop.entry("S4", 1),
    lambda shop: shop.entry("our S6", 2),
    lambda shop: shop.mark(items=4),
    lambda shop: shop.entry("S7", 3, partition=0),
    lambda shop: shop.item("S6", ("test", "our S6")),
    lambda shop: shop.movement("RECEIPT", 5, at=-2 * HOUR, sku="S5"),
    no_more,
)


@LANES
@pytest.mark.parametrize("crash_at", range(len(STEPS)))
@pytest.mark.parametrize("lost", [False, True])
def test_a_crash_in_the_middle_of_a_batch_changes_nothing(lanes: int, crash_at: int, lost: bool) -> None:
    """At every step some lanes go back to what they wrote down before it, or to nothing."""
    shop = Warehouse(lanes)
    expected = {**listed("S0", "S4", "S6", "S7"), "S5": 0}
    for number, step in enumerate(STEPS):
        if number == crash_at:
            for running in shop.cluster.running:
                running.checkpoint(whole=number % 2 == 0)
        step(shop)
        if number == crash_at:
            shop.cluster.steps(shop.now, 1, 3 * lanes)
            for running in shop.cluster.running[:: 1 + number % 2]:
                if lost:
                    running.saved, running.saved_offsets = [], {}
                running.start()
        if number % 3 == 0:
            shop.cluster.steps(shop.now, 1, 2 * lanes)
    assert shop.stock() == expected
    crash_everything(shop, whole=True)
    for running in shop.cluster.running:
        running.lane.mark_all_moved()
    assert shop.stock() == expected
    shop.movement("RECEIPT", 1, at=-MINUTE, sku="S1")
    assert shop.stock() == {**expected, "S1": 1}


@LANES
def test_what_a_lane_says_again_after_a_restart_does_no_harm(lanes: int) -> None:
    shop = Warehouse(lanes)
    for running in shop.cluster.running:
        running.checkpoint(whole=True)
    for sequence, sku in enumerate(SKUS[:4]):
        shop.entry(sku, sequence)
    shop.run()
    for _ in range(3):  # they read and tell everything again
        for running in shop.cluster.running:
            running.start()
        shop.run()
    shop.mark(items=5)
    assert shop.stock()["S7"] == 10
    shop.entry("S4", 4)
    assert shop.stock() == listed(*SKUS[:5])


def test_a_later_complete_batch_of_the_source_ends_what_was_wrong_with_an_earlier_one() -> None:
    shop = Warehouse()
    shop.mark("BEGIN")
    shop.mark(items=1, basis="NET")
    shop.mark(items=2, batch="lost")
    shop.run()
    shop.run(HOUR)
    wrong = ("incomplete_snapshot", "batch_mismatch")
    assert [(i.code, i.closed_at) for i in shop.found(*wrong)] == [
        ("batch_mismatch", None),
        ("incomplete_snapshot", None),
    ]
    later: dict[str, Any] = {"as_of": NOW + AS_OF + 1, "log_time": NOW + HOUR}
    shop.mark(items=0, batch="elsewhere", locations=["S1"], **later)
    shop.mark(items=0, batch="partial", mode="PARTIAL", **later)
    assert len(shop.found(*wrong)) == 2
    shop.mark(items=0, batch="whole", locations=["DC1", "S1"], **later)
    assert {(i.code, i.closed_at) for i in shop.found(*wrong)[2:]} == {(code, NOW + HOUR) for code in wrong}
    shop.mark("BEGIN", batch="old", log_time=NOW + HOUR)
    shop.mark(items=9, batch="old", log_time=NOW + HOUR, mode="FULL")
    shop.run(3 * HOUR)
    assert len(shop.found(*wrong)) == 4  # what is older matters no more
