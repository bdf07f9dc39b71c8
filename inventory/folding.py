"""Folding a slice of admitted records: one kernel a kind, readable as the rule it implements.

`notes` collects what a person may want to know, at most `_NOTES_PER_RECORD` a record: what a record says against
another, and the lines that are in some trouble after it (`troubles`).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.admission import OK, Admitted
from inventory.columns import EVENT_ID, OCCURRED_AT, QUANTITY, RECORDED_AT, SOURCE, Bytes, Columns, Longs
from inventory.demand import (
    RELEASE,
    consume,
    line_of,
    note_expiry,
    settle,
    withdraw,
)
from inventory.draws import note_placed, sell
from inventory.effects import DELAYED, FOLDED, MOVED, of_stock, promise_of, since
from inventory.hashing import hash_text, mix
from inventory.history import keep_current
from inventory.holds import take_over
from inventory.ids import CONFLICTING, NEW, remember
from inventory.jit import kernel
from inventory.nets import shift_nets
from inventory.positions import add_delta, mark_moved, position_of
from inventory.state import NO_LINE_YET, ON_HAND_COUNTER, State
from inventory.supply import receive, send, supply_of
from inventory.tables import touch
from inventory.troubles import line_trouble, supply_trouble
from inventory.versions import TIED, keep_version

_NOTES_PER_RECORD = 4
CONFLICTING_DUPLICATE, COUNT_TOO_LATE, UNKNOWN_CHANNEL, LINE_TROUBLE, SUPPLY_TROUBLE = range(5)

_RECEIPT, _SHIP, _RETURN, _TRANSFER_OUT, _TRANSFER_IN, _ADJUST, _STATE_CHANGE = range(7)
_LINE_SEED, _CHECK_SEED = 101, 202
_REFERENCE = 7  # a text of StockMovement
_DEFAULT_LINE = np.array([ord("1")], np.uint8)


class Notes(NamedTuple):
    """`code`, `record`, `row` (of the line that is in trouble): parallel; `head` = [notes, duplicates folded away].
    `effect` (n): what each record did, in bits of `effects`; 0 for duplicates, older counts, versions that are outdone
    and moved nothing."""

    code: npt.NDArray[np.int32]
    record: npt.NDArray[np.int32]
    row: npt.NDArray[np.int32]
    head: Longs
    effect: Bytes


def notes(n: int) -> Notes:
    """Room for the notes of n records."""
    size = _NOTES_PER_RECORD * n
    code, record, row = np.zeros((3, size), np.int32)
    return Notes(code, record, row, np.zeros(2, np.int64), np.zeros(n, np.uint8))


class Carried(NamedTuple):
    """How n records came: own log time of the message that carried them (ms), its offset, its version slot."""

    log_time: Longs
    offset: Longs
    carrier: int


class Now(NamedTuple):
    """The lane clock (ms), and the id memory's bucket of the log clock."""

    clock: int
    bucket: int


@kernel
def note(notes: Notes, code: int, record: int) -> None:
    """Tell that something of a code was found at a record."""
    notes.code[notes.head[0]] = code
    notes.record[notes.head[0]] = record
    notes.head[0] += 1


@kernel
def note_line(s: State, row: int, notes: Notes, record: int) -> None:
    """Tell that a record left a reservation line in trouble, if it did."""
    if line_trouble(s, row) != 0:
        notes.row[notes.head[0]] = row
        note(notes, LINE_TROUBLE, record)


@kernel
def note_supply(s: State, row: int, notes: Notes, record: int) -> None:
    """Tell that a record left an expected line in trouble, if it did."""
    if supply_trouble(s, row) != 0:
        notes.row[notes.head[0]] = row
        note(notes, SUPPLY_TROUBLE, record)


