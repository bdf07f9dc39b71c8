"""What a lane remembers: the tables, and the columns of each.

Times are ms since the epoch, quantities whole units. A row index of -1 means none.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import Bytes, Flags, Ints, Longs
from inventory.ids import IdMemory, IdSet
from inventory.jit import by_reference, kernel, making_kernel
from inventory.names import Names
from inventory.tables import Store, Table, room, touch_all

BEGINNING = np.iinfo(np.int64).min
"""Before every instant: the anchor time of a counter that nobody counted."""

NEVER = np.iinfo(np.int64).max
"""After every instant."""

KNOWN = -2
"""As the row of a count: there is none, and yet more is known of the position than its row tells: deltas that were
forgotten, or a count that was refused."""

CARRIERS = 8
"""Partitions with an offset term in a version (one column `offset_0` ... each in the sku table)."""

COUNTERS = 4
ON_HAND_COUNTER, DAMAGED_COUNTER, QUALITY_CONTROL_COUNTER, BLOCKED_COUNTER = range(COUNTERS)

SKU = np.dtype(
    [
        ("name_at", "i8"),  # canonical identifier, in the buffer of the sku dictionary
        ("name_length", "i4"),
        ("shard", "i4"),
        ("position", "i4"),  # first position
        ("unsourced", "i4"),  # first unsourced row
        ("draw", "i4"),  # first draw
        ("allocated", "i4"),  # first allocated row
        ("supply", "i4"),  # first expected line with something open
        ("dated", "i4"),  # first dated row
        ("line", "i4"),  # newest reservation line
        ("net", "i4"),  # first NET anchor
        ("recent", "i4"),  # first of its rows of recent facts
        ("wrong", "i4"),  # first wrong number
        ("item_class", "i4"),  # category, style and attributes (RuleBook)
        ("profile", "i4"),  # which rules match (RuleBook)
        ("active", "i4"),
        ("instants", "i4"),  # instants that have passed
        ("as_of", "i8"),
        ("facts", "i8"),  # facts that were noted as recent ones, ever
        *[(f"offset_{c}", "i8") for c in range(CARRIERS)],  # 1 + greatest offset folded, per carrier
    ]
)
POSITION = np.dtype(
    [
        ("key", "i8"),  # sku << 32 | location ordinal
        ("on_hand", "i8"),
        ("anchored_at", "i8"),  # T* of on_hand
        ("complete_since", "i8"),  # all deltas dated after this are held: neither forgotten nor lost
        ("soft", "i8"),
        ("hard", "i8"),
        ("anchor", "i4"),  # row of the count behind on_hand; -1 or `KNOWN`: none
        ("delta", "i4"),  # newest delta
        ("next", "i4"),  # next position of the sku
        ("parts", "i4"),  # row of the counters that may not be sold
    ]
)
PARTS = np.dtype(
    [
        *[(f"value_{c}", "i8") for c in range(1, COUNTERS)],
        *[(f"anchored_at_{c}", "i8") for c in range(1, COUNTERS)],
        *[(f"anchor_{c}", "i4") for c in range(1, COUNTERS)],
        ("position", "i4"),
    ]
)
ANCHOR = np.dtype(
    [
        ("counted_at", "i8"),
        ("sequence", "i8"),
        ("quantity", "i8"),
        ("declared", "i8"),  # hash of what the count says of its basis
        ("word_0", "u8"),  # event id, 8 bytes a word, big-endian: words compare as the bytes do
        ("word_1", "u8"),
        ("word_2", "u8"),
        ("word_3", "u8"),
        ("word_4", "u8"),
        ("length", "i4"),  # of the event id, bytes
        ("source", "i4"),
        ("next", "i4"),  # row with the next 40 bytes of the event id
    ]
)
DELTA = np.dtype(
    [
        ("occurred_at", "i8"),
        ("older", "i8"),  # greatest occurred_at of all deltas behind this one
        ("logged_at", "i8"),
        ("quantity", "i8"),
        ("counter", "i4"),
        ("next", "i4"),  # the delta before it
    ]
)
LINE = np.dtype(
    [
        ("key", "i8"),  # hash of (reservation, line, sku)
        ("check", "i8"),  # a second hash of the same
        ("version", "i8"),  # BEGINNING until the line itself arrives
        ("quantity", "i8"),
        ("released", "i8"),  # over all versions
        ("consumed", "i8"),  # over all versions; given back by an ADJUST
        ("open", "i8"),  # what is counted in its position (or as unsourced) now
        ("drawn", "i8"),  # what is counted in its channel's draw now
        ("expires_at", "i8"),
        ("needed_at", "i8"),
        ("occurred_at", "i8"),
        ("placed_at", "i8"),  # least occurred_at of its versions
        ("recorded_at", "i8"),
        ("logged_at", "i8"),  # of its last fact
        ("decided", "i8"),  # checked version that was decided last; 0 none
        ("asked", "i8"),  # of a checked version: `quantity` is what was granted; -1: its version is a fact's
        ("grace", "i8"),  # of a checked version: how much later than said it ends, inside `expires_at`
        ("fact", "i4"),  # 1: a fact spoke of it, so that nothing is decided any more
        ("contradicted", "i4"),  # 1: its version was told with two contents
        ("sku", "i4"),
        ("location", "i4"),  # ordinal; -1 not sourced
        ("channel", "i4"),
        ("bundle", "i4"),
        ("action", "i4"),
        ("commitment", "i4"),
        ("mode", "i4"),
        ("allow_partial", "i4"),
        ("past", "i4"),  # newest row of `versions`
        ("use", "i4"),  # newest row of `uses`
        ("next", "i4"),  # next line of the sku
    ]
)
VERSION = np.dtype(  # what a line was, where a greater version was dated later
    [
        ("version", "i8"),
        ("quantity", "i8"),
        ("expires_at", "i8"),
        ("needed_at", "i8"),
        ("occurred_at", "i8"),
        ("recorded_at", "i8"),
        ("logged_at", "i8"),
        ("location", "i4"),
        ("channel", "i4"),
        ("bundle", "i4"),
        ("action", "i4"),
        ("commitment", "i4"),
        ("mode", "i4"),
        ("allow_partial", "i4"),
        ("next", "i4"),
    ]
)
USE = np.dtype(  # a part of what a line released or consumed, with its date
    [
        ("occurred_at", "i8"),
        ("logged_at", "i8"),
        ("quantity", "i8"),
        ("release", "i4"),
        ("next", "i4"),
    ]
)
NET = np.dtype(  # an anchor that was counted net of open demand
    [
        ("demand_as_of", "i8"),
        ("demand", "i8"),  # D(T): what of the counter was demand
        ("position", "i4"),
        ("location", "i4"),
        ("soft", "i4"),  # 1: net of soft demand too
        ("next", "i4"),  # next one of the sku
    ]
)
UNSOURCED = np.dtype(
    [
        ("key", "i8"),
        ("soft", "i8"),
        ("hard", "i8"),
        ("channel", "i4"),
        ("next", "i4"),
    ]  # key: sku << 32 | channel
)
DECISION = np.dtype(
    [
        ("key", "i8"),  # hash of (reservation, line, sku, version)
        ("check", "i8"),  # a second hash of the same
        ("quantity", "i8"),
        ("available", "i8"),
        ("decided_at", "i8"),
        ("logged_at", "i8"),  # of the request, or of the decision as it was read
        ("outcome", "i4"),
        ("reason", "i4"),
        ("action", "i4"),
        ("read", "i4"),  # 1: read from the log: the first one
        ("next", "i4"),
    ]
)
DRAW = np.dtype(
    [
        ("since", "i8"),  # from when on its fence counts; NULL where none asks
        ("quantity", "i8"),  # what the channel took of the sku since then
        ("channel", "i4"),
        ("sale", "i4"),  # newest sale
        ("stale", "i4"),  # 1 while lines have to be counted anew
        ("next", "i4"),  # next draw of the sku
    ]
)
SALE = np.dtype([("at", "i8"), ("quantity", "i8"), ("next", "i4")])  # next: the sale before it
ALLOCATED = np.dtype(
    [
        ("fence", "i8"),  # hash of its rule id
        ("units", "i8"),
        ("set_at", "i8"),
        ("since", "i8"),
        ("next", "i4"),  # next of the sku
    ]
)
SUPPLY = np.dtype(
    [
        ("key", "i8"),  # hash of (reference, sku)
        ("check", "i8"),  # a second hash of the same
        ("version", "i8"),  # BEGINNING until the line itself arrives
        ("quantity", "i8"),
        ("open", "i8"),  # what may still arrive; of a transfer at most what is on its way
        ("sent", "i8"),
        ("received", "i8"),
        ("expected_at", "i8"),
        ("occurred_at", "i8"),
        ("recorded_at", "i8"),
        ("logged_at", "i8"),  # of its last fact
        ("sku", "i4"),
        ("location", "i4"),
        ("kind", "i4"),
        ("status", "i4"),
        ("contradicted", "i4"),  # 1: its version was told with two contents
        ("receipt", "i4"),  # newest receipt
        ("listed", "i4"),  # 1 while it is in the sku's list of open lines
        ("next", "i4"),  # next open line of the sku
    ]
)
RECEIPT = np.dtype([("occurred_at", "i8"), ("logged_at", "i8"), ("quantity", "i8"), ("next", "i4")])
DATED = np.dtype(
    [
        ("day", "i8"),  # UTC day by whose end the units are needed
        ("quantity", "i8"),  # open
        ("place", "i4"),  # location ordinal; of unsourced demand -1 - channel
        ("next", "i4"),  # next of the sku
    ]
)
INSTANT = np.dtype(
    [
        ("due", "i8"),  # BEGINNING: free
        ("until", "i8"),  # of a delivery: when it is expected, else NULL
        ("line", "i4"),  # the reservation line to settle, else DELIVERY or NOBODY (instants.py)
        ("sku", "i4"),
        ("next", "i4"),
    ]
)

RECENT_FACTS = 8
"""How many of a sku's facts are remembered as those that moved it last: a ring of rows, side by side."""

