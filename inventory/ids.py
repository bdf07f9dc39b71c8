"""Memory of the additive facts that were folded: 12 bytes an id, forgotten after the dedupe horizon.

An id is the hash of (source, event id, line, sku). Beside it stand 16 bits of its payload's hash, to notice
the same id with another payload, and the 16-bit time bucket of its fold.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import Longs
from inventory.hashing import mix
from inventory.jit import kernel
from inventory.pages import filled, untouched

Marks = npt.NDArray[np.uint32]

NEW, DUPLICATE, CONFLICTING = range(3)
_HORIZON_BUCKETS = 1024
_COUNT, _FRESH = range(2)


class IdSet(NamedTuple):
    """Open addressing: `keys` (-1 empty) and `marks`; ids added since the last write-down are in `fresh_*`."""

    keys: Longs
    marks: Marks
    fresh_keys: Longs
    fresh_marks: Marks
    head: Longs


@kernel
def remember(ids: IdSet, key: int, payload: int, bucket: int) -> int:
    """Note that id `key` is folded now; says whether it was known: NEW, DUPLICATE or CONFLICTING."""
    mask = ids.keys.size - 1
    slot = mix(key) & mask
    while ids.keys[slot] >= 0 and ids.keys[slot] != key:
        slot = (slot + 1) & mask
    mark = np.uint32(((payload & 0xFFFF) << 16) | (bucket & 0xFFFF))
    if ids.keys[slot] == key:
        age = (bucket - np.int64(ids.marks[slot] & np.uint32(0xFFFF))) & 0xFFFF
        # Clocks are monotone, so a huge age is an id of a bucket "ahead": it cannot occur.
        if age <= _HORIZON_BUCKETS:
            same = np.int64(ids.marks[slot] >> np.uint32(16)) == (payload & 0xFFFF)
            return DUPLICATE if same else CONFLICTING
    else:
        ids.keys[slot] = key
        ids.head[_COUNT] += 1
    ids.marks[slot] = mark
    ids.fresh_keys[ids.head[_FRESH]] = key
    ids.fresh_marks[ids.head[_FRESH]] = mark
    ids.head[_FRESH] += 1
    return NEW


@kernel
def _refill(old: IdSet, new: IdSet, bucket: int) -> None:
    """Copy the ids that are not older than the horizon."""
    mask = new.keys.size - 1
    count = 0
    for i in range(old.keys.size):
        key = old.keys[i]
        if key < 0 or ((bucket - np.int64(old.marks[i] & np.uint32(0xFFFF))) & 0xFFFF) > _HORIZON_BUCKETS:
            continue
        slot = mix(key) & mask
        while new.keys[slot] >= 0:
            slot = (slot + 1) & mask
        new.keys[slot] = key
        new.marks[slot] = old.marks[i]
        count += 1
    new.head[_COUNT] = count


class IdMemory:
    """Owner of the id set. `horizon` in ms of the log clock; an id is kept at least so long."""

    def __init__(self, horizon: int, capacity: int = 1024) -> None:
        self._unit = max(1, -(-horizon // (_HORIZON_BUCKETS - 1)))
        self._swept = 0
        self.ids = _empty(capacity, 1024)

    def bucket(self, log_clock: int) -> int:
        """The time bucket of an instant of the log clock (ms)."""
        return log_clock // self._unit

    def reserve(self, extra: int, log_clock: int) -> bool:
        """Make room for `extra` ids, dropping those beyond the horizon first; True if arrays were replaced."""
        replaced = False
        fresh = int(self.ids.head[_FRESH])
        if fresh + extra > self.ids.fresh_keys.size:
            size = 2 * (fresh + extra)
            self.ids = self.ids._replace(
                fresh_keys=np.concatenate([self.ids.fresh_keys[:fresh], np.zeros(size - fresh, np.int64)]),
                fresh_marks=np.concatenate([self.ids.fresh_marks[:fresh], np.zeros(size - fresh, np.uint32)]),
            )
            replaced = True
        bucket = self.bucket(log_clock)
        # Buckets are 16 bits: sweep long before an old one could be taken for a new one.
        overdue = bucket - self._swept > 16 * _HORIZON_BUCKETS
        if 8 * (len(self) + extra) > 5 * self.ids.keys.size or overdue:
            self._rebuild(extra, bucket)
            replaced = True
        return replaced

    def _rebuild(self, extra: int, bucket: int) -> None:
        self._swept = bucket
        capacity = self.ids.keys.size
        while True:
            new = _empty(capacity, 0)._replace(
                fresh_keys=self.ids.fresh_keys, fresh_marks=self.ids.fresh_marks, head=self.ids.head.copy()
            )
            _refill(self.ids, new, bucket)
            if 2 * (int(new.head[_COUNT]) + extra) <= capacity:
                self.ids = new
                return
            capacity *= 2

    def __len__(self) -> int:
        return int(self.ids.head[_COUNT])

    def additions(self) -> tuple[Longs, Marks]:
        """Ids remembered since the last call."""
        count = int(self.ids.head[_FRESH])
        self.ids.head[_FRESH] = 0
        return self.ids.fresh_keys[:count].copy(), self.ids.fresh_marks[:count].copy()

    def all(self) -> tuple[Longs, Marks]:
        """Every id held."""
        held = self.ids.keys >= 0
        return self.ids.keys[held], self.ids.marks[held]

    def load(self, keys: Longs, marks: Marks, log_clock: int) -> None:
        """Add ids that `additions` or `all` returned."""
        self.reserve(keys.size, log_clock)
        _load(self.ids, keys, marks)

    def bytes(self) -> int:
        """Memory held, in bytes."""
        return sum(array.nbytes for array in self.ids)


@kernel
def _load(ids: IdSet, keys: Longs, marks: Marks) -> None:
    mask = ids.keys.size - 1
    for i in range(keys.size):
        slot = mix(keys[i]) & mask
        while ids.keys[slot] >= 0 and ids.keys[slot] != keys[i]:
            slot = (slot + 1) & mask
        if ids.keys[slot] < 0:
            ids.keys[slot] = keys[i]
            ids.head[_COUNT] += 1
        ids.marks[slot] = marks[i]


def _empty(capacity: int, fresh: int) -> IdSet:
    return IdSet(
        keys=filled(capacity, np.dtype(np.int64), -1),
        marks=untouched(capacity, np.dtype(np.uint32)),
        fresh_keys=np.zeros(fresh, np.int64),
        fresh_marks=np.zeros(fresh, np.uint32),
        head=np.zeros(2, np.int64),
    )
