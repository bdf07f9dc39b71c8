"""The API's connections to Kafka: one to ask, one to read decisions. A thread keeps both, and tells if they stand."""

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from runtime.kafka import consumer, producer
from runtime.settings import Settings
from wire.codec import RegistryUnavailable

_log = logging.getLogger(__name__)

_WAIT_S = 0.1
_AGAIN_AFTER_S = 1.0
_CLOSE_WITHIN_S = 2.0
_READY_WITHIN_S = 5.0
_LOOK_WITHIN_S = 1.0
_LOOK_EVERY_S = 2.0
_STATISTICS_MS = 200
_DELIVER_WITHIN_MS = 2_000
"""A request that Kafka has not taken by then is given up: whoever asked has been told so."""


class KafkaLink:
    """`prepare` is called in the thread before anything else, and may raise RegistryUnavailable; `hear` with every
    batch of records of `reservation-decisions` from the connection on."""

    def __init__(
        self, settings: Settings, prepare: Callable[[], object], hear: Callable[[Sequence[bytes]], None]
    ) -> None:
        self._settings = settings
        self._prepare = prepare
        self._hear = hear
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._broken: KafkaError | None = None
        self._numbered = False
        self._reading = 0
        self._look_due = 0.0
        self.partitions = settings.partitions
        """How many the topic of requests has."""
        self.producer: Producer | None = None
        self.why_away: str | None = (
            "Kafka has not been reached yet"
            if settings.kafka_bootstrap
            else "STOCKTIDE_KAFKA_BOOTSTRAP is not set"
        )
        """None while what is asked will be answered without waiting for a connection."""

    def topic(self, name: str) -> str:
        """A topic's full name."""
        return self._settings.topic_prefix + name

    def start(self) -> None:
        """Connect, if there is a Kafka to connect to, and keep connected until `close`."""
        if self._settings.kafka_bootstrap:
            self._thread = threading.Thread(target=self._run, name="decisions", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop, and return when the thread has ended."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    # -- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._keep()
            except Exception as error:  # whatever it is: without this thread nobody is answered
                if not isinstance(error, (KafkaException, RegistryUnavailable)):
                    _log.exception("reading decisions failed")
                self.producer = None
                self._go_away(error)
                self._stop.wait(_AGAIN_AFTER_S)

    def _keep(self) -> None:
        self._prepare()
        self._broken, self._numbered = None, False
        settings = self._settings
        source = consumer(settings, client_id="stocktide-api", group_id="stocktide-api", error_cb=self._note)
        try:
            source.assign(self._ends(source))
            outlet = producer(
                settings,
                client_id="stocktide-api",
                linger_ms=0,
                compression_type="none",
                message_timeout_ms=_DELIVER_WITHIN_MS,
                statistics_interval_ms=_STATISTICS_MS,
                stats_cb=self._look_at,
                error_cb=self._note_of_producer,
            )
            self._connect(source, outlet)
            self.producer = outlet
            self._come_back()
            while not self._stop.is_set():
                self._take(source, outlet)
                self._see_to_kafka(outlet)
                self._follow(source, outlet)
            self.producer = None
            outlet.flush(_CLOSE_WITHIN_S)
        finally:
            source.close()

    def _ends(self, source: Consumer) -> list[TopicPartition]:
        """Where the topic ends now: what is asked for from now on is answered behind it."""
        name = self.topic("reservation-decisions")
        self._reading = _find(source, name)
        places = []
        for partition in range(self._reading):
            place = TopicPartition(name, partition)
            _, high = source.get_watermark_offsets(place, timeout=_READY_WITHIN_S)
            places.append(TopicPartition(name, partition, high))
        return places

    def _connect(self, source: Consumer, outlet: Producer) -> None:
        """Let both be connected, every partition be read to its end, and the broker have given the producer its number:
        else whoever asks first would wait for it."""
        self.partitions = _find(outlet, self.topic("reservations"))
        ended, deadline = 0, time.monotonic() + _READY_WITHIN_S
        while not (self._numbered and ended >= self._reading) and not self._stop.is_set():
            if time.monotonic() > deadline:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "it does not let us read and write"))
            ended += self._take(source, outlet)

    def _take(self, source: Consumer, outlet: Producer) -> int:
        """Read what is there; how often a partition was seen to end."""
        first = source.poll(_WAIT_S)
        outlet.poll(0)
        if first is None:
            return 0
        found: list[bytes] = []
        ended = 0
        for message in (first, *source.consume(1000, 0)):
            error = message.error()
            if error is None:
                found.append(message.value() or b"")
            elif error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            else:
                ended += 1
        if found:
            self._hear(found)
        return ended

    def _follow(self, source: Consumer, outlet: Producer) -> None:
        """Topics may get more partitions: what is in the new ones was written since."""
        now = time.monotonic()
        if now < self._look_due or self.why_away is not None:
            return
        self._look_due = now + _LOOK_EVERY_S
        try:
            self.partitions = _find(outlet, self.topic("reservations"), _LOOK_WITHIN_S)
            name = self.topic("reservation-decisions")
            there = _find(source, name, _LOOK_WITHIN_S)
        except KafkaException as error:
            _log.warning("the partitions cannot be counted", extra={"reason": error.args[0].str()})
            return
        if there > self._reading:
            new = range(self._reading, there)
            source.incremental_assign([TopicPartition(name, each, OFFSET_BEGINNING) for each in new])
            self._reading = there

    # -- whether Kafka is there ----------------------------------------------------------------------------------

    def _see_to_kafka(self, outlet: Producer) -> None:
        """Where it went away, go on as soon as it is there again. What was asked by then is answered, or given up."""
        if self._broken is None:
            return
        if self._broken.fatal():
            raise KafkaException(self._broken)
        self._go_away(self._broken)
        self._broken = None
        try:
            outlet.list_topics(self.topic("reservations"), timeout=_LOOK_WITHIN_S)
        except KafkaException as error:
            self._broken = error.args[0]
        else:
            self._come_back()

    def _note(self, error: KafkaError) -> None:
        """Called by the consumer's poll, in the thread."""
        _log.warning("%s", error.str(), extra={"code": error.name()})
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._broken = error

    def _note_of_producer(self, error: KafkaError) -> None:
        """Called by the producer's poll, in the thread. It may be without a connection because it has nothing to do;
        after a fatal error it must be made anew."""
        _log.warning("%s", error.str(), extra={"code": error.name(), "fatal": error.fatal()})
        if error.fatal():
            self._broken = error

    def _look_at(self, statistics: str) -> None:
        """Called by the producer's poll, in the thread. The client tells in no other way that it has its number."""
        if not self._numbered:
            self._numbered = json.loads(statistics).get("eos", {}).get("idemp_state") == "Assigned"

    def _go_away(self, error: Exception | KafkaError) -> None:
        cause = error.args[0] if isinstance(error, KafkaException) else error
        reason = (
            f"Kafka at {self._settings.kafka_bootstrap}: {cause.str()}"
            if isinstance(cause, KafkaError)
            else str(cause)
        )
        if self.why_away is None:
            _log.warning("reservations answer 503", extra={"reason": reason})
        self.why_away = reason

    def _come_back(self) -> None:
        self.why_away = None
        _log.info("reservations can be made")


def _find(client: Consumer | Producer, topic: str, within_s: float = _READY_WITHIN_S) -> int:
    """How many partitions a topic has. Raises KafkaException where there is no such topic."""
    found = client.list_topics(topic, timeout=within_s).topics[topic]
    if found.error is not None:
        raise KafkaException(KafkaError(found.error.code(), f"topic {topic}: {found.error.str()}"))
    return len(found.partitions)
