"""What is kept back for calls that are held up on their way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.buckets import Bucket, Kind, guarded
from feeds.simulator.limits import Kind as PlanKind
from feeds.simulator.limits import Plan, bucket


def _guarded(given: Bucket, delay_s: float) -> Bucket:
    return guarded({"group": [given]}, delay_s)["group"][0]


@pytest.mark.parametrize(
    ("capacity", "delay_s", "left"), [(10, 0.1, 9), (10, 0.2, 9), (10, 0.3, 8), (10, 6, 5), (1, 0.1, 1)]
)
def test_a_token_bucket_keeps_back_what_comes_in_the_delay(capacity: int, delay_s: float, left: int) -> None:
    assert _guarded(Bucket("b", Kind.TOKEN, 5, 1, capacity), delay_s).capacity == left


def test_windows_are_longer() -> None:
    minute = _guarded(Bucket("b", Kind.FIXED, 60, 60), 0.1)
    assert (minute.kind, minute.units, minute.per_s) == (Kind.SLIDING, 60, 60.1)
    assert _guarded(Bucket("b", Kind.SLIDING, 5, 300), 0.1).per_s == 300.1
    assert _guarded(Bucket("b", Kind.INTERVAL, 1, 60), 0.1).per_s == 60.1
    day = Bucket("b", Kind.FIXED, 250, 86_400)
    assert _guarded(day, 0.1) == day


@given(
    kind=st.sampled_from([Kind.TOKEN, Kind.FIXED, Kind.SLIDING]),
    calls=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 100)), max_size=60),
    skew=st.integers(0, 60_000),
)
def test_calls_that_are_held_up_for_no_longer_exceed_nothing(
    kind: Kind, calls: list[tuple[int, int]], skew: int
) -> None:
    """Sent as soon as the guarded limit admits them, each is held up by up to a tenth of a second: the marketplace,
    whose clock is another one, admits them all."""
    plan = Plan("b", PlanKind(kind.value), 10, 2, 10)
    ours = _guarded(Bucket("b", kind, 10, 2, 10), 0.1)
    mine = bucket(
        Plan("b", PlanKind(ours.kind.value), 10, ours.per_s, int(ours.capacity)), 0
    )  # the oracle of the limits, as ours
    there = bucket(plan, skew)
    now, arrivals = 0, []
    for pause, held_up in calls:
        now += pause
        now += mine.wait_ms(1, now)
        mine.take(1, now)
        arrivals.append(now + held_up)
    for at in sorted(arrivals):
        assert there.wait_ms(1, at + skew) == 0
        there.take(1, at + skew)
