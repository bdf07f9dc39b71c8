"""W1 on Quix Streams: three topics as one stream, one stateful function on its RocksDB state with a changelog, and a
sink that coalesces. It runs in an environment of its own (`requirements/quix.lock`)."""

import time
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from quixstreams import Application
from quixstreams.sinks import BaseSink

from loadtest.peers.events import Event, decoder
from loadtest.peers.given import OUTPUT, TOPICS, Given
from loadtest.peers.quix_fold import Sku, fold, view
from loadtest.peers.view_writer import ViewWriter

_FLUSH_S = 10.0
_KAFKA = {"linger.ms": 20, "compression.type": "lz4"}


class ViewSink(BaseSink):  # type: ignore[misc]  # quixstreams is not in the environment that checks types
    """The last word on each sku, written every so often and at each checkpoint."""

    def __init__(self, given: Given) -> None:
        super().__init__()
        self._given = given
        self._waiting: dict[str, Sku] = {}
        self._every_s = given.publish_every_ms / 1000
        self._written_at = time.monotonic()

    def setup(self) -> None:
        """Called once, before the first message."""
        self._views = ViewWriter(self._given)
        self._producer = Producer({"bootstrap.servers": self._given.bootstrap, **_KAFKA})
        self._topic = self._given.topic_prefix + OUTPUT

    def add(self, value: Sku, key: str, *_: Any, **__: Any) -> None:
        """Called for every message."""
        self._waiting[key] = value
        if time.monotonic() - self._written_at > self._every_s:
            self._write()

    def flush(self) -> None:
        """Called before each commit."""
        self._write()
        if self._producer.flush(_FLUSH_S):
            raise TimeoutError(f"Kafka did not take all views within {_FLUSH_S:g} s")

    def _write(self) -> None:
        self._written_at = time.monotonic()
        if not self._waiting:
            return
        views = [(key, view(sku)) for key, sku in self._waiting.items()]
        self._waiting.clear()
        self._views.write(views)
        for key, shown in views:
            self._producer.produce(self._topic, shown.message(), key.encode())
        self._producer.poll(0)


def main() -> None:
    """Run until SIGTERM."""
    given = Given.load()
    app = Application(
        broker_address=given.bootstrap,
        consumer_group=given.application,
        auto_offset_reset="earliest",
        commit_interval=1.0,
        state_dir=given.state,
        loglevel="WARNING",
        consumer_poll_timeout=0.1,
        consumer_extra_config={"fetch.wait.max.ms": 50, "queued.min.messages": 50_000},
        producer_extra_config=_KAFKA,
    )
    decode = decoder(Path(given.schemas))
    told: ViewWriter | None = ViewWriter(given)

    def read(message: bytes) -> Event:
        nonlocal told
        if told is not None:
            told.tell_first()
            told = None
        return decode(message)

    first, *others = (
        app.dataframe(
            app.topic(given.topic_prefix + topic, key_deserializer="str", value_deserializer="bytes")
        ).apply(read)
        for topic in TOPICS
    )
    events = first
    for other in others:
        events = events.concat(other)
    views = events.apply(fold, stateful=True)
    views.filter(lambda sku: sku is not None).sink(ViewSink(given))
    app.run()


if __name__ == "__main__":
    main()
