"""A lane without servers: a realistic retailer's records through the decoder into `Lane.step`, in this process."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from inventory.batch import Batch, Clock, Master, Message, Origin, Slice
from inventory.columns import Records
from inventory.folding import Carried
from inventory.lane import Lane, LaneConfig
from inventory.views import Views
from loadtest.w1.draw import Longs, Size, draw
from loadtest.w1.workload import headers
from loadtest.w1.write import TOPIC_OF, Written, location_name, sku_name, write_opening, write_run
from wire.codec import Codec
from wire.decode import Decoder
from wire.topics import TOPICS

_BATCH = 10_000
_ROUTED = 6
_KINDS = ("store", "store", "store", "store", "store", "store", "store", "store", "store", "warehouse")
_BRANDS, _TYPES, _CATEGORIES = 400, 60, 40
_KIT_EVERY, _KIT_PARTS = 10, 2
OPENED_BEFORE_MS = 600_000


@dataclass(frozen=True)
class Retailer:
    """How large a lane's part of a retailer is. `positions_a_sku`: on average, over so many `locations`."""

    skus: int = 10_000
    locations: int = 500
    positions_a_sku: int = 100
    channels: int = 10
    events: int = 1_000_000
    seed: int = 1


class LaneAlone:
    """A lane of all skus that is live. `now` (ms) is when everything happens that is not dated otherwise.

    `stepped`: CPU seconds that its steps have taken.
    """

    def __init__(self, retailer: Retailer, now: int) -> None:
        self.retailer = retailer
        self.now = now
        self.stepped = 0.0
        self._codec = Codec()
        self._decoder = Decoder(self._codec)
        self._offset = 0
        self.lane = Lane(0, 1, LaneConfig(), 1, "alone")
        self._tell(_network(retailer))
        assert self.lane.live

    # -- what is told --------------------------------------------------------------------------------------------

    def catalog(self) -> int:
        """Every sku; how many there are."""
        self._tell(("CatalogItem", str(item["sku"]), item) for item in _items(self.retailer))
        return self.retailer.skus

    def bundles(self) -> int:
        """A kit for every tenth sku; how many components they have."""
        kits = list(_kits(self.retailer))
        self._tell(("CatalogItem", str(kit["sku"]), kit) for kit in kits)
        return _KIT_PARTS * len(kits)

    def positions(self) -> int:
        """One count of every position; how many there are."""
        retailer = self.retailer
        random = np.random.default_rng(retailer.seed)
        share = retailer.positions_a_sku / retailer.locations
        sku, location = (random.random((retailer.skus, retailer.locations)) < share).nonzero()
        self.sku, self.location = sku.astype(np.int64), location.astype(np.int64)
        opened = self.now - OPENED_BEFORE_MS
        self.fold(write_opening(self.sku, self.location, opened, headers(self._codec)))
        return len(sku)

    def events(self) -> Written:
        """W1's mix of movements, reservations and counts at positions that there are."""
        retailer = self.retailer
        run = draw(Size(retailer.events, retailer.skus, retailer.locations, retailer.seed))
        # The same position for all versions of a reservation: they carry one random number.
        at = (run.sku * 7_919 + run.location * 104_729 + run.number) % len(self.sku)
        again = run._replace(sku=self.sku[at], location=self.location[at])
        when = self.now - OPENED_BEFORE_MS // 2 + np.arange(len(at)) * (OPENED_BEFORE_MS // 4) // len(at)
        return write_run(again, when.astype(np.int64), headers(self._codec))

    def _tell(self, masters: Iterable[tuple[str, str, Mapping[str, Any]]]) -> None:
        batch = Batch(publish=False)
        for record, key, value in masters:
            message = Message(TOPICS["catalog"].code, 0, self._next(1), self.now, 0, None, key.encode())
            batch.masters.append(Master(record, key, value, message, 4, message.offset))
            if len(batch.masters) == _BATCH:
                self._step(batch)
                batch = Batch(publish=False)
        self._step(batch)

    def _step(self, batch: Batch) -> None:
        """One step, and what the lane tells itself by it."""
        while True:
            began = time.process_time()
            out = self.lane.step(batch, Clock(self.now, self.now))
            self.stepped += time.process_time() - began
            assert not out.dead_letters, out.dead_letters[0]
            heard = [replace(word, carrier=_ROUTED, offset=self._next(1)) for _, word in out.controls]
            if not heard:
                return
            batch = Batch(controls=heard, publish=False)

    def _next(self, many: int) -> int:
        self._offset += many
        return self._offset - many

    # -- facts ---------------------------------------------------------------------------------------------------

    def batches(self, written: Written, many: int = _BATCH) -> Iterator[Batch]:
        """Records as batches of so many, decoded."""
        start = np.concatenate([[0], written.end[:-1]])
        for first in range(0, len(written.end), many):
            rows = np.arange(first, min(first + many, len(written.end)))
            batch = Batch(publish=False)
            for what, topic in enumerate(TOPIC_OF):
                own = rows[written.what[rows] == what]
                if own.size:
                    batch.slices += self._slices(topic, what, written, start[own], written.end[own])
            yield batch

    def _slices(self, topic: str, carrier: int, written: Written, start: Longs, end: Longs) -> list[Slice]:
        base = int(start[0])
        records = Records(written.buf[base : int(end[-1])], start - base, end - base)
        decoded = self._decoder.decode(topic, records)
        assert not decoded.bad, decoded.bad[0]
        n = len(start)
        offset = np.arange(self._next(n), self._offset)
        logged = np.full(n, self.now, np.int64)
        zero = np.zeros(n, np.uint8)
        origin = Origin(zero + np.uint8(TOPICS[topic].code), np.zeros(n, np.int32), offset, logged, zero)
        return [
            Slice(kind, columns, records, origin, Carried(logged, offset, carrier))
            for kind, (_, columns) in decoded.columns.items()
        ]

    def fold(self, written: Written) -> None:
        """Fold records; nothing is computed yet."""
        for batch in self.batches(written):
            self.fold_one(batch)

    def fold_one(self, batch: Batch) -> None:
        """Fold one batch of them."""
        self._step(batch)

    def views(self, many: int) -> Views:
        """The numbers of about so many skus (at most 2,048)."""
        self.lane.memory.take_moved(len(self.lane.memory.moved()))
        self.lane.mark_all_moved()
        while True:
            views = self.lane.step(Batch(), Clock(self.now, self.now)).views
            assert views is not None
            if len(views.name_at) >= min(many, self.retailer.skus):
                return views


