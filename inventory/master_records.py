"""Folding master data into a lane: the last record of a key wins."""

import json
from collections.abc import Mapping
from typing import Any

from inventory.aliases import Alias, Aliases, Claim
from inventory.allocations import AllocationError, Arrival
from inventory.batch import Control, ControlKind, DeadLetter, Master, Outputs
from inventory.bundles import BundleError, read_parts
from inventory.incidents import alias_conflict, bundle_changed, nested_bundle
from inventory.masters import MasterError, Masters
from inventory.murmur import shard_of
from inventory.network import NetworkError
from inventory.parking import Parking
from inventory.policies import RuleError
from inventory.positions import mark_moved
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

    def fold(self, master: Master, tell: bool, now: int, out: Outputs) -> None:
        """Take one record; one that cannot be applied is a dead letter. `tell`: claims go out at once."""
        try:
            if master.record in ("Location", "Channel"):
                self._fold_place(master, now, out)
            elif master.record == "Policy":
                self._masters.put_policy(master.key, master.value, now, master.message.log_time)
            elif master.record == "Allocation":
                self._fold_allocation(master, out)
            else:
                self._fold_item(master, tell, now, out)
        except (NetworkError, RuleError, MasterError, AllocationError, BundleError) as error:
            # Every lane reads the topics of one partition: one of them tells.
            if self._number == 0 or master.record in ("CatalogItem", "Allocation"):
                code = getattr(error, "code", "invalid_event")
                out.dead_letters.append(DeadLetter(code, str(error), master.message))

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

    def _sent_home(self, master: Master, sku: str, out: Outputs) -> bool:
        """Whether a record belongs to a sku of another lane, and was sent there."""
        home = shard_of(sku) % self._lanes
        if home == self._number:
            return False
        if master.value is None:  # without a value there is no row to send
            payload = {"sku": sku, "record": master.record}
            out.controls.append((home, Control(ControlKind.RETIRED, payload)))
        else:
            out.released.append((home, master.message))
        return True

    def _fold_allocation(self, master: Master, out: Outputs) -> None:
        sku = master.key if master.value is None else str(master.value["sku"])
        if self._sent_home(master, sku, out):
            return
        at = Arrival(master.message.log_time, master.carrier, master.carrier_offset)
        row = self._masters.put_allocation(sku, master.value, at)
        if row >= 0:
            mark_moved(self._memory.state(), row)

    def _fold_item(self, master: Master, tell: bool, now: int, out: Outputs) -> None:
        value = master.value
        sku = master.key if value is None else str(value["sku"])
        if self._sent_home(master, sku, out):
            return
        known = self._memory.sku_names.get(sku.encode()) >= 0
        row = self._masters.retire_item(sku) if value is None else self._masters.put_item(value)
        if row < 0:
            return  # the tombstone of a sku that was never known
        self._memory.raise_offset(row, master.carrier, master.carrier_offset)
        mark_moved(self._memory.state(), row)
        out.folded["CatalogItem"] = out.folded.get("CatalogItem", 0) + 1
        if value is not None:
            self._fold_bundle(sku, row, value, known, tell, now, out)
            self._wake("sku", sku, out)
            aliases = [Alias(str(a["source"]), str(a["identifier"]), sku) for a in value.get("aliases") or []]
            since = master.message.log_time
            self._aliases.claim([Claim(since, alias) for alias in aliases], tell, out)

    def _fold_bundle(
        self, sku: str, row: int, value: Mapping[str, Any], known: bool, tell: bool, now: int, out: Outputs
    ) -> None:
        """What a catalog record, which was folded, says of the components."""
        bundles = self._masters.bundles
        fixed = bundles.of(sku)
        parts = read_parts(value)
        if known and parts != fixed.parts:
            out.incidents.append(bundle_changed(sku, fixed.parts, parts, now))
        if not known:
            self._masters.components.appear(sku)
        if not fixed.parts:
            return
        if not known:
            for carrier, offset in bundles.carried(row):
                self._memory.raise_offset(row, carrier, offset)
            out.incidents += [nested_bundle(sku, part, now) for part in bundles.nested(sku)]
        asks = bundles.ship(sku, bool(value.get("ship_together"))) or not known
        if asks and tell:
            out.controls += bundles.ask([sku])

    def _wake(self, what: str, identifier: str, out: Outputs) -> None:
        """Send what waited for an identifier through `routed` again, to be judged anew."""
        waiting = self._parking.release(what, identifier)
        out.released += [(self._number, message) for message in waiting]
