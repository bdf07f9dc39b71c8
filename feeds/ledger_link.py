"""The ledger on Kafka: written record by record, read as a whole.

One thread encodes and produces, in the order in which records were given, so that of a key the last that was given is
the last that stands. While Kafka is away, `write` waits, and with it whoever must not send before it is written.
"""

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import SEEK_END, BytesIO
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from fastavro import schemaless_writer

from feeds import ledger
from feeds.slots import Slot
from runtime.exit import ExitCode, Refusal
from runtime.kafka import producer
from runtime.readback import read_topic
from runtime.settings import Settings
from wire.codec import Codec, RegistryUnavailable, WireError

_log = logging.getLogger("stocktide.feeds")

_POLL_S = 0.002
_AGAIN_S = 1.0
_CLOSE_WITHIN_S = 10.0

Entry = tuple[bytes, dict[str, Any] | None]
"""A key and the fields of its FeedResult; None deletes it."""


class LedgerAway(Refusal):
    """Kafka will not take any more records from this process."""

    code = ExitCode.TRY_AGAIN


@dataclass
class _Batch:
    """Records that were given together: `left` were not acknowledged yet."""

    entries: Sequence[Entry]
    done: "asyncio.Future[None]"
    left: int = 0
    failure: str | None = field(default=None)


class LedgerWriter:
    """`waiting`: batches that are not on disk yet."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._settings = settings
        self._codec = codec
        self._topic = settings.topic(ledger.TOPIC)
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._open: set[asyncio.Future[None]] = set()
        self._dead: str | None = None
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        return len(self._open)

    async def write(self, records: Sequence[Entry]) -> None:
        """Returns when all of them are on disk. Raises LedgerAway, after which nothing can be written any more."""
        if not records:
            return
        if self._dead is not None:
            raise LedgerAway(self._dead)
        done: asyncio.Future[None] = self._loop.create_future()
        self._open.add(done)
        done.add_done_callback(self._open.discard)
        self._queue.put(_Batch(records, done))
        await asyncio.shield(done)

    async def settle(self) -> None:
        """Everything that was given so far is on disk, or never will be."""
        if self._open:
            await asyncio.wait(list(self._open))

    async def close(self) -> None:
        """Write what is left, within a while, and end."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    # -- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        client = producer(
            self._settings, client_id="stocktide-feeds", partitioner="murmur2_random", linger_ms=1,
            message_timeout_ms=0, error_cb=self._note,
        )  # fmt: skip
        under_way = 0
        while True:
            try:
                batch = self._queue.get(timeout=_POLL_S if len(client) or under_way else 0.1)
            except queue.Empty:
                under_way = client.poll(_POLL_S)
                continue
            if batch is None:
                client.flush(_CLOSE_WITHIN_S)
                return
            self._send(client, batch)
            client.poll(0)

    def _send(self, client: Producer, batch: _Batch) -> None:
        batch.left = len(batch.entries)

        def delivered(error: KafkaError | None, _: Message) -> None:
            batch.left -= 1
            if error is not None:
                batch.failure = error.str()
            if not batch.left:
                self._finish(batch)

        for key, fields in batch.entries:
            try:
                value = None if fields is None else self._encoded(fields)
                self._produce(client, key, value, delivered)
            except (WireError, KafkaException) as error:
                _log.error(
                    "a record of the ledger cannot be written",
                    extra={"key": key.decode(), "error": str(error)},
                )
                batch.failure = str(error)
                batch.left -= 1
                if not batch.left:
                    self._finish(batch)

    def _encoded(self, fields: dict[str, Any]) -> bytes:
        """As the codec has it, without its look at every field beforehand, which costs as much again: what is written
        was made by `ledger.record`. Raises WireError."""
        while True:
            try:
                out = BytesIO(self._codec.encode_prefix("FeedResult"))
                out.seek(0, SEEK_END)
                schemaless_writer(out, self._codec.schemas.of("FeedResult").parsed, fields)
                return out.getvalue()
            except (TypeError, ValueError, KeyError, OverflowError) as error:
                raise WireError("invalid_event", f"not a valid FeedResult: {error}") from error
            except RegistryUnavailable as error:
                _log.warning("waiting for the schema registry", extra={"reason": str(error)})
                threading.Event().wait(_AGAIN_S)

    def _produce(
        self, client: Producer, key: bytes, value: bytes | None, delivered: Callable[..., None]
    ) -> None:
        while True:
            try:
                client.produce(self._topic, value, key, on_delivery=delivered)
                return
            except BufferError:
                client.poll(0.1)

    def _finish(self, batch: _Batch) -> None:
        def tell() -> None:
            if batch.done.done():
                return
            if batch.failure is None:
                batch.done.set_result(None)
            else:
                batch.done.set_exception(LedgerAway(f"the ledger cannot be written: {batch.failure}"))
                batch.done.exception()  # whoever gave it may have gone

        with contextlib.suppress(RuntimeError):  # the loop has ended before the last word came
            self._loop.call_soon_threadsafe(tell)

    def _note(self, error: KafkaError) -> None:
        _log.warning("%s", error.str(), extra={"code": error.name(), "fatal": error.fatal()})
        if error.fatal():
            self._dead = f"Kafka has refused this process for good ({error.str()}); start it again"


class Recorded(NamedTuple):
    """The last record of a key: its offset order is that of Kafka. `value` None: it was deleted."""

    key: bytes
    value: bytes | None


def last_records(settings: Settings, accounts: Iterable[str]) -> dict[str, list[Recorded]]:
    """What the ledger has now of some accounts, by account. Reads the whole topic. Raises TopicUnreadable,
    KafkaException."""
    prefixes = {ledger.key(account, "", None)[:-1]: account for account in accounts}
    found: dict[bytes, bytes | None] = {}
    for stored in read_topic(settings, ledger.TOPIC):
        key = stored.key or b""
        if key[: key.find(b":") + 1] in prefixes:
            found[key] = stored.value
    told: dict[str, list[Recorded]] = {account: [] for account in prefixes.values()}
    for key, value in found.items():
        if value is not None:
            told[prefixes[key[: key.find(b":") + 1]]].append(Recorded(key, value))
    return told


def decoded(codec: Codec, records: Iterable[Recorded]) -> Iterator[dict[str, Any]]:
    """Their fields; one that cannot be read is told, and left out: its slot is then sent anew."""
    for record in records:
        try:
            yield codec.decode(record.value or b"")[1]
        except WireError as error:
            _log.error(
                "a record of the ledger cannot be read",
                extra={"key": record.key.decode(), "reason": str(error)},
            )


class LedgerReader:
    """Reads the ledger for accounts that begin; those that begin at the same time share one reading."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._settings = settings
        self._codec = codec
        self._asked: dict[str, asyncio.Future[list[Recorded]]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def of(self, account: str) -> list[Slot]:
        """The slots of an account as the ledger has them, a moment after the call."""
        asked = self._asked.setdefault(account, asyncio.get_running_loop().create_future())
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        records = await asyncio.shield(asked)
        return await asyncio.to_thread(self._slots, records)

    def _slots(self, records: Sequence[Recorded]) -> list[Slot]:
        return [ledger.restore(fields) for fields in decoded(self._codec, records)]

    async def _read(self) -> None:
        await asyncio.sleep(0.05)  # whoever begins now as well
        while self._asked:
            asked, self._asked = self._asked, {}
            try:
                found = await asyncio.to_thread(last_records, self._settings, list(asked))
            except Exception as error:
                for each in asked.values():
                    each.set_exception(error)
                    each.exception()
                continue
            for account, each in asked.items():
                each.set_result(found[account])
        self._reading = None
