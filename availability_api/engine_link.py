"""The way to the engine and back: requests into `reservations`, answers out of `reservation-decisions`.

Answers are taken from the topic, not from Redis: the record is there before anything else can know of it, and the first
one of an identity stands, so that nobody is told what the log does not say. It is also the shorter way: Redis is
written when the engine has read its own decision back, and would have to be asked again and again.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaException

from availability_api.kafka_link import KafkaLink
from inventory.murmur import shard_of
from runtime.codec import codec_of
from runtime.settings import Settings
from wire.codec import Codec, RegistryUnavailable
from wire.framing import WireError

_log = logging.getLogger(__name__)

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
        self._codec = codec_of(settings)
        self._asked: dict[str, asyncio.Future[Decision]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._kafka = KafkaLink(settings, lambda: self._codec.encode_prefix("Reservation"), self._read)

    @property
    def why_away(self) -> str | None:
        """Why nothing can be asked now; None while it can."""
        return self._kafka.why_away

    def start(self) -> None:
        """Begin to read decisions, if there is a Kafka to read them from."""
        self._loop = asyncio.get_running_loop()
        self._kafka.start()

    async def close(self) -> None:
        """Stop reading."""
        await asyncio.to_thread(self._kafka.close)

    async def ask(self, events: Sequence[Mapping[str, Any]], within_s: float) -> list[Decision | None]:
        """Send Reservation records, and wait for their decisions: one each, None where it did not come in time.

        Raises EngineAway.
        """
        if self.why_away is not None:
            raise EngineAway(self.why_away)
        loop = asyncio.get_running_loop()
        futures = {str(event["event_id"]): loop.create_future() for event in events}
        self._asked.update(futures)
        try:
            self.send(events)
            await asyncio.wait(futures.values(), timeout=within_s)
            return [future.result() if future.done() else None for future in futures.values()]
        finally:
            for event_id in futures:
                del self._asked[event_id]

    def send(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Send Reservation records whose decisions nobody waits for. Raises EngineAway."""
        outlet = self._kafka.producer
        if outlet is None:
            raise EngineAway(str(self.why_away))
        topic = self._kafka.topic("reservations")
        try:
            for event in events:
                sku = str(event["sku"])
                value = self._codec.encode("Reservation", event)
                outlet.produce(topic, value, sku.encode(), shard_of(sku) % self._kafka.partitions)
        except (BufferError, KafkaException) as error:
            raise EngineAway(f"Kafka takes no more: {error}") from None

    # -- in the thread that reads --------------------------------------------------------------------------------

    def _read(self, records: Sequence[bytes]) -> None:
        found = [decision for data in records if (decision := self._decoded(data)) is not None]
        if found and self._loop is not None:
            self._loop.call_soon_threadsafe(self._hear, found)

    def _decoded(self, data: bytes) -> Decision | None:
        """One that somebody waits for."""
        try:
            record, value = self._codec.decode(data)
        except (WireError, RegistryUnavailable) as error:
            _log.error("a decision cannot be read", extra={"reason": str(error)})
            return None
        return value if record == "ReservationDecision" and value["event_id"] in self._asked else None

    # -- in the loop ---------------------------------------------------------------------------------------------

    def _hear(self, found: list[Decision]) -> None:
        for decision in found:
            future = self._asked.get(decision["event_id"])
            if future is not None and not future.done():
                future.set_result(decision)
