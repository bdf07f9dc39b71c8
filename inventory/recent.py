"""The facts that moved a sku last: a ring of rows for each sku, in the order in which they were folded.

A fact that changed nothing is not among them: duplicates, older counts, versions but the greatest. One that a count
has absorbed is: it was folded, and says why the number is what it is. Numbers alone: whoever wants to read the record
finds it at its topic, partition and offset.
"""

from enum import IntEnum

import numpy as np

from inventory.admission import Admitted
from inventory.batch import Origin, Slice
from inventory.columns import OCCURRED_AT, QUANTITY, Bytes, Columns, Ints, Kind, Longs
from inventory.jit import kernel
from inventory.requests import Request
from inventory.state import RECENT_FACTS, Memory, State
from inventory.tables import USED, touch
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


NOTHING = 65_535
"""In `location`, `channel` and `detail` of a fact: it names none."""

_COUNT, _CORRECTION, _PLACE, _SALE, _EXPECTED, _ZEROED = (
    int(FactKind[name]) for name in ("COUNT", "CORRECTION", "PLACE", "SALE", "EXPECTED", "ZEROED")
)
_MOVED, _COUNTED, _CORRECTED, _RESERVED, _SOLD = (
    int(kind) for kind in (Kind.MOVEMENT, Kind.COUNT, Kind.CORRECTION, Kind.RESERVATION, Kind.POS_LINE)
)
_LINE = 10  # a text of PosTransaction
_ZERO, _NINE = ord("0"), ord("9")


@kernel
def _ring_of(s: State, sku: int) -> int:
    """The first row of a sku's ring, made where there is none."""
    first: int = s.skus.rows["recent"][sku]
    if first < 0:
        first = s.recent.head[USED]
        s.recent.head[USED] += RECENT_FACTS
        s.skus.rows["recent"][sku] = first
    return first


@kernel
def _next_row(s: State, sku: int) -> int:
    """The row for a sku's next fact: that of its oldest one, if the ring is full."""
    row: int = _ring_of(s, sku) + s.skus.rows["facts"][sku] % RECENT_FACTS
    s.skus.rows["facts"][sku] += 1
    touch(s.skus, sku)
    touch(s.recent, row)
    return row


@kernel
def _line_number(c: Columns, i: int) -> int:
    """The line of a transaction as a number, `NOTHING` where it is none below that."""
    at, length = c.text_at[_LINE, i], c.text_len[_LINE, i]
    if length < 1 or length > 5:
        return NOTHING
    number = 0
    for k in range(at, at + length):
        digit = c.buf[k]
        if digit < _ZERO or digit > _NINE:
            return NOTHING
        number = 10 * number + int(digit) - _ZERO
    return min(number, NOTHING)


@kernel
def _put(
    s: State, sku: int, kind: int, partition: int, offset: int, occurred_at: int, logged_at: int, quantity: int,
    location: int, channel: int, detail: int,
) -> None:  # fmt: skip
    row = _next_row(s, sku)
    r = s.recent.rows
    r["offset"][row] = offset
    r["occurred_at"][row] = occurred_at
    r["logged_at"][row] = logged_at
    r["quantity"][row] = quantity
    r["kind"][row] = kind
    r["partition"][row] = partition & 0xFF
    r["location"][row] = location & 0xFFFF  # -1, none, is 65535
    r["channel"][row] = channel & 0xFFFF
    r["detail"][row] = detail


@kernel
def _missing(s: State, a: Admitted, moved: Bytes) -> int:
    """Rows that rings of these records' skus may need at most."""
    rings = 0
    for i in range(moved.size):
        if moved[i] and s.skus.rows["recent"][a.sku[i]] < 0:
            rings += 1
    return rings * RECENT_FACTS


