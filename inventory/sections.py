"""A lane's state as sections: what changed since the last time, or all of it; and back again.

A section is a name, a small JSON header and bytes. Sections of one dump must be loaded together, in order;
later dumps overwrite what earlier ones said. Nothing is pickled; every array's layout is in `layout()`.
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from inventory.batch import Control, ControlKind, Message
from inventory.instants import rebuild_heap
from inventory.lane import Lane
from inventory.parking import Parked
from inventory.positions import mark_moved
from inventory.section import Section, json_section, parked_to_json
from inventory.slices import clocks, slices, table_section
from inventory.state import BEGINNING, Memory

FORMAT = 4


class LayoutError(ValueError):
    """A dump was written with other columns than this version reads."""


def layout() -> dict[str, Any]:
    """The columns of every table, for the head of a file."""
    return {"format": FORMAT, "tables": {n: s.table.rows.dtype.descr for n, s in Memory(1).stores.items()}}


def check_layout(found: dict[str, Any]) -> None:
    """Raises `LayoutError` unless `found` is this version's layout."""
    if found != json.loads(json.dumps(layout())):
        raise LayoutError("it was written with another table layout; rebuild the lane from its topics")


def dump(lane: Lane, *, everything: bool) -> Iterator[Section]:
    """What changed since the last dump, or everything; either way nothing counts as changed afterwards."""
    if everything:
        for _ in _changes(lane):
            pass
        return slices(lane)
    return _changes(lane)


def _changes(lane: Lane) -> Iterator[Section]:
    memory = lane.memory
    for names in memory.names():
        scope, value, length, text = names.additions()
        if scope.size:
            payload = scope.tobytes() + value.tobytes() + length.tobytes() + text
            yield Section("names:" + names.name, {"count": int(scope.size)}, payload)
    for name, store in memory.stores.items():
        index, rows = store.changes()
        if index.size:
            yield table_section(name, store, index, rows)
    keys, marks = memory.ids.additions()
    if keys.size:
        yield Section("ids", {"count": int(keys.size)}, keys.tobytes() + marks.tobytes())
    yield from _changed_documents(lane)
    yield from clocks(lane)


def _changed_documents(lane: Lane) -> Iterator[Section]:
    masters = lane.masters
    if masters.changed:
        yield json_section("documents", {key: masters.documents.get(key) for key in masters.changed})
        masters.changed.clear()
    parked = list(lane.parking.changes())
    if parked:
        yield json_section("parked", [[ticket, parked_to_json(entry)] for ticket, entry in parked])
    if lane.checked.changed:
        lane.checked.changed = False
        yield json_section("requests", lane.checked.dump())
    yield from _changed_batches(lane)
    if lane.drift.changed:
        lane.drift.changed = False
        yield json_section("drift", lane.drift.dump())
    incidents = lane.watch.ledger.changes()
    if incidents:
        yield json_section("incidents", incidents)
    blocks, columns = lane.watch.suspects.dump(False)
    if blocks:
        yield Section("suspects", {"blocks": blocks}, columns)


def _changed_batches(lane: Lane) -> Iterator[Section]:
    """Batches that changed: as the lane of their marker has them, and as the lane of their items."""
    changed = [[*key, kept] for key, kept in lane.snapshots.dump(False)]
    if changed:
        yield json_section("snapshots", changed)
    books = lane.markers.books
    told = [[*key, books[key].dump() if key in books else None] for key in sorted(lane.markers.changed)]
    if told:
        yield json_section("books", told)
    lane.snapshots.changed.clear()
    lane.markers.changed.clear()


