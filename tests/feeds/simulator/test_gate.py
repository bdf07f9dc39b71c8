from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.simulator.gate import Gate, Limits, Use
from feeds.simulator.limits import Kind, Plan, Scope, Weight

CALLS = Plan("calls", Kind.FIXED, 60, 60)
ITEMS = Plan("items", Kind.FIXED, 2000, 60, weight=Weight.ITEMS)


def test_all_buckets_of_a_group_admit_a_call_or_none_is_charged() -> None:
    limits = Limits({"post": [CALLS, ITEMS]})
    assert limits.ask(Use("post", "a", 1500), 0).plan is None
    refused = limits.ask(Use("post", "a", 1000), 1_000)
    assert (refused.plan, refused.wait_ms) == (ITEMS, 59_000)
    assert [kept.left(1_000) for kept, _ in limits.of(Use("post", "a"), 1_000)] == [59, 500]


def test_a_bucket_belongs_to_the_application_an_account_or_a_listing() -> None:
    one = {
        scope: Limits({"g": [Plan("p", Kind.FIXED, 1, 60, scope=scope)]})
        for scope in (Scope.APPLICATION, Scope.ACCOUNT, Scope.LISTING)
    }
    uses = [Use("g", "a", listing="x"), Use("g", "a", listing="y"), Use("g", "b", listing="x")]
    through = {scope: [limits.ask(use, 0).plan is None for use in uses] for scope, limits in one.items()}
    assert through[Scope.APPLICATION] == [True, False, False]
    assert through[Scope.ACCOUNT] == [True, False, True]
    assert through[Scope.LISTING] == [True, True, True]


def test_a_call_below_the_published_plan_is_a_violation_but_exceeds_nothing() -> None:
    gate = Gate({"g": [Plan("p", Kind.TOKEN, 5, 1, 5)]})
    gate.tighten(0.2, 0)
    through = [gate.ask(Use("g", "a"), n * 250).plan is None for n in range(8)]  # 4 a second
    assert through == [True, False, False, False, True, False, False, False]
    assert (gate.refused["g"], gate.exceeded["g"], gate.calls["g"]) == (6, 0, 8)
    for _ in range(10):
        gate.ask(Use("g", "a"), 2_000)
    assert gate.exceeded["g"] == 5


def test_the_plan_comes_back_when_nothing_tightens_it() -> None:
    gate = Gate({"g": [Plan("p", Kind.TOKEN, 5, 1, 5)]})
    gate.tighten(0.2, 0)
    gate.tighten(1.0, 0)
    assert gate.in_force.plan("g", "p") == gate.published.plan("g", "p")


def test_a_plan_changes_at_run_time_published_or_not() -> None:
    gate = Gate({"g": [CALLS]})
    gate.change("g", replace(CALLS, units=10), 0, published=False)
    assert (gate.in_force.plan("g", "calls").units, gate.published.plan("g", "calls").units) == (10, 60)
    gate.change("g", replace(CALLS, units=30), 0, published=True)
    assert (gate.in_force.plan("g", "calls").units, gate.published.plan("g", "calls").units) == (30, 30)


def test_a_plan_that_is_not_there_cannot_be_changed() -> None:
    gate = Gate({"g": [CALLS]})
    with pytest.raises(KeyError, match="g: calls"):
        gate.change("g", ITEMS, 0, published=False)
    with pytest.raises(ValueError, match="stays fixed"):
        gate.change("g", Plan("calls", Kind.SLIDING, 1, 1), 0, published=False)


@given(
    st.lists(st.tuples(st.integers(0, 900), st.sampled_from([0.1, 0.5, 1.0])), max_size=80),
    st.integers(1, 5),
    st.integers(1, 8),
)
def test_however_the_plan_is_tightened_no_more_passes_than_is_published(
    steps: list[tuple[int, float]], units: int, capacity: int
) -> None:
    gate, now_ms, through = Gate({"g": [Plan("p", Kind.TOKEN, units, 1, capacity)]}), 0, []
    for step, share in steps:
        now_ms += step
        gate.tighten(share, now_ms)
        if gate.ask(Use("g", "a"), now_ms).plan is None:
            through.append(now_ms)
    for first, from_ms in enumerate(through):
        for many, until_ms in enumerate(through[first:], 1):
            assert many * 1000 <= capacity * 1000 + (until_ms - from_ms) * units
    assert gate.refused["g"] + len(through) == len(steps)
