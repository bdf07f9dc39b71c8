"""Publishing records for a command: until all are acknowledged."""

from collections.abc import Iterable
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message

from runtime.exit import ExitCode, Refusal
from runtime.kafka import producer, send
from runtime.settings import Settings
from wire.topics import TOPICS

_WAIT_S = 30.0

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
        try:
            send(client, name, record.value, record.key, record.partition, on_delivery=delivered)
        except KafkaException as error:
            raise NotPublished(f"not all was published: {error}") from None
    waiting = client.flush(_WAIT_S)
    if failures or waiting:
        reason = failures[0] if failures else f"{waiting} records were not acknowledged in {_WAIT_S:g} s"
        raise NotPublished(f"not all was published: {reason}")
    return first
