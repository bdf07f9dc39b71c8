"""A lane's state as sections: what changed since the last time, or all of it; and back again.

A section is a name, a small JSON header and bytes. Sections of one dump must be loaded together, in order;
later dumps overwrite what earlier ones said. Nothing is pickled; every array's layout is in `layout()`.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from inventory.batch import Control, ControlKind, Message
from inventory.instants import rebuild_heap
from inventory.lane import Lane
from inventory.parking import Parked
from inventory.positions import mark_moved
from inventory.state import Memory
from inventory.tables import FREE, SPARE, USED

FORMAT = 4


class Section(NamedTuple):
    """One part of a dump."""

    name: str
    header: dict[str, Any]
    payload: bytes


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
    memory = lane.memory
    for names in memory.names():
        if everything:
            names.rewind()
        scope, value, length, text = names.additions()
        if scope.size:
            payload = scope.tobytes() + value.tobytes() + length.tobytes() + text
            yield Section("names:" + names.name, {"count": int(scope.size)}, payload)
    for name, store in memory.stores.items():
        index, rows = store.changes()
        if everything:
            index = np.arange(len(store), dtype=np.int32)
            rows = store.used()
        if index.size or everything:
            head = store.table.head
            header = {
                "count": int(index.size),
                "used": int(head[USED]),
                "free": int(head[FREE]),
                "spare": int(head[SPARE]),
            }
            yield Section("table:" + name, header, index.tobytes() + rows.tobytes())
    keys, marks = memory.ids.additions()
    if everything:
        keys, marks = memory.ids.all()
    if keys.size:
        yield Section("ids", {"count": int(keys.size)}, keys.tobytes() + marks.tobytes())
    yield from _documents(lane, everything)
    yield _meta(lane)


def _documents(lane: Lane, everything: bool) -> Iterator[Section]:
    masters = lane.masters
    keys = list(masters.documents) if everything else sorted(masters.changed, key=_document_order(lane))
    masters.changed.clear()
    if keys:
        yield _json("documents", {key: masters.documents.get(key) for key in keys})
    parked = list(lane.parking.changes())
    if everything:
        parked = list(lane.parking.all())
    if parked:
        yield _json("parked", [[ticket, _parked_to_json(entry)] for ticket, entry in parked])
    if lane.checked.changed or everything:
        yield _json("requests", lane.checked.dump())
    yield from _snapshots(lane, everything)
    if lane.drift.changed or everything:
        lane.drift.changed = False
        yield _json("drift", lane.drift.dump())
    incidents = lane.watch.ledger.dump(everything)
    if incidents:
        yield _json("incidents", incidents)
    blocks, columns = lane.watch.suspects.dump(everything)
    if blocks:
        yield Section("suspects", {"blocks": blocks}, columns)


def _snapshots(lane: Lane, everything: bool) -> Iterator[Section]:
    """Batches that changed: as the lane of their marker has them, and as the lane of their items."""
    changed = [[*key, kept] for key, kept in lane.snapshots.dump(everything)]
    if changed:
        yield _json("snapshots", changed)
    books = lane.markers.books
    keys = books.keys() if everything else lane.markers.changed
    told = [[*key, books[key].dump() if key in books else None] for key in sorted(keys)]
    if told:
        yield _json("books", told)
    lane.snapshots.changed.clear()
    lane.markers.changed.clear()


def _document_order(lane: Lane) -> Any:
    order = {key: i for i, key in enumerate(lane.masters.documents)}
    return lambda key: order.get(key, -1)


def _meta(lane: Lane) -> Section:
    """Clocks, and the skus that were folded but not shown yet."""
    return _json(
        "meta",
        {
            "now": lane.now,
            "log_clock": lane.log_clock,
            "demand_since": int(lane.memory.demand_since[0]),
            "next_offsets": lane.next_offsets,
            "unanswered": [dict(hello.payload) for hello in lane.greeting.unanswered],
            "bounds_ahead": lane.masters.bounds_ahead,
            "bounds_passed": lane.masters.bounds_passed,
            "moved": lane.memory.moved().tolist(),
            "reached": lane.snapshots.reached,
            "waiting": lane.snapshots.waiting,
            "looked_at": lane.watch.suspects.looked_at,
        },
    )


def _json(name: str, value: object) -> Section:
    return Section(name, {}, json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def load(lane: Lane, sections: Iterator[Section]) -> None:
    """Fill a fresh lane from dumps in the order in which they were made."""
    memory = lane.memory
    by_name = {names.name: names for names in memory.names()}
    documents: dict[str, Any] = {}
    parked: dict[int, Any] = {}
    meta: dict[str, Any] = {}
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
            for key, value in json.loads(section.payload).items():
                documents[key] = value
                if value is None:  # deleted
                    del documents[key]
        elif sort == "parked":
            parked.update({int(ticket): entry for ticket, entry in json.loads(section.payload)})
        elif sort == "requests":
            requests = json.loads(section.payload)
        elif sort == "snapshots":
            for source, batch, kept in json.loads(section.payload):
                lane.snapshots.load((source, batch), kept)
        elif sort == "books":
            for source, batch, kept in json.loads(section.payload):
                lane.markers.load((source, batch), kept)
        elif sort == "drift":
            drift = json.loads(section.payload)
        elif sort == "incidents":
            incidents += json.loads(section.payload)
        elif sort == "suspects":
            lane.watch.suspects.load(section.header["blocks"], section.payload)
        elif sort == "meta":
            meta = json.loads(section.payload)
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


def _parked_to_json(parked: Parked | None) -> Any:
    if parked is None:
        return None
    value = asdict(parked)
    for key in ("value", "key"):
        raw = value["message"][key]
        value["message"][key] = None if raw is None else raw.hex()
    return value


def _parked_from_json(value: dict[str, Any]) -> Parked:
    message = dict(value["message"])
    for key in ("value", "key"):
        message[key] = None if message[key] is None else bytes.fromhex(message[key])
    return Parked(value["what"], value["identifier"], value["since"], value["line"], Message(**message))
