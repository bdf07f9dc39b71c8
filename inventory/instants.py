"""Instants that lie ahead: a binary heap of rows of the `instants` table, least due first."""

from inventory.jit import kernel
from inventory.state import BEGINNING, State
from inventory.tables import give_back, take


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
