"""What things weigh: a realistic retailer's lane is filled in this process, its rows go into a real Redis.

Bytes in memory are what tables hold of the rows that are used, index and bookkeeping included; beside them stands by
how much the process has grown, which nobody can argue with.
"""

import gc
import json
import resource
import time
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from redis import Redis

from deploy.services import local_services
from inventory.sections import dump
from inventory.views import Views
from loadtest.bench.lane_alone import LaneAlone, Retailer
from runtime import redis as redis_link
from runtime.settings import Settings
from wire.frames import frame_of
from wire.rows import encode_calls, script, script_sha
from wire.rows_terms import encode_terms

BOOKKEEPING = 5
"""Bytes a row of every table, for what changed since the last commit."""
INDEX = 8
"""Bytes a row that a keyed table has room for."""

_EVENTS_A_COMMIT = (150, 1_500, 10_000)
_COMMITS = 50
_SAMPLED = 500
_ROUNDS = 5
_PREFIX = b"loadtest-sizes-"


@dataclass
class Weight:
    """`many` things; bytes of each in memory and in a base file."""

    many: int
    held: float
    in_base: float


@dataclass
class Row:
    """A row of the view: positions in it, bytes by MEMORY USAGE and as it is sent, rows a second of one Redis."""

    positions: float
    held: float
    sent: float
    per_s: float


@dataclass
class Sizes:
    """`weights` by name. `rows_an_event`: rows that an event of W1's mix leaves in each table. `journal`: bytes an
    event, by how many a lane folds in one epoch. `catalog`: CPU of one of its records, as `fold_catalog` tells.
    `grown`: by how much the process grew, `counted`: what the tables say of it."""

    retailer: Retailer
    weights: dict[str, Weight] = field(default_factory=dict)
    rows_an_event: dict[str, float] = field(default_factory=dict)
    row_bytes: dict[str, int] = field(default_factory=dict)
    journal: dict[int, float] = field(default_factory=dict)
    catalog: dict[str, float] = field(default_factory=dict)
    base: int = 0
    grown: int = 0
    counted: int = 0
    row: Row | None = None


class _Scales(NamedTuple):
    """What stands at one moment: bytes that tables hold, of the process, of a base; rows of each table."""

    held: int
    process: int
    base: int
    rows: dict[str, int]


def measure(retailer: Retailer, settings: Settings) -> Sizes:
    """Fill a lane, and weigh it after each step."""
    alone = LaneAlone(retailer, int(time.time() * 1000))
    memory = alone.lane.memory
    sizes = Sizes(retailer)
    sizes.row_bytes = {
        name: store.table.rows.itemsize + BOOKKEEPING + (INDEX if store.keyed else 0)
        for name, store in memory.stores.items()
    }
    began = empty = _weigh(alone)
    for name, tell in (("sku", alone.catalog), ("position", alone.positions)):
        many = tell()
        now = _weigh(alone)
        sizes.weights[name] = Weight(many, (now.held - began.held) / many, (now.base - began.base) / many)
        began = now
    written = alone.events()
    events = len(written.end)
    alone.fold(written)
    del written
    now = _weigh(alone)
    sizes.rows_an_event = {
        n: (now.rows[n] - began.rows[n]) / events for n in now.rows if now.rows[n] > began.rows[n]
    }
    sizes.counted, sizes.grown, sizes.base = now.held - empty.held, now.process - empty.process, now.base
    for name, table in (("movement", "deltas"), ("sale", "sales"), ("reservation line", "lines")):
        held = float(sizes.row_bytes[table])
        sizes.weights[name] = Weight(
            now.rows[table], held, held - BOOKKEEPING - (INDEX if table == "lines" else 0) + 4
        )
    sizes.weights["id"] = Weight(len(memory.ids), memory.ids.bytes() / max(1, len(memory.ids)), 12.0)
    components = alone.bundles()
    told = _weigh(alone)
    sizes.weights["component"] = Weight(
        components, (told.process - now.process) / components, (told.base - now.base) / components
    )
    _journal(sizes, alone)
    sizes.row = _view(alone, settings)
    sizes.catalog = fold_catalog(retailer)
    return sizes


