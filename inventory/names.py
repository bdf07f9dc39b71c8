"""Dictionaries of texts: (scope, text) -> a small integer. Scope 0 holds canonical identifiers, scope
1 + s the identifiers that source s uses for them (aliases)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from inventory.columns import Bytes, Flags, Ints, Longs, join_texts
from inventory.hashing import hash_text, same_text
from inventory.jit import inline_kernel, kernel

ABSENT = -1
CANONICAL = 0


class Dictionary(NamedTuple):
    """The arrays of one dictionary, as kernels see them; `head` holds (entries, bytes used)."""

    buf: Bytes
    at: Longs
    length: Ints
    scope: Ints
    value: Ints
    slots: Ints
    head: Longs


@inline_kernel
def look_up(d: Dictionary, scope: int, buf: Bytes, at: int, length: int) -> int:
    """The value of a text in a scope, or `ABSENT`."""
    mask = d.slots.size - 1
    slot = hash_text(buf, at, length, scope) & mask
    while d.slots[slot] >= 0:
        e = d.slots[slot]
        if d.length[e] == length and d.scope[e] == scope and same_text(d.buf, d.at[e], buf, at, length):
            return d.value[e]
        slot = (slot + 1) & mask
    return ABSENT


@kernel
def _enter(d: Dictionary, entry: int) -> None:
    mask = d.slots.size - 1
    slot = hash_text(d.buf, d.at[entry], d.length[entry], d.scope[entry]) & mask
    while d.slots[slot] >= 0:
        slot = (slot + 1) & mask
    d.slots[slot] = entry


@kernel
def _enter_all(d: Dictionary) -> None:
    for entry in range(d.head[0]):
        _enter(d, entry)


@kernel
def _append(d: Dictionary, scope: int, value: int, text: Bytes, at: int, length: int) -> None:
    """Bind a text that is not there; there is room for it."""
    entry, used = d.head[0], d.head[1]
    for k in range(length):
        d.buf[used + k] = text[at + k]
    d.at[entry], d.length[entry], d.scope[entry], d.value[entry] = used, length, scope, value
    d.head[0], d.head[1] = entry + 1, used + length
    _enter(d, entry)


@kernel
def _find_all(d: Dictionary, length: Ints, text: Bytes, value: Ints) -> None:
    """Look up canonical texts that lie one behind the other."""
    at = 0
    for i in range(length.size):
        value[i] = look_up(d, CANONICAL, text, at, length[i])
        at += length[i]


@kernel
def _number_all(d: Dictionary, length: Ints, text: Bytes, wanted: Flags, following: int, value: Ints) -> None:
    """As `_find_all`; those that are wanted and not there are bound to the numbers that follow. There is room."""
    at = 0
    for i in range(length.size):
        value[i] = look_up(d, CANONICAL, text, at, length[i])
        if value[i] == ABSENT and wanted[i]:
            value[i] = following
            _append(d, CANONICAL, following, text, at, length[i])
            following += 1
        at += length[i]


@kernel
def _bind_all(d: Dictionary, scope: Ints, value: Ints, length: Ints, text: Bytes) -> None:
    """Bind texts that lie one behind the other; there is room for them."""
    at = 0
    for i in range(length.size):
        size = length[i]
        if look_up(d, scope[i], text, at, size) == ABSENT:
            _append(d, scope[i], value[i], text, at, size)
        at += size


class Names:
    """Owner of one dictionary. Entries are only ever added; an entry keeps its value for ever."""

    def __init__(self, name: str, capacity: int = 64) -> None:
        self.name = name
        self.d = Dictionary(
            buf=np.zeros(capacity * 16, np.uint8),
            at=np.zeros(capacity, np.int64),
            length=np.zeros(capacity, np.int32),
            scope=np.zeros(capacity, np.int32),
            value=np.zeros(capacity, np.int32),
            slots=np.full(capacity * 2, -1, np.int32),
            head=np.zeros(2, np.int64),
        )
        self._written = 0

    def __len__(self) -> int:
        return int(self.d.head[0])

    def get(self, text: bytes, scope: int = CANONICAL) -> int:
        """The value of `text`, or `ABSENT`."""
        data = np.frombuffer(text, np.uint8)
        return int(look_up(self.d, scope, data, 0, data.size))

    def add(self, text: bytes, value: int, scope: int = CANONICAL) -> int:
        """Bind `text`; returns the value bound (the earlier one where there was one)."""
        bound = self.get(text, scope)
        if bound != ABSENT:
            return bound
        self._make_room(1, len(text))
        _append(self.d, scope, value, np.frombuffer(text, np.uint8), 0, len(text))
        return value

    def number(self, texts: Sequence[bytes], wanted: Flags, following: int) -> Ints:
        """The values of canonical texts, one after the other: those that are `wanted` and not there yet are bound to
        the numbers that follow (from `following` on), others are `ABSENT`."""
        length, text = join_texts(texts)
        value = np.empty(len(texts), np.int32)
        _find_all(self.d, length, text, value)
        new = wanted & (value == ABSENT)
        if new.any():
            self._make_room(int(new.sum()), int(length[new].sum()))
            _number_all(self.d, length, text, wanted, following, value)
        return value

    def intern(self, text: bytes) -> int:
        """The value of `text` in scope 0, given in order of first sight."""
        return self.add(text, len(self))

    def text(self, entry: int) -> bytes:
        """The text of the `entry`-th binding."""
        at = int(self.d.at[entry])
        return self.d.buf[at : at + int(self.d.length[entry])].tobytes()

    def _make_room(self, entries: int, size: int) -> None:
        d, used = self.d, int(self.d.head[1])
        if used + size > d.buf.size:
            d = d._replace(buf=np.concatenate([d.buf, np.zeros(max(d.buf.size, size), np.uint8)]))
        capacity = d.at.size
        while len(self) + entries > capacity:
            capacity *= 2
        if capacity > d.at.size:
            more = capacity - d.at.size
            d = d._replace(
                at=np.concatenate([d.at, np.zeros(more, np.int64)]),
                length=np.concatenate([d.length, np.zeros(more, np.int32)]),
                scope=np.concatenate([d.scope, np.zeros(more, np.int32)]),
                value=np.concatenate([d.value, np.zeros(more, np.int32)]),
                slots=np.full(2 * capacity, -1, np.int32),
            )
            _enter_all(d)
        self.d = d

    def part(self, first: int, last: int) -> tuple[Ints, Ints, Ints, bytes]:
        """Entries `first` to `last` (exclusive; those that there are): (scope, value, length) columns and the joined
        texts."""
        last = min(last, len(self))
        d = self.d
        begin, end = (int(d.at[e]) if e < len(self) else int(d.head[1]) for e in (first, last))
        text = d.buf[begin:end].tobytes()
        return d.scope[first:last].copy(), d.value[first:last].copy(), d.length[first:last].copy(), text

    def additions(self) -> tuple[Ints, Ints, Ints, bytes]:
        """Entries since the last call, as `part` has them."""
        first, self._written = self._written, len(self)
        return self.part(first, self._written)

    def load(self, scope: Ints, value: Ints, length: Ints, text: bytes | memoryview) -> None:
        """Bind what `part` returned, in its order. Those that are bound already stay as they are."""
        self._make_room(length.size, len(text))
        _bind_all(self.d, scope, value, length, np.frombuffer(text, np.uint8))
        self._written = len(self)
