"""A log whose beginning is gone: what a lane without state makes of the rest, and what it does not believe."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.reference import Config, ReferenceModel
from inventory.sections import dump, load
from inventory.state import BEGINNING
from tests.inventory.crowds import crowded
from tests.inventory.judging import assert_agree
from tests.inventory.shop import SKU, Shop
from tests.inventory.simulation import Cluster
from tests.inventory.test_agreement import Log, logs
from tests.inventory.test_count_agreement import logs_with_batches
from tests.inventory.worlds import MASTER_DATA, Plan, events, fold, plans, write
from tests.reference.histories import Told
from tests.reference.shop import HOUR, MINUTE, NOW

TOLERANCE = Config().clock_tolerance_ms


class CutShop(Shop):
    """What was dated before `since` (ms after NOW) may be missing."""

    def __init__(self, since: int, **options: Any) -> None:
        class Cut(Cluster):
            def __init__(self, lanes: int, **given: Any) -> None:
                super().__init__(lanes, since=NOW + since, **given)

        self.made_of = Cut
        super().__init__(**options)


def test_a_count_whose_later_shipment_may_be_lost_is_no_anchor() -> None:
    shop = CutShop(-3 * HOUR)
    shop.count(10, at=-5 * HOUR)  # 4 were shipped at -4 h
    assert shop.available() == 0
    assert shop.opened() == ["count_too_late"]
    shop.movement("RECEIPT", 2, at=-2 * HOUR)
    shop.count(8, at=-HOUR)
    assert shop.on_hand() == shop.available() == 8
    (last,) = [i for i in shop.cluster.incidents if i.closed_at is not None]
    assert (last.code, last.location) == ("count_too_late", "DC1")


@pytest.mark.parametrize(("at", "on_hand"), [(-3 * HOUR - 1, 0), (-3 * HOUR, 10)])
def test_a_count_of_that_instant_has_seen_all_that_is_lost(at: int, on_hand: int) -> None:
    shop = CutShop(-3 * HOUR)
    shop.count(10, at=at)
    assert shop.available() == on_hand


def test_a_lane_that_lost_its_state_outdoes_the_number_that_it_had() -> None:
    """It refuses the count that made that number, and the view would keep it."""
    shop = Shop()
    shop.count(10, at=-5 * HOUR)
    assert shop.available() == 10
    for running in shop.cluster.running:
        shop.cluster.since = NOW - 3 * HOUR
        running.start()
    shop.movement("RECEIPT", 2, at=-2 * HOUR)
    assert shop.available() == 0  # until it is counted


def test_a_number_is_outdone_whose_facts_retention_has_removed() -> None:
    """Their offsets and instants are gone with them; what moves afterwards must be seen all the same."""
    shop = Shop(1, publish_incomplete=True)
    cluster, (running,) = shop.cluster, shop.cluster.running
    for number in range(5):
        shop.movement("RECEIPT", 2, at=-5 * HOUR)
        shop.line(f"h{number}", 1, 1, at=-5 * HOUR, commitment="SOFT", expires_at=NOW - 4 * HOUR)
    assert shop.available() == 10
    for times in range(1, 4):
        cluster.since = NOW - 3 * HOUR
        cluster.begins = {
            name: len(cluster.log[name, 0]) for name in ("stock-movements", "reservations", "wms-adjustments")
        }
        running.saved = []
        running.start()
        before = cluster.view.rows[SKU].version
        shop.movement("RECEIPT", times, at=-HOUR)
        assert shop.available() == times
        assert shop.row().version > before
        running.checkpoint(whole=True)
        running.start()
        shop.movement("RECEIPT", 1, at=-HOUR)  # it still outdoes itself
        assert shop.available() == times + 1


def test_a_number_is_outdone_after_a_long_log() -> None:
    """A single record is gone since the last time, but its offset was great."""
    shop = Shop(1)
    cluster, (running,) = shop.cluster, shop.cluster.running
    for _ in range(1000):
        cluster.append("stock-movements", 0, b"gone", SKU.encode(), NOW - 5 * HOUR)
    for first, units in (1000, 5), (1001, 4):
        cluster.begins = {"stock-movements": first}
        running.saved = []
        running.start()
        if first == 1000:
            shop.movement("RECEIPT", units)
        else:
            shop.count(units)
        assert shop.available() == units


def test_it_is_kept_with_the_state() -> None:
    shop = CutShop(-3 * HOUR)
    for running in shop.cluster.running:
        running.checkpoint(whole=True)
        running.start()
        assert int(running.lane.memory.since[0]) == NOW - 3 * HOUR
    shop.count(10, at=-5 * HOUR)
    shop.count(3, at=-5 * HOUR, location="S1")
    assert shop.available() == 0


def test_state_of_the_version_before_knows_of_none() -> None:
    shop = Shop(1)
    lane = shop.cluster.running[0].lane
    sections = [
        s._replace(payload=bytes(s.payload).replace(b'"since":%d,' % BEGINNING, b""))
        if s.name == "meta"
        else s
        for s in dump(lane, everything=True)
    ]
    shop.cluster.running[0].saved = []
    shop.cluster.running[0].start()
    again = shop.cluster.running[0].lane
    load(again, iter(sections))
    assert int(again.memory.since[0]) == BEGINNING


def test_a_batch_that_may_be_too_old_counts_nothing() -> None:
    shop = CutShop(-3 * HOUR, publish_incomplete=True)
    shop.movement("RECEIPT", 5, at=-HOUR)
    marker = {
        "batch_id": "b", "marker": "END", "mode": "NONZERO", "locations": ["DC1"], "items": 0, "basis": "GROSS",
        "as_of": NOW - 4 * HOUR,
    }  # fmt: skip
    for batch, as_of in (("old", NOW - 4 * HOUR), ("full", NOW - 4 * HOUR)):
        mode = "FULL" if batch == "full" else "NONZERO"
        value = marker | {
            "event_id": batch, "source": "test", "occurred_at": as_of, "recorded_at": as_of, "batch_id": batch,
            "mode": mode,
        }  # fmt: skip
        shop.cluster.tell("SnapshotMarker", value, NOW - HOUR)
    assert shop.opened() == ["count_too_late"] * 2
    assert shop.cluster.view.rows[SKU].nodes["DC1"]["on_hand"] == 5


def test_a_position_is_not_missing_in_a_batch_because_facts_are_lost() -> None:
    """It came to be after the batch."""
    shop = CutShop(-3 * HOUR)
    shop.movement("RECEIPT", 5, at=-HOUR)
    as_of = NOW - 2 * HOUR
    value = {
        "event_id": "m", "source": "test", "occurred_at": as_of, "recorded_at": as_of, "as_of": as_of,
        "batch_id": "b", "marker": "END", "mode": "FULL", "locations": ["DC1"], "items": 0, "basis": "GROSS",
    }  # fmt: skip
    shop.cluster.tell("SnapshotMarker", value, NOW - HOUR)
    assert shop.opened() == []


# -- engine and reference model ----------------------------------------------------------------------------------


def cut(plan: Plan, since: int, *, publish: bool) -> Cluster:
    """A cluster that has its master data, and may lack facts dated before `since` (ms)."""
    cluster = plan.cluster()
    cluster.config = cluster.config._replace(publish_incomplete=publish)
    cluster.since = since
    for running in cluster.running:
        running.start()
    for told in MASTER_DATA:
        write(cluster, told)
    cluster.run(NOW)
    return cluster


def agree(plan: Plan, log: Log, since: int, publish: bool) -> None:
    cluster = cut(plan, since, publish=publish)
    for told, misplaced in log[1]:
        write(cluster, told, misplaced=misplaced)
    cluster.run(NOW, plan.most)
    model = fold(ReferenceModel(Config(since=since, publish_incomplete=publish)), *MASTER_DATA, *log[0])
    assert_agree(cluster, model, log[0], NOW)


instants = st.sampled_from([-20 * HOUR, -2 * HOUR, -HOUR, -MINUTE, 0, MINUTE]).map(lambda at: NOW + at)
either = st.one_of(logs(events()), logs(crowded()), logs_with_batches())


def test_the_engine_and_the_reference_model() -> None:
    given(plans, either, instants, st.sampled_from([False, False, True]))(agree)()


# -- what is left of a log ---------------------------------------------------------------------------------------


class Cut(NamedTuple):
    """All that was told, what of it is left, and the instant before which something may be missing."""

    told: list[Told]
    left: list[Told]
    since: int


@st.composite
def cut_logs(draw: st.DrawFn) -> Cut:
    """Physical facts of one day, of which each partition has lost those before an instant of its own."""
    told = sorted(draw(st.lists(physical(), min_size=4, max_size=20)), key=lambda each: each.log_time)
    firsts: list[int] = []
    left: list[Told] = []
    for record in ("StockCount", "StockMovement", "PosTransaction"):
        own = [each for each in told if each.record_name == record]
        gone = draw(st.integers(0, len(own)))
        left += own[gone:]
        if gone:
            firsts.append(own[gone].log_time if gone < len(own) else NOW)
    return Cut(told, left, max(firsts, default=NOW - 1000 * HOUR) + TOLERANCE)


@st.composite
def physical(draw: st.DrawFn) -> Told:
    """A gross count, a movement or a sale at a place, told at once or hours later."""
    occurred_at = NOW - draw(st.integers(0, 20)) * HOUR - draw(st.integers(0, 3)) * MINUTE
    value: dict[str, Any] = {
        "event_id": str(draw(st.uuids())), "source": "test", "occurred_at": occurred_at, "recorded_at": occurred_at,
        "location": draw(st.sampled_from(["A", "A", "B"])),
    }  # fmt: skip
    units = draw(st.integers(1, 9))
    record = draw(st.sampled_from(["StockCount", "StockMovement", "StockMovement", "PosTransaction"]))
    if record == "PosTransaction":
        lines = [{"line": "1", "sku": "SKU-1", "quantity": draw(st.sampled_from([units, -units]))}]
        value |= {"transaction_id": "t", "lines": lines}
    else:
        value |= {"sku": "SKU-1", "quantity": units}
    if record == "StockCount":
        value |= {"counted_at": occurred_at, "basis": "GROSS", "counter": "ON_HAND", "count_sequence": 0}
    elif record == "StockMovement":
        value["movement"] = draw(st.sampled_from(["RECEIPT", "SHIP", "SHIP"]))
    late = draw(st.sampled_from([0, 0, 1, 2 * HOUR]))
    return Told(record, value, min(NOW, occurred_at + late))


def is_right_once_counted(plan: Plan, cut: Cut) -> None:
    """Where a count of all that is left was made since, a position is what it would be had nothing been lost."""
    whole = fold(ReferenceModel(), *MASTER_DATA, *cut.told)
    cluster = plan.cluster()
    cluster.since = cut.since
    for running in cluster.running:
        running.start()
    for told in (*MASTER_DATA, *cut.left):
        write(cluster, told)
    cluster.run(NOW, plan.most)
    counted = {
        told.value["location"]
        for told in cut.left
        if told.record_name == "StockCount" and told.value["counted_at"] >= cut.since
    }
    nodes = cluster.view.rows["SKU-1"].nodes
    for place in counted:
        assert nodes[place]["on_hand"] == whole.node("SKU-1", place, NOW).on_hand


def test_what_was_counted_since_is_right() -> None:
    given(plans, cut_logs())(is_right_once_counted)()
