"""All of the state written slice by slice while the lane goes on, and the changes behind it: the same lane again."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from inventory.lane import Lane
from inventory.section import Section
from inventory.sections import dump, load
from inventory.slices import slices
from tests.inventory.same_state import state_of
from tests.inventory.simulation import Running
from tests.inventory.worlds import LATE_DATA, MASTER_DATA, Plan, events, plans, policies, write
from tests.reference.histories import Told
from tests.reference.shop import DAY, NOW, SECOND


class Turn(NamedTuple):
    """What happens between two commits: some facts, and time; `before` and `after` the commit so many slices."""

    facts: int
    ms: int
    forget: bool
    before: int
    after: int


turns = st.lists(
    st.builds(
        Turn, facts=st.integers(0, 6), ms=st.sampled_from([0, 1, SECOND, DAY]), forget=st.booleans(),
        before=st.integers(0, 30), after=st.integers(0, 30),
    ),
    min_size=3, max_size=12,
)  # fmt: skip


class Writer:
    """A lane whose changes are all kept, and from commit `begin` on slices of everything."""

    def __init__(self, running: Running, size: int) -> None:
        self.running = running
        self.size = size
        self.changes: list[Section] = []
        self.base: list[Section] = []
        self.began = 0
        self.whole = False
        self._left: Iterator[Section] = iter(())

    def begin(self) -> None:
        self.began = len(self.changes)
        self._left = slices(self.running.lane, self.size)

    def take(self, many: int) -> None:
        for _ in range(many):
            section = next(self._left, None)
            if section is None:
                self.whole = bool(self.base)
                return
            self.base.append(section)

    def commit(self) -> None:
        self.changes += dump(self.running.lane, everything=False)

    def without(self) -> Lane:
        return self._made(self.changes)

    def sliced(self) -> Lane:
        return self._made(self.base + self.changes[self.began :])

    def _made(self, sections: list[Section]) -> Lane:
        cluster = self.running.cluster
        lane = Lane(self.running.number, cluster.lanes, cluster.config, cluster.generation, "again")
        load(lane, iter(sections))
        return lane


def survive(plan: Plan, master_data: list[Told], history: list[Told], script: list[Turn], size: int) -> None:
    cluster = Plan(1, plan.most, *plan[2:]).cluster()
    running = cluster.running[0]
    for told in (*MASTER_DATA, *master_data):
        write(cluster, told)
    now, left, late = NOW, iter(history), list(LATE_DATA)
    cluster.run(now)
    writer = Writer(running, size)
    writer.commit()
    for number, turn in enumerate(script):
        if number == 1:
            writer.begin()
        now += turn.ms
        for told in islice(left, turn.facts):
            write(cluster, told)
        if late and number % 2:
            write(cluster, late.pop())
        cluster.run(now)
        if turn.forget:
            running.lane.forget()
        writer.take(turn.before)
        writer.commit()
        if writer.whole:
            assert state_of(writer.sliced()) == state_of(writer.without())
        writer.take(turn.after)
    writer.take(1_000_000)
    if writer.base:
        assert writer.whole
        writer.commit()
        expected = state_of(writer.without())
        assert state_of(writer.sliced()) == expected
        assert state_of(running.lane) == expected


ARGUMENTS = (
    plans, policies, st.lists(events(unknown=True, wrong=True), max_size=40), turns,
    st.sampled_from([64, 1_000, 1 << 20]),
)  # fmt: skip


def test_slices_of_many_moments_and_the_changes_since_are_the_state() -> None:
    given(*ARGUMENTS)(survive)()
