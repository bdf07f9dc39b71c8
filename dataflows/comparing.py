"""A stock list against the lanes: every row looked up as of its own time, every difference with what is known of it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dataflows.causes import Cause, Evidence
from dataflows.evidence import category_of, evidence_of, why_not_told
from dataflows.parked import AtPlace, waiting_at
from dataflows.stock_list import Listed
from inventory.counting import AVAILABLE, GROSS, NET_OF_SOFT_AND_HARD
from inventory.hindsight import Hindsight, as_of
from inventory.lane import Lane
from inventory.murmur import shard_of
from wire.codec import Codec


class Difference(NamedTuple):
    """A place of a sku where the list and the engine disagree, or a row that cannot be compared.

    `sku`, `location`: canonical, "" where unknown. `listed`: the row, of several for one place the first; None where
    the list has none. `quantity`: what the list says; `units`: the same as physical units, `on_hand` the engine's.
    `cause` is given where it is plain, with its sentence in `told`; else `evidence` is to be judged.
    """

    sku: str
    location: str
    category: str
    listed: Listed | None
    quantity: int | None
    units: int | None
    on_hand: int | None
    at: int
    cause: Cause | None
    told: str
    evidence: Evidence | None


class Comparison(NamedTuple):
    """`rows` of the list for `places` different places; of these `demanded` with open demand. `until` (ms): up to when
    the engine had read everything."""

    differences: list[Difference]
    rows: int
    places: int
    demanded: int
    until: int


class Entry(NamedTuple):
    """What a list says of one place of a sku: the sum of its rows, of which `listed` is the first."""

    listed: Listed
    quantity: int
    withheld: int
    rows: int


def compare(
    rows: Sequence[Listed], lanes: Iterable[Lane], codec: Codec, source: str, *, net_of: int, partial: bool
) -> Comparison:
    """Compare the rows with all lanes, which are taken one by one. `net_of`: which demand a number that is not GROSS
    leaves out; `partial`: that a place is not in the list says nothing."""
    comparing = _Comparing(rows, codec, source, net_of, partial)
    for lane in lanes:
        comparing.take(lane)
    return comparing.told()


class _Comparing:
    def __init__(self, rows: Sequence[Listed], codec: Codec, source: str, net_of: int, partial: bool) -> None:
        self._rows = rows
        self._codec = codec
        self._source = source
        self._net_of = net_of
        self._partial = partial
        self._found: list[Difference] = []
        self._entries: dict[int, dict[tuple[str, str], Entry]] = {}
        self._newest: dict[str, int] = {}
        self._unknown: set[tuple[str, str]] = set()
        self._counts: Counter[str] = Counter()
        self._until: list[int] = []
        self._parked: AtPlace = {}
        self._resolved = False

    def told(self) -> Comparison:
        """When all lanes were taken."""
        return Comparison(
            [self._with_parked(each) for each in self._found],
            len(self._rows),
            self._counts["places"],
            self._counts["demanded"],
            min(self._until, default=0),
        )

    def take(self, lane: Lane) -> None:
        """Compare what of the list belongs to a lane."""
        if not self._resolved:
            self._resolve(lane)
            self._resolved = True
        self._until.append(min(lane.log_clock, lane.now))
        for place, waiting in waiting_at(lane, self._codec).items():
            self._parked.setdefault(place, []).extend(waiting)
        self._compare(lane, self._entries.get(lane.number, {}))

    def _with_parked(self, found: Difference) -> Difference:
        """Parked events may be of a place: those of its sku, and of one that nobody knows; dated by then. They wait in
        any lane."""
        if found.evidence is None:
            return found
        waiting = [
            each
            for named, each in self._parked.get(found.location, ())
            if named in (None, found.sku) and each.occurred_at <= found.at
        ]
        return found._replace(evidence=found.evidence._replace(waiting=waiting))

    # -- identifiers ---------------------------------------------------------------------------------------------

    def _resolve(self, lane: Lane) -> None:
        """Sort the rows by lane; all lanes know the same aliases. The place of a row that cannot be read is unknown: it
        neither agrees nor differs, whatever else is listed of it."""
        skus: dict[str, tuple[str, int]] = {}
        for row in self._rows:
            location = self._location(lane, row)
            if row.fault:
                if row.sku and location is not None:
                    self._unknown.add((lane.masters.owner(self._source, row.sku) or row.sku, location))
                self._plain(row, Cause.UNREADABLE, row.fault)
            elif location is None:
                told = (
                    f"nobody has published a location {row.location!r}, nor that {self._source} calls one so"
                )
                self._plain(row, Cause.UNKNOWN_LOCATION, told)
            else:
                if row.sku not in skus:
                    sku = lane.masters.owner(self._source, row.sku) or row.sku
                    skus[row.sku] = sku, shard_of(sku) % lane.lanes
                sku, number = skus[row.sku]
                self._enter(number, sku, location, row)

    def _location(self, lane: Lane, row: Listed) -> str | None:
        network = lane.masters.network
        ordinal = network.location_alias.get(
            (self._source, row.location), network.location_ordinal.get(row.location)
        )
        return None if ordinal is None else network.id_of_location(ordinal)

    def _enter(self, number: int, sku: str, location: str, row: Listed) -> None:
        entries = self._entries.setdefault(number, {})
        known = entries.get((sku, location))
        if known is None:
            entries[sku, location] = Entry(row, row.quantity, row.withheld, 1)
        elif (known.listed.basis, known.listed.at) != (row.basis, row.at):
            first = known.listed.line
            self._unknown.add((sku, location))
            told = f"line {first} is of the same place with another basis or time"
            self._plain(row, Cause.UNREADABLE, told)
        else:
            entries[sku, location] = known._replace(
                quantity=known.quantity + row.quantity, withheld=known.withheld + row.withheld, rows=known.rows + 1
            )  # fmt: skip
        self._newest[location] = max(self._newest.get(location, row.at), row.at)

    def _plain(self, row: Listed, cause: Cause, told: str, sku: str = "", location: str = "") -> None:
        quantity = None if cause is Cause.UNREADABLE else row.quantity
        self._found.append(
            Difference(sku, location, "", row, quantity, None, None, row.at, cause, told, None)
        )

    # -- numbers -------------------------------------------------------------------------------------------------

    def _compare(self, lane: Lane, entries: Mapping[tuple[str, str], Entry]) -> None:
        ordinal = lane.masters.network.location_ordinal
        kept: list[tuple[tuple[str, str], Entry, int]] = []
        for (sku, location), entry in entries.items():
            if (sku, location) in self._unknown:
                continue
            row = lane.memory.sku_names.get(sku.encode())
            if row < 0:
                told = (
                    f"nobody has published a sku {entry.listed.sku!r}, nor that {self._source} calls one so"
                )
                self._plain(entry.listed, Cause.UNKNOWN_SKU, told, location=location)
            elif lane.masters.bundles.at(row) is not None:
                self._plain(entry.listed, Cause.BUNDLE, "a bundle has no stock of its own", sku, location)
            else:
                kept.append(((sku, location), entry, row))
        rows = np.array([row for _, _, row in kept], np.int32)
        places = np.array([ordinal[key[1]] for key, _, _ in kept], np.int32)
        at = np.array([entry.listed.at for _, entry, _ in kept], np.int64)
        then = as_of(lane.memory, rows, places, at)
        basis = np.array([entry.listed.basis for _, entry, _ in kept], np.int64)
        demand = then.all if self._net_of == NET_OF_SOFT_AND_HARD else then.hard
        declared = np.where(basis == GROSS, 0, demand)
        listed = np.array([entry.quantity for _, entry, _ in kept], np.int64)
        withheld = np.array([entry.withheld for _, entry, _ in kept], np.int64)
        units = listed + declared + np.where(basis == AVAILABLE, withheld, 0)
        self._counts["places"] += len(kept)
        self._counts["demanded"] += int((then.all > 0).sum())
        cannot = ~then.told | ((basis != GROSS) & ~then.demand_told)
        for i in np.flatnonzero((units != then.on_hand) | cannot).tolist():
            (sku, location), entry, row = kept[i]
            found = Difference(
                sku, location, category_of(lane, row), entry.listed, entry.quantity, int(units[i]),
                int(then.on_hand[i]), int(at[i]), None, "", None,
            )  # fmt: skip
            if cannot[i]:
                cause, told = why_not_told(lane, row, int(places[i]), int(at[i]))
                found = found._replace(on_hand=None, units=None, cause=cause, told=told)
                self._found.append(found)
            else:
                evidence = evidence_of(lane, row, int(places[i]), int(at[i]), int(units[i] - then.on_hand[i]))
                evidence = evidence._replace(
                    basis=entry.listed.basis, declared=int(declared[i]), hard=int(then.hard[i]),
                    all=int(then.all[i]),
                )  # fmt: skip
                self._found.append(found._replace(evidence=evidence))
        if not self._partial:
            listed_there = {(row, int(place)) for (_, _, row), place in zip(kept, places, strict=True)}
            self._not_listed(lane, listed_there | self._unknown_of(lane))

    def _unknown_of(self, lane: Lane) -> set[tuple[int, int]]:
        ordinal, rows = lane.masters.network.location_ordinal, lane.memory.sku_names
        return {(rows.get(sku.encode()), ordinal[location]) for sku, location in self._unknown}

    def _not_listed(self, lane: Lane, listed: set[tuple[int, int]]) -> None:
        """Places of the list's locations that have stock and are not in it."""
        ordinal = lane.masters.network.location_ordinal
        newest = {ordinal[location]: at for location, at in self._newest.items()}
        keys = lane.memory.stores["positions"].used()["key"]
        skus, places = keys >> 32, keys & 0xFFFFFFFF
        mine = [
            (int(sku), int(place))
            for sku, place in zip(skus.tolist(), places.tolist(), strict=True)
            if place in newest and (sku, place) not in listed
        ]
        if not mine:
            return
        pairs = np.array(mine, np.int64)
        at = np.array([newest[place] for _, place in mine], np.int64)
        then: Hindsight = as_of(lane.memory, pairs[:, 0].astype(np.int32), pairs[:, 1].astype(np.int32), at)
        for i in np.flatnonzero((then.on_hand != 0) & then.told).tolist():
            sku, place = mine[i]
            evidence = evidence_of(lane, sku, place, int(at[i]), -int(then.on_hand[i]))
            self._found.append(
                Difference(
                    lane.sku(sku), lane.place(place), category_of(lane, sku), None, None, None, int(then.on_hand[i]),
                    int(at[i]), Cause.NOT_LISTED, "the engine has units there, and the list has no row", evidence,
                )
            )  # fmt: skip
