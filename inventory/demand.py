"""Reservation lines: the greatest version wins, consumption adds up, what is open is demand."""

import numpy as np

from inventory.columns import NULL
from inventory.dated import add_dated, clear_dated
from inventory.draws import bury, redraw, undraw
from inventory.effects import promise_of, since
from inventory.hashing import mix
from inventory.history import drop_history, keep_use
from inventory.instants import DELIVERY, NOBODY, add_instant, free_instant, pop_passed, wait_on
from inventory.jit import kernel, making_kernel
from inventory.nets import shift_nets
from inventory.positions import mark_moved, position_of
from inventory.state import NO_LINE_YET, State
from inventory.tables import append, find, give_back, link, take, touch

SOFT, HARD = range(2)
PLACE, UPDATE, CONFIRM, EXTEND, SOURCE, CANCEL, RELEASE = range(7)

APPLIED, SUPERSEDED, REPEATED, UNDECIDED = range(4)


@kernel
def line_of(s: State, key: int, check: int, sku: int) -> int:
    """The row of a line, made empty (no version yet) where there is none."""
    lines = s.lines.rows
    mask = s.lines.slots.size - 1
    slot = mix(key) & mask
    while s.lines.slots[slot] >= 0:
        row = s.lines.slots[slot]
        if lines["key"][row] == key and lines["check"][row] == check:
            return row
        slot = (slot + 1) & mask
    row = take(s.lines)
    lines["check"][row] = check
    lines["version"][row] = NO_LINE_YET
    lines["quantity"][row] = 0
    lines["released"][row] = 0
    lines["consumed"][row] = 0
    lines["open"][row] = 0
    lines["drawn"][row] = 0
    lines["expires_at"][row] = NULL
    lines["needed_at"][row] = NULL
    lines["occurred_at"][row] = NO_LINE_YET
    lines["placed_at"][row] = NULL
    lines["recorded_at"][row] = NO_LINE_YET
    lines["logged_at"][row] = 0
    lines["decided"][row] = 0
    lines["asked"][row] = -1
    lines["grace"][row] = 0
    lines["fact"][row] = 0
    lines["contradicted"][row] = 0
    lines["sku"][row] = sku
    lines["location"][row] = -1
    lines["channel"][row] = -1
    lines["bundle"][row] = -1
    lines["action"][row] = CANCEL
    lines["commitment"][row] = HARD
    lines["mode"][row] = 0
    lines["allow_partial"][row] = 0
    lines["past"][row] = -1
    lines["use"][row] = -1
    lines["next"][row] = s.skus.rows["line"][sku]
    s.skus.rows["line"][sku] = row
    touch(s.skus, sku)
    link(s.lines, row, key)
    return row


@kernel
def expired(s: State, row: int, now: int) -> bool:
    """Whether a soft line's time is over."""
    lines = s.lines.rows
    return (
        lines["commitment"][row] == SOFT
        and lines["expires_at"][row] != NULL
        and now > lines["expires_at"][row]
    )


@kernel
def open_quantity(s: State, row: int, now: int) -> int:
    """What a line still asks for at `now`."""
    lines = s.lines.rows
    if lines["version"][row] == NO_LINE_YET or lines["action"][row] == CANCEL or expired(s, row, now):
        return 0
    return max(0, lines["quantity"][row] - used(s, row))


@kernel
def used(s: State, row: int) -> int:
    """What a line has had: released, and consumed less what was given back."""
    return s.lines.rows["released"][row] + max(np.int64(0), s.lines.rows["consumed"][row])


@kernel
def _unsourced_of(s: State, sku: int, channel: int) -> int:
    key = (np.int64(sku) << 32) | channel
    row = find(s.unsourced, key)
    if row >= 0:
        return row
    row = append(s.unsourced)
    u = s.unsourced.rows
    u["soft"][row] = 0
    u["hard"][row] = 0
    u["channel"][row] = channel
    u["next"][row] = s.skus.rows["unsourced"][sku]
    s.skus.rows["unsourced"][sku] = row
    touch(s.skus, sku)
    link(s.unsourced, row, key)
    return row


@kernel
def _add_demand(s: State, row: int, quantity: int) -> None:
    """Count `quantity` more units of a line where its demand belongs."""
    lines = s.lines.rows
    sku = lines["sku"][row]
    location = lines["location"][row]
    sourced = location >= 0 and not s.location_deleted[location]
    if lines["needed_at"][row] != NULL:
        place = location if sourced else -1 - lines["channel"][row]
        add_dated(s, sku, lines["needed_at"][row], place, quantity)
    if sourced:
        position = position_of(s, sku, location)
        if lines["commitment"][row] == SOFT:
            s.positions.rows["soft"][position] += quantity
        else:
            s.positions.rows["hard"][position] += quantity
        touch(s.positions, position)
        return
    unsourced = _unsourced_of(s, sku, lines["channel"][row])
    if lines["commitment"][row] == SOFT:
        s.unsourced.rows["soft"][unsourced] += quantity
    else:
        s.unsourced.rows["hard"][unsourced] += quantity
    touch(s.unsourced, unsourced)


@kernel
def withdraw(s: State, row: int) -> None:
    """Take a line out of the sums, before its columns change."""
    undraw(s, row)
    if s.lines.rows["open"][row] != 0:
        _add_demand(s, row, -s.lines.rows["open"][row])
        s.lines.rows["open"][row] = 0