@kernel
def accept(s: State, sku: int, as_of: int, offset: int, carrier: int) -> None:
    """Note that a fact of the sku was folded: its moment, and where it stood in its partition."""
    skus = s.skus.rows
    skus["as_of"][sku] = max(skus["as_of"][sku], as_of)
    if carrier == 0:
        skus["offset_0"][sku] = max(skus["offset_0"][sku], offset + 1)
    elif carrier == 1:
        skus["offset_1"][sku] = max(skus["offset_1"][sku], offset + 1)
    elif carrier == 2:
        skus["offset_2"][sku] = max(skus["offset_2"][sku], offset + 1)
    elif carrier == 3:
        skus["offset_3"][sku] = max(skus["offset_3"][sku], offset + 1)
    elif carrier == 4:
        skus["offset_4"][sku] = max(skus["offset_4"][sku], offset + 1)
    elif carrier == 5:
        skus["offset_5"][sku] = max(skus["offset_5"][sku], offset + 1)
    elif carrier == 6:
        skus["offset_6"][sku] = max(skus["offset_6"][sku], offset + 1)
    else:
        skus["offset_7"][sku] = max(skus["offset_7"][sku], offset + 1)
    touch(s.skus, sku)
    mark_moved(s, sku)


@kernel
def _fact_id(c: Columns, i: int, line_field: int, sku: int) -> int:
    h = hash_text(c.buf, c.text_at[SOURCE, i], c.text_len[SOURCE, i], sku + 1)
    h = hash_text(c.buf, c.text_at[EVENT_ID, i], c.text_len[EVENT_ID, i], h)
    if line_field >= 0:
        h = hash_text(c.buf, c.text_at[line_field, i], c.text_len[line_field, i], h)
    return h


@kernel
def _line_hash(c: Columns, i: int, id_field: int, line_field: int, sku: int, seed: int) -> int:
    h = hash_text(c.buf, c.text_at[id_field, i], c.text_len[id_field, i], seed)
    if c.text_len[line_field, i] < 0:
        h = hash_text(_DEFAULT_LINE, 0, 1, h)
    else:
        h = hash_text(c.buf, c.text_at[line_field, i], c.text_len[line_field, i], h)
    return mix(h ^ sku)


@kernel
def reference_hash(c: Columns, i: int, field: int, sku: int, seed: int) -> int:
    """The number of the (reference, sku) that a record names."""
    return mix(hash_text(c.buf, c.text_at[field, i], c.text_len[field, i], seed) ^ sku)


@kernel
def named_supply(s: State, c: Columns, i: int, field: int, sku: int) -> int:
    """The row of the expected line that a record names in the text `field`."""
    key = reference_hash(c, i, field, sku, _LINE_SEED)
    return supply_of(s, key, reference_hash(c, i, field, sku, _CHECK_SEED), sku)


@kernel
def line_key(c: Columns, i: int, id_field: int, line_field: int, sku: int) -> int:
    """The key of the line that a record names in two of its texts."""
    return _line_hash(c, i, id_field, line_field, sku, _LINE_SEED)


@kernel
def _named_line(s: State, c: Columns, i: int, id_field: int, line_field: int, sku: int) -> int:
    """The row of the line that a record names."""
    key = line_key(c, i, id_field, line_field, sku)
    check = _line_hash(c, i, id_field, line_field, sku, _CHECK_SEED)
    return line_of(s, key, check, sku)


@kernel
def _consume_noting(
    s: State, row: int, quantity: int, release: bool, occurred_at: int, logged_at: int, now: int, notes: Notes,
    record: int,
) -> None:  # fmt: skip
    notes.effect[record] |= consume(s, row, quantity, release, occurred_at, logged_at, now)
    note_line(s, row, notes, record)


@kernel
def _payload(a: int, b: int, c: int, d: int, e: int) -> int:
    h = mix(a + 7)
    h = mix(h ^ mix(b + 11))
    h = mix(h ^ mix(c + 13))
    h = mix(h ^ mix(d + 17))
    return mix(h ^ mix(e + 19))


