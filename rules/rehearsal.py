"""A lane that is told changes which nobody published: its numbers before and after them, by the engine's own steps."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.batch import Batch, Clock, Control, ControlKind, Master, Message, Outputs
from inventory.columns import Ints, Longs
from inventory.lane import Lane
from inventory.policies import RuleBook
from inventory.views import AVAILABLE, STATUS, Views
from rules.effects import ABSENT
from rules.plan import Change

_AHEAD = 1 << 30
"""Offsets by which each telling outranks all that lanes have heard of one another, which may differ by a moment."""

Mail = list[tuple[int, Control]]
"""What lanes told other lanes."""


class Refused(Exception):
    """The engine would not take a change; the text says why."""


class Numbers:
    """Of every sku of a lane (rows of its sku table): `available` and `status` (n, C) by channel ordinal, `ABSENT`
    where there is no number, and the `profile` (n) that they come from."""

    def __init__(self, skus: int, channels: int) -> None:
        self.available: Longs = np.full((skus, channels), ABSENT, np.int64)
        self.status: npt.NDArray[np.int8] = np.full((skus, channels), ABSENT, np.int8)
        self.profile: Ints = np.zeros(skus, np.int32)

    def copy(self) -> "Numbers":
        """The same numbers, to be changed."""
        new = Numbers(*self.available.shape)
        new.available[:], new.status[:], new.profile[:] = self.available, self.status, self.profile
        return new

    def take(self, views: Views, rows: npt.NDArray[np.int64]) -> None:
        """Take what a step shows."""
        at = np.ix_(rows, views.channel_ordinal)
        self.available[at] = views.channels[:, :, AVAILABLE]
        self.status[at] = views.channels[:, :, STATUS]
        self.profile[rows] = views.profile


class Books(NamedTuple):
    """The rules as they shaped the numbers before and after."""

    before: RuleBook
    after: RuleBook


class Rehearsal:
    """One lane. `clock.now`: the instant that all numbers are of. `channels`: how many ordinals there will be.

    The lane is used up: give a copy, or one that was read for this alone.
    """

    def __init__(self, lane: Lane, clock: Clock, channels: int) -> None:
        self.lane = lane
        self._clock = clock
        self._own_offsets = dict(lane.next_offsets)
        self.before = Numbers(len(lane.memory.stores["skus"]), channels)
        self.after = self.before
        self.woken = 0
        self._told = 0
        self._book: RuleBook | None = None

    @property
    def books(self) -> Books:
        """For the causes. Both phases must be over."""
        assert self._book is not None
        return Books(self._book, self.lane.masters.rules)

    def show_all(self) -> Mail:
        """Compute every number as it is."""
        self.lane.mark_all_moved()
        return self._settle(Batch(next_offsets=self._ahead()))

    def tell(self, changes: Sequence[Change], logged_at: int) -> Mail:
        """Let the changes be live, and compute what moves. `logged_at`: when they are published. Raises `Refused`."""
        self._book = self.lane.masters.rules.as_it_was()
        self.after = self.before.copy()
        masters = [
            Master(change.name, change.key, change.record, Message(0, 0, 0, logged_at, 0, None), -1, 0)
            for change in changes
        ]
        return self._settle(Batch(masters=masters, next_offsets=self._ahead()))

    def hear(self, controls: Iterable[Control]) -> Mail:
        """What other lanes told of components, in the phase that is on."""
        return self._settle(Batch(controls=[Control(each.kind, each.payload, 0, 0) for each in controls]))

    def skus_without_numbers(self) -> int:
        """Bundles of which a component was never told."""
        return int((self.after.available == ABSENT).all(axis=1).sum()) if self.after.available.shape[1] else 0

    def _ahead(self) -> dict[str, int]:
        self._told += 1
        return {topic: offset + self._told * _AHEAD for topic, offset in self._own_offsets.items()}

    def _settle(self, batch: Batch) -> Mail:
        mail: Mail = []
        name_at = self.lane.memory.stores["skus"].used()["name_at"]  # ascending: names are only ever added
        while True:
            out = self.lane.step(batch, self._clock)
            if batch.masters:
                self._heed(out)
            mail += (each for each in out.controls if each[1].kind is ControlKind.COMPONENTS)
            if out.views is not None:
                self.after.take(out.views, np.searchsorted(name_at, out.views.name_at))
            if not out.waiting:
                return mail
            batch = Batch()

    def _heed(self, out: Outputs) -> None:
        if out.dead_letters:
            raise Refused("; ".join(letter.reason for letter in out.dead_letters))
        self.woken += len(out.released)


def rehearse_together(together: Sequence[Rehearsal], mail: Mail) -> None:
    """Bring what lanes told to those of `together` that it is for, until nobody has anything to tell."""
    by_number = {each.lane.number: each for each in together}
    while mail:
        mail = [
            word
            for number, controls in _by_lane(mail)
            if number in by_number
            for word in by_number[number].hear(controls)
        ]


def _by_lane(mail: Mail) -> Iterator[tuple[int, list[Control]]]:
    for number in sorted({number for number, _ in mail}):
        yield number, [control for addressee, control in mail if addressee == number]
