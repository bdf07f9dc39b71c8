"""The engine and the reference model agree on what is wrong, in whatever order and however often facts come."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.reference import ReferenceModel
from tests.inventory.crowds import batches, crowded
from tests.inventory.incident_judging import assert_same_incidents, by_canonical_names
from tests.inventory.test_agreement import Log, both, logs
from tests.inventory.test_restarts import Deed, deeds, do
from tests.inventory.worlds import LATE_DATA, MASTER_DATA, Plan, events, fold, plans, policies, write
from tests.reference.histories import Told
from tests.reference.shop import HOUR, MINUTE, NOW, SECOND

DELAY = 30 * SECOND
ends = st.sampled_from([NOW, NOW + 2 * MINUTE, NOW + 2 * HOUR])


def agree(plan: Plan, master_data: list[Told], log: Log, now: int) -> None:
    cluster, model = both(plan, master_data, log, now)
    cluster.run(now + SECOND)  # rules may end in this second, and what is wrong then has yet to stand
    cluster.run(now + SECOND + DELAY)
    assert_same_incidents(cluster, model, now + SECOND + DELAY)


def agree_on_any_facts(plan: Plan, master_data: list[Told], log: Log, now: int) -> None:
    agree(plan, master_data, log, now)


def agree_on_a_crowded_position(plan: Plan, log: Log, now: int) -> None:
    agree(plan, [], log, now)


def agree_on_batches(plan: Plan, log: Log, now: int) -> None:
    agree(plan, [], log, now)


@st.composite
def logs_with_batches(draw: st.DrawFn) -> Log:
    history, log = draw(logs(crowded().map(by_canonical_names), longest=12))
    sent = [record for batch in draw(st.lists(batches(), min_size=1, max_size=3)) for record in batch]
    again = draw(st.lists(st.sampled_from(sent), max_size=3)) if sent else []
    told = [(record, draw(st.integers(0, 5)) == 0) for record in sent + again]
    return history + sent, draw(st.permutations(log + told))


def survive(plan: Plan, script: list[Told | Deed], whole: bool) -> None:
    """Lanes that stop in the middle, from what they kept or from nothing: what they told last is what stands."""
    cluster, now, late = plan.cluster(), NOW, list(LATE_DATA)
    for told in MASTER_DATA:
        write(cluster, told)
    history: list[Told] = []
    for each in script:
        if isinstance(each, Deed) and each.what == "again":
            for told in history[:1] if each.lane is None else history[each.lane : each.lane + 1]:
                write(cluster, told)
        elif isinstance(each, Deed):
            now += each.ms + (DELAY if each.what == "checkpoint" else 0)
            do(cluster, each, now, plan.most)
        else:
            write(cluster, each, misplaced=len(history) % 6 == 0)
            history.append(each)
            if len(history) % 8 == 0 and late:
                write(cluster, late.pop())
    for _ in range(2):
        cluster.run(now, plan.most)
        cluster.run(now + DELAY)
        now += 2 * MINUTE
        cluster.run(now, plan.most)
        cluster.run(now + DELAY)
        model = fold(ReferenceModel(), *MASTER_DATA, *LATE_DATA[len(late) :], *history)
        assert_same_incidents(cluster, model, now + DELAY)
        now += DELAY
        for running in cluster.running:
            running.checkpoint(whole=whole)
            running.start()
        now += 2 * HOUR


facts = events(unknown=True).map(by_canonical_names) | crowded().map(by_canonical_names)
scripts = st.sampled_from([5, 20, 35]).flatmap(
    lambda least: st.lists(st.one_of(facts, facts, deeds), min_size=least, max_size=40)
)
PROPERTIES: dict[Callable[..., None], tuple[st.SearchStrategy[Any], ...]] = {
    agree_on_any_facts: (plans, policies, logs(events().map(by_canonical_names)), ends),
    agree_on_a_crowded_position: (plans, logs(crowded().map(by_canonical_names)), ends),
    agree_on_batches: (plans, logs_with_batches(), ends),
    survive: (plans, scripts, st.booleans()),
}
each = pytest.mark.parametrize("agreed", PROPERTIES, ids=lambda check: check.__name__)


@each
def test_the_engine_and_the_reference_model(agreed: Callable[..., None]) -> None:
    given(*PROPERTIES[agreed])(agreed)()
