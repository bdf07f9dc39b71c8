"""Bundles of a lane: what they are made of, and what the lanes of their components last told.

A bundle has no stock, demand and fences of its own. The lanes of its components tell what each offers (`Told`); of
each component the row with the greatest version counts. A bundle is shown once all of its components were told.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from inventory.batch import Control, ControlKind
from inventory.columns import Bytes, Ints, Longs
from inventory.murmur import shard_of
from inventory.numbers import Reach
from inventory.shelves import PLENTY, Shelf, read_shelf
from inventory.together import Together, together

LARGEST_PART = 1_000_000
"""Units of a component in one bundle. More is a mistake, and products with it would leave a long."""

_IN_A_WORD = 400
"""Components in one message between lanes."""

UNKNOWN, SKU, BUNDLE = range(3)
"""What a component's lane says a component is: not in the catalog yet, a sku of its own, or itself a bundle."""


class BundleError(ValueError):
    """A catalog record whose components cannot be read."""

    code = "invalid_event"


class BundleQuantityError(BundleError):
    """A component of which a bundle has no whole units."""

    code = "invalid_quantity"


class Composition(NamedTuple):
    """`parts`: units of each component in one bundle. `together`: they ship from one location."""

    parts: Mapping[str, int]
    together: bool


class Told(NamedTuple):
    """What a component's lane told. `offers`: (channel ordinal, offer, unmet); `shelf`: what its places have for kits
    that ship together, None where nobody asked for it. `version` is the component's, 0 while it is unknown."""

    version: int
    sort: int
    active: bool
    as_of: int
    offers: list[list[int]]
    shelf: Shelf | None


def told_values(told: Told) -> list[Any]:
    """A row as it is sent, and kept."""
    return [*told[:-1], None if told.shelf is None else told.shelf._asdict()]


def read_told(values: Sequence[Any]) -> Told:
    """A row as it was sent or kept. One of an earlier version of this program tells nothing of the shelf as it is told
    today: it is as if nobody had asked for it."""
    version, sort, active, as_of, offers, shelf = values
    known = isinstance(shelf, Mapping)
    offers = [each[:3] for each in offers]
    return Told(version, sort, active, as_of, offers, read_shelf(shelf) if known else None)


class Heard(NamedTuple):
    """A row as it was kept: what was told, in which block of which carrier (version slot)."""

    told: Told
    carrier: int
    offset: int


class Numbers(NamedTuple):
    """What its components, `parts`, make of a bundle. `pool`, `unmet` (C,) units by channel; `together`, by channel
    ordinal, of one that ships together; `sellable`: all parts are skus that are sold; `version`: the sum of theirs;
    `as_of` (ms)."""

    parts: Mapping[str, int]
    pool: Longs
    unmet: Longs
    together: Mapping[int, Together]
    sellable: bool
    version: int
    as_of: int


def read_parts(record: Mapping[str, Any]) -> dict[str, int]:
    """Units of each component of a catalog record, {} if it is no bundle. One that is named twice is one with the
    sum. Raises `BundleError`."""
    parts: dict[str, int] = {}
    for part in record.get("bundle") or []:
        sku, quantity = str(part["sku"]), int(part["quantity"])
        if not 0 < len(sku.encode()) <= 128:
            raise BundleError("the sku of a component has 1 to 128 bytes")
        if quantity <= 0:
            raise BundleQuantityError(f"a bundle has whole units of {sku}, more than 0, not {quantity}")
        parts[sku] = parts.get(sku, 0) + quantity
        if parts[sku] > LARGEST_PART:
            raise BundleQuantityError(f"a bundle has at most {LARGEST_PART} units of {sku}")
    return parts


