"""Folding master data into a lane: the last record of a key wins."""

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from inventory.aliases import Alias, Aliases, Claim
from inventory.allocations import AllocationError, Arrival
from inventory.batch import Control, ControlKind, DeadLetter, Master, Outputs
from inventory.bundles import BundleError
from inventory.incidents import alias_conflict, bundle_changed, nested_bundle
from inventory.masters import Item, MasterError, Masters, read_item
from inventory.murmur import shard_of, shards_of
from inventory.network import NetworkError
from inventory.parking import Parking
from inventory.policies import RuleError
from inventory.positions import mark_each_moved, mark_moved
from inventory.state import Memory


class MasterRecords:
    """Puts records where they belong, and wakes what waited for the identifiers they bring."""

    def __init__(
        self, number: int, lanes: int, memory: Memory, masters: Masters, aliases: Aliases, parking: Parking
    ) -> None:
        self._number = number
        self._lanes = lanes
        self._memory = memory
        self._masters = masters
        self._aliases = aliases
        self._parking = parking

    def fold(self, masters: Sequence[Master], tell: bool, now: int, out: Outputs) -> None:
        """Take records in their order; one that cannot be applied is a dead letter. `tell`: claims go out at once."""
        for of_items, run in groupby(masters, lambda master: master.record == "CatalogItem"):
            if of_items:
                self._fold_items(list(run), tell, now, out)
            else:
                for master in run:
                    self._fold_other(master, now, out)

    def _fold_other(self, master: Master, now: int, out: Outputs) -> None:
        try:
            if master.record == "Policy":
                self._masters.put_policy(master.key, master.value, now, master.message.log_time)
            elif master.record == "Allocation":
                self._fold_allocation(master, out)
            else:
                self._fold_place(master, now, out)
        except (NetworkError, RuleError, AllocationError) as error:
            # Every lane reads the topics of one partition: one of them tells.
            if self._number == 0 or master.record == "Allocation":
                out.dead_letters.append(_dead(master, error))

    def _fold_place(self, master: Master, now: int, out: Outputs) -> None:
        sort = master.record.lower()
        place = master.key.removeprefix(f"{sort}:")
        conflicts = self._masters.put_place(sort, place, master.value)
        if self._number == 0:  # every lane reads of it: one of them tells
            out.incidents += [alias_conflict(conflict, place, now) for conflict in conflicts]
        out.network_changed = True
        self._wake(sort, place, out)
        known = self._masters.documents.get(f"{sort}:{place}") or {}
        for alias in json.loads(str(known.get("definition") or "{}")).get("aliases", []):
            self._wake(sort, alias["identifier"], out)

    def _send_home(self, master: Master, sku: str, home: int, out: Outputs) -> None:
        """A record belongs to a sku of another lane."""
        if master.value is None:  # without a value there is no row to send
            payload = {"sku": sku, "record": master.record}
            out.controls.append((home, Control(ControlKind.RETIRED, payload)))
        else:
            out.released.append((home, master.message))

    def _fold_allocation(self, master: Master, out: Outputs) -> None:
        sku = master.key if master.value is None else str(master.value["sku"])
        home = shard_of(sku) % self._lanes
        if home != self._number:
            self._send_home(master, sku, home, out)
            return
        at = Arrival(master.message.log_time, master.carrier, master.carrier_offset)
        row = self._masters.put_allocation(sku, master.value, at)
        if row >= 0:
            mark_moved(self._memory.state(), row)

    def _fold_items(self, run: list[Master], tell: bool, now: int, out: Outputs) -> None:
        """Catalog records, one after the other. Their skus are looked up, and numbered, all at once."""
        skus = [master.key if master.value is None else str(master.value["sku"]) for master in run]
        names = [sku.encode() for sku in skus]
        shards = shards_of(names)
        homes = (shards % self._lanes).tolist()
        items = [_read(sku, master.value) for sku, master in zip(skus, run, strict=True)]
        applies = np.fromiter((isinstance(item, Item) for item in items), np.bool_, len(items))
        following = len(self._memory.stores["skus"])
        rows = self._memory.number_skus(names, shards, applies & (shards % self._lanes == self._number))
        folded = []
        for master, sku, home, item, row in zip(run, skus, homes, items, rows.tolist(), strict=True):
            if home != self._number:
                self._send_home(master, sku, home, out)
            elif isinstance(item, Exception):
                out.dead_letters.append(_dead(master, item))
            elif row >= 0:  # else the tombstone of a sku that was never known
                new = row == following
                following += new
                folded.append(row)
                self._memory.raise_offset(row, master.carrier, master.carrier_offset)
                if item is None:
                    self._masters.retire_item(row)
                else:
                    self._fold_item(item, row, new, master.message.log_time, tell, now, out)
        if folded:
            mark_each_moved(self._memory.state(), np.array(folded, np.int32))
            out.folded["CatalogItem"] = out.folded.get("CatalogItem", 0) + len(folded)

    def _fold_item(
        self, item: Item, row: int, new: bool, since: int, tell: bool, now: int, out: Outputs
    ) -> None:
        """The record, of the log time `since` (ms), of the sku at `row`, which is the first to name it if `new`."""
        self._masters.put_item(item, row, new=new)
        self._fold_bundle(item, row, new, tell, now, out)
        self._wake("sku", item.sku, out)
        aliases = [
            Alias(str(a["source"]), str(a["identifier"]), item.sku) for a in item.record.get("aliases") or []
        ]
        self._aliases.claim([Claim(since, alias) for alias in aliases], tell, out)

    def _fold_bundle(self, item: Item, row: int, new: bool, tell: bool, now: int, out: Outputs) -> None:
        """What it says of the components."""
        bundles, sku = self._masters.bundles, item.sku
        fixed = bundles.of(sku)
        if not new and item.parts != fixed.parts:
            out.incidents.append(bundle_changed(sku, fixed.parts, item.parts, now))
        if new:
            self._masters.components.appear(sku)
        if not fixed.parts:
            return
        if new:
            for carrier, offset in bundles.carried(row):
                self._memory.raise_offset(row, carrier, offset)
            out.incidents += [nested_bundle(sku, part, now) for part in bundles.nested(sku)]
        asks = bundles.ship(sku, bool(item.record.get("ship_together"))) or new
        if asks and tell:
            out.controls += bundles.ask([sku])

    def _wake(self, what: str, identifier: str, out: Outputs) -> None:
        """Send what waited for an identifier through `routed` again, to be judged anew."""
        waiting = self._parking.release(what, identifier)
        out.released += [(self._number, message) for message in waiting]


def _read(sku: str, record: Mapping[str, Any] | None) -> Item | MasterError | BundleError | None:
    """A catalog record, why it cannot be applied, or None of a tombstone."""
    try:
        return None if record is None else read_item(sku, record)
    except (MasterError, BundleError) as error:
        return error


def _dead(master: Master, error: Exception) -> DeadLetter:
    return DeadLetter(getattr(error, "code", "invalid_event"), str(error), master.message)
