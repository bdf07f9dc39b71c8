"""Rows that Redis has lost come back by themselves."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from redis import Redis

from dataflows.again import Again
from deploy.ports import free_port
from inventory.murmur import shard_of, shards_of
from loadtest.bench.drain import to_drain, watch
from runtime.exit import ExitCode
from runtime.settings import Settings
from tests.dataflows.feed import Feed
from tests.dataflows.house import engine, eventually
from tests.inventory.simulation import Cluster
from wire.viewkeys import row_key

SKUS = [f"S{number}" for number in range(10)]
_DRAINED_WITHIN_S = 60.0


def _keys(settings: Settings) -> list[str]:
    prefix = settings.redis_prefix.encode()
    return [row_key(prefix, shard_of(sku), sku.encode()).decode() for sku in SKUS]


def test_each_row_is_marked_once_a_period() -> None:
    lane = Cluster(1).running[0].lane
    names = [sku.encode() for sku in SKUS]
    lane.memory.number_skus(names, shards_of(names), np.ones(len(names), np.bool_))
    again = Again(lane, 100.0, 0.0)
    assert again.mark(9.9) == 0
    marked: list[int] = []
    for now in range(10, 110, 5):
        again.mark(float(now))
        marked += lane.memory.take_moved(100).tolist()
    assert marked == list(range(10))
    assert again.mark(1_000.0) == len(SKUS)  # after a long rest once, not ten times


def test_a_row_that_was_lost_comes_back(
    ready: Settings, feed: Feed, redis: Redis, caught_up: Callable[[], None], tmp_path: Path
) -> None:
    for sku in SKUS:
        feed.item(sku)
        feed.count(sku, 7)
    keys = _keys(ready)
    with engine(ready.replace(offer_again_ms=2_000), tmp_path) as running:
        running.says("lane opened", times=ready.partitions, within_s=180.0)
        caught_up()
        before = [redis.hget(key, "v") for key in keys]
        assert redis.delete(*keys[:5]) == 5
        eventually(lambda: redis.exists(*keys) == len(keys), "the rows that were lost")
        assert [redis.hget(key, "v") for key in keys] == before
        assert running.stop() == ExitCode.DRAINED


def test_a_drain_is_over_though_every_row_is_to_be_offered_again_all_the_time(
    ready: Settings, feed: Feed, redis: Redis, tmp_path: Path
) -> None:
    """Who measures one waits for the last script call; rows that are offered again are calls without end."""
    for sku in SKUS:
        feed.item(sku)
        feed.count(sku, 7)
    often = ready.replace(offer_again_ms=100, metrics_port=free_port())
    with to_drain(often, 1, tmp_path) as running:
        drain = watch(running, redis, often, 1, len(SKUS), _DRAINED_WITHIN_S)
    assert redis.exists(*_keys(ready)) == len(SKUS)
    assert 0 < drain.seconds < _DRAINED_WITHIN_S
