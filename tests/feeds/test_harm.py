"""The class of a slot, its velocity, and what is held back of it."""

import math

import pytest

from feeds.buffers import Lag, buffer_of
from feeds.harm import HALF_LIFE_MS, harm_of, note_fall, velocity_at
from feeds.slots import Fact, Harm, Slot, Write


def showing(units: int | None, *open_writes: int) -> Slot:
    slot = Slot("L", None, "S")
    if units is not None:
        slot.applied = Fact(units, 1, 0)
    slot.writes = [Write(n, units_, 1, 0, 0, 0, Harm.REST, "put") for n, units_ in enumerate(open_writes)]
    return slot


@pytest.mark.parametrize(
    ("slot", "target", "harm"),
    [
        (showing(9), 0, Harm.ZERO),
        (showing(0, 4), 0, Harm.ZERO),  # a write that may be live counts
        (showing(None), 0, Harm.ZERO),  # nobody knows what it shows
        (showing(0), 0, Harm.REST),
        (showing(9), 3, Harm.SCARCE),
        (showing(9), 5, Harm.SCARCE),
        (showing(9), 6, Harm.REST),
        (showing(2), 3, Harm.REST),
        (showing(0), 3, Harm.BACK),
        (showing(None), 3, Harm.REST),
        (showing(3), 40, Harm.REST),
    ],
)
def test_classes(slot: Slot, target: int, harm: Harm) -> None:
    assert harm_of(slot, target, 5) is harm


def test_a_velocity_is_what_sold_of_late() -> None:
    slot = Slot("L", None, "S")
    for second in range(3_600 * 2):
        note_fall(slot, 1, 1000 * second)
    assert velocity_at(slot, 1000 * 7_200) == pytest.approx(1.0, rel=0.01)
    assert velocity_at(slot, 1000 * 7_200 + HALF_LIFE_MS) == pytest.approx(0.5, rel=0.01)


def test_a_buffer_is_what_probably_sells_before_the_channel_hears() -> None:
    assert buffer_of(0.5, 60.0, 1.64) == math.ceil(30 + 1.64 * math.sqrt(30))
    assert buffer_of(0.5, 60.0, 0.0) == 30
    assert buffer_of(0.00001, 60.0, 1.64) == 0
    assert buffer_of(0.0, 1e9, 3.0) == 0


def test_a_channel_is_as_late_as_its_slow_publications_and_its_oldest_change() -> None:
    lag = Lag()
    assert lag.seconds() == 0.0
    for ms in range(100):
        lag.took(ms * 1000)
    assert lag.seconds() == 94.0
    assert lag.seconds(oldest_ms=200_000) == 200.0
    for _ in range(600):
        lag.took(1_000)
    assert lag.seconds() == 1.0