def _network(retailer: Retailer) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for i in range(retailer.locations):
        place = {"type": _KINDS[i % len(_KINDS)], "region": f"region-{i % 8}", "ordinal": i, "aliases": []}
        yield _master("Location", f"location:{location_name(i)}", location_name(i), place)
    for i in range(retailer.channels):
        name = "web" if i == 0 else f"channel-{i}"
        reach = {"type": _KINDS[-(i % 2)]} if i else {}
        place = {"locations": reach, "ordinal": i, "aliases": []}
        yield _master("Channel", f"channel:{name}", name, place)
        yield _rule(f"buffer-{name}", "buffer", {"channel": name, "units": 1})
    yield _rule("safety", "safety_stock", {"units": 2})


def _master(
    record: str, key: str, name: str, definition: Mapping[str, Any]
) -> tuple[str, str, dict[str, Any]]:
    return record, key, {"id": name, "status": "ACTIVE", "definition": json.dumps(definition)}


def _rule(name: str, layer: str, definition: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    record, key, value = _master("Policy", name, name, definition)
    return record, key, {**value, "layer": layer}


def _items(retailer: Retailer) -> Iterator[dict[str, Any]]:
    for i in range(retailer.skus):
        yield {
            "sku": sku_name(i), "category": f"category-{i % _CATEGORIES}", "style": None,
            "attributes": {"brand": f"brand-{i % _BRANDS}", "type": f"type-{i % _TYPES}"}, "bundle": [],
            "ship_together": False, "aliases": [], "active": True,
        }  # fmt: skip


def _kits(retailer: Retailer) -> Iterator[dict[str, Any]]:
    for i in range(0, retailer.skus - _KIT_PARTS, _KIT_EVERY):
        parts = [{"sku": sku_name(i + part), "quantity": 1 + part} for part in range(_KIT_PARTS)]
        yield {
            "sku": f"KIT-{i:06d}", "category": "kits", "style": None, "attributes": {}, "bundle": parts,
            "ship_together": False, "aliases": [], "active": True,
        }  # fmt: skip