FACT = np.dtype(  # as it stands in a row of the view: 40 bytes, little endian
    [
        ("offset", "i8"),  # of its record, in its own partition
        ("occurred_at", "i8"),
        ("logged_at", "i8"),
        ("quantity", "i8"),
        ("kind", "u1"),  # `recent.FactKind`, with the bit `recent.ABSORBED`
        ("partition", "u1"),
        ("location", "u2"),  # ordinal; 65535 none
        ("channel", "u2"),  # ordinal; 65535 none
        ("detail", "u2"),  # what `recent` says of the kind
    ]
)

WRONG = np.dtype(  # a number of a sku that is wrong (`wrong_numbers`), from one look at the sku to another
    [
        ("since", "i8"),  # lane clock at the look at which it began
        ("units", "i8"),  # how many, at the last look before it was told
        ("sku", "i4"),  # -1: a free row
        ("place", "i4"),  # location ordinal, or that of a channel
        ("bit", "i4"),
        ("told", "i4"),  # 1: it has stood for the delay
        ("cause", "i4"),  # first cause
        ("next", "i4"),  # next of the sku, by location and then by channel
    ]
)
CAUSE_WORDS = 11
CAUSE = np.dtype(  # a fact that was folded before a number was wrong for the first time
    [
        *[
            (f"word_{k}", "i8") for k in range(CAUSE_WORDS)
        ],  # bytes of its event id, and of its correlation id
        ("units", "i8"),
        ("source", "i4"),
        ("what", "i4"),  # `causes.WORDS`
        ("late", "i4"),
        ("event_length", "i4"),
        ("correlation_length", "i4"),  # -1: it has none
        ("more", "i4"),  # row with the bytes that follow
        ("next", "i4"),  # the cause after it
    ]
)

