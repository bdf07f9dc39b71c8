"""A cell whose clock is set back ends, to be started again; one that is set ahead, or slewed, goes on."""

import time

import pytest

from dataflows import clock_guard
from dataflows.clock_guard import watch_clock


def test_a_clock_that_is_set_back_ends_the_cell_with_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_guard, "_EVERY_S", 0.01)
    ended: list[int] = []
    shift = [0.0]
    watching = watch_clock(ended.append, lambda: time.time() + shift[0])
    for moved in (25.0, 24.7, 24.4):  # ahead, then back by as little as a slew would do between two looks
        shift[0] = moved
        time.sleep(0.2)
    assert watching.is_alive()
    assert ended == []
    shift[0] = 0.0
    watching.join(5)
    assert ended == [75]
