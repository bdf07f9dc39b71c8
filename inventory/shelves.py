"""What a component's lane tells of its places, for kits that ship together: enough to reckon what a place can spare.

A kit's lane knows no lines of its components. It is told what was promised without a place, and by whom.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from inventory.columns import Ints, Longs
from inventory.fences import Fences
from inventory.jit import kernel, making_kernel
from inventory.promises import Flags, Others, Promises, promised_of_kits, promises_kept, serve, spread
from inventory.state import State

Promised = list[int | list[int]]
"""Channel, units, 1 if they are a fence's and not promised, and what may be served by each expected line."""

PLENTY = 1 << 62
"""More than there can be of anything."""


class Shelf(NamedTuple):
    """`nodes`: (location, `node_ats`, what safety stock keeps there) where there is any; `lines`: units of each
    expected line that counts; `promised`; `kits`: (bundle, units in one, channel, units promised without a place), of
    bundles that ship together."""

    nodes: list[list[int]]
    lines: list[int]
    promised: list[Promised]
    kits: list[tuple[str, int, int, int]]


def read_shelf(values: Mapping[str, Any]) -> Shelf:
    """One as JSON has it."""
    return Shelf(**{**values, "kits": [tuple(kit) for kit in values["kits"]]})


def shelf_of(
    s: State, sku: int, profile: int, ordinal: Ints, nodes: Longs, fences: Longs, f: Fences, now: int,
    kits: list[tuple[str, int]], names: Ints,
) -> Shelf:  # fmt: skip
    """Of a sku; `fences` (C,): what each channel's is granted; `kits`: bundle and units in one, `names`: their
    entries."""
    apart = promised_of_kits(s, sku, names, fences.size)
    p = promises_kept(s, sku, profile, ordinal, nodes, f, now, Others(apart.sum(axis=0), fences))
    places = ordinal.size
    lines = slice(2 * places, p.left.size)
    some = np.flatnonzero(p.left[lines])
    fenced = p.units.size - 1 - int((fences > 0).sum())
    return Shelf(
        [
            [int(at), int(has), int(kept)]
            for at, has, kept in zip(ordinal, p.left[:places], p.left[places : 2 * places], strict=True)
            if has or kept
        ],
        p.left[lines][some].tolist(),
        [
            [int(p.channel[d]), int(p.units[d]), int(d >= fenced), p.most[d, lines][some].tolist()]
            for d in range(p.units.size - 1)
            if p.units[d] > 0
        ],
        [(*kits[k], int(c), int(apart[k, c])) for k, c in zip(*apart.nonzero(), strict=True)],
    )


@making_kernel
def _take(p: Promises, at: int) -> int:
    """Let the last promise have all of a supply, and no more than the others can do without; returns what it got."""
    asker = p.units.size - 1
    there = p.left[at]
    for d in range(p.units.size):
        there += p.taken[d, at]
    p.most[asker, at] = there
    return int(serve(p, asker, there))


@kernel
def _give_back(p: Promises, at: int, units: int) -> None:
    """Of what the last promise has of a supply; it wants no more of it."""
    asker = p.units.size - 1
    p.taken[asker, at] -= units
    p.left[at] += units
    p.most[asker, at] = p.taken[asker, at]


class Row(NamedTuple):
    """Stands one behind the other, as kernels want them. Of stand k: promises `first[k]` to `first[k + 1]` of `channel`
    and `units`, supplies `begin[k]` to `begin[k + 1]` of `left`, and `most` and `taken` from `cell[k]` on, row by
    row."""

    first: Longs
    begin: Longs
    cell: Longs
    channel: Ints
    units: Longs
    left: Longs
    most: Longs
    taken: Longs


@making_kernel
def _stand(r: Row, k: int) -> Any:
    promises, supplies = r.first[k + 1] - r.first[k], r.begin[k + 1] - r.begin[k]
    cells = slice(r.cell[k], r.cell[k + 1])
    return Promises(
        r.channel[r.first[k] : r.first[k + 1]],
        r.units[r.first[k] : r.first[k + 1]],
        r.left[r.begin[k] : r.begin[k + 1]],
        r.most[cells].reshape(promises, supplies),
        r.taken[cells].reshape(promises, supplies),
    )


