"""Snapshot batches as the lane of their marker sees them: what the markers say, what has arrived, what is complete.

The lane is that of the partition of the source. Every lane tells it the sequence numbers of the items that arrived
there, so that an item told twice, or two items of one number, count once. A batch is complete when its END and as many
distinct items have arrived, and nothing contradicts a marker; all lanes are told.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from inventory.batch import Control, ControlKind, Incident, Outputs
from inventory.sequences import from_text, nothing, to_text

MODES = ("FULL", "NONZERO", "PARTIAL")
_INCOMPLETE_AFTER = 3_600_000
_Key = tuple[str, str]  # source, batch id


class Book:
    """One batch. `said`: what its markers say (None before the first); `items`: how many, from its END (None before).

    `bases`: what items said of themselves, for comparison; `after`: how far each lane had read its partitions when the
    last item was told, by lane and version slot. `since`: lane clock, `heard`: log clock at the first word.
    """

    def __init__(self, since: int, heard: int) -> None:
        self.since = since
        self.heard = heard
        self.said: dict[str, Any] | None = None
        self.items: int | None = None
        self.seen = nothing()
        self.bases: list[list[Any]] = []
        self.after: dict[str, dict[str, int]] = {}
        self.complete = False
        self.contradicted = False
        self.contradicted_at = 0
        self.overdue = False
        self.superseded = False

    def mark(self, marker: dict[str, Any], items: int | None) -> None:
        """Take what a marker says."""
        if self.said is not None and self.said != marker:
            self.contradicted = True
        if items is not None and self.items not in (None, items):
            self.contradicted = True
        self.said = self.said or marker
        self.items = items if self.items is None else self.items

    def hear(self, word: Mapping[str, Any]) -> None:
        """Take what a lane tells of its items."""
        self.seen = np.union1d(self.seen, from_text(word["numbers"]))
        self.bases += [base for base in word["bases"] if base not in self.bases]
        reached = self.after.setdefault(str(word["lane"]), {})
        for carrier, offset in word["after"].items():
            reached[carrier] = max(reached.get(carrier, -1), offset)

    def judge(self) -> bool:
        """Compare items with markers; True if the batch has just become complete. A contradicted one never does."""
        if self.said is None or self.contradicted:
            return False
        self.contradicted = any(_differs(base, self.said) for base in self.bases)
        if self.contradicted or self.complete:
            return False
        self.complete = self.items is not None and self.seen.size >= self.items
        return self.complete

    def covers(self, other: "Book") -> bool:
        """Whether this batch, complete, tells all that the other, older one was to tell."""
        if not self.complete or self.said is None or self.said["mode"] == "PARTIAL" or other.said is None:
            return False
        locations = {*other.said["locations"], *(base[3] for base in other.bases)}
        return locations <= set(self.said["locations"]) and bool(other.said["as_of"] < self.said["as_of"])

    def dump(self) -> dict[str, Any]:
        return {**vars(self), "seen": to_text(self.seen)}

    @staticmethod
    def load(kept: dict[str, Any]) -> "Book":
        book = Book(0, 0)
        vars(book).update({**kept, "seen": from_text(kept["seen"])})
        return book


def _differs(base: list[Any], said: Mapping[str, Any]) -> bool:
    """Whether an item (basis, net_of, demand_as_of or None, location) contradicts its marker."""
    basis, net_of, demand_as_of, location = base
    if basis != said["basis"] or location not in said["locations"]:
        return True
    if basis == "GROSS":
        return False
    apart = None not in (demand_as_of, said["demand_as_of"]) and demand_as_of != said["demand_as_of"]
    return net_of != said["net_of"] or apart


class Markers:
    """The batches whose markers belong to one lane. `horizon` (ms): how long a batch is remembered."""

    def __init__(self, lanes: int, horizon: int) -> None:
        self._lanes = lanes
        self._horizon = horizon
        self.books: dict[_Key, Book] = {}
        self.changed: set[_Key] = set()

    def book(self, source: str, batch: str, now: int, log_clock: int) -> Book:
        """The batch, from its first word on."""
        self.changed.add((source, batch))
        return self.books.setdefault((source, batch), Book(now, log_clock))

    def settle(self, source: str, batch: str, now: int, out: Outputs) -> None:
        """After a word of the batch: tell all lanes that it is complete, or people that it contradicts itself."""
        key, book = (source, batch), self.books[source, batch]
        if book.judge():
            assert book.said is not None
            for lane in range(self._lanes):
                payload = {
                    "source": source,
                    "batch": batch,
                    **book.said,
                    "after": book.after.get(str(lane), {}),
                }
                out.controls.append((lane, Control(ControlKind.COMPLETE, payload)))
            for other, older in self.books.items():
                if other[0] == source and book.covers(older):
                    self._supersede(other, older, now, out)
        if any(other[0] == source and newer.covers(book) for other, newer in self.books.items()):
            self._supersede(key, book, now, out)
        if book.overdue and (book.complete or book.contradicted):
            book.overdue = False
            out.incidents.append(_incident("incomplete_snapshot", key, book, book.since, now))
        if book.contradicted and not book.contradicted_at and not book.superseded:
            book.contradicted_at = now
            out.incidents.append(_incident("batch_mismatch", key, book, now, None))

    def _supersede(self, key: _Key, book: Book, now: int, out: Outputs) -> None:
        """A later batch of the source tells everything anew: what was wrong with this one matters no more."""
        if book.superseded:
            return
        book.superseded = True
        self.changed.add(key)
        self._close(key, book, now, out)
        book.overdue, book.contradicted_at = False, 0

    def _close(self, key: _Key, book: Book, now: int, out: Outputs) -> None:
        if book.overdue:
            out.incidents.append(_incident("incomplete_snapshot", key, book, book.since, now))
        if book.contradicted_at:
            out.incidents.append(_incident("batch_mismatch", key, book, book.contradicted_at, now))

    def tick(self, now: int, log_clock: int, out: Outputs) -> None:
        """Time has passed: batches that should have ended, and batches that nothing more is expected of.

        The hour is one of the log: a lane that lags has not read the items yet.
        """
        for key, book in list(self.books.items()):
            ended = book.complete or book.contradicted or book.overdue or book.superseded
            if not ended and log_clock - book.heard >= _INCOMPLETE_AFTER:
                book.overdue = True
                self.changed.add(key)
                out.incidents.append(_incident("incomplete_snapshot", key, book, book.since, None))
            if log_clock - book.heard > self._horizon:
                del self.books[key]
                self.changed.add(key)
                self._close(key, book, now, out)

    def load(self, key: _Key, kept: dict[str, Any] | None) -> None:
        """What was written down of one batch; later ones overwrite it."""
        self.books.pop(key, None)
        if kept is not None:
            self.books[key] = Book.load(kept)


def _incident(code: str, key: _Key, book: Book, opened_at: int, closed_at: int | None) -> Incident:
    source, batch = key
    detail = {"batch_id": batch, "items": book.items, "arrived": int(book.seen.size), "markers": book.said}
    return Incident(code, None, None, f"{source}/{batch}", opened_at, closed_at, source=source, detail=detail)
