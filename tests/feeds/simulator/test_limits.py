from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.simulator.limits import NEVER, Kind, Plan, bucket

calls = st.lists(st.tuples(st.integers(0, 700), st.integers(1, 4)), max_size=120)


def _admitted(plan: Plan, steps: list[tuple[int, int]], begin_ms: int) -> list[tuple[int, int]]:
    """What a bucket lets through of calls that come after so many ms with such a weight: (when, weight)."""
    kept, now_ms, through = bucket(plan, begin_ms), begin_ms, []
    for step, units in steps:
        now_ms += step
        if kept.wait_ms(units, now_ms) == 0:
            kept.take(units, now_ms)
            through.append((now_ms, units))
    return through


@given(steps=calls, units=st.integers(1, 9), per_ms=st.integers(1, 2000), capacity=st.integers(1, 12))
def test_a_token_plan_never_admits_more_than_its_capacity_and_what_came_in(
    steps: list[tuple[int, int]], units: int, per_ms: int, capacity: int
) -> None:
    through = _admitted(Plan("p", Kind.TOKEN, units, per_ms / 1000, capacity), steps, 1_000)
    for first, (from_ms, _) in enumerate(through):
        total = 0
        for until_ms, weight in through[first:]:
            total += weight
            assert total * per_ms <= capacity * per_ms + (until_ms - from_ms) * units


@given(steps=calls, units=st.integers(1, 9), per_ms=st.integers(1, 3000))
def test_a_sliding_plan_never_admits_more_in_any_window(
    steps: list[tuple[int, int]], units: int, per_ms: int
) -> None:
    through = _admitted(Plan("p", Kind.SLIDING, units, per_ms / 1000), steps, 5)
    for from_ms, _ in through:
        assert sum(weight for at, weight in through if from_ms <= at < from_ms + per_ms) <= units


@given(steps=calls, units=st.integers(1, 9), per_ms=st.integers(1, 3000), blocks=st.booleans())
def test_a_fixed_plan_never_admits_more_in_a_window_of_the_clock(
    steps: list[tuple[int, int]], units: int, per_ms: int, blocks: bool
) -> None:
    through = _admitted(Plan("p", Kind.FIXED, units, per_ms / 1000, blocks=blocks), steps, 12_345)
    for window in {at // per_ms for at, _ in through}:
        assert sum(weight for at, weight in through if at // per_ms == window) <= units


@given(steps=calls, per_ms=st.integers(1, 3000))
def test_an_interval_plan_keeps_calls_apart(steps: list[tuple[int, int]], per_ms: int) -> None:
    through = _admitted(Plan("p", Kind.INTERVAL, 1, per_ms / 1000), steps, 7)
    assert all(later - earlier >= per_ms for (earlier, _), (later, _) in pairwise(through))


@given(
    steps=calls,
    kind=st.sampled_from(Kind),
    units=st.integers(1, 9),
    per_ms=st.integers(1, 3000),
    asked=st.integers(1, 12),
)
def test_the_wait_it_names_is_exact(
    steps: list[tuple[int, int]], kind: Kind, units: int, per_ms: int, asked: int
) -> None:
    kept, now_ms = bucket(Plan("p", kind, units, per_ms / 1000, capacity=units), 1_000), 1_000
    for step, weight in steps:
        now_ms += step
        if kept.wait_ms(weight, now_ms) == 0:
            kept.take(weight, now_ms)
    wait_ms = kept.wait_ms(asked, now_ms)
    if wait_ms == NEVER:
        assert asked > units
    elif wait_ms:
        assert kept.wait_ms(asked, now_ms + wait_ms - 1) == 1
        assert kept.wait_ms(asked, now_ms + wait_ms) == 0


def test_a_full_token_bucket_admits_its_burst_and_then_its_rate() -> None:
    kept = bucket(Plan("p", Kind.TOKEN, 83, 10_000, 15), 0)
    for _ in range(15):
        assert kept.wait_ms(1, 0) == 0
        kept.take(1, 0)
    assert kept.wait_ms(1, 0) == 120_482  # 10,000 s / 83, rounded up
    assert kept.left(120_482) == 1


def test_points_given_back_are_there_again_but_never_above_the_capacity() -> None:
    kept = bucket(Plan("p", Kind.TOKEN, 100, 1, 2000), 0)
    kept.take(13, 0)
    kept.give_back(3, 0)
    assert kept.left(0) == 1990
    kept.give_back(500, 0)
    assert kept.left(0) == 2000


def test_a_plan_that_blocks_refuses_the_rest_of_its_window_after_one_refusal() -> None:
    for blocks, left in ((True, 0), (False, 3)):
        kept = bucket(Plan("p", Kind.FIXED, 10, 60, blocks=blocks), 0)
        kept.take(7, 0)
        assert kept.wait_ms(5, 1_000) == 59_000
        kept.refuse(1_000)
        assert kept.left(1_000) == left
        assert kept.wait_ms(3, 1_000) == (59_000 if blocks else 0)
        assert kept.wait_ms(10, 60_000) == 0


def test_a_changed_plan_keeps_what_was_used() -> None:
    token = bucket(Plan("p", Kind.TOKEN, 5, 1, 10), 0)
    token.take(6, 0)
    token.change(Plan("p", Kind.TOKEN, 1, 1, 2), 0)
    assert token.left(0) == 2
    token.change(Plan("p", Kind.TOKEN, 5, 1, 10), 0)
    assert token.left(0) == 2
    fixed = bucket(Plan("p", Kind.FIXED, 10, 60), 0)
    fixed.take(8, 0)
    fixed.change(Plan("p", Kind.FIXED, 9, 60), 0)
    assert fixed.left(0) == 1


@pytest.mark.parametrize(
    ("kind", "units", "per_s", "capacity", "says"),
    [(Kind.FIXED, 0, 1, 0, "units"), (Kind.FIXED, 1, 0, 0, "period"), (Kind.TOKEN, 1, 1, 0, "capacity")],
)
def test_a_plan_that_cannot_be_is_refused(
    kind: Kind, units: int, per_s: float, capacity: int, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        Plan("p", kind, units, per_s, capacity)
