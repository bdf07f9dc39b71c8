"""Folding ExpectedSupply: the greatest version of a (reference, sku) is what is on its way."""

from typing import Any

from inventory.admission import OK, Admitted
from inventory.batch import Slice
from inventory.columns import LOCATION, OCCURRED_AT, QUANTITY, RECORDED_AT, Columns
from inventory.effects import DELAYED, FOLDED, MOVED
from inventory.folding import (
    Carried,
    Notes,
    Now,
    accept,
    named_supply,
    note_supply,
)
from inventory.jit import kernel
from inventory.network import Network
from inventory.state import NO_LINE_YET, Memory, State
from inventory.supply import note_delivery, settle_supply
from inventory.tables import touch
from inventory.ties import encoded_long, encoded_text, text_of

REFERENCE = 5  # a text of ExpectedSupply
_VERSION, _KIND, _EXPECTED_AT, _STATUS = range(3, 7)


@kernel
def apply_supply(s: State, row: int, c: Columns, i: int, a: Admitted) -> int:
    """Make record i the line's version. Returns what that did: less is on its way if less is open, or what was open is
    expected at another time or place."""
    rows = s.supply.rows
    was_open = rows["open"][row]
    moves = rows["expected_at"][row] != c.longs[_EXPECTED_AT, i] or rows["location"][row] != a.location[i]
    if rows["version"][row] != c.longs[_VERSION, i]:
        rows["contradicted"][row] = 0
    rows["version"][row] = c.longs[_VERSION, i]
    rows["kind"][row] = c.longs[_KIND, i]
    rows["quantity"][row] = c.longs[QUANTITY, i]
    rows["expected_at"][row] = c.longs[_EXPECTED_AT, i]
    rows["status"][row] = c.longs[_STATUS, i]
    rows["occurred_at"][row] = c.longs[OCCURRED_AT, i]
    rows["recorded_at"][row] = c.longs[RECORDED_AT, i]
    rows["location"][row] = a.location[i]
    settle_supply(s, row)
    if was_open > 0 and (moves or rows["open"][row] < was_open):
        return FOLDED | MOVED | DELAYED
    return FOLDED | MOVED


@kernel
def _same_supply(s: State, row: int, c: Columns, i: int, a: Admitted) -> bool:
    rows = s.supply.rows
    return (
        rows["kind"][row] == c.longs[_KIND, i]
        and rows["quantity"][row] == c.longs[QUANTITY, i]
        and rows["expected_at"][row] == c.longs[_EXPECTED_AT, i]
        and rows["status"][row] == c.longs[_STATUS, i]
        and rows["location"][row] == a.location[i]
    )


@kernel
def fold_supply(s: State, c: Columns, a: Admitted, at: Carried, now: Now, notes: Notes, first: int) -> int:
    """Expected lines from record `first` on. Returns the record count, or the record whose version ties with the
    line's in everything but its bytes: the caller decides that one and calls again behind it."""
    rows = s.supply.rows
    for i in range(first, c.start.size):
        if a.outcome[i] != OK:
            continue
        sku = a.sku[i]
        occurred_at = c.longs[OCCURRED_AT, i]
        recorded_at = c.longs[RECORDED_AT, i]
        accept(s, sku, occurred_at, at.offset[i], at.carrier)
        note_delivery(s, sku, c.longs[_EXPECTED_AT, i], now.clock)
        row = named_supply(s, c, i, REFERENCE, sku)
        rows["logged_at"][row] = max(rows["logged_at"][row], at.log_time[i])
        touch(s.supply, row)
        have = rows["version"][row]
        same = False
        if have != NO_LINE_YET and c.longs[_VERSION, i] <= have:
            if c.longs[_VERSION, i] < have:
                continue
            ahead = (occurred_at, recorded_at) > (rows["occurred_at"][row], rows["recorded_at"][row])
            level = (occurred_at, recorded_at) == (rows["occurred_at"][row], rows["recorded_at"][row])
            same = _same_supply(s, row, c, i, a)
            if not same:
                rows["contradicted"][row] = 1
                note_supply(s, row, notes, i)
                if level:
                    return i
            if not ahead:
                continue
        effect = apply_supply(s, row, c, i, a)
        notes.effect[i] = 0 if same else effect
        note_supply(s, row, notes, i)
    return c.start.size


@kernel
def _supply_row(s: State, c: Columns, i: int, sku: int) -> int:
    return named_supply(s, c, i, REFERENCE, sku)


def fold_expected(
    memory: Memory, network: Network, part: Slice, verdict: Admitted, now: Now, notes: Notes
) -> None:
    """Fold a slice of expected lines."""
    state, c, first = memory.state(), part.columns, 0
    while True:
        first = fold_supply(state, c, verdict, part.carried, now, notes, first)
        if first >= c.start.size:
            return
        row = _supply_row(state, c, first, int(verdict.sku[first]))
        held = memory.stores["supply"].table.rows[row]
        if _content_of_record(c, first) > _content_of_row(held, network):
            notes.effect[first] = apply_supply(state, row, c, first, verdict)
            note_supply(state, row, notes, first)
        first += 1


def _content_of_record(c: Columns, i: int) -> bytes:
    """What record i says, as Avro writes it: all that two records of one line and version can differ in."""
    longs = [int(v) for v in c.longs[:, i]]
    location = text_of(c, LOCATION, i) or b""
    return _content(longs[_KIND], location, longs[QUANTITY], longs[_EXPECTED_AT], longs[_STATUS])


def _content_of_row(r: Any, network: Network) -> bytes:
    """The content of the version that a row of the supply table holds."""
    location = network.id_of_location(int(r["location"])).encode()
    return _content(int(r["kind"]), location, int(r["quantity"]), int(r["expected_at"]), int(r["status"]))


def _content(kind: int, location: bytes, quantity: int, expected_at: int, status: int) -> bytes:
    parts = encoded_long(kind), encoded_text(location), encoded_long(quantity), encoded_long(expected_at)
    return b"".join((*parts, encoded_long(status)))
