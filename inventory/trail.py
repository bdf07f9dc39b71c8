"""The facts folded lately that made less of a sku, or promised more: what they were, and their ids, for whoever asks
for a cause. What a count has absorbed is none of them; where it names a reservation line it is kept for that line.

A ring of fixed size in memory: writing a fact costs a few nanoseconds, nothing is held of the batches that brought
them, and nothing is written down.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.admission import Admitted
from inventory.batch import Slice
from inventory.columns import (
    CORRELATION_ID,
    EVENT_ID,
    OCCURRED_AT,
    QUANTITY,
    Bytes,
    Columns,
    Kind,
    Longs,
)
from inventory.demand import CANCEL, RELEASE
from inventory.effects import DELAYED, TOOK
from inventory.folding import line_key
from inventory.jit import kernel
from inventory.requests import Request

WORDS = (
    "sale", "movement", "correction", "count", "snapshot", "fact_reservation", "checked_reservation", "expected_supply",
    "shipment", "release",
)  # fmt: skip
"""What people call a fact. Part of stored state: only ever added to."""
(
    SALE, MOVEMENT, CORRECTION, COUNT, SNAPSHOT, FACT_RESERVATION, CHECKED_RESERVATION, EXPECTED_SUPPLY,
    SHIPMENT, RELEASED,
) = range(len(WORDS))  # fmt: skip

FACTS = 32_768
"""Facts remembered: what a lane folds between two looks at its numbers, and more. What comes too late for them is told
without its causes."""
TEXT = 128 * FACTS

EVERY_SKU = -1
ANYWHERE, ON_ITS_WAY = -2, -3
"""In `location` of a fact: it concerns every location; or none, for it is about what is on its way."""

_SHIP, _ADJUST = 1, 5
_MOVEMENT, _ACTION, _COUNTED_AT = 3, 4, 3
_RESERVATION_ID, _LINE = 8, 9  # texts of movements and till lines
_MOVED, _COUNTED, _CORRECTED, _RESERVED, _SOLD = (
    int(kind) for kind in (Kind.MOVEMENT, Kind.COUNT, Kind.CORRECTION, Kind.RESERVATION, Kind.POS_LINE)
)

FACT = np.dtype(
    [
        ("at", "i8"),  # where its texts begin, among all that were ever written
        ("units", "i8"),
        ("sku", "i4"),  # or `EVERY_SKU` at its location
        ("location", "i4"),  # ordinal; -1 none; `ANYWHERE`, `ON_ITS_WAY`
        ("source", "i4"),
        ("event_length", "i4"),
        ("correlation_length", "i4"),  # -1: it has none
        ("what", "i1"),
        ("late", "i1"),  # 1: it came long after its time
        ("by_line", "i1"),  # 1: it takes what was promised before; 2: nothing, and is kept for its line
        ("line", "i8"),  # key of the reservation line that it consumes, 0 none
        ("occurred_at", "i8"),
    ]
)


class Trail(NamedTuple):
    """Fact number n is `facts[n % FACTS]`, its event id and correlation id start at `text[at % TEXT]`. `head` = [facts
    ever, bytes ever]."""

    facts: npt.NDArray[np.void]
    text: Bytes
    head: Longs


def new_trail() -> Trail:
    """An empty one."""
    return Trail(np.empty(FACTS, FACT), np.empty(TEXT, np.uint8), np.zeros(2, np.int64))


@kernel
def _word_of(kind: int, longs: Longs, i: int) -> int:
    """What people call record i."""
    if kind == _MOVED:
        return SHIPMENT if longs[_MOVEMENT, i] == _SHIP else MOVEMENT
    if kind == _RESERVED:
        return RELEASED if longs[_ACTION, i] == RELEASE else FACT_RESERVATION
    if kind == _SOLD:
        return SALE
    if kind == _CORRECTED:
        return CORRECTION
    return COUNT if kind == _COUNTED else EXPECTED_SUPPLY


@kernel
def _consumes(kind: int, c: Columns, i: int) -> bool:
    """Whether record i ships or sells units of a reservation line that it names."""
    if kind not in (_MOVED, _SOLD) or c.text_len[_RESERVATION_ID, i] < 0:
        return False
    if kind == _MOVED and c.longs[_MOVEMENT, i] != _ADJUST:
        return c.longs[_MOVEMENT, i] == _SHIP
    return (c.longs[QUANTITY, i] > 0) == (kind == _SOLD)


@kernel
def _room_for(t: Trail, size: int) -> int:
    """Where `size` bytes may be written in one piece."""
    at = t.head[1]
    if at % TEXT + size > TEXT:
        at += TEXT - at % TEXT
    t.head[1] = at + size
    return at


@kernel
def _remember(
    kind: int, c: Columns, a: Admitted, log_time: Longs, effect: Bytes, tolerance: int, t: Trail
) -> None:
    date = _COUNTED_AT if kind == _COUNTED else OCCURRED_AT
    facts = t.facts
    for i in range(effect.size):
        took = effect[i] & (TOOK | DELAYED) != 0
        consumes = effect[i] != 0 and _consumes(kind, c, i)
        if not took and not consumes:
            continue
        what = _word_of(kind, c.longs, i)
        size = c.text_len[EVENT_ID, i] + max(np.int32(0), c.text_len[CORRELATION_ID, i])
        if size > TEXT:
            continue
        f = t.head[0] % FACTS
        t.head[0] += 1
        at = _room_for(t, size)
        facts["at"][f], facts["units"][f] = at, abs(c.longs[QUANTITY, i])
        facts["sku"][f], facts["location"][f] = a.sku[i], a.location[i]
        if effect[i] & TOOK == 0:
            facts["location"][f] = ON_ITS_WAY
        elif what == RELEASED:
            facts["location"][f] = ANYWHERE
        facts["source"][f], facts["what"][f] = a.source[i], what
        facts["event_length"][f] = c.text_len[EVENT_ID, i]
        facts["correlation_length"][f] = c.text_len[CORRELATION_ID, i]
        facts["late"][f] = log_time[i] - c.longs[date, i] > tolerance
        if kind == _RESERVED:
            facts["by_line"][f] = c.longs[_ACTION, i] in (CANCEL, RELEASE)
        else:
            facts["by_line"][f] = kind in (_MOVED, _SOLD) and c.text_len[_RESERVATION_ID, i] >= 0
        if not took:
            facts["by_line"][f] = 2
        facts["line"][f] = 0
        if consumes:
            facts["line"][f] = line_key(c, i, _RESERVATION_ID, _LINE, a.sku[i])
        facts["occurred_at"][f] = c.longs[OCCURRED_AT, i]
        end = at % TEXT
        for field in (EVENT_ID, CORRELATION_ID):
            start = c.text_at[field, i]
            for k in range(c.text_len[field, i]):
                t.text[end] = c.buf[start + k]
                end += 1


def remember(trail: Trail, part: Slice, verdict: Admitted, effect: Bytes, tolerance: int) -> None:
    """Write down the records of a folded slice that left less, or promised more (`effect`: bits of `effects`).
    `tolerance` (ms): how long after its time a fact may come and not be late."""
    _remember(int(part.kind), part.columns, verdict, part.origin.log_time, effect, tolerance, trail)


def remember_request(trail: Trail, request: Request, granted: int, source: int, tolerance: int) -> None:
    """Write down a version of a checked line that promised more, with the units that it was granted."""
    late = request.log_time - request.occurred_at > tolerance
    _write(
        trail, request.event_id, granted, request.sku, request.location, source, CHECKED_RESERVATION, late
    )  # fmt: skip


def remember_zeroed(trail: Trail, source: int, batch: str, location: int, late: bool) -> None:
    """Write down that a complete batch counted 0 at a location of everything that it does not list."""
    _write(trail, batch, 0, EVERY_SKU, location, source, SNAPSHOT, late)


def _write(
    t: Trail, event: str, units: int, sku: int, location: int, source: int, what: int, late: bool
) -> None:
    text = np.frombuffer(event.encode(), np.uint8)
    at = int(_room_for(t, text.size))
    t.text[at % TEXT : at % TEXT + text.size] = text
    t.facts[int(t.head[0]) % FACTS] = at, units, sku, location, source, text.size, -1, what, late, 0, 0, 0
    t.head[0] += 1


@kernel
def _after(t: Trail, line: int, at: int, found: Longs) -> int:
    facts, count = t.facts, 0
    for number in range(max(np.int64(0), t.head[0] - FACTS), t.head[0]):
        fact = number % FACTS
        if (
            facts["line"][fact] == line
            and facts["occurred_at"][fact] > at
            and facts["at"][fact] >= t.head[1] - TEXT
            and count < found.size
        ):
            found[count] = fact
            count += 1
    return count


class Used(NamedTuple):
    """A fact that shipped or sold of a line. `source`: its number."""

    event_id: str
    source: int
    correlation_id: str | None


def used_after(trail: Trail, line: int, at: int, most: int) -> list[Used]:
    """The facts that named a line (its key) and are dated after an instant (ms), as far as they are remembered, in the
    order in which they were folded; at most `most`."""
    found = np.empty(most, np.int64)
    told = []
    for fact in trail.facts[found[: _after(trail, line, at, found)]]:
        start, size, more = int(fact["at"]) % TEXT, int(fact["event_length"]), int(fact["correlation_length"])
        text = trail.text[start : start + size + max(0, more)].tobytes()
        event, correlation = (part.decode(errors="replace") for part in (text[:size], text[size:]))
        told.append(Used(event, int(fact["source"]), None if more < 0 else correlation))
    return told
