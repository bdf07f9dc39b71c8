"""SnapshotMarkers: judged as facts are, sent to the lane of their source, and told to its books."""

from collections.abc import Mapping
from typing import Any

from inventory.admission import ACCEPT_BEYOND_HORIZON, LONGEST_NAME, Guards
from inventory.batch import DeadLetter, Incident, Marker, Outputs
from inventory.markers import Markers
from inventory.masters import Masters
from inventory.murmur import shard_of
from inventory.names import ABSENT
from inventory.parking import Parked, Parking
from inventory.reasons import REASONS


class MarkerRecords:
    """Of one lane."""

    def __init__(self, guards: Guards, masters: Masters, parking: Parking, markers: Markers) -> None:
        self._guards = guards
        self._masters = masters
        self._parking = parking
        self._markers = markers

    def fold(self, marker: Marker, now: int, log_clock: int, out: Outputs) -> None:
        """Take one marker, or put it aside."""
        value, message, g = marker.value, marker.message, self._guards
        code = _refusal(value, message.log_time, message.flags, g)
        if code is not None:
            out.dead_letters.append(DeadLetter(code, REASONS[code], message))
            return
        source, batch = str(value["source"]), str(value["batch_id"])
        home = shard_of(source.encode()) % g.lanes
        if home != g.lane:
            out.released.append((home, message))
            return
        locations = set()
        for identifier in value["locations"]:
            ordinal = self._resolve(source, identifier)
            if ordinal == ABSENT:
                dead = self._parking.put(Parked("location", identifier, log_clock, None, message))
                out.dead_letters += [dead] if dead else []
                return
            locations.add(self._masters.network.id_of_location(ordinal))
        lost = value["as_of"] < self._masters.memory.since[0]
        if lost or message.log_time - min(_instants(value)) > g.count_horizon:
            out.incidents.append(
                Incident("count_too_late", None, None, f"{source}/{batch}", now, source=source,
                         events=(str(value["event_id"]),), detail={"batch_id": batch})
            )  # fmt: skip
            return
        gross = value["basis"] == "GROSS"
        said = {
            "mode": value["mode"],
            "locations": sorted(locations),
            "basis": value["basis"],
            "net_of": "HARD" if gross else value["net_of"],
            "demand_as_of": None if gross else value["demand_as_of"],
            "as_of": value["as_of"],
        }
        items = int(value["items"]) if value["marker"] == "END" else None
        self._markers.book(source, batch, now, log_clock).mark(said, items)
        self._markers.settle(source, batch, now, out)

    def _resolve(self, source: str, identifier: str) -> int:
        names = self._masters.memory.location_names
        number = self._masters.memory.source_names.get(source.encode())
        if number != ABSENT:
            bound = names.get(identifier.encode(), 1 + number)
            if bound != ABSENT:
                return bound
        return names.get(identifier.encode())


def _instants(value: Mapping[str, Any]) -> list[int]:
    """When the stock was so, and up to when the source's orders are in its numbers."""
    net = value["basis"] != "GROSS" and value["demand_as_of"] is not None
    return [int(value["as_of"]), int(value["demand_as_of"])] if net else [int(value["as_of"])]


def _is_name(text: str) -> bool:
    return 0 < len(text.encode()) <= LONGEST_NAME


def _refusal(value: Mapping[str, Any], log_time: int, flags: int, g: Guards) -> str | None:
    """The dead-letter code of a marker, or None."""
    named = value["event_id"] and value["source"] and value["batch_id"]
    if not named or not value["locations"] or not all(map(_is_name, value["locations"])):
        return "invalid_event"
    if value["items"] < 0:
        return "invalid_quantity"
    if max(value["occurred_at"], value["recorded_at"], *_instants(value)) > log_time + g.clock_tolerance:
        return "from_the_future"
    if log_time - value["recorded_at"] > g.dedupe_horizon and not flags & ACCEPT_BEYOND_HORIZON:
        return "beyond_horizon"
    return None
