"""Cells that are killed in the middle of a replay: the same numbers, and no reader saw a view go back.

In every run the fault matrix does the like (tests/loadtest/test_chaos.py).
"""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest.processes import apply_rules
from loadtest.retail.replay import Replay
from loadtest.verify.command import Verdict
from runtime.settings import Settings
from runtime.topics import create_topics
from tests.dataflows.house import Engine, api, engine, eventually
from tests.dataflows.watching import watching
from wire.codec import Codec

Judge = Callable[..., Verdict]
_LINES, _LINES_PER_S = 30_000, 1_000.0
"""More than is needed: sending ends soon after what was done in its middle."""


@pytest.fixture
def replay(settings: Settings, codec: Codec, tmp_path: Path) -> Replay:
    """Real tills with everything around them; the catalog and the opening counts are sent."""
    create_topics(settings)
    prepared = Replay(codec, _LINES, 1, _LINES_PER_S)
    apply_rules(prepared.simulation.rules, settings, tmp_path)
    prepared.prologue(settings)
    return prepared


def _busiest(replay: Replay) -> list[str]:
    """The skus that move most: few enough that all of them are looked at every few milliseconds."""
    return [sku for sku, _ in replay.watched(250)]


def _while_sending(settings: Settings, replay: Replay, act: Callable[[], None]) -> None:
    """Send thousands of events, and act in the middle of them."""
    sent = [0]
    failures: list[BaseException] = []

    def done(more: int) -> None:
        sent[0] += more

    def live() -> None:
        try:
            replay.live(settings, done)
        except BaseException as error:
            failures.append(error)

    sender = threading.Thread(target=live)
    sender.start()
    try:
        eventually(lambda: sent[0] >= 500 or not sender.is_alive(), "the middle")
        act()
        acted_at = sent[0]
        eventually(lambda: sent[0] >= acted_at + 500 or not sender.is_alive(), "more")
        replay.stop()
    finally:
        sender.join()
    assert not failures
    assert sent[0] >= acted_at + 500, "it came too late to be in the middle"


@pytest.mark.deep
def test_a_killed_cell_comes_back_and_no_view_goes_back(
    settings: Settings, replay: Replay, caught_up: Callable[[], None], judged: Judge, tmp_path: Path
) -> None:
    with engine(settings, tmp_path, "run", "--cells", "2") as running, api(settings) as url:
        caught_up()
        skus = _busiest(replay)

        def kill_one() -> None:
            before = running.cell(1)
            running.kill(before)
            running.says("child ended and starts again")
            running.says("resumed=True", times=settings.partitions // 2)
            assert running.cell(1) != before

        with watching(settings, skus, url) as watcher:
            _while_sending(settings, replay, kill_one)
            caught_up()
        judged(url)
        assert watcher.changes > 3 * len(skus)
        assert running.stop() == 0


@pytest.mark.deep
def test_an_engine_killed_and_started_by_hand(
    settings: Settings, replay: Replay, caught_up: Callable[[], None], judged: Judge, tmp_path: Path
) -> None:
    first = Engine(settings, tmp_path, "cell", "0")
    caught_up()
    skus = _busiest(replay)
    again: list[Engine] = []

    def kill_it_twice() -> None:
        first.kill()
        hardly = Engine(settings, tmp_path, "cell", "0")
        hardly.says("lane opened", times=1)  # killed once more while it starts
        hardly.kill()
        again.append(Engine(settings, tmp_path, "cell", "0"))

    with watching(settings, skus):
        try:
            _while_sending(settings, replay, kill_it_twice)
            caught_up()
            judged()
            assert again[0].said().count("resumed=True") == settings.partitions
            assert again[0].stop() == 0
        finally:
            for each in (first, *again):
                each.leave()
