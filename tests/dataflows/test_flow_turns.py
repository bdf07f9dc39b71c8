"""Which lane of a cell has its turn, and how long its source waits where none is due."""

from typing import cast

import pytest

from dataflows.flow import _Reading
from dataflows.intake import Raw
from dataflows.reader import LaneReader


class Lane:
    """A reader that is due in so many seconds; whoever polls it finds that it has just had its turn."""

    def __init__(self, number: int, due_in: float) -> None:
        self.due = due_in
        self.ends = False
        self._raw = Raw(number, {}, {}, 0, True, True, 0, {})

    def stopping(self) -> bool:
        return self.ends

    def due_in(self, now: float) -> float:
        return self.due

    def poll(self) -> Raw:
        self.due = 0.1
        return self._raw


class Source:
    """Some lanes, and how long their source has waited."""

    def __init__(self, *due: float) -> None:
        self.lanes = [Lane(number, due_in) for number, due_in in enumerate(due)]
        self.waited: list[float] = []
        self._reading = _Reading(
            self.waited.append, {str(n): cast(LaneReader, lane) for n, lane in enumerate(self.lanes)}
        )

    def turn(self) -> int | None:
        """The lane that has it."""
        return next((raw.lane for _, raw in self._reading.next_batch()), None)


def test_a_lane_is_read_as_soon_as_it_is_due_and_the_source_does_not_wait() -> None:
    source = Source(0.1, 0.003, -0.001)
    assert source.turn() == 2
    assert source.waited == [0.0]


def test_of_several_the_one_without_a_turn_for_the_longest_is_first() -> None:
    source = Source(0.0, 0.0, 0.0)
    first = [source.turn() for _ in range(3)]
    for lane in source.lanes:
        lane.due = 0.0
    assert [source.turn() for _ in range(2)] == first[:2] == [0, 1]
    source.lanes[0].due = 0.0
    assert [source.turn() for _ in range(2)] == [2, 0]


@pytest.mark.parametrize(("due", "waits"), [((0.1, 0.002), 0.002), ((0.1, 0.09), 0.005)])
def test_where_none_is_due_the_source_waits_for_the_next_but_never_long(
    due: tuple[float, ...], waits: float
) -> None:
    source = Source(*due)
    assert source.turn() is None
    assert source.waited == [0.0, waits]


def test_a_cell_that_is_to_stop_reads_nothing_more() -> None:
    source = Source(0.1, 0.0)
    source.lanes[0].ends = True
    with pytest.raises(StopIteration):
        source.turn()
