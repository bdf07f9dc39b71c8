"""What occurs in the records that were read back, counted: a proof of 0 differences must have looked at it all."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Any]
Position = tuple[str, str]
"""sku and location."""

_LATE_MS = 2_000
_LINE = ("reservation_id", "line", "sku")

WANTED = (
    "bundles", "ship-together bundles", "orders of bundles", "till lines of bundles",
    "fences in units", "fences in percent", "allocations",
    "expected orders", "expected orders that came, or a part", "rules that count what is on its way",
    "NET counts", "NET counts with orders inside",
    "counts before late sales", "counts after late sales",
    "NONZERO snapshots that are complete", "NONZERO snapshots that are not",
    "checked lines granted", "checked lines refused", "checked lines of bundles", "checked lines confirmed",
    "checked lines given back", "checked lines lapsed",
)  # fmt: skip
"""Everything that a demonstration has to contain."""


class Features:
    """Counts what it sees. Master data must be seen first, counts before sales and reservations, decisions last."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self._see = {
            "CatalogItem": self._item,
            "Location": self._location,
            "Policy": self._policy,
            "Allocation": self._allocation,
            "StockCount": self._count,
            "SnapshotMarker": self._marker,
            "StockMovement": self._movement,
            "Reservation": self._reservation,
            "PosTransaction": self._transaction,
            "ExpectedSupply": self._expected,
            "ReservationDecision": self._decision,
        }
        self._bundles: set[str] = set()
        self._places: dict[tuple[str, str], str] = {}
        self._gross: defaultdict[Position, list[tuple[int, int]]] = defaultdict(list)
        self._net: defaultdict[Position, set[int]] = defaultdict(set)
        self._sizes: dict[tuple[str, str], int] = {}
        self._items: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        self._promised: set[tuple[str, str]] = set()
        self._received: set[tuple[str, str]] = set()
        self._lines: dict[tuple[str, ...], Fields] = {}

    def see(self, record: str, fields: Fields, log_time: int) -> None:
        """Take a record that could be read."""
        look = self._see.get(record)
        if look is not None:
            look(fields, log_time)

    def finish(self, now: int) -> None:
        """All records were seen; `now` (ms) tells what has lapsed."""
        for batch, items in self._sizes.items():
            is_complete = len(self._items[batch]) == items
            self.counted[f"NONZERO snapshots that are {'complete' if is_complete else 'not'}"] += 1
        self.counted["expected orders"] = len(self._promised)
        self.counted["expected orders that came, or a part"] = len(self._promised & self._received)
        for decision in self._lines.values():
            if decision["action"] == "CONFIRM":
                self.counted["checked lines confirmed"] += 1
            elif decision["action"] == "CANCEL":
                self.counted["checked lines given back"] += 1
            elif (decision["expires_at"] or now) < now:
                self.counted["checked lines lapsed"] += 1

    def missing(self) -> list[str]:
        """What of `WANTED` does not occur."""
        return [name for name in WANTED if not self.counted[name]]

    # -- master data ---------------------------------------------------------------------------------------------

    def _item(self, item: Fields, log_time: int) -> None:
        if item["bundle"] and item["sku"] not in self._bundles:
            self._bundles.add(item["sku"])
            self.counted["bundles"] += 1
            self.counted["ship-together bundles"] += item["ship_together"]

    def _location(self, location: Fields, log_time: int) -> None:
        for alias in json.loads(location["definition"]).get("aliases") or ():
            self._places[alias["source"], alias["identifier"]] = location["id"]

    def _policy(self, policy: Fields, log_time: int) -> None:
        if policy["layer"] == "ring_fence" and policy["status"] == "ACTIVE":
            self.counted[
                "fences in percent" if '"percent"' in policy["definition"] else "fences in units"
            ] += 1
        elif policy["layer"] == "in_transit" and policy["status"] == "ACTIVE":
            self.counted["rules that count what is on its way"] += 1

    def _allocation(self, allocation: Fields, log_time: int) -> None:
        self.counted["allocations"] += 1

    # -- facts ---------------------------------------------------------------------------------------------------

    def _place(self, event: Fields) -> str:
        location: str = event["location"]
        return self._places.get((event["source"], location), location)

    def _count(self, count: Fields, log_time: int) -> None:
        if count["batch"] is not None:
            self._items[count["source"], count["batch"]["batch_id"]].add(count["batch"]["sequence"])
        elif count["basis"] == "NET":
            self.counted["NET counts"] += 1
            self._net[count["sku"], self._place(count)].add(count["demand_as_of"] or count["counted_at"])
        elif count["counter"] == "ON_HAND" and count["basis"] == "GROSS":
            self._gross[count["sku"], count["location"]].append((count["counted_at"], log_time))

    def _marker(self, marker: Fields, log_time: int) -> None:
        if marker["mode"] == "NONZERO" and marker["marker"] == "END":
            self._sizes[marker["source"], marker["batch_id"]] = marker["items"]

    def _movement(self, movement: Fields, log_time: int) -> None:
        if movement["reference"] is not None and movement["movement"] in ("RECEIPT", "TRANSFER_IN"):
            self._received.add((movement["reference"], movement["sku"]))

    def _expected(self, line: Fields, log_time: int) -> None:
        self._promised.add((line["reference"], line["sku"]))

    def _reservation(self, event: Fields, log_time: int) -> None:
        if event["mode"] == "CHECKED":
            return
        self.counted["orders of bundles"] += event["sku"] in self._bundles and event["action"] == "PLACE"
        if event["action"] == "PLACE" and event["location"] is not None:
            counted = self._net.get((event["sku"], self._place(event)), set())
            inside = {instant for instant in counted if event["occurred_at"] <= instant}
            self.counted["NET counts with orders inside"] += len(inside)
            counted -= inside

    def _transaction(self, sale: Fields, log_time: int) -> None:
        sold, location = sale["occurred_at"], sale["location"]
        for line in sale["lines"]:
            if line["sku"] in self._bundles:
                self.counted["till lines of bundles"] += 1
            for counted, told in self._gross.get((line["sku"], location), ()):
                if sold <= counted and told < log_time:
                    self.counted["counts before late sales"] += 1
                elif log_time - sold >= _LATE_MS and log_time < counted:
                    self.counted["counts after late sales"] += 1

    # -- decisions -----------------------------------------------------------------------------------------------

    def _decision(self, decision: Fields, log_time: int) -> None:
        """The first of a version stands; of a line the last version that was granted."""
        line = tuple(decision[name] for name in _LINE)
        if decision["reason"] == "conflict":
            return
        if decision["version"] == 1 and line not in self._lines:
            granted = decision["outcome"] != "REFUSED"
            self.counted[f"checked lines {'granted' if granted else 'refused'}"] += 1
            self.counted["checked lines of bundles"] += granted and decision["line"] == "c"
        known = self._lines.get(line)
        if decision["outcome"] != "REFUSED" and (known is None or known["version"] < decision["version"]):
            self._lines[line] = decision
