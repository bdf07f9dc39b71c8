"""What changed numbers come to: the pairs of sku and channel that move, in the order to read them in, and the sums."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import Ints, Longs
from inventory.views import OUT, STATUS_NAMES

ABSENT = -1
"""In place of a number or a status: the channel has none of the sku."""


class Moved(NamedTuple):
    """m pairs of one lane that move. `sku` (m) is an index into `names`; `channel` (m) an ordinal; `before`, `after`
    (m) whole units and the statuses, `ABSENT` where there is none; `cause` (m) an index into what `Effects` knows."""

    names: list[str]
    sku: Ints
    channel: Ints
    before: Longs
    after: Longs
    status_before: npt.NDArray[np.int8]
    status_after: npt.NDArray[np.int8]
    cause: Ints


class Effect(NamedTuple):
    """One pair that moves. `before` is None, and its status, where the channel had no number of the sku."""

    sku: str
    channel: str
    before: int | None
    after: int
    status_before: str | None
    status_after: str
    causes: tuple[str, ...]

    @property
    def change(self) -> int:
        return self.after - (self.before or 0)

    @property
    def falls_to_zero(self) -> bool:
        return self.after == 0 and (self.before or 0) > 0


class Sum(NamedTuple):
    """Of a group of pairs: how many move, the units up and down, how many fall to zero, and how many change their
    status alone."""

    pairs: int
    up: int
    down: int
    to_zero: int
    status_only: int


class Effects:
    """All pairs that move. `channels`: the id of each ordinal; `causes`: what moved a pair, by number of cause."""

    def __init__(
        self, parts: Sequence[Moved], channels: dict[int, str], causes: list[tuple[str, ...]]
    ) -> None:
        self._names: list[str] = []
        sku = []
        for part in parts:
            sku.append(part.sku.astype(np.int64) + len(self._names))
            self._names += part.names
        self._channels = channels
        self._causes = causes
        self._sku = np.concatenate([np.zeros(0, np.int64), *sku])
        self._channel = np.concatenate([np.zeros(0, np.int32), *(part.channel for part in parts)])
        self._before = np.concatenate([np.zeros(0, np.int64), *(part.before for part in parts)])
        self._after = np.concatenate([np.zeros(0, np.int64), *(part.after for part in parts)])
        self._status = np.stack(
            [
                np.concatenate([np.zeros(0, np.int8), *(part.status_before for part in parts)]),
                np.concatenate([np.zeros(0, np.int8), *(part.status_after for part in parts)]),
            ]
        )
        self._cause = np.concatenate([np.zeros(0, np.int32), *(part.cause for part in parts)])
        self._change: Longs = self._after - np.maximum(self._before, 0)
        self._to_zero = (self._after == 0) & (self._before > 0)

    def __len__(self) -> int:
        return int(self._sku.size)

    def sorted(self) -> Iterator[Effect]:
        """The greatest change first; of equal ones those that fall to zero, then by sku and channel."""
        by_name = np.argsort(np.array(self._names, object)) if self._names else np.zeros(0, np.int64)
        rank = np.zeros(len(self._names), np.int64)
        rank[by_name] = np.arange(by_name.size)
        ids = [self._channels.get(at, "") for at in range(max(self._channels, default=-1) + 1)]
        channel_rank = np.zeros(len(ids), np.int64)
        channel_rank[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
        order = np.lexsort(
            (channel_rank[self._channel], rank[self._sku], ~self._to_zero, -np.abs(self._change))
        )
        columns = (self._sku, self._channel, self._before, self._after, *self._status, self._cause)
        for sku, channel, before, after, was, becomes, cause in zip(
            *(column[order].tolist() for column in columns), strict=True
        ):
            had = before != ABSENT
            yield Effect(
                self._names[sku], ids[channel], before if had else None, after,
                STATUS_NAMES[was] if had else None, STATUS_NAMES[becomes], self._causes[cause],
            )  # fmt: skip

    def total(self) -> Sum:
        """Over all pairs."""
        return self._sum(np.ones(len(self), np.bool_))

    def by_channel(self) -> dict[str, Sum]:
        """By channel, those with the most units first."""
        sums = {
            self._channels[at]: self._sum(self._channel == at) for at in np.unique(self._channel).tolist()
        }
        return _greatest_first(sums)

    def by_cause(self) -> dict[str, Sum]:
        """By what moved a pair, that with the most units first. A pair with several causes counts in each."""
        names = sorted({name for at in np.unique(self._cause).tolist() for name in self._causes[at]})
        sums = {}
        for name in names:
            mine = [at for at, causes in enumerate(self._causes) if name in causes]
            sums[name] = self._sum(np.isin(self._cause, mine))
        return _greatest_first(sums)

    def _sum(self, mine: npt.NDArray[np.bool_]) -> Sum:
        change = self._change[mine]
        return Sum(
            int(mine.sum()), int(change[change > 0].sum()), int(-change[change < 0].sum()),
            int(self._to_zero[mine].sum()), int((change == 0).sum()),
        )  # fmt: skip


def moved_pairs(
    before: Longs, after: Longs, status_before: npt.NDArray[np.int8], status_after: npt.NDArray[np.int8]
) -> npt.NDArray[np.bool_]:
    """(n, C): where the number or the status is another. A channel's first number is one only if there is anything."""
    moved: npt.NDArray[np.bool_] = (after != before) | (status_after != status_before)
    moved &= ~((before == ABSENT) & (after == 0) & (status_after == OUT))
    return moved


def _greatest_first(sums: dict[str, Sum]) -> dict[str, Sum]:
    return dict(
        sorted(sums.items(), key=lambda item: (-(item[1].up + item[1].down), -item[1].pairs, item[0]))
    )
