"""A rebuild beside the running view: silent until it knows as much, then the view is its own, and nobody notices."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from redis import Redis

from loadtest.verify.command import Verdict
from loadtest.verify.rows import read_rows
from runtime.exit import ExitCode
from runtime.settings import Settings
from tests.dataflows.feed import Feed
from tests.dataflows.house import Engine, api, engine, eventually
from tests.dataflows.traffic import Traffic, flowing
from tests.dataflows.watching import watching
from wire.codec import Codec
from wire.rows_read import read_header
from wire.viewkeys import meta_key

SKUS = [f"S{number}" for number in range(40)]
GROWS = "grows"
"""A sku that only ever gets more: a number of it that is less than one before is of a state that knew less."""
_HISTORY = 100
_STARTS_WITHIN_S = 180.0
"""Beside three other engines on two cores."""


def _generation(redis: Redis, settings: Settings) -> int:
    return int(redis.hget(meta_key(settings.redis_prefix.encode()).decode(), "generation") or 0)


@contextmanager
def _growing(feed: Feed, api_url: str) -> Iterator[list[int]]:
    """A unit more every few milliseconds, half of them by tills (given back), and what the API says of it."""
    ended = threading.Event()
    seen: list[int] = []
    failures: list[tuple[object, object]] = []

    def send() -> None:
        for at in range(1_000_000):
            if ended.wait(0.02):
                return
            if at % 2:
                feed.movement(GROWS, "RECEIPT", 1, location="S001")
            else:
                feed.sale("S001", (GROWS, -1))

    def ask() -> None:
        with httpx.Client(base_url=api_url, timeout=10.0) as client:
            while not ended.wait(0.005):
                answer = client.get(f"/v1/availability/{GROWS}?channel=pickup")
                if answer.status_code != 200:
                    failures.append((answer.status_code, answer.text))
                    continue
                item = answer.json()
                if seen and item["available"] < seen[-1]:
                    failures.append((seen[-1], item["available"]))
                seen.append(item["available"])

    threads = [threading.Thread(target=run) for run in (send, ask)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert len(seen) > 100


def _prepare(feed: Feed) -> Traffic:
    traffic = Traffic(feed, SKUS)
    traffic.begin()
    feed.item(GROWS)
    feed.count(GROWS, 5, location="S001")
    for _ in range(_HISTORY):
        feed.movement(GROWS, "RECEIPT", 1, location="S001")
    return traffic


@pytest.mark.deep
def test_a_rebuild_beside_a_running_engine(
    ready: Settings,
    feed: Feed,
    codec: Codec,
    redis: Redis,
    caught_up: Callable[[], None],
    judged: Callable[..., Verdict],
    tmp_path: Path,
) -> None:
    """Two cells take the view over from one; each is killed in the middle, of the silence and of the switch."""
    second = ready.replace(generation=2, cells=2, state_dir=tmp_path / "second")
    half = ready.partitions // 2
    cells: list[Engine] = []
    try:
        with engine(ready, tmp_path) as old, api(ready) as url:
            old.says("lane opened", times=ready.partitions, within_s=_STARTS_WITHIN_S)
            traffic = _prepare(feed)
            caught_up()
            feed_too = Feed(ready, codec)
            with (
                watching(ready, [*SKUS, GROWS], url) as watcher,
                _growing(feed_too, url) as seen,
                flowing(traffic),
            ):
                cells.append(Engine(second, tmp_path, "cell", "0"))
                cells[0].says("lane opened", times=half, within_s=_STARTS_WITHIN_S)
                time.sleep(1.0)
                traffic.some_more()
                # Lanes wait for those of the other cell, however far they are themselves.
                cells.append(Engine(second, tmp_path, "cell", "1"))
                cells[1].says("lane opened", times=half, within_s=_STARTS_WITHIN_S)
                cells[0].kill()
                assert _generation(redis, ready) == 1
                assert old.running
                cells[0] = Engine(second, tmp_path, "cell", "0")
                cells[0].says("the view is this engine's", within_s=_STARTS_WITHIN_S)
                cells[0].kill()
                assert _generation(redis, ready) == 2
                cells[0] = Engine(second, tmp_path, "cell", "0")
                assert old.ends() == ExitCode.NEEDS_PERSON
                assert "belongs to generation 2" in old.said()
                for cell in cells:
                    cell.says("the view is taken over", within_s=_STARTS_WITHIN_S)
                most = seen[-1]
                eventually(lambda: seen[-1] > most, "the numbers to go on")
            caught_up()
            judged(url)
            assert watcher.changes > 3 * len(SKUS)
        headers = [read_header(row[b"c"]) for _, row in read_rows(redis, ready, SKUS)]
        assert {header.generation for header in headers} == {2}
        with engine(ready, tmp_path) as again:  # the old one does not come back
            assert again.ends() == ExitCode.NEEDS_PERSON
        assert [cell.stop() for cell in cells] == [ExitCode.DRAINED] * 2
        with engine(second, tmp_path) as later:  # and the new one goes on as any engine does
            later.says("resumed=True", times=ready.partitions)
            caught_up()
            assert "silence" not in later.said()
            assert later.stop() == ExitCode.DRAINED
    finally:
        for cell in cells:
            cell.leave()
