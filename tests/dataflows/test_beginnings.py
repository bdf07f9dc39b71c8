"""Where the topics begin, asked of a real broker."""

import time

import pytest
from confluent_kafka import OFFSET_END, TopicPartition

from dataflows.beginnings import COUNTED, Beginnings, beginnings
from dataflows.intake import CARRIERS
from runtime import kafka
from runtime.settings import Settings
from runtime.topics import create_topics
from wire.topics import TOPICS

COUNTS = dict.fromkeys(TOPICS, 2)


@pytest.fixture
def two(settings: Settings) -> Settings:
    two = settings.replace(partitions=2)
    create_topics(two)
    return two


def _write(settings: Settings, topic: str, partition: int) -> int:
    """One record; its log time."""
    told = []
    outlet = kafka.producer(settings, linger_ms=0)
    outlet.produce(
        settings.topic(topic), b"x", b"k", partition, on_delivery=lambda _, message: told.append(message)
    )
    assert outlet.flush(30) == 0
    return int(told[0].timestamp()[1])


def _remove(settings: Settings, topic: str, partition: int, before: int = OFFSET_END) -> None:
    """As retention does."""
    place = TopicPartition(settings.topic(topic), partition, before)
    admin = kafka.admin(settings)
    for future in admin.delete_records([place]).values():
        future.result()


def test_topics_that_nobody_has_written_or_cut_begin_at_the_beginning(two: Settings) -> None:
    _write(two, "stock-movements", 0)
    found = beginnings(two, COUNTS)
    assert not found.offsets
    assert not found.log_times
    assert (found.lost_before(0, 300_000), found.of_lane(0)) == (None, {})


def test_a_partition_that_was_cut_begins_with_the_first_record_left(two: Settings) -> None:
    for topic in (*COUNTED, "routed", "reservations"):
        _write(two, topic, 1)
    time.sleep(0.01)
    left = {topic: _write(two, topic, 1) for topic in (*COUNTED, "routed", "reservations")}
    _write(two, "pos-sales", 1)
    for topic in ("pos-sales", "routed", "reservations"):
        _remove(two, topic, 1, 1)
    found = beginnings(two, COUNTS)
    assert found.log_times == {(topic, 1): left[topic] for topic in ("pos-sales", "routed")}
    assert found.of_lane(1) == {CARRIERS["routed"]: 1, CARRIERS["reservations"]: 1}
    assert found.of_lane(0) == {}


def test_a_partition_that_was_emptied_begins_now(two: Settings) -> None:
    _write(two, "wms-adjustments", 0)
    _remove(two, "wms-adjustments", 0)
    before = int(time.time() * 1000)
    (begins,) = beginnings(two, COUNTS).log_times.items()
    assert begins[0] == ("wms-adjustments", 0)
    assert before <= begins[1] <= int(time.time() * 1000)


def test_the_latest_beginning_counts_and_of_routed_the_lane_s_own() -> None:
    found = Beginnings({}, {("pos-sales", 1): 70, ("stock-movements", 0): 50, ("routed", 1): 90})
    assert found.lost_before(0, 5) == 75
    assert found.lost_before(1, 5) == 95
    assert Beginnings({}, {("routed", 1): 90}).lost_before(0, 5) is None


def test_the_topics_are_those_whose_records_change_counters() -> None:
    changing = {"StockMovement", "StockCorrection", "StockCount", "PosTransaction"}
    assert set(COUNTED) == {name for name, topic in TOPICS.items() if changing & {*topic.records}}
