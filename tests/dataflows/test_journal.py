"""The journal of a lane: what a token names comes back, exactly; what is damaged is named and nothing is guessed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dataflows import journal as journals
from dataflows.journal import Journal, StateUnusable
from inventory.lane import Lane, LaneConfig
from inventory.sections import load
from runtime.states import StateDamaged, StateFiles
from tests.dataflows.state_folder import DISK, STORE
from tests.inventory.same_state import state_of
from tests.inventory.shop import Shop
from wire.frames import FRAME


class Kept:
    """A lane that is fed and journalled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shop = Shop(lanes=1)
        self.lane = self.shop.cluster.running[0].lane
        self.journal = Journal(folder, 0, STORE, DISK)
        self.journal.begin()
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

    def commit(self, *, final: bool = False) -> tuple[str, dict[str, Any]]:
        """Feed, commit; the token, and the state it stands for."""
        self.feed()
        token = self.journal.commit(self.lane, final=final)
        self.journal.wait()
        return token, state_of_copy(self, token)


def fresh() -> Lane:
    return Lane(0, 1, LaneConfig(), 1, "again")


def resumed(folder: Path, token: str) -> Lane:
    lane, journal = fresh(), Journal(folder, 0, STORE, DISK)
    try:
        journal.resume(token, lane)
    finally:
        journal.close()
    return lane


def state_of_copy(kept: Kept, token: str) -> dict[str, Any]:
    """The state that is in the files now, read without touching them."""
    lane = fresh()
    at = json.loads(token)
    load(lane, StateFiles(kept.folder, 0).sections(at["segment"], at["offset"]))
    return state_of(lane)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path)
    yield made
    made.journal.close()


def test_a_commit_can_be_resumed_from(kept: Kept) -> None:
    kept.commit()
    token, _ = kept.commit()
    kept.journal.close()
    assert state_of(resumed(kept.folder, token)) == state_of(kept.lane)


@pytest.mark.parametrize("final", [False, True])
def test_an_older_token_cuts_off_what_ran_ahead(kept: Kept, final: bool) -> None:
    first, state = kept.commit()
    kept.commit()
    kept.commit(final=final)
    kept.journal.close()
    lane, journal = fresh(), Journal(kept.folder, 0, STORE, DISK)
    journal.resume(first, lane)
    assert state_of(lane) == state
    assert sorted(path.name for path in kept.files.glob("*-[0-9]*")) == ["journal-0"]
    token = journal.commit(lane)
    journal.close()
    assert state_of(resumed(kept.folder, token)) == state


def test_the_last_commit_writes_a_base(kept: Kept) -> None:
    kept.commit()
    token, state = kept.commit(final=True)
    assert json.loads(token)["segment"] == 1
    assert state == state_of(kept.lane)
    assert (kept.files / "base-1").stat().st_size > (kept.files / "journal-1").stat().st_size
    kept.journal.close()
    assert state_of(resumed(kept.folder, token)) == state


def test_a_journal_that_outgrows_its_base_becomes_a_new_base(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "_SMALLEST_ROTATION", 1)
    segments, last = [], ("", dict[str, Any]())
    for _ in range(12):
        before, last = last, kept.commit()
        segments.append(json.loads(last[0])["segment"])
    assert segments == sorted(segments)
    assert 2 <= segments[-1] < 12
    names = {path.name for path in kept.files.glob("*-[0-9]*")}
    assert len(names) <= 4  # the segment of the last commit, and the one before it
    kept.journal.close()
    assert state_of(resumed(kept.folder, last[0])) == last[1]
    assert state_of(resumed(kept.folder, before[0])) == before[1]


def broken(path: Path) -> Iterator[bytes]:
    """The file cut at many places, and with a bit turned at many places."""
    whole = path.read_bytes()
    step = max(1, len(whole) // 150)
    for at in sorted({*range(0, len(whole), step), *range(40), len(whole) - 1}):
        yield whole[:at]
        yield whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :]
    path.write_bytes(whole)


