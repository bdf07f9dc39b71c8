"""Which dead letters a person may ask for, and what they are told of the choice."""

from collections import Counter

import pytest

from dataflows.replay import Tally, Wanted
from runtime.exit import Refusal


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (
            Wanted(codes=frozenset({"beyond_horizn"})),
            "beyond_horizn is no code of a dead letter; write one of beyond_horizon, bundle",
        ),
        (
            Wanted(topics=frozenset({"pos-sale"})),
            "pos-sale is no topic of a dead letter; write one of allocations, ",
        ),
    ],
)
def test_a_misspelt_choice_is_refused(wanted: Wanted, told: str) -> None:
    with pytest.raises(Refusal, match=told):
        wanted.check()


def test_every_code_may_be_asked_for() -> None:
    known = {
        "undecodable", "invalid_event", "invalid_quantity", "bundle_sku", "from_the_future", "beyond_horizon",
        "unknown_sku", "unknown_location", "unknown_channel",
    }  # fmt: skip
    Wanted(codes=frozenset(known)).check()


def test_where_nothing_is_like_that_it_is_told_what_there_is() -> None:
    there = Counter({("pos-sales", "unknown_sku"): 2, ("catalog", "invalid_event"): 1})
    (line,) = Tally(Counter(), Counter(), there).lines(dry=False)
    assert line.endswith("there are: 1 invalid_event of catalog, 2 unknown_sku of pos-sales")
    (line,) = Tally(Counter(), Counter(), Counter()).lines(dry=False)
    assert line.endswith("there are: none at all")
