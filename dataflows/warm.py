"""Compiles every kernel of the hot path once, by running a small history through a lane and the encoders.

One process does this before cells start, so that they find machine code in the cache.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dataflows.intake import CARRIERS, Intake, Raw
from inventory.batch import Batch, Clock, Control, Outputs
from inventory.decisions import Standing
from inventory.lane import Lane, LaneConfig
from inventory.sections import dump, load
from wire.availability import encode_availability
from wire.codec import Codec
from wire.decode import Decoder
from wire.routed import pack_rows
from wire.rows import encode_calls, script_sha


class _Message:
    """A message as confluent-kafka shows it."""

    def __init__(self, value: bytes, key: bytes, offset: int, log_time: int) -> None:
        self._value, self._key, self._offset, self._log_time = value, key, offset, log_time

    def value(self) -> bytes:
        return self._value

    def key(self) -> bytes:
        return self._key

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 2, self._log_time

    def partition(self) -> int:
        return 0

    def headers(self) -> None:
        return None


def warm() -> float:
    """Run every kernel; the seconds it took."""
    started = time.perf_counter()
    now = int(time.time() * 1000)
    codec = Codec()
    lane = Lane(0, 1, LaneConfig(), 1, "warm")
    intake = Intake(Decoder(codec), 0)
    said: list[Control] = []

    def step(
        topic: str, record: str, values: Sequence[Mapping[str, Any]], keys: list[str], at: int = now
    ) -> Outputs:
        messages = [
            _Message(codec.encode(record, value), key.encode(), i, at)
            for i, (value, key) in enumerate(zip(values, keys, strict=True))
        ]
        batch, dead = intake.batch(Raw(0, {topic: messages}, {}, at, True, True, 0))
        assert not dead, dead
        out = lane.step(batch, Clock(at, at))
        said.extend(control for _, control in out.controls)
        return out

    def hear() -> None:
        for _ in range(5):
            heard = [replace(control, carrier=CARRIERS["routed"]) for control in said]
            said.clear()
            said.extend(control for _, control in lane.step(Batch(controls=heard), Clock(now, now)).controls)

    step("network", "Location", [_place("L1", {"type": "store", "region": None})], ["location:L1"])
    step("network", "Channel", [_place("web", {"locations": {}})], ["channel:web"])
    item: dict[str, Any] = {"sku": "S1", "category": None, "style": None, "attributes": {}, "bundle": [],
                            "ship_together": False, "aliases": [], "active": True}  # fmt: skip
    step("catalog", "CatalogItem", [item], ["S1"])
    step("catalog", "CatalogItem", [{**item, "sku": "B1", "bundle": [{"sku": "S1", "quantity": 1}]}], ["B1"])
    hear()
    assert lane.live
    rules: list[Mapping[str, Any]] = [
        _rule("f", "ring_fence", {"channel": "web", "units": 3, "set_at": now - 1}),
        _rule("i", "in_transit", {"channel": "web", "confidence": "0.5", "within_days": 1}),
    ]
    step("policies", "Policy", rules, ["f", "i"])
    fences = [{"fence": "g", "units": 1, "set_at": now}]
    step("allocations", "Allocation", [{"sku": "S1", "fences": fences}], ["S1"])
    envelope = {"source": "warm", "occurred_at": now, "recorded_at": now}
    fact = {**envelope, "sku": "S1", "location": "L1"}
    step("wms-adjustments", "StockCount", [
        {**fact, "event_id": f"c{i}", "quantity": i, "counted_at": now - 10 + i, "basis": "GROSS", "counter": counter}
        for i, counter in enumerate(("ON_HAND", "ON_HAND", "DAMAGED"))
    ], ["S1"] * 3)  # fmt: skip
    step("wms-adjustments", "SnapshotMarker", [
        {**envelope, "event_id": mode, "batch_id": mode, "marker": "END", "mode": mode, "locations": ["L1"],
         "basis": "GROSS", "as_of": now - 1, "items": 0} for mode in ("NONZERO", "FULL")
    ], ["warm"] * 2)  # fmt: skip
    hear()
    step("wms-adjustments", "StockCorrection",
         [{**fact, "event_id": "k", "quantity": 1, "state": "SELLABLE", "reason": "warm"}], ["S1"])  # fmt: skip
    step("stock-movements", "StockMovement",
         [{**fact, "event_id": "m", "movement": "SHIP", "quantity": 1, "reservation_id": "r"},
          {**fact, "event_id": "n", "movement": "SHIP", "quantity": 1, "channel": "web"},
          {**fact, "event_id": "o", "movement": "RECEIPT", "quantity": 1, "reference": "P"}], ["S1"] * 3)  # fmt: skip
    step("expected-supply", "ExpectedSupply",
         [{**fact, "event_id": "s", "reference": "P", "version": 1, "kind": "ASN", "quantity": 2,
           "expected_at": now + 5, "status": "OPEN"}], ["S1"])  # fmt: skip
    line = {**fact, "reservation_id": "r", "version": 1, "action": "PLACE", "channel": "web", "quantity": 2,
            "commitment": "SOFT", "expires_at": now + 5, "needed_at": now + 90_000_000}  # fmt: skip
    out = step("reservations", "Reservation", [{**line, "event_id": "r"}], ["S1"])
    asked = {**line, "reservation_id": "q", "mode": "CHECKED", "event_id": "q"}
    (answer,) = step("reservations", "Reservation", [asked], ["S1"]).decisions
    other = answer.decision._replace(
        quantity=answer.decision.quantity + 1
    )  # an engine that was first: undone
    lane.step(Batch(decisions=[Standing(answer.identity, other, 0, now)]), Clock(now, now))
    sale = {**envelope, "event_id": "p", "location": "L1", "transaction_id": "1",
            "lines": [{"line": "1", "sku": "S1", "quantity": 1}]}  # fmt: skip
    forward = step("pos-sales", "PosTransaction", [sale], ["L1"]).forwards[0]
    block = next(pack_rows(forward.slice.origin, forward.slice.records, forward.rows))
    batch, _ = intake.batch(Raw(0, {"routed": [_Message(block, b"", 0, now)]}, {}, now, True, True, 0))
    out = lane.step(batch, Clock(now + 10, now))
    assert out.views is not None
    step("stock-movements", "StockMovement",
         [{**fact, "event_id": "t", "movement": "SHIP", "quantity": 9, "correlation_id": "t"}], ["S1"])  # fmt: skip
    later = now + 2 * lane.config.exception_delay_ms
    assert lane.step(Batch(), Clock(later, later)).incidents
    again = Lane(0, 1, LaneConfig(), 1, "warm again")
    load(again, dump(lane, everything=True))
    lane.forget()
    encode_calls(
        out.views, prefix=b"", lane=0, generation=1, offsets=b"", rules=[b"{}"], terms=[b""], sha=script_sha()
    )
    encode_availability(out.views, header=b"", generation=1, channel_ids=[b"web"], rules=[[[]]])
    return time.perf_counter() - started


def _rule(name: str, layer: str, definition: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": name, "status": "ACTIVE", "layer": layer, "definition": json.dumps(definition)}


def _place(name: str, definition: Mapping[str, Any]) -> dict[str, Any]:
    text = json.dumps({"ordinal": 0, "aliases": [], **definition})
    return {"id": name, "status": "ACTIVE", "definition": text}
