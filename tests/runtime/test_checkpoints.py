"""Checkpoints of a lane: whole or not there, and what is damaged is never restored."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from dataflows.checkpoint_list import list_checkpoints
from dataflows.checkpointing import Checkpointing
from inventory.lane import Lane, LaneConfig
from runtime import checkpoints as module
from runtime.checkpoints import Checkpoints, CheckpointsDamaged, check
from runtime.commits import Position
from runtime.exit import ExitCode, Refusal
from runtime.settings import Settings
from runtime.state_files import StateFiles
from tests.dataflows.state_folder import journal_in
from tests.inventory.same_state import state_of
from tests.inventory.shop import Shop


class Copied:
    """A lane that commits, and its checkpoints."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(partitions=1, state_dir=folder / "state", checkpoint_dir=folder / "copies")
        self.shop = Shop(1)
        self.lane = self.shop.cluster.running[0].lane
        self.journal = journal_in(self.settings.state_dir)
        self.journal.open(self.lane)
        self.fed = 0

    def commit(self, *, final: bool = False, settled: bool = True) -> None:
        self.fed += 1
        self.shop.count(self.fed, at=-1000 * (100 - self.fed))
        self.shop.run()
        self.journal.commit(self.lane, Position({"routed": self.fed}, {}), final=final)
        self.journal.wait()
        if settled:
            self.journal.settle()

    def at(self, generation: int = 1) -> Checkpoints:
        assert self.settings.checkpoint_dir is not None
        return Checkpoints(self.settings.checkpoint_dir, 0, 1, generation)

    def take(self, now: int, generation: int = 1) -> None:
        assert self.journal.settled is not None
        self.at(generation).take(self.journal.files, self.journal.settled, now)

    def restored(self, folder: Path, generation: int = 1) -> tuple[dict[str, Any] | None, Position | None]:
        """What a start makes of an empty folder."""
        lane, journal = Lane(0, 1, LaneConfig(), 1, "again"), journal_in(folder)
        try:
            self.at(generation).restore(journal.files)
            commit = journal.open(lane)
        finally:
            journal.close()
        return (None, None) if commit is None else (state_of(lane), commit.position)


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[Copied]:
    made = Copied(tmp_path)
    yield made
    made.journal.close()


@pytest.mark.parametrize("final", [False, True])
def test_a_lane_is_restored_as_it_was_at_a_settled_commit(
    copied: Copied, tmp_path: Path, final: bool
) -> None:
    copied.commit()
    copied.commit(final=final)
    state = state_of(copied.lane)
    copied.commit(settled=False)
    copied.take(1_000)
    copied.commit()
    (checkpoint,) = copied.at().every()
    assert check(checkpoint).damage == ""
    assert checkpoint.manifest is not None
    assert (checkpoint.manifest.lane, checkpoint.manifest.taken_at) == (0, 1_000)
    assert checkpoint.manifest.commit.position.next == {"routed": 2}
    assert set(checkpoint.manifest.files) == ({"base-1", "journal-1"} if final else {"journal-0"})
    found, position = copied.restored(tmp_path / "new")
    assert found == state
    assert position == Position({"routed": 2}, {})
    assert not StateFiles(tmp_path / "new", 0, 1).is_new


def test_the_last_two_are_kept(copied: Copied) -> None:
    for now in (1_000, 2_000, 3_000, 10_000):
        copied.commit()
        copied.take(now)
    assert [each.path.name for each in copied.at().every()] == ["g1-0000000010000", "g1-0000000003000"]


def test_a_crash_in_the_middle_leaves_the_one_before(
    copied: Copied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied.commit()
    copied.take(1_000)
    copied.commit(final=True)
    with monkeypatch.context() as broken:
        broken.setattr(module, "_packed", lambda manifest: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            copied.take(2_000)
    killed = copied.at().folder / ".taking-g1"  # by SIGKILL, which tidies nothing up
    killed.mkdir()
    (killed / "journal-9").write_bytes(b"half of it")
    assert [each.path.name for each in copied.at().every()] == ["g1-0000000001000"]
    assert copied.restored(tmp_path / "new")[1] == Position({"routed": 1}, {})
    copied.take(3_000)
    assert not killed.exists()
    assert check(copied.at().every()[0]).damage == ""


def damages(folder: Path) -> Iterator[str]:
    """Each file of a checkpoint missing, cut, longer, and with a bit turned at some places."""
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        turned = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole), 997)]
        for damaged in (None, b"", whole[:-1], whole + b"\0", *turned):
            if damaged is None:
                path.unlink()
            else:
                path.write_bytes(damaged)
            yield path.name
        path.write_bytes(whole)


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_restored(copied: Copied, tmp_path: Path) -> None:
    copied.commit(final=True)
    copied.take(1_000)
    copied.commit()
    copied.take(2_000)
    newest = copied.at().every()[0].path
    seen = set()
    for name in damages(newest):
        assert name in check(copied.at().every()[0]).damage
        shutil.rmtree(tmp_path / "new", ignore_errors=True)
        files = StateFiles(tmp_path / "new", 0, 1)
        files.folder.mkdir(parents=True)
        damaged, whole = copied.at().restore(files)
        assert damaged.path == newest
        assert name in damaged.damage
        assert whole.damage == ""
        assert files.resumable() is not None
        seen.add(name)
    assert seen == {"base-1", "journal-1", "manifest.json"}
    assert copied.restored(tmp_path / "newer")[1] == Position({"routed": 2}, {})


