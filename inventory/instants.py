"""Instants that lie ahead: a binary heap of rows of the `instants` table, least due first."""

from inventory.columns import NULL
from inventory.jit import kernel
from inventory.layers import LONGEST_WINDOW
from inventory.state import BEGINNING, State
from inventory.tables import give_back, take, touch

_DAY = 86_400_000
_WINDOWS = LONGEST_WINDOW

DELIVERY, NOBODY = -1, -2
"""In place of a line: the instant is a delivery's; it is of a line that was forgotten."""


@kernel
def _sift_up(s: State, at: int) -> None:
    due = s.instants.rows["due"]
    heap = s.due_heap
    while at > 0:
        parent = (at - 1) >> 1
        if due[heap[parent]] <= due[heap[at]]:
            return
        heap[parent], heap[at] = heap[at], heap[parent]
        at = parent


@kernel
def _sift_down(s: State) -> None:
    due = s.instants.rows["due"]
    heap = s.due_heap
    count = s.due_head[0]
    at = 0
    while True:
        child = 2 * at + 1
        if child >= count:
            return
        if child + 1 < count and due[heap[child + 1]] < due[heap[child]]:
            child += 1
        if due[heap[at]] <= due[heap[child]]:
            return
        heap[child], heap[at] = heap[at], heap[child]
        at = child


@kernel
def _push(s: State, row: int) -> None:
    s.due_heap[s.due_head[0]] = row
    s.due_head[0] += 1
    _sift_up(s, s.due_head[0] - 1)


@kernel
def add_instant(s: State, due: int, sku: int, line: int) -> None:
    """Wake the line when the lane clock has passed `due`."""
    row = take(s.instants)
    s.instants.rows["due"][row] = due
    s.instants.rows["sku"][row] = sku
    s.instants.rows["line"][row] = line
    s.instants.rows["until"][row] = NULL
    _push(s, row)


@kernel
def add_delivery(s: State, expected_at: int, sku: int, now: int) -> int:
    """Wake the sku whenever a window of whole days before a delivery begins, and when the delivery is overdue;
    returns how many of these instants have passed already.

    Rules may look at any number of days up to the longest, and may come later: so every day is an instant, and the
    version does not depend on which rules a lane knew when.
    """
    if now > expected_at:
        return _WINDOWS + 2
    first = expected_at - _WINDOWS * _DAY - 1
    passed = max(0, now - first + _DAY - 1) // _DAY
    row = take(s.instants)
    s.instants.rows["due"][row] = first + passed * _DAY if passed <= _WINDOWS else expected_at
    s.instants.rows["sku"][row] = sku
    s.instants.rows["line"][row] = DELIVERY
    s.instants.rows["until"][row] = expected_at
    _push(s, row)
    return passed


@kernel
def wait_on(s: State, row: int) -> None:
    """Put the passed instant of a delivery back for the next one; free it after the last."""
    due = s.instants.rows["due"][row]
    until = s.instants.rows["until"][row]
    if due >= until:
        free_instant(s, row)
        return
    s.instants.rows["due"][row] = min(due + _DAY, until)
    touch(s.instants, row)
    _push(s, row)


@kernel
def pop_passed(s: State, now: int) -> int:
    """The row of an instant before `now`, taken off the heap; -1 when none is left. The caller frees it."""
    if s.due_head[0] == 0:
        return -1
    row = s.due_heap[0]
    if s.instants.rows["due"][row] >= now:
        return -1
    s.due_head[0] -= 1
    s.due_heap[0] = s.due_heap[s.due_head[0]]
    _sift_down(s)
    return row


@kernel
def free_instant(s: State, row: int) -> None:
    """Give the row of a passed instant back."""
    s.instants.rows["due"][row] = BEGINNING
    give_back(s.instants, row)


@kernel
def rebuild_heap(s: State) -> None:
    """Fill the heap from the table, after a load."""
    s.due_head[0] = 0
    for row in range(s.instants.head[0]):
        if s.instants.rows["due"][row] != BEGINNING:
            _push(s, row)
