"""The skus of probes: some in each lane, stocked, and nothing happens to them but the receipts that are waited for."""

import itertools
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from inventory.murmur import shard_of
from loadtest.retail.drafts import Outgoing
from wire.codec import Codec

_OPENING_UNITS = 1000
_SOURCE = "probe"
_CATEGORY = "PROBE"

Waiting = dict[str, list[tuple[int, float]]]
"""By sku: the number at which a probe is seen, and when it was due."""


@dataclass(frozen=True)
class Skus:
    """The skus of probes at `place`, some in each lane."""

    place: str
    lanes: tuple[tuple[str, ...], ...]

    def all(self) -> list[str]:
        """Lane by lane."""
        return [sku for lane in self.lanes for sku in lane]


def probe_skus(place: str, lanes: int, each: int) -> Skus:
    """So many in each lane."""
    found: list[list[str]] = [[] for _ in range(lanes)]
    names = (f"PROBE-{number:05d}" for number in itertools.count())
    while min(map(len, found)) < each:
        name = next(names)
        lane = found[shard_of(name) % lanes]
        if len(lane) < each:
            lane.append(name)
    return Skus(place, tuple(map(tuple, found)))


def opening(skus: Skus, codec: Codec, at: int) -> Iterator[Outgoing]:
    """Messages that make the skus known and stocked; counted at `at` (ms)."""
    for lane, own in enumerate(skus.lanes):
        for sku in own:
            item = {"sku": sku, "category": _CATEGORY}
            count = {
                "event_id": f"probe-opening-{sku}-{at}", "source": _SOURCE, "occurred_at": at, "recorded_at": at,
                "sku": sku, "location": skus.place, "quantity": _OPENING_UNITS, "counted_at": at, "basis": "GROSS",
            }  # fmt: skip
            for topic, record, fields in (
                ("catalog", "CatalogItem", item),
                ("wms-adjustments", "StockCount", count),
            ):
                yield Outgoing(topic, lane, sku.encode(), codec.encode(record, fields), "probe", None)


def receipt(skus: Skus, codec: Codec, lane: int, sku: str, units: int = 1) -> Outgoing:
    """A probe: a receipt, of now."""
    at = int(time.time() * 1000)
    value = codec.encode("StockMovement", {
        "event_id": str(uuid.uuid4()), "source": _SOURCE, "occurred_at": at, "recorded_at": at, "sku": sku,
        "location": skus.place, "movement": "RECEIPT", "quantity": units,
    })  # fmt: skip
    return Outgoing("stock-movements", lane, sku.encode(), value, "probe", None)


def take_seen(waiting: Waiting, numbers: Mapping[str, int]) -> list[tuple[str, float]]:
    """The sku of each probe that can be seen in these numbers, and when it was due; they wait no more."""
    seen = list[tuple[str, float]]()
    for sku, available in numbers.items():
        left = []
        for expected, due in waiting.pop(sku):
            if available >= expected:
                seen.append((sku, due))
            else:
                left.append((expected, due))
        if left:
            waiting[sku] = left
    return seen