def test_without_any_whole_one_nothing_is_started(copied: Copied, tmp_path: Path) -> None:
    copied.commit()
    copied.take(1_000)
    (copied.at().every()[0].path / "journal-0").write_bytes(b"")
    with pytest.raises(CheckpointsDamaged, match=r"g1-0000000001000: journal-0 has 0 bytes"):
        copied.restored(tmp_path / "new")


def test_what_could_not_be_restored_is_not_taken_for_state(copied: Copied, tmp_path: Path) -> None:
    """Its journal is whole, its base is not: once the checkpoints are moved away, the lane is rebuilt."""
    copied.commit(final=True)
    copied.take(1_000)
    (copied.at().every()[0].path / "base-1").write_bytes(b"")
    with pytest.raises(CheckpointsDamaged):
        copied.restored(tmp_path / "new")
    shutil.rmtree(copied.at().folder)
    assert copied.restored(tmp_path / "new") == (None, None)


def test_a_new_generation_is_a_rebuild(copied: Copied, tmp_path: Path) -> None:
    copied.commit()
    copied.take(1_000)
    assert copied.restored(tmp_path / "new", generation=2) == (None, None)
    copied.take(2_000, generation=2)
    assert [each.generation for each in copied.at().every()] == [2, 1]
    copied.take(3_000, generation=2)
    assert [each.generation for each in copied.at().every()] == [2, 2]


# -- a cell's ----------------------------------------------------------------------------------------------------


def test_a_copy_that_takes_its_time_holds_up_no_commit(
    copied: Copied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk of the checkpoints stands still; the lane commits and settles, and drops the very files."""
    reached, may_go_on, copying = threading.Event(), threading.Event(), module._copied

    def slow(*arguments: Any) -> int:
        reached.set()
        assert may_go_on.wait(60)
        return copying(*arguments)

    monkeypatch.setattr(module, "_copied", slow)
    copied.commit(final=True)
    state = state_of(copied.lane)
    taking = Checkpointing(copied.settings.replace(checkpoint_every_ms=100), [0], lambda: False)
    taking.start({0: copied.journal})
    try:
        assert reached.wait(60)
        for _ in range(3):
            copied.commit(final=True)
        assert not copied.journal.files.base(1).exists()
    finally:
        may_go_on.set()
        taking.stop()
    (checkpoint,) = copied.at().every()
    assert check(checkpoint).damage == ""
    assert copied.restored(tmp_path / "new") == (state, Position({"routed": 1}, {}))


def test_files_that_are_dropped_before_they_are_copied_are_no_failure(copied: Copied) -> None:
    copied.commit(final=True)
    stale = copied.journal.settled
    for _ in range(2):
        copied.commit(final=True)
    assert stale is not None
    with pytest.raises(FileNotFoundError):
        copied.at().take(copied.journal.files, stale, 1_000)
    taking = Checkpointing(copied.settings, [0], lambda: False)
    taking.start({0: copied.journal})
    taking.finish()
    assert len(copied.at().every()) == 1


def test_a_drain_takes_one_only_of_what_is_new(copied: Copied) -> None:
    copied.commit()
    taking = Checkpointing(copied.settings, [0], lambda: False)
    taking.start({0: copied.journal})
    taking.finish()
    taking.finish()
    assert len(copied.at().every()) == 1


def test_one_that_cannot_be_taken_is_told_and_the_lane_goes_on(
    copied: Copied, caplog: pytest.LogCaptureFixture
) -> None:
    assert copied.settings.checkpoint_dir is not None
    copied.settings.checkpoint_dir.write_text("no folder")
    copied.commit()
    before = _failures()
    taking = Checkpointing(copied.settings, [0], lambda: False)
    taking.start({0: copied.journal})
    taking.finish()
    assert "a checkpoint could not be taken" in caplog.text
    assert _failures() == before + 1
    copied.commit()


def _failures() -> float:
    return REGISTRY.get_sample_value("stocktide_checkpoint_failures_total") or 0.0


# -- the command -------------------------------------------------------------------------------------------------


def test_the_list_tells_age_size_offsets_and_damage(
    copied: Copied, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list_checkpoints(copied.settings) == ExitCode.DIFFERENT
    assert "lane 0  none of generation 1" in capsys.readouterr().out
    copied.commit()
    copied.take(1_000)
    assert list_checkpoints(copied.settings) == ExitCode.DRAINED
    size = (copied.journal.files.journal(0)).stat().st_size
    told = capsys.readouterr().out
    assert all(words in told for words in ("s old", f"{size} bytes", "whole", "routed=1", "g1-0000000001000"))
    (copied.at().every()[0].path / "journal-0").write_bytes(b"")
    assert list_checkpoints(copied.settings) == ExitCode.DIFFERENT
    assert "DAMAGED: journal-0 has 0 bytes" in capsys.readouterr().out


def test_the_list_needs_a_folder() -> None:
    with pytest.raises(Refusal, match="STOCKTIDE_CHECKPOINT_DIR is not set"):
        list_checkpoints(Settings())
