"""What the numbers of a sku show to be wrong: at its locations, and in its channels.

Computed from what is about to be published. `marks` keeps of each sku a hash of what stood at the last look, so that
Python sees a sku only when something has begun or ended there.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from inventory.columns import Bytes, Ints, Longs
from inventory.hashing import mix
from inventory.jit import kernel
from inventory.network import Flags
from inventory.state import BEGINNING, State
from inventory.tables import find
from inventory.views import BLOCKED, DAMAGED, HARD, ON_HAND, QUALITY_CONTROL, SOFT, UNMET, Views

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

UNSEEN = -1
"""A mark that nothing has: the sku is looked at whatever stands there."""


class Feeds(NamedTuple):
    """The newest complete FULL batch of each location (ordinal): `as_of` (ms; `BEGINNING`: none), and the positions
    that it lists, location << 32 | sku, ascending."""

    as_of: Longs
    listed: Longs


class Wrong(NamedTuple):
    """A bit, where (location ordinal, or channel ordinal), and how many units."""

    bit: int
    place: int
    units: int


@kernel
def _was_known(s: State, position: int, at: int) -> bool:
    """Whether anything at the position was dated at or before `at`: a count, or what moved."""
    p = s.positions.rows
    if p["anchor"][position] >= 0 or p["complete_since"][position] != BEGINNING:
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
def _node_bits(s: State, sku: int, location: int, node: Longs, feeds: Feeds) -> int:
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
def _look(
    s: State, skus: Ints, start: Longs, ordinal: Ints, nodes: Longs, channels: Longs, channel_ordinal: Ints,
    deleted: Flags, kits: Bytes, feeds: Feeds, marks: Longs, changed: Ints,
) -> int:  # fmt: skip
    """Fill `changed` with the places in `skus` where what is wrong is not what was; returns how many."""
    count = 0
    for i in range(skus.size):
        sku = skus[i]
        if sku < kits.size and kits[sku] != 0:
            continue  # a bundle is nowhere: its components are
        mark = np.int64(0)
        for n in range(start[i], start[i + 1]):
            bits = _node_bits(s, sku, ordinal[n], nodes[n], feeds)
            if bits != 0:
                mark ^= mix(np.int64(ordinal[n]) * 64 + bits)
        for c in range(channel_ordinal.size):
            if channels[i, c, UNMET] > 0 and not deleted[channel_ordinal[c]]:
                mark ^= mix(-1 - np.int64(channel_ordinal[c]))
        if mark != marks[sku]:
            marks[sku] = mark
            changed[count] = i
            count += 1
    return count


@kernel
def _bits_of(s: State, sku: int, ordinal: Ints, nodes: Longs, feeds: Feeds, bits: Ints) -> None:
    for n in range(ordinal.size):
        bits[n] = _node_bits(s, sku, ordinal[n], nodes[n], feeds)


def changed(
    s: State, views: Views, skus: Ints, deleted: Flags, kits: Bytes, feeds: Feeds, marks: Longs
) -> Ints:
    """Where in `skus` something began or ended to be wrong. `deleted`: channels, by ordinal. `marks` are updated."""
    found = np.empty(skus.size, np.int32)
    count = _look(
        s, skus, views.node_start, views.node_ordinal, views.nodes, views.channels, views.channel_ordinal, deleted,
        kits, feeds, marks, found,
    )  # fmt: skip
    return found[:count]


def wrong(s: State, views: Views, skus: Ints, i: int, deleted: Flags, feeds: Feeds) -> Iterator[Wrong]:
    """All that is wrong with the i-th of `skus`."""
    nodes = slice(int(views.node_start[i]), int(views.node_start[i + 1]))
    ordinals, terms = views.node_ordinal[nodes], views.nodes[nodes]
    bits = np.zeros(ordinals.size, np.int32)
    _bits_of(s, int(skus[i]), ordinals, terms, feeds, bits)
    for n in np.flatnonzero(bits).tolist():
        node = [int(v) for v in terms[n]]
        sellable = node[ON_HAND] - node[DAMAGED] - node[QUALITY_CONTROL] - node[BLOCKED]
        short = node[SOFT] + node[HARD] - max(0, sellable)
        units = {NEGATIVE: -sellable, OVERSOLD: short, AT_DELETED: node[ON_HAND]}
        units[CLAMPED] = int(_clamped(s, int(skus[i]), int(ordinals[n])))
        units[MISSING] = node[ON_HAND]
        for bit, many in units.items():
            if bits[n] & bit:
                yield Wrong(bit, int(ordinals[n]), many)
    for c, ordinal in enumerate(views.channel_ordinal.tolist()):
        unmet = int(views.channels[i, c, UNMET])
        if unmet > 0 and not deleted[ordinal]:
            yield Wrong(UNMET_DEMAND, ordinal, unmet)
