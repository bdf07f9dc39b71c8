"""The engine and the reference model on crowded positions: counts net of demand, lines that come late, batches."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.inventory.crowds import batches, crowded
from tests.inventory.test_agreement import agree, logs
from tests.inventory.worlds import Plan, plans
from tests.reference.histories import Told
from tests.reference.shop import HOUR, NOW


@st.composite
def logs_with_batches(draw: st.DrawFn) -> tuple[list[Told], list[tuple[Told, bool]]]:
    history, log = draw(logs(crowded(), longest=12))
    sent = [record for batch in draw(st.lists(batches(), min_size=1, max_size=3)) for record in batch]
    again = draw(st.lists(st.sampled_from(sent), max_size=3)) if sent else []
    told = [(record, draw(st.integers(0, 5)) == 0) for record in sent + again]
    return history + sent, draw(st.permutations(log + told))


def agree_on_batches(plan: Plan, log: tuple[list[Told], list[tuple[Told, bool]]], now: int) -> None:
    agree(plan, [], log, now)


def agree_on_a_crowded_position(
    plan: Plan, log: tuple[list[Told], list[tuple[Told, bool]]], now: int
) -> None:
    agree(plan, [], log, now)


ends = st.sampled_from([NOW, NOW + 1, NOW + HOUR])
PROPERTIES: dict[Callable[..., None], tuple[st.SearchStrategy[Any], ...]] = {
    agree_on_a_crowded_position: (plans, logs(crowded()), ends),
    agree_on_batches: (plans, logs_with_batches(), ends),
}
each = pytest.mark.parametrize("agreed", PROPERTIES, ids=lambda check: check.__name__)


@each
def test_the_engine_and_the_reference_model(agreed: Callable[..., None]) -> None:
    given(*PROPERTIES[agreed])(agreed)()
