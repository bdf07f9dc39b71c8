"""What peers write to Redis: a view never goes back, and the harness sees every number that is wrong."""

import numpy as np
import pytest
from redis import Redis

from deploy.redis_server import RedisServer
from loadtest.errors import NotCaughtUp
from loadtest.peers.given import Given
from loadtest.peers.outcome import Outcome, load_script
from loadtest.peers.view_writer import View, ViewWriter
from loadtest.w1.draw import Size
from loadtest.w1.workload import Workload
from loadtest.w1.write import Written, sku_name

PREFIX = "peer-test:"
NO_BYTES, NO_LONGS = np.empty(0, np.uint8), np.empty(0, np.int64)
NOTHING = Written(NO_BYTES, NO_LONGS, NO_BYTES, NO_LONGS)
WORKLOAD = Workload(
    Size(skus=3),
    NOTHING,
    NOTHING,
    np.array([True, False, True]),
    np.array([[5, 4, 3], [9, 9, 9], [2, 1, 0]]),
    0,
    0,
    0,
)


@pytest.fixture
def redis(redis_server: RedisServer) -> Redis:
    client = Redis.from_url(redis_server.url)
    for key in client.scan_iter(match=PREFIX + "*"):
        client.delete(key)
    return client


@pytest.fixture
def writer(redis: Redis, redis_server: RedisServer) -> ViewWriter:
    script = load_script(redis)
    return ViewWriter(Given("", redis_server.url, PREFIX, script, "", "", "", "", 100, "", 1))


def test_an_older_view_is_refused(redis: Redis, writer: ViewWriter) -> None:
    outcome = Outcome(redis, PREFIX)
    writer.write([("a", View(3, 10, 1, 2, 77)), ("b", View(1, 7, 0, 0, 0))])
    writer.write([("a", View(2, 99, 9, 9, 99)), ("b", View(4, 8, 0, 0, 0))])
    assert outcome.numbers(["a", "b"]) == {"a": 10, "b": 8}
    assert outcome.folded() == 3 + 4


def test_a_view_that_is_not_there_is_named(redis: Redis) -> None:
    with pytest.raises(NotCaughtUp, match="no view of a"):
        Outcome(redis, PREFIX).numbers(["a"])


def test_the_first_event_is_told_once(redis: Redis, writer: ViewWriter) -> None:
    outcome = Outcome(redis, PREFIX)
    assert outcome.first_at() is None
    writer.tell_first()
    first = outcome.first_at()
    writer.tell_first()
    assert first is not None
    assert outcome.first_at() == first


def test_every_number_is_compared(redis: Redis, writer: ViewWriter) -> None:
    outcome = Outcome(redis, PREFIX)
    assert outcome.mismatches(WORKLOAD) == 6
    writer.write([(sku_name(0), View(1, 5, 4, 3, 0)), (sku_name(2), View(1, 2, 1, 7, 0))])
    assert outcome.mismatches(WORKLOAD) == 1