@kernel
def settle(s: State, row: int, now: int) -> None:
    """Make the sums agree with what the line has open at `now`."""
    wanted = open_quantity(s, row, now)
    have = s.lines.rows["open"][row]
    if wanted != have:
        _add_demand(s, row, wanted - have)
        s.lines.rows["open"][row] = wanted
    redraw(s, row)
    touch(s.lines, row)


@kernel
def consume(
    s: State, row: int, quantity: int, release: bool, occurred_at: int, logged_at: int, now: int
) -> int:
    """Add consumption (negative gives back) or a release to a line, present or still to come. Returns what became of
    its promise, in bits of `effects`."""
    lines = s.lines.rows
    before = promise_of(s, row)
    shift_nets(s, row, occurred_at, -1)
    if release:
        lines["released"][row] += quantity
    else:
        lines["consumed"][row] += quantity
    keep_use(s, row, quantity, release, occurred_at, logged_at)
    shift_nets(s, row, occurred_at, 1)
    lines["logged_at"][row] = max(lines["logged_at"][row], logged_at)
    settle(s, row, now)
    return since(s, row, before)


@kernel
def pass_instants(s: State, now: int) -> int:
    """Let every instant before `now` take effect; returns how many passed."""
    passed = 0
    while True:
        instant = pop_passed(s, now)
        if instant < 0:
            return passed
        sku = s.instants.rows["sku"][instant]
        line = s.instants.rows["line"][instant]
        if line == DELIVERY:
            wait_on(s, instant)
        else:
            free_instant(s, instant)
            if line != NOBODY:
                settle(s, line, now)
        s.skus.rows["instants"][sku] += 1
        touch(s.skus, sku)
        mark_moved(s, sku)
        passed += 1


@kernel
def note_expiry(s: State, row: int, commitment: int, expires_at: int, now: int) -> None:
    """Count the expiry of a soft version once: when it passes, or now if it has."""
    if commitment != SOFT or expires_at == NULL:
        return
    sku = s.lines.rows["sku"][row]
    if expires_at < now:
        s.skus.rows["instants"][sku] += 1
        touch(s.skus, sku)
    else:
        add_instant(s, expires_at, sku, row)


@kernel
def recount_demand(s: State, now: int) -> None:
    """Add all lines up again: a location was deleted or came back."""
    clear_dated(s)
    for position in range(s.positions.head[0]):
        if s.positions.rows["soft"][position] != 0 or s.positions.rows["hard"][position] != 0:
            s.positions.rows["soft"][position] = 0
            s.positions.rows["hard"][position] = 0
            touch(s.positions, position)
    for row in range(s.unsourced.head[0]):
        s.unsourced.rows["soft"][row] = 0
        s.unsourced.rows["hard"][row] = 0
        touch(s.unsourced, row)
    for row in range(s.lines.head[0]):
        if s.lines.rows["key"][row] >= 0 and s.lines.rows["open"][row] != 0:
            s.lines.rows["open"][row] = 0
            settle(s, row, now)


@kernel
def _unlink_forgotten(s: State, sku: int) -> None:
    """Take the lines without a key out of the sku's list, and free them."""
    lines = s.lines.rows
    before = -1
    row = s.skus.rows["line"][sku]
    while row >= 0:
        following = lines["next"][row]
        if lines["key"][row] < 0:
            if before < 0:
                s.skus.rows["line"][sku] = following
                touch(s.skus, sku)
            else:
                lines["next"][before] = following
                touch(s.lines, before)
            drop_history(s, row)
            give_back(s.lines, row)
        else:
            before = row
        row = following


@kernel
def _leave_instants(s: State) -> None:
    """Instants of lines that are about to go stay without them: a version counts those that pass."""
    for i in range(s.due_head[0]):
        instant = s.due_heap[i]
        line = s.instants.rows["line"][instant]
        if line >= 0 and s.lines.rows["key"][line] < 0:
            s.instants.rows["line"][instant] = NOBODY
            touch(s.instants, instant)


@making_kernel
def forget_lines(s: State, logged_before: int, expired_before: int, least: int) -> int:
    """Free lines that are not open and whose last fact is older than an instant. Re-index afterwards.

    A soft line that expired later than `expired_before` is kept: a NET count may be as of when it was open. One that
    would expire yet is not open because of its facts, and goes with them.
    What lines consumed is kept as sales where a fence may count it: `least` is from when on the earliest counts.
    """
    lines = s.lines.rows
    expires_yet = np.zeros(s.lines.head[0], np.uint8)
    for i in range(s.due_head[0]):
        instant = s.due_heap[i]
        line = s.instants.rows["line"][instant]
        if line >= 0 and s.instants.rows["due"][instant] == lines["expires_at"][line]:
            expires_yet[line] = 1
    freed = 0
    concerned = np.zeros(s.skus.head[0], np.uint8)
    for row in range(s.lines.head[0]):
        if lines["key"][row] < 0 or lines["open"][row] != 0:
            continue
        expired = lines["commitment"][row] == SOFT and expires_yet[row] == 0
        if expired and lines["expires_at"][row] >= expired_before:
            continue
        if lines["logged_at"][row] < logged_before:
            bury(s, row, least)
            lines["key"][row] = -1
            concerned[lines["sku"][row]] = 1
            freed += 1
    if freed > 0:
        _leave_instants(s)
    for sku in range(s.skus.head[0]):
        if concerned[sku] == 1:
            _unlink_forgotten(s, sku)
    return freed
