"""The topics on a real broker against the contract."""

import time

import pytest
from confluent_kafka.admin import NewTopic

from runtime import kafka
from runtime.readback import end_offsets
from runtime.settings import Settings
from runtime.topics import TopicContradiction, check_topics, create_topics
from wire.topics import TOPICS


def _create(settings: Settings, name: str, partitions: int, **config: str) -> None:
    options = {option.replace("_", "."): value for option, value in config.items()}
    admin = kafka.admin(settings)
    for future in admin.create_topics(
        [NewTopic(settings.topic_prefix + name, partitions, config=options)]
    ).values():
        future.result()
    while settings.topic_prefix + name not in admin.list_topics(timeout=10).topics:
        time.sleep(0.01)


def test_missing_topics_are_created_as_the_contract_says(settings: Settings) -> None:
    assert len(check_topics(settings)) == len(TOPICS)
    assert "`python -m dataflows topics create` creates it with 4 partitions" in check_topics(settings)[0]
    assert set(create_topics(settings)) == {settings.topic_prefix + name for name in TOPICS}
    assert check_topics(settings) == []
    assert create_topics(settings) == []

    topics = kafka.admin(settings).list_topics(timeout=10).topics
    counts = {name: len(topics[settings.topic_prefix + name].partitions) for name in TOPICS}
    assert {counts[name] for name, topic in TOPICS.items() if topic.per_lane} == {4}
    assert counts["network"] == counts["policies"] == 1


@pytest.mark.parametrize(
    ("name", "partitions", "config", "words"),
    [
        ("reservations", 2, {}, "has 2 partitions, expected 4"),
        ("policies", 2, {"cleanup_policy": "compact"}, "has 2 partitions, expected 1"),
        ("catalog", 4, {}, "has cleanup.policy=delete, expected compact"),
        ("stock-movements", 4, {"message_timestamp_type": "CreateTime"}, "expected LogAppendTime"),
        ("dead-letters", 1, {}, "expected 8388608 or more"),
    ],
)
def test_a_topic_that_contradicts_is_refused_before_any_is_created(
    settings: Settings, name: str, partitions: int, config: dict[str, str], words: str
) -> None:
    _create(settings, name, partitions, **config)
    with pytest.raises(TopicContradiction, match=words) as caught:
        create_topics(settings)
    assert f"topic {settings.topic_prefix}{name}: has" in str(caught.value)
    assert len(check_topics(settings)) >= len(TOPICS)
    present = kafka.admin(settings).list_topics(timeout=10).topics
    assert [t for t in present if t.startswith(settings.topic_prefix)] == [settings.topic_prefix + name]


def test_the_prefix_keeps_systems_apart(settings: Settings) -> None:
    other = settings.replace(topic_prefix=settings.topic_prefix + "other-")
    few = {name: TOPICS[name] for name in ("catalog", "network")}
    create_topics(settings, few)
    assert len(check_topics(other, few)) == 2


def test_what_was_created_can_be_read_at_once(settings: Settings) -> None:
    """Rules may be applied with the next command."""
    many = settings.replace(partitions=64)
    create_topics(many)
    assert set(end_offsets(many, ["network", "policies", "availability"]).values()) == {0}
