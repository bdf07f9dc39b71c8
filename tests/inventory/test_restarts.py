"""I9: a lane that starts again from a checkpoint ends with the numbers it would have had, and no view goes back.

`View.write` refuses what is not greater, and fails where a lane offers less than it offered before.
"""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from inventory.reference import ReferenceModel
from tests.inventory.judging import assert_agree
from tests.inventory.simulation import Cluster
from tests.inventory.worlds import LATE_DATA, MASTER_DATA, Plan, events, fold, plans, policies, write
from tests.reference.histories import Told
from tests.reference.shop import HOUR, NOW, SECOND


class Deed(NamedTuple):
    """Something that happens to one lane (or to all: `lane` None) in the middle of everything."""

    what: str
    lane: int | None
    ms: int


deeds = st.builds(
    Deed,
    what=st.sampled_from(["step", "step", "checkpoint", "base", "crash", "lost", "again", "again"]),
    lane=st.none() | st.integers(0, 7),
    ms=st.sampled_from([0, 0, 1, SECOND]),
)
told = events(unknown=True)
scripts = st.sampled_from([5, 20, 35]).flatmap(
    lambda least: st.lists(st.one_of(told, told, deeds), min_size=least, max_size=40)
)


def do(cluster: Cluster, deed: Deed, now: int, most: int) -> None:
    for running in cluster.running if deed.lane is None else [cluster.running[deed.lane % cluster.lanes]]:
        match deed.what:
            case "step":
                running.step(now, most)
            case "checkpoint" | "base":
                running.checkpoint(whole=deed.what == "base")
            case "crash":
                running.start()
            case "lost":
                running.saved, running.saved_offsets = [], {}
                running.start()


def survive(
    plan: Plan, master_data: list[Told], script: list[Told | Deed], at_once: bool, at_the_end: bool
) -> None:
    cluster = plan.cluster()
    for told in (*MASTER_DATA, *master_data):
        write(cluster, told)
    if at_once:
        cluster.run(NOW)
    now, late = NOW, list(LATE_DATA)
    history: list[Told] = []
    for each in script:
        if isinstance(each, Deed) and each.what == "again":
            for told in history[:1] if each.lane is None else history[each.lane : each.lane + 1]:
                write(cluster, told)
            continue
        if isinstance(each, Deed):
            now += each.ms
            do(cluster, each, now, plan.most)
            continue
        write(cluster, each, misplaced=len(history) % 6 == 0)
        history.append(each)
        if len(history) % 8 == 0 and late:
            write(cluster, late.pop())
    cluster.run(now, plan.most)
    told_late = LATE_DATA[len(late) :]
    model = fold(ReferenceModel(), *MASTER_DATA, *master_data, *told_late, *history)
    assert_agree(cluster, model, history, now)
    for running in cluster.running:  # once more, all of them at once, from what they kept or from the end
        if at_the_end:
            running.checkpoint(whole=at_once)
        running.start()
    for told in history[::3]:
        write(cluster, told)
    cluster.run(now)
    for running in cluster.running:  # what they would publish is no less than what stands, and says the same
        running.lane.mark_all_moved()
    cluster.run(now)
    assert_agree(cluster, model, history, now)
    now += 2 * HOUR  # and what lay ahead comes to pass
    cluster.run(now)
    assert_agree(cluster, model, history, now)


def test_what_was_folded_but_not_shown_is_shown_after_a_restart() -> None:
    cluster = Plan(1, 1, 200, 0).cluster()
    for told in MASTER_DATA:
        write(cluster, told)
    cluster.run(NOW)
    running = cluster.running[0]
    receipt = {"event_id": "e", "source": "test", "occurred_at": NOW, "recorded_at": NOW, "movement": "RECEIPT",
               "sku": "SKU-1", "location": "A", "quantity": 5}  # fmt: skip
    write(cluster, Told("StockMovement", receipt))
    write(cluster, Told("StockMovement", {**receipt, "event_id": "f", "sku": "SKU-2"}))
    out = running.step(NOW, 1)  # more is waiting, so this publishes nothing
    assert out.views is None
    running.checkpoint(whole=False)
    running.start()
    cluster.run(NOW)
    assert cluster.view.rows["SKU-1"].channels["web"]["available"] == 5


ARGUMENTS = (plans, policies, scripts, st.booleans(), st.booleans())


def test_i9_whatever_happens_to_a_lane_it_ends_with_the_same_numbers() -> None:
    given(*ARGUMENTS)(survive)()


def test_a_lane_that_asks_is_answered_though_the_other_one_starts_again() -> None:
    """It heard the question while it was still reading master data, wrote that down, and was stopped."""
    cluster = Plan(2, 1, 0, 0).cluster()
    for told in MASTER_DATA:
        write(cluster, told)
    cluster.run(NOW)
    asks, answers = cluster.running
    answers.checkpoint(whole=True)
    asks.start()
    for _ in range(len(MASTER_DATA)):
        asks.step(NOW, 10_000)
    for told in MASTER_DATA[:3] * 10:
        write(cluster, told)
    answers.start()
    while answers.next["routed"] < len(cluster.log["routed", answers.number]):
        answers.step(NOW, 1)
    assert not answers.masters_ready
    answers.checkpoint(whole=False)
    answers.start()
    cluster.run(NOW)
    assert asks.lane.live
