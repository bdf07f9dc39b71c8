"""What commands do with topics: read them to their end, and publish records until all are acknowledged."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, TopicPartition

from runtime.exit import ExitCode, Refusal
from runtime.kafka import KafkaUnavailable, consumer, producer
from runtime.settings import Settings
from wire.topics import TOPICS

_WAIT_S = 30.0
_BATCH = 1_000

Place = tuple[str, int]
"""A topic (its name without prefix) and a partition."""


class NotPublished(Refusal):
    """Some of the records may not have arrived."""

    code = ExitCode.TRY_AGAIN


class Outgoing(NamedTuple):
    """A record to publish; a `value` of None deletes its key."""

    topic: str
    partition: int
    key: bytes
    value: bytes | None


def read_to_end(
    settings: Settings, topics: Mapping[str, int], take: Callable[[str, Message], None]
) -> dict[Place, int]:
    """Hand every message of the topics (name: number of partitions) to `take`; returns where each partition ends.

    Raises `KafkaUnavailable`.
    """
    names = {TOPICS[topic].full_name(settings.topic_prefix): topic for topic in topics}
    ends: dict[Place, int] = {}
    client = consumer(settings, group_id="stocktide-rules")
    try:
        places = [
            TopicPartition(full, partition, OFFSET_BEGINNING)
            for full, topic in names.items()
            for partition in range(topics[topic])
        ]
        client.assign(places)
        deadline = time.monotonic() + _WAIT_S
        while len(ends) < len(places):
            for message in client.consume(_BATCH, timeout=0.05):
                deadline = time.monotonic() + _WAIT_S
                error, topic = message.error(), names.get(message.topic() or "")
                if topic is None or (error is not None and error.code() != KafkaError._PARTITION_EOF):
                    raise KafkaUnavailable(f"what is live cannot be read: {error}; check the broker")
                if error is None:
                    take(topic, message)
                else:
                    ends[topic, message.partition() or 0] = message.offset() or 0
            if time.monotonic() > deadline:
                raise KafkaUnavailable(
                    f"Kafka sent nothing of what is live for {_WAIT_S:g} s; check the broker"
                )
    finally:
        client.close()
    return ends


def publish(settings: Settings, records: Iterable[Outgoing]) -> dict[Place, int]:
    """Send the records and wait until all are acknowledged; returns the first offset of each partition.

    Raises `NotPublished`; what was sent until then stays.
    """
    first: dict[Place, int] = {}
    failures: list[str] = []
    short = {TOPICS[topic].full_name(settings.topic_prefix): topic for topic in TOPICS}

    def delivered(error: KafkaError | None, message: Message) -> None:
        name, offset = message.topic() or "", message.offset() or 0
        if error is not None:
            failures.append(f"{name}: {error.str()}")
            return
        place = short[name], message.partition() or 0
        first[place] = min(first.get(place, offset), offset)

    client = producer(settings)
    for record in records:
        name = TOPICS[record.topic].full_name(settings.topic_prefix)
        while True:
            try:
                client.produce(
                    name, record.value, record.key, partition=record.partition, on_delivery=delivered
                )
                break
            except BufferError:
                client.poll(0.1)
            except KafkaException as error:
                raise NotPublished(f"not all was published: {error}") from None
        client.poll(0)
    waiting = client.flush(_WAIT_S)
    if failures or waiting:
        reason = failures[0] if failures else f"{waiting} records were not acknowledged in {_WAIT_S:g} s"
        raise NotPublished(f"not all was published: {reason}")
    return first
