"""Incidents of reservation lines and expected lines: what is in trouble when the delay is over, until it is not."""

import numpy as np

from inventory.batch import Incident
from inventory.incidents import Entry, Ledger, Names, Sort
from inventory.state import Memory
from inventory.suspects import Suspect, Suspects
from inventory.troubles import CODES, LINE, SUPPLY, troubles_of


class LineIncidents:
    """Of one lane. `suspects`: what was in trouble after a record."""

    def __init__(self, memory: Memory, names: Names, ledger: Ledger) -> None:
        self._memory = memory
        self._names = names
        self._ledger = ledger
        self.suspects = Suspects(memory)

    def tell(self, before: int, out: list[Incident]) -> list[int]:
        """What was in trouble at an instant (ms) or before, and is, is told. Returns the skus of these."""
        return [self._begin(suspect, out) for suspect in self.suspects.due(before)]

    def _begin(self, suspect: Suspect, out: list[Incident]) -> int:
        rows = self._memory.stores["lines" if suspect.sort == LINE else "supply"].table.rows
        sku = int(rows["sku"][suspect.row])
        for bit, code in CODES.items():
            if suspect.bits & bit:
                incident = Incident(
                    code, self._names.sku(sku), None, suspect.name, suspect.since, source=suspect.source,
                    correlation_id=suspect.correlation_id, events=(suspect.event_id,),
                )  # fmt: skip
                sort = Sort.LINE if suspect.sort == LINE else Sort.SUPPLY
                entry = Entry(incident, sort, sku, suspect.row, suspect.key, suspect.since)
                self._ledger.begin(entry, out, at_once=True)
        return sku

    def stands(self, entry: Entry) -> bool:
        """Whether the line is in that trouble still."""
        found = np.zeros(1, np.int32)
        sort = LINE if entry.sort is Sort.LINE else SUPPLY
        troubles_of(
            self._memory.state(), np.array([sort], np.int32), np.array([entry.place], np.int32),
            np.array([entry.number], np.int64), found,
        )  # fmt: skip
        return any(found[0] & bit and code == entry.incident.code for bit, code in CODES.items())
