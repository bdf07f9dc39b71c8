"""Java's murmur2, as Kafka's default partitioner computes it: where a sku lives."""

from collections.abc import Sequence

import numpy as np

from inventory.columns import Bytes, Ints, join_texts
from inventory.jit import kernel

SHARDS = 256
_M = 0x5BD1E995
_LOW_32 = 0xFFFFFFFF


@kernel
def murmur2(buf: Bytes, at: int, length: int) -> int:
    """The hash of `buf[at:at + length]`, its sign bit cleared (0 to 2**31 - 1)."""
    h = np.int64(0x9747B28C) ^ length
    i = 0
    while i + 4 <= length:
        k = np.int64(0)
        for j in range(4):
            k |= np.int64(buf[at + i + j]) << (8 * j)
        k = (k * _M) & _LOW_32
        k ^= k >> 24
        k = (k * _M) & _LOW_32
        h = ((h * _M) & _LOW_32) ^ k
        i += 4
    if i < length:
        for j in range(length - i):
            h ^= np.int64(buf[at + i + j]) << (8 * j)
        h = (h * _M) & _LOW_32
    h ^= h >> 13
    h = (h * _M) & _LOW_32
    h ^= h >> 15
    return h & 0x7FFFFFFF


@kernel
def _shards(length: Ints, text: Bytes, shard: Ints) -> None:
    at = 0
    for i in range(length.size):
        shard[i] = murmur2(text, at, length[i]) % SHARDS
        at += length[i]


def shards_of(skus: Sequence[bytes]) -> Ints:
    """The shards of many skus, as `shard_of` has them."""
    shard = np.empty(len(skus), np.int32)
    _shards(*join_texts(skus), shard)
    return shard


def shard_of(sku: str | bytes) -> int:
    """The shard (0 to 255) of a canonical sku; its lane is `shard % lanes`."""
    data = np.frombuffer(sku.encode() if isinstance(sku, str) else sku, dtype=np.uint8)
    return int(murmur2(data, 0, data.size)) % SHARDS
