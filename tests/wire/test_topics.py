"""The table of topics: names and codes that must not change, and settings brokers are checked against."""

from wire.schemas import contract
from wire.topics import BY_CODE, FACT_TOPICS, MASTER_TOPICS, TOPICS

CODES = {
    "stock-movements": 0, "reservations": 1, "pos-sales": 2, "wms-adjustments": 3, "expected-supply": 4,
    "catalog": 5, "network": 6, "policies": 7, "allocations": 8, "availability": 9,
    "reservation-decisions": 10, "exceptions": 11, "dead-letters": 12, "feed-results": 13,
    "audit": 14, "routed": 15,
}  # fmt: skip


def test_codes_are_permanent() -> None:
    assert {name: topic.code for name, topic in TOPICS.items()} == CODES
    assert {code: topic.name for code, topic in BY_CODE.items()} == {
        code: name for name, code in CODES.items()
    }


def test_every_record_is_of_one_topic() -> None:
    records = [record for topic in TOPICS.values() for record in topic.records]
    assert sorted(records) == sorted(contract().current)


def test_partitions_follow_the_lanes_where_they_must() -> None:
    per_lane = {name for name, topic in TOPICS.items() if topic.partitions(64) == 64}
    assert per_lane == {
        "stock-movements", "reservations", "pos-sales", "wms-adjustments", "expected-supply", "catalog",
        "allocations", "availability", "reservation-decisions", "routed",
    }  # fmt: skip
    assert {name for name, topic in TOPICS.items() if topic.single} == {"network", "policies"}
    assert all(topic.per_lane for topic in TOPICS.values() if topic.sku_partitioned)
    assert not TOPICS["pos-sales"].sku_partitioned


def test_inputs_carry_the_time_of_the_broker() -> None:
    assert all(TOPICS[name].log_append for name in (*FACT_TOPICS, *MASTER_TOPICS, "routed"))
    assert not TOPICS["availability"].log_append


def test_cleanup() -> None:
    compact = {name for name, topic in TOPICS.items() if topic.cleanup == "compact"}
    assert compact == {*MASTER_TOPICS, "availability", "exceptions", "feed-results"}


def test_prefix() -> None:
    assert TOPICS["pos-sales"].full_name("eu.") == "eu.pos-sales"
    assert TOPICS["pos-sales"].full_name() == "pos-sales"
