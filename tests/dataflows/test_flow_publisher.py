"""A Kafka that takes nothing any more holds the publisher back, but not for ever once it is to end."""

from typing import Any, cast

import pytest
from confluent_kafka import Producer
from redis.exceptions import RedisError

from dataflows import publisher as publishing
from dataflows.publisher import Outlets, Publisher
from dataflows.redis_link import RedisLink, Stopped
from runtime.settings import Settings


class FullProducer:
    """Its queue is full and stays so."""

    def __init__(self) -> None:
        self.tries = 0

    def produce(self, *_: Any, **__: Any) -> None:
        self.tries += 1
        raise BufferError

    def poll(self, _timeout: float) -> int:
        return 0

    def __len__(self) -> int:
        return 100_000


def test_a_full_queue_ends_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "_LEAVE_WITHIN_S", 0.05)
    full = FullProducer()
    told: list[bool] = []

    def stopping() -> bool:
        told.append(True)
        return full.tries > 50

    publisher = Publisher(
        Settings(),
        Outlets(cast(Producer, full), cast(Producer, full), cast(Producer, full)),
        cast(RedisLink, RedisError),
        stopping,
        lambda: None,
        {},
    )
    with pytest.raises(Stopped, match="Kafka was away"):
        publisher._produce("dead-letters", b"", None)
    assert full.tries > 50
    assert told
