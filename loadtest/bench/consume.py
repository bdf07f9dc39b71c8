"""The floor: how fast one Python process takes records from Kafka and does nothing with them."""

import time

from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from loadtest.errors import NotCaughtUp
from runtime import kafka
from runtime.readback import end_offsets
from runtime.settings import Settings

FULL_SPEED = 450_000
"""Records a second of consuming alone at which the goals are meant; slower machines compare ratios."""

_BATCH = 10_000
_PATIENCE_S, _SILENCE_S = 0.02, 20.0


def consume_only(settings: Settings, topics: tuple[str, ...]) -> float:
    """Records a second from the first record to the last of these topics, their values touched."""
    ends = end_offsets(settings, topics)
    consumer = kafka.consumer(settings)
    try:
        consumer.assign([TopicPartition(settings.topic_prefix + t, p, OFFSET_BEGINNING) for t, p in ends])
        left = many = sum(ends.values())
        began = heard = time.monotonic()
        while left:
            batch = consumer.consume(_BATCH, timeout=_PATIENCE_S)
            if batch:
                heard = time.monotonic()
                began = heard if left == many else began
            elif time.monotonic() - heard > _SILENCE_S:
                raise NotCaughtUp(f"Kafka sent nothing for {_SILENCE_S:g} s: look at the broker")
            for message in batch:
                if message.error() is None:
                    message.value()
                    left -= 1
        return many / (time.monotonic() - began)
    finally:
        consumer.close()