def fold_catalog(retailer: Retailer) -> dict[str, float]:
    """CPU of a catalog record (us): of one that a lane has not heard of, and told once more."""
    alone = LaneAlone(retailer, int(time.time() * 1000))
    costs = {}
    for what in ("of a new sku", "of a known one"):
        began, many = alone.stepped, alone.catalog()
        costs[what] = 1e6 * (alone.stepped - began) / many
    return costs


def _weigh(alone: LaneAlone) -> _Scales:
    base = sum(frame_of(section).size for section in dump(alone.lane, everything=True))
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    memory = alone.lane.memory
    rows = {name: len(store) for name, store in memory.stores.items()} | {"ids": len(memory.ids)}
    return _Scales(sum(_held(alone).values()), pages * resource.getpagesize(), base, rows)


def _held(alone: LaneAlone) -> dict[str, int]:
    """Bytes of each table that its used rows have touched."""
    memory = alone.lane.memory
    held = {
        name: len(store) * (store.table.rows.itemsize + BOOKKEEPING)
        + (store.table.slots.nbytes if store.keyed else 0)
        for name, store in memory.stores.items()
    }
    held["ids"] = memory.ids.bytes()
    for names in memory.names():
        held[names.name] = sum(array.nbytes for array in names.d)
    return held


def _journal(sizes: Sizes, alone: LaneAlone) -> None:
    """Bytes an event at several events a commit: rows that change twice between two commits are written once."""
    for many in _EVENTS_A_COMMIT:
        _written(alone)
        total = events = 0
        for batch in islice(alone.batches(alone.events(), many), _COMMITS):
            alone.fold_one(batch)
            total += _written(alone)
            events += sum(len(part.columns.start) for part in batch.slices)
        sizes.journal[many] = total / events


def _written(alone: LaneAlone) -> int:
    return sum(frame_of(section).size for section in dump(alone.lane, everything=False))


def _view(alone: LaneAlone, given: Settings) -> Row:
    """The rows of some skus in a Redis."""
    views = alone.views(_SAMPLED)
    many = len(views.name_at)
    with local_services(given, kafka=False) as endpoints:
        redis = redis_link.connect(endpoints.settings)
        redis.script_load(script().decode())
        seconds = sent = 0.0
        for version in range(1, _ROUNDS + 1):
            calls = _calls(alone, views._replace(version=np.full(many, version, np.int64)))
            sent = sum(map(len, calls)) / many
            began = time.perf_counter()
            _send(redis, calls)
            seconds += time.perf_counter() - began
        keys = list(redis.scan_iter(match=_PREFIX + b"v:*", count=5_000))
        held = sum(int(redis.memory_usage(key, samples=0) or 0) for key in keys) / len(keys)
        redis.delete(*redis.scan_iter(match=_PREFIX + b"*", count=5_000))
        redis.close()
    return Row(len(views.nodes) / many, held, sent, many * _ROUNDS / seconds)


def _calls(alone: LaneAlone, views: Views) -> list[memoryview]:
    book, network = alone.lane.masters.rules, alone.lane.masters.network
    rules, terms = [], []
    for profile in range(int(views.profile.max()) + 1):
        ordinals = sorted(network.channel_ordinal.values())
        shaped = {network.id_of_channel(o): book.rule_ids(profile, o) for o in ordinals}
        rules.append(json.dumps(shaped, separators=(",", ":")).encode())
        terms.append(encode_terms(book.shapes(profile)))
    return encode_calls(
        views, prefix=_PREFIX, lane=0, generation=1, offsets=b"{}", rules=rules, terms=terms, sha=script_sha()
    )


def _send(redis: Redis, calls: list[memoryview]) -> None:
    connection = redis.connection_pool.get_connection()
    try:
        connection.send_packed_command(calls)  # type: ignore[no-untyped-call]
        for _ in calls:
            connection.read_response()
    finally:
        redis.connection_pool.release(connection)
