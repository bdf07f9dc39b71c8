"""A lane's folder that is lost comes back from its checkpoint, with traffic running, and no view goes back."""

import shutil
from collections.abc import Callable
from pathlib import Path

from loadtest.verify.command import Verdict
from runtime.checkpoints import Checkpoints
from runtime.exit import ExitCode
from runtime.settings import Settings
from tests.dataflows.feed import HOUR, Feed
from tests.dataflows.house import engine, eventually
from tests.dataflows.test_retention import keep
from tests.dataflows.traffic import Traffic, flowing
from tests.dataflows.watching import watching

Judge = Callable[..., Verdict]
SKUS = [f"S{number}" for number in range(40)]
LOST = 2
"""A lane."""


def test_a_lane_s_folder_that_is_lost_is_restored(
    ready: Settings, feed: Feed, caught_up: Callable[[], None], judged: Judge, tmp_path: Path
) -> None:
    copies = tmp_path / "copies"
    settings = ready.replace(checkpoint_dir=copies, checkpoint_every_ms=1_000)
    at = Checkpoints(copies, LOST, settings.partitions, settings.generation)
    traffic = Traffic(feed, SKUS)
    traffic.begin()
    lost = settings.state_dir / f"lane-{LOST:03d}"
    with watching(settings, SKUS) as watcher, flowing(traffic):
        with engine(settings, tmp_path) as running:
            caught_up()
            eventually(lambda: len(at.every()) == 2, "two checkpoints")
            before = at.every()[0].path
            eventually(lambda: at.every()[0].path != before, "another one")
            traffic.some_more()
            running.leave()
        shutil.rmtree(lost)
        with engine(settings, tmp_path) as running:
            running.says("lane restored from its checkpoint", times=1)
            running.says("resumed=True", times=settings.partitions)
            caught_up()
            assert running.stop() == ExitCode.DRAINED
        # Every folder, and the newest copy of one of them is damaged: the one before does.
        shutil.rmtree(settings.state_dir)
        newest, former = (each.path for each in at.every())
        for path in newest.glob("base-*"):
            path.write_bytes(path.read_bytes()[:-1])
        with engine(settings, tmp_path) as running:
            running.says("lane restored from its checkpoint", times=settings.partitions)
            running.says("resumed=True", times=settings.partitions)
            caught_up()
            said = running.said()
            assert f"{newest}" in said
            assert f"checkpoint={former}" in said
            assert "a checkpoint is damaged" in said
            running.leave()
    with engine(settings, tmp_path) as running:
        caught_up()
        judged()
        assert watcher.changes > 3 * len(SKUS)
        assert running.stop() == ExitCode.DRAINED
    with engine(settings, tmp_path, "checkpoints") as listed:
        assert listed.ends() == ExitCode.DRAINED
        assert listed.said().count("whole") == 2 * settings.partitions
    keep(settings, "pos-sales", 1)
    with engine(settings.replace(checkpoint_every_ms=24 * HOUR), tmp_path) as refused:
        assert refused.ends() == ExitCode.NEEDS_PERSON
        assert "kafka-configs.sh" in refused.said()
        assert "Traceback" not in refused.said()
