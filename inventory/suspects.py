"""Lines that were in trouble after a record: disorder alone causes that for a moment, so they are looked at later.

A shipment is often read before the order it names. So the rows of a slice are noted as columns, in one go, with what a
person will want to read; what still stands after the delay is little, and becomes an incident.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.batch import Slice
from inventory.columns import CORRELATION_ID, EVENT_ID, SOURCE, Bytes, Ints, Kind, Longs
from inventory.folding import LINE_TROUBLE, SUPPLY_TROUBLE, Notes
from inventory.incidents import MOST_EVENTS
from inventory.jit import kernel
from inventory.state import Memory
from inventory.ties import text_of
from inventory.trail import Trail, used_after
from inventory.troubles import AFTER_CANCEL, LINE, SUPPLY, troubles_of

_MOST = 200_000
"""Rows kept; beyond them those whose trouble is over are dropped at once, and then the oldest come early."""

_TEXTS = 5
_NAMES = {
    (Kind.MOVEMENT, LINE): (8, 9),
    (Kind.POS_LINE, LINE): (8, 9),
    (Kind.RESERVATION, LINE): (6, 7),
    (Kind.MOVEMENT, SUPPLY): (7, -1),
    (Kind.SUPPLY, SUPPLY): (5, -1),
}
"""The text fields of each kind that name its line, or its reference."""


class Suspect(NamedTuple):
    """A row that still is in trouble (`bits`), and the record after which it was. `of`: the reservation, or the
    reference; `line` of it, "" of a reference."""

    sort: int
    row: int
    key: int
    bits: int
    since: int
    of: str
    line: str
    event_id: str
    source: str | None
    correlation_id: str | None

    @property
    def name(self) -> str:
        """reservation/line, or the reference."""
        return f"{self.of}/{self.line}" if self.line else self.of


class Block(NamedTuple):
    """n rows noted at one time. `text` holds, row after row, event id, source, correlation id and the two names,
    `length` (5, n) their bytes (-1: null)."""

    number: int
    since: int
    sort: Ints
    row: Ints
    key: Longs
    bits: Ints
    length: Ints
    text: Bytes


@kernel
def _copy(buf: Bytes, at: Ints, length: Ints, out: Bytes) -> None:
    """The texts, row after row."""
    end = 0
    for i in range(at.shape[1]):
        for field in range(at.shape[0]):
            for k in range(length[field, i]):
                out[end] = buf[at[field, i] + k]
                end += 1


class Suspects:
    """Of one lane. `trail`: the facts folded lately."""

    def __init__(self, memory: Memory, trail: Trail) -> None:
        self._memory = memory
        self._trail = trail
        self._blocks: deque[Block] = deque()
        self._unwritten: list[Block] = []
        self._number = 0
        self._rows = 0
        self.looked_at = 0

    def take(self, part: Slice, found: Notes, now: int) -> None:
        """Note the rows of a slice that are in trouble at its end."""
        told = slice(int(found.head[0]))
        for sort, code in ((LINE, LINE_TROUBLE), (SUPPLY, SUPPLY_TROUBLE)):
            noted = found.code[told] == code
            if noted.any():
                self._put(part, sort, found.record[told][noted], found.row[told][noted], now)

    def _put(self, part: Slice, sort: int, record: Ints, row: Ints, now: int) -> None:
        table = self._memory.stores["lines" if sort == LINE else "supply"].table.rows
        key = table["key"][row].astype(np.int64)
        bits = self._bits(np.full(row.size, sort, np.int32), row, key)
        record, row, key, bits = (column[bits != 0] for column in (record, row, key, bits))
        if not row.size:
            return
        c = part.columns
        if part.kind is Kind.RESERVATION:
            for j in np.flatnonzero(bits & AFTER_CANCEL).tolist():
                of, line = (text_of(c, field, int(record[j])) for field in _NAMES[part.kind, sort])
                self._take_shipments(int(row[j]), int(key[j]), of, line, now)
        fields = [EVENT_ID, SOURCE, CORRELATION_ID, *_NAMES[part.kind, sort]]
        length = c.text_len[fields][:, record]
        if fields[-1] < 0:
            length[-1] = -1
        text = np.empty(int(np.maximum(length, 0).sum()), np.uint8)
        _copy(c.buf, c.text_at[fields][:, record], length, text)
        self._note(now, np.full(row.size, sort, np.int32), row, key, bits, length, text)

    def take_line(self, row: int, told: Sequence[str | None], now: int) -> None:
        """Note one reservation line, if it is in trouble. `told`: event id, source, correlation id, reservation and
        line of the record."""
        key = int(self._memory.stores["lines"].table.rows["key"][row])
        bits = int(self._bits(*_single(row, key))[0])
        if bits:
            texts = [None if text is None else text.encode() for text in told]
            if bits & AFTER_CANCEL:
                self._take_shipments(row, key, texts[3], texts[4], now)
            self._note_one(row, key, bits, texts, now)

    def _take_shipments(self, row: int, key: int, of: bytes | None, line: bytes | None, now: int) -> None:
        """A cancel left its line shipped after it: the shipments, which were read before it, are to be named first."""
        cancelled_at = int(self._memory.stores["lines"].table.rows["occurred_at"][row])
        for used in used_after(self._trail, key, cancelled_at, MOST_EVENTS):
            source = self._memory.source_names.text(used.source)
            correlation = None if used.correlation_id is None else used.correlation_id.encode()
            told = used.event_id.encode(), source, correlation, of, line
            self._note_one(row, key, AFTER_CANCEL, told, now)

    def _note_one(self, row: int, key: int, bits: int, texts: Sequence[bytes | None], now: int) -> None:
        length = np.array([[-1 if text is None else len(text)] for text in texts], np.int32)
        text = np.frombuffer(b"".join(filter(None, texts)), np.uint8)
        self._note(now, *_single(row, key), np.full(1, bits, np.int32), length, text)

    def _note(
        self, now: int, sort: Ints, row: Ints, key: Longs, bits: Ints, length: Ints, text: Bytes
    ) -> None:
        self._number += 1
        self._append(Block(self._number, now, sort, row, key, bits, length, text))

    def _append(self, block: Block) -> None:
        self._blocks.append(block)
        self._unwritten.append(block)
        self._rows += block.row.size

    def _bits(self, sort: Ints, row: Ints, key: Longs) -> Ints:
        found = np.zeros(row.size, np.int32)
        troubles_of(self._memory.state(), sort, row, key, found)
        return found

    def due(self, before: int) -> Iterator[Suspect]:
        """Those noted at or before an instant whose trouble has stood since; they are looked at once."""
        if self._rows > _MOST:
            self._thin()
        while self._blocks and (self._blocks[0].since <= before or self._rows > _MOST):
            block = self._blocks.popleft()
            self._rows -= block.row.size
            self.looked_at = block.number
            bits = self._bits(block.sort, block.row, block.key) & block.bits
            if bits.any():
                yield from _standing(block, bits)

    def _thin(self) -> None:
        """Drop the rows whose trouble is over."""
        blocks, self._rows = list(self._blocks), 0
        self._blocks.clear()
        for block in blocks:
            stands = (self._bits(block.sort, block.row, block.key) & block.bits) != 0
            if stands.any():
                size = np.maximum(block.length, 0).sum(axis=0)
                kept = block._replace(
                    sort=block.sort[stands], row=block.row[stands], key=block.key[stands], bits=block.bits[stands],
                    length=block.length[:, stands], text=block.text[np.repeat(stands, size)],
                )  # fmt: skip
                self._blocks.append(kept)
                self._rows += kept.row.size

    def dump(self, everything: bool) -> tuple[list[list[int]], bytes]:
        """Blocks that were not written down yet (they are now), or all: number, since, rows and bytes of text of
        each; and their columns and texts."""
        blocks = list(self._blocks)
        if not everything:
            blocks, self._unwritten = [b for b in self._unwritten if b.number > self.looked_at], []
        heads = [[block.number, block.since, block.row.size, block.text.size] for block in blocks]
        return heads, b"".join(part.tobytes() for block in blocks for part in block[2:])

    def load(self, heads: list[list[int]], columns: bytes | memoryview) -> None:
        """Take back what `dump` gave, in that order."""
        at = 0

        def read(dtype: type[Any], count: int) -> npt.NDArray[Any]:
            nonlocal at
            array = np.frombuffer(columns, dtype, count, at).copy()
            at += array.nbytes
            return array

        for number, since, rows, size in heads:
            block = Block(
                number, since, read(np.int32, rows), read(np.int32, rows), read(np.int64, rows), read(np.int32, rows),
                read(np.int32, _TEXTS * rows).reshape(_TEXTS, rows), read(np.uint8, size),
            )  # fmt: skip
            if number > self._number:  # of two whole dumps, both have it
                self._number = number
                self._append(block)

    def resume(self, looked_at: int) -> None:
        """After everything was loaded. Blocks up to number `looked_at` were looked at."""
        self._blocks = deque(block for block in self._blocks if block.number > looked_at)
        self._rows = sum(block.row.size for block in self._blocks)
        self._number = max(self._number, looked_at)
        self.looked_at = looked_at
        self._unwritten = []


def _single(row: int, key: int) -> tuple[Ints, Ints, Longs]:
    """One reservation line, as columns."""
    return np.full(1, LINE, np.int32), np.full(1, row, np.int32), np.full(1, key, np.int64)


def _standing(block: Block, bits: Ints) -> Iterator[Suspect]:
    size = np.maximum(block.length, 0)
    start = np.cumsum(size.T.reshape(-1)) - size.T.reshape(-1)
    for i in np.flatnonzero(bits).tolist():
        texts: list[str | None] = []
        for field in range(_TEXTS):
            at, n = int(start[i * _TEXTS + field]), int(block.length[field, i])
            texts.append(None if n < 0 else block.text[at : at + n].tobytes().decode(errors="replace"))
        event_id, source, correlation_id, of, line = texts
        if block.sort[i] == LINE and line is None:
            line = "1"
        yield Suspect(
            int(block.sort[i]), int(block.row[i]), int(block.key[i]), int(bits[i]), block.since, of or "",
            line or "", event_id or "", source, correlation_id,
        )  # fmt: skip
