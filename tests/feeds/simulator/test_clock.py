import pytest

from feeds.simulator.clock import Clock


class Real:
    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


def test_time_passes_as_fast_as_it_is_told() -> None:
    real = Real()
    clock = Clock(60, 1_000, real)
    assert clock.now_ms() == 1_000
    real.s += 0.5
    assert clock.now_ms() == 31_000
    assert clock.real_s_of(600) == 0.01
    clock.change(1)
    real.s += 2
    assert clock.now_ms() == 33_000


def test_a_clock_that_stands_goes_on_by_skips() -> None:
    real = Real()
    clock = Clock(0, 1_000, real)
    real.s += 9
    assert clock.now_ms() == 1_000
    assert clock.real_s_of(600) == 0
    clock.skip(500)
    assert clock.now_ms() == 1_500
    with pytest.raises(ValueError, match="never goes back"):
        clock.skip(-1)
    with pytest.raises(ValueError, match="write 0"):
        clock.change(-1)
