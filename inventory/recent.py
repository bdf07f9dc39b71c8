"""The facts that moved a sku last: a ring of rows for each sku, in the order in which they were folded.

A fact that changed nothing is not among them: duplicates, older counts, versions that are outdone. One that a count has
absorbed is, marked as such: whoever looks for a sale finds it, and that a count had seen it already. Numbers alone:
whoever wants to read the record finds it at its topic, partition and offset.
"""

from enum import IntEnum

import numpy as np

from inventory.admission import Admitted
from inventory.batch import Origin, Slice
from inventory.columns import OCCURRED_AT, QUANTITY, Bytes, Columns, Ints, Kind, Longs
from inventory.effects import FOLDED
from inventory.jit import inline_kernel, kernel
from inventory.requests import Request
from inventory.state import RECENT_FACTS, Memory, State
from inventory.tables import DIRTY, USED
from inventory.views import FACT_LONGS, Views


class FactKind(IntEnum):
    """What a fact was. Part of stored state: only ever added to. A ZEROED one is of a snapshot batch: its record is
    the block of `routed` that told that the batch is complete."""

    RECEIPT = 0
    SHIP = 1
    RETURN = 2
    TRANSFER_OUT = 3
    TRANSFER_IN = 4
    ADJUST = 5
    STATE_CHANGE = 6
    COUNT = 7
    CORRECTION = 8
    PLACE = 9
    UPDATE = 10
    CONFIRM = 11
    EXTEND = 12
    SOURCE = 13
    CANCEL = 14
    RELEASE = 15
    SALE = 16
    EXPECTED = 17
    ZEROED = 18


ABSORBED = 0x80
"""A bit of the kind: a count had seen it already, and it moved nothing."""

NOTHING = 65_535
"""In `location`, `channel` and `detail` of a fact: it names none."""

_COUNT, _CORRECTION, _PLACE, _SALE, _EXPECTED, _ZEROED = (
    int(FactKind[name]) for name in ("COUNT", "CORRECTION", "PLACE", "SALE", "EXPECTED", "ZEROED")
)
_MOVED, _COUNTED, _CORRECTED, _RESERVED, _SOLD = (
    int(kind) for kind in (Kind.MOVEMENT, Kind.COUNT, Kind.CORRECTION, Kind.RESERVATION, Kind.POS_LINE)
)
_PLACE_IN_RING = RECENT_FACTS - 1  # bits, for it is a power of two
_LINE = 10  # a text of PosTransaction
_COUNTED_AT = 3  # a long of StockCount
_ZERO, _SIGN = ord("0"), 32_768


@kernel
def _push(s: State, facts: Longs, skus: Longs, packed: Longs) -> int:
    """Give the rings of `skus` a fact each. Where there is no room for that, nothing: returns the rows that it takes.

    Arrays are named once before the loops, for taking them out of `State` costs more than writing a fact.
    """
    first, told = s.skus.rows["recent"], s.skus.rows["facts"]
    head, dirty, is_dirty = s.recent.head, s.recent.dirty, s.recent.is_dirty
    sku_head, sku_dirty, sku_is_dirty = s.skus.head, s.skus.dirty, s.skus.is_dirty
    missing = 0
    for i in range(skus.size):
        if first[skus[i]] < 0:
            missing += RECENT_FACTS
    if head[USED] + missing > facts.shape[0]:
        return missing
    for i in range(skus.size):
        sku = skus[i]
        if first[sku] < 0:
            first[sku] = head[USED]
            head[USED] += RECENT_FACTS
        row = first[sku] + (told[sku] & _PLACE_IN_RING)
        told[sku] += 1
        for j in range(FACT_LONGS):
            facts[row, j] = packed[i, j]
        if is_dirty[row] == 0:
            is_dirty[row] = 1
            dirty[head[DIRTY]] = row
            head[DIRTY] += 1
        if sku_is_dirty[sku] == 0:
            sku_is_dirty[sku] = 1
            sku_dirty[sku_head[DIRTY]] = sku
            sku_head[DIRTY] += 1
    return 0


@inline_kernel
def _what(kind: int, partition: int, location: int, channel: int, detail: int) -> int:
    """The last long of a fact. -1 is none; `detail` is signed, so that it can be shifted."""
    names = (location & NOTHING) << 16 | (channel & NOTHING) << 32
    return kind | (partition & 0xFF) << 8 | names | detail << 48


@kernel
def _line_number(buf: Bytes, at: int, length: int) -> int:
    """The line of a transaction as a signed number of 16 bits, -1 where it is none below `NOTHING`."""
    if length < 1 or length > 5:
        return -1
    number = 0
    for k in range(at, at + length):
        digit = int(buf[k]) - _ZERO
        if digit < 0 or digit > 9:
            return -1
        number = 10 * number + digit
    if number >= NOTHING:
        return -1
    return number if number < _SIGN else number - NOTHING - 1