@making_kernel
def _put_together(r: Row, at: Longs, each: Longs) -> int:
    """Kits at some places, one place after the other; each leaves what others need. `at` (K, n): the supply of each
    stand there; `each` (K,): units of it in a kit."""
    kits = 0
    got = np.zeros(each.size, np.int64)
    for place in range(at.shape[1]):
        here = PLENTY
        for k in range(each.size):
            got[k] = _take(_stand(r, k), at[k, place])
            here = min(here, int(got[k] // each[k]))
        for k in range(each.size):
            _give_back(_stand(r, k), at[k, place], got[k] - here * each[k])
        kits += here
    return kits


class Stand:
    """The places of one component, as they are for a channel, while kits are put together there."""

    def __init__(self, shelf: Shelf, sells: Flags, channel: int) -> None:
        self._shelf = shelf
        nodes = np.array(shelf.nodes, np.int64).reshape(-1, 3)
        nodes = nodes[nodes[:, 0] < sells.shape[1]]  # of others this lane has still to hear
        self.places = nodes[:, 0]
        self._order = np.argsort(self.places)
        count = self.places.size
        promised = [
            each
            for each in shelf.promised
            if each[0] < sells.shape[0] and not (each[2] and each[0] == channel)
        ]
        self._reach = sells[:, self.places]
        left = np.concatenate([nodes[:, 1], nodes[:, 2], np.array(shelf.lines, np.int64)])
        most = np.zeros((len(promised) + 1, left.size), np.int64)
        for d, each in enumerate(promised):
            here = self._reach[each[0]]
            most[d, :count] = nodes[:, 1] * here
            most[d, count : 2 * count] = 0 if each[2] else nodes[:, 2] * here
            most[d, 2 * count :] = each[3]
        self.promises = p = Promises(
            np.array([each[0] for each in promised] + [-1], np.int32),
            np.array([each[1] for each in promised] + [0], np.int64),
            left,
            most,
            np.zeros_like(most),
        )
        self.firm = not promised
        self._has = nodes[:, 1] + nodes[:, 2] > 0
        for d in range(len(promised)):
            serve(p, d, int(p.units[d]))

    def most(self, locations: int) -> Longs:
        """(L,): what each place has, were nothing promised."""
        there = np.zeros(locations, np.int64)
        there[self.places] = self.promises.left[: self.places.size] + self.promises.taken[
            :, : self.places.size
        ].sum(axis=0)
        return there

    def free(self, place: int) -> int:
        """Units that may be taken at a place, and no more goes unmet. They are taken: `give_back` those left over."""
        return int(_take(self.promises, int(self.at(np.array([place]))[0])))

    def give_back(self, place: int, units: int) -> None:
        """Of those that were taken at a place."""
        _give_back(self.promises, int(self.at(np.array([place]))[0]), units)

    def at(self, places: Longs) -> Longs:
        """Which of its supplies are those at some places, at all of which it has one."""
        return self._order[np.searchsorted(self.places, places, sorter=self._order)]

    def kits_near(self, places: Flags) -> list[tuple[str, int, int, int]]:
        """The kits that may take units which are then missed at one of some places (by location)."""
        wants = self._reach[self.promises.channel[:-1]]
        near = spread(places[self.places], self._has, wants)
        return [
            kit
            for kit in self._shelf.kits
            if kit[2] >= self._reach.shape[0] or self._reach[kit[2], near].any()
        ]


def put_together(stands: Sequence[Stand], each: Sequence[int], places: Longs) -> int:
    """How many kits can be put together of `each` so many units of the stands, at `places` (by location) in this
    order, each at one of them. Every stand has something at each of these places, and is as good as used up
    afterwards."""
    parts = [stand.promises for stand in stands]
    row = Row(
        np.cumsum([0, *(p.units.size for p in parts)]),
        np.cumsum([0, *(p.left.size for p in parts)]),
        np.cumsum([0, *(p.most.size for p in parts)]),
        np.concatenate([p.channel for p in parts]),
        np.concatenate([p.units for p in parts]),
        np.concatenate([p.left for p in parts]),
        np.concatenate([p.most.ravel() for p in parts]),
        np.concatenate([p.taken.ravel() for p in parts]),
    )
    at = np.array([stand.at(places) for stand in stands])
    return int(_put_together(row, at, np.array(each, np.int64)))
