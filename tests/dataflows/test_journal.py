"""The journal of a lane: its last settled commit comes back, exactly; what is damaged is named, never guessed at."""

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dataflows import journal as journals
from dataflows.journal import StateUnusable
from inventory.lane import Lane, LaneConfig
from runtime import state_files
from runtime.commits import Commit, Position
from runtime.state_files import Resumable, StateDamaged, StateFiles
from tests.dataflows.state_folder import journal_in
from tests.inventory.same_state import state_of
from tests.inventory.shop import Shop
from wire.frames import FRAME


class Kept:
    """A lane that is fed and journalled. `states`: what each commit, by its counter, stands for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shop = Shop(lanes=1)
        self.lane = self.shop.cluster.running[0].lane
        self.journal = journal_in(folder)
        assert self.journal.open(self.lane) is None
        self.fed = 0

    @property
    def files(self) -> Path:
        return self.folder / "lane-000"

    def feed(self) -> None:
        self.fed += 1
        self.shop.count(self.fed, sku="SKU-1", at=-1000 * (100 - self.fed))
        self.shop.line(f"o{self.fed}", 1, 1)
        self.shop.movement("RECEIPT", 1, sku="nobody knows it")
        self.shop.item(f"SKU-{self.fed}", ("test", f"PLU {self.fed}"))
        self.shop.run()

    def commit(self, *, final: bool = False) -> None:
        """Feed and commit; not settled yet."""
        self.feed()
        self.journal.commit(self.lane, position(self.fed), final=final)
        self.journal.wait()

    def settled(self, *, final: bool = False) -> dict[str, Any]:
        """Feed, commit and settle; the state it stands for."""
        self.commit(final=final)
        self.journal.settle()
        return state_of(reopened(self.folder).lane)


def resumable(folder: Path) -> tuple[Resumable | None, str]:
    """What a start would go on from, and why it would not."""
    try:
        return StateFiles(folder, 0, 1).resumable(), ""
    except StateDamaged as damaged:
        return None, str(damaged)


class Reopened(NamedTuple):
    """A copy of a folder, opened as a start would."""

    lane: Lane
    commit: Commit | None


def position(fed: int) -> Position:
    return Position({"stock-movements": fed, "network": 3}, {"network": "an id"})


def fresh() -> Lane:
    return Lane(0, 1, LaneConfig(), 1, "again")


def reopened(folder: Path) -> Reopened:
    copy = folder.with_name(folder.name + " copied")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    lane, journal = fresh(), journal_in(copy)
    try:
        return Reopened(lane, journal.open(lane))
    finally:
        journal.close()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path / "state")
    yield made
    made.journal.close()


def test_a_settled_commit_is_gone_on_from(kept: Kept) -> None:
    kept.settled()
    state = kept.settled()
    assert state == state_of(kept.lane)
    commit = reopened(kept.folder).commit
    assert commit is not None
    assert (commit.counter, commit.position, commit.log_clock) == (2, position(2), kept.lane.log_clock)


@pytest.mark.parametrize("final", [False, True])
def test_what_is_not_settled_is_cut_off(kept: Kept, final: bool) -> None:
    """What it put out may not have arrived: it is put out again."""
    state = kept.settled()
    kept.commit(final=final)
    kept.journal.close()
    lane, journal = fresh(), journal_in(kept.folder)
    commit = journal.open(lane)
    assert commit is not None
    assert commit.position == position(1)
    assert state_of(lane) == state
    assert sorted(path.name for path in kept.files.glob("*-[0-9]*")) == ["journal-0"]
    journal.commit(lane, position(7))
    journal.settle()
    journal.close()
    again = reopened(kept.folder)
    assert again.commit is not None
    assert again.commit.position == position(7)
    assert state_of(again.lane) == state


def test_a_start_that_never_settled_begins_anew(kept: Kept) -> None:
    kept.commit()
    kept.journal.close()
    lane, journal = fresh(), journal_in(kept.folder)
    assert journal.open(lane) is None
    assert not lane.live
    journal.commit(kept.lane, position(1))
    journal.settle()
    journal.close()
    assert reopened(kept.folder).lane.now == kept.lane.now


def test_settling_twice_or_without_a_commit_says_nothing(kept: Kept) -> None:
    kept.journal.settle()
    kept.settled()
    size = (kept.files / "journal-0").stat().st_size
    kept.journal.settle()
    assert (kept.files / "journal-0").stat().st_size == size


def test_nobody_waits_for_the_disk_and_the_next_commit_settles_what_was_acknowledged(kept: Kept) -> None:
    held, file = threading.Event(), kept.journal._file
    kept.journal._disk.submit(held.wait)
    try:
        kept.feed()
        kept.journal.commit(kept.lane, position(1))
        kept.journal.acknowledge()
        assert kept.journal._file is file
        assert reopened(kept.folder).commit is None
    finally:
        held.set()
    kept.commit()
    again = reopened(kept.folder).commit
    assert again is not None
    assert again.position == position(1)
    kept.journal.acknowledge()  # it is there already
    again = reopened(kept.folder).commit
    assert again is not None
    assert again.position == position(2)


def test_what_was_acknowledged_is_settled_at_the_end(kept: Kept) -> None:
    held = threading.Event()
    kept.journal._disk.submit(held.wait)
    kept.feed()
    kept.journal.commit(kept.lane, position(1))
    kept.journal.acknowledge()
    held.set()
    kept.journal.close()
    assert reopened(kept.folder).commit is not None


def test_the_last_commit_writes_a_base(kept: Kept) -> None:
    kept.settled()
    state = kept.settled(final=True)
    assert state == state_of(kept.lane)
    assert (kept.files / "base-1").stat().st_size > (kept.files / "journal-1").stat().st_size
    kept.journal.close()
    assert state_of(reopened(kept.folder).lane) == state


def ends_of_frames(path: Path) -> list[int]:
    data, at, ends = path.read_bytes(), 4, []
    while at < len(data):
        _, header, payload = FRAME.unpack_from(data, at)
        at += FRAME.size + header + payload
        ends.append(at)
    return ends


def cuts(path: Path) -> Iterator[int]:
    """A file's size while it is whole, then cut by a byte more each time. (To write it anew forces it to disk.)"""
    for size in range(path.stat().st_size, -1, -1):
        os.truncate(path, size)
        yield size


