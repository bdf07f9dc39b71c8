import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.ids import CONFLICTING, DUPLICATE, NEW, IdMemory, remember

HORIZON = 1023 * 1000
"""Then a bucket is a second."""


def fold(memory: IdMemory, key: int, at: int, payload: int = 1) -> int:
    memory.reserve(1, at)
    return remember(memory.ids, key, payload, memory.bucket(at))


def test_an_id_is_new_once() -> None:
    memory = IdMemory(HORIZON)
    assert [fold(memory, 7, 0), fold(memory, 7, 0), fold(memory, 8, 0)] == [NEW, DUPLICATE, NEW]
    assert len(memory) == 2


def test_the_same_id_with_another_payload_is_a_contradiction_and_the_first_stays() -> None:
    memory = IdMemory(HORIZON)
    assert [fold(memory, 7, 0, payload) for payload in (1, 2, 1)] == [NEW, CONFLICTING, DUPLICATE]


@pytest.mark.parametrize("start", [0, 999, 123_456_789, 1_790_000_000_123])
def test_an_id_is_kept_for_the_whole_horizon_and_not_much_longer(start: int) -> None:
    memory = IdMemory(HORIZON)
    assert fold(memory, 7, start) == NEW
    assert fold(memory, 7, start + HORIZON) == DUPLICATE
    assert fold(memory, 7, start + HORIZON + 3000) == NEW
    assert fold(memory, 7, start + 2 * HORIZON) == DUPLICATE
    assert len(memory) == 1


def test_growing_drops_what_is_beyond_the_horizon() -> None:
    memory = IdMemory(HORIZON)
    for key in range(2000):
        fold(memory, key, 0)
    for key in range(5000, 12_000):
        fold(memory, key, HORIZON + 3000)
    assert len(memory) == 7000
    assert fold(memory, 5000, HORIZON + 3000) == DUPLICATE
    assert fold(memory, 1, HORIZON + 3000) == NEW


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 5), st.booleans()), max_size=400))
def test_it_remembers_as_a_dictionary_does(folds: list[tuple[int, int, bool]]) -> None:
    memory, expected = IdMemory(HORIZON, capacity=16), dict[int, int]()
    loaded = IdMemory(HORIZON, capacity=16)
    for number, payload, write_down in folds:
        key = number * 0x1234_5678_9ABC % 2**63
        known = expected.get(key)
        outcome = NEW if known is None else DUPLICATE if known == payload else CONFLICTING
        assert fold(memory, key, 0, payload) == outcome
        expected.setdefault(key, payload)
        if write_down:
            loaded.load(*memory.additions(), 0)
    loaded.load(*memory.additions(), 0)
    whole = IdMemory(HORIZON)
    whole.load(*memory.all(), 0)
    for copy in (loaded, whole):
        assert len(copy) == len(expected)
        assert all(fold(copy, key, 0, payload) == DUPLICATE for key, payload in expected.items())


def test_twelve_bytes_an_id() -> None:
    memory = IdMemory(HORIZON)
    assert np.dtype(memory.ids.keys.dtype).itemsize + np.dtype(memory.ids.marks.dtype).itemsize == 12
