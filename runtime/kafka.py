"""Kafka clients with the options this system depends on, and a clear word where the broker is away."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from runtime.exit import ExitCode, Refusal
from runtime.settings import Settings

GROUP = "stocktide-engine"
"""The consumer group under which progress is committed, for lag tools only."""

_log = logging.getLogger("stocktide.kafka")
quiet_log = logging.getLogger("stocktide.kafka.probe")
quiet_log.addHandler(logging.NullHandler())
quiet_log.propagate = False
"""For clients that ask whether the broker is there: its absence is no news."""

_CONSUMER: dict[str, object] = {
    "group.id": GROUP,
    "enable.auto.commit": False,
    # An offset lost to retention must stop the lane: never a silent jump.
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "queued.max.messages.kbytes": 8192,
    "fetch.wait.max.ms": 100,
    # The default of a second starves a fast reader whose queue was full once.
    "fetch.queue.backoff.ms": 2,
}
_PRODUCER: dict[str, object] = {
    "enable.idempotence": True,
    "acks": "all",
    "compression.type": "lz4",
    "linger.ms": 5,
}


class KafkaUnavailable(Refusal):
    """No broker answered in time."""

    code = ExitCode.TRY_AGAIN


def consumer(settings: Settings, **overrides: object) -> Consumer:
    """A consumer that is assigned its partitions by hand and commits nothing by itself.

    Overrides are librdkafka options with underscores for dots: `fetch_max_bytes=1_000_000`.
    """
    return Consumer(_options(settings, _CONSUMER, overrides))


def producer(settings: Settings, **overrides: object) -> Producer:
    """An idempotent producer, acks=all; `linger_ms=0` where an answer waits for the record."""
    return Producer(_options(settings, _PRODUCER, overrides))


def send(
    client: Producer, topic: str, value: bytes | None, key: bytes | None, partition: int = -1, **options: Any
) -> None:
    """Give a producer a record, and wait while its queue is full. `topic` is the full name; without a
    partition the producer chooses. Raises KafkaException."""
    while True:
        try:
            client.produce(topic, value, key, partition, **options)
            client.poll(0)
            return
        except BufferError:
            client.poll(0.1)


def admin(settings: Settings, **overrides: object) -> AdminClient:
    """An administration client. Keep it until its futures are done: they end with it."""
    return AdminClient(_options(settings, {}, overrides))


def wait_for_kafka(settings: Settings, timeout_s: float = 30.0) -> None:
    """Return when a broker answers; raise `KafkaUnavailable` with what to check after `timeout_s`."""
    settings.require("kafka_bootstrap")
    deadline = time.monotonic() + timeout_s
    client = admin(settings, logger=quiet_log, error_cb=ignore, reconnect_backoff_max_ms=250)
    while True:
        left = deadline - time.monotonic()
        try:
            client.list_topics(timeout=max(0.1, min(2.0, left)))
            return
        except KafkaException as error:
            if time.monotonic() >= deadline:
                raise KafkaUnavailable(_unavailable(settings, timeout_s, error)) from None
        time.sleep(0.05)


def _options(
    settings: Settings, defaults: Mapping[str, object], overrides: Mapping[str, object]
) -> dict[str, Any]:
    settings.require("kafka_bootstrap")
    return {
        "bootstrap.servers": settings.kafka_bootstrap,
        "client.id": "stocktide",
        "error_cb": _on_error,
        "logger": _log,
        **defaults,
        **{_option_name(name): value for name, value in overrides.items()},
    }


def _option_name(name: str) -> str:
    callback = name.endswith("_cb") or name.startswith("on_")
    return name if callback else name.replace("_", ".")


def _on_error(error: KafkaError) -> None:
    """Errors of the client as a whole; librdkafka goes on by itself unless they are fatal."""
    level = logging.ERROR if error.fatal() else logging.WARNING
    _log.log(level, "%s", error.str(), extra={"code": error.name(), "fatal": error.fatal()})


def ignore(error: KafkaError) -> None:
    """An `error_cb` for the same clients."""


def _unavailable(settings: Settings, timeout_s: float, error: KafkaException) -> str:
    reason = error.args[0].str() if error.args and isinstance(error.args[0], KafkaError) else str(error)
    return (
        f"Kafka at {settings.kafka_bootstrap} did not answer within {timeout_s:g} s ({reason}); check that "
        "the broker runs, that STOCKTIDE_KAFKA_BOOTSTRAP names its client listener, and that its "
        "advertised.listeners can be reached from here"
    )
