"""A lane is as fresh as what was heard of Kafka, whether or not anybody says that nothing can be heard."""

import json
import os
import signal
import time
from collections.abc import Callable

import pytest

from dataflows.hearing import Hearing
from dataflows.inflow import Inflow
from deploy.kafka_server import KafkaServer
from runtime.settings import Settings
from runtime.topics import create_topics
from tests.dataflows.house import eventually

NOW = 1_763_840_000_000


def said(*idle_us: int, reads: bool = True) -> str:
    """Statistics of so many brokers; with the first stands one that nothing is read from, and that is silent."""
    brokers = {
        str(number): {"rxidle": idle, "toppars": {"t-0": {}} if reads else {}}
        for number, idle in enumerate(idle_us)
    }
    return json.dumps({"brokers": {"bootstrap": {"rxidle": -1, "toppars": {}}, **brokers}})


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_what_is_heard_each_second_is_heard_until_now(clock: Clock) -> None:
    hearing = Hearing(clock)
    for second in range(1, 20):
        clock.at += 1.0
        assert hearing.until(NOW + 1_000 * second) == NOW + 1_000 * second
        hearing.take(said(9_000))


def test_silence_is_no_news_at_first_and_then_lasts(clock: Clock) -> None:
    hearing = Hearing(clock)
    until = []
    for tenth in range(100):
        until.append(hearing.until(NOW + 100 * tenth))
        clock.at += 0.1
    assert until == sorted(until)
    assert until[20] == NOW + 2_000
    assert until[-1] == pytest.approx(NOW + 2_000, abs=1)
    hearing.take(said(10_000_000))  # they have nothing else to say
    assert hearing.until(NOW + 10_000) == pytest.approx(NOW + 2_000, abs=1)
    hearing.heard()
    assert hearing.until(NOW + 10_000) == NOW + 10_000


def test_of_several_brokers_the_most_silent_one_counts(clock: Clock) -> None:
    hearing = Hearing(clock)
    clock.at += 60
    hearing.take(said(8_000, 7_000_000, 9_000))
    assert hearing.until(NOW) == NOW - 5_000
    hearing.take(said(8_000, -1))  # one has never said anything
    assert hearing.until(NOW) == NOW - 5_000
    hearing.take(said(8_000, reads=False))
    assert hearing.until(NOW) == NOW - 5_000


def test_a_broker_that_stands_still_is_noticed(settings: Settings, kafka: KafkaServer) -> None:
    create_topics(settings)
    inflow = Inflow(settings, {"stock-movements": settings.partitions, "catalog": settings.partitions})
    for lane in range(settings.partitions):
        inflow.read(lane, {"stock-movements": None, "catalog": None})

    def silent_for(least_ms: int, most_ms: int) -> Callable[[], bool]:
        def holds() -> bool:
            inflow.gather()
            inflow.take(0)
            now = int(time.time() * 1000)
            return least_ms <= now - inflow.heard_until(now) <= most_ms

        return holds

    began = time.monotonic()
    eventually(lambda: silent_for(0, 0)() and time.monotonic() - began > 4.0, "nothing to be wrong")
    assert kafka.pid is not None
    os.kill(kafka.pid, signal.SIGSTOP)
    try:
        eventually(silent_for(1_000, 60_000), "the silence to be noticed")
    finally:
        os.kill(kafka.pid, signal.SIGCONT)
    eventually(silent_for(0, 0), "Kafka to be heard again")
    for lane in range(settings.partitions):
        inflow.close(lane)