@kernel
def _is_new(s: State, key: int, payload: int, now: Now, notes: Notes, i: int) -> bool:
    known = remember(s.ids, key, payload, now.bucket)
    if known == NEW:
        notes.effect[i] = FOLDED
        return True
    notes.head[1] += 1
    if known == CONFLICTING:
        note(notes, CONFLICTING_DUPLICATE, i)
    return False


@kernel
def fold_movements(s: State, c: Columns, a: Admitted, at: Carried, now: Now, notes: Notes) -> None:
    """StockMovement: effects on counters, and on the line it names."""
    for i in range(c.start.size):
        if a.outcome[i] != OK:
            continue
        sku = a.sku[i]
        occurred_at = c.longs[OCCURRED_AT, i]
        movement = c.longs[3, i]
        quantity = c.longs[QUANTITY, i]
        from_state = c.longs[4, i]
        to_state = c.longs[5, i]
        names_line = c.text_len[8, i] >= 0
        line_hash = _line_hash(c, i, 8, 9, sku, _LINE_SEED) if names_line else 0
        names_supply = c.text_len[_REFERENCE, i] > 0
        if names_supply:
            line_hash ^= reference_hash(c, i, _REFERENCE, sku, _LINE_SEED)
        payload = _payload(
            movement * 64 + from_state * 8 + to_state, quantity, a.location[i], a.channel[i] + 1, line_hash
        )
        accept(s, sku, occurred_at, at.offset[i], at.carrier)
        if not _is_new(s, _fact_id(c, i, -1, sku), payload, now, notes, i):
            continue
        if c.text_len[5, i] >= 0 and a.channel[i] < 0:
            note(notes, UNKNOWN_CHANNEL, i)
        position = position_of(s, sku, a.location[i])
        logged_at = at.log_time[i]
        part, more = 0, 0
        if movement == _STATE_CHANGE:
            if from_state != 0:
                part = add_delta(s, position, from_state, occurred_at, logged_at, -quantity)
            if to_state != 0:
                more = add_delta(s, position, to_state, occurred_at, logged_at, quantity)
            notes.effect[i] = of_stock(part != 0 or more != 0, -part - more)
            continue
        arrives = movement in (_RECEIPT, _RETURN, _TRANSFER_IN)
        state = to_state if arrives else from_state
        change = quantity if arrives or movement == _ADJUST else -quantity
        counted = add_delta(s, position, ON_HAND_COUNTER, occurred_at, logged_at, change)
        if state != 0:
            part = add_delta(s, position, state, occurred_at, logged_at, change)
        notes.effect[i] = of_stock(counted != 0 or part != 0, counted - part)
        if names_line and movement in (_SHIP, _ADJUST):
            row = _named_line(s, c, i, 8, 9, sku)
            _consume_noting(s, row, -change, False, occurred_at, logged_at, now.clock, notes, i)
        elif movement == _SHIP and a.channel[i] >= 0 and sell(s, sku, a.channel[i], occurred_at, quantity):
            notes.effect[i] |= MOVED
        if names_supply and movement in (_RECEIPT, _TRANSFER_IN, _TRANSFER_OUT):
            supply = named_supply(s, c, i, _REFERENCE, sku)
            was_open = s.supply.rows["open"][supply]
            if movement == _TRANSFER_OUT:
                send(s, supply, quantity, logged_at)
            else:
                receive(s, supply, occurred_at, quantity, logged_at)
                note_supply(s, supply, notes, i)
            if s.supply.rows["open"][supply] != was_open:
                notes.effect[i] |= MOVED
                if s.supply.rows["open"][supply] < was_open and counted <= part:
                    notes.effect[i] |= DELAYED


