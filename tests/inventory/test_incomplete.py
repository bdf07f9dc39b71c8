"""Positions of a log that begins too late: what nobody has counted since supplies nothing, and people are told."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.incomplete import incomplete_positions
from inventory.reference import Config, ReferenceModel
from inventory.section import Section
from inventory.sections import dump, load
from tests.inventory.judging import assert_agree
from tests.inventory.shop import Shop
from tests.inventory.test_agreement import Log
from tests.inventory.test_lost_facts import CutShop, cut, either, instants
from tests.inventory.worlds import MASTER_DATA, Plan, fold, plans, write
from tests.reference.shop import DAY, HOUR, NOW

SINCE = -3 * HOUR
COUNTERS = ("on_hand", "damaged", "quality_control", "blocked")


def incomplete(shop: Shop) -> tuple[list[str], list[str]]:
    """The locations, and the channels that sell from one."""
    row = shop.row()
    assert len(row.incomplete) == sum(incomplete_positions(each.lane.memory) for each in shop.cluster.running)
    return sorted(row.incomplete), sorted(row.uncertain)


def counters(shop: Shop, place: str = "DC1") -> list[int]:
    node = shop.node(place)
    return [node[name] for name in COUNTERS]


def test_what_is_left_of_a_position_supplies_nothing_until_it_is_counted() -> None:
    shop = CutShop(SINCE)
    shop.movement("RECEIPT", 5, at=-2 * HOUR)
    shop.movement("STATE_CHANGE", 2, at=-2 * HOUR, to_state="DAMAGED")
    shop.line("o", 1, 3)
    shop.count(4, at=-HOUR, location="S1")
    assert counters(shop) == [0, 0, 0, 0]
    assert (shop.node()["hard"], shop.available(), shop.told()["shortage"]) == (3, 1, 3)
    assert incomplete(shop) == (["DC1"], ["web"])
    shop.count(20, at=-HOUR)
    assert counters(shop) == [20, 2, 0, 0]
    shop.movement("SHIP", 1, at=-HOUR + 1)
    assert shop.available() == 20 + 4 - 2 - 3 - 1
    assert incomplete(shop) == ([], [])


def test_less_than_nothing_is_no_more_than_nothing() -> None:
    shop = CutShop(SINCE)
    shop.sale({"quantity": 7}, location="S1")
    assert counters(shop, "S1") == [0, 0, 0, 0]
    assert incomplete(shop) == (["S1"], ["pickup", "web"])
    assert shop.opened() == []


def test_the_count_of_a_part_does_not_tell_of_how_many() -> None:
    shop = CutShop(SINCE)
    shop.count(2, at=-HOUR, counter="DAMAGED")
    assert counters(shop) == [0, 0, 0, 0]
    assert incomplete(shop) == (["DC1"], ["web"])
    shop.count(9, at=-2 * HOUR)
    assert (counters(shop), incomplete(shop)) == ([9, 2, 0, 0], ([], []))


def test_a_whole_stock_that_leaves_it_out_completes_it() -> None:
    shop = CutShop(SINCE)
    shop.movement("RECEIPT", 5, at=-2 * HOUR)
    as_of = NOW - HOUR
    marker: dict[str, Any] = {
        "event_id": "m", "source": "test", "occurred_at": as_of, "recorded_at": as_of, "as_of": as_of, "items": 0,
        "batch_id": "b", "marker": "END", "mode": "NONZERO", "locations": ["DC1"], "basis": "GROSS",
    }  # fmt: skip
    shop.cluster.tell("SnapshotMarker", marker, as_of)
    shop.movement("RECEIPT", 1, at=-HOUR + 1)
    assert (shop.available(), incomplete(shop)) == (1, ([], []))


def test_a_count_that_is_refused_tells_that_there_is_something() -> None:
    shop = CutShop(SINCE)
    shop.count(10, at=-5 * HOUR)
    assert incomplete(shop) == (["DC1"], ["web"])
    restart(shop, publish=False)
    shop.count(3, at=-HOUR, location="S1")
    assert incomplete(shop) == (["DC1"], ["web"])


def test_an_open_order_is_what_is_known_while_it_is_open() -> None:
    shop = CutShop(SINCE)
    shop.line("o", 1, 3)
    assert incomplete(shop) == (["DC1"], ["web"])
    shop.line("o", 2, 3, action="CANCEL", at=-HOUR + 1)
    assert incomplete(shop) == ([], [])


def test_what_is_forgotten_of_it_does_not_complete_it() -> None:
    """Not even where all that moved is dated before what is missing."""
    shop = CutShop(SINCE)
    shop.movement("RECEIPT", 5, at=-4 * HOUR)
    shop.movement("SHIP", 5, at=-4 * HOUR)
    shop.run()
    for running in shop.cluster.running:
        running.lane.log_clock += 2 * DAY
        running.lane.forget()
        assert (running.lane.memory.stores["positions"].used()["delta"] < 0).all()
    shop.count(1, location="S1")
    assert incomplete(shop) == (["DC1"], ["web"])


def test_nothing_can_be_held_where_nobody_knows_what_is_there() -> None:
    shop = CutShop(SINCE)
    shop.movement("RECEIPT", 5, at=-2 * HOUR)
    shop.count(4, at=-HOUR, location="S1")
    shop.line("a", 1, 1, mode="CHECKED")
    shop.line("b", 1, 1, mode="CHECKED", location="S1")
    shop.run()
    assert [answer["outcome"] for answer in shop.cluster.answers] == ["REFUSED", "ACCEPTED"]


def test_a_lane_with_all_facts_has_none() -> None:
    shop = Shop()
    shop.movement("RECEIPT", 5)
    assert (shop.available(), incomplete(shop)) == (5, ([], []))


# -- the setting -------------------------------------------------------------------------------------------------


def restart(shop: Shop, *, publish: bool) -> None:
    shop.cluster.config = shop.cluster.config._replace(publish_incomplete=publish)
    for running in shop.cluster.running:
        running.checkpoint(whole=True)
        running.start()


def test_another_setting_moves_every_number_without_a_fact() -> None:
    shop = CutShop(SINCE)
    shop.movement("RECEIPT", 5, at=-2 * HOUR)
    assert shop.available() == 0
    for publish, available in ((True, 5), (True, 5), (False, 0), (True, 5)):
        restart(shop, publish=publish)
        assert shop.available() == available
        assert bool(shop.row().incomplete) is not publish


def test_the_same_setting_moves_nothing() -> None:
    shop = CutShop(SINCE)
    shop.movement("RECEIPT", 5, at=-2 * HOUR)
    version = shop.row().version
    restart(shop, publish=False)
    assert shop.row().version == version


def test_a_lane_with_all_facts_does_not_mind_the_setting() -> None:
    shop = Shop()
    shop.movement("RECEIPT", 5)
    version = shop.row().version
    restart(shop, publish=True)
    assert (shop.available(), shop.row().version) == (5, version)


def test_a_change_is_made_once_though_the_first_restart_is_cut_short() -> None:
    shop = CutShop(SINCE)
    shop.movement("RECEIPT", 5, at=-2 * HOUR)
    shop.run()
    restart(shop, publish=True)
    for running in shop.cluster.running:  # nothing was shown, nothing was kept
        running.start()
    assert shop.available() == 5
    version = shop.row().version
    restart(shop, publish=True)
    assert (shop.available(), shop.row().version) == (5, version)


@pytest.mark.parametrize(("publish", "more"), [(False, 1), (True, 0)])
def test_state_of_the_version_before_showed_what_was_left(publish: bool, more: int) -> None:
    shop = CutShop(SINCE, lanes=1, publish_incomplete=True)
    shop.movement("RECEIPT", 5, at=-2 * HOUR)
    assert shop.available() == 5
    (running,) = shop.cluster.running
    sections = list(map(_of_the_version_before, dump(running.lane, everything=True)))
    before = running.lane.version_base()
    shop.cluster.config = shop.cluster.config._replace(publish_incomplete=publish)
    running.saved = []
    running.start()
    load(running.lane, iter(sections))
    assert running.lane.version_base() == before + more
    assert running.lane.memory.moved().size == more


def _of_the_version_before(section: Section) -> Section:
    if section.name != "meta":
        return section
    meta = section.value()
    del meta["publish_incomplete"]
    return section._replace(payload=json.dumps(meta).encode())


def agree_after_a_change(plan: Plan, log: Log, since: int, last: bool) -> None:
    """The setting changes in the middle of the log; in the end all is as if it had always been the last one."""
    cluster = cut(plan, since, publish=not last)
    half = len(log[1]) // 2
    for told, misplaced in log[1][:half]:
        write(cluster, told, misplaced=misplaced)
    cluster.run(NOW, plan.most)
    cluster.config = cluster.config._replace(publish_incomplete=last)
    for running in cluster.running:
        running.checkpoint(whole=True)
        running.start()
    for told, misplaced in log[1][half:]:
        write(cluster, told, misplaced=misplaced)
    cluster.run(NOW, plan.most)
    config = Config(since=since, publish_incomplete=last)
    assert_agree(cluster, fold(ReferenceModel(config), *MASTER_DATA, *log[0]), log[0], NOW)


def test_the_engine_and_the_reference_model_after_a_change() -> None:
    given(plans, either, instants, st.booleans())(agree_after_a_change)()
