"""A start asks whether the topics keep records for as long as a lost lane would need them."""

import time

import pytest
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from dataflows.retention import RetentionTooShort, check_retention
from runtime import kafka
from runtime.exit import ExitCode
from runtime.settings import Settings
from runtime.topics import create_topics
from tests.dataflows.house import eventually

HOUR = 3_600_000


def keep(settings: Settings, topic: str, ms: int) -> None:
    """Set a topic's retention, as the message says."""
    entry = ConfigEntry("retention.ms", str(ms), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, settings.topic_prefix + topic, incremental_configs=[entry])
    admin = kafka.admin(settings)
    for future in admin.incremental_alter_configs([resource]).values():
        future.result()

    def seen() -> bool:
        (told,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, resource.name)]).values()
        return bool(told.result()["retention.ms"].value == str(ms))

    eventually(seen, "the broker to tell it")


def hours_ago(hours: float) -> int:
    return int(time.time() * 1000 - hours * HOUR)


def refusal(settings: Settings, taken_at: dict[int, int | None]) -> str:
    with pytest.raises(RetentionTooShort) as caught:
        check_retention(settings, taken_at)
    assert caught.value.code == ExitCode.NEEDS_PERSON
    return str(caught.value)


def test_three_times_the_age_of_the_oldest_last_checkpoint(settings: Settings) -> None:
    create_topics(settings)
    keep(settings, "reservations", 24 * HOUR)
    check_retention(settings, {0: hours_ago(7.9), 1: hours_ago(1), 2: None})
    told = refusal(settings, {0: hours_ago(1), 1: hours_ago(8.1), 2: None})
    name = f"{settings.topic_prefix}reservations"
    assert f"topic {name} keeps records for 24.0 h (retention.ms={24 * HOUR})" in told
    assert "3 times the age of the last checkpoint of lane 1 (8.1 h)" in told
    command = f"--alter --entity-type topics --entity-name {name} --add-config retention.ms="
    assert told.count("\n") == 0
    assert command in told
    keep(settings, "reservations", int(told.rsplit("=", 1)[1]))  # what it says is enough
    check_retention(settings, {0: hours_ago(1), 1: hours_ago(8.1), 2: None})


def test_without_any_checkpoint_yet_nothing_is_asked(settings: Settings) -> None:
    """The first is taken at once."""
    create_topics(settings)
    keep(settings, "reservations", HOUR)
    check_retention(settings, {0: None, 1: None})


def test_without_a_folder_for_checkpoints_the_longest_memory_is_asked(settings: Settings) -> None:
    create_topics(settings)
    check_retention(settings, {})  # a broker's own default is enough for the defaults
    longer = settings.replace(reservation_memory_ms=settings.reservation_memory_ms + 1)
    told = refusal(longer, {})
    assert told.count("retention.ms=604800000") == 7  # each input that is not compacted
    assert "STOCKTIDE_CHECKPOINT_DIR" in told


def test_what_is_kept_for_ever_or_compacted_is_enough(settings: Settings) -> None:
    create_topics(settings)
    facts = ("stock-movements", "reservations", "wms-adjustments", "pos-sales", "expected-supply")
    for topic in (*facts, "routed", "reservation-decisions"):
        keep(settings, topic, -1)
    keep(settings, "catalog", HOUR)
    check_retention(settings, {0: hours_ago(24 * 365)})
