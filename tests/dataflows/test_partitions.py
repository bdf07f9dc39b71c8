"""Topics that get more partitions: noticed by whoever runs, and the way from P lanes to 2P beside the running view."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from confluent_kafka.admin import NewPartitions
from redis import Redis

from loadtest.verify.command import verify
from loadtest.verify.freshness import wait_caught_up
from runtime import kafka
from runtime.exit import ExitCode
from runtime.settings import Settings
from tests.dataflows.feed import Feed
from tests.dataflows.house import api, engine, eventually
from tests.dataflows.traffic import Traffic, flowing
from tests.dataflows.watching import watching
from wire.codec import Codec

SKUS = [f"S{number}" for number in range(40)]
_STARTS_WITHIN_S = 180.0
"""Beside other engines on two cores."""


HELD = [f"H{number}" for number in range(6)]
"""Skus that are reserved; of both halves of the lanes that are split."""


def _reserve(client: httpx.Client, when: str) -> list[int]:
    asked = [{"channel": "web", "lines": [{"sku": sku, "quantity": 1}], "ttl_s": 600} for sku in HELD]
    return [
        client.post("/v1/reservations", json=body, headers={"Idempotency-Key": f"{when} {sku}"}).status_code
        for sku, body in zip(HELD, asked, strict=True)
    ]


def _judge(settings: Settings, redis: Redis, codec: Codec, url: str) -> None:
    """Every number against the reference model."""
    verdict = verify(settings, redis, codec, url, say=lambda text: None)
    assert verdict.clean, "\n".join(verdict.lines())


def _grow(settings: Settings, topic: str, count: int) -> None:
    name = settings.topic(topic)
    admin = kafka.admin(settings)
    admin.create_partitions([NewPartitions(name, count)])[name].result()


def test_partitions_that_no_lane_reads_are_noticed(
    ready: Settings, feed: Feed, caught_up: Callable[[], None], tmp_path: Path
) -> None:
    traffic = Traffic(feed, SKUS)
    with engine(ready, tmp_path) as running:
        running.says("lane opened", times=ready.partitions, within_s=_STARTS_WITHIN_S)
        traffic.begin()
        caught_up()
        with flowing(traffic):
            _grow(ready, "stock-movements", 2 * ready.partitions)
            assert running.ends() == ExitCode.NEEDS_PERSON
        said = running.said()
        assert (
            f"topic {ready.topic_prefix}stock-movements has 8 partitions now, and this engine 4 lanes" in said
        )
        assert "STOCKTIDE_PARTITIONS=8, STOCKTIDE_GENERATION=2" in said
        assert "Traceback" not in said
    for lane in range(ready.partitions):  # it has drained: all that it had read is in a base
        folder = ready.state_dir / f"lane-{lane:03d}"
        (base,) = folder.glob("base-*")
        journal = folder / base.name.replace("base", "journal")
        assert b'"commit"' in (folder / base.name).read_bytes()
        assert b'"commit"' not in journal.read_bytes()
    with engine(ready, tmp_path) as again:
        assert again.ends() == ExitCode.BAD_CONFIGURATION
        assert "An engine gets more lanes by a rebuild" in again.said()


@pytest.mark.deep
def test_twice_as_many_lanes_beside_the_running_view(
    ready: Settings,
    feed: Feed,
    codec: Codec,
    redis: Redis,
    caught_up: Callable[[], None],
    tmp_path: Path,
) -> None:
    """The lanes first, under the next generation, while topics are as they were; then the partitions."""
    second = ready.replace(partitions=8, generation=2, state_dir=tmp_path / "second")
    with engine(ready, tmp_path) as old, api(ready) as url, httpx.Client(base_url=url) as client:
        old.says("lane opened", times=ready.partitions, within_s=_STARTS_WITHIN_S)
        before, after = Traffic(feed, SKUS), Traffic(Feed(second, codec), SKUS, seed=2)
        before.begin()
        for sku in HELD:
            feed.item(sku)
            feed.count(sku, 100)
        for sku in SKUS[:8]:  # by a producer that partitions in its own way
            feed.movement(sku, "RECEIPT", 3, misplaced=True)
        caught_up()
        eventually(lambda: _reserve(client, "before") == [201] * len(HELD), "reservations", 60)
        with engine(second, tmp_path, "topics", "grow") as too_early:
            assert too_early.ends() == ExitCode.BAD_CONFIGURATION
            assert "has 4 lanes" in too_early.said()
        with watching(ready, SKUS, url) as watcher, engine(second, tmp_path) as new:
            with flowing(before):
                new.says("the view is taken over", within_s=_STARTS_WITHIN_S)
                assert old.ends() == ExitCode.NEEDS_PERSON
            assert redis.hget(f"{ready.redis_prefix}view:meta", "partitions") == b"8"
            eventually(lambda: client.get("/readyz").status_code == 200, "the API to follow", 60)
            assert _reserve(client, "between") == [201] * len(HELD)
            wait_caught_up(redis, second, int(time.time() * 1000), 120.0)
            _judge(second, redis, codec, url)
            with flowing(
                Traffic(feed, SKUS, seed=3)
            ):  # by producers that do not know of the new partitions yet
                with engine(second, tmp_path, "topics", "grow") as grow:
                    assert grow.ends() == ExitCode.DRAINED
                    assert f"{ready.topic_prefix}catalog has 8 partitions" in grow.said()
                with flowing(after):  # by some that do, before the engine does
                    pass
                new.says("child ended and starts again", within_s=60)
                new.says("resumed=True", times=8, within_s=_STARTS_WITHIN_S)
            wait_caught_up(redis, second, int(time.time() * 1000), 120.0)
            eventually(lambda: _reserve(client, "after") == [201] * len(HELD), "reservations", 60)
            wait_caught_up(redis, second, int(time.time() * 1000), 120.0)
            _judge(second, redis, codec, url)
            assert watcher.changes > 3 * len(SKUS)
            assert new.stop() == ExitCode.DRAINED
