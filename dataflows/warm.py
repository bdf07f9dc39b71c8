"""Compiles every kernel of the hot path once, by running a small history through a lane and the encoders.

One process does this before cells start, so that they find machine code in the cache.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
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


class _History:
    """What a lane goes through. The stages after `begin` need nothing of each other: they go in any order."""

    def __init__(self) -> None:
        self._now = int(time.time() * 1000)
        self._codec = Codec()
        self._lane = Lane(0, 1, LaneConfig(), 1, "warm")
        self._lane.begin(self._now - 1000, {})  # what may be missing takes kernels of its own
        self._intake = Intake(Decoder(self._codec), 0, 1)
        self._said: list[Control] = []
        self._envelope = {"source": "warm", "occurred_at": self._now, "recorded_at": self._now}
        self._fact = {**self._envelope, "sku": "S1", "location": "L1"}
        self.stages: list[Callable[[], None]] = [
            self._counts, self._snapshots, self._movements, self._rules, self._supply, self._dump, self._reservations,
            self._sales, self._encode,
        ]  # fmt: skip

    def _step(self, topic: str, record: str, values: Sequence[Mapping[str, Any]], keys: list[str]) -> Outputs:
        now = self._now
        messages = [
            _Message(self._codec.encode(record, value), key.encode(), i, now)
            for i, (value, key) in enumerate(zip(values, keys, strict=True))
        ]
        batch, dead = self._intake.batch(Raw(0, {topic: messages}, {}, now, True, True, 0, {}))
        assert not dead, dead
        out = self._lane.step(batch, Clock(now, now))
        self._said.extend(control for _, control in out.controls)
        return out

    def _hear(self) -> None:
        clock = Clock(self._now, self._now)
        for _ in range(5):
            heard = [replace(control, carrier=CARRIERS["routed"]) for control in self._said]
            self._said.clear()
            self._said.extend(
                control for _, control in self._lane.step(Batch(controls=heard), clock).controls
            )

    def begin(self) -> None:
        """The lane goes live."""
        self._step("network", "Location", [_place("L1", {"type": "store", "region": None})], ["location:L1"])
        self._step("network", "Channel", [_place("web", {"locations": {}})], ["channel:web"])
        item: dict[str, Any] = {"sku": "S1", "category": None, "style": None, "attributes": {}, "bundle": [],
                                "ship_together": False, "aliases": [], "active": True}  # fmt: skip
        self._step("catalog", "CatalogItem", [item], ["S1"])
        bundle = {**item, "sku": "B1", "bundle": [{"sku": "S1", "quantity": 1}], "ship_together": True}
        self._step("catalog", "CatalogItem", [bundle], ["B1"])
        self._hear()
        assert self._lane.live

    def end(self) -> None:
        """Time passes: what is wrong is told, what is old is forgotten."""
        short = {**self._fact, "event_id": "t", "movement": "SHIP", "quantity": 99, "correlation_id": "t"}
        self._step("stock-movements", "StockMovement", [short], ["S1"])
        later = self._now + 2 * self._lane.config.exception_delay_ms
        assert self._lane.step(Batch(), Clock(later, later)).incidents
        self._dump()
        self._lane.forget()

    def _rules(self) -> None:
        rules: list[Mapping[str, Any]] = [
            _rule("f", "ring_fence", {"channel": "web", "units": 3, "set_at": self._now - 1}),
            _rule("i", "in_transit", {"channel": "web", "confidence": "0.5", "within_days": 1}),
        ]
        self._step("policies", "Policy", rules, ["f", "i"])
        fences = [{"fence": "g", "units": 1, "set_at": self._now}]
        self._step("allocations", "Allocation", [{"sku": "S1", "fences": fences}], ["S1"])

    def _counts(self) -> None:
        at = self._now - 10
        self._step("wms-adjustments", "StockCount", [
            {**self._fact, "event_id": f"c{i}", "quantity": i, "counted_at": at + i, "basis": "GROSS",
             "counter": counter} for i, counter in enumerate(("ON_HAND", "ON_HAND", "DAMAGED"))
        ], ["S1"] * 3)  # fmt: skip
        correction = {**self._fact, "event_id": "k", "quantity": 1, "state": "SELLABLE", "reason": "warm"}
        self._step("wms-adjustments", "StockCorrection", [correction], ["S1"])

    def _snapshots(self) -> None:
        self._step("wms-adjustments", "SnapshotMarker", [
            {**self._envelope, "event_id": mode, "batch_id": mode, "marker": "END", "mode": mode, "locations": ["L1"],
             "basis": "GROSS", "as_of": self._now - 1, "items": 0} for mode in ("NONZERO", "FULL")
        ], ["warm"] * 2)  # fmt: skip
        self._hear()

    def _movements(self) -> None:
        self._step("stock-movements", "StockMovement", [
            {**self._fact, "event_id": "m", "movement": "SHIP", "quantity": 1, "reservation_id": "r"},
            {**self._fact, "event_id": "n", "movement": "SHIP", "quantity": 1, "channel": "web"},
            {**self._fact, "event_id": "o", "movement": "RECEIPT", "quantity": 9, "reference": "P"},
        ], ["S1"] * 3)  # fmt: skip

    def _supply(self) -> None:
        expected = {**self._fact, "event_id": "s", "reference": "P", "version": 1, "kind": "ASN", "quantity": 2,
                    "expected_at": self._now + 5, "status": "OPEN"}  # fmt: skip
        self._step("expected-supply", "ExpectedSupply", [expected], ["S1"])

    def _reservations(self) -> None:
        now, lane = self._now, self._lane
        line = {**self._fact, "reservation_id": "r", "version": 1, "action": "PLACE", "channel": "web", "quantity": 2,
                "commitment": "SOFT", "expires_at": now + 5, "needed_at": now + 90_000_000}  # fmt: skip
        # what is promised without a place moves, where a bundle is put together
        anywhere = {**line, "reservation_id": "u", "event_id": "u", "location": None}
        self._step("reservations", "Reservation", [{**line, "event_id": "r"}, anywhere], ["S1"] * 2)
        self._hear()
        asked = {**line, "reservation_id": "q", "mode": "CHECKED", "event_id": "q"}
        (answer,) = self._step("reservations", "Reservation", [asked], ["S1"]).decisions
        # an engine that was first: the own decision is undone
        other = answer.decision._replace(quantity=answer.decision.quantity + 1)
        lane.step(Batch(decisions=[Standing(answer.identity, other, 0, now)]), Clock(now, now))

    def _sales(self) -> None:
        now = self._now
        sale = {**self._envelope, "event_id": "p", "location": "L1", "transaction_id": "1",
                "lines": [{"line": "1", "sku": "S1", "quantity": 1}]}  # fmt: skip
        forward = self._step("pos-sales", "PosTransaction", [sale], ["L1"]).forwards[0]
        block = next(pack_rows(forward.slice.origin, forward.slice.records, forward.rows))
        routed = {"routed": [_Message(block, b"", 0, now)]}
        batch, _ = self._intake.batch(Raw(0, routed, {}, now, True, True, 0, {}))
        self._lane.step(batch, Clock(now, now))

    def _encode(self) -> None:
        self._lane.mark_all_moved()
        views = self._lane.step(Batch(publish=True), Clock(self._now, self._now)).views
        assert views is not None
        many = int(views.profile.max()) + 1
        encode_calls(
            views, prefix=b"", lane=0, generation=1, offsets=b"", rules=[b"{}"] * many, terms=[b""] * many,
            sha=script_sha(),
        )  # fmt: skip
        encode_availability(views, header=b"", generation=1, channel_ids=[b"web"], rules=[[[]]] * many)

    def _dump(self) -> None:
        load(Lane(0, 1, LaneConfig(), 1, "warm again"), dump(self._lane, everything=True))


def warm(*, from_the_end: bool = False) -> float:
    """Run every kernel; the seconds it took. Two processes that begin at different ends compile half each: what one
    has compiled the other one finds in the cache."""
    started = time.perf_counter()
    history = _History()
    history.begin()
    for stage in reversed(history.stages) if from_the_end else history.stages:
        stage()
    history.end()
    return time.perf_counter() - started


def _rule(name: str, layer: str, definition: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": name, "status": "ACTIVE", "layer": layer, "definition": json.dumps(definition)}


def _place(name: str, definition: Mapping[str, Any]) -> dict[str, Any]:
    text = json.dumps({"ordinal": 0, "aliases": [], **definition})
    return {"id": name, "status": "ACTIVE", "definition": text}
