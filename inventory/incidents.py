"""The incidents of a lane: what stands, since when, and what people were told of it.

An incident has one name for ever: (code, sku, location, cause). What disorder alone may cause is told only when it has
stood for the delay; everything closes when its cause is gone, or when nothing more is known of it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import takewhile
from typing import Any, Protocol

from inventory.batch import Incident
from inventory.network import AliasConflict

Key = tuple[str, str | None, str | None, str]
"""code, sku, location, cause."""

MOST_EVENTS = 8
MOST = 10_000
"""Incidents of one code that a lane keeps. Beyond them one incident without a sku says that there are more."""
_ROOM_AGAIN = MOST * 9 // 10


class Names(Protocol):
    """Rows of skus and ordinals of locations to names."""

    def sku(self, row: int) -> str: ...
    def place(self, ordinal: int) -> str: ...


class Sort(IntEnum):
    """How an incident ends."""

    NUMBERS = 0
    """When the sku's numbers no longer show it: its row among the wrong ones ends."""
    LINE = 1
    """When the line is no longer in that trouble. `place`: its row, `number`: its hash."""
    SUPPLY = 2
    """The same of an expected line."""
    COUNT = 3
    """When the counter was counted later. `place`: location ordinal, `count`: the count that came too late."""
    LASTING = 4
    """Nothing can undo it: some time after it was last seen."""
    CHANNEL = 5
    """When the channel is known, or as what is lasting."""
    CATALOG = 6
    """By a later catalog record."""
    BEYOND = 7
    """When there is room again for incidents of its code."""


@dataclass(slots=True)
class Entry:
    """An incident that stands. Its `opened_at` is since when; `last` (ms): when it was last seen. `row`: of its sku, -1
    none. `told`: it is open. `restored`: an earlier life may have told it."""

    incident: Incident
    sort: Sort
    row: int = -1
    place: int = -1
    number: int = 0
    last: int = 0
    count: tuple[Any, ...] = ()
    told: bool = False
    restored: bool = False

    @property
    def key(self) -> Key:
        return key_of(self.incident)


def key_of(incident: Incident) -> Key:
    """The name of an incident."""
    return incident.code, incident.sku, incident.location, incident.cause


