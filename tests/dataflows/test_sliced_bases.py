"""A journal that has outgrown its base gets a new one in slices: whoever starts meanwhile goes on as ever."""

from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from dataflows import bases
from dataflows import journal as journals
from dataflows.bases import Turns
from dataflows.journal import Journal
from inventory.lane import Lane
from inventory.sections import dump, load
from inventory.slices import slices
from runtime.forced import force_folder
from tests.dataflows.test_journal import fresh, position, reopened
from tests.inventory.same_state import state_of
from tests.inventory.shop import Shop

COMMITS = 40


class AtOnce(Executor):
    """Writes at once, so that a copy of the folder is that of one moment."""

    def submit(self, function: Any, /, *given: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*given, **named))
        return future


class Fed:
    """A lane whose journal makes bases, and the state that each commit stands for, made of its changes alone."""

    def __init__(self, folder: Path, turns: Turns) -> None:
        self.folder = folder
        self.shop = Shop(lanes=1)
        self.lane = self.shop.cluster.running[0].lane
        self.journal = Journal(folder, 0, 1, AtOnce(), turns)
        self.journal.open(self.lane)
        self.fed = 0
        self.states: dict[int, dict[str, Any]] = {}

    def commit(self) -> None:
        """Feed and commit; not settled yet."""
        self.fed += 1
        self.shop.count(self.fed, sku="SKU-1", at=-1000 * (100 - self.fed))
        self.shop.line(f"o{self.fed}", 1, 1)
        self.shop.movement("RECEIPT", 1, sku="nobody knows it")
        self.shop.item(f"SKU-{self.fed}", ("test", f"PLU {self.fed}"))
        self.shop.run()
        self.lane.forget()
        self.states[self.fed] = state_of(_copy(self.lane))
        self.journal.commit(self.lane, position(self.fed))

    def check(self, *, settled: int) -> None:
        """Whoever starts now goes on at commit `settled`."""
        again = reopened(self.folder)
        assert again.commit is not None
        assert again.commit.counter == settled
        assert again.commit.position == position(settled)
        assert state_of(again.lane) == self.states[settled]


def _copy(lane: Lane) -> Lane:
    made = fresh()
    load(made, slices(lane))
    return made


@pytest.mark.parametrize(("size", "budget"), [(4_000, 0.0), (64, 0.0002), (1 << 20, 10.0)])
def test_whoever_starts_at_any_moment_goes_on_at_the_last_settled_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, budget: float
) -> None:
    monkeypatch.setattr(journals, "_SMALLEST_ROTATION", 1)
    monkeypatch.setattr(bases, "slices", lambda lane: slices(lane, size))
    monkeypatch.setattr(bases, "BUDGET_S", budget)
    fed = Fed(tmp_path / "state", Turns())
    forced, force = [0], force_folder

    def force_and_look(folder: Path) -> None:
        force(folder)
        forced[0] += folder.parent == fed.folder
        if folder.parent == fed.folder and fed.fed > 1:  # between the two names, and after them
            fed.check(settled=fed.fed - 1)

    monkeypatch.setattr(bases, "force_folder", force_and_look)
    segments = []
    for _ in range(COMMITS):
        fed.commit()
        if fed.fed > 1:
            fed.check(settled=fed.fed - 1)
        fed.journal.settle()
        fed.check(settled=fed.fed)
        assert fed.journal.settled is not None
        segments.append(fed.journal.settled.segment)
        names = {path.name for path in fed.journal.files.folder.glob("*-[0-9]*")}
        assert len(names) <= 4  # the segment in use, and the one before it or the one in the making
    assert segments == sorted(segments)
    assert segments[-1] > (1 if size == 1 << 20 else 0)
    assert forced[0] >= 2 * segments[-1]
    fed.journal.close()
    fed.check(settled=COMMITS)
    assert not list(fed.journal.files.folder.glob("next-*"))


def test_a_start_drops_what_was_being_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "_SMALLEST_ROTATION", 1)
    monkeypatch.setattr(bases, "BUDGET_S", 0.0)
    fed = Fed(tmp_path / "state", Turns())
    for _ in range(5):
        fed.commit()
        fed.journal.settle()
    folder = fed.journal.files.folder
    assert {path.name for path in folder.glob("next-*")} == {"next-base", "next-journal"}
    kept = {path.name: path.read_bytes() for path in folder.glob("*")}
    fed.journal.close()
    for name, data in kept.items():
        (folder / name).write_bytes(data)
    again = Journal(fed.folder, 0, 1, AtOnce(), Turns())
    again.open(fresh())
    assert not list(folder.glob("next-*"))
    again.close()


def test_the_lanes_of_a_cell_make_their_bases_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "_SMALLEST_ROTATION", 1)
    monkeypatch.setattr(bases, "BUDGET_S", 0.0)
    turns = Turns()
    both = [Fed(tmp_path / name, turns) for name in ("one", "two")]
    seen = set()
    for _ in range(COMMITS):
        making = []
        for fed in both:
            fed.commit()
            fed.journal.settle()
            making.append((fed.journal.files.folder / "next-base").exists())
        assert making != [True, True]
        seen.add(tuple(making))
    assert {(True, False), (False, True)} <= seen
    for fed in both:
        fed.journal.close()
        fed.check(settled=COMMITS)


def test_a_drain_leaves_a_base_written_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "_SMALLEST_ROTATION", 1)
    monkeypatch.setattr(bases, "BUDGET_S", 0.0)
    turns = Turns()
    fed = Fed(tmp_path / "state", turns)
    for _ in range(4):
        fed.commit()
        fed.journal.settle()
    assert not turns.take(object())
    state = state_of(_copy(fed.lane))
    fed.journal.commit(fed.lane, position(5), final=True)
    fed.journal.settle()
    assert turns.take(object())
    fed.journal.close()
    assert not list(fed.journal.files.folder.glob("next-*"))
    again = reopened(fed.folder)
    assert state_of(again.lane) == state
    assert list(dump(again.lane, everything=True))[-1].name == "meta"


def test_many_small_commits_become_a_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "_MOST_COMMITS", 5)
    monkeypatch.setattr(bases, "BUDGET_S", 10.0)
    fed = Fed(tmp_path / "state", Turns())
    segments = []
    for number in range(1, 20):
        if number == 9:  # a start counts what it reads
            fed.journal.close()
            fed.journal = Journal(fed.folder, 0, 1, AtOnce(), Turns())
            fed.lane = fresh()
            fed.journal.open(fed.lane)
        fed.journal.commit(fed.lane, position(number))
        fed.journal.settle()
        assert fed.journal.settled is not None
        segments.append(fed.journal.settled.segment)
    fed.journal.close()
    assert segments == [0] * 5 + [1] * 6 + [2] * 6 + [3] * 2
