"""Reading a lane's files while, or after, an engine writes them: always a whole commit, never a guess."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataflows import journal as journals
from inventory.lane import Lane, LaneConfig
from inventory.section import Section
from inventory.sections import load
from runtime.commits import settled_section
from runtime.state_files import NothingCommitted, StateDamaged, StateFiles
from runtime.states import look_at_lanes
from tests.dataflows.state_folder import POSITION, journal_in, settings_of
from tests.inventory.same_state import state_of
from tests.inventory.shop import Shop
from wire.frames import frame_of


class Engine:
    """A lane that commits to a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shop = Shop(1)
        self.lane = self.shop.cluster.running[0].lane
        self.journal = journal_in(folder)
        self.journal.open(self.lane)
        self.fed = 0

    def commit(self, *, final: bool = False) -> None:
        self.fed += 1
        self.shop.count(self.fed, at=-1000 * (100 - self.fed))
        self.shop.movement("RECEIPT", 1)
        self.shop.movement("RECEIPT", 1, sku="nobody knows it")
        self.shop.run()
        self.journal.commit(self.lane, POSITION, final=final)
        self.journal.settle()

    @property
    def files(self) -> StateFiles:
        return StateFiles(self.folder, 0, 1)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path)
    yield made
    made.journal.close()


def lane_of(sections: list[Section]) -> Lane:
    lane = Lane(0, 1, LaneConfig(), 1, "looks only")
    load(lane, iter(sections))
    return lane


@pytest.mark.parametrize("final", [False, True])
def test_the_last_commit_is_read(engine: Engine, final: bool) -> None:
    engine.commit()
    engine.commit(final=final)
    sections, left_out = engine.files.last_commit()
    assert state_of(lane_of(sections)) == state_of(engine.lane)
    assert left_out == 0


def test_a_commit_that_is_being_written_is_left_out(engine: Engine) -> None:
    engine.commit()
    whole = engine.files.journal(0).stat().st_size
    before, _ = engine.files.last_commit()
    engine.commit()
    size = engine.files.journal(0).stat().st_size - frame_of(settled_section(2)).size
    for end in reversed(range(whole, size, 7)):
        os.truncate(engine.files.journal(0), end)
        assert engine.files.last_commit() == (before, end - whole)


def test_a_segment_that_has_just_begun(engine: Engine) -> None:
    """The base of a new segment is whole before its journal is; the journal is empty for a moment."""
    engine.commit()
    engine.commit(final=True)
    data = engine.files.journal(1).read_bytes()
    for end in (0, 3, len(data) - 1, len(data)):
        engine.files.journal(1).write_bytes(data[:end])
        assert state_of(lane_of(engine.files.last_commit()[0])) == state_of(engine.lane)


def test_segments_that_are_dropped_while_they_are_read(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "_SMALLEST_ROTATION", 1)
    engine.commit(final=True)
    seen = engine.files.segments()
    asked: list[list[int]] = []

    def stale(files: StateFiles) -> list[int]:
        asked.append(seen if not asked else original(files))
        return asked[-1]

    original = StateFiles.segments
    for _ in range(6):
        engine.commit(final=True)
    monkeypatch.setattr(StateFiles, "segments", stale)
    sections, _ = engine.files.last_commit()
    assert asked[0] == seen != asked[-1]
    assert state_of(lane_of(sections)) == state_of(engine.lane)


def test_what_is_damaged_in_a_base_is_told(engine: Engine) -> None:
    engine.commit(final=True)
    path = engine.files.base(1)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(StateDamaged, match="base-1"):
        engine.files.last_commit()


def test_without_a_commit_there_is_nothing_to_read(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(NothingCommitted, match="no whole commit yet"):
        engine.files.last_commit()
    (tmp_path / "lane-001").mkdir()
    with pytest.raises(NothingCommitted, match="holds no state yet"):
        StateFiles(tmp_path, 1, 2).last_commit()


def test_a_look_knows_what_is_computed_and_not_what_is_remembered(engine: Engine, tmp_path: Path) -> None:
    engine.commit()
    (looked,) = look_at_lanes(settings_of(engine.shop.cluster, tmp_path))
    assert looked.lane.live
    mine, whole = state_of(looked.lane), state_of(engine.lane)
    assert mine["table:positions"] == whole["table:positions"]
    assert "ids" in whole
    assert "ids" not in mine