class Ledger:
    """`delay` (ms) passes before what disorder can cause is told, `lasting` (ms) before what nothing can undo closes.
    `lane` is the number that tells what is beyond the bound of one lane from that of another."""

    def __init__(self, delay: int, lasting: int, lane: int) -> None:
        self.delay = delay
        self._lasting = lasting
        self._lane = lane
        self.entries: dict[Key, Entry] = {}
        self._waiting: dict[Key, None] = {}  # in the order of `opened_at`
        self._fading: dict[Key, None] = {}  # what is lasting, in the order of `last`
        self._of_row: dict[int, dict[Key, None]] = {}
        self._counts: Counter[str] = Counter()
        self._changed: dict[Key, None] = {}

    def of_row(self, row: int) -> list[Entry]:
        """What stands for a sku."""
        return [self.entries[key] for key in self._of_row.get(row, ())]

    def of(self, sort: Sort) -> list[Entry]:
        """What ends in one way."""
        return [entry for entry in self.entries.values() if entry.sort is sort]

    def rows(self) -> list[int]:
        """The skus for which something stands."""
        return list(self._of_row)

    def has_told(self, incident: Incident) -> bool:
        """Whether this is what the ledger itself has told."""
        entry = self.entries.get(key_of(incident))
        return entry is not None and entry.incident is incident

    # -- beginning ---------------------------------------------------------------------------------------------------

    def begin(self, entry: Entry, out: list[Incident], *, at_once: bool) -> None:
        """Something stands. What was known already is only seen again."""
        key = entry.key
        known = self.entries.get(key)
        if known is not None:
            self._see_again(known, entry)
        elif self._counts[entry.incident.code] >= MOST and entry.sort is not Sort.BEYOND:
            self._tell_beyond(entry, out)
        else:
            self._enter(key, entry)
            if at_once:
                self._tell(key, entry, out)
            else:
                self._waiting[key] = None

    def _enter(self, key: Key, entry: Entry) -> None:
        self.entries[key] = entry
        self._counts[entry.incident.code] += entry.sort is not Sort.BEYOND
        if entry.row >= 0:
            self._of_row.setdefault(entry.row, {})[key] = None
        if entry.sort in (Sort.LASTING, Sort.CHANNEL):
            self._fading[key] = None
        self._changed[key] = None

    def _see_again(self, known: Entry, entry: Entry) -> None:
        known.last = max(known.last, entry.last)
        known.count = max(known.count, entry.count)
        if known.sort in (Sort.LINE, Sort.SUPPLY):
            known.place, known.number = entry.place, entry.number
        if not known.told:
            events = dict.fromkeys((*known.incident.events, *entry.incident.events))
            known.incident = replace(known.incident, events=tuple(events)[:MOST_EVENTS])
        if known.key in self._fading:
            self._fading.pop(known.key)
            self._fading[known.key] = None
        self._changed[known.key] = None

    def _tell_beyond(self, entry: Entry, out: list[Incident]) -> None:
        code, at = entry.incident.code, entry.last
        many = Incident(
            code, None, None, f"beyond the bound of lane {self._lane}", at, detail={"known": MOST}
        )
        self.begin(Entry(many, Sort.BEYOND, last=at), out, at_once=True)

    def _tell(self, key: Key, entry: Entry, out: list[Incident]) -> None:
        entry.told = True
        self._changed[key] = None
        out.append(entry.incident)

    # -- ending ------------------------------------------------------------------------------------------------------

    def end(self, key: Key, now: int, out: list[Incident]) -> None:
        """Its cause is gone."""
        entry = self.entries.pop(key, None)
        if entry is None:
            return
        self._changed[key] = None
        self._waiting.pop(key, None)
        self._fading.pop(key, None)
        if entry.row >= 0:
            self._of_row[entry.row].pop(key)
            if not self._of_row[entry.row]:
                del self._of_row[entry.row]
        if entry.told or entry.restored:
            out.append(replace(entry.incident, closed_at=now))
        code = entry.incident.code
        if entry.sort is not Sort.BEYOND:
            self._counts[code] -= 1
            if self._counts[code] == _ROOM_AGAIN:
                self.end((code, None, None, f"beyond the bound of lane {self._lane}"), now, out)

    def pass_time(
        self, now: int, log_clock: int, stands: Callable[[Entry], bool], out: list[Incident]
    ) -> None:
        """Tell what has stood for the delay: every record of its time has been read by then."""
        for key in list(
            takewhile(
                lambda key: self.entries[key].incident.opened_at + self.delay <= log_clock, self._waiting
            )
        ):
            entry = self.entries[key]
            if stands(entry):
                del self._waiting[key]
                self._tell(key, entry, out)
            else:
                self.end(key, now, out)
        for key in list(takewhile(lambda key: self.entries[key].last + self._lasting < now, self._fading)):
            self.end(key, now, out)

    # -- the journal -------------------------------------------------------------------------------------------------

    def changes(self) -> list[list[Any]]:
        """What changed since the last time."""
        changed = self.told(self._changed)
        self._changed.clear()
        return changed

    def told(self, keys: Iterable[Key]) -> list[list[Any]]:
        """What stands under some names; of a name under which nothing does None."""
        return [[*key, _to_json(self.entries.get(key))] for key in keys]

    def load(self, dumped: list[list[Any]]) -> None:
        """Take back what dumps gave, in their order."""
        kept: dict[Key, Any] = {}
        for code, sku, location, cause, value in dumped:
            kept.pop((code, sku, location, cause), None)
            if value is not None:
                kept[code, sku, location, cause] = value
        entries = {key: _from_json(key, value) for key, value in kept.items()}
        for key, entry in sorted(entries.items(), key=lambda item: item[1].incident.opened_at):
            self._enter(key, entry)
            if not entry.told:
                entry.restored = True
                self._waiting[key] = None
        for key in sorted(self._fading, key=lambda key: self.entries[key].last):
            self._fading[key] = self._fading.pop(key)
        self._changed.clear()


def _to_json(entry: Entry | None) -> Any:
    if entry is None:
        return None
    i = entry.incident
    return [
        [i.opened_at, i.channel, i.source, i.correlation_id, list(i.events), dict(i.detail)],
        int(entry.sort), entry.row, entry.place, entry.number, entry.last, list(entry.count), entry.told,
    ]  # fmt: skip


def _from_json(key: Key, kept: list[Any]) -> Entry:
    (
        (opened_at, channel, source, correlation_id, events, detail),
        sort,
        row,
        place,
        number,
        last,
        count,
        told,
    ) = kept
    incident = Incident(
        *key, opened_at, channel=channel, source=source, correlation_id=correlation_id, events=tuple(events),
        detail=detail,
    )  # fmt: skip
    return Entry(incident, Sort(sort), row, place, number, last, tuple(count), told)


def alias_conflict(conflict: AliasConflict, location: str | None, now: int) -> Incident:
    """A record of `location`, or of the sku that is the claimant, names an alias that belongs to another."""
    return Incident(
        "alias_conflict", conflict.claimant if location is None else None, location,
        f"{conflict.source}:{conflict.identifier}", now, source=conflict.source,
        detail={"identifier": conflict.identifier, "owner": conflict.owner, "claimant": conflict.claimant},
    )  # fmt: skip


def bundle_changed(sku: str, kept: Mapping[str, int], told: Mapping[str, int], now: int) -> Incident:
    """A later catalog record of a sku has other components, and was folded without them. `kept`, `told`: units of each
    component, by the first record and by this one."""
    detail = {"components": dict(kept), "told": dict(told)}
    return Incident("bundle_changed", sku, None, "catalog", now, detail=detail)


def nested_bundle(sku: str, component: str, now: int) -> Incident:
    """A component of a bundle is itself one, so that nothing can be shown of it."""
    return Incident("nested_bundle", sku, None, component, now, detail={"component": component})
