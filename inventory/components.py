"""Components of a lane: skus of its own that bundles, here or in other lanes, are made of.

A bundle's lane subscribes to a component once. From then on it is told whenever what the component offers has moved.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from inventory.batch import Control, ControlKind, Outputs
from inventory.bundles import BUNDLE, SKU, UNKNOWN, Bundles, Told, told_values
from inventory.columns import Bytes, Ints, Longs
from inventory.murmur import shard_of
from inventory.numbers import Rules, part_of
from inventory.shelves import shelf_of
from inventory.state import Memory
from inventory.views import GRANT, SHARED, UNMET, Views

_LARGEST_WORD = 500_000
"""Bytes of the rows in one message between lanes, which a broker takes up to 1 MB of."""


class Components:
    """`kits` are the bundles of the lane. `keep` writes a document of its master data; `row_of` finds a sku's row (-1:
    not in the catalog).

    What was told last is not kept over a restart: everybody is told again then, which is harmless.
    """

    def __init__(
        self,
        kits: Bundles,
        lanes: int,
        generation: int,
        keep: Callable[[str, object], None],
        row_of: Callable[[str], int],
    ) -> None:
        self._kits = kits
        self._lanes = lanes
        self._first_version = generation << 44
        self._keep = keep
        self._row_of = row_of
        self._bundles: dict[str, dict[str, tuple[int, bool]]] = {}
        self._of_row: dict[int, str] = {}
        self._watched: Bytes = np.zeros(0, np.uint8)
        self._said: dict[str, Told] = {}
        self._owed: set[str] = set()

    def units(self, sku: str, bundle: str) -> int | None:
        """How many units of a sku are in one bundle; None if it is not known to be a component of it."""
        asked = self._bundles.get(sku, {}).get(bundle)
        return None if asked is None else asked[0]

    def kits(self, sku: str) -> list[tuple[str, int]]:
        """The bundles with a sku that ship together, and its units in each."""
        asked = self._bundles.get(sku, {})
        return [(bundle, each) for bundle, (each, together) in asked.items() if together]

    def hear(self, sku: str, bundle: str, each: int, together: bool) -> int:
        """A bundle's lane subscribes; the sku's row, whose numbers it now waits for (-1: not in the catalog)."""
        asked = self._bundles.setdefault(sku, {})
        if asked.get(bundle) != (each, together):
            asked[bundle] = (each, together)
            self._keep(f"subscribed:{sku}", asked)
        return self._owe(sku)

    def appear(self, sku: str) -> None:
        """The catalog has named a sku for the first time."""
        if sku in self._bundles:
            self._owe(sku)

    def _owe(self, sku: str) -> int:
        self._owed.add(sku)
        row = self._row_of(sku)
        if row >= 0 and self._kits.at(row) is None:
            self._of_row[row] = sku
            if row >= self._watched.size:
                self._watched = np.concatenate([self._watched, np.zeros(max(row + 1, 64), np.uint8)])
            self._watched[row] = 1
        return row

    def load(self, documents: Mapping[str, Any]) -> list[int]:
        """Take back what was kept; the rows of the skus that are owed to somebody."""
        for key, value in documents.items():
            sort, _, sku = key.partition(":")
            if sort == "subscribed":
                self._bundles[sku] = {bundle: (each, together) for bundle, (each, together) in value.items()}
        return [row for row in map(self._owe, self._bundles) if row >= 0]

    def tell_nature(self, out: Outputs) -> None:
        """Tell those who wait for a sku that has no numbers: it is not known, or itself a bundle."""
        told = []
        for sku in sorted(self._owed):
            row = self._row_of(sku)
            if row < 0:
                told.append((sku, Told(0, UNKNOWN, False, 0, [], None)))
            elif self._kits.at(row) is not None:
                told.append((sku, Told(self._first_version, BUNDLE, False, 0, [], None)))
        self._owed.difference_update(sku for sku, _ in told)
        self._send(told, out)

    def tell(self, memory: Memory, views: Views, skus: Ints, rules: Rules, now: int, out: Outputs) -> None:
        """Tell what moved of the components among `skus`, whose numbers `views` are by `rules`."""
        if not self._watched.size:
            return
        known = skus < self._watched.size
        watched = np.zeros(skus.size, np.bool_)
        watched[known] = self._watched[skus[known]] != 0
        told = []
        for i in np.flatnonzero(watched).tolist():
            sku = self._of_row[int(skus[i])]
            row = self._row(sku, memory, views, i, int(skus[i]), rules, now)
            before = self._said.get(sku)
            if sku in self._owed or before is None or row._replace(version=before.version) != before:
                self._said[sku] = row
                self._owed.discard(sku)
                told.append((sku, row))
        self._send(told, out)

    def _row(self, name: str, memory: Memory, views: Views, i: int, sku: int, rules: Rules, now: int) -> Told:
        terms, reach = rules.terms, rules.reach
        profile = int(views.profile[i])
        ordinals = reach.ordinals
        own = views.channels[i]
        shown = (terms.excluded[profile, ordinals] == 0) & ~reach.deleted[ordinals] & (views.active[i] != 0)
        offer: Longs = (own[:, GRANT] + part_of(own[:, SHARED], terms.share[profile, ordinals])) * shown
        offers = np.stack([ordinals, offer, own[:, UNMET]], axis=1)
        told = offers[(offers[:, 1] != 0) | (offers[:, 2] != 0)].tolist()
        shelf = None
        kits = self.kits(name)
        if kits:
            here = slice(int(views.node_start[i]), int(views.node_start[i + 1]))
            fences = np.zeros(reach.sells.shape[0], np.int64)
            fences[ordinals] = own[:, GRANT]
            shelf = shelf_of(
                memory.state(), sku, profile, views.node_ordinal[here], views.nodes[here], fences, rules.fences, now,
                kits, entries(memory, kits),
            )  # fmt: skip
        return Told(int(views.version[i]), SKU, bool(views.active[i]), int(views.as_of[i]), told, shelf)

    def _send(self, told: list[tuple[str, Told]], out: Outputs) -> None:
        by_lane: dict[int, list[list[Any]]] = {}
        for sku, row in told:
            for lane in {shard_of(bundle) % self._lanes for bundle in self._bundles[sku]}:
                by_lane.setdefault(lane, []).append([sku, *told_values(row)])
        for lane, rows in by_lane.items():
            out.controls += ((lane, Control(ControlKind.COMPONENTS, {"rows": some})) for some in _words(rows))


def entries(memory: Memory, kits: list[tuple[str, int]]) -> Ints:
    """(K,): what lines call some bundles; `ABSENT` where no line ever named one."""
    return np.array([memory.bundle_names.get(bundle.encode()) for bundle, _ in kits], np.int32)


def _words(rows: list[list[Any]]) -> Iterator[list[list[Any]]]:
    """Rows in words that are not too long."""
    some: list[list[Any]] = []
    size = 0
    for row in rows:
        length = len(json.dumps(row))
        if some and size + length > _LARGEST_WORD:
            yield some
            some, size = [], 0
        some.append(row)
        size += length
    if some:
        yield some
