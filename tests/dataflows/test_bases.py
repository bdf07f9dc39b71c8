"""The next segment in the making: commit by commit, slice by slice, until it can be resumed from."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dataflows import bases
from dataflows.bases import NextSegment, Turns, drop_unfinished
from inventory.lane import Lane, LaneConfig
from inventory.section import Section
from inventory.sections import dump, load
from inventory.slices import slices
from tests.inventory.same_state import state_of
from tests.inventory.shop import Shop
from wire.frames import Frame, frame_of, read_frames

HEAD = frame_of(Section("head", {"lane": 0}, b""))


class Kept:
    """A lane that is fed, and what its commits said."""

    def __init__(self) -> None:
        self.shop = Shop(lanes=1)
        self.lane = self.shop.cluster.running[0].lane
        self.fed = 0
        self.said: list[Section] = []

    def commit(self) -> tuple[list[Frame], Frame]:
        self.fed += 1
        self.shop.count(self.fed, sku="SKU-1", at=-1000 * (100 - self.fed))
        self.shop.line(f"o{self.fed}", 1, 1)
        self.shop.movement("RECEIPT", 1, sku="nobody knows it")
        self.shop.item(f"SKU-{self.fed}", ("test", f"PLU {self.fed}"))
        self.shop.run()
        changes = list(dump(self.lane, everything=False))
        self.said += changes
        return [frame_of(section) for section in changes], frame_of(Section("commit", {"n": self.fed}, b""))


class ByHand(ThreadPoolExecutor):
    """Writes when it is told to."""

    def __init__(self) -> None:
        super().__init__(1)
        self.left: list[tuple[Future[Any], Any]] = []

    def submit(self, function: Any, /, *given: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.left.append((future, lambda: function(*given, **named)))
        return future

    def write(self) -> None:
        for future, function in self.left:
            try:
                future.set_result(function())
            except OSError as error:
                future.set_exception(error)
        self.left.clear()


@pytest.fixture
def disk() -> Iterator[ByHand]:
    with ByHand() as made:
        yield made


def made(kept: Kept, folder: Path, disk: ByHand) -> NextSegment:
    return NextSegment(kept.lane, folder / "base-1", folder / "journal-1", HEAD, disk)


def sections(path: Path) -> list[Section]:
    data = path.read_bytes()
    return [section for section, _ in read_frames(data, len(data)) if section.name not in ("head", "commit")]


def loaded(found: list[Section]) -> dict[str, Any]:
    lane = Lane(0, 1, LaneConfig(), 1, "again")
    load(lane, iter(found))
    return state_of(lane)


def commits(path: Path) -> list[int]:
    data = path.read_bytes()
    return [section.header["n"] for section, _ in read_frames(data, len(data)) if section.name == "commit"]


@pytest.mark.parametrize("budget", [0.0, 0.0005, 10.0])
def test_what_is_ready_is_the_state_at_every_commit_from_then_on(
    tmp_path: Path, disk: ByHand, budget: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bases, "slices", lambda lane: slices(lane, 400))
    monkeypatch.setattr(bases, "BUDGET_S", budget)
    kept = Kept()
    for _ in range(3):
        kept.commit()
    first, segment = kept.commit(), made(kept, tmp_path, disk)
    segment.commit(*first)
    taken = 1
    while True:
        disk.write()
        if segment.ready():
            break
        assert not (tmp_path / "journal-1").exists()
        assert taken < 3_000
        segment.commit(*kept.commit())
        taken += 1
    assert taken == 1 or budget < 1
    assert taken > 20 or budget > 0
    for _ in range(2):
        assert commits(tmp_path / "base-1")[-1] <= kept.fed
        assert loaded(sections(tmp_path / "base-1") + sections(tmp_path / "journal-1")) == loaded(kept.said)
        assert (tmp_path / "base-1").stat().st_size == segment.base_size
        assert (tmp_path / "journal-1").stat().st_size == segment.size
        segment.commit(*kept.commit())
        assert not segment.ready()  # the commit is not on disk yet
        disk.write()
        assert segment.ready()
    assert commits(tmp_path / "journal-1") == list(range(5, kept.fed + 1))
    segment.file.close()


def test_a_slow_disk_holds_back_slices_and_no_commit(
    tmp_path: Path, disk: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bases, "BUDGET_S", 0.0)
    kept = Kept()
    first, segment = kept.commit(), made(kept, tmp_path, disk)
    segment.commit(*first)
    written = segment.base_size
    for _ in range(5):
        segment.commit(*kept.commit())
        assert segment.base_size == written
        assert len(disk.left) == 1
    monkeypatch.setattr(bases, "BUDGET_S", 10.0)
    while not segment.ready():
        disk.write()
        segment.commit(*kept.commit())
        disk.write()
    assert commits(tmp_path / "journal-1") == list(range(2, kept.fed + 1))
    assert loaded(sections(tmp_path / "base-1") + sections(tmp_path / "journal-1")) == loaded(kept.said)
    segment.file.close()


def test_what_cannot_be_written_is_raised(
    tmp_path: Path, disk: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bases, "BUDGET_S", 10.0)
    kept = Kept()
    first, segment = kept.commit(), made(kept, tmp_path, disk)
    segment.commit(*first)
    (tmp_path / "next-base").unlink()
    disk.write()
    with pytest.raises(OSError, match="next-base"):
        segment.ready()
    with pytest.raises(OSError, match="next-base"):
        segment.commit(*kept.commit())
    segment.abandon()


def test_nothing_is_left_of_what_is_given_up(
    tmp_path: Path, disk: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept()
    for whole in (False, True):
        monkeypatch.setattr(bases, "BUDGET_S", 10.0 if whole else 0.0)
        given, segment = kept.commit(), made(kept, tmp_path, disk)
        segment.commit(*given)
        disk.write()
        assert segment.ready() == whole
        segment.abandon()
        assert not list(tmp_path.iterdir())
    (tmp_path / "next-base").touch()
    drop_unfinished(tmp_path)
    assert not list(tmp_path.iterdir())


def test_one_lane_at_a_time_has_its_turn() -> None:
    turns, one, two = Turns(), object(), object()
    assert turns.take(one)
    assert turns.take(one)
    assert not turns.take(two)
    turns.leave(two)
    assert not turns.take(two)
    turns.leave(one)
    assert turns.take(two)
    assert not turns.take(one)
