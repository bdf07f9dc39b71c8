"""What the numbers of a sku show to be wrong: at its locations, and in its channels. Nothing here changes anything."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import Ints, Longs
from inventory.jit import kernel
from inventory.positions import mark_moved
from inventory.state import BEGINNING, State
from inventory.tables import find
from inventory.views import BLOCKED, DAMAGED, HARD, ON_HAND, QUALITY_CONTROL, SOFT

NEGATIVE, OVERSOLD, AT_DELETED, CLAMPED, MISSING, UNMET_DEMAND = 1, 2, 4, 8, 16, 32
CODES = {
    NEGATIVE: "negative_stock",
    OVERSOLD: "oversell",
    AT_DELETED: "stock_at_deleted_location",
    CLAMPED: "clamped_basis",
    MISSING: "missing_in_snapshot",
    UNMET_DEMAND: "oversell",
}
"""The exception of each bit. The last one is of a channel, the others of a location."""

AT_LOCATIONS = 5
"""Bits of a location: 1, 2, 4, ..."""


class Feeds(NamedTuple):
    """The newest complete FULL batch of each location (ordinal): `as_of` (ms; `BEGINNING`: none), and the positions
    that it lists, location << 32 | sku, ascending."""

    as_of: Longs
    listed: Longs


@kernel
def _was_known(s: State, position: int, at: int) -> bool:
    """Whether anything at the position was dated at or before `at`: a count, or what moved, be it forgotten."""
    p = s.positions.rows
    if p["anchor"][position] >= 0 or p["complete_since"][position] > s.since[0]:
        return True
    parts = p["parts"][position]
    if parts >= 0:
        for first in (
            s.parts.rows["anchored_at_1"][parts],
            s.parts.rows["anchored_at_2"][parts],
            s.parts.rows["anchored_at_3"][parts],
        ):
            if BEGINNING < first <= at:
                return True
    row = p["delta"][position]
    while row >= 0:
        if s.deltas.rows["occurred_at"][row] <= at:
            return True
        row = s.deltas.rows["next"][row]
    return False


@kernel
def _is_listed(listed: Longs, key: int) -> bool:
    low, high = 0, listed.size
    while low < high:
        middle = (low + high) >> 1
        if listed[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low < listed.size and listed[low] == key


@kernel
def is_missing(s: State, position: int, feeds: Feeds) -> bool:
    """Whether the newest FULL batch of the location leaves the position out, and nobody has counted it since."""
    key = s.positions.rows["key"][position]
    location, sku = key & 0xFFFFFFFF, key >> 32
    if location >= feeds.as_of.size or feeds.as_of[location] == BEGINNING:
        return False
    at = feeds.as_of[location]
    if s.positions.rows["anchored_at"][position] > at or _is_listed(feeds.listed, location << 32 | sku):
        return False
    return _was_known(s, position, at)


@kernel
def _clamped(s: State, sku: int, location: int) -> int:
    """Open demand as of a NET count of 0 at the location; 0 where the anchor is none."""
    net = s.skus.rows["net"][sku]
    while net >= 0:
        if s.nets.rows["location"][net] == location:
            anchor = s.positions.rows["anchor"][s.nets.rows["position"][net]]
            return s.nets.rows["demand"][net] if s.anchors.rows["quantity"][anchor] == 0 else np.int64(0)
        net = s.nets.rows["next"][net]
    return np.int64(0)


@kernel
def node_bits(s: State, sku: int, location: int, node: Longs, feeds: Feeds) -> int:
    """What is wrong at a location, by the terms of its node."""
    sellable = node[ON_HAND] - node[DAMAGED] - node[QUALITY_CONTROL] - node[BLOCKED]
    bits = 0
    if sellable < 0:
        bits |= NEGATIVE
        sellable = np.int64(0)
    if node[SOFT] + node[HARD] > sellable:
        bits |= OVERSOLD
    if node[ON_HAND] > 0 and s.location_deleted[location]:
        bits |= AT_DELETED
    if s.skus.rows["net"][sku] >= 0 and _clamped(s, sku, location) > 0:
        bits |= CLAMPED
    if location < feeds.as_of.size and feeds.as_of[location] != BEGINNING:
        position = find(s.positions, (np.int64(sku) << 32) | location)
        if is_missing(s, position, feeds):
            bits |= MISSING
    return bits


@kernel
def units_at(s: State, sku: int, location: int, node: Longs, bit: int) -> int:
    """How many units are wrong at a location where a bit is set. Of a clamped basis: what was open."""
    if bit == CLAMPED:
        return _clamped(s, sku, location)
    if bit in (AT_DELETED, MISSING):
        return node[ON_HAND]
    sellable = node[ON_HAND] - node[DAMAGED] - node[QUALITY_CONTROL] - node[BLOCKED]
    if bit == NEGATIVE:
        return -sellable
    return node[SOFT] + node[HARD] - max(np.int64(0), sellable)


@kernel
def _mark_missing(s: State, rows: Ints, feeds: Feeds) -> None:
    for i in range(rows.size):
        if is_missing(s, rows[i], feeds):
            mark_moved(s, s.positions.rows["key"][rows[i]] >> 32)


def mark_missing(s: State, positions: npt.NDArray[Any], places: list[int], feeds: Feeds) -> None:
    """Let every position of some locations that is missing from its batch be looked at again."""
    rows = np.flatnonzero(np.isin(positions["key"] & 0xFFFFFFFF, places)).astype(np.int32)
    _mark_missing(s, rows, feeds)
