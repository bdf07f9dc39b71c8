"""Two engines: of two generations the greater writes; of two on one folder the first runs; of two folders of one
generation the one that began later is written for."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from redis import Redis

from loadtest.verify.command import Verdict
from loadtest.verify.rows import read_rows
from runtime.checkpoints import Checkpoints
from runtime.exit import ExitCode
from runtime.settings import Settings
from tests.dataflows.feed import Feed
from tests.dataflows.house import engine, eventually
from tests.dataflows.traffic import Traffic, flowing
from tests.dataflows.watching import watching
from wire.rows_read import read_header
from wire.viewkeys import meta_key

SKUS = [f"S{number}" for number in range(40)]


def _stock(feed: Feed) -> None:
    for sku in SKUS:
        feed.item(sku)
        feed.count(sku, 30)


def test_one_engine_has_the_folder_and_a_greater_generation_fences_it_off(
    ready: Settings,
    feed: Feed,
    redis: Redis,
    caught_up: Callable[[], None],
    judged: Callable[..., Verdict],
    tmp_path: Path,
) -> None:
    _stock(feed)
    second = ready.replace(generation=2, state_dir=tmp_path / "second")
    with engine(ready, tmp_path) as old:
        caught_up()
        with engine(ready, tmp_path) as beside:  # on the same folder
            assert beside.ends() == ExitCode.BAD_CONFIGURATION
            assert "in use by another engine" in beside.said()
            assert "stop that one first" in beside.said()
        with engine(second, tmp_path) as new:
            new.says("lane opened", times=ready.partitions)
            for at in range(60 * len(SKUS)):  # until the older one writes after the newer one has
                feed.movement(SKUS[at % len(SKUS)], "SHIP", 1)
                if at % len(SKUS) == 0:
                    time.sleep(1.0)
                if not old.running:
                    break
            assert old.ends() == ExitCode.NEEDS_PERSON
            assert "belongs to generation 2" in old.said()
            assert "STOCKTIDE_GENERATION" in old.said()
            judged()
            headers = [read_header(row[b"c"]) for _, row in read_rows(redis, ready, SKUS)]
            assert {header.generation for header in headers} == {2}
            assert {header.version >> 44 for header in headers} == {2}
            assert redis.hget(meta_key(ready.redis_prefix.encode()).decode(), "generation") == b"2"
            assert new.stop() == ExitCode.DRAINED


def test_an_engine_that_was_given_up_ends_when_it_wakes_up(
    ready: Settings, feed: Feed, caught_up: Callable[[], None], judged: Callable[..., Verdict], tmp_path: Path
) -> None:
    """It stands still, as on a host that cannot be reached; its lanes go on elsewhere, from their checkpoints."""
    given_up = ready.replace(checkpoint_dir=tmp_path / "copies", checkpoint_every_ms=500)
    following = given_up.replace(state_dir=tmp_path / "following")
    kept = [Checkpoints(tmp_path / "copies", lane, ready.partitions, 1) for lane in range(ready.partitions)]
    traffic = Traffic(feed, SKUS)
    traffic.begin()
    with watching(ready, SKUS) as watcher, engine(given_up, tmp_path, "cell", "0") as old, flowing(traffic):
        caught_up()
        eventually(lambda: all(lane.newest() for lane in kept), "a checkpoint of every lane")
        os.kill(old.pid, signal.SIGSTOP)
        with engine(following, tmp_path, "cell", "0") as new:
            new.says("lane restored from its checkpoint", times=ready.partitions)
            caught_up()
            traffic.some_more()
            os.kill(old.pid, signal.SIGCONT)
            assert old.ends() == ExitCode.NEEDS_PERSON
            assert "was given to another engine" in old.said()
            assert "Traceback" not in old.said()
            traffic.some_more()
            assert new.stop() == ExitCode.DRAINED
    assert watcher.changes > 3 * len(SKUS)
