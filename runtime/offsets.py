"""Offsets of many partitions in one request."""

from collections.abc import Iterable

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, ListOffsetsResultInfo, OffsetSpec

FIRST: OffsetSpec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
END: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
_ANSWER_WITHIN_S = 30.0


def list_offsets(
    client: AdminClient,
    places: Iterable[TopicPartition],
    what: OffsetSpec,
    within_s: float = _ANSWER_WITHIN_S,
) -> dict[tuple[str, int], ListOffsetsResultInfo]:
    """What Kafka says of each partition, by (full topic name, partition). Raises KafkaException."""
    asked = dict.fromkeys(places, what)
    if not asked:
        return {}
    futures = client.list_offsets(asked, request_timeout=within_s)
    return {(place.topic, place.partition): future.result() for place, future in futures.items()}
