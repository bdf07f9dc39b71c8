"""Incidents of master data: told where records are folded, ended by a later record of the same thing."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from inventory.batch import Incident, Master
from inventory.bundles import BundleError, read_parts
from inventory.incidents import Entry, Ledger, Sort, nested_bundle
from inventory.masters import Masters
from inventory.state import Memory

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


class CatalogIncidents:
    """Of one lane."""

    def __init__(self, memory: Memory, masters: Masters, ledger: Ledger) -> None:
        self._memory = memory
        self._masters = masters
        self._ledger = ledger

    def adopt(self, told: list[Incident], now: int) -> list[Incident]:
        """Keep what others in the lane told and cannot close; returns what is to be told of it."""
        out: list[Incident] = []
        for incident in told:
            sort = _ADOPTED.get(incident.code)
            if sort is None or incident.closed_at is not None or self._ledger.has_told(incident):
                out.append(incident)
            else:
                row = -1 if incident.sku is None else self._memory.sku_names.get(incident.sku.encode())
                self._ledger.begin(Entry(incident, sort, row, last=now), out, at_once=True)
        return out

    def see(self, masters: Sequence[Master], now: int, out: list[Incident]) -> None:
        """Master records were folded: what was wrong with earlier ones may be right now."""
        if not masters:
            return
        standing = self._ledger.of(Sort.CATALOG)
        bundles = self._masters.bundles
        for master in masters if standing or bundles else ():
            name = _name(master)
            for entry in standing:
                of = entry.incident
                concerned = name == (of.location if of.sku is None else of.sku)
                if concerned and not self._repeats(of, master.value):
                    self._ledger.end(entry.key, now, out)
            if master.record == "CatalogItem" and bundles.of(name).parts and self._is_sold(name):
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
