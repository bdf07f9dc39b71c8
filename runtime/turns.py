"""Records that are published all or not at all, by one process at a time."""

from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Message

from runtime.kafka import KafkaUnavailable, ignore, producer, quiet_log, send
from runtime.records import NotPublished, Outgoing, Place
from runtime.settings import Settings
from wire.topics import TOPICS

_WAIT_S = 30.0
_OVERTAKEN = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)


class Overtaken(NotPublished):
    """Another process took its turn since; nothing was published."""


class Turn:
    """The right to publish under a name. Kafka refuses whatever one that took its turn before still sends; what that
    one had published is there to be read, all or nothing. Raises `KafkaUnavailable`."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._names = {topic.name: topic.full_name(settings.topic_prefix) for topic in TOPICS.values()}
        self._client = producer(
            settings,
            transactional_id=settings.topic_prefix + name,
            transaction_timeout_ms=int(_WAIT_S * 1000),
            logger=quiet_log,  # that another one takes its turn is told once, by its refusal
            error_cb=ignore,
        )
        try:
            self._client.init_transactions(_WAIT_S)
        except KafkaException as error:
            raise KafkaUnavailable(
                f"Kafka did not open a transaction ({error.args[0].str()}); check the broker, and that this user may "
                f"write with the transactional id {settings.topic_prefix}{name}"
            ) from None

    def publish(self, records: Sequence[Outgoing]) -> dict[Place, int]:
        """Send the records as one transaction; returns the first offset of each partition.

        Raises `Overtaken`, or `NotPublished` where it is not known whether all of them or none are there.
        """
        first: dict[Place, int] = {}
        topics = {full: topic for topic, full in self._names.items()}

        def delivered(error: KafkaError | None, message: Message) -> None:
            place = topics[message.topic() or ""], message.partition() or 0
            if error is None:
                first[place] = min(first.get(place, message.offset() or 0), message.offset() or 0)

        try:
            self._client.begin_transaction()
            for record in records:
                name = self._names[record.topic]
                send(self._client, name, record.value, record.key, record.partition, on_delivery=delivered)
            self._client.commit_transaction(_WAIT_S)
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            if reason.code() in _OVERTAKEN:
                raise Overtaken(
                    "somebody else did the same at the same time, and nothing was published"
                ) from None
            raise NotPublished(f"perhaps nothing was published ({reason.str()}): all of it or none") from None
        return first
