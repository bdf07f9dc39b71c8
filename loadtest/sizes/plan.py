"""Arithmetic for a retailer: what its lanes hold, and how many cells and Redis servers that takes.

Tables and the memory of ids are powers of two, filled until there is no room and then cleared of what is too old: so a
lane is given what its tables are as large as, not what they hold. Figures of one thing are measured (`sizes`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from loadtest.sizes.command import Sizes

HOUR_S = 3_600
_FORGET_AHEAD = 1.25
"""What a table clears must last a while, or it grows: a quarter of it."""
_SMALLEST_TABLE, _SMALLEST_IDS = 256, 1_024
_ID_SLOT = 12


class Horizons(NamedTuple):
    """Hours: `STOCKTIDE_COUNT_HORIZON_MS`, `STOCKTIDE_DEDUPE_HORIZON_MS`, `STOCKTIDE_RESERVATION_MEMORY_MS`."""

    counts: float
    dedupe: float
    memory: float


DEFAULT = Horizons(24, 72, 168)
CHOSEN = Horizons(6, 12, 12)


@dataclass(frozen=True)
class Business:
    """What is to be served. `rate`: facts a second, sustained; `peak`: how much more for minutes. `cell_gb`: memory
    that a cell may have; `cell_rate`: facts a second that one was measured to do (0: not known)."""

    skus: int = 1_000_000
    positions_a_sku: int = 100
    rate: int = 10_000
    peak: float = 3.0
    lanes: int = 64
    cell_gb: float = 16.0
    cell_rate: int = 0


class Item(NamedTuple):
    """So many things in all lanes, and the bytes they take."""

    name: str
    many: float
    bytes: float


def table_bytes(rows: float, row: int) -> int:
    """Of a table of one lane that has so many rows, and clears itself."""
    size = _SMALLEST_TABLE
    while size < rows * _FORGET_AHEAD:
        size *= 2
    return size * row


def id_bytes(ids: float) -> int:
    """Of the memory of so many ids in one lane: at most half full after it was cleared."""
    size = _SMALLEST_IDS
    while size < 2 * ids:
        size *= 2
    return size * _ID_SLOT


_KEPT = {"deltas": "counts", "sales": "counts", "lines": "memory", "versions": "counts", "uses": "counts"}
_NAMES = {
    "deltas": "movements, for late counts", "sales": "sales, for ring-fences", "lines": "reservation lines",
    "versions": "earlier versions of lines", "uses": "releases and consumptions of lines",
}  # fmt: skip


def items(sizes: Sizes, business: Business, horizons: Horizons) -> Iterator[Item]:
    """What all lanes hold, item by item."""
    lanes, positions = business.lanes, business.skus * business.positions_a_sku
    yield Item("skus", business.skus, business.skus * sizes.weights["sku"].held)
    yield Item("positions", positions, positions * sizes.weights["position"].held)
    for table, horizon in _KEPT.items():
        each = sizes.rows_an_event.get(table, 0.0)
        if each:
            many = each * business.rate * HOUR_S * getattr(horizons, horizon)
            yield Item(_NAMES[table], many, lanes * table_bytes(many / lanes, sizes.row_bytes[table]))
    many = sizes.rows_an_event["ids"] * business.rate * HOUR_S * horizons.dedupe
    yield Item("ids, for duplicates", many, lanes * id_bytes(many / lanes))


class Cells(NamedTuple):
    """How many cells memory asks for (0: more than there are lanes), and throughput (0: not known); `bytes` that the
    fullest of those for memory has."""

    memory: int
    throughput: int
    bytes: float


def cells(sizes: Sizes, business: Business, horizons: Horizons) -> Cells:
    """How many cells a retailer needs. One lane at a time grows: for a moment it has its largest table twice."""
    held = [item.bytes / business.lanes for item in items(sizes, business, horizons)]
    lane, growing = sum(held), max(held)
    throughput = -int(-business.rate * business.peak // business.cell_rate) if business.cell_rate else 0
    for memory in range(1, business.lanes + 1):
        fullest = -(-business.lanes // memory) * lane + growing
        if fullest <= business.cell_gb * 1e9:
            return Cells(memory, throughput, fullest)
    return Cells(0, throughput, lane + growing)


class Fleet(NamedTuple):
    """A number of cells: lanes and bytes of the fullest of them, facts a second of each, fetches a second of all that
    broker has to answer at most, words between lanes at a first start, connections to Redis and Kafka."""

    cells: int
    lanes: int
    bytes: float
    rate: float
    fetches: float
    words: int
    connections: int


FETCH_WAIT_MS = 5
"""A fetch that finds little waits so long for more."""
_CONNECTIONS = 5
"""Of a cell: one to Redis; a consumer and three producers to each broker."""


def fleet(sizes: Sizes, business: Business, horizons: Horizons, many: int) -> Fleet:
    """What so many cells come to."""
    total = sum(item.bytes for item in items(sizes, business, horizons))
    lanes = -(-business.lanes // many)
    return Fleet(
        many, lanes, total * lanes / business.lanes, business.rate * lanes / business.lanes,
        many * 1_000 / FETCH_WAIT_MS, business.lanes * business.lanes, _CONNECTIONS * many,
    )  # fmt: skip
