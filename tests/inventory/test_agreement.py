"""I12, and with it I1: the engine and the reference model agree on every set of facts, however it is read."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.reference import ReferenceModel
from tests.inventory.judging import assert_agree
from tests.inventory.simulation import Cluster
from tests.inventory.worlds import LATE_DATA, MASTER_DATA, Plan, events, fold, plans, policies, write
from tests.reference.histories import Told
from tests.reference.shop import HOUR, MINUTE, NOW

Log = tuple[list[Told], list[tuple[Told, bool]]]
"""A set of facts; and a log of it: shuffled, with repetitions, some (True) in the wrong partition."""

ends = st.sampled_from([NOW, NOW + 1, NOW + 2, NOW + MINUTE + 1, NOW + 2 * HOUR])


@st.composite
def logs(draw: st.DrawFn, of: st.SearchStrategy[Told], longest: int = 25) -> Log:
    least = draw(st.sampled_from([0, 6, longest - 5]))  # left alone, lists are short
    history = draw(st.lists(of, min_size=least, max_size=longest))
    again = draw(st.lists(st.sampled_from(history), max_size=5)) if history else []
    order = draw(st.permutations(history + again))
    return history, [(told, draw(st.integers(0, 5)) == 0) for told in order]


def started(plan: Plan, master_data: Iterable[Told]) -> Cluster:
    cluster = plan.cluster()
    for told in master_data:
        write(cluster, told)
    cluster.run(NOW)
    return cluster


def both(plan: Plan, master_data: list[Told], log: Log, now: int) -> tuple[Cluster, ReferenceModel]:
    """Lanes and the reference model, each after the same facts."""
    cluster = started(plan, (*MASTER_DATA, *master_data))
    for told, misplaced in log[1]:
        write(cluster, told, misplaced=misplaced)
    cluster.run(NOW, plan.most)
    cluster.run(now)
    return cluster, fold(ReferenceModel(), *MASTER_DATA, *master_data, *log[0])


def agree(plan: Plan, master_data: list[Told], log: Log, now: int) -> None:
    cluster, model = both(plan, master_data, log, now)
    assert_agree(cluster, model, log[0], now)


def agree_on_any_facts(plan: Plan, master_data: list[Told], log: Log, now: int) -> None:
    agree(plan, master_data, log, now)


def agree_on_what_is_refused(plan: Plan, log: Log, now: int) -> None:
    agree(plan, [], log, now)


def agree_on_what_had_to_wait(
    plan: Plan, master_data: list[Told], log: Log, late: list[Told], steps: int
) -> None:
    """Master data that comes in the middle: facts waited for it, and are as good as those that had not to."""
    cluster = started(plan, (*MASTER_DATA, *master_data))
    half = len(log[1]) // 2
    for told, misplaced in log[1][:half]:
        write(cluster, told, misplaced=misplaced)
    cluster.steps(NOW, plan.most, steps)
    for told in late:
        write(cluster, told)
    for told, misplaced in log[1][half:]:
        write(cluster, told, misplaced=misplaced)
    cluster.run(NOW + 1, plan.most)
    model = fold(ReferenceModel(), *MASTER_DATA, *master_data, *late, *log[0])
    assert_agree(cluster, model, log[0], NOW + 1)


lates = st.permutations(LATE_DATA).flatmap(lambda told: st.integers(0, 3).map(lambda n: list(told[:n])))
PROPERTIES: dict[Callable[..., None], tuple[st.SearchStrategy[Any], ...]] = {
    agree_on_any_facts: (plans, policies, logs(events()), ends),
    agree_on_what_is_refused: (plans, logs(events(wrong=True)), ends),
    agree_on_what_had_to_wait: (plans, policies, logs(events(unknown=True)), lates, st.integers(0, 12)),
}
each = pytest.mark.parametrize("agreed", PROPERTIES, ids=lambda check: check.__name__)


@each
def test_the_engine_and_the_reference_model(agreed: Callable[..., None]) -> None:
    given(*PROPERTIES[agreed])(agreed)()
