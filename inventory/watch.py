"""What is wrong in a lane, watched: facts and numbers say what begins, and are asked again whether it still stands."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from inventory.admission import Admitted
from inventory.aside import pos_line
from inventory.batch import Incident, Master, Slice
from inventory.bundles import BundleError, read_parts
from inventory.causes import Cause, Recent, at_location, in_channel
from inventory.columns import CORRELATION_ID, EVENT_ID, LOCATION, SOURCE, Ints, Longs
from inventory.folding import CONFLICTING_DUPLICATE, COUNT_TOO_LATE, UNKNOWN_CHANNEL, Notes
from inventory.incidents import MOST_EVENTS, Entry, Ledger, Sort, nested_bundle
from inventory.jit import kernel
from inventory.masters import Masters
from inventory.positions import anchor_row, mark_moved
from inventory.requests import Request
from inventory.snapshots import Snapshots
from inventory.state import Memory, State
from inventory.suspects import Suspect, Suspects
from inventory.tables import find
from inventory.ties import text_of
from inventory.troubles import CODES as TROUBLE_CODES
from inventory.troubles import LINE, troubles_of
from inventory.views import Views
from inventory.wrong_numbers import (
    CLAMPED,
    MISSING,
    NEGATIVE,
    OVERSOLD,
    UNMET_DEMAND,
    UNSEEN,
    Feeds,
    Wrong,
    is_missing,
)
from inventory.wrong_numbers import CODES as NUMBER_CODES
from inventory.wrong_numbers import changed as changed_numbers
from inventory.wrong_numbers import wrong as wrong_numbers

COUNTERS = ("ON_HAND", "DAMAGED", "QUALITY_CONTROL", "BLOCKED")
_CHANNEL = 5  # a text of movements and till lines
_COUNTED_AT, _SEQUENCE, _COUNTER = 3, 4, 9  # longs of StockCount
_MOST_EXPLAINED = 64
"""Skus of one step whose facts are searched for causes."""

_ADOPTED = {
    "alias_conflict": Sort.CATALOG,
    "bundle_changed": Sort.CATALOG,
    "nested_bundle": Sort.CATALOG,
    "count_too_late": Sort.LASTING,
}
"""How what others in the lane tell ends."""


def _aliases(record: Mapping[str, Any] | None) -> list[list[str]]:
    """Source and identifier of what a record claims."""
    if record is None:
        return []
    given = (
        json.loads(record["definition"]).get("aliases", [])
        if "definition" in record
        else record.get("aliases")
    )
    return [[str(alias["source"]), str(alias["identifier"])] for alias in given or []]


def _name(master: Master) -> str:
    """Of which sku or place a record is."""
    if master.record in ("Location", "Channel"):
        return master.key.removeprefix(f"{master.record.lower()}:")
    return str((master.value or {}).get("sku", master.key))


class Names(Protocol):
    """Rows and ordinals to names."""

    def sku(self, row: int) -> str: ...
    def place(self, ordinal: int) -> str: ...


@kernel
def _mark_missing(s: State, rows: Ints, feeds: Feeds) -> None:
    for i in range(rows.size):
        if is_missing(s, rows[i], feeds):
            mark_moved(s, s.positions.rows["key"][rows[i]] >> 32)


class Watch:
    """Of one lane. All times in ms: `delay` before what disorder can cause is told, `lasting` before what nothing can
    undo closes, `tolerance` after which a fact is late. `forgotten` is set when lines or their history were."""

    def __init__(
        self, lane: int, delay: int, lasting: int, tolerance: int, memory: Memory, masters: Masters,
        snapshots: Snapshots, names: Names,
    ) -> None:  # fmt: skip
        self._memory = memory
        self._masters = masters
        self._snapshots = snapshots
        self._names = names
        self._tolerance = tolerance
        self.ledger = Ledger(delay, lasting, lane)
        self.suspects = Suspects(memory)
        self.recent = Recent(tolerance)
        self.forgotten = False
        self._marks: Longs = np.zeros(0, np.int64)
        self._watched = np.zeros(0, np.bool_)

    # -- what facts say ----------------------------------------------------------------------------------------------

    def see_facts(
        self,
        part: Slice,
        verdict: Admitted,
        found: Notes,
        too_late: Iterable[int],
        now: int,
        out: list[Incident],
    ) -> None:
        """A slice was folded: what its records say against others, and which lines they left in trouble.
        `too_late`: counts that were refused before they were folded."""
        self.recent.add(part, verdict)
        for i in too_late:
            self._count_too_late(part, verdict, i, now, out)
        if found.head[0] == 0:
            return
        told = slice(int(found.head[0]))
        for j in np.flatnonzero(found.code[told] <= UNKNOWN_CHANNEL).tolist():
            code, i = int(found.code[j]), int(found.record[j])
            if code == COUNT_TOO_LATE:
                self._count_too_late(part, verdict, i, now, out)
            elif code == CONFLICTING_DUPLICATE:
                self._conflicting_duplicate(part, verdict, i, now, out)
            else:
                self._unknown_channel(part, verdict, i, now, out)
        self.suspects.take(part, found, now)

    def see_request(self, row: int, request: Request, now: int) -> None:
        """A checked version became the line's in a row, or was kept beside it."""
        identity = request.identity
        self.suspects.take_line(row, identity.reservation_id, identity.line, request.event_id, now)

    def _noted(self, code: str, part: Slice, verdict: Admitted, i: int, cause: str, now: int) -> Incident:
        c = part.columns
        texts = {f: text_of(c, f, i) for f in (EVENT_ID, SOURCE, CORRELATION_ID, LOCATION)}
        readable = {f: None if t is None else t.decode(errors="replace") for f, t in texts.items()}
        return Incident(
            code, self._names.sku(int(verdict.sku[i])), readable[LOCATION], cause, now, source=readable[SOURCE],
            correlation_id=readable[CORRELATION_ID], events=(readable[EVENT_ID] or "",),
        )  # fmt: skip

    def _conflicting_duplicate(
        self, part: Slice, verdict: Admitted, i: int, now: int, out: list[Incident]
    ) -> None:
        event = (text_of(part.columns, EVENT_ID, i) or b"").decode(errors="replace")
        line = pos_line(part, i)
        cause = event if line is None else f"{event}/{line}"
        incident = self._noted("conflicting_duplicate", part, verdict, i, cause, now)
        self.ledger.begin(Entry(incident, Sort.LASTING, int(verdict.sku[i]), last=now), out, at_once=True)

    def _unknown_channel(self, part: Slice, verdict: Admitted, i: int, now: int, out: list[Incident]) -> None:
        channel = (text_of(part.columns, _CHANNEL, i) or b"").decode(errors="replace")
        source = (text_of(part.columns, SOURCE, i) or b"").decode(errors="replace")
        incident = self._noted("unknown_channel", part, verdict, i, f"{source}/{channel}", now)
        incident = replace(incident, location=None, channel=channel)
        self.ledger.begin(Entry(incident, Sort.CHANNEL, int(verdict.sku[i]), last=now), out, at_once=False)

    def _count_too_late(self, part: Slice, verdict: Admitted, i: int, now: int, out: list[Incident]) -> None:
        longs, sku, place = part.columns.longs, int(verdict.sku[i]), int(verdict.location[i])
        counter = int(longs[_COUNTER, i])
        incident = self._noted("count_too_late", part, verdict, i, COUNTERS[counter], now)
        count = (
            int(longs[_COUNTED_AT, i]), int(longs[_SEQUENCE, i]), incident.source or "", incident.events[0], counter,
        )  # fmt: skip
        incident = replace(
            incident,
            location=self._names.place(place),
            detail={"counter": incident.cause, "counted_at": count[0]},
        )
        self._begin_count(incident, sku, place, count, now, out)

    def _begin_count(
        self, incident: Incident, sku: int, place: int, count: tuple[Any, ...], now: int, out: list[Incident]
    ) -> None:
        entry = Entry(incident, Sort.COUNT, sku, place, last=now, count=count)
        if not self._counted_since(entry):
            self._watch(sku)
            self.ledger.begin(entry, out, at_once=False)

    def see_batches(self, now: int, out: list[Incident]) -> None:
        """Snapshot batches took effect."""
        for (source, batch), as_of, position in self._snapshots.refused:
            sku, place = position >> 32, position & 0xFFFFFFFF
            incident = Incident(
                "count_too_late", self._names.sku(sku), self._names.place(place), COUNTERS[0], now, source=source,
                detail={"counter": COUNTERS[0], "counted_at": as_of, "batch_id": batch},
            )  # fmt: skip
            self._begin_count(incident, sku, place, (as_of, 0, source, batch, 0), now, out)
        for (source, batch), said, place in self._snapshots.zeroed:
            self.recent.add_zeroed(source, batch, place, now - int(said["as_of"]) > self._tolerance)
        self._snapshots.refused.clear()
        self._snapshots.zeroed.clear()
        if self._snapshots.full.fresh:
            self._look_at_feeds(self._snapshots.full.fresh)
            self._snapshots.full.fresh.clear()

    def _look_at_feeds(self, places: set[int]) -> None:
        """A newer FULL batch of these locations: the numbers of what it leaves out, or puts right, are looked at."""
        feeds, state = self._snapshots.feeds(), self._memory.state()
        keys = self._memory.stores["positions"].used()["key"]
        rows = np.flatnonzero(np.isin(keys & 0xFFFFFFFF, list(places))).astype(np.int32)
        _mark_missing(state, rows, feeds)
        for entry in self.ledger.of(Sort.NUMBERS):
            if entry.number == MISSING and entry.place in places:
                mark_moved(state, entry.row)

    # -- what numbers say --------------------------------------------------------------------------------------------

    def see_numbers(self, views: Views, skus: Ints, all_of_them: bool, now: int, out: list[Incident]) -> None:
        """The numbers of `skus` were computed; `all_of_them`: no other ones wait."""
        self._size()
        deleted, feeds = self._masters.network.channel_deleted, self._snapshots.feeds()
        state = self._memory.state()
        places = changed_numbers(state, views, skus, deleted, self._masters.bundles.kits, feeds, self._marks)
        for explained, i in enumerate(places.tolist()):
            row = int(skus[i])
            found = list(wrong_numbers(state, views, skus, i, deleted, feeds))
            standing = {(each.bit, each.place): each for each in found}
            known = {
                (entry.number, entry.place): entry
                for entry in self.ledger.of_row(row)
                if entry.sort is Sort.NUMBERS
            }
            for at in known.keys() - standing.keys():
                self.ledger.end(known[at].key, now, out)
            new = [standing[at] for at in standing if at not in known]
            if new:
                causes = self.recent.of(row) if explained < _MOST_EXPLAINED else []
                for each in new:
                    self._begin_number(row, each, causes, now, out)
        self._look_again(skus[self._watched[skus]].tolist(), now, out)
        if all_of_them:
            self.recent.clear()

    def _begin_number(
        self, row: int, found: Wrong, causes: list[Cause], now: int, out: list[Incident]
    ) -> None:
        code, sku = NUMBER_CODES[found.bit], self._names.sku(row)
        detail: dict[str, Any] = {"open" if found.bit == CLAMPED else "units": found.units}
        incident = Incident(code, sku, None, "position", now, detail=detail)
        if found.bit == UNMET_DEMAND:
            channel = self._masters.network.id_of_channel(found.place)
            incident = replace(incident, cause=f"channel {channel}", channel=channel)
            causes = in_channel(causes)
        else:
            incident = replace(incident, location=self._names.place(found.place))
            causes = at_location(causes, found.place)
        if found.bit in (NEGATIVE, OVERSOLD, UNMET_DEMAND):
            causes = causes[:MOST_EVENTS]
            detail["causes"] = [cause.to_json() for cause in causes]
            if causes:
                incident = replace(
                    incident, source=causes[0].source, correlation_id=causes[0].correlation_id,
                    events=tuple(dict.fromkeys(cause.event_id for cause in causes)),
                )  # fmt: skip
        elif found.bit == CLAMPED:
            incident = replace(incident, source=self._source_of_count(row, found.place))
        elif found.bit == MISSING:
            source, batch = self._snapshots.full.batch_at(found.place)
            detail["batch_id"] = batch
            incident = replace(incident, source=source)
        self.ledger.begin(
            Entry(incident, Sort.NUMBERS, row, found.place, found.bit, last=now), out, at_once=False
        )

    def _source_of_count(self, sku: int, place: int) -> str:
        anchors = self._memory.stores["anchors"].table.rows
        anchor = anchor_row(self._memory.state(), self._position(sku, place), 0)
        return self._memory.source_names.text(int(anchors["source"][anchor])).decode(errors="replace")

    # -- whether it still stands -------------------------------------------------------------------------------------

    def pass_time(self, now: int, log_clock: int, out: list[Incident]) -> None:
        """Time has passed: what has stood for the delay is told, and what nothing can undo closes."""
        if self.forgotten:
            self.forgotten = False
            self._look_again(np.flatnonzero(self._watched).tolist(), now, out)
        for suspect in self.suspects.due(log_clock - self.ledger.delay):
            self._begin_suspect(suspect, out)
        self.ledger.pass_time(now, log_clock, self._stands, out)

    def _begin_suspect(self, suspect: Suspect, out: list[Incident]) -> None:
        rows = self._memory.stores["lines" if suspect.sort == LINE else "supply"].table.rows
        sku = int(rows["sku"][suspect.row])
        for bit, code in TROUBLE_CODES.items():
            if suspect.bits & bit:
                incident = Incident(
                    code, self._names.sku(sku), None, suspect.name, suspect.since, source=suspect.source,
                    correlation_id=suspect.correlation_id, events=(suspect.event_id,),
                )  # fmt: skip
                sort = Sort.LINE if suspect.sort == LINE else Sort.SUPPLY
                entry = Entry(incident, sort, sku, suspect.row, suspect.key, suspect.since)
                self._watch(sku)
                self.ledger.begin(entry, out, at_once=True)

    def _stands(self, entry: Entry) -> bool | None:
        match entry.sort:
            case Sort.NUMBERS:  # as of the last look; where another one is due, that will tell
                return None if self._memory.is_moved(entry.row) else True
            case Sort.LINE | Sort.SUPPLY:
                return self._in_trouble(entry)
            case Sort.COUNT:
                return not self._counted_since(entry)
            case Sort.CHANNEL:
                return not self._channel_known(entry.incident)
            case _:
                return True

    def _look_again(self, skus: Iterable[int], now: int, out: list[Incident]) -> None:
        """At the lines and the late counts of some skus."""
        for row in skus:
            rest = False
            for entry in self.ledger.of_row(row):
                if entry.sort in (Sort.LINE, Sort.SUPPLY, Sort.COUNT):
                    if self._stands(entry):
                        rest = True
                    else:
                        self.ledger.end(entry.key, now, out)
            self._watched[row] = rest

    def see_network(self, now: int, out: list[Incident]) -> None:
        """Channels may have become known."""
        for entry in self.ledger.of(Sort.CHANNEL):
            if self._channel_known(entry.incident):
                self.ledger.end(entry.key, now, out)

    def _in_trouble(self, entry: Entry) -> bool:
        found = np.zeros(1, np.int32)
        sort = 0 if entry.sort is Sort.LINE else 1
        troubles_of(
            self._memory.state(), np.array([sort], np.int32), np.array([entry.place], np.int32),
            np.array([entry.number], np.int64), found,
        )  # fmt: skip
        return any(found[0] & bit and code == entry.incident.code for bit, code in TROUBLE_CODES.items())

    def _counted_since(self, entry: Entry) -> bool:
        """Whether the counter's count is not less than the one that came too late."""
        counted_at, sequence, source, event_id, counter = entry.count
        position = self._position(entry.row, entry.place)
        row = -1 if position < 0 else int(anchor_row(self._memory.state(), position, counter))
        if row < 0:
            return False
        anchors = self._memory.stores["anchors"].table.rows
        name = self._memory.source_names.text(int(anchors["source"][row]))
        has = int(anchors["counted_at"][row]), int(anchors["sequence"][row]), name
        late = counted_at, sequence, source.encode()
        return has > late or (has == late and self._event_id(row) >= event_id.encode())

    def _event_id(self, row: int) -> bytes:
        anchors = self._memory.stores["anchors"].table.rows
        length, text = int(anchors["length"][row]), b""
        while row >= 0 and len(text) < length:
            text += b"".join(int(anchors[f"word_{k}"][row]).to_bytes(8, "big") for k in range(5))
            row = int(anchors["next"][row])
        return text[:length]

    def _channel_known(self, incident: Incident) -> bool:
        channel = (incident.channel or "").encode()
        names, source = (
            self._memory.channel_names,
            self._memory.source_names.get((incident.source or "").encode()),
        )
        return names.get(channel) >= 0 or (source >= 0 and names.get(channel, 1 + source) >= 0)

    def _position(self, sku: int, place: int) -> int:
        return int(find(self._memory.stores["positions"].table, sku << 32 | place))

    # -- what others tell --------------------------------------------------------------------------------------------

    def adopt(self, told: list[Incident], now: int) -> list[Incident]:
        """Keep what others in the lane told and cannot close; returns what is to be told of it."""
        out: list[Incident] = []
        for incident in told:
            sort = _ADOPTED.get(incident.code)
            if sort is None or incident.closed_at is not None or self.ledger.has_told(incident):
                out.append(incident)
            else:
                row = -1 if incident.sku is None else self._memory.sku_names.get(incident.sku.encode())
                self.ledger.begin(Entry(incident, sort, max(row, -1), last=now), out, at_once=True)
        return out

    def see_masters(self, masters: Sequence[Master], now: int, out: list[Incident]) -> None:
        """Master records were folded: what was wrong with earlier ones may be right now."""
        if not masters:
            return
        standing = self.ledger.of(Sort.CATALOG)
        bundles = self._masters.bundles
        for master in masters if standing or bundles else ():
            name = _name(master)
            for entry in standing:
                of = entry.incident
                concerned = name == (of.location if of.sku is None else of.sku)
                if concerned and not self._repeats(of, master.value):
                    self.ledger.end(entry.key, now, out)
            if (
                master.record == "CatalogItem" and bundles.of(name).parts and self._is_sold(name)
            ):  # again, perhaps
                out += self.adopt([nested_bundle(name, part, now) for part in bundles.nested(name)], now)

    def _repeats(self, incident: Incident, record: Mapping[str, Any] | None) -> bool:
        """Whether a later record of the same thing still gives cause for an incident."""
        if incident.code == "alias_conflict":
            return [incident.source, incident.detail["identifier"]] in _aliases(record)
        assert incident.sku is not None, "of bundles"
        if record is None or not self._is_sold(incident.sku):
            return False
        if incident.code == "nested_bundle":
            return True
        try:
            return read_parts(record) != self._masters.bundles.of(incident.sku).parts
        except BundleError:
            return True

    def _is_sold(self, sku: str) -> bool:
        row = self._memory.sku_names.get(sku.encode())
        return row >= 0 and bool(self._memory.stores["skus"].table.rows["active"][row])

    # -- bookkeeping -------------------------------------------------------------------------------------------------

    def _size(self) -> None:
        skus = self._memory.stores["skus"].table.rows.size
        if self._marks.size < skus:
            self._marks = np.concatenate([self._marks, np.zeros(skus - self._marks.size, np.int64)])
            self._watched = np.concatenate([self._watched, np.zeros(skus - self._watched.size, np.bool_)])

    def _watch(self, row: int) -> None:
        self._size()
        self._watched[row] = True

    def resume(self) -> None:
        """After a start: look at every sku for which something stands as if for the first time."""
        self._size()
        for row in self.ledger.rows():
            self._marks[row] = UNSEEN
            self._watched[row] = True
