"""The topics on the broker against the contract: create what is missing, refuse what contradicts."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from runtime.exit import Refusal
from runtime.kafka import admin, wait_for_kafka
from runtime.settings import Settings
from wire.topics import LARGEST_MESSAGE, TOPICS, Topic

_REQUEST_TIMEOUT_S = 30.0
_TIMESTAMP = "message.timestamp.type"
_LARGEST = "max.message.bytes"


class TopicContradiction(Refusal):
    """Topics on the broker are not what the contract says; the message lists each with what to do."""


@dataclass(frozen=True)
class _Found:
    """What the broker says of a topic."""

    partitions: int
    cleanup: str
    timestamp_type: str
    largest_message: int


def check_topics(settings: Settings, topics: Mapping[str, Topic] = TOPICS) -> list[str]:
    """Every fault, one line a topic and property: what is missing, what contradicts, what to do."""
    found = _find(settings, topics)
    missing = [
        f"topic {name}: missing; `python -m dataflows topics create` creates it with "
        f"{_count(topic.partitions(settings.partitions))}"
        for name, topic in _names(settings, topics).items()
        if name not in found
    ]
    return missing + _contradictions(settings, topics, found)


def create_topics(settings: Settings, topics: Mapping[str, Topic] = TOPICS) -> list[str]:
    """Create what is missing, and return its names when every broker answer shows it and their leaders answer.

    Raises `TopicContradiction` before it creates any.
    """
    found = _find(settings, topics)
    contradictions = _contradictions(settings, topics, found)
    if contradictions:
        raise TopicContradiction("\n".join(contradictions))
    missing = {name: topic for name, topic in _names(settings, topics).items() if name not in found}
    if missing:
        client = admin(settings)
        _create(client, settings, missing)
        _await_all(client, settings, topics, missing)
    return list(missing)


def _names(settings: Settings, topics: Mapping[str, Topic]) -> dict[str, Topic]:
    return {settings.topic(name): topic for name, topic in topics.items()}


def _find(settings: Settings, topics: Mapping[str, Topic]) -> dict[str, _Found]:
    wait_for_kafka(settings)
    client = admin(settings)
    metadata = client.list_topics(timeout=_REQUEST_TIMEOUT_S).topics
    present = [name for name in _names(settings, topics) if name in metadata]
    if not present:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in present]
    answers = client.describe_configs(resources, request_timeout=_REQUEST_TIMEOUT_S)
    found = {}
    for resource, future in answers.items():
        config = future.result()
        found[resource.name] = _Found(
            len(metadata[resource.name].partitions),
            config["cleanup.policy"].value,
            config[_TIMESTAMP].value,
            int(config[_LARGEST].value),
        )
    return found


def _contradictions(settings: Settings, topics: Mapping[str, Topic], found: dict[str, _Found]) -> list[str]:
    faults = []
    for name, topic in _names(settings, topics).items():
        if name in found:
            faults += [f"topic {name}: {fault}" for fault in _faults(settings, name, topic, found[name])]
    return faults


def _faults(settings: Settings, name: str, topic: Topic, found: _Found) -> list[str]:
    faults = []
    expected = topic.partitions(settings.partitions)
    if topic.per_lane and found.partitions != expected and not _may_grow(settings, topic, found.partitions):
        faults.append(
            f"has {_count(found.partitions)}, expected {expected} (STOCKTIDE_PARTITIONS); set "
            f"STOCKTIDE_PARTITIONS={found.partitions} if all topics of the system have that many, else move "
            "the data to a new topic with the right number, or use another STOCKTIDE_TOPIC_PREFIX"
            + (_MORE_LANES if found.partitions > expected else "")
        )
    if topic.single and found.partitions != 1:
        faults.append(
            f"has {_count(found.partitions)}, expected 1, since the order of all its records counts; delete "
            "and create it again, then publish its records once more (`python -m rules apply`)"
        )
    if found.cleanup != topic.cleanup:
        faults.append(
            f"has cleanup.policy={found.cleanup}, expected {topic.cleanup}; "
            f"kafka-configs.sh --alter --topic {name} --add-config cleanup.policy={topic.cleanup}"
        )
    if topic.log_append and found.timestamp_type != "LogAppendTime":
        faults.append(
            f"has {_TIMESTAMP}={found.timestamp_type}, expected LogAppendTime, since guards go by the "
            f"broker's time; kafka-configs.sh --alter --topic {name} --add-config {_TIMESTAMP}=LogAppendTime"
        )
    if topic.carries_messages and found.largest_message < LARGEST_MESSAGE:
        faults.append(
            f"has {_LARGEST}={found.largest_message}, expected {LARGEST_MESSAGE} or more, since it carries "
            f"whole messages of other topics; kafka-configs.sh --alter --topic {name} "
            f"--add-config {_LARGEST}={LARGEST_MESSAGE}"
        )
    return faults


_MORE_LANES = (
    ". An engine gets more lanes by a rebuild: the next STOCKTIDE_GENERATION (that of the view and 1) and a "
    "STOCKTIDE_STATE_DIR of its own beside the greater STOCKTIDE_PARTITIONS"
)


def _may_grow(settings: Settings, topic: Topic, found: int) -> bool:
    """Whether a rebuild with more lanes than the topic has partitions can read it: one becomes several lanes."""
    divides = found > 0 and settings.partitions % found == 0
    return settings.generation > 1 and topic.name != "routed" and divides


def grow_topics(settings: Settings, topics: Mapping[str, Topic] = TOPICS) -> list[str]:
    """Give every topic as many partitions as there are lanes; returns the names of those that had fewer. Raises
    `TopicContradiction`."""
    found = _find(settings, topics)
    contradictions = _contradictions(settings, topics, found)
    if contradictions:
        raise TopicContradiction("\n".join(contradictions))
    names = _names(settings, topics)
    few = [n for n, has in found.items() if names[n].per_lane and has.partitions < settings.partitions]
    faults = []
    if few:
        wanted = [NewPartitions(name, settings.partitions) for name in few]
        client = admin(settings)  # it must outlive its answers
        for name, future in client.create_partitions(wanted).items():
            try:
                future.result()
            except KafkaException as error:
                faults.append(f"topic {name}: the broker refused more partitions: {error.args[0].str()}")
    if faults:
        raise TopicContradiction("\n".join(faults))
    return few


def _create(client: AdminClient, settings: Settings, missing: Mapping[str, Topic]) -> None:
    new = [
        NewTopic(
            name,
            num_partitions=topic.partitions(settings.partitions),
            config={
                "cleanup.policy": topic.cleanup,
                _TIMESTAMP: "LogAppendTime" if topic.log_append else "CreateTime",
                **({_LARGEST: str(LARGEST_MESSAGE)} if topic.carries_messages else {}),
            },
        )
        for name, topic in missing.items()
    ]
    faults = []
    for name, future in client.create_topics(new, operation_timeout=_REQUEST_TIMEOUT_S).items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another process was first
                faults.append(f"topic {name}: the broker refused to create it: {error.args[0].str()}")
    if faults:
        raise TopicContradiction("\n".join(faults))


def _await_all(
    client: AdminClient, settings: Settings, topics: Mapping[str, Topic], created: Iterable[str]
) -> None:
    """Return when all are seen as expected: the broker shows a new topic a moment after it was created, and leads its
    partitions another moment later."""
    deadline = time.monotonic() + _REQUEST_TIMEOUT_S
    while True:
        problems = check_topics(settings, topics) or _without_leader(client, created)
        if not problems:
            return
        if time.monotonic() >= deadline:
            raise TopicContradiction("\n".join(problems))
        time.sleep(0.02)


def _without_leader(client: AdminClient, names: Iterable[str]) -> list[str]:
    found = client.list_topics(timeout=_REQUEST_TIMEOUT_S).topics
    places = [TopicPartition(name, number) for name in names for number in found[name].partitions]
    latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = client.list_offsets(dict.fromkeys(places, latest), request_timeout=_REQUEST_TIMEOUT_S)
    return [
        f"topic {place.topic}: nobody leads its partition {place.partition}: {error}"
        for place, future in asked.items()
        if (error := future.exception()) is not None
    ]


def _count(partitions: int) -> str:
    return f"{partitions} partition{'' if partitions == 1 else 's'}"
