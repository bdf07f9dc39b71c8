"""Reads `catalog` and `availability` from the beginning, and then as they grow, in a thread.

Every partition is assigned by hand; no group. What was decoded is handed to the event loop in batches, and no more than
two of them wait there, so that answers of marketplaces do not wait behind a flood: a loop that is busy makes the thread
wait, and the thread makes Kafka wait.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from runtime.exit import ExitCode, Refusal
from runtime.kafka import admin, consumer
from runtime.offsets import END, list_offsets
from runtime.readback import TopicUnreadable, partitions_of
from runtime.settings import Settings
from wire.codec import Codec, RegistryUnavailable, WireError
from wire.peek import sku_and_version

_log = logging.getLogger("stocktide.feeds")

TOPICS = ("catalog", "availability")
_BATCH = 100
_WAIT_S = 0.05
_BATCHES = 2
_LOOK_EVERY_S = 30.0
_AGAIN_S = 1.0


class Undecoded(NamedTuple):
    """A record of `availability`: decoding most of them is left to whoever asks for one."""

    version: int
    value: bytes


class Heard(NamedTuple):
    """A record: its topic without prefix, its key, and its fields; None: the key was deleted."""

    topic: str
    key: str
    fields: dict[str, Any] | Undecoded | None


class NotRead(Refusal):
    """Kafka does not let us go on reading."""

    code = ExitCode.TRY_AGAIN


class Inflow:
    """`take` is called in the event loop with each batch. `caught_up`: all was taken that was there at the start.
    `failed` is set to a Refusal that ends the process. `unreadable`: records that were passed over."""

    def __init__(self, settings: Settings, codec: Codec, take: Callable[[Sequence[Heard]], None]) -> None:
        self._settings = settings
        self._codec = codec
        self._take = take
        self._loop = asyncio.get_running_loop()
        self.caught_up = asyncio.Event()
        self.failed: asyncio.Future[None] = self._loop.create_future()
        self.unreadable = 0
        self._names = {settings.topic(topic): topic for topic in TOPICS}
        self._ends: dict[tuple[str, int], int] = {}
        self._assigned: set[tuple[str, int]] = set()
        self._room = threading.Semaphore(_BATCHES)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inflow", daemon=True)
        self._look_due = 0.0

    def start(self) -> None:
        """Begin; `close` ends it."""
        self._thread.start()

    async def close(self) -> None:
        """Stop, and return when the thread has ended."""
        self._stop.set()
        self._room.release()
        await asyncio.to_thread(self._thread.join)

    # -- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            source = consumer(self._settings, client_id="stocktide-feeds", group_id="stocktide-feeds")
            try:
                self._begin(source)
                while not self._stop.is_set():
                    self._hand_over(self._decode(source.consume(_BATCH, timeout=_WAIT_S)))
                    self._follow(source)
            finally:
                source.close()
        except Exception as error:  # whatever it is: without this thread nothing is known any more
            self._fail(error)

    def _begin(self, source: Consumer) -> None:
        places = [
            TopicPartition(name, at, OFFSET_BEGINNING)
            for name in self._names
            for at in partitions_of(source, name)
        ]
        ends = list_offsets(admin(self._settings), places, END)
        self._ends = {at: found.offset for at, found in ends.items() if found.offset > 0}
        source.assign(places)
        self._assigned = {(place.topic, place.partition) for place in places}
        self._look_due = time.monotonic() + _LOOK_EVERY_S

    def _follow(self, source: Consumer) -> None:
        """Topics may get more partitions."""
        if time.monotonic() < self._look_due:
            return
        self._look_due = time.monotonic() + _LOOK_EVERY_S
        try:
            there = {(name, at) for name in self._names for at in partitions_of(source, name)}
        except (KafkaException, TopicUnreadable) as error:
            _log.warning("the partitions cannot be counted", extra={"reason": str(error)})
            return
        new = there - self._assigned
        if new:
            source.incremental_assign([TopicPartition(name, at, OFFSET_BEGINNING) for name, at in new])
            self._assigned |= new

    def _decode(self, messages: Sequence[Message]) -> list[Heard]:
        heard = []
        for message in messages:
            place = (message.topic() or "", message.partition() or 0)
            error = message.error()
            if error is not None:
                if error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                self._ends.pop(place, None)
                continue
            record = self._record(message)
            if record is not None:
                heard.append(record)
            if (message.offset() or 0) >= self._ends.get(place, 0) - 1:
                self._ends.pop(place, None)
        return heard

    def _record(self, message: Message) -> Heard | None:
        topic, value = self._names[message.topic() or ""], message.value()
        key = (message.key() or b"").decode("utf-8", "replace")
        if value is None:
            return Heard(topic, key, None)
        while not self._stop.is_set():
            try:
                return self._heard(topic, bytes(value))
            except RegistryUnavailable as error:
                _log.warning("waiting for the schema registry", extra={"reason": str(error)})
                self._stop.wait(_AGAIN_S)
            except (WireError, KeyError) as error:
                self.unreadable += 1
                place = f"{topic}/{message.partition()}/{message.offset()}"
                _log.error(
                    "a record cannot be read, and is passed over",
                    extra={"record": place, "reason": str(error)},
                )
                return None
        return None

    def _heard(self, topic: str, value: bytes) -> Heard:
        if topic == "availability":
            sku, version = sku_and_version(self._codec, value)
            return Heard(topic, sku, Undecoded(version, value))
        fields = self._codec.decode(value)[1]
        return Heard(topic, fields["sku"], fields)

    def _hand_over(self, heard: list[Heard]) -> None:
        if heard:
            self._room.acquire()
        if heard or (not self._ends and not self.caught_up.is_set()):
            self._call(self._arrive, heard, not self._ends)

    def _call(self, what: Callable[..., None], *given: object) -> None:
        if not self._stop.is_set():
            self._loop.call_soon_threadsafe(what, *given)

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, Refusal):
            cause = error.args[0] if isinstance(error, KafkaException) else error
            reason = cause.str() if isinstance(cause, KafkaError) else repr(cause)
            error = NotRead(
                f"the topics {', '.join(self._names)} cannot be read on: {reason}; look at the broker"
            )
        self._call(lambda: None if self.failed.done() else self.failed.set_exception(error))

    # -- the loop ------------------------------------------------------------------------------------------------

    def _arrive(self, heard: Sequence[Heard], complete: bool) -> None:
        if heard:
            self._room.release()
        try:
            self._take(heard)
        except Exception as error:
            _log.exception("a batch could not be taken")
            if not self.failed.done():
                self.failed.set_exception(NotRead(f"what was read could not be taken: {error!r}"))
            return
        if complete:
            self.caught_up.set()
