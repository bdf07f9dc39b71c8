"""Hashes of texts. 63 bits, so that a hash is a non-negative `int64` everywhere."""

import numpy as np

from inventory.columns import Bytes
from inventory.jit import kernel

_PRIME = np.uint64(0x9FB21C651E98DF25)
_FIRST = np.uint64(0x9E3779B97F4A7C15)
_LOW_63 = 0x7FFFFFFFFFFFFFFF


@kernel
def mix(value: int) -> int:
    """Spread a non-negative integer over 63 bits."""
    x = np.uint64(np.int64(value) & _LOW_63) * _FIRST
    x ^= x >> np.uint64(32)
    x *= _PRIME
    x ^= x >> np.uint64(29)
    return np.int64(x >> np.uint64(1))


@kernel
def hash_text(buf: Bytes, at: int, length: int, seed: int) -> int:
    """Hash `buf[at:at + length]`; a null text (length -1) hashes unlike every other."""
    h = np.uint64((np.int64(seed) & _LOW_63) + 1) * _FIRST ^ np.uint64(length + 2) * _PRIME
    i = 0
    while i + 8 <= length:
        word = np.uint64(0)
        for j in range(8):
            word |= np.uint64(buf[at + i + j]) << np.uint64(8 * j)
        h = (h ^ word) * _PRIME
        h ^= h >> np.uint64(32)
        i += 8
    word = np.uint64(0)
    for j in range(max(length - i, 0)):
        word |= np.uint64(buf[at + i + j]) << np.uint64(8 * j)
    h = (h ^ word) * _FIRST
    h ^= h >> np.uint64(29)
    h *= _PRIME
    h ^= h >> np.uint64(32)
    return np.int64(h >> np.uint64(1))


@kernel
def same_text(a: Bytes, a_at: int, b: Bytes, b_at: int, length: int) -> bool:
    """Whether two texts of one length are equal, byte for byte."""
    for i in range(length):  # noqa: SIM110  (kernels know no generators)
        if a[a_at + i] != b[b_at + i]:
            return False
    return True