_FIRST_OF_SKU = (
    "position", "unsourced", "draw", "allocated", "supply", "dated", "line", "net", "recent", "wrong",
)  # fmt: skip
"""Columns of a sku that name a row of another table."""

NO_LINE_YET = BEGINNING


@by_reference
class State(NamedTuple):
    """Every array that a kernel may touch. Made anew when an array grows."""

    skus: Table
    positions: Table
    parts: Table
    anchors: Table
    deltas: Table
    lines: Table
    versions: Table
    uses: Table
    nets: Table
    unsourced: Table
    instants: Table
    draws: Table
    sales: Table
    allocated: Table
    supply: Table
    receipts: Table
    dated: Table
    recent: Table
    wrongs: Table
    causes: Table
    ids: IdSet
    moved: Ints  # skus to recompute, in order of first move
    is_moved: Bytes
    moved_head: Longs  # [how many]
    due_heap: Ints  # rows of `instants`, a binary heap by due time
    due_head: Longs  # [how many]
    location_deleted: npt.NDArray[np.bool_]
    source_rank: Ints  # rank of each source's name in byte order
    demand_since: Longs  # [open demand can be told as of this instant or later]
    since: Longs  # [facts dated before this may be missing: BEGINNING where none are]
    withholds: npt.NDArray[np.bool_]  # [some are, and what nobody has counted shows 0]


