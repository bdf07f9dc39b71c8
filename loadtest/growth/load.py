"""The systems that `growth` measures: W1 with more skus, places, channels and rules, and its master data sent fast."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from inventory.murmur import shard_of
from loadtest.errors import SendFailed
from loadtest.w1 import workload as w1
from loadtest.w1.draw import Size
from loadtest.w1.write import sku_name
from runtime import kafka
from runtime.readback import end_offsets
from runtime.settings import Settings
from wire.codec import Codec

W1_RULES = 4
_CATEGORIES = 100
_FLUSH_S = 300.0
_SLICE = 20_000


class Phases(NamedTuple):
    """What is measured of a system beside its throughput: latency, and what stalls it."""

    latency: bool = True
    stalls: bool = False
    healing: bool = False


_LATENCY_ALONE = Phases()


@dataclass(frozen=True)
class Case:
    """One system. `grows` names what it is to be compared by."""

    grows: str
    skus: int = 10_000
    locations: int = 20
    channels: int = 3
    rules: int = W1_RULES
    cells: int = 1
    positions_a_sku: int = 1
    phases: Phases = _LATENCY_ALONE

    def size(self, events: int, seed: int = 1) -> Size:
        """Its workload of so many events."""
        return Size(events, self.skus, self.locations, seed)


def rules_of(case: Case) -> str:
    """The rules file: W1's, with more channels and with rules for categories. W1's channels show what they did."""
    text = w1.rules(case.size(0))
    more = "".join(f"  - {{id: channel-{i}, locations: {{}}}}\n" for i in range(3, case.channels))
    text = text.replace("safety_stock:\n", more + "safety_stock:\n")
    rules = "".join(
        f"  - {{id: ss-{i}, units: {w1.SAFETY_STOCK}, match: {{category: c-{i % _CATEGORIES}, "
        f"location: L{i // _CATEGORIES:02d}}}}}\n"
        for i in range(case.rules - W1_RULES)
    )
    return text.replace("safety_stock:\n", "safety_stock:\n" + rules)


def send_skus(settings: Settings, codec: Codec, case: Case) -> None:
    """The catalog records of W1's skus, each of a category. Raises SendFailed."""
    producer = kafka.producer(
        settings, linger_ms=20, batch_num_messages=10_000, batch_size=1_000_000,
        queue_buffering_max_messages=2_000_000, queue_buffering_max_kbytes=1_000_000,
    )  # fmt: skip
    topic = settings.topic_prefix + "catalog"
    forms = []
    for category in range(_CATEGORIES):
        form = codec.encode("CatalogItem", {"sku": sku_name(0), "category": f"c-{category}"})
        forms.append(form.split(sku_name(0).encode()))
    before = sum(end_offsets(settings, ("catalog",)).values())
    for first in range(0, case.skus, _SLICE):
        some = np.arange(first, min(first + _SLICE, case.skus))
        batches: list[list[dict[str, bytes]]] = [[] for _ in range(settings.partitions)]
        for sku in some.tolist():
            name = sku_name(sku).encode()
            value = name.join(forms[sku % _CATEGORIES])
            batches[shard_of(name) % settings.partitions].append({"value": value, "key": name})
        for partition, batch in enumerate(batches):
            while batch:
                batch = batch[producer.produce_batch(topic, batch, partition=partition) :]
                producer.poll(0.05 if batch else 0)
    producer.flush(_FLUSH_S)
    arrived = sum(end_offsets(settings, ("catalog",)).values()) - before
    if arrived != case.skus:
        raise SendFailed(f"of {case.skus} catalog records {arrived} are in Kafka: look at the broker's log")