@kernel
def fold_pos_lines(s: State, c: Columns, a: Admitted, at: Carried, now: Now, notes: Notes) -> None:
    """A till's line: a sale, or goods that come back."""
    for i in range(c.start.size):
        if a.outcome[i] != OK:
            continue
        sku = a.sku[i]
        occurred_at = c.longs[OCCURRED_AT, i]
        quantity = c.longs[QUANTITY, i]
        to_state = c.longs[3, i]
        names_line = c.text_len[8, i] >= 0
        line_hash = _line_hash(c, i, 8, 9, sku, _LINE_SEED) if names_line else 0
        payload = _payload(to_state, quantity, a.location[i], a.channel[i] + 1, line_hash)
        accept(s, sku, occurred_at, at.offset[i], at.carrier)
        if not _is_new(s, _fact_id(c, i, 10, sku), payload, now, notes, i):
            continue
        if c.text_len[5, i] >= 0 and a.channel[i] < 0:
            note(notes, UNKNOWN_CHANNEL, i)
        position = position_of(s, sku, a.location[i])
        logged_at = at.log_time[i]
        part = 0
        counted = add_delta(s, position, ON_HAND_COUNTER, occurred_at, logged_at, -quantity)
        if quantity < 0 and to_state != 0:
            part = add_delta(s, position, to_state, occurred_at, logged_at, -quantity)
        notes.effect[i] = of_stock(counted != 0 or part != 0, counted - part)
        if names_line and quantity > 0:
            row = _named_line(s, c, i, 8, 9, sku)
            _consume_noting(s, row, quantity, False, occurred_at, logged_at, now.clock, notes, i)
        elif (
            not names_line
            and quantity > 0
            and a.channel[i] >= 0
            and sell(s, sku, a.channel[i], occurred_at, quantity)
        ):
            notes.effect[i] |= MOVED


@kernel
def fold_corrections(s: State, c: Columns, a: Admitted, at: Carried, now: Now, notes: Notes) -> None:
    """StockCorrection: a signed change, dated as what it corrects."""
    for i in range(c.start.size):
        if a.outcome[i] != OK:
            continue
        sku = a.sku[i]
        occurred_at = c.longs[OCCURRED_AT, i]
        quantity = c.longs[QUANTITY, i]
        state = c.longs[3, i]
        accept(s, sku, occurred_at, at.offset[i], at.carrier)
        payload = _payload(1000 + state, quantity, a.location[i], 0, 0)
        if not _is_new(s, _fact_id(c, i, -1, sku), payload, now, notes, i):
            continue
        position = position_of(s, sku, a.location[i])
        part = 0
        counted = add_delta(s, position, ON_HAND_COUNTER, occurred_at, at.log_time[i], quantity)
        if state != 0:
            part = add_delta(s, position, state, occurred_at, at.log_time[i], quantity)
        notes.effect[i] = of_stock(counted != 0 or part != 0, counted - part)


@kernel
def _same_content(s: State, row: int, c: Columns, i: int, a: Admitted) -> bool:
    lines = s.lines.rows
    return (
        lines["quantity"][row] == c.longs[QUANTITY, i]
        and lines["action"][row] == c.longs[4, i]
        and lines["commitment"][row] == c.longs[5, i]
        and lines["expires_at"][row] == c.longs[6, i]
        and lines["needed_at"][row] == c.longs[7, i]
        and lines["mode"][row] == c.longs[8, i]
        and lines["allow_partial"][row] == c.longs[9, i]
        and lines["location"][row] == a.location[i]
        and lines["channel"][row] == a.channel[i]
        and lines["bundle"][row] == a.bundle[i]
    )


@kernel
def apply_version(s: State, row: int, c: Columns, i: int, a: Admitted, now: int) -> None:
    """Make record i the line's version."""
    withdraw(s, row)
    lines = s.lines.rows
    occurred_at = c.longs[OCCURRED_AT, i]
    shift_nets(s, row, occurred_at, -1)
    replaces = lines["version"][row] != c.longs[3, i]
    if lines["version"][row] != NO_LINE_YET and (replaces or lines["occurred_at"][row] < occurred_at):
        keep_current(s, row)
    if replaces:
        lines["contradicted"][row] = 0
    lines["version"][row] = c.longs[3, i]
    lines["quantity"][row] = c.longs[QUANTITY, i]
    lines["action"][row] = c.longs[4, i]
    lines["commitment"][row] = c.longs[5, i]
    lines["expires_at"][row] = c.longs[6, i]
    lines["needed_at"][row] = c.longs[7, i]
    lines["mode"][row] = c.longs[8, i]
    lines["allow_partial"][row] = c.longs[9, i]
    lines["occurred_at"][row] = c.longs[OCCURRED_AT, i]
    lines["recorded_at"][row] = c.longs[RECORDED_AT, i]
    lines["location"][row] = a.location[i]
    lines["channel"][row] = a.channel[i]
    lines["bundle"][row] = a.bundle[i]
    shift_nets(s, row, occurred_at, 1)
    settle(s, row, now)


