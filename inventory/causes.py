"""What made a sku go short: the facts folded between the look that found enough and the one that did not.

They are kept with the wrong number until it has ended, so that whoever is told of it after the delay, or after a
restart, is told why.
"""

from typing import Any, NamedTuple

import numpy as np

from inventory.columns import Bytes, Ints, Longs
from inventory.jit import kernel
from inventory.state import CAUSE_WORDS, Memory, State
from inventory.tables import room, take
from inventory.trail import ANYWHERE, EVERY_SKU, FACTS, TEXT, WORDS, Trail
from inventory.wrong_numbers import NEGATIVE, OVERSOLD, UNMET_DEMAND

MOST = 8
_NONE = -1
_ROW_BYTES = 8 * CAUSE_WORDS


class Cause(NamedTuple):
    """A fact that took `units`, or promised them, or (a count) said how many there are. `what` starts with late_ where
    it came long after."""

    what: str
    source: str
    event_id: str
    correlation_id: str | None
    units: int

    def to_json(self) -> dict[str, Any]:
        """For the detail of an incident."""
        return {"what": self.what, "source": self.source, "event_id": self.event_id, "units": self.units}


class _Begun(NamedTuple):
    """`rows` of wrong numbers that began, those of a sku side by side; `first_of`: 1 + where those of a sku start, 0
    none; `done`: 1 where nothing more is wanted; `looked`: number of the first fact since a sku was looked at."""

    rows: Ints
    first_of: Ints
    done: Bytes
    looked: Longs


@kernel
def _add(s: State, row: int, t: Trail, fact: int, text: Bytes) -> None:
    """Let a fact be a cause of a wrong number, the last one. `text`: the rows of causes as bytes."""
    w, c, f = s.wrongs.rows, s.causes.rows, t.facts
    count, last = 0, w["cause"][row]
    if last >= 0:
        count = 1
        while c["next"][last] >= 0:
            last = c["next"][last]
            count += 1
        if count >= MOST:
            return
    new = take(s.causes)
    if last < 0:
        w["cause"][row] = new
    else:
        c["next"][last] = new
    c["units"][new], c["source"][new] = f["units"][fact], f["source"][fact]
    c["what"][new], c["late"][new] = f["what"][fact], f["late"][fact]
    c["event_length"][new] = f["event_length"][fact]
    c["correlation_length"][new] = f["correlation_length"][fact]
    c["next"][new], c["more"][new] = _NONE, _NONE
    at = f["at"][fact] % TEXT
    size = f["event_length"][fact] + max(np.int32(0), f["correlation_length"][fact])
    width = text.shape[0] // c.size
    for k in range(size):
        if k > 0 and k % _ROW_BYTES == 0:
            more = take(s.causes)
            c["more"][new], c["more"][more], c["next"][more] = more, _NONE, _NONE
            new = more
        text[new * width + k % _ROW_BYTES] = t.text[at + k]


@kernel
def _concerns(s: State, row: int, location: int) -> bool:
    bit = s.wrongs.rows["bit"][row]
    if bit == UNMET_DEMAND:
        return True
    return bit in (NEGATIVE, OVERSOLD) and (s.wrongs.rows["place"][row] == location or location == ANYWHERE)


@kernel
def _search(s: State, t: Trail, b: _Begun, first: int, by_line: int, text: Bytes) -> int:
    """Give wrong numbers their causes among the facts from number `first` on. Returns the first fact for which there
    may not be room, or how many there are ever."""
    facts, w = t.facts, s.wrongs.rows
    for number in range(first, t.head[0]):
        fact = number % FACTS
        sku = facts["sku"][fact]
        if facts["by_line"][fact] != by_line or facts["at"][fact] < t.head[1] - TEXT:
            continue
        j = 0
        if sku != EVERY_SKU:
            j = b.first_of[sku] - 1
            if j < 0:
                continue
        size = facts["event_length"][fact] + max(np.int32(0), facts["correlation_length"][fact])
        each = 1 + size // _ROW_BYTES
        many = b.rows.size
        if sku != EVERY_SKU:
            many = 1
            while j + many < b.rows.size and w["sku"][b.rows[j + many]] == sku:
                many += 1
        if room(s.causes) < many * each:
            return number
        for i in range(j, j + many):
            row = b.rows[i]
            if (
                b.done[i] == 0
                and number >= b.looked[w["sku"][row]]
                and _concerns(s, row, facts["location"][fact])
            ):
                _add(s, row, t, fact, text)
    return t.head[0]


class Causes:
    """Of one lane. `trail`: its facts."""

    def __init__(self, memory: Memory, trail: Trail) -> None:
        self._memory = memory
        self._trail = trail
        self._looked: Longs = np.zeros(0, np.int64)
        self._first_of: Ints = np.zeros(0, np.int32)

    def see(self, skus: Ints, fresh: Ints) -> None:
        """`skus` were looked at, and these rows of wrong numbers began, those of a sku side by side. What ships
        against a line takes what was promised already, and is a cause only where there is nothing else."""
        self._size()
        if fresh.size:
            of = self._memory.stores["wrongs"].table.rows["sku"][fresh]
            self._first_of[of[::-1]] = np.arange(fresh.size, 0, -1)
            done = np.zeros(fresh.size, np.uint8)
            self._search(fresh, of, done, 0)
            done = (self._memory.stores["wrongs"].table.rows["cause"][fresh] >= 0).astype(np.uint8)
            if not done.all():
                self._search(fresh, of, done, 1)
            self._first_of[of] = 0
        self._looked[skus] = self._trail.head[0]

    def _search(self, fresh: Ints, of: Ints, done: Bytes, by_line: int) -> None:
        store, head = self._memory.stores["causes"], int(self._trail.head[0])
        begun = _Begun(fresh, self._first_of, done, self._looked)
        number = max(int(self._looked[of].min()), head - FACTS)
        while True:
            text = store.table.rows.view(np.uint8)
            number = _search(self._memory.state(), self._trail, begun, number, by_line, text)
            if number >= head:
                return
            store.reserve(store.room() + fresh.size)
            self._memory.invalidate()

    def of(self, row: int) -> list[Cause]:
        """Those of a wrong number, in the order in which they were folded."""
        found, cause = [], int(self._memory.stores["wrongs"].table.rows["cause"][row])
        rows = self._memory.stores["causes"].table.rows
        while cause >= 0:
            found.append(self._read(cause))
            cause = int(rows["next"][cause])
        return found

    def _read(self, row: int) -> Cause:
        rows = self._memory.stores["causes"].table.rows
        c, text = rows[row], b""
        while row >= 0:
            text += rows[row].tobytes()[:_ROW_BYTES]
            row = int(rows["more"][row])
        event, correlation = int(c["event_length"]), int(c["correlation_length"])
        known = self._memory.source_names.text(int(c["source"])) if c["source"] >= 0 else b""
        return Cause(
            ("late_" if c["late"] else "") + WORDS[c["what"]],
            known.decode(errors="replace"),
            text[:event].decode(errors="replace"),
            None if correlation < 0 else text[event : event + correlation].decode(errors="replace"),
            int(c["units"]),
        )

    def _size(self) -> None:
        more = self._memory.stores["skus"].table.rows.size - self._looked.size
        if more > 0:
            self._looked = np.concatenate([self._looked, np.zeros(more, np.int64)])
            self._first_of = np.concatenate([self._first_of, np.zeros(more, np.int32)])