class Bundles:
    """The bundles among a lane's skus. `keep` writes a document of the lane's master data.

    `kits` (by sku row) is 1 for bundles; it ends where there are no more.
    """

    def __init__(self, lanes: int, generation: int, keep: Callable[[str, object], None]) -> None:
        self._lanes = lanes
        self._generation = generation
        self._keep = keep
        self._of_row: dict[int, str] = {}
        self._rows: dict[str, int] = {}
        self._known: dict[str, Composition] = {}
        self._with: dict[str, list[str]] = {}
        self._heard: dict[str, Heard] = {}
        self.kits: Bytes = np.zeros(0, np.uint8)

    def __bool__(self) -> bool:
        return bool(self._known)

    def of(self, sku: str) -> Composition:
        """What a sku is made of: nothing, unless it is a bundle."""
        return self._known.get(sku, _NOTHING)

    def at(self, row: int) -> str | None:
        """The bundle in a row of the sku table; None of other skus."""
        return self._of_row.get(row)

    # -- the catalog ---------------------------------------------------------------------------------------------

    def fix(self, sku: str, row: int, composition: Composition) -> None:
        """Take a bundle for the first time; what it is made of stays."""
        self._enter(sku, row, composition)
        self._keep(f"bundle:{sku}", {"parts": dict(composition.parts), "together": composition.together})

    def ship(self, sku: str, together: bool) -> bool:
        """A later record says how it ships; True if that is new, and the lanes of its components must know."""
        known = self._known[sku]
        if known.together == together:
            return False
        self._known[sku] = known._replace(together=together)
        self._keep(f"bundle:{sku}", {"parts": dict(known.parts), "together": together})
        return True

    def _enter(self, sku: str, row: int, composition: Composition) -> None:
        self._known[sku], self._of_row[row], self._rows[sku] = composition, sku, row
        for part in composition.parts:
            self._with.setdefault(part, []).append(sku)
        if row >= self.kits.size:
            self.kits = np.concatenate([self.kits, np.zeros(max(row + 1, 64), np.uint8)])
        self.kits[row] = 1

    def load(self, documents: Mapping[str, Any], row_of: Callable[[str], int]) -> None:
        """Take back what was kept."""
        for key, value in documents.items():
            sort, _, sku = key.partition(":")
            if sort == "bundle":
                self._enter(sku, row_of(sku), Composition(value["parts"], value["together"]))
            elif sort == "component":
                told, carrier, offset = value
                self._heard[sku] = Heard(read_told(told), carrier, offset)

    # -- what is asked -------------------------------------------------------------------------------------------

    def ask(
        self, skus: Iterable[str] | None = None, lane: int | None = None
    ) -> Iterator[tuple[int, Control]]:
        """The words that ask for the components of some bundles (None: all), of one lane (None: all)."""
        asked: dict[int, list[list[Any]]] = {}
        for sku in self._known if skus is None else skus:
            for part, each in self._known[sku].parts.items():
                home = shard_of(part) % self._lanes
                if lane is None or home == lane:
                    asked.setdefault(home, []).append([part, sku, each, self._known[sku].together])
        for home, parts in asked.items():
            for first in range(0, len(parts), _IN_A_WORD):
                some = parts[first : first + _IN_A_WORD]
                yield home, Control(ControlKind.SUBSCRIBE, {"parts": some})

    # -- what is told --------------------------------------------------------------------------------------------

    def hear(self, part: str, told: Told, carrier: int, offset: int) -> list[int]:
        """Take a row; the rows of the bundles that it moves, none if it is not newer than what is known."""
        known = self._heard.get(part)
        if known is not None and not _newer(told, known.told):
            return []
        self._heard[part] = Heard(told, carrier, offset)
        self._keep(f"component:{part}", [told_values(told), carrier, offset])
        return [self._rows[sku] for sku in self._with.get(part, ())]

    def nested(self, sku: str) -> list[str]:
        """The components of a bundle that are known to be bundles."""
        heard = ((part, self._heard.get(part)) for part in self._known[sku].parts)
        return [part for part, told in heard if told is not None and told.told.sort == BUNDLE]

    def carried(self, row: int) -> Iterator[tuple[int, int]]:
        """(carrier, offset) of what was told of a bundle's components."""
        for part in self._known[self._of_row[row]].parts:
            if part in self._heard:
                yield self._heard[part].carrier, self._heard[part].offset

    # -- numbers -------------------------------------------------------------------------------------------------

    def among(self, skus: Ints) -> list[int]:
        """The places in `skus` (rows of the sku table) where bundles are."""
        inside = np.flatnonzero(skus < self.kits.size)
        return inside[self.kits[skus[inside]] != 0].tolist()  # type: ignore[no-any-return]

    def shown(self, skus: Ints) -> Ints:
        """`skus` (rows of the sku table) without the bundles of which something was not told yet."""
        untold = [i for i in self.among(skus) if not self._is_told(self._of_row[int(skus[i])])]
        return np.delete(skus, untold)

    def _is_told(self, sku: str) -> bool:
        composition = self._known[sku]
        for part in composition.parts:
            heard = self._heard.get(part)
            if heard is None:
                return False
            told = heard.told
            if told.sort != UNKNOWN and told.version >> _SHIFT != self._generation:
                return False  # another generation's offsets cannot be added to this one's
            if composition.together and told.sort == SKU and told.shelf is None:
                return False
        return True

    def told(self, row: int, made: Mapping[int, Together]) -> dict[str, Any]:
        """What a told bundle's numbers are made of: `parts`: of each component the sku, the units in one bundle, its
        version, whether it is a sku of its own, and what was told of it (`Told.offers`); `together`: null, or of each
        channel its ordinal and how many (`Together`)."""
        composition = self._known[self._of_row[row]]
        parts = []
        for part, each in composition.parts.items():
            told = self._heard[part].told
            parts.append([part, each, told.version, int(told.sort == SKU), told.offers])
        together = [[channel, *told] for channel, told in made.items()] if composition.together else None
        return {"together": together, "parts": parts}

    def numbers(self, row: int, reach: Reach) -> Numbers:
        """What the components of a told bundle make of it, in each of the channels there are."""
        sku, ordinals = self._of_row[row], reach.ordinals
        composition = self._known[sku]
        parts = [(self._heard[part].told, each) for part, each in composition.parts.items()]
        skus = [(told, each) for told, each in parts if told.sort == SKU]
        pool = np.full(reach.sells.shape[0], PLENTY, np.int64)
        unmet = np.zeros_like(pool)
        for told, each in skus:
            offer, missing = np.zeros((2, pool.size), np.int64)
            for channel, offered, short in told.offers:
                if channel < offer.size:  # else this lane has still to hear of the channel
                    offer[channel], missing[channel] = offered, short
            pool = np.minimum(pool, offer // each)
            unmet = np.maximum(unmet, -(-missing // each))
        made = {}
        if len(skus) < len(parts):
            pool[:] = 0
        elif composition.together:
            shelves = [(told.shelf, each) for told, each in skus if told.shelf is not None]
            for channel in ordinals.tolist():
                made[channel] = together(sku, shelves, channel, reach.sells, reach.location_rank)
                pool[channel] = min(pool[channel], made[channel].left)
        return Numbers(
            composition.parts,
            pool[ordinals],
            unmet[ordinals],
            made,
            all(told.sort == SKU and told.active for told, _ in parts),
            sum(told.version & _LOW for told, _ in parts),
            max(told.as_of for told, _ in parts),
        )


_NOTHING = Composition({}, False)
_SHIFT = 44
_LOW = (1 << _SHIFT) - 1


def _newer(told: Told, known: Told) -> bool:
    """Whether it says more: a greater version, or the shelf that was not asked for before."""
    if told.version == known.version:
        return known.shelf is None and told.shelf is not None
    return told.version > known.version