@pytest.mark.parametrize("name", ["journal-0", "base-1", "journal-1"])
def test_every_cut_and_every_turned_bit_is_found_and_the_file_named(kept: Kept, name: str) -> None:
    token, _ = kept.commit()
    if name != "journal-0":
        kept.commit(final=True)
        token, _ = kept.commit()
    kept.journal.close()
    path = kept.files / name
    for damaged in broken(path):
        path.write_bytes(damaged)
        with pytest.raises(StateDamaged, match=name):
            resumed(kept.folder, token)
    resumed(kept.folder, token)


def test_a_base_that_ends_between_two_frames_is_found(kept: Kept) -> None:
    """Each frame is whole, so nothing but the missing end tells."""
    kept.commit()
    token, _ = kept.commit(final=True)
    kept.journal.close()
    path = kept.files / "base-1"
    whole, ends, at = path.read_bytes(), [], 4
    while at < len(whole):
        _, header, payload = FRAME.unpack_from(whole, at)
        at += FRAME.size + header + payload
        ends.append(at)
    assert len(ends) > 5
    for end in ends[:-1]:
        path.write_bytes(whole[:end])
        with pytest.raises(StateDamaged, match="base-1"):
            resumed(kept.folder, token)


def test_a_missing_file_is_named(kept: Kept) -> None:
    token, _ = kept.commit(final=True)
    kept.journal.close()
    (kept.files / "base-1").unlink()
    with pytest.raises(StateDamaged, match="base-1"):
        resumed(kept.folder, token)


def test_a_token_of_another_lane_or_format_is_refused(kept: Kept) -> None:
    token, _ = kept.commit()
    kept.journal.close()
    for key, value in (("lane", 1), ("format", 2)):
        other = json.dumps({**json.loads(token), key: value})
        with pytest.raises(StateDamaged, match="this is lane 0"):
            resumed(kept.folder, other)


def test_a_file_of_another_lane_is_refused(kept: Kept) -> None:
    token, _ = kept.commit()
    kept.journal.close()
    (kept.folder / "lane-001").mkdir()
    (kept.folder / "lane-001" / "journal-0").write_bytes((kept.files / "journal-0").read_bytes())
    other = Journal(kept.folder, 1, STORE, DISK)
    token = json.dumps({**json.loads(token), "lane": 1})
    with pytest.raises(StateDamaged, match="it is a file of lane 0"):
        other.resume(token, Lane(1, 2, LaneConfig(), 1, "again"))
    other.close()


def test_the_state_of_another_recovery_store_is_not_overwritten(kept: Kept) -> None:
    token, state = kept.commit()
    kept.journal.close()
    other = Journal(kept.folder, 0, "another store", DISK)
    with pytest.raises(StateDamaged, match="another number of cells"):
        other.begin()
    other.close()
    assert state_of(resumed(kept.folder, token)) == state


def test_a_start_that_never_committed_begins_anew(kept: Kept) -> None:
    kept.feed()
    kept.journal.close()
    again = Journal(kept.folder, 0, STORE, DISK)
    again.begin()
    token = again.commit(kept.lane)
    again.close()
    assert resumed(kept.folder, token).now == kept.lane.now


def test_only_one_engine_uses_a_folder(kept: Kept) -> None:
    with pytest.raises(StateUnusable, match="in use by another engine"):
        Journal(kept.folder, 0, STORE, DISK)


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StateUnusable, match="STOCKTIDE_STATE_DIR"):
        Journal(tmp_path / "state", 0, STORE, DISK)


def test_what_cannot_be_written_fails_the_commit(kept: Kept) -> None:
    kept.commit()
    with (kept.files / "journal-0").open("rb") as unwritable:
        file, kept.journal._file = kept.journal._file, unwritable
        kept.feed()
        kept.journal.commit(kept.lane)
        with pytest.raises(OSError, match="write"):
            kept.journal.wait()
        kept.journal._file = file
    kept.journal.close()
