"""Decisions held against the reference model: made one after the other, and kept through every crash."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.batch import Clock
from inventory.reference import Decision, ReferenceModel
from tests.inventory.judging import assert_agree, decision_of
from tests.inventory.simulation import CODEC, Cluster, Running
from tests.inventory.worlds import (
    MASTER_DATA,
    Plan,
    channels,
    events,
    expiries,
    fold,
    places,
    plans,
    policies,
)
from tests.inventory.worlds import write as tell
from tests.reference.histories import Told
from tests.reference.shop import HOUR, MINUTE, NOW, SECOND

GRACE = 30 * SECOND


@st.composite
def requests(draw: st.DrawFn) -> Told:
    """A version of one of few checked lines of one sku."""
    fields = {
        "event_id": f"r{draw(st.integers(0, 10**9))}",
        "source": "test",
        "recorded_at": NOW,
        "occurred_at": NOW - draw(st.sampled_from([HOUR, MINUTE, 1, 0])),
        "reservation_id": draw(st.sampled_from("oopq")),
        "line": draw(st.sampled_from("11c")),
        "version": draw(st.sampled_from([1, 1, 1, 2, 2, 3, 4])),
        "action": draw(st.sampled_from(["PLACE", "PLACE", "UPDATE", "CONFIRM", "EXTEND", "CANCEL"])),
        "sku": "SKU-1",
        "channel": draw(channels),
        "location": draw(st.none() | st.none() | places),
        "quantity": draw(st.integers(0, 8)),
        "commitment": draw(st.sampled_from(["SOFT", "SOFT", "HARD"])),
        "expires_at": draw(expiries),
        "mode": "CHECKED",
        "allow_partial": draw(st.booleans()),
        "bundle": draw(st.sampled_from([None, None, None, "KIT"])),
    }
    return Told("Reservation", fields)


stock = st.builds(
    lambda quantity, place, n: Told(
        "StockMovement",
        {"event_id": f"s{n}", "source": "test", "occurred_at": NOW - MINUTE, "recorded_at": NOW, "movement": "RECEIPT",
         "sku": "SKU-1", "location": place, "quantity": quantity},
    ),
    st.integers(1, 30), places, st.integers(0, 10**9),
)  # fmt: skip
asked = st.one_of(requests(), requests(), stock, events())


def is_request(told: Told) -> bool:
    return told.value.get("mode") == "CHECKED" and told.value["action"] != "RELEASE"


def published(cluster: Cluster) -> list[Decision]:
    """What the topic says: the first record of each identity, and no conflicts."""
    first: dict[Any, Decision] = {}
    for (topic, _), messages in cluster.log.items():
        if topic == "reservation-decisions":
            for message in messages:
                decision = decision_of(CODEC.decode(message.payload or b"")[1])
                if decision.reason != "conflict":
                    first.setdefault(decision[:4], decision)
    return list(first.values())


def same_answers(plan: Plan, master_data: list[Told], history: list[Told]) -> None:
    """One record after the other: each answer is the model's, and so is every number behind it (I3, I12)."""
    cluster = plan.cluster()
    model = fold(ReferenceModel(), *MASTER_DATA, *master_data)
    for told in (*MASTER_DATA, *master_data):
        tell(cluster, told)
    cluster.run(NOW)
    for told in history:
        before = len(cluster.answers)
        tell(cluster, told)
        cluster.run(NOW)
        fold(model, told)
        answers = [decision_of(value) for value in cluster.answers[before:]]
        assert answers == model.decide(NOW), told
        assert_agree(cluster, model, [], NOW) if not model.dead_letters else None
    for now in (NOW + 1, NOW + GRACE, NOW + GRACE + 1, NOW + 2 * HOUR):
        cluster.run(now)
        assert_agree(cluster, model, history, now)


class Deed(NamedTuple):
    """What happens to a lane. `mute`: it steps, and is stopped before anything of it is published."""

    what: str
    lane: int


deeds = st.builds(
    Deed, st.sampled_from(["step", "step", "checkpoint", "base", "crash", "mute", "lost"]), st.integers(0, 7)
)


def do(running: Running, deed: Deed, now: int, most: int) -> None:
    match deed.what:
        case "step":
            running.step(now, most)
        case "checkpoint" | "base":
            running.checkpoint(whole=deed.what == "base")
        case "crash":
            running.start()
        case "mute":
            running.lane.step(running.intake.batch(running.poll(now, most))[0], Clock(now, now))
            running.start()
        case "lost":
            running.saved, running.saved_offsets = [], {}
            running.start()


def what_stands_stands(plan: Plan, script: list[Told | Deed]) -> None:
    stands(plan, script, ())


def stands(plan: Plan, script: list[Told | Deed], more: Sequence[Told]) -> None:
    """Whatever a lane went through: of what it had published nothing changes, and the numbers follow from that."""
    cluster = plan.cluster()
    for told in (*MASTER_DATA, *more):
        tell(cluster, told)
    cluster.run(NOW)
    history: list[Told] = []
    stood: set[Decision] = set()
    for each in script:
        if isinstance(each, Deed):
            do(cluster.running[each.lane % plan.lanes], each, NOW, plan.most)
        else:
            tell(cluster, each)
            history.append(each)
        assert stood <= set(published(cluster))
        stood = set(published(cluster))
    cluster.run(NOW, plan.most)
    for running in cluster.running:
        running.start()
    cluster.run(NOW, plan.most)
    model = fold(ReferenceModel(), *MASTER_DATA, *more)
    for decision in published(cluster):
        model.fold("ReservationDecision", decision._asdict(), log_time=NOW, key=decision.sku)
    fold(model, *[told for told in history if not is_request(told)])
    fold(model, *[told for told in history if is_request(told)])
    decided = {decision for decision in model.decide(NOW) if decision.reason != "conflict"}
    assert decided <= set(published(cluster))
    assert_agree(cluster, model, history, NOW)
    cluster.run(NOW + 2 * HOUR)
    assert_agree(cluster, model, history, NOW + 2 * HOUR)


scripts = st.lists(st.one_of(asked, asked, deeds), max_size=30)
PROPERTIES: dict[Callable[..., None], tuple[st.SearchStrategy[Any], ...]] = {
    same_answers: (plans, policies, st.lists(asked, max_size=20)),
    what_stands_stands: (plans, scripts),
}
each = pytest.mark.parametrize("holds", PROPERTIES, ids=lambda check: check.__name__)


@each
def test_decisions(holds: Callable[..., None]) -> None:
    given(*PROPERTIES[holds])(holds)()
