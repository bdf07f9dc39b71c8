"""Redis or Kafka go away under traffic: nothing is lost, and SIGTERM still ends the process."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from deploy.kafka_server import KafkaServer
from deploy.redis_server import RedisServer
from inventory.murmur import shard_of
from loadtest.verify.command import Verdict
from runtime import redis as redis_link
from runtime.exit import ExitCode
from runtime.settings import Settings
from tests.dataflows.feed import Feed
from tests.dataflows.house import api, engine, eventually
from tests.dataflows.watching import watching
from wire.codec import Codec
from wire.viewkeys import meta_key, row_key

Judge = Callable[..., Verdict]
SKUS = [f"S{number}" for number in range(60)]


@pytest.fixture
def own_redis(services_folder: Path, tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that may be killed without disturbing other tests."""
    server = RedisServer(services_folder / f"redis-{tmp_path.name}")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def settings(settings: Settings, own_redis: RedisServer) -> Settings:
    return settings.replace(redis_url=own_redis.url)


@pytest.fixture
def stocked(ready: Settings, feed: Feed) -> Settings:
    for sku in SKUS:
        feed.item(sku)
        feed.count(sku, 1_000)
    return ready


@contextmanager
def _traffic(settings: Settings, codec: Codec) -> Iterator[None]:
    """Sales all the while, from a thread of its own."""
    ended = threading.Event()
    feed = Feed(settings, codec)

    def sell() -> None:
        turn = 0
        while not ended.is_set():
            feed.movement(SKUS[turn % len(SKUS)], "SHIP", 1 + turn % 3)
            turn += 1
            time.sleep(0.002)

    thread = threading.Thread(target=sell)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.deep  # the fault matrix does it in every run
def test_a_redis_that_comes_back_empty_is_filled_again(
    stocked: Settings,
    own_redis: RedisServer,
    codec: Codec,
    caught_up: Callable[[], None],
    judged: Judge,
    tmp_path: Path,
) -> None:
    with engine(stocked, tmp_path) as running, api(stocked) as url:
        caught_up()
        with _traffic(stocked, codec):
            time.sleep(0.5)
            own_redis.kill()
            running.says("Redis is away; holding back")
            time.sleep(1.0)
            own_redis.start()
            running.says("Redis is back")
        judged(url)  # rows, network and meta: everything that the API needs
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert running.stop() == ExitCode.DRAINED


@pytest.mark.deep
def test_a_redis_emptied_while_the_engine_is_down_is_filled_again(
    stocked: Settings, own_redis: RedisServer, caught_up: Callable[[], None], judged: Judge, tmp_path: Path
) -> None:
    with engine(stocked, tmp_path) as running:
        caught_up()
        assert running.stop() == ExitCode.DRAINED
    own_redis.kill()
    own_redis.start()
    with engine(stocked, tmp_path) as running, api(stocked) as url:
        running.says("resumed=True", times=stocked.partitions)
        judged(url)
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert running.stop() == ExitCode.DRAINED


@pytest.mark.deep
def test_a_redis_that_stands_still_holds_the_engine_back_and_loses_nothing(
    stocked: Settings,
    own_redis: RedisServer,
    codec: Codec,
    caught_up: Callable[[], None],
    judged: Judge,
    tmp_path: Path,
) -> None:
    with engine(stocked, tmp_path) as running:
        caught_up()
        with watching(stocked, SKUS), _traffic(stocked, codec):
            time.sleep(0.5)
            assert own_redis.pid is not None
            os.kill(own_redis.pid, signal.SIGSTOP)
            time.sleep(4.0)
            os.kill(own_redis.pid, signal.SIGCONT)
            time.sleep(0.5)
        judged()
        assert running.stop() == ExitCode.DRAINED


def test_sigterm_ends_an_engine_that_waits_for_redis(
    stocked: Settings,
    own_redis: RedisServer,
    codec: Codec,
    caught_up: Callable[[], None],
    judged: Judge,
    tmp_path: Path,
) -> None:
    with engine(stocked, tmp_path) as running:
        caught_up()
        with _traffic(stocked, codec):
            own_redis.kill()
            running.says("Redis is away; holding back")
            assert running.stop(within_s=15) == ExitCode.TRY_AGAIN
        assert "the next start continues there" in running.said()
    own_redis.start()
    with engine(stocked, tmp_path) as running:
        running.says("resumed=True", times=stocked.partitions)
        judged()


@pytest.mark.deep  # the fault matrix does it in every run
def test_a_kafka_that_is_killed_and_comes_back(
    stocked: Settings,
    kafka: KafkaServer,
    codec: Codec,
    caught_up: Callable[[], None],
    judged: Judge,
    tmp_path: Path,
) -> None:
    with engine(stocked, tmp_path) as running:
        caught_up()
        with watching(stocked, SKUS):
            with _traffic(stocked, codec):
                time.sleep(0.5)
                try:
                    kafka.kill()
                    time.sleep(1.0)
                finally:
                    kafka.start()
                time.sleep(0.5)
            caught_up()
        judged()
        assert "resumed" not in running.said().replace(
            "resumed=False", ""
        )  # it went on, it did not start again
        assert running.stop() == ExitCode.DRAINED


@pytest.mark.deep
def test_sigterm_ends_an_engine_whose_kafka_is_away(
    stocked: Settings,
    kafka: KafkaServer,
    codec: Codec,
    caught_up: Callable[[], None],
    judged: Judge,
    tmp_path: Path,
) -> None:
    with engine(stocked, tmp_path) as running:
        caught_up()
        try:
            kafka.kill()
            time.sleep(1.0)
            assert running.stop(within_s=25) in (ExitCode.DRAINED, ExitCode.TRY_AGAIN)
            assert "did not drain in time" not in running.said()
        finally:
            kafka.start()
    with engine(stocked, tmp_path) as running:
        judged()


def test_rows_that_were_deleted_come_back(
    stocked: Settings, feed: Feed, caught_up: Callable[[], None], judged: Judge, tmp_path: Path
) -> None:
    """One by its next fact; all by the removal of the key that stands for the view, or of everything."""
    with engine(stocked, tmp_path) as running, redis_link.connect(stocked) as link:
        caught_up()
        for sku in ("S7", "S8", "S9"):
            (key,) = link.scan_iter(match=f"{stocked.redis_prefix}v:*:{sku}")
            link.delete(key)
        feed.movement("S7", "SHIP", 1)
        eventually(
            lambda: link.exists(row_key(stocked.redis_prefix.encode(), shard_of("S7"), b"S7")) == 1, "S7"
        )
        link.delete(meta_key(stocked.redis_prefix.encode()))
        judged()
        for key in link.scan_iter(match=f"{stocked.redis_prefix}*", count=1000):
            link.delete(key)
        judged()
        assert running.stop() == ExitCode.DRAINED
