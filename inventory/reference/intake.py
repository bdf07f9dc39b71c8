"""Records in: each is refused, waits for an identifier, or becomes a fact of its sku."""

import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from inventory.reference import lines, movements
from inventory.reference.causes import Entry
from inventory.reference.counting import Counting
from inventory.reference.errors import NotModelled
from inventory.reference.facts import Additive, SkuFacts, Told, Version
from inventory.reference.guards import Config, came_late, line_refusal, refusal, too_late
from inventory.reference.masterdata import MasterData
from inventory.reference.reservations import Decisions, Request
from inventory.reference.schema import ENVELOPED, MASTER_DATA, POS_LINE, Record, complete

Noted = tuple[str, str, str, str | None]
"""code, name of the record, its event_id (of master data: its key), line of a POS transaction."""


class Arrived(NamedTuple):
    """A record that passed the guards.

    Where of an event of a bundle only one component has to wait, the event names it under `component`.
    """

    name: str
    event: Record
    log_time: int


class Intake:
    """Everything folded so far.

    Identifiers are translated when a record is folded, and stay translated. A record with an identifier that
    is not known waits until it is, for ever if need be. There is no memory to save: neither ids nor lines
    are forgotten.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.master = MasterData(config)
        self.counting = Counting(config, self.master.names)
        self.facts = self.counting.facts
        self.decisions = Decisions()
        self.requests: list[Request] = []  # checked lines that nobody has decided yet, as they came
        self.waiting: dict[tuple[str, str], list[Arrived]] = {}
        self.dead_letters: list[Noted] = []
        self.exceptions: dict[Noted, None] = {}  # an ordered set

    def fold(
        self,
        record_name: str,
        value: Mapping[str, Any] | None,
        log_time: int,
        key: str,
        accept_beyond_horizon: bool,
    ) -> str | None:
        """See `ReferenceModel.fold`."""
        if record_name in MASTER_DATA:
            return self._fold_master(record_name, value, key, log_time)
        if record_name == "ReservationDecision" and value is not None:
            self.decisions.publish(value)
            return None
        if record_name not in ENVELOPED:
            raise NotModelled(record_name)
        if value is None:
            return self._refuse("undecodable", record_name, key)
        event = complete(ENVELOPED[record_name], value)
        if event is None:
            self.counting.refuse(record_name, value, log_time)
            return self._refuse("invalid_event", record_name, str(value.get("event_id", key)))
        code = refusal(
            record_name,
            event,
            log_time=log_time,
            config=self.config,
            accept_beyond_horizon=accept_beyond_horizon,
        )
        if code is not None:
            self.counting.refuse(record_name, event, log_time)
            return self._refuse(code, record_name, event["event_id"])
        event["source"] = sys.intern(event["source"])
        arrived = Arrived(record_name, event, log_time)
        if record_name == "PosTransaction":
            event["lines"] = self._accepted_lines(event)
        return self._place(arrived)

    def _fold_master(
        self, record_name: str, value: Mapping[str, Any] | None, key: str, log_time: int
    ) -> str | None:
        learned = self.master.fold(record_name, value, key, log_time)
        if learned.code is not None:
            return self._refuse(learned.code, record_name, learned.id)
        for alias in learned.conflicting_aliases:
            self.exceptions[("alias_conflict", record_name, learned.id, alias)] = None
        if learned.bundle_changed:
            self.exceptions[("bundle_changed", record_name, learned.id, None)] = None
        for identifier in learned.names:
            for arrived in self.waiting.pop((learned.kind, identifier), ()):
                self._place(arrived)
        return None

    def _refuse(self, code: str, record_name: str, event_id: str, line: str | None = None) -> str:
        self.dead_letters.append((code, record_name, event_id, line))
        return code

    def _accepted_lines(self, transaction: Record) -> list[Record]:
        accepted = []
        for value in transaction["lines"]:
            line = complete(POS_LINE, value)
            assert line is not None  # the transaction as a whole is complete
            code = line_refusal(line)
            if code is None:
                accepted.append(line)
            else:
                self._refuse(code, "PosTransaction", transaction["event_id"], line["line"])
        return accepted

    # Where a record belongs

    def _place(self, arrived: Arrived) -> str | None:
        """The code of the dead letter that the record becomes now that its sku is known, or None."""
        if arrived.name in ("StockCount", "ExpectedSupply") and self._is_of_bundle(arrived):
            # A kit that is packed before it is ordered is a sku of its own.
            self.counting.refuse(arrived.name, arrived.event, arrived.log_time)
            return self._refuse("bundle_sku", arrived.name, arrived.event["event_id"])
        match arrived.name:
            case "Reservation":
                self._place_reservation(arrived)
            case "StockCount":
                self._place_count(arrived)
            case "SnapshotMarker":
                self._place_marker(arrived)
            case "PosTransaction":
                self._place_transaction(arrived)
            case "StockMovement":
                self._place_movement(arrived)
            case "StockCorrection":
                self._place_correction(arrived)
            case "ExpectedSupply":
                self._place_supply(arrived)
        return None

    def _is_of_bundle(self, arrived: Arrived) -> bool:
        sku = self.master.names["sku"].resolve(arrived.event["source"], arrived.event["sku"])
        return sku is not None and bool(self.master.components(sku))

    def _rows(self, arrived: Arrived, sku: str, line: str | None = None) -> list[tuple[str, int]]:
        """The skus that an event of `sku` (of a POS transaction its `line`) is a fact of, each with how many
        units of it one unit is: the components of a bundle, or itself.

        A component that is not known waits alone; one that is a bundle itself is refused.
        """
        rows = []
        for component, quantity in (self.master.components(sku) or {sku: 1}).items():
            if arrived.event.get("component", component) != component:
                continue
            if component not in self.master.items:
                row = arrived._replace(event={**arrived.event, "component": component})
                self.waiting.setdefault(("sku", component), []).append(row)
            elif self.master.components(component):
                self._refuse("bundle_sku", arrived.name, arrived.event["event_id"], line)
            else:
                rows.append((component, quantity))
        return rows

    def _resolve(self, arrived: Arrived, kind: str, identifier: str) -> str | None:
        """The canonical identifier; None where it is not known, and then the record waits for it."""
        canonical = self.master.names[kind].resolve(arrived.event["source"], identifier)
        if canonical is None:
            self.waiting.setdefault((kind, identifier), []).append(arrived)
        return canonical

    def _sku_and_location(self, arrived: Arrived) -> tuple[str, str] | None:
        sku = self._resolve(arrived, "sku", arrived.event["sku"])
        if sku is None:
            return None
        location = self._resolve(arrived, "location", arrived.event["location"])
        return None if location is None else (sku, location)

    def _place_movement(self, arrived: Arrived) -> None:
        where = self._sku_and_location(arrived)
        if where is not None:
            sku, location = where
            channel = self._channel(arrived)
            for component, each in self._rows(arrived, sku):
                fact = movements.movement(times(arrived.event, each), location, channel)
                self._add(arrived, component, fact)

    def _place_correction(self, arrived: Arrived) -> None:
        where = self._sku_and_location(arrived)
        if where is not None:
            sku, location = where
            for component, each in self._rows(arrived, sku):
                self._add(arrived, component, movements.correction(times(arrived.event, each), location))

    def _place_transaction(self, arrived: Arrived) -> None:
        """Each line is a fact of its own, and waits alone where its sku is not known."""
        event = arrived.event
        location = self._resolve(arrived, "location", event["location"])
        if location is None:
            return
        channel = self._channel(arrived)
        for line in event["lines"]:
            alone = arrived._replace(event={**event, "lines": [line]})
            sku = self._resolve(alone, "sku", line["sku"])
            if sku is None:
                continue
            for component, each in self._rows(alone, sku, line["line"]):
                fact = movements.pos_line(times(line, each), event["occurred_at"], location, channel)
                self._add(arrived, component, fact, line["line"])

    def _channel(self, arrived: Arrived) -> str | None:
        """Whose sale it is. Stock that moved has moved: a channel that is not known holds nothing up."""
        event = arrived.event
        if event["channel"] is None:
            return None
        channel = self.master.names["channel"].resolve(event["source"], event["channel"])
        if channel is None:
            self._note("unknown_channel", arrived)
        return channel

    def _place_count(self, arrived: Arrived) -> None:
        event = arrived.event
        where = self._sku_and_location(arrived)
        if where is None:
            return
        if too_late(event, log_time=arrived.log_time, config=self.config):
            self._note("count_too_late", arrived)
            self.counting.refuse_late(event, *where)
            if not came_late(event, log_time=arrived.log_time, config=self.config):
                self.facts[where[0]].refuse(where[1])
            return
        self._note_conflict(self.counting.count(event, *where, arrived.log_time), arrived)

    def _place_marker(self, arrived: Arrived) -> None:
        event = arrived.event
        resolved = [self._resolve(arrived, "location", location) for location in event["locations"]]
        locations = frozenset(location for location in resolved if location is not None)
        if None in resolved:
            return
        if too_late(event, log_time=arrived.log_time, config=self.config):
            self._note("count_too_late", arrived)
            return
        self.counting.mark(event, locations, arrived.log_time)

    def _place_reservation(self, arrived: Arrived) -> None:
        event = arrived.event
        sku = self._resolve(arrived, "sku", event["sku"])
        if sku is None:
            return
        if event["action"] == "RELEASE":  # what it says of channel and location is ignored
            for component, each in self._rows(arrived, sku):
                self._add(arrived, component, movements.release(times(event, each)))
            return
        location = event["location"]
        if location is not None:
            location = self._resolve(arrived, "location", location)
            if location is None:
                return
        channel = self._resolve(arrived, "channel", event["channel"])
        if channel is None:
            return
        version = lines.version(event, channel, location)
        if event["mode"] == "CHECKED":
            self.requests.append(self._request(arrived, sku, version))
            return
        line_id = (event["reservation_id"], event["line"])
        # All components of a bundle compare the bytes of the bundle's event: the same version holds for each.
        for component, each in self._rows(arrived, sku):
            row = version._replace(quantity=version.quantity * each)
            if component != sku:
                row = row._replace(bundle=sku)
            told = self.facts[component].version(line_id, row)
            if told != "duplicate":
                self._remember(arrived, component, "fact_reservation", SkuFacts.version, line_id, row)
            if told == "conflict":
                self._note("conflicting_version", arrived)

    def _place_supply(self, arrived: Arrived) -> None:
        where = self._sku_and_location(arrived)
        if where is None:
            return
        (sku, location), event = where, arrived.event
        promise = lines.promise(event, location)
        told = self.facts[sku].promise(event["reference"], promise)
        if told != "duplicate":
            what = "expected_supply"
            self._remember(arrived, sku, what, SkuFacts.promise, event["reference"], promise)
        if told == "conflict":
            self._note("conflicting_version", arrived)

    def _request(self, arrived: Arrived, sku: str, version: Version) -> Request:
        event = arrived.event
        return Request(
            sku,
            (event["reservation_id"], event["line"]),
            version._replace(grace=self.config.confirm_grace_ms),
            event["allow_partial"],
            is_component=event["bundle"] is not None,
            log_time=arrived.log_time,
            source=event["source"],
            event_id=event["event_id"],
        )

    def grant(self, request: Request, granted: Version) -> None:
        """A request was decided: what was granted holds."""
        self.facts[request.sku].version(request.line_id, granted)
        self.counting.journal[request.sku].append(
            Entry(
                request.log_time,
                request.source,
                request.event_id,
                "checked_reservation",
                granted.occurred_at,
                SkuFacts.version,
                (request.line_id, granted),
            )
        )

    def _add(self, arrived: Arrived, sku: str, fact: Additive, line: str | None = None) -> None:
        event = arrived.event
        fact_id = (event["source"], event["event_id"], line)
        told = self.facts[sku].add(fact_id, fact)
        if told == "new":
            self._remember(arrived, sku, what_it_is(arrived), SkuFacts.add, fact_id, fact)
        self._note_conflict(told, arrived, line)

    def _remember(
        self, arrived: Arrived, sku: str, what: str, told: Callable[..., object], *arguments: Any
    ) -> None:
        event = arrived.event
        source, event_id = event["source"], event["event_id"]
        entry = Entry(arrived.log_time, source, event_id, what, event["occurred_at"], told, arguments)
        self.counting.journal[sku].append(entry)

    def _note_conflict(self, told: Told, arrived: Arrived, line: str | None = None) -> None:
        if told == "conflict":
            self._note("conflicting_duplicate", arrived, line)

    def _note(self, code: str, arrived: Arrived, line: str | None = None) -> None:
        self.exceptions[(code, arrived.name, arrived.event["event_id"], line)] = None


def times(event: Record, each: int) -> Record:
    """The event with `each` units for every unit that it names."""
    return event if each == 1 else {**event, "quantity": event["quantity"] * each}


def what_it_is(arrived: Arrived) -> str:
    """What people call an additive fact."""
    match arrived.name:
        case "PosTransaction":
            return "sale"
        case "StockMovement":
            return "shipment" if arrived.event["movement"] == "SHIP" else "movement"
        case "StockCorrection":
            return "correction"
        case _:
            return "release"