@making_kernel
def _assemble(
    skus: Table, positions: Table, parts: Table, anchors: Table, deltas: Table, lines: Table, versions: Table,
    uses: Table, nets: Table, unsourced: Table, instants: Table, draws: Table, sales: Table, allocated: Table,
    supply: Table, receipts: Table, dated: Table, recent: Table, wrongs: Table, causes: Table, ids: IdSet, moved: Ints,
    is_moved: Bytes, moved_head: Longs, due_heap: Ints, due_head: Longs, location_deleted: npt.NDArray[np.bool_],
    source_rank: Ints, demand_since: Longs, since: Longs, withholds: npt.NDArray[np.bool_],
) -> State:  # fmt: skip
    return State(
        skus, positions, parts, anchors, deltas, lines, versions, uses, nets, unsourced, instants, draws, sales,
        allocated, supply, receipts, dated, recent, wrongs, causes, ids, moved, is_moved, moved_head, due_heap,
        due_head, location_deleted, source_rank, demand_since, since, withholds,
    )  # fmt: skip


_TABLES: dict[str, tuple[np.dtype[Any], bool]] = {
    "skus": (SKU, False),
    "positions": (POSITION, True),
    "parts": (PARTS, False),
    "anchors": (ANCHOR, False),
    "deltas": (DELTA, False),
    "lines": (LINE, True),
    "versions": (VERSION, False),
    "uses": (USE, False),
    "nets": (NET, False),
    "unsourced": (UNSOURCED, True),
    "instants": (INSTANT, False),
    "decisions": (DECISION, True),
    "draws": (DRAW, False),
    "sales": (SALE, False),
    "allocated": (ALLOCATED, False),
    "supply": (SUPPLY, True),
    "receipts": (RECEIPT, False),
    "dated": (DATED, False),
    "recent": (FACT, False),
    "wrongs": (WRONG, False),
    "causes": (CAUSE, False),
}


ROWS_A_RECORD = {
    "positions": 2, "parts": 1, "deltas": 3, "lines": 1, "versions": 1, "uses": 1, "nets": 1, "unsourced": 1,
    "instants": 1, "draws": 1, "sales": 1, "supply": 1, "receipts": 1, "dated": 1,
}  # fmt: skip
"""Rows that one record can add to each table, but for `anchors`."""


@kernel
def _has_room(s: State, records: int) -> bool:
    """Whether all tables of `ROWS_A_RECORD` have room for what `records` records can add."""
    return (
        room(s.positions) >= 2 * records
        and room(s.deltas) >= 3 * records
        and min(
            room(s.parts), room(s.lines), room(s.versions), room(s.uses), room(s.nets), room(s.unsourced),
            room(s.instants), room(s.draws), room(s.sales), room(s.supply), room(s.receipts), room(s.dated),
        ) >= records
    )  # fmt: skip