def load(lane: Lane, sections: Iterator[Section]) -> None:
    """Fill a fresh lane from dumps in the order in which they were made."""
    memory = lane.memory
    by_name = {names.name: names for names in memory.names()}
    documents: dict[str, Any] = {}
    parked: dict[int, Any] = {}
    meta: dict[str, Any] = {}
    moved: list[int] = []
    incidents: list[Any] = []
    requests: dict[str, Any] = {"waiting": [], "unread": []}
    drift: dict[str, Any] = {}
    ids: list[tuple[Any, Any]] = []
    for section in sections:
        sort, _, name = section.name.partition(":")
        if sort == "names":
            n = section.header["count"]
            columns = np.frombuffer(section.payload, np.int32, 3 * n).reshape(3, n)
            by_name[name].load(columns[0], columns[1], columns[2], section.payload[12 * n :])
        elif sort == "table":
            _load_table(lane, name, section)
        elif sort == "ids":
            n = section.header["count"]
            keys = np.frombuffer(section.payload, np.int64, n)
            ids.append((keys, np.frombuffer(section.payload, np.uint32, n, 8 * n)))
        elif sort == "documents":
            for key, value in section.value().items():
                documents[key] = value
                if value is None:  # deleted
                    del documents[key]
        elif sort == "parked":
            parked.update({int(ticket): entry for ticket, entry in section.value()})
        elif sort == "requests":
            requests = section.value()
        elif sort == "snapshots":
            for source, batch, kept in section.value():
                lane.snapshots.load((source, batch), kept)
        elif sort == "books":
            for source, batch, kept in section.value():
                lane.markers.load((source, batch), kept)
        elif sort == "drift":
            drift = section.value()
        elif sort == "incidents":
            incidents += section.value()
        elif sort == "suspects":
            lane.watch.suspects.load(section.header["blocks"], section.payload)
        elif sort == "moved":
            moved = np.frombuffer(section.payload, np.int32).tolist()
        elif sort == "meta":
            meta = {"moved": moved, **section.value()}  # the version before had them in here
            moved = []
    lane.checked.load(requests)
    lane.drift.load(drift)
    _finish(lane, documents, parked, meta, ids)
    lane.watch.ledger.load(incidents)
    lane.watch.suspects.resume(meta["looked_at"])
    lane.watch.resume()


def _load_table(lane: Lane, name: str, section: Section) -> None:
    store = lane.memory.stores[name]
    n = section.header["count"]
    index = np.frombuffer(section.payload, np.int32, n)
    rows = np.frombuffer(section.payload, store.table.rows.dtype, n, 4 * n)
    header = section.header
    store.put(index, rows, np.array([header["used"], header["free"], 0, header["spare"]]))


def _finish(
    lane: Lane,
    documents: dict[str, Any],
    parked: dict[int, Any],
    meta: dict[str, Any],
    ids: list[tuple[Any, Any]],
) -> None:
    memory = lane.memory
    lane.now, lane.log_clock = meta["now"], meta["log_clock"]
    memory.demand_since[0] = meta["demand_since"]
    memory.since[0] = meta.get("since", BEGINNING)  # the version before did not ask
    memory.begins[:] = meta.get("begins", 0)
    lane.snapshots.resume(meta["reached"], meta["waiting"])
    lane.next_offsets = meta["next_offsets"]
    lane.greeting.resume([Control(ControlKind.HELLO, payload) for payload in meta["unanswered"]])
    for keys, marks in ids:
        memory.ids.load(keys, marks, lane.log_clock)
    for store in memory.stores.values():
        store.reindex()
    memory.rank_sources()
    lane.masters.load(documents, meta["bounds_ahead"], meta["bounds_passed"])
    memory.set_locations(lane.masters.deleted_locations())
    lane.masters.refresh()
    for ticket in sorted(parked):
        if parked[ticket] is not None:
            lane.parking.restore(ticket, _parked_from_json(parked[ticket]))
    memory.invalidate()
    state = memory.state()
    rebuild_heap(state)
    for row in (*meta["moved"], *lane.masters.components.load(documents)):
        mark_moved(state, row)
    lane.go_on(meta.get("publish_incomplete", True))  # the version before showed what was left


def _parked_from_json(value: dict[str, Any]) -> Parked:
    message = dict(value["message"])
    for key in ("value", "key"):
        message[key] = None if message[key] is None else bytes.fromhex(message[key])
    return Parked(value["what"], value["identifier"], value["since"], value["line"], Message(**message))