@kernel
def _pack(kind: int, c: Columns, a: Admitted, o: Origin, effect: Bytes, skus: Longs, packed: Longs) -> int:
    """Write down the records of a slice that had an effect; returns how many."""
    longs, buf, text_at, text_len = c.longs, c.buf, c.text_at, c.text_len
    sku, location, channel = a.sku, a.location, a.channel
    partition, offset, log_time = o.partition, o.offset, o.log_time
    date = _COUNTED_AT if kind == _COUNTED else OCCURRED_AT
    count = 0
    for i in range(effect.size):
        if effect[i] == 0:
            continue
        if kind == _MOVED:
            what = longs[3, i]
            detail = longs[4, i] << 4 | longs[5, i]
        elif kind == _COUNTED:
            what = np.int64(_COUNT)
            detail = longs[9, i]
        elif kind == _CORRECTED:
            what = np.int64(_CORRECTION)
            detail = longs[3, i]
        elif kind == _RESERVED:
            what = _PLACE + longs[4, i]
            detail = longs[5, i]
        elif kind == _SOLD:
            what = np.int64(_SALE)
            detail = np.int64(_line_number(buf, text_at[_LINE, i], text_len[_LINE, i]))
        else:
            what = np.int64(_EXPECTED)
            detail = longs[6, i]
        if effect[i] == FOLDED:
            what |= ABSORBED
        skus[count] = sku[i]
        packed[count, 0] = offset[i]
        packed[count, 1] = longs[date, i]
        packed[count, 2] = log_time[i]
        packed[count, 3] = longs[QUANTITY, i]
        packed[count, 4] = _what(what, int(partition[i]), int(location[i]), int(channel[i]), detail)
        count += 1
    return count


def note_facts(memory: Memory, part: Slice, verdict: Admitted, effect: Bytes) -> None:
    """Remember the records of a folded slice that took effect (`effect`: bits of `effects`), in their order."""
    skus, packed = np.empty(effect.size, np.int64), np.empty((effect.size, FACT_LONGS), np.int64)
    count = _pack(int(part.kind), part.columns, verdict, part.origin, effect, skus, packed)
    if count:
        _note(memory, skus[:count], packed[:count])


def note_request(memory: Memory, request: Request, granted: int) -> None:
    """Remember a version of a checked line that took effect, with the units that it was granted."""
    what = _what(
        _PLACE + request.action, request.partition, request.location, request.channel, request.commitment
    )
    fact = request.offset, request.occurred_at, request.log_time, granted, what
    _note(memory, np.array([request.sku]), np.array([fact], np.int64))


def note_zeroed(
    memory: Memory, skus: Longs, location: int, lane: int, offset: int, as_of: int, at: int
) -> None:
    """Remember that a snapshot batch as of `as_of` (ms), told in a block of the lane's `routed`, counts 0 of these skus
    at a location. `at`: the log clock when that was heard (ms)."""
    fact = offset, as_of, at, 0, _what(_ZEROED, lane, location, -1, -1)
    _note(memory, skus, np.full((skus.size, FACT_LONGS), fact, np.int64))


def _note(memory: Memory, skus: Longs, packed: Longs) -> None:
    missing = _push(memory.state(), _facts(memory), skus, packed)
    if missing:
        memory.stores["recent"].reserve(missing)
        memory.invalidate()
        _push(memory.state(), _facts(memory), skus, packed)


def _facts(memory: Memory) -> Longs:
    """The rings, a row a fact, as longs."""
    return memory.stores["recent"].table.rows.view(np.int64).reshape(-1, FACT_LONGS)


@kernel
def _copy(s: State, skus: Ints, facts: Longs, start: Longs, out: Longs) -> None:
    first, told = s.skus.rows["recent"], s.skus.rows["facts"]
    at = 0
    for i in range(skus.size):
        last = told[skus[i]]
        for fact in range(max(0, last - RECENT_FACTS), last):
            row = first[skus[i]] + (fact & _PLACE_IN_RING)
            for j in range(FACT_LONGS):
                out[at, j] = facts[row, j]
            at += 1
        start[i + 1] = at


def with_recent(views: Views, memory: Memory, skus: Ints) -> Views:
    """The numbers of skus (rows of the sku table) with the facts that moved them last."""
    start = np.zeros(skus.size + 1, np.int64)
    out = np.empty((skus.size * RECENT_FACTS, FACT_LONGS), np.int64)
    _copy(memory.state(), skus, _facts(memory), start, out)
    return views._replace(facts=out[: start[-1]], facts_start=start)
