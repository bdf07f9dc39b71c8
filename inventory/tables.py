"""Tables of rows: growth, key index, and which rows changed since they were last written down.

A table's rows are one structured array, so that all columns of a row share a cache line, and kernels read
`table.rows["column"][row]`. Kernels never grow a table: `Store.reserve` makes room before they run.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import Bytes, Ints, Longs
from inventory.hashing import mix
from inventory.jit import kernel
from inventory.pages import filled, untouched

USED, FREE, DIRTY, SPARE = range(4)
"""Indices of `Table.head`: rows ever used, first row of the free list (-1 none), rows in `dirty`, free rows."""

NONE = -1


class Table(NamedTuple):
    """The arrays of one table, as kernels see them. A free row is linked by its column `next`."""

    rows: npt.NDArray[Any]
    slots: Ints
    head: Longs
    dirty: Ints
    is_dirty: Bytes


@kernel
def touch(table: Table, row: int) -> None:
    """Remember that `row` changed."""
    if table.is_dirty[row] == 0:
        table.is_dirty[row] = 1
        table.dirty[table.head[DIRTY]] = row
        table.head[DIRTY] += 1


@kernel
def touch_all(table: Table, rows: Ints) -> None:
    """Remember that some rows changed."""
    for i in range(rows.size):
        touch(table, rows[i])


@kernel
def room(table: Table) -> int:
    """How many rows can be had without growing."""
    return table.rows.size - table.head[USED] + table.head[SPARE]


@kernel
def find(table: Table, key: int) -> int:
    """The row with `key`, or -1."""
    mask = table.slots.size - 1
    keys = table.rows["key"]
    slot = mix(key) & mask
    while table.slots[slot] >= 0:
        row = table.slots[slot]
        if keys[row] == key:
            return row
        slot = (slot + 1) & mask
    return -1


@kernel
def append(table: Table) -> int:
    """A row never used before, touched; the caller sets every column."""
    row = table.head[USED]
    table.head[USED] += 1
    touch(table, row)
    return row


@kernel
def take(table: Table) -> int:
    """A row from the free list, else a new one, touched; the caller sets every column."""
    row = table.head[FREE]
    if row < 0:
        return append(table)
    table.head[FREE] = table.rows["next"][row]
    table.head[SPARE] -= 1
    touch(table, row)
    return row


@kernel
def give_back(table: Table, row: int) -> None:
    """Put `row` on the free list."""
    table.rows["next"][row] = table.head[FREE]
    table.head[FREE] = row
    table.head[SPARE] += 1
    touch(table, row)


@kernel
def link(table: Table, row: int, key: int) -> None:
    """Enter `row` into the index under `key`, which must not be there."""
    table.rows["key"][row] = key
    mask = table.slots.size - 1
    slot = mix(key) & mask
    while table.slots[slot] >= 0:
        slot = (slot + 1) & mask
    table.slots[slot] = row


@kernel
def _link_all(table: Table) -> None:
    keys = table.rows["key"]
    mask = table.slots.size - 1
    for row in range(table.head[USED]):
        if keys[row] >= 0:
            slot = mix(keys[row]) & mask
            while table.slots[slot] >= 0:
                slot = (slot + 1) & mask
            table.slots[slot] = row


class Store:
    """Owner of one table. `keyed` tables have a column `key` (>= 0; -1 in a free row)."""

    def __init__(self, name: str, dtype: np.dtype[Any], *, keyed: bool, capacity: int = 256) -> None:
        self.name = name
        self.keyed = keyed
        self.table = Table(
            rows=np.zeros(capacity, dtype),
            slots=_no_slots(2 * capacity if keyed else 1),
            head=np.array([0, NONE, 0, 0], np.int64),
            dirty=np.zeros(capacity, np.int32),
            is_dirty=np.zeros(capacity, np.uint8),
        )

    def __len__(self) -> int:
        return int(self.table.head[USED])

    def reserve(self, extra: int) -> bool:
        """Make room for `extra` more rows; True if the arrays were replaced."""
        return self._grow(len(self) + extra - int(self.table.head[SPARE]))

    def room(self) -> int:
        """How many rows can be had without growing."""
        return self.table.rows.size - len(self) + int(self.table.head[SPARE])

    def _grow(self, need: int) -> bool:
        capacity = self.table.rows.size
        if need <= capacity:
            return False
        while capacity < need:
            capacity *= 2
        old = self.table
        self.table = Table(
            rows=_longer(_whole(old.rows), len(self), capacity).view(old.rows.dtype),
            slots=_no_slots(2 * capacity if self.keyed else 1),
            head=old.head,
            dirty=_longer(old.dirty, int(old.head[DIRTY]), capacity),
            is_dirty=_longer(old.is_dirty, len(self), capacity),
        )
        self.reindex()
        return True

    def reindex(self) -> None:
        """Build the key index anew."""
        if self.keyed:
            self.table.slots.fill(NONE)
            _link_all(self.table)

    def changes(self) -> tuple[Ints, npt.NDArray[Any]]:
        """Rows touched since the last call, and what they hold now; forgets that they were touched."""
        count = int(self.table.head[DIRTY])
        index = self.table.dirty[:count].copy()
        self.table.is_dirty[index] = 0
        self.table.head[DIRTY] = 0
        return index, self.table.rows.take(index)

    def put(self, index: Ints, rows: npt.NDArray[Any], head: Longs) -> None:
        """Write rows back where `changes` found them; `head` may tell of more. Call `reindex` after the last one."""
        self._grow(max(int(head[USED]), int(index.max(initial=NONE)) + 1))
        _whole(self.table.rows)[index] = _whole(rows)
        for part in (USED, FREE, SPARE):
            self.table.head[part] = head[part]

    def used(self) -> npt.NDArray[Any]:
        """All rows ever used (a view)."""
        return self.table.rows[: len(self)]

    def bytes(self) -> int:
        """Memory held, in bytes."""
        return sum(array.nbytes for array in self.table)


def _no_slots(size: int) -> Ints:
    return filled(size, np.dtype(np.int32), NONE)


def _whole(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same rows, each without columns: NumPy copies rows column by column, which takes ten times as long."""
    return rows.view(np.dtype((np.void, rows.dtype.itemsize)))


def _longer(array: npt.NDArray[Any], used: int, size: int) -> npt.NDArray[Any]:
    """A longer array with what is used of this one."""
    longer = untouched(size, array.dtype)
    longer[:used] = array[:used]
    return longer
