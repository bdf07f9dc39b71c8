"""Incidents that the numbers of a sku show: told of those that have stood for the delay, ended when they are over."""

from dataclasses import replace
from typing import Any

from inventory.batch import Incident
from inventory.causes import Causes
from inventory.columns import Ints
from inventory.incidents import Entry, Key, Ledger, Names, Sort
from inventory.late_counts import event_id_of
from inventory.masters import Masters
from inventory.numbers import Rules
from inventory.positions import anchor_row, mark_moved
from inventory.snapshots import Snapshots
from inventory.state import Memory
from inventory.tables import find
from inventory.trail import Trail
from inventory.views import Views
from inventory.wrong_numbers import CLAMPED, CODES, MISSING, NEGATIVE, OVERSOLD, UNMET_DEMAND, mark_missing
from inventory.wrongs import Wrongs


class NumberIncidents:
    """Of one lane."""

    def __init__(
        self, memory: Memory, masters: Masters, snapshots: Snapshots, names: Names, ledger: Ledger, trail: Trail
    ) -> None:  # fmt: skip
        self._memory = memory
        self._masters = masters
        self._snapshots = snapshots
        self._names = names
        self._ledger = ledger
        self._wrongs = Wrongs(memory)
        self._causes = Causes(memory, trail)

    def see(self, views: Views, skus: Ints, rules: Rules, now: int, out: list[Incident]) -> None:
        """The numbers of `skus` were computed by `rules`."""
        masters = self._masters
        fresh, gone = self._wrongs.look(
            views, skus, rules, masters.bundles.kits, self._snapshots.feeds(), now
        )
        self._causes.see(skus, fresh)
        for ended in gone:
            key = self._key(ended.sku, ended.place, ended.bit)
            if ended.told:
                self._ledger.end(key, now, out)
            else:  # an earlier life may have told it
                out.append(replace(self._incident(key, ended.place, ended.bit, ended.since), closed_at=now))

    def tell(self, before: int, out: list[Incident]) -> None:
        """What has been wrong since an instant (ms) or longer is told."""
        for row in self._wrongs.due(before):
            wrong = self._wrongs.row(row)
            sku, place, bit, since = (int(wrong[field]) for field in ("sku", "place", "bit", "since"))
            incident = self._incident(self._key(sku, place, bit), place, bit, since)
            incident = self._explained(incident, row, sku, place, bit, int(wrong["units"]))
            self._ledger.begin(Entry(incident, Sort.NUMBERS, sku, last=since), out, at_once=True)

    def _key(self, sku: int, place: int, bit: int) -> Key:
        name = self._names.sku(sku)
        if bit == UNMET_DEMAND:
            return CODES[bit], name, None, f"channel {self._masters.network.id_of_channel(place)}"
        return CODES[bit], name, self._names.place(place), "position"

    def _incident(self, key: Key, place: int, bit: int, since: int) -> Incident:
        channel = self._masters.network.id_of_channel(place) if bit == UNMET_DEMAND else None
        return Incident(*key, since, channel=channel)

    def _explained(
        self, incident: Incident, row: int, sku: int, place: int, bit: int, units: int
    ) -> Incident:
        detail: dict[str, Any] = {"open" if bit == CLAMPED else "units": units}
        if bit in (NEGATIVE, OVERSOLD, UNMET_DEMAND):
            causes = self._causes.of(row)
            detail["causes"] = [cause.to_json() for cause in causes]
            if causes:
                incident = replace(
                    incident, source=causes[0].source, correlation_id=causes[0].correlation_id,
                    events=tuple(dict.fromkeys(cause.event_id for cause in causes)),
                )  # fmt: skip
        elif bit == CLAMPED:
            source, event = self._count(sku, place)
            incident = replace(incident, source=source, events=(event,))
        elif bit == MISSING:
            source, batch = self._snapshots.full.batch_at(place)
            detail["batch_id"] = batch
            incident = replace(incident, source=source)
        return replace(incident, detail=detail)

    def _count(self, sku: int, place: int) -> tuple[str, str]:
        """Source and event id of the last count."""
        state, anchors = self._memory.state(), self._memory.stores["anchors"].table.rows
        position = int(find(self._memory.stores["positions"].table, sku << 32 | place))
        anchor = anchor_row(state, position, 0)
        source = self._memory.source_names.text(int(anchors["source"][anchor]))
        return source.decode(errors="replace"), event_id_of(anchors, anchor).decode(errors="replace")

    def see_feeds(self, places: set[int]) -> None:
        """A newer FULL batch of these locations: the numbers of what it leaves out, or puts right, are looked at."""
        mark_missing(
            self._memory.state(),
            self._memory.stores["positions"].used(),
            list(places),
            self._snapshots.feeds(),
        )
        for sku in self._wrongs.skus_with(MISSING, places):
            mark_moved(self._memory.state(), sku)

    def resume(self) -> None:
        """After a start."""
        self._wrongs.resume()
