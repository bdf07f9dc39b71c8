"""Open-loop schedules: what is due when, and that a sender which is held up forgets nothing of it."""

import numpy as np
import pytest

from loadtest.peak.load import Load
from loadtest.peak.schedule import Leg, black_friday, due_times, per_second, steady
from loadtest.peak.sending import send_when_due


def test_an_even_schedule_is_even() -> None:
    due = due_times(steady(4.0, 2.0))
    assert due.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75]


@pytest.mark.parametrize("legs", [[Leg(10, 0, 100)], [Leg(10, 100, 0)], [Leg(4, 10, 50), Leg(4, 50, 10)]])
def test_a_ramp_has_the_events_that_its_rate_says(legs: list[Leg]) -> None:
    due = due_times(legs)
    assert len(due) == sum(leg.events for leg in legs)
    assert (np.diff(due) > 0).all()
    begun = 0.0
    for leg in legs:
        half = int(((due >= begun) & (due < begun + leg.seconds / 2)).sum())
        middle = (leg.first + leg.last) / 2
        assert abs(half - leg.seconds / 2 * (leg.first + middle) / 2) <= 1
        begun += leg.seconds


def test_black_friday_rises_to_its_top_and_ends_as_it_began() -> None:
    due = due_times(black_friday(100, 1_000, 60))
    each = per_second(due, 60)
    assert each.sum() == len(due)
    assert each[0] == each[-1] == 100
    assert each.max() == 1_000


def _load(due: list[float]) -> Load:
    many = len(due)
    nothing = np.zeros(many, np.int64)
    return Load(np.array(due), ["t"], nothing, nothing, [b"k"], nothing, b"", nothing, nothing, {})


class Clock:
    """Time passes only where somebody sleeps, or sends while the system stalls."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_what_could_not_be_sent_in_time_is_sent_at_once_afterwards() -> None:
    clock, pieces = Clock(), list[tuple[float, int, int]]()

    def send(load: Load, first: int, last: int) -> None:
        pieces.append((clock.now - 1_000, first, last))
        if first == 0:
            clock.now += 5  # the broker takes nothing for five seconds

    counted = list[int]()
    behind = send_when_due(
        _load([0.0, 1.0, 2.0, 3.0, 9.0]), 1_000.0, send, counted.append, clock, clock.sleep
    )
    assert [(first, last) for _, first, last in pieces] == [(0, 1), (1, 4), (4, 5)]
    assert sum(counted) == 5
    assert behind == pytest.approx(4.0)
    assert pieces[-1][0] == pytest.approx(9.0, abs=0.01)
