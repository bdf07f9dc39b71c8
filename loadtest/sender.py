"""Sending: every record is counted, every failed delivery is seen, a full queue waits."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from confluent_kafka import KafkaError, Message, Producer

from inventory.murmur import shard_of
from loadtest.errors import SendFailed
from loadtest.retail.drafts import POISON_HEADER, Outgoing, partition_of
from loadtest.w1.write import TOPIC_OF, Written, sku_name
from runtime import kafka
from runtime.readback import end_offsets
from runtime.settings import Settings
from wire.codec import Codec

_FLUSH_S = 60.0
_POLL_EVERY = 1000
_SLICE = 10_000


class Sender:
    """One producer. Each `send` chooses the partition itself; `close` returns when all is acknowledged."""

    def __init__(self, settings: Settings, linger_ms: int = 5) -> None:
        self._producer = kafka.producer(
            settings,
            linger_ms=linger_ms,
            batch_num_messages=10_000,
            batch_size=1_000_000,
            queue_buffering_max_messages=1_000_000,
            queue_buffering_max_kbytes=512_000,
        )
        self._prefix = settings.topic_prefix
        self._failed: KafkaError | None = None
        self.kinds: Counter[str] = Counter()
        self.topics: Counter[str] = Counter()
        self.sent = 0

    def send(self, message: Outgoing) -> None:
        """Queue one message. Raises SendFailed if an earlier one could not be delivered."""
        headers: dict[str, str | bytes | None] | None = None
        if message.poison is not None:
            headers = {POISON_HEADER: message.poison}
        while True:
            try:
                self._producer.produce(
                    self._prefix + message.topic, message.value, message.key, message.partition,
                    on_delivery=self._delivered, headers=headers,
                )  # fmt: skip
                break
            except BufferError:
                self._producer.poll(0.05)
        self.kinds[message.kind] += 1
        self.topics[message.topic] += 1
        self.sent += 1
        if self.sent % _POLL_EVERY == 0:
            self.poll()

    def poll(self) -> None:
        """Hear of deliveries. Raises SendFailed."""
        self._producer.poll(0)
        self._check()

    def close(self) -> None:
        """Wait until Kafka has acknowledged everything. Raises SendFailed."""
        left = self._producer.flush(_FLUSH_S)
        self._check()
        if left:
            raise SendFailed(
                f"{left} records were not acknowledged within {_FLUSH_S:g} s: look at the broker"
            )

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed = error

    def _check(self) -> None:
        if self._failed is not None:
            raise SendFailed(
                f"Kafka refused a record ({self._failed.str()}): check that the topics exist "
                "(`python -m dataflows topics create`) and that the broker has room"
            )


def send_now(
    sender: Sender, messages: Iterable[Outgoing], done: Callable[[int], None] | None = None
) -> float:
    """Send as fast as possible; returns the seconds it took until all were acknowledged.

    `done` hears every 1,000 messages of so many more.
    """
    began = time.monotonic()
    since = 0
    for message in messages:
        sender.send(message)
        since += 1
        if done is not None and since == _POLL_EVERY:
            done(since)
            since = 0
    sender.close()
    if done is not None and since:
        done(since)
    return time.monotonic() - began


def send_catalog(settings: Settings, codec: Codec, items: Iterable[Mapping[str, Any]]) -> None:
    """Send CatalogItem records as fast as possible."""
    sender = Sender(settings, linger_ms=20)
    for item in items:
        key = str(item["sku"])
        value = codec.encode("CatalogItem", item)
        sender.send(
            Outgoing("catalog", partition_of(key, settings.partitions), key.encode(), value, "catalog", None)
        )
    sender.close()


def preload(settings: Settings, parts: Iterable[Written]) -> float:
    """Send W1 records, one part after the other, as fast as possible; returns seconds until acknowledged.

    Deliveries are not heard of one by one, which would halve the pace: what the topics hold is counted.
    """
    producer = kafka.producer(
        settings,
        linger_ms=20,
        batch_num_messages=10_000,
        batch_size=1_000_000,
        queue_buffering_max_messages=2_000_000,
        queue_buffering_max_kbytes=1_000_000,
    )
    before = sum(end_offsets(settings, TOPIC_OF).values())
    sent = 0
    began = time.monotonic()
    for part in parts:
        _preload_part(producer, settings, part)
        sent += len(part.end)
    producer.flush(_FLUSH_S)
    seconds = time.monotonic() - began
    arrived = sum(end_offsets(settings, TOPIC_OF).values()) - before
    if arrived != sent:
        raise SendFailed(
            f"of {sent} records of the workload {arrived} are in Kafka: look at the broker's log"
        )
    return seconds


def _preload_part(producer: Producer, settings: Settings, part: Written) -> None:
    topics = [settings.topic_prefix + topic for topic in TOPIC_OF]
    keys = [sku_name(sku).encode() for sku in range(int(part.sku.max()) + 1)]
    lane = np.array([shard_of(key) % settings.partitions for key in keys])[part.sku]
    starts = np.concatenate([[0], part.end[:-1]])
    for first in range(0, len(part.end), _SLICE):
        last = min(first + _SLICE, len(part.end))
        base = int(starts[first])
        whole = part.buf[base : part.end[last - 1]].tobytes()
        batches: dict[tuple[int, int], list[dict[str, bytes]]] = {}
        rows = zip(
            part.what[first:last].tolist(), lane[first:last].tolist(), part.sku[first:last].tolist(),
            (starts[first:last] - base).tolist(), (part.end[first:last] - base).tolist(), strict=True,
        )  # fmt: skip
        for what, partition, sku, start, end in rows:
            batches.setdefault((what, partition), []).append({"value": whole[start:end], "key": keys[sku]})
        for (what, partition), batch in batches.items():
            while batch:
                queued = producer.produce_batch(topics[what], batch, partition=partition)
                batch = batch[queued:]
                producer.poll(0.05 if batch else 0)
