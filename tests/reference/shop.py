"""A small shop in front of the reference model: facts in one line each, with sensible defaults."""

import json
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from inventory.reference import ChannelNumbers, Config, NodeNumbers, ReferenceModel

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

NOW = 1_790_000_000_000
"""When the tests look, ms. Facts are dated relative to it: `at=-HOUR`."""

SKU = "SKU-1"
Record = dict[str, Any]


class Shop:
    """One model with locations, channels and one sku. Times of facts are milliseconds relative to `NOW`."""

    def __init__(
        self,
        *,
        locations: Iterable[str] = ("DC1",),
        channels: Mapping[str, Mapping[str, Any]] | None = None,
        skus: Iterable[str] = (SKU,),
        config: Config | None = None,
    ) -> None:
        self.model = ReferenceModel(config) if config else ReferenceModel()
        self._ids = count()
        for location in locations:
            self.location(location)
        for channel, selector in ({"web": {}} if channels is None else channels).items():
            self.channel_record(channel, selector)
        for sku in skus:
            self.item(sku)

    # Master data

    def location(self, name: str, *, deleted: bool = False, **definition: Any) -> str | None:
        return self.fold("Location", _master(name, definition, deleted), key=f"location:{name}")

    def channel_record(
        self, name: str, selector: Mapping[str, Any], *, deleted: bool = False, **definition: Any
    ) -> str | None:
        value = _master(name, {"locations": selector, **definition}, deleted)
        return self.fold("Channel", value, key=f"channel:{name}")

    def item(self, sku: str, **fields: Any) -> str | None:
        return self.fold("CatalogItem", {"sku": sku, **fields}, key=sku)

    def bundle(self, sku: str, parts: Mapping[str, int], **fields: Any) -> str | None:
        told = [{"sku": part, "quantity": quantity} for part, quantity in parts.items()]
        return self.item(sku, bundle=told, **fields)

    def rule(
        self,
        layer: str,
        name: str,
        *,
        valid_from: int | None = None,
        valid_to: int | None = None,
        **definition: Any,
    ) -> str | None:
        value = {
            **_master(name, definition, False),
            "layer": layer,
            "valid_from": None if valid_from is None else NOW + valid_from,
            "valid_to": None if valid_to is None else NOW + valid_to,
        }
        return self.fold("Policy", value, key=name)

    def fence(
        self,
        name: str,
        channel: str,
        *,
        set_at: int | None = -2 * HOUR,
        log_time: int = 0,
        valid_to: int | None = None,
        **definition: Any,
    ) -> str | None:
        """A ring-fence that was set at, and whose record came at, these times relative to `NOW`."""
        if set_at is not None:
            definition["set_at"] = NOW + set_at
        value = {
            **_master(name, {"channel": channel, **definition}, False),
            "layer": "ring_fence",
            "valid_to": None if valid_to is None else NOW + valid_to,
        }
        return self.fold("Policy", value, key=name, log_time=NOW + log_time)

    def allocate(
        self, fences: Mapping[str, int], *, sku: str = SKU, set_at: int = -2 * HOUR, log_time: int = 0
    ) -> str | None:
        """Units that percentage fences come to."""
        told = [{"fence": fence, "units": units, "set_at": NOW + set_at} for fence, units in fences.items()]
        return self.fold("Allocation", {"sku": sku, "fences": told}, key=sku, log_time=NOW + log_time)

    # Facts

    def movement(self, kind: str, quantity: int, *, at: int = -HOUR, **fields: Any) -> str | None:
        value = {**self._where(fields), "movement": kind, "quantity": quantity}
        return self.event("StockMovement", value, at, fields)

    def receipt(self, quantity: int, **fields: Any) -> str | None:
        return self.movement("RECEIPT", quantity, **fields)

    def ship(self, quantity: int, **fields: Any) -> str | None:
        return self.movement("SHIP", quantity, **fields)

    def correction(self, quantity: int, *, at: int = -HOUR, **fields: Any) -> str | None:
        value = {**self._where(fields), "quantity": quantity, "state": "SELLABLE", "reason": "found"}
        return self.event("StockCorrection", value, at, fields)

    def count(self, quantity: int, *, at: int = -HOUR, **fields: Any) -> str | None:
        value = {**self._where(fields), "quantity": quantity, "counted_at": NOW + at, "basis": "GROSS"}
        return self.event("StockCount", value, at, fields)

    def line(self, order: str, version: int, quantity: int, *, at: int = -HOUR, **fields: Any) -> str | None:
        value = {
            **self._where(fields),
            "reservation_id": order,
            "version": version,
            "action": "PLACE" if version == 1 else "UPDATE",
            "channel": "web",
            "quantity": quantity,
            "commitment": "HARD",
        }
        return self.event("Reservation", value, at, fields)

    def cancel(self, order: str, version: int, **fields: Any) -> str | None:
        return self.line(order, version, 0, **{"action": "CANCEL", **fields})

    def release(self, order: str, quantity: int, **fields: Any) -> str | None:
        return self.line(order, fields.pop("version", 0), quantity, **{"action": "RELEASE", **fields})

    def sale(self, *lines: Record, at: int = -HOUR, **fields: Any) -> str | None:
        """Lines are dicts; what they leave out is one unit of SKU, numbered from 1."""
        filled = [
            {"line": str(at_line), "sku": SKU, "quantity": 1, **line} for at_line, line in enumerate(lines, 1)
        ]
        value = {"location": "DC1", "transaction_id": "t", "lines": filled}
        return self.event("PosTransaction", value, at, fields)

    def expect(
        self, reference: str, version: int, quantity: int, *, due: int, at: int = -HOUR, **fields: Any
    ) -> str | None:
        """A line of expected supply that is due at a time relative to `NOW`."""
        value = {
            **self._where(fields),
            "reference": reference,
            "version": version,
            "kind": "PURCHASE_ORDER",
            "quantity": quantity,
            "expected_at": NOW + due,
            "status": "OPEN",
        }
        return self.event("ExpectedSupply", value, at, fields)

    def event(self, record_name: str, value: Record, at: int, fields: Record) -> str | None:
        """Fold an event dated `at`, that was recorded and reached the broker a second later."""
        envelope = {
            "event_id": f"e{next(self._ids)}",
            "source": "test",
            "occurred_at": NOW + at,
            "recorded_at": NOW + at + SECOND,
        }
        log_time = fields.pop("log_time", NOW + at + SECOND)
        accept = fields.pop("accept_beyond_horizon", False)
        record = {**envelope, **value, **fields}
        return self.fold(record_name, record, log_time=log_time, accept_beyond_horizon=accept)

    def fold(self, record_name: str, value: Record | None, **how: Any) -> str | None:
        return self.model.fold(record_name, value, **{"log_time": NOW, **how})

    # Numbers

    def node(self, location: str = "DC1", *, sku: str = SKU, at: int = 0) -> NodeNumbers:
        return self.model.node(sku, location, NOW + at)

    def channel(self, name: str = "web", *, sku: str = SKU, at: int = 0) -> ChannelNumbers:
        return self.model.channel(sku, name, NOW + at)

    def available(self, name: str = "web", *, sku: str = SKU, at: int = 0) -> int:
        return self.channel(name, sku=sku, at=at).available

    def projected(self, days: int, name: str = "web", *, sku: str = SKU, at: int = 0) -> list[int]:
        return self.model.projected(sku, name, NOW + at, days)

    def on_hand(self, location: str = "DC1", *, sku: str = SKU) -> int:
        return self.node(location, sku=sku).on_hand

    def open(self, *, sku: str = SKU, at: int = 0) -> dict[tuple[str, str], int]:
        return self.model.open_lines(sku, NOW + at)

    def deficit(self, *, sku: str = SKU, at: int = 0) -> int:
        return self.model.deficit(sku, NOW + at)

    def oversold(self, *, sku: str = SKU, at: int = 0) -> dict[str, int]:
        return self.model.oversold(sku, NOW + at)

    def exceptions(self) -> list[str]:
        return [code for code, *_ in self.model.exceptions]

    def incidents(self, *, sku: str = SKU, at: int = 0) -> set[tuple[str, str]]:
        return {(code, subject) for code, subject in self.model.incidents(sku, NOW + at)}

    @staticmethod
    def _where(fields: Record) -> Record:
        return {"sku": fields.pop("sku", SKU), "location": fields.pop("location", "DC1")}


def _master(name: str, definition: Mapping[str, Any], deleted: bool) -> Record:
    status = "DELETED" if deleted else "ACTIVE"
    return {"id": name, "status": status, "definition": json.dumps(definition)}
