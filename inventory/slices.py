"""All of a lane's state, slice by slice, while the lane goes on.

Each slice is read when it is asked for, so the slices of one round are of different moments. Together with every dump
of what changed since before the first slice, loaded behind them in order, they are the state of the last of these:

- a row, a document, a ticket, a batch: a dump has the whole of it, and overwrites what a slice had, older or newer;
- heads of tables change only with rows, so a dump has the last one;
- names and ids are only added, and adding one twice is adding it once; entries keep the order in which they came;
- blocks of suspects have numbers, and one that was there is not taken again;
- requests, drift, clocks, the skus that wait to be shown: whole in each dump that has them.

What a lane forgets meanwhile is in its dumps as rows that are free, or is too old to be asked for (ids).
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from inventory.lane import Lane
from inventory.section import Section, json_section, parked_to_json
from inventory.tables import FREE, SPARE, USED, Store

T = TypeVar("T")

SLICE_BYTES = 2 << 20
"""Of rows, names or ids in a slice: about a millisecond."""
_DOCUMENTS, _TICKETS, _INCIDENTS, _BATCHES = 1_000, 100, 200, 10
"""Of what is JSON in a slice: a few milliseconds."""


def slices(lane: Lane, size: int = SLICE_BYTES) -> Iterator[Section]:
    """All of the state as sections of about `size` bytes of columns; the last of them is `meta`.

    Nothing counts as written down by it.
    """
    memory = lane.memory
    for names in memory.names():
        many, end = max(1, size // 32), len(names)  # what is added from now on is in a dump
        for at in range(0, end, many):
            scope, value, length, text = names.part(at, min(at + many, end))
            payload = scope.tobytes() + value.tobytes() + length.tobytes() + text
            yield Section("names:" + names.name, {"count": int(scope.size)}, payload)
    for name, store in memory.stores.items():
        yield from _rows(name, store, size)
    # An array of ids is only added to, and left as it is when another one takes its place.
    keys, marks = memory.ids.ids.keys, memory.ids.ids.marks
    for first in range(0, keys.size, max(1, size // 12)):
        some = slice(first, first + max(1, size // 12))
        held = keys[some] >= 0
        if held.any():
            payload = keys[some][held].tobytes() + marks[some][held].tobytes()
            yield Section("ids", {"count": int(np.count_nonzero(held))}, payload)
    yield from _documents(lane)
    yield from clocks(lane)


def _rows(name: str, store: Store, size: int) -> Iterator[Section]:
    many, end = max(1, size // store.table.rows.itemsize), len(store)
    for at in range(0, max(1, end), many):
        index = np.arange(at, min(at + many, end), dtype=np.int32)
        yield table_section(name, store, index, store.table.rows[at : at + index.size])


def table_section(name: str, store: Store, index: Any, rows: Any) -> Section:
    """Rows of a table, and its head."""
    head = store.table.head
    header = {
        "count": int(index.size),
        "used": int(head[USED]),
        "free": int(head[FREE]),
        "spare": int(head[SPARE]),
    }
    return Section("table:" + name, header, index.tobytes() + rows.tobytes())


def _documents(lane: Lane) -> Iterator[Section]:
    masters, parking, ledger, books = lane.masters, lane.parking, lane.watch.ledger, lane.markers.books
    for keys in _some(list(masters.documents), _DOCUMENTS):
        yield json_section("documents", {k: masters.documents[k] for k in keys if k in masters.documents})
    for tickets in _some([ticket for ticket, _ in parking.all()], _TICKETS):
        yield json_section("parked", [[ticket, parked_to_json(parking.get(ticket))] for ticket in tickets])
    yield json_section("requests", lane.checked.dump())
    for some in _some(lane.snapshots.dump(True), _BATCHES):
        yield json_section("snapshots", [[*key, kept] for key, kept in some])
    for names in _some(sorted(books), _BATCHES):
        yield json_section("books", [[*key, books[key].dump()] for key in names if key in books])
    yield json_section("drift", lane.drift.dump())
    for entries in _some(list(ledger.entries), _INCIDENTS):
        yield json_section("incidents", ledger.told(entries))
    blocks, columns = lane.watch.suspects.dump(True)
    if blocks:
        yield Section("suspects", {"blocks": blocks}, columns)


def _some(things: Iterable[T], many: int) -> Iterator[list[T]]:
    """So many at a time."""
    left = iter(things)
    while some := list(islice(left, many)):
        yield some


def clocks(lane: Lane) -> Iterator[Section]:
    """The skus that were folded but not shown yet, if there are any; and, with the clocks, the end of a dump."""
    moved = lane.memory.moved()
    if moved.size:
        yield Section("moved", {"count": int(moved.size)}, moved.tobytes())
    yield json_section(
        "meta",
        {
            "now": lane.now,
            "log_clock": lane.log_clock,
            "demand_since": int(lane.memory.demand_since[0]),
            "since": int(lane.memory.since[0]),
            "begins": lane.memory.begins.tolist(),
            "publish_incomplete": lane.config.publish_incomplete,
            "next_offsets": lane.next_offsets,
            "unanswered": [dict(hello.payload) for hello in lane.greeting.unanswered],
            "bounds_ahead": lane.masters.bounds_ahead,
            "bounds_passed": lane.masters.bounds_passed,
            "reached": lane.snapshots.reached,
            "waiting": lane.snapshots.waiting,
            "looked_at": lane.watch.suspects.looked_at,
        },
    )
