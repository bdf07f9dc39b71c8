"""W1's mix as a load of any shape: even, a ramp, all on ten skus, with a million counted positions in the middle."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.peak.load import Load, merged, of_messages, of_written
from loadtest.peak.schedule import Doubles, Leg, Longs, due_times
from loadtest.retail.drafts import Outgoing, partition_of
from loadtest.sender import preload, send_catalog
from loadtest.w1 import workload as w1
from loadtest.w1.draw import Run, Size, draw
from loadtest.w1.write import location_name, sku_name, write_opening, write_run
from runtime.settings import Settings
from wire.codec import Codec

HOT_SHARE = 0.9
HOT_SKUS = 10

_LEAD_S = 5.0
_ENCODED_PER_S = 10_000
"""Counts of a snapshot, at the least."""
_OPENED_BEFORE_MS = 300_000
_COUNTED_BEFORE_MS = 1_000
_BURST_PER_S = 50_000
"""As fast as a warehouse's system may send its list."""
_COUNTED_UNITS = 1000
_BATCH = "peak-snapshot"
_SOURCE = "erp-snapshot"


@dataclass(frozen=True)
class W1Traffic:
    """`hot`: nine of ten events are about ten skus. `positions`: so many are counted by one snapshot, in the middle."""

    legs: Sequence[Leg]
    seed: int = 1
    hot: bool = False
    positions: int = 0

    def size(self) -> Size:
        """As many skus as the snapshot needs."""
        events = len(due_times(self.legs))
        default = Size()
        skus = max(default.skus, -(-self.positions // default.locations))
        return Size(events=events, skus=skus, seed=self.seed, chunk=min(200_000, events))

    def prepare(self, settings: Settings, codec: Codec) -> "W1Stage":
        """Send the catalog and one count of each position that occurs."""
        return W1Stage(self, settings, codec)


class W1Stage:
    """The catalog and the opening counts are sent; the run is drawn."""

    place = location_name(0)

    def __init__(self, traffic: W1Traffic, settings: Settings, codec: Codec) -> None:
        self._traffic, self._settings, self._codec = traffic, settings, codec
        self._size = size = traffic.size()
        self._run = draw(size)
        if traffic.hot:
            self._run = self._run._replace(sku=heated(self._run)[self._run.sku])
        self.rules = w1.rules(size)
        self.skus = [sku_name(sku) for sku in np.unique(self._run.sku[:1000]).tolist()]
        self.lead_s = _LEAD_S + traffic.positions / _ENCODED_PER_S
        send_catalog(settings, codec, w1.catalog(size))
        key = np.unique(self._run.location * size.skus + self._run.sku)
        at = int(time.time() * 1000) - _OPENED_BEFORE_MS
        preload(settings, [write_opening(key % size.skus, key // size.skus, at, w1.headers(codec))])

    def loads(self, start: float) -> Iterator[Load]:
        """One load, each event dated around the instant at which it is due."""
        due = due_times(self._traffic.legs)
        at = (start * 1000 + due * 1000).astype(np.int64)
        load = of_written(write_run(self._run, at, w1.headers(self._codec)), due, self._settings.partitions)
        yield merged(load, self._snapshot(start, due)) if self._traffic.positions else load

    def _snapshot(self, start: float, due: Doubles) -> Load:
        positions = self._traffic.positions
        begins = float(due[-1]) * 0.4
        as_of = int((start + begins) * 1000) - _COUNTED_BEFORE_MS
        messages = self._marked(positions, as_of)
        return of_messages(messages, begins + np.arange(positions + 2) / _BURST_PER_S)

    def _marked(self, positions: int, as_of: int) -> Iterator[Outgoing]:
        """A FULL snapshot of the first positions: it begins, its items, it ends."""
        yield self._marker("BEGIN", 0, as_of)
        lanes = self._settings.partitions
        for sequence in range(positions):
            sku = sku_name(sequence // self._size.locations)
            fields = {
                "event_id": f"{_BATCH}-{sequence:07d}", "source": _SOURCE, "occurred_at": as_of, "recorded_at": as_of,
                "sku": sku, "location": location_name(sequence % self._size.locations), "counted_at": as_of,
                "quantity": _COUNTED_UNITS, "basis": "GROSS", "batch": {"batch_id": _BATCH, "sequence": sequence},
            }  # fmt: skip
            value = self._codec.encode("StockCount", fields)
            yield Outgoing("wms-adjustments", partition_of(sku, lanes), sku.encode(), value, "snapshot", None)
        yield self._marker("END", positions, as_of)

    def _marker(self, marker: str, items: int, as_of: int) -> Outgoing:
        value = self._codec.encode("SnapshotMarker", {
            "event_id": f"{_BATCH}-{marker}", "source": _SOURCE, "occurred_at": as_of, "recorded_at": as_of,
            "batch_id": _BATCH, "marker": marker, "mode": "FULL", "basis": "GROSS", "as_of": as_of,
            "locations": [location_name(number) for number in range(self._size.locations)], "items": items,
        })  # fmt: skip
        lane = partition_of(_SOURCE, self._settings.partitions)
        return Outgoing("wms-adjustments", lane, _SOURCE.encode(), value, "snapshot", None)


def heated(run: Run) -> Longs:
    """(skus,): the sku that takes the place of each, so that `HOT_SHARE` of the events are about `HOT_SKUS` skus.

    What two events have in common they keep: whole skus are renamed.
    """
    events = np.bincount(run.sku)
    best = np.argsort(-events, kind="stable")
    share = np.cumsum(events[best]) / events.sum()
    # The most popular become hot, one by one to each hot sku, until they have their share.
    many = int(np.searchsorted(share, HOT_SHARE)) + 1
    renamed: Longs = np.arange(len(events), dtype=np.int64)
    renamed[best[:many]] = best[np.arange(many) % HOT_SKUS]
    return renamed
