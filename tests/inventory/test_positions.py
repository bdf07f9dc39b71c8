"""Anchors and deltas of one position, at the kernels."""

from random import Random
from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inventory.positions import (
    ANCHORED,
    CONTRADICTED,
    OLDER,
    REPEATED,
    add_delta,
    fold_count,
    forget_deltas,
    position_of,
)
from inventory.state import Memory

SOURCES = (b"wms", b"", b"erp", b"\xc3\xa9")
ON_HAND, DAMAGED = 0, 1


class Count(NamedTuple):
    counted_at: int
    sequence: int
    source: bytes
    event_id: bytes


class Position:
    """The one position of one sku."""

    def __init__(self) -> None:
        self.memory = Memory(1)
        self.memory.number_skus([b"SKU-1"], np.zeros(1, np.int32), np.ones(1, np.bool_))
        for source in SOURCES:
            self.memory.intern_source(source)
        self.row = self._room() or int(position_of(self.memory.state(), 0, 3))

    def _room(self) -> int:
        self.memory.reserve(1, 0)
        self.memory.reserve_anchors(5)
        return 0

    def count(self, count: Count, quantity: int, counter: int = ON_HAND) -> int:
        self._room()
        buf = np.frombuffer(b"?" + count.event_id + b"?", np.uint8)
        source = self.memory.source_names.get(count.source)
        return int(
            fold_count(
                self.memory.state(), self.row, counter, count.counted_at, count.sequence, source, quantity,
                0, buf, 1, len(count.event_id),
            )
        )  # fmt: skip

    def move(self, quantity: int, at: int, counter: int = ON_HAND, logged_at: int = 0) -> None:
        self._room()
        add_delta(self.memory.state(), self.row, counter, at, logged_at, quantity)

    def held(self) -> int:
        """Deltas that are kept."""
        deltas = self.memory.stores["deltas"].table
        count, row = 0, int(self.memory.stores["positions"].table.rows["delta"][self.row])
        while row >= 0:
            count, row = count + 1, int(deltas.rows["next"][row])
        return count

    @property
    def on_hand(self) -> int:
        return int(self.memory.stores["positions"].table.rows["on_hand"][self.row])

    @property
    def damaged(self) -> int:
        parts = int(self.memory.stores["positions"].table.rows["parts"][self.row])
        return 0 if parts < 0 else int(self.memory.stores["parts"].table.rows["value_1"][parts])


# Ids that share long beginnings, end in zero bytes, and fill the stored words exactly.
beginnings = st.sampled_from(
    [b"", b"a", b"a" * 7, b"a" * 8, b"a" * 39, b"a" * 40, b"a" * 41, b"a" * 80, b"a" * 120]
)
event_ids = st.builds(lambda one, other: one + other, beginnings, st.binary(max_size=9) | st.just(b"\0"))
counts = st.builds(Count, st.integers(0, 1), st.integers(0, 1), st.sampled_from(SOURCES), event_ids)
only_ids = st.builds(Count, st.just(0), st.just(0), st.just(b""), event_ids)


@given(st.lists(counts, min_size=1, max_size=12) | st.lists(only_ids, min_size=1, max_size=12))
def test_the_greatest_count_is_the_anchor_by_the_bytes_of_ids_of_any_length(told: list[Count]) -> None:
    position = Position()
    greatest: Count | None = None
    for count in told:
        quantity = 100 + told.index(count)
        outcome = position.count(count, quantity)
        if greatest is None or count > greatest:
            assert outcome == ANCHORED
            greatest = count
        else:
            assert outcome == (REPEATED if count == greatest else OLDER)
        assert position.on_hand == 100 + told.index(greatest)


def test_an_id_that_ends_with_its_row_is_less_than_one_that_goes_on() -> None:
    """The row behind it may still hold the end of a longer id that stood there before."""
    position = Position()
    assert position.count(Count(1, 0, b"wms", b"z" * 80), 1) == ANCHORED
    assert position.count(Count(2, 0, b"wms", b"a" * 40), 2) == ANCHORED
    assert position.count(Count(2, 0, b"wms", b"a" * 48), 3) == ANCHORED
    assert position.on_hand == 3


def test_the_same_count_with_another_number_is_a_contradiction_and_changes_nothing() -> None:
    position = Position()
    position.count(Count(5, 0, b"wms", b"e"), 7)
    assert position.count(Count(5, 0, b"wms", b"e"), 8) == CONTRADICTED
    assert position.on_hand == 7


deltas = st.lists(
    st.tuples(st.integers(-9, 9), st.integers(0, 20), st.sampled_from([ON_HAND, DAMAGED])), max_size=30
)


@given(
    deltas,
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from([ON_HAND, DAMAGED])), max_size=6),
    st.randoms(),
)
def test_a_counter_is_its_anchor_and_what_happened_after_it(
    moved: list[tuple[int, int, int]], counted: list[tuple[int, int]], random: Random
) -> None:
    position = Position()
    facts: list[tuple[int, ...]] = [*moved, *((at, counter) for at, counter in counted)]
    random.shuffle(facts)
    for fact in facts:
        if len(fact) == 3:
            position.move(fact[0], fact[1], fact[2])
        else:
            position.count(Count(fact[0], 0, b"wms", b"%d" % fact[1]), 10 * fact[0], fact[1])
    for counter, value in ((ON_HAND, position.on_hand), (DAMAGED, position.damaged)):
        anchor = max((at for at, which in counted if which == counter), default=None)
        after = sum(q for q, at, which in moved if which == counter and (anchor is None or at > anchor))
        assert value == after + (0 if anchor is None else 10 * anchor)


def test_what_every_counter_has_absorbed_is_dropped() -> None:
    position = Position()
    for at in range(10):
        position.move(1, at)
    position.count(Count(6, 0, b"wms", b"e"), 50)
    assert (position.on_hand, position.held()) == (53, 3)


def test_forgotten_deltas_stay_in_the_value_and_bound_how_old_a_count_may_be() -> None:
    position = Position()
    for at in range(10):
        position.move(1, at, logged_at=at)
    assert forget_deltas(position.memory.state(), 4, 0, 1) == 4
    assert (position.on_hand, position.held()) == (10, 6)
    assert position.memory.stores["positions"].table.rows["complete_since"][position.row] == 3
    position.count(Count(5, 0, b"wms", b"e"), 100)
    assert position.on_hand == 104
