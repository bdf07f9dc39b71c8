"""Topics read back: what Kafka has, with the times it gave. The sender is not asked."""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from runtime import kafka
from runtime.exit import ExitCode, Refusal
from runtime.offsets import END, list_offsets
from runtime.settings import Settings

_BATCH = 10_000
_PATIENCE_S = 0.1  # `consume` waits as long for a batch that does not fill up
_SILENCE_S = 20.0


class TopicUnreadable(Refusal):
    """A topic is not there, or Kafka sends nothing of it."""

    code = ExitCode.TRY_AGAIN


class Stored(NamedTuple):
    """One record as Kafka has it; `topic` without prefix, `log_time` in ms."""

    topic: str
    partition: int
    offset: int
    log_time: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]

    @property
    def place(self) -> tuple[str, int, int]:
        """What identifies the record."""
        return self.topic, self.partition, self.offset


def partitions_of(consumer: Consumer, name: str) -> list[int]:
    """The partitions of a topic (full name). Raises TopicUnreadable if there is no such topic."""
    found = consumer.list_topics(name, timeout=10).topics[name]
    if found.error is not None:
        raise TopicUnreadable(
            f"topic {name}: {found.error.str()}; create it with `python -m dataflows topics create`"
        )
    return sorted(found.partitions)


def end_offsets(settings: Settings, topics: Iterable[str]) -> dict[tuple[str, int], int]:
    """How many records each partition had so far, by (topic without prefix, partition)."""
    consumer = kafka.consumer(settings)
    try:
        names = {settings.topic(topic): topic for topic in topics}
        places = [TopicPartition(name, at) for name in names for at in partitions_of(consumer, name)]
    finally:
        consumer.close()
    found = list_offsets(kafka.admin(settings), places, END)
    return {(names[name], partition): told.offset for (name, partition), told in found.items()}


def read_topic(settings: Settings, topic: str) -> Iterator[Stored]:
    """Every record that the topic has now; none that comes meanwhile. Raises TopicUnreadable if Kafka falls silent."""
    name = settings.topic(topic)
    consumer = kafka.consumer(settings)
    try:
        places = [
            TopicPartition(name, partition, OFFSET_BEGINNING) for partition in partitions_of(consumer, name)
        ]
        ends = {place.partition: consumer.get_watermark_offsets(place, timeout=10)[1] for place in places}
        consumer.assign(places)
        waiting = set(ends)
        heard = time.monotonic()
        while waiting:
            batch = consumer.consume(_BATCH, timeout=_PATIENCE_S)
            if batch:
                heard = time.monotonic()
            elif time.monotonic() - heard > _SILENCE_S:
                raise TopicUnreadable(
                    f"Kafka sent nothing of topic {name} for {_SILENCE_S:g} s: look at the broker"
                )
            for message in batch:
                stored = _stored(topic, message)
                if stored is None or stored.offset >= ends[stored.partition] - 1:
                    waiting.discard(message.partition())
                if stored is not None and stored.offset < ends[stored.partition]:
                    yield stored
    finally:
        consumer.close()


def read_places(
    settings: Settings, places: Iterable[tuple[str, int, int]]
) -> dict[tuple[str, int, int], Stored]:
    """The records at some (topic without prefix, partition, offset); those that are not kept any more are left out."""
    consumer = kafka.consumer(settings)
    found = {}
    try:
        for topic, partition, offset in places:
            consumer.assign([TopicPartition(settings.topic(topic), partition, offset)])
            message = consumer.poll(_SILENCE_S)
            if message is None:
                raise TopicUnreadable(
                    f"Kafka sent nothing of topic {settings.topic(topic)} for {_SILENCE_S:g} s: look at "
                    "the broker"
                )
            if message.error() is None and message.offset() == offset:
                found[topic, partition, offset] = Stored(
                    topic, partition, offset, message.timestamp()[1], message.key(), message.value(),
                    _headers(message),
                )  # fmt: skip
    finally:
        consumer.close()
    return found


def _stored(topic: str, message: Message) -> Stored | None:
    """The record; None at the end of a partition."""
    error = message.error()
    if error is None:
        return Stored(
            topic, message.partition() or 0, message.offset() or 0, message.timestamp()[1],
            message.key(), message.value(), _headers(message),
        )  # fmt: skip
    if error.code() == KafkaError._PARTITION_EOF:
        return None
    raise KafkaException(error)


def _headers(message: Message) -> dict[str, bytes]:
    headers = message.headers() or ()
    pairs = headers.items() if isinstance(headers, dict) else headers
    return {name: value for name, value in pairs if isinstance(value, bytes)}
