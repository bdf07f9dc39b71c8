"""A state folder that the version before wrote opens to the same numbers, at the same offsets."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from dataflows.journal import Journal
from inventory.lane import Lane
from runtime.commits import Commit
from runtime.settings import Settings
from runtime.state_files import StateDamaged, StateFiles
from runtime.states import lane_config
from tests.dataflows.former_state import LANES, STORED, numbers
from tests.dataflows.state_folder import journal_in
from tests.inventory.same_state import state_of
from wire.frames import FORMER, MAGIC


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    with tarfile.open(STORED.with_suffix(".tar.gz")) as packed:
        packed.extractall(tmp_path, filter="data")
    return Settings(partitions=LANES, state_dir=tmp_path / "state")


@pytest.fixture
def told() -> Any:
    return json.loads(STORED.with_suffix(".json").read_text())


def opened(settings: Settings, number: int) -> tuple[Journal, Lane, Commit]:
    lane = Lane(number, LANES, lane_config(settings), 1, "again")
    journal = journal_in(settings.state_dir, number, LANES)
    commit = journal.open(lane)
    assert commit is not None
    return journal, lane, commit


def test_commands_that_look_see_the_same_numbers(settings: Settings, told: Any) -> None:
    assert numbers(settings) == told["numbers"]


def test_the_engine_goes_on_with_the_same_numbers_and_offsets(settings: Settings, told: Any) -> None:
    states = []
    for number in range(LANES):
        journal, lane, commit = opened(settings, number)
        assert lane.live
        assert commit.position.next == told["next"][number]
        assert commit.position.topics.keys() == commit.position.next.keys()
        states.append(state_of(lane))
        assert journal.settled is None  # nothing to copy yet: no journal of this version
        journal.commit(lane, commit.position)
        journal.close()
    for number in range(LANES):  # not settled: the recovery store is asked once more
        journal, lane, commit = opened(settings, number)
        assert commit.position.next == told["next"][number]
        journal.commit(lane, commit.position)
        journal.settle()
        assert journal.settled is not None
        journal.close()
    shutil.rmtree(settings.state_dir / "cell-0-of-1")  # now nobody needs it
    for number in range(LANES):
        journal, lane, commit = opened(settings, number)
        journal.close()
        assert state_of(lane) == states[number]
        assert commit.position.next == told["next"][number]
        files = StateFiles(settings.state_dir, number, LANES)
        assert files.journal(files.segments()[-1]).read_bytes().startswith(MAGIC)
        assert not (files.folder / "store-id").exists()
    assert numbers(settings) == told["numbers"]


@pytest.mark.parametrize("lost", ["cell-0-of-1", "cell-0-of-1/part-0.sqlite3", "lane-001/store-id"])
def test_without_the_store_that_knew_its_offsets_it_is_refused(settings: Settings, lost: str) -> None:
    path = settings.state_dir / lost
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    with pytest.raises(StateDamaged, match=r"lane-001/journal-1: .*recovery store"):
        StateFiles(settings.state_dir, 1, LANES).resumable()


def test_a_store_with_anything_but_texts_is_not_loaded(settings: Settings) -> None:
    for path in (settings.state_dir / "cell-0-of-1").glob("part-0*"):
        path.write_bytes(path.read_bytes().replace(b'\x8c\x2f{"format', b'c\x2f{"format'))
    with pytest.raises(StateDamaged, match="cannot be read"):
        StateFiles(settings.state_dir, 0, LANES).resumable()


@pytest.mark.parametrize(("name", "end"), [("journal-1", 8007), ("base-1", 11000)])
def test_a_former_file_that_is_cut_is_named(settings: Settings, name: str, end: int) -> None:
    path = settings.state_dir / "lane-000" / name
    data = path.read_bytes()
    assert data.startswith(FORMER)
    path.write_bytes(data[:end])
    with pytest.raises(StateDamaged, match=rf"{name}: .*byte"):
        StateFiles(settings.state_dir, 0, LANES).resumable()
