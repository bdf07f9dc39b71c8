"""Incidents that a record gives cause for by itself: what it says against another, or names that nobody knows."""

from dataclasses import replace
from typing import Any

import numpy as np

from inventory.admission import Admitted
from inventory.aside import pos_line
from inventory.batch import Incident, Slice
from inventory.columns import CORRELATION_ID, EVENT_ID, LOCATION, QUANTITY, RECORD_NAMES, SOURCE, Kind
from inventory.folding import CONFLICTING_DUPLICATE, UNKNOWN_CHANNEL, Notes
from inventory.incidents import Entry, Ledger, Names, Sort
from inventory.positions import anchor_row
from inventory.recent import FactKind
from inventory.state import Memory
from inventory.tables import find
from inventory.ties import text_of

_CHANNEL = 5  # a text of movements and till lines
_MOVEMENT = 3  # a long of movements
_COUNTED_AT, _SEQUENCE, _COUNTER = 3, 4, 9  # longs of StockCount


def noted(code: str, part: Slice, verdict: Admitted, i: int, cause: str, now: int, names: Names) -> Incident:
    """What is said of record i."""
    c = part.columns
    texts = {f: text_of(c, f, i) for f in (EVENT_ID, SOURCE, CORRELATION_ID, LOCATION)}
    readable = {f: None if t is None else t.decode(errors="replace") for f, t in texts.items()}
    return Incident(
        code, names.sku(int(verdict.sku[i])), readable[LOCATION], cause, now, source=readable[SOURCE],
        correlation_id=readable[CORRELATION_ID], events=(readable[EVENT_ID] or "",),
    )  # fmt: skip


def _read(part: Slice, i: int) -> dict[str, Any]:
    """What record i says, and where it stands in its topic, for a person to look at."""
    longs = part.columns.longs
    told: dict[str, Any] = {"record": RECORD_NAMES[part.kind]}
    if part.kind is Kind.MOVEMENT:
        told["movement"] = FactKind(int(longs[_MOVEMENT, i])).name
    line = pos_line(part, i)
    if line is not None:
        told["line"] = line
    return told | {
        "quantity": int(longs[QUANTITY, i]), "partition": int(part.origin.partition[i]),
        "offset": int(part.origin.offset[i]),
    }  # fmt: skip


class RecordIncidents:
    """Of one lane."""

    def __init__(self, memory: Memory, names: Names, ledger: Ledger) -> None:
        self._memory = memory
        self._names = names
        self._ledger = ledger

    def see(self, part: Slice, verdict: Admitted, found: Notes, now: int, out: list[Incident]) -> None:
        """A slice was folded."""
        told = found.code[: int(found.head[0])]
        for j in np.flatnonzero((told == CONFLICTING_DUPLICATE) | (told == UNKNOWN_CHANNEL)).tolist():
            if told[j] == CONFLICTING_DUPLICATE:
                self._conflicting_duplicate(part, verdict, int(found.record[j]), now, out)
            else:
                self._unknown_channel(part, verdict, int(found.record[j]), now, out)

    def _conflicting_duplicate(
        self, part: Slice, verdict: Admitted, i: int, now: int, out: list[Incident]
    ) -> None:
        event = (text_of(part.columns, EVENT_ID, i) or b"").decode(errors="replace")
        line = pos_line(part, i)
        cause = event if line is None else f"{event}/{line}"
        incident = noted("conflicting_duplicate", part, verdict, i, cause, now, self._names)
        detail = {"not_folded": _read(part, i)}
        if part.kind is Kind.COUNT:
            detail |= self._kept(part, verdict, i)
        incident = replace(incident, detail=detail)
        self._ledger.begin(Entry(incident, Sort.LASTING, int(verdict.sku[i]), last=now), out, at_once=True)

    def _kept(self, part: Slice, verdict: Admitted, i: int) -> dict[str, Any]:
        """What the first count with that id said, as long as it is the counter's anchor; of additive facts the id
        alone is kept."""
        longs = part.columns.longs[:, i]
        key = int(verdict.sku[i]) << 32 | int(verdict.location[i])
        position = int(find(self._memory.stores["positions"].table, key))
        anchor = self._memory.stores["anchors"].table.rows[
            anchor_row(self._memory.state(), position, int(longs[_COUNTER]))
        ]
        if (anchor["counted_at"], anchor["sequence"]) != (longs[_COUNTED_AT], longs[_SEQUENCE]):
            return {}
        return {"kept": {"quantity": int(anchor["quantity"])}}

    def _unknown_channel(self, part: Slice, verdict: Admitted, i: int, now: int, out: list[Incident]) -> None:
        channel = (text_of(part.columns, _CHANNEL, i) or b"").decode(errors="replace")
        source = (text_of(part.columns, SOURCE, i) or b"").decode(errors="replace")
        incident = noted("unknown_channel", part, verdict, i, f"{source}/{channel}", now, self._names)
        incident = replace(
            incident, location=None, channel=channel, detail={"channel": channel, **_read(part, i)}
        )
        self._ledger.begin(Entry(incident, Sort.CHANNEL, int(verdict.sku[i]), last=now), out, at_once=False)

    def see_network(self, now: int, out: list[Incident]) -> None:
        """Channels may have become known."""
        for entry in self._ledger.of(Sort.CHANNEL):
            if not self.stands(entry):
                self._ledger.end(entry.key, now, out)

    def stands(self, entry: Entry) -> bool:
        """Whether nobody knows the channel yet."""
        incident, names = entry.incident, self._memory.channel_names
        channel = (incident.channel or "").encode()
        source = self._memory.source_names.get((incident.source or "").encode())
        return names.get(channel) < 0 and (source < 0 or names.get(channel, 1 + source) < 0)
