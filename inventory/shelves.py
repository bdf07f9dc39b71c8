"""What a component's lane tells of its places, for kits that ship together: enough to reckon what a place can spare.

A kit's lane knows no lines of its components. It is told what was promised without a place, and by whom.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from inventory.columns import Ints, Longs
from inventory.fences import Fences
from inventory.jit import kernel, making_kernel
from inventory.promises import Flags, Others, Promises, promised_of_kits, promises_kept, serve, spread
from inventory.state import State

Promised = list[int | list[int]]
"""Channel, units, 1 if they are a fence's and not promised, and what may be served by each expected line."""


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
    asker = p.units.size - 1
    p.taken[asker, at] -= units
    p.left[at] += units
    p.most[asker, at] = p.taken[asker, at]


class Stand:
    """The places of one component, as they are for a channel, while kits are put together there."""

    def __init__(self, shelf: Shelf, sells: Flags, channel: int) -> None:
        self._shelf = shelf
        nodes = np.array(shelf.nodes, np.int64).reshape(-1, 3)
        nodes = nodes[nodes[:, 0] < sells.shape[1]]  # of others this lane has still to hear
        self.places = nodes[:, 0]
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
        self._p = p = Promises(
            np.array([each[0] for each in promised] + [-1], np.int32),
            np.array([each[1] for each in promised] + [0], np.int64),
            left,
            most,
            np.zeros_like(most),
        )
        self.firm = not promised
        self._at = {place: at for at, place in enumerate(self.places.tolist())}
        self._has = nodes[:, 1] + nodes[:, 2] > 0
        for d in range(len(promised)):
            serve(p, d, int(p.units[d]))

    def most(self, locations: int) -> Longs:
        """(L,): what each place has, were nothing promised."""
        there = np.zeros(locations, np.int64)
        there[self.places] = self._p.left[: self.places.size] + self._p.taken[:, : self.places.size].sum(
            axis=0
        )
        return there

    def free(self, place: int) -> int:
        """Units that may be taken at a place, and no more goes unmet. They are taken: `give_back` those left over."""
        at = self._at[place]
        return int(self._p.left[at]) if self.firm else int(_take(self._p, at))

    def give_back(self, place: int, units: int) -> None:
        """Of those that were taken at a place."""
        if not self.firm:
            _give_back(self._p, self._at[place], units)

    def kits_near(self, places: Flags) -> list[tuple[str, int, int, int]]:
        """The kits that may take units which are then missed at one of some places (by location)."""
        wants = self._reach[self._p.channel[:-1]]
        near = spread(places[self.places], self._has, wants)
        return [
            kit
            for kit in self._shelf.kits
            if kit[2] >= self._reach.shape[0] or self._reach[kit[2], near].any()
        ]
