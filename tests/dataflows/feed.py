"""Sources of events: one method a fact, with defaults; each returns where Kafka put it."""

import time
from collections.abc import Mapping
from itertools import count
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_END, KafkaError, Message, Producer, TopicPartition

from inventory.murmur import shard_of
from loadtest.retail.drafts import POISON_HEADER, legacy_partition
from runtime import kafka
from runtime.settings import Settings
from wire.codec import Codec

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
Fields = dict[str, Any]


class Place(NamedTuple):
    """Where a message lies; `topic` without prefix."""

    topic: str
    partition: int
    offset: int
    value: bytes
    key: bytes


class Feed:
    """One producer for all sources. Times are ms before now: `ago=HOUR`."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._settings = settings
        self._codec = codec
        self._producer: Producer = kafka.producer(settings, linger_ms=0)
        self._ids = count()
        self._mark = f"{time.time_ns():x}"

    # Master data

    def item(self, sku: str, **fields: Any) -> Place:
        return self.send("catalog", "CatalogItem", sku, {"sku": sku, **fields})

    # Facts

    def count(self, sku: str, quantity: int, ago: int = HOUR, location: str = "DC1", **fields: Any) -> Place:
        at = _now() - ago
        own = {"location": location, "quantity": quantity, "counted_at": at, "basis": "GROSS"}
        return self.fact("wms-adjustments", "StockCount", sku, ago, own | fields)

    def correction(
        self, sku: str, quantity: int, ago: int = MINUTE, location: str = "DC1", **fields: Any
    ) -> Place:
        own = {"location": location, "quantity": quantity, "state": "SELLABLE", "reason": "found"}
        return self.fact("wms-adjustments", "StockCorrection", sku, ago, own | fields)

    def movement(
        self, sku: str, kind: str, quantity: int, ago: int = MINUTE, location: str = "DC1", **fields: Any
    ) -> Place:
        own = {"location": location, "movement": kind, "quantity": quantity}
        return self.fact("stock-movements", "StockMovement", sku, ago, own | fields)

    def line(
        self, sku: str, order: str, version: int, quantity: int, ago: int = MINUTE, **fields: Any
    ) -> Place:
        own = {
            "reservation_id": order, "version": version, "action": "PLACE" if version == 1 else "UPDATE",
            "channel": "web", "location": "DC1", "quantity": quantity, "commitment": "HARD",
        }  # fmt: skip
        return self.fact("reservations", "Reservation", sku, ago, own | fields)

    def sale(self, location: str, *lines: tuple[str, int], ago: int = MINUTE, **fields: Any) -> Place:
        """A till's transaction: (what the till calls the sku, quantity) a line."""
        own = {
            "location": location, "transaction_id": f"t{next(self._ids)}",
            "lines": [{"line": str(n), "sku": sku, "quantity": units} for n, (sku, units) in enumerate(lines, 1)],
        }  # fmt: skip
        return self.fact("pos-sales", "PosTransaction", location, ago, own | fields)

    def fact(self, topic: str, record: str, key: str, ago: int, own: Fields) -> Place:
        at = _now() - ago
        how = {name: own.pop(name) for name in ("misplaced", "poison") if name in own}
        fields = {
            "event_id": f"{self._mark}-{next(self._ids)}", "source": "test", "occurred_at": at, "recorded_at": at,
        } | ({} if topic == "pos-sales" else {"sku": key}) | own  # fmt: skip
        return self.send(topic, record, key, fields, **how)

    # Messages

    def send(
        self,
        topic: str,
        record: str,
        key: str,
        fields: Mapping[str, Any],
        *,
        misplaced: bool = False,
        poison: str = "",
    ) -> Place:
        """One record. `misplaced`: into the partition of librdkafka's CRC-32; `poison`: the code it must get."""
        value = self._codec.encode(record, fields)
        partition = legacy_partition(key, self._settings.partitions) if misplaced else None
        return self.put(topic, key.encode(), value, partition, poison)

    def put(
        self, topic: str, key: bytes, value: bytes | None, partition: int | None = None, poison: str = ""
    ) -> Place:
        """Any bytes; waits until Kafka has them."""
        told: list[Message] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            assert error is None, error
            told.append(message)

        if partition is None:
            partition = shard_of(key) % self._settings.partitions
        headers: list[tuple[str, str | bytes | None]] = [(POISON_HEADER, poison)] if poison else []
        self._producer.produce(
            self._settings.topic_prefix + topic, value, key, partition, on_delivery=delivered, headers=headers
        )
        assert self._producer.flush(30) == 0
        (message,) = told
        return Place(topic, message.partition() or 0, message.offset() or 0, value or b"", key)

    def delete_records(self, *topics: str) -> None:
        """Let retention remove everything that these topics hold."""
        admin = kafka.admin(self._settings)
        names = [self._settings.topic_prefix + topic for topic in topics]
        known = admin.list_topics(timeout=10).topics
        doomed = [TopicPartition(name, part, OFFSET_END) for name in names for part in known[name].partitions]
        for future in admin.delete_records(doomed).values():
            future.result()


def _now() -> int:
    return int(time.time() * 1000)
