"""Lanes that other cells go on with: what a lane's folder holds is enough, whoever wrote it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from loadtest.verify.command import Verdict
from runtime.settings import Settings
from tests.dataflows.feed import Feed
from tests.dataflows.house import Engine
from tests.dataflows.traffic import Traffic, flowing
from tests.dataflows.watching import watching

Judge = Callable[..., Verdict]
SKUS = [f"S{number}" for number in range(40)]


class Engines:
    """One engine after the other."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack

    def start(self, settings: Settings, *arguments: str, resumed: int) -> Engine:
        """One that goes on with so many lanes (0: it has none yet)."""
        engine = Engine(settings, self._folder, *arguments)
        self._stack.callback(engine.leave)
        if resumed:
            engine.says("resumed=True", times=resumed)
        return engine


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[Engines]:
    with ExitStack() as stack:
        yield Engines(tmp_path, stack)


def test_one_cell_two_cells_and_one_again_with_traffic_running(
    ready: Settings, feed: Feed, engines: Engines, caught_up: Callable[[], None], judged: Judge
) -> None:
    """Drained, then killed: either way the others go on where they ended, and no reader sees a view go back."""
    one, two, lanes = ready, ready.replace(cells=2), ready.partitions
    traffic = Traffic(feed, SKUS)
    traffic.begin()
    running = engines.start(one, resumed=0)
    caught_up()
    with watching(ready, SKUS) as watcher, flowing(traffic):
        assert running.stop() == 0
        running = engines.start(two, resumed=lanes)
        caught_up()
        traffic.some_more()
        running.leave()  # SIGKILL to the supervisor and to both cells
        running = engines.start(one, resumed=lanes)
        traffic.some_more()
    caught_up()
    judged()
    assert watcher.changes > 3 * len(SKUS)
    assert not list(ready.state_dir.glob("cell-*"))
    assert running.stop() == 0


@pytest.mark.deep  # in every run lanes change cells above, and their folder when an engine is given up (test_fencing)
def test_lanes_that_were_copied_to_another_host(
    ready: Settings,
    feed: Feed,
    engines: Engines,
    caught_up: Callable[[], None],
    judged: Judge,
    tmp_path: Path,
) -> None:
    """Each half of the lanes goes on in a state folder of its own, under a cell of its own; nothing else is copied."""
    traffic = Traffic(feed, SKUS)
    traffic.begin()
    running = engines.start(ready, resumed=0)
    caught_up()
    hosts = [ready.replace(cells=2, state_dir=tmp_path / name) for name in ("here", "there")]
    with watching(ready, SKUS), flowing(traffic):
        running.leave()
        for lane in range(ready.partitions):
            name = f"lane-{lane:03d}"
            shutil.copytree(ready.state_dir / name, hosts[lane % 2].state_dir / name)
        shutil.rmtree(ready.state_dir)
        half = ready.partitions // 2
        cells = [engines.start(host, "cell", str(n), resumed=half) for n, host in enumerate(hosts)]
        caught_up()
    caught_up()
    judged()
    assert [cell.stop() for cell in cells] == [0, 0]