@kernel
def _fold_version(
    s: State, row: int, c: Columns, i: int, a: Admitted, logged_at: int, now: int, notes: Notes
) -> bool:
    """Record i against the versions that the line has; True if it ties with one in everything but its bytes."""
    lines = s.lines.rows
    occurred_at = c.longs[OCCURRED_AT, i]
    version = c.longs[3, i]
    have = lines["version"][row]
    if have != NO_LINE_YET and version < have:
        if keep_version(s, row, c, i, a, logged_at) == TIED:
            return True
        note_line(s, row, notes, i)
        return False
    if have != NO_LINE_YET and version == have:
        if _same_content(s, row, c, i, a):
            # Two envelopes of one version: the later one is what a third is compared with.
            if (occurred_at, c.longs[RECORDED_AT, i]) > (
                lines["occurred_at"][row],
                lines["recorded_at"][row],
            ):
                apply_version(s, row, c, i, a, now)
                return False
            return keep_version(s, row, c, i, a, logged_at) == TIED
        lines["contradicted"][row] = 1
        note_line(s, row, notes, i)
        if occurred_at < lines["occurred_at"][row]:
            return keep_version(s, row, c, i, a, logged_at) == TIED
        if occurred_at == lines["occurred_at"][row]:
            if c.longs[RECORDED_AT, i] < lines["recorded_at"][row]:
                return False
            if c.longs[RECORDED_AT, i] == lines["recorded_at"][row]:
                return True
    notes.effect[i] = FOLDED | MOVED
    apply_version(s, row, c, i, a, now)
    note_line(s, row, notes, i)
    return False


@kernel
def fold_reservations(
    s: State, c: Columns, a: Admitted, at: Carried, now: Now, notes: Notes, first: int
) -> int:
    """Reservation lines from record `first` on. Returns the record count, or the record whose version ties with
    one of the line's in everything but its bytes: the caller decides that one and calls again behind it."""
    lines = s.lines.rows
    for i in range(first, c.start.size):
        if a.outcome[i] != OK:
            continue
        sku = a.sku[i]
        occurred_at = c.longs[OCCURRED_AT, i]
        action = c.longs[4, i]
        accept(s, sku, occurred_at, at.offset[i], at.carrier)
        row = _named_line(s, c, i, 6, 7, sku)
        logged_at = at.log_time[i]
        if action == RELEASE:
            quantity = c.longs[QUANTITY, i]
            if _is_new(s, _fact_id(c, i, -1, sku), _payload(2000, quantity, row, 0, 0), now, notes, i):
                notes.effect[i] |= MOVED
                _consume_noting(s, row, quantity, True, occurred_at, logged_at, now.clock, notes, i)
            continue
        before = promise_of(s, row)
        lines["logged_at"][row] = max(lines["logged_at"][row], logged_at)
        touch(s.lines, row)
        note_placed(s, row, occurred_at)
        take_over(s, row, now.clock)
        note_expiry(s, row, c.longs[5, i], c.longs[6, i], now.clock)
        tied = _fold_version(s, row, c, i, a, logged_at, now.clock, notes)
        notes.effect[i] |= since(s, row, before)
        if tied:
            return i
    return c.start.size


@kernel
def line_row(s: State, c: Columns, i: int, sku: int) -> int:
    """The row of the line that reservation record i names."""
    return _named_line(s, c, i, 6, 7, sku)
