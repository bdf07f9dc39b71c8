"""What was decided about checked reservations: a decision is of (reservation, line, sku, version), and stands.

The table keeps numbers and two hashes of the identity; the texts of an answer are those of who asks.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np

from inventory.columns import NULL
from inventory.state import Memory
from inventory.tables import find, give_back, link, take, touch

OUTCOMES = ("ACCEPTED", "PARTIAL", "REFUSED")
ACCEPTED, PARTIAL, REFUSED = range(3)

REASONS = (None, "insufficient", "expired", "conflict", "fact_line", "bundle_sku", "other")
"""Why; `other` stands for what another version has published. Part of stored state: only ever added to."""
NO_REASON, INSUFFICIENT, EXPIRED, CONFLICT, FACT_LINE, BUNDLE_SKU, OTHER = range(len(REASONS))

_KEPT = 4096

ACTIONS = ("PLACE", "UPDATE", "CONFIRM", "EXTEND", "SOURCE", "CANCEL", "RELEASE")


class Identity(NamedTuple):
    """What a decision is of."""

    reservation_id: str
    line: str
    sku: str
    version: int


@lru_cache(_KEPT)
def _hashes(identity: Identity) -> tuple[int, int]:
    """63 and 64 bits that stand for it. A decision is looked up again and again until it has been read back."""
    texts = identity.reservation_id, identity.line, identity.sku, str(identity.version)
    text = b"".join(b"%d:%s" % (len(part), part) for part in map(str.encode, texts))
    digest = blake2b(text, digest_size=16).digest()
    key = int.from_bytes(digest[:8], "little") & 0x7FFF_FFFF_FFFF_FFFF
    return key, int.from_bytes(digest[8:], "little", signed=True)


class Decision(NamedTuple):
    """`quantity`: units granted to the whole line, `available`: to this line when it was decided; `decided_at` ms.

    `action` is an index of `ACTIONS`, -1 where the record did not say.
    """

    outcome: int
    reason: int
    quantity: int
    available: int
    decided_at: int
    action: int

    @property
    def is_conflict(self) -> bool:
        """Whether it answers an event only, and decides nothing."""
        return self.reason == CONFLICT


class Hold(NamedTuple):
    """What a line has: the open units and those it used up, until when (ms; `NULL`: no end), in which version."""

    version: int
    action: int
    commitment: int
    asked: int
    open: int
    used: int
    expires_at: int
    needed_at: int
    allow_partial: bool
    channel: str | None
    location: str | None
    bundle: str | None


NO_HOLD = Hold(0, ACTIONS.index("CANCEL"), 1, 0, 0, 0, NULL, NULL, False, None, None, None)


class Answer(NamedTuple):
    """A decision on its way out. `event_id`: which event asked; `hold`: what the line has now."""

    identity: Identity
    decision: Decision
    event_id: str
    hold: Hold


class Standing(NamedTuple):
    """A record of `reservation-decisions` as it was read, with its offset and log time (ms)."""

    identity: Identity
    decision: Decision
    offset: int
    log_time: int


class Decisions:
    """The decisions that a lane remembers, its own and those that its partition told."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def _row(self, identity: Identity) -> int:
        key, check = _hashes(identity)
        table = self._memory.stores["decisions"].table
        row = int(find(table, key))
        if row >= 0 and int(table.rows["check"][row]) != check:
            raise RuntimeError(f"two decisions share one hash of 63 bits: {identity}")
        return row

    def of(self, identity: Identity) -> Decision | None:
        """The decision that stands, as far as the lane knows."""
        row = self._row(identity)
        if row < 0:
            return None
        r = self._memory.stores["decisions"].table.rows[row]
        return Decision(
            int(r["outcome"]), int(r["reason"]), int(r["quantity"]), int(r["available"]), int(r["decided_at"]),
            int(r["action"]),
        )  # fmt: skip

    def is_read(self, identity: Identity) -> bool:
        """Whether it was read from the log, so that nothing can come before it any more."""
        row = self._row(identity)
        return row >= 0 and bool(self._memory.stores["decisions"].table.rows["read"][row])

    def put(self, identity: Identity, decision: Decision, *, read: bool, log_time: int) -> None:
        """Keep a decision, in the place of an own one that came second."""
        store = self._memory.stores["decisions"]
        row = self._row(identity)
        if row < 0:
            store.reserve(1)
            key, check = _hashes(identity)
            row = int(take(store.table))
            store.table.rows["check"][row] = check
            store.table.rows["next"][row] = -1
            link(store.table, row, key)
        r: Any = store.table.rows
        for column, value in zip(decision._fields, decision, strict=True):
            r[column][row] = value
        r["read"][row] = read
        r["logged_at"][row] = log_time
        touch(store.table, row)

    def drop(self, identity: Identity) -> None:
        """Forget an own decision that must be made again."""
        store = self._memory.stores["decisions"]
        self._free([self._row(identity)])
        store.reindex()

    def make_room(self, rows: int, logged_before: int) -> None:
        """Make room for some more; what is older than an instant is forgotten first."""
        store = self._memory.stores["decisions"]
        if store.room() >= rows:
            return
        used = store.used()
        old = np.flatnonzero((used["key"] >= 0) & (used["logged_at"] < logged_before))
        self._free(old.tolist())
        store.reindex()
        store.reserve(rows + store.table.rows.size // 4)

    def _free(self, rows: list[int]) -> None:
        table = self._memory.stores["decisions"].table
        for row in rows:
            table.rows["key"][row] = -1
            give_back(table, row)
            touch(table, row)
