"""Kernels count no references: what they borrow stays whose it was, and is let go when nobody holds it."""

import gc
import sys
import weakref

import numpy as np
import pytest
from numba.core.errors import NumbaError

from inventory.columns import Longs
from inventory.jit import COMPILES, kernel
from inventory.positions import mark_moved
from inventory.state import Memory

pytestmark = pytest.mark.skipif(not COMPILES, reason="without the compiler, Python counts")


def _memory() -> Memory:
    memory = Memory(1)
    memory.reserve(10, 0)
    memory.stores["skus"].reserve(10)
    return memory


def test_a_call_neither_keeps_nor_gives_away_what_it_borrowed() -> None:
    memory = _memory()
    state, rows = memory.state(), memory.stores["skus"].table.rows
    before = sys.getrefcount(rows), sys.getrefcount(state)
    for _ in range(1000):
        mark_moved(state, 1)
    assert (sys.getrefcount(rows), sys.getrefcount(state)) == before
    assert memory.moved().tolist() == [1]


def test_a_state_keeps_its_arrays_and_no_longer() -> None:
    memory = _memory()
    state, held = memory.state(), weakref.ref(memory.stores["skus"].table.rows)
    memory.stores["skus"].reserve(100_000)
    memory.invalidate()
    gc.collect()
    assert held() is not None, "the old state is still there"
    mark_moved(state, 1)
    del state
    memory.state()
    gc.collect()
    assert held() is None


def test_a_kernel_that_would_make_an_array_does_not_compile() -> None:
    @kernel
    def sums(of: Longs) -> int:
        made = np.zeros(of.size, np.int64)
        return int((made + of).sum())

    with pytest.raises(NumbaError):
        sums(np.arange(3))