class Memory:
    """Owner of a lane's tables and dictionaries."""

    def __init__(self, dedupe_horizon: int) -> None:
        self.stores = {name: Store(name, dtype, keyed=keyed) for name, (dtype, keyed) in _TABLES.items()}
        self.sku_names = Names("sku_names")
        self.location_names = Names("location_names")
        self.channel_names = Names("channel_names")
        self.source_names = Names("source_names")
        self.bundle_names = Names("bundle_names")
        self.ids = IdMemory(dedupe_horizon)
        self.location_deleted = np.zeros(0, np.bool_)
        self.source_rank = np.zeros(0, np.int32)
        self._ranked: list[bytes] = []
        """The names of the sources, in the order of their ranks."""
        self.demand_since = np.full(1, BEGINNING, np.int64)
        self.since = np.full(1, BEGINNING, np.int64)
        self.withholds = np.zeros(1, np.bool_)
        self.begins = np.zeros(CARRIERS, np.int64)
        """First offset left of each of the lane's partitions, by version slot: as if what is lost had been folded."""
        self._moved = np.zeros(256, np.int32)
        self._is_moved = np.zeros(256, np.uint8)
        self._moved_head = np.zeros(1, np.int64)
        self._due_heap = np.zeros(256, np.int32)
        self._due_head = np.zeros(1, np.int64)
        self._state: State | None = None

    def names(self) -> tuple[Names, ...]:
        """Every dictionary."""
        return (
            self.sku_names,
            self.location_names,
            self.channel_names,
            self.source_names,
            self.bundle_names,
        )

    def has_room(self, records: int) -> bool:
        """Whether no table would have to grow for what `records` records can add."""
        return bool(_has_room(self.state(), records))

    def reserve(self, records: int, log_clock: int) -> None:
        """Make room for whatever `records` records can add."""
        if not self.has_room(records):
            for name, each in ROWS_A_RECORD.items():
                if self.stores[name].reserve(each * records):
                    self._state = None
        if self.ids.reserve(records, log_clock):
            self._state = None
        if self._due_heap.size < self.stores["instants"].table.rows.size:
            self._due_heap = _grown(self._due_heap, self.stores["instants"].table.rows.size)
            self._state = None

    def reserve_anchors(self, rows: int) -> None:
        """Make room for `rows` more rows of counts."""
        if self.stores["anchors"].reserve(rows):
            self._state = None

    def number_skus(self, names: Sequence[bytes], shards: Ints, wanted: Flags) -> Ints:
        """The rows of skus, one after the other: those that are `wanted` and were not seen yet get the rows that
        follow, others -1."""
        store, entry = self.stores["skus"], len(self.sku_names)
        first = len(store)
        rows = self.sku_names.number(names, wanted, first)
        many = len(self.sku_names) - entry
        if many:
            new = np.zeros(many, SKU)
            for column in _FIRST_OF_SKU:
                new[column] = -1
            for carrier in range(CARRIERS):
                new[f"offset_{carrier}"] = self.begins[carrier]
            new["name_at"] = self.sku_names.d.at[entry : entry + many]
            new["name_length"] = self.sku_names.d.length[entry : entry + many]
            fresh = rows >= first
            new["shard"][rows[fresh] - first] = shards[fresh]
            self._append_skus(new)
        return rows

    def _append_skus(self, new: npt.NDArray[Any]) -> None:
        store, first = self.stores["skus"], len(self.stores["skus"])
        if store.reserve(new.size):
            size = store.table.rows.size
            self._moved, self._is_moved = _grown(self._moved, size), _grown(self._is_moved, size)
            self._state = None
        rows = np.arange(first, first + new.size, dtype=np.int32)
        store.put(rows, new, np.array([first + new.size, -1, 0, 0], np.int64))
        touch_all(store.table, rows)

    def touch_sku(self, row: int) -> None:
        """Note that a column of the sku was set from Python."""
        table = self.stores["skus"].table
        if not table.is_dirty[row]:
            table.is_dirty[row] = 1
            table.dirty[table.head[2]] = row
            table.head[2] += 1

    def raise_offset(self, row: int, carrier: int, offset: int) -> None:
        """Note where in its partition a record or block with a row for the sku stood."""
        rows, column = self.stores["skus"].table.rows, f"offset_{carrier}"
        rows[column][row] = max(int(rows[column][row]), offset + 1)
        self.touch_sku(row)

    def set_locations(self, deleted: npt.NDArray[np.bool_]) -> None:
        """Which locations (by ordinal) are deleted."""
        self.location_deleted = deleted
        self._state = None

    def intern_source(self, name: bytes) -> int:
        """The number of a source; a new one is ranked among the others."""
        known = len(self.source_names)
        number = self.source_names.intern(name)
        if number == known:
            at = bisect_left(self._ranked, name)
            self._ranked.insert(at, name)
            behind = self.source_rank >= at
            self.source_rank = np.concatenate([self.source_rank + behind, np.array([at], np.int32)])
            self._state = None
        return number

    def rank_sources(self) -> None:
        """Order all sources by the bytes of their names, after they were loaded."""
        names = [self.source_names.text(i) for i in range(len(self.source_names))]
        order = sorted(range(len(names)), key=names.__getitem__)
        rank = np.zeros(len(names), np.int32)
        rank[order] = np.arange(len(names))
        self._ranked = [names[i] for i in order]
        self.source_rank = rank
        self._state = None

    def state(self) -> State:
        """The arrays for the next kernel."""
        if self._state is None:
            of = {name: store.table for name, store in self.stores.items()}
            self._state = _assemble(
                of["skus"], of["positions"], of["parts"], of["anchors"], of["deltas"], of["lines"],
                of["versions"], of["uses"], of["nets"], of["unsourced"], of["instants"], of["draws"], of["sales"],
                of["allocated"], of["supply"], of["receipts"], of["dated"], of["recent"], of["wrongs"], of["causes"],
                self.ids.ids, self._moved, self._is_moved, self._moved_head, self._due_heap, self._due_head,
                self.location_deleted, self.source_rank, self.demand_since, self.since, self.withholds,
            )  # fmt: skip
        return self._state

    def moved(self) -> Ints:
        """The skus that wait to be computed, in order of first move (a view)."""
        return self._moved[: int(self._moved_head[0])]

    def take_moved(self, most: int) -> Ints:
        """Take at most `most` of them."""
        waiting = self.moved()
        taken = waiting[:most].copy()
        self._moved[: waiting.size - taken.size] = waiting[taken.size :].copy()
        self._moved_head[0] = waiting.size - taken.size
        self._is_moved[taken] = 0
        return taken

    def move_all(self) -> None:
        """Every sku waits to be computed."""
        waiting = np.flatnonzero(self._is_moved[: len(self.stores["skus"])] == 0)
        held = int(self._moved_head[0])
        self._moved[held : held + waiting.size] = waiting
        self._is_moved[waiting] = 1
        self._moved_head[0] = held + waiting.size

    def invalidate(self) -> None:
        """Forget the assembled `State` after tables were filled from outside."""
        size = self.stores["skus"].table.rows.size
        if self._moved.size < size:
            self._moved, self._is_moved = _grown(self._moved, size), _grown(self._is_moved, size)
        instants = self.stores["instants"].table.rows.size
        if self._due_heap.size < instants:
            self._due_heap = _grown(self._due_heap, instants)
        self._state = None

    def bytes(self) -> dict[str, int]:
        """Memory held by each table, in bytes."""
        held = {name: store.bytes() for name, store in self.stores.items()}
        held["ids"] = self.ids.bytes()
        for names in self.names():
            held[names.name] = sum(array.nbytes for array in names.d)
        return held


def _grown(array: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    return np.concatenate([array, np.zeros(size - array.size, array.dtype)])
