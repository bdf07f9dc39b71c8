"""The way to the engine and back: requests into `reservations`, answers out of `reservation-decisions`.

Answers are taken from the topic, not from Redis: the record is there before anything else can know of it, and the first
one of an identity stands, so that nobody is told what the log does not say. It is also the shorter way: Redis is
written when the engine has read its own decision back, and would have to be asked again and again.
"""

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from inventory.murmur import shard_of
from runtime.codec import codec_of
from runtime.kafka import consumer, producer
from runtime.settings import Settings
from wire.codec import Codec
from wire.framing import WireError

_log = logging.getLogger(__name__)

_WAIT_S = 0.1
_AGAIN_AFTER_S = 1.0
_CLOSE_WITHIN_S = 2.0
_DELIVER_WITHIN_MS = 2_000
"""A request that Kafka has not taken by then is given up: whoever asked has been told so."""

Decision = Mapping[str, Any]


_SOME_DECISION = {
    "reservation_id": "", "line": "", "sku": "", "version": 1, "outcome": "REFUSED", "quantity": 0, "available": 0,
    "decided_at": 0,
}  # fmt: skip


def warm() -> None:
    """Load the kernel by which decisions are checked, so that no request waits for it."""
    codec = Codec()
    codec.decode(codec.encode("ReservationDecision", _SOME_DECISION))


class EngineAway(Exception):
    """No request can be made now; the text says why."""


class EngineLink:
    """One for each process. Used from its event loop; a thread of its own reads decisions."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._codec = codec_of(settings)
        self._asked: dict[str, asyncio.Future[Decision]] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._producer: Producer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.why_away = (
            "Kafka has not been reached yet"
            if settings.kafka_bootstrap
            else "STOCKTIDE_KAFKA_BOOTSTRAP is not set"
        )

    def start(self) -> None:
        """Begin to read decisions, if there is a Kafka to read them from."""
        if not self._settings.kafka_bootstrap:
            return
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="decisions", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    async def ask(self, events: Sequence[Mapping[str, Any]], within_s: float) -> list[Decision | None]:
        """Send Reservation records, and wait for their decisions: one each, None where it did not come in time.

        Raises EngineAway.
        """
        outlet = self._producer
        if outlet is None:
            raise EngineAway(self.why_away)
        loop = asyncio.get_running_loop()
        futures = {str(event["event_id"]): loop.create_future() for event in events}
        self._asked.update(futures)
        try:
            for event in events:
                self._send(outlet, event)
            await asyncio.wait(futures.values(), timeout=within_s)
            return [future.result() if future.done() else None for future in futures.values()]
        finally:
            for event_id in futures:
                del self._asked[event_id]

    def _send(self, outlet: Producer, event: Mapping[str, Any]) -> None:
        sku = str(event["sku"])
        settings = self._settings
        try:
            outlet.produce(
                settings.topic_prefix + "reservations", self._codec.encode("Reservation", event), sku.encode(),
                shard_of(sku) % settings.partitions,
            )  # fmt: skip
        except (BufferError, KafkaException) as error:
            raise EngineAway(f"Kafka takes no more: {error}") from None

    # -- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._read()
            except KafkaException as error:
                self._producer = None
                self.why_away = f"Kafka at {self._settings.kafka_bootstrap}: {error.args[0]}"
                _log.warning("reservations answer 503", extra={"reason": self.why_away})
                self._stop.wait(_AGAIN_AFTER_S)

    def _read(self) -> None:
        source = consumer(self._settings, client_id="stocktide-api", group_id="stocktide-api")
        try:
            source.assign(self._ends(source))
            outlet = producer(
                self._settings,
                client_id="stocktide-api",
                linger_ms=0,
                compression_type="none",
                message_timeout_ms=_DELIVER_WITHIN_MS,
            )
            self._producer = outlet
            _log.info("reservations can be made")
            while not self._stop.is_set():
                self._take(source, outlet)
            self._producer = None
            outlet.flush(_CLOSE_WITHIN_S)
        finally:
            source.close()

    def _take(self, source: Consumer, outlet: Producer) -> None:
        first = source.poll(_WAIT_S)
        outlet.poll(0)
        if first is None:
            return
        found: list[Decision] = []
        for message in (first, *source.consume(1000, 0)):
            error = message.error()
            if error is None:
                found += self._decoded(message.value() or b"")
            elif error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
        if found and self._loop is not None:
            self._loop.call_soon_threadsafe(self._hear, found)

    def _ends(self, source: Consumer) -> list[TopicPartition]:
        """Where the topic ends now: what is asked for from now on is answered behind it."""
        name = self._settings.topic_prefix + "reservation-decisions"
        places = []
        for partition in range(self._settings.partitions):
            place = TopicPartition(name, partition)
            _, high = source.get_watermark_offsets(place, timeout=5.0)
            places.append(TopicPartition(name, partition, high))
        return places

    def _decoded(self, data: bytes) -> list[Decision]:
        try:
            record, value = self._codec.decode(data)
        except WireError as error:
            _log.error("a decision cannot be read", extra={"reason": error.reason})
            return []
        return [value] if record == "ReservationDecision" and value["event_id"] in self._asked else []

    def _hear(self, found: list[Decision]) -> None:
        for decision in found:
            future = self._asked.get(decision["event_id"])
            if future is not None and not future.done():
                future.set_result(decision)
