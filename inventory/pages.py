"""Memory for what lives long: pages of its own, so that it costs nothing before it is touched, is given back whole, and
leaves no holes between short-lived things on the heap."""

import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

MAPPED_FROM = 1 << 20
"""Bytes from which an array has pages of its own."""
_HUGE_FROM = 4 << 20


def untouched(size: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Zeros. `np.zeros` promises as much, but what the C library takes from its heap it clears by writing, and a table
    that has just doubled would have its empty half in memory."""
    length = size * dtype.itemsize
    if length < MAPPED_FROM:
        return np.zeros(size, dtype)
    pages = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if length >= _HUGE_FROM:  # as NumPy does: look-ups by key go anywhere
        pages.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(pages, dtype)


def filled(size: int, dtype: np.dtype[Any], value: int) -> npt.NDArray[Any]:
    """The same, with one value everywhere."""
    found = untouched(size, dtype)
    found.fill(value)
    return found
