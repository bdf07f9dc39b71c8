"""One consumer reads for all lanes of a cell; each gets its own, and of what is for all what it has not had."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING

from dataflows.inflow import Inflow
from deploy.kafka_server import KafkaServer
from runtime import kafka as clients
from runtime.settings import Settings
from runtime.topics import create_topics
from tests.dataflows.house import eventually
from wire.topics import TOPICS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def inflow(settings: Settings) -> Iterator[Inflow]:
    create_topics(settings)
    outlet = clients.producer(settings)
    for number in range(10):
        for lane in (0, 1):
            outlet.produce(settings.topic_prefix + "catalog", f"{lane}-{number}", b"sku", lane)
        outlet.produce(settings.topic_prefix + "network", f"n-{number}", b"location:X", 0)
    assert outlet.flush(30) == 0
    opened = Inflow(settings, dict.fromkeys(TOPICS, settings.partitions))
    yield opened
    for lane in (0, 1):
        opened.close(lane)


def _taken(inflow: Inflow, lane: int, many: int) -> list[str]:
    """Values of what a lane takes, once there are so many."""
    found: list[str] = []

    def enough() -> bool:
        inflow.gather()
        arrived = inflow.take(lane)
        found.extend(
            message.value().decode() for messages in arrived.messages.values() for message in messages
        )
        return len(found) >= many

    eventually(enough, f"{many} messages of lane {lane}; there are {len(found)}")
    return found


def test_each_lane_gets_its_partition_and_all_get_what_is_for_all(inflow: Inflow) -> None:
    for lane in (0, 1):
        inflow.read(lane, {"catalog": None, "network": OFFSET_BEGINNING})
    for lane in (0, 1):
        found = _taken(inflow, lane, 20)
        assert [value for value in found if value[0] != "n"] == [f"{lane}-{n}" for n in range(10)]
        assert [value for value in found if value[0] == "n"] == [f"n-{n}" for n in range(10)]
    assert not inflow.take(0).messages


def test_lanes_that_resume_at_different_offsets_miss_nothing_and_get_nothing_twice(inflow: Inflow) -> None:
    inflow.read(0, {"catalog": 8, "network": 9})
    inflow.read(1, {"catalog": 3, "network": 2})
    assert sorted(_taken(inflow, 0, 3)) == ["0-8", "0-9", "n-9"]
    assert sorted(_taken(inflow, 1, 15)) == sorted(
        [f"1-{n}" for n in range(3, 10)] + [f"n-{n}" for n in range(2, 10)]
    )


def test_a_lane_that_comes_later_is_told_from_its_own_offset_on(inflow: Inflow) -> None:
    inflow.read(0, {"network": None})
    assert len(_taken(inflow, 0, 10)) == 10
    inflow.read(1, {"network": 4, "catalog": 9})
    assert sorted(_taken(inflow, 1, 7)) == ["1-9", *(f"n-{n}" for n in range(4, 10))]
    assert not inflow.take(0).messages


def test_a_lane_that_closes_takes_nothing_from_the_others(inflow: Inflow) -> None:
    for lane in (0, 1):
        inflow.read(lane, {"catalog": None})
    inflow.close(0)
    assert _taken(inflow, 1, 10) == [f"1-{n}" for n in range(10)]


def test_it_ends_though_kafka_died_under_its_last_commit(
    kafka: KafkaServer, settings: Settings, tmp_path: Path
) -> None:
    """`Consumer.close` would wait for that commit for ever. In a process of its own: it could not be ended here."""
    create_topics(settings)
    script = tmp_path / "ends.py"
    script.write_text(_ENDS)
    process = subprocess.Popen(
        [sys.executable, str(script), settings.kafka_bootstrap or "", settings.topic_prefix],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "committed\n"
        kafka.kill()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.stdout.close()
        kafka.start()


_ENDS = """
import sys, time
from dataflows.inflow import Inflow
from runtime.settings import Settings
from wire.topics import TOPICS
settings = Settings(kafka_bootstrap=sys.argv[1], topic_prefix=sys.argv[2], partitions=1)
inflow = Inflow(settings, dict.fromkeys(TOPICS, 1))
inflow.read(0, {"catalog": None})
ends = time.monotonic() + 3
while time.monotonic() < ends:  # until it knows who takes commits
    inflow.commit(0, {"catalog": 0})
    inflow.gather(0.1)
print("committed", flush=True)
for _ in range(3):  # meanwhile Kafka dies
    inflow.commit(0, {"catalog": 0})
    time.sleep(1)
inflow.close(0)
"""