@pytest.fixture
def any_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are cut thousands of times: the layout, which is most of a small one, is left out."""
    monkeypatch.setattr(journals, "layout", dict)
    monkeypatch.setattr(state_files, "check_layout", lambda found: None)


@pytest.mark.usefixtures("any_layout")
def test_a_journal_cut_at_any_byte_is_the_last_settled_commit_before_the_cut(kept: Kept) -> None:
    """Across two segments: what is lost of the newer one is found in the older one."""
    states: dict[int, dict[str, Any]] = {}
    for number in range(1, 5):
        states[number] = kept.settled(final=number == 3)
    kept.commit()
    kept.journal.close()
    path = kept.files / "journal-1"
    whole = path.read_bytes()
    settled_at: dict[int, int] = {}  # the byte behind each settled commit
    for end in ends_of_frames(path):
        path.write_bytes(whole[:end])
        found = StateFiles(kept.folder, 0, 1).resumable()
        assert found is not None
        settled_at.setdefault(found.at.commit.counter, end)
    assert sorted(settled_at) == [2, 3, 4]  # 2: of the segment before
    for cut in cuts(path):
        found = StateFiles(kept.folder, 0, 1).resumable()
        assert found is not None
        expected = max(counter for counter, end in settled_at.items() if end <= cut or counter == 2)
        assert found.at.commit.counter == expected, f"cut at byte {cut}"
        assert found.at.commit.position == position(expected)
    for counter, end in settled_at.items():
        path.write_bytes(whole[: end + 5])
        assert state_of(reopened(kept.folder).lane) == states[counter]


@pytest.mark.usefixtures("any_layout")
def test_a_lane_s_only_journal_cut_at_any_byte_is_recovered_or_named(kept: Kept) -> None:
    """Without a segment before, a cut that leaves no settled commit is no new beginning."""
    kept.settled()
    kept.settled()
    kept.journal.close()
    counters = []
    for cut in cuts(kept.files / "journal-0"):
        found, why = resumable(kept.folder)
        assert found is not None or f"journal-0: it ends at byte {cut}" in why
        counters.append(0 if found is None else found.at.commit.counter)
    assert counters == sorted(counters, reverse=True)
    assert set(counters) == {0, 1, 2}


@pytest.mark.usefixtures("any_layout")
def test_a_base_cut_at_any_byte_is_named(kept: Kept) -> None:
    kept.settled()
    kept.settled(final=True)
    kept.journal.close()
    sizes = cuts(kept.files / "base-1")
    assert next(sizes) > 0
    assert resumable(kept.folder)[1] == ""
    for _ in sizes:
        with pytest.raises(StateDamaged, match=r"base-1: .*byte"):
            StateFiles(kept.folder, 0, 1).resumable()


@pytest.mark.usefixtures("any_layout")
@pytest.mark.parametrize("name", ["journal-0", "base-1", "journal-1"])
def test_a_turned_bit_is_named_or_the_last_settled_commit_before_it_comes_back(kept: Kept, name: str) -> None:
    """A journal may end in what was being written when a host died: damage has something settled behind it."""
    states = {1: kept.settled()}
    if name != "journal-0":
        states[2] = kept.settled(final=True)
    states[len(states) + 1] = kept.settled()
    kept.journal.close()
    path = kept.files / name
    whole = path.read_bytes()
    last = ends_of_frames(path)[-2]
    named = 0
    for at in sorted(
        {*range(0, len(whole), max(1, len(whole) // 300)), *range(40), *range(last, len(whole))}
    ):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        found, why = resumable(kept.folder)
        if found is None:
            assert f"{name}: " in why
            assert "byte" in why or "begin with STJ2" in why
            named += 1
        else:
            assert name != "base-1"
            assert at >= last, f"byte {at} was overlooked"
            assert found.at.commit.counter == len(states) - 1
            assert name in found.torn
    assert named > 100
    if name == "base-1":
        return
    path.write_bytes(whole[: last + 9] + b"\0" * 60)  # blocks that a host had not written when it lost power
    assert state_of(reopened(kept.folder).lane) == states[len(states) - 1]


@pytest.mark.parametrize("name", ["base-1", "journal-1"])
def test_a_missing_file_is_named(kept: Kept, name: str) -> None:
    kept.settled(final=True)
    kept.journal.close()
    (kept.files / "journal-0").unlink()
    (kept.files / name).unlink()
    named = name if name == "base-1" else "its journal is missing"
    with pytest.raises(StateDamaged, match=named):
        reopened(kept.folder)


@pytest.mark.parametrize(("lane", "lanes"), [(1, 2), (0, 2)])
def test_files_of_another_lane_or_number_of_lanes_are_refused(kept: Kept, lane: int, lanes: int) -> None:
    kept.settled()
    kept.journal.close()
    other = kept.folder / f"lane-{lane:03d}"
    if lane:
        shutil.copytree(kept.files, other)
    journal = journal_in(kept.folder, lane, lanes)
    with pytest.raises(StateDamaged, match=f"it is a file of lane 0 of 1, not {lane} of 2"):
        journal.open(Lane(lane, lanes, LaneConfig(), 1, "again"))
    journal.close()


def test_only_one_engine_uses_a_folder(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "_LOCK_WITHIN_S", 0.0)
    with pytest.raises(StateUnusable, match="in use by another engine"):
        journal_in(kept.folder)


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StateUnusable, match="STOCKTIDE_STATE_DIR"):
        journal_in(tmp_path / "state")


def test_what_cannot_be_written_fails_the_commit(kept: Kept) -> None:
    kept.commit()
    with (kept.files / "journal-0").open("rb") as unwritable:
        file, kept.journal._file = kept.journal._file, unwritable
        kept.feed()
        kept.journal.commit(kept.lane, position(2))
        with pytest.raises(OSError, match="write"):
            kept.journal.settle()
        kept.journal._file = file
    assert reopened(kept.folder).commit is None
    kept.journal.close()