@kernel
def _note_slice(s: State, kind: int, c: Columns, a: Admitted, o: Origin, moved: Bytes) -> int:
    """Remember what moved; or, where there is no room for that, nothing: returns the rows that it takes."""
    missing = _missing(s, a, moved)
    if s.recent.head[USED] + missing > s.recent.rows.size:
        return missing
    for i in range(moved.size):
        if moved[i] == 0:
            continue
        at = OCCURRED_AT
        detail = NOTHING
        if kind == _MOVED:
            what = c.longs[3, i]
            detail = c.longs[4, i] << 4 | c.longs[5, i]
        elif kind == _COUNTED:
            what = _COUNT
            at = 3
            detail = c.longs[9, i]
        elif kind == _CORRECTED:
            what = _CORRECTION
            detail = c.longs[3, i]
        elif kind == _RESERVED:
            what = _PLACE + c.longs[4, i]
            detail = c.longs[5, i]
        elif kind == _SOLD:
            what = _SALE
            detail = _line_number(c, i)
        else:
            what = _EXPECTED
            detail = c.longs[6, i]
        _put(
            s, a.sku[i], what, o.partition[i], o.offset[i], c.longs[at, i], o.log_time[i], c.longs[QUANTITY, i],
            a.location[i], a.channel[i], detail,
        )  # fmt: skip
    return 0


def note_facts(memory: Memory, part: Slice, verdict: Admitted, moved: Bytes) -> None:
    """Remember the records of a folded slice that took effect (`moved`), in their order."""
    kind, c, o = int(part.kind), part.columns, part.origin
    missing = _note_slice(memory.state(), kind, c, verdict, o, moved)
    if missing:
        memory.stores["recent"].reserve(missing)
        memory.invalidate()
        _note_slice(memory.state(), kind, c, verdict, o, moved)


def note_request(memory: Memory, request: Request, granted: int) -> None:
    """Remember a version of a checked line that took effect, with the units that it was granted."""
    _make_room(memory, 1)
    _put(
        memory.state(), request.sku, _PLACE + request.action, request.partition, request.offset,
        request.occurred_at, request.log_time, granted, request.location, request.channel, request.commitment,
    )  # fmt: skip


def note_zeroed(
    memory: Memory, skus: Longs, location: int, lane: int, offset: int, as_of: int, at: int
) -> None:
    """Remember that a snapshot batch as of `as_of` (ms), told in a block of the lane's `routed`, counts 0 of these skus
    at a location. `at`: the log clock when that was heard (ms)."""
    rows = memory.stores["skus"].table.rows["recent"]
    _make_room(memory, int((rows[skus] < 0).sum()))
    _note_zeroed(memory.state(), skus, location, lane, offset, as_of, at)


@kernel
def _note_zeroed(s: State, skus: Longs, location: int, lane: int, offset: int, as_of: int, at: int) -> None:
    for i in range(skus.size):
        _put(s, skus[i], _ZEROED, lane, offset, as_of, at, 0, location, -1, NOTHING)


def _make_room(memory: Memory, rings: int) -> None:
    if memory.stores["recent"].reserve(rings * RECENT_FACTS):
        memory.invalidate()


@kernel
def _copy(s: State, skus: Ints, ring: Longs, start: Longs, out: Longs) -> None:
    at = 0
    for i in range(skus.size):
        first = s.skus.rows["recent"][skus[i]]
        facts = s.skus.rows["facts"][skus[i]]
        for fact in range(max(0, facts - RECENT_FACTS), facts):
            row = first + fact % RECENT_FACTS
            for j in range(FACT_LONGS):
                out[at, j] = ring[row, j]
            at += 1
        start[i + 1] = at


def with_recent(views: Views, memory: Memory, skus: Ints) -> Views:
    """The numbers of skus (rows of the sku table) with the facts that moved them last."""
    start = np.zeros(skus.size + 1, np.int64)
    out = np.empty((skus.size * RECENT_FACTS, FACT_LONGS), np.int64)
    ring = memory.stores["recent"].table.rows.view(np.int64).reshape(-1, FACT_LONGS)
    _copy(memory.state(), skus, ring, start, out)
    return views._replace(facts=out[: start[-1]], facts_start=start)
