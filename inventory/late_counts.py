"""Incidents of counts that came too late to be used: each asks for a recount, and ends with it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from inventory.admission import Admitted
from inventory.batch import Incident, Slice
from inventory.folding import COUNT_TOO_LATE, Notes
from inventory.incidents import Entry, Ledger, Names, Sort
from inventory.positions import anchor_row
from inventory.record_incidents import noted
from inventory.snapshots import Snapshots
from inventory.state import Memory
from inventory.tables import find

COUNTERS = ("ON_HAND", "DAMAGED", "QUALITY_CONTROL", "BLOCKED")
_COUNTED_AT, _SEQUENCE, _COUNTER = 3, 4, 9  # longs of StockCount


def event_id_of(anchors: np.ndarray[Any, Any], row: int) -> bytes:
    """The event id of the count in a row of `anchors`; of a batch that counted 0, the batch's id."""
    length, text = int(anchors["length"][row]), b""
    while row >= 0 and len(text) < length:
        text += b"".join(int(anchors[f"word_{k}"][row]).to_bytes(8, "big") for k in range(5))
        row = int(anchors["next"][row])
    return text[:length]


class LateCounts:
    """Of one lane. What begins is told as the rows of skus that have to be looked at as they move."""

    def __init__(self, memory: Memory, snapshots: Snapshots, names: Names, ledger: Ledger) -> None:
        self._memory = memory
        self._snapshots = snapshots
        self._names = names
        self._ledger = ledger

    def see(
        self, part: Slice, verdict: Admitted, found: Notes, before: Iterable[int], now: int, out: list[Incident]
    ) -> list[int]:  # fmt: skip
        """A slice was folded. `before`: counts that were refused before that. Returns the skus for which one begins."""
        told = slice(int(found.head[0]))
        folded = found.record[told][found.code[told] == COUNT_TOO_LATE].tolist()
        skus: list[int] = []
        for i in (*before, *folded):
            skus += self._refused(part, verdict, i, now, out)
        return skus

    def _refused(self, part: Slice, verdict: Admitted, i: int, now: int, out: list[Incident]) -> list[int]:
        longs, sku, place = part.columns.longs, int(verdict.sku[i]), int(verdict.location[i])
        counter = int(longs[_COUNTER, i])
        incident = noted("count_too_late", part, verdict, i, COUNTERS[counter], now, self._names)
        count = (
            int(longs[_COUNTED_AT, i]), int(longs[_SEQUENCE, i]), incident.source or "", incident.events[0], counter,
        )  # fmt: skip
        incident = replace(
            incident,
            location=self._names.place(place),
            detail={"counter": incident.cause, "counted_at": count[0]},
        )
        return self._begin(incident, sku, place, count, now, out)

    def see_batches(self, now: int, out: list[Incident]) -> list[int]:
        """Snapshot batches took effect, and some of their counts of 0 did not."""
        skus: list[int] = []
        for (source, batch), as_of, position in self._snapshots.refused:
            sku, place = position >> 32, position & 0xFFFFFFFF
            incident = Incident(
                "count_too_late", self._names.sku(sku), self._names.place(place), COUNTERS[0], now, source=source,
                detail={"counter": COUNTERS[0], "counted_at": as_of, "batch_id": batch},
            )  # fmt: skip
            skus += self._begin(incident, sku, place, (as_of, 0, source, batch, 0), now, out)
        self._snapshots.refused.clear()
        return skus

    def _begin(
        self, incident: Incident, sku: int, place: int, count: tuple[Any, ...], now: int, out: list[Incident]
    ) -> list[int]:
        entry = Entry(incident, Sort.COUNT, sku, place, last=now, count=count)
        if not self.stands(entry):
            return []
        self._ledger.begin(entry, out, at_once=False)
        return [sku]

    def stands(self, entry: Entry) -> bool:
        """Whether the counter has no count that is not less than the one that came too late."""
        counted_at, sequence, source, event_id, counter = entry.count
        late = counted_at, sequence, source.encode(), event_id.encode()
        position = int(find(self._memory.stores["positions"].table, entry.row << 32 | entry.place))
        if position < 0:
            zero = self._snapshots.zero_at(entry.row, entry.place) if counter == 0 else None
            return zero is None or (zero[0], 0, *zero[1:]) < late
        row = int(anchor_row(self._memory.state(), position, counter))
        if row < 0:
            return True
        anchors = self._memory.stores["anchors"].table.rows
        name = self._memory.source_names.text(int(anchors["source"][row]))
        has = int(anchors["counted_at"][row]), int(anchors["sequence"][row]), name
        return (*has, event_id_of(anchors, row)) < late
