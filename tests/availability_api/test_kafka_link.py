"""The API's connections to Kafka, with a real one: what they do about faults that end neither it nor them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from confluent_kafka import KafkaError

from availability_api.kafka_link import KafkaLink
from runtime.kafka import producer
from runtime.settings import Settings
from runtime.topics import create_topics
from tests.availability_api.conftest import eventually
from wire.codec import RegistryUnavailable


@contextmanager
def _linked(
    settings: Settings, prepare: Callable[[], object], hear: Callable[[Sequence[bytes]], None]
) -> Iterator[KafkaLink]:
    link = KafkaLink(settings, prepare, hear)
    link.start()
    try:
        yield link
    finally:
        link.close()


def _decide(settings: Settings, value: bytes) -> None:
    outlet = producer(settings)
    outlet.produce(settings.topic_prefix + "reservation-decisions", value, b"sku", 0)
    outlet.flush()


def test_a_registry_that_is_away_is_waited_for(settings: Settings) -> None:
    create_topics(settings)
    away = [RegistryUnavailable("the registry does not answer"), None]

    def prepare() -> None:
        if (error := away[0]) is not None:
            raise error

    with _linked(settings, prepare, lambda records: None) as link:
        eventually(lambda: link.why_away == "the registry does not answer")
        assert link.producer is None
        away[0] = None
        eventually(lambda: link.why_away is None)


def test_a_producer_that_is_lost_is_made_anew(settings: Settings) -> None:
    create_topics(settings)
    with _linked(settings, lambda: None, lambda records: None) as link:
        eventually(lambda: link.why_away is None)
        before = link.producer
        link._note_of_producer(KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "lost", True))
        eventually(lambda: link.producer is not None and link.producer is not before)
        eventually(lambda: link.why_away is None)
        link._note_of_producer(KafkaError(KafkaError._ALL_BROKERS_DOWN, "idle", False))
        assert link.why_away is None


def test_what_cannot_be_heard_is_said_and_the_rest_is_heard(settings: Settings) -> None:
    create_topics(settings)
    heard: list[bytes] = []

    def hear(records: Sequence[bytes]) -> None:
        if b"bad" in records:
            raise RuntimeError("cannot be heard")
        heard.extend(records)

    with _linked(settings, lambda: None, hear) as link:
        eventually(lambda: link.why_away is None)
        _decide(settings, b"bad")
        eventually(lambda: link.why_away == "cannot be heard")
        eventually(lambda: link.why_away is None)
        _decide(settings, b"good")
        eventually(lambda: heard == [b"good"])
