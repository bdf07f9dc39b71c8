"""I9 for counts on every basis and snapshot batches: lanes that stop in the middle end with the same numbers."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.inventory.crowds import batches, crowded
from tests.inventory.test_restarts import Deed, deeds, survive
from tests.inventory.worlds import plans
from tests.reference.histories import Told


@st.composite
def scripts(draw: st.DrawFn) -> list[Told | Deed]:
    """Facts, batches and mishaps, in any order."""
    script: list[Told | Deed] = [*draw(st.lists(crowded(), max_size=12)), *draw(st.lists(deeds, max_size=12))]
    script += [record for batch in draw(st.lists(batches(), max_size=2)) for record in batch]
    return draw(st.permutations(script))


ARGUMENTS: tuple[st.SearchStrategy[Any], ...] = (plans, st.just([]), scripts(), st.booleans(), st.booleans())


def test_whatever_happens_to_a_lane_it_ends_with_the_same_numbers() -> None:
    given(*ARGUMENTS)(survive)()
