"""Incidents of reservation lines and expected lines: what is in trouble when the delay is over, until it is not."""

from typing import Any

import numpy as np

from inventory.batch import Incident
from inventory.incidents import MOST_EVENTS, Entry, Ledger, Names, Sort
from inventory.state import NO_LINE_YET, Memory
from inventory.supply import OPEN, received_since
from inventory.suspects import Suspect, Suspects
from inventory.trail import Trail
from inventory.troubles import CODES, LINE, SUPPLY, troubles_of


class LineIncidents:
    """Of one lane. `trail`: the facts folded lately; `suspects`: what was in trouble after a record."""

    def __init__(self, memory: Memory, names: Names, ledger: Ledger, trail: Trail) -> None:
        self._memory = memory
        self._names = names
        self._ledger = ledger
        self.suspects = Suspects(memory, trail)

    def tell(self, before: int, out: list[Incident]) -> list[int]:
        """What was in trouble at an instant (ms) or before, and is, is told. Returns the skus of these."""
        of_line: dict[tuple[int, int, int], list[Suspect]] = {}
        for suspect in self.suspects.due(before):
            of_line.setdefault((suspect.sort, suspect.row, suspect.key), []).append(suspect)
        return [self._begin(suspects, out) for suspects in of_line.values()]

    def _begin(self, suspects: list[Suspect], out: list[Incident]) -> int:
        """`suspects`: of one line, in the order in which they were noted."""
        sku, detail = self._looked_at(suspects[0])
        for bit, code in CODES.items():
            found = [suspect for suspect in suspects if suspect.bits & bit]
            if found:
                suspect = found[0]
                events = tuple(dict.fromkeys(each.event_id for each in found))[:MOST_EVENTS]
                incident = Incident(
                    code, self._names.sku(sku), None, suspect.name, suspect.since, source=suspect.source,
                    correlation_id=suspect.correlation_id, events=events, detail=detail,
                )  # fmt: skip
                sort = Sort.LINE if suspect.sort == LINE else Sort.SUPPLY
                entry = Entry(incident, sort, sku, suspect.row, suspect.key, suspect.since)
                self._ledger.begin(entry, out, at_once=True)
        return sku

    def _looked_at(self, suspect: Suspect) -> tuple[int, dict[str, Any]]:
        """The sku, and what a person needs to see why: the line as it is now, `version` and `ordered` (or `promised`)
        only where somebody has told it."""
        row = self._memory.stores["lines" if suspect.sort == LINE else "supply"].table.rows[suspect.row]
        known = int(row["version"]) != NO_LINE_YET
        detail: dict[str, Any] = {}
        if suspect.sort == LINE:
            detail |= {"reservation_id": suspect.of, "line": suspect.line}
            if known:
                detail |= {"version": int(row["version"]), "ordered": int(row["quantity"])}
            detail |= {"released": int(row["released"]), "consumed": int(row["consumed"])}
        else:
            promised = int(row["quantity"]) if int(row["status"]) == OPEN else 0
            received = int(received_since(self._memory.state(), suspect.row))
            detail |= {
                "reference": suspect.of,
                "version": int(row["version"]),
                "promised": promised,
                "received": received,
            }
        return int(row["sku"]), detail

    def stands(self, entry: Entry) -> bool:
        """Whether the line is in that trouble still."""
        found = np.zeros(1, np.int32)
        sort = LINE if entry.sort is Sort.LINE else SUPPLY
        troubles_of(
            self._memory.state(), np.array([sort], np.int32), np.array([entry.place], np.int32),
            np.array([entry.number], np.int64), found,
        )  # fmt: skip
        return any(found[0] & bit and code == entry.incident.code for bit, code in CODES.items())
