"""SIGTERM drains; the next start goes on where the last one ended."""

from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis

from loadtest.verify.command import Verdict
from loadtest.verify.rows import read_rows
from runtime.exit import ExitCode
from runtime.settings import Settings
from tests.dataflows.feed import Feed
from tests.dataflows.house import engine

Judge = Callable[..., Verdict]
SKUS = [f"S{number}" for number in range(40)]


def _versions(redis: Redis, settings: Settings) -> dict[str, int]:
    return {sku: int(row[b"v"]) for sku, row in read_rows(redis, settings, SKUS)}


def test_sigterm_drains_and_the_next_start_resumes(
    ready: Settings, feed: Feed, redis: Redis, judged: Judge, tmp_path: Path
) -> None:
    settings = ready.replace(metrics_port=0)
    for sku in SKUS:
        feed.item(sku)
        feed.count(sku, 30)
        feed.movement(sku, "SHIP", 2, event_id=f"ship-{sku}")
        feed.line(sku, f"o-{sku}", 1, 4)
    with engine(settings, tmp_path) as running:
        running.says("lane opened", times=settings.partitions)
        judged()
        assert "resumed=True" not in running.said()
        assert running.stop() == ExitCode.DRAINED
        assert "drained" in running.said()
    versions = _versions(redis, settings)
    for lane in range(settings.partitions):
        assert list((settings.state_dir / f"lane-{lane:03d}").glob("base-*")), "a drained lane leaves a base"

    for sku in SKUS[::2]:  # while nobody reads
        feed.movement(sku, "SHIP", 3)
        feed.movement(sku, "SHIP", 2, event_id=f"ship-{sku}")  # known since the last run
    with engine(settings, tmp_path) as running:
        running.says("resumed=True", times=settings.partitions)
        judged()
        assert running.stop() == ExitCode.DRAINED
    after = _versions(redis, settings)
    assert all(after[sku] >= versions[sku] for sku in SKUS)
    assert all(after[sku] > versions[sku] for sku in SKUS[::2])


@pytest.mark.deep
def test_what_was_read_is_not_read_again(
    ready: Settings, feed: Feed, redis: Redis, caught_up: Callable[[], None], judged: Judge, tmp_path: Path
) -> None:
    """The input is gone when the engine starts again: it does not miss it."""
    for sku in SKUS[:8]:
        feed.item(sku)
        feed.count(sku, 30)
    with engine(ready, tmp_path) as running:
        caught_up()
        judged()
        assert running.stop() == 0
    numbers = {sku: row[b"c"][40:] for sku, row in read_rows(redis, ready, SKUS[:8])}
    feed.delete_records("wms-adjustments", "routed")
    feed.movement("S0", "RECEIPT", 5)
    with engine(ready, tmp_path) as running:
        running.says("resumed=True", times=ready.partitions)
        caught_up()
        assert running.stop() == 0
    after = {sku: row[b"c"][40:] for sku, row in read_rows(redis, ready, SKUS[:8])}
    assert after.pop("S0") != numbers.pop("S0")
    assert after == numbers
