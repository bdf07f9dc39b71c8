"""Reads rows of the Redis view (layout: docs/view.md) as named numbers, without NumPy."""

import json
from struct import Struct
from typing import NamedTuple

_HEADER = Struct("<BBHiqqqq")
_CHANNEL = Struct("<HBBiqqqqqqq")
_ORDINAL = Struct("<H")
_BLOCK = Struct("<BxxxI")
_DATED = Struct("<qqHHxxxx")
_NODE = {4: Struct("<7i"), 8: Struct("<7q")}

LAYOUT = 1
BLOCK_LOCATIONS = 32
EXPECTED, NEEDED, UNSOURCED = range(3)
STATUS_NAMES = ("OUT", "LOW", "IN_STOCK")


class RowFormatError(ValueError):
    """A row that this version cannot read."""


class Header(NamedTuple):
    """What a row says of its sku as a whole. Times are ms since the epoch."""

    layout: int
    active: int
    channels: int
    profile: int
    version: int
    as_of: int
    computed_at: int
    generation: int


class ChannelRow(NamedTuple):
    """The number of one channel and the terms it was computed from, in whole units. `incomplete`: what stands at one of
    its locations is not known, and counts as 0."""

    ordinal: int
    status_code: int
    available: int
    view: int
    pool: int
    grant: int
    shared: int
    shortage: int
    unmet: int
    incomplete: bool

    @property
    def status(self) -> str:
        """`OUT`, `LOW` or `IN_STOCK`."""
        return STATUS_NAMES[self.status_code]


class Node(NamedTuple):
    """The position of one location, in whole units; what follows from its counters is derived."""

    ordinal: int
    on_hand: int
    damaged: int
    quality_control: int
    blocked: int
    soft: int
    hard: int
    safety_stock: int

    @property
    def sellable(self) -> int:
        """Units in a condition to be sold; signed."""
        return self.on_hand - self.damaged - self.quality_control - self.blocked

    @property
    def net(self) -> int:
        """What open demand leaves; signed."""
        return max(0, self.sellable) - self.soft - self.hard

    @property
    def shortage(self) -> int:
        """Demand beyond the stock."""
        return max(0, -self.net)

    @property
    def withheld(self) -> int:
        """What safety stock keeps back."""
        return min(max(self.net, 0), self.safety_stock)

    @property
    def safety_shortfall(self) -> int:
        """Safety stock that is not there."""
        return self.safety_stock - self.withheld

    @property
    def node_ats(self) -> int:
        """What the location has to sell."""
        return max(self.net, 0) - self.withheld


class Dated(NamedTuple):
    """Units at an instant (ms). `EXPECTED`: they arrive at the location `ordinal`. `NEEDED`: of that location's
    demand, they are needed by the end of the UTC day. `UNSOURCED`: likewise, of the demand of the channel `ordinal`
    that has no location; 0 stands for now."""

    at: int
    quantity: int
    ordinal: int
    kind: int


def read_dated(s: bytes | None) -> list[Dated]:
    """The records of field `s`, in no order; none where the row has no such field. Raises RowFormatError."""
    if s is None:
        return []
    if len(s) % _DATED.size:
        raise RowFormatError(f"field s has {len(s)} bytes, which are no records of {_DATED.size}")
    return [Dated._make(values) for values in _DATED.iter_unpack(s)]


def read_incomplete(i: bytes | None) -> list[int]:
    """The locations (ordinals) of field `i`, ascending; none where the row has no such field. Raises RowFormatError."""
    if i is None:
        return []
    if len(i) % _ORDINAL.size:
        raise RowFormatError(f"field i has {len(i)} bytes, which are no ordinals of {_ORDINAL.size}")
    return [ordinal for (ordinal,) in _ORDINAL.iter_unpack(i)]


def read_parts(k: bytes | None) -> dict[str, int]:
    """The components of a bundle in field `k`: units of each sku in one; empty where the row has no such field.

    Raises RowFormatError.
    """
    if k is None:
        return {}
    try:
        parts = json.loads(k)
    except ValueError as error:
        raise RowFormatError(f"field k is not JSON: {error}") from None
    if not isinstance(parts, dict) or not all(type(each) is int and each > 0 for each in parts.values()):
        raise RowFormatError("field k is not an object of units by sku")
    return parts


def read_header(c: bytes) -> Header:
    """The header of field `c`. Raises RowFormatError for a layout this version does not know."""
    if len(c) < _HEADER.size:
        raise RowFormatError(f"field c has {len(c)} bytes, fewer than its header of {_HEADER.size}")
    header = Header._make(_HEADER.unpack_from(c))
    if header.layout != LAYOUT:
        raise RowFormatError(
            f"the row has layout {header.layout}, this version reads {LAYOUT}: update the reader"
        )
    if len(c) != _HEADER.size + header.channels * _CHANNEL.size:
        raise RowFormatError(f"field c has {len(c)} bytes, which do not fit its {header.channels} channels")
    return header


def read_channel(c: bytes, ordinal: int) -> ChannelRow | None:
    """The record of one channel in field `c` (as checked by `read_header`), None if it has none."""
    # Records ascend by ordinal, so that a channel's place is at most its ordinal.
    last = (len(c) - _HEADER.size) // _CHANNEL.size - 1
    at = _HEADER.size + min(ordinal, last) * _CHANNEL.size
    while at >= _HEADER.size:
        found: int = _ORDINAL.unpack_from(c, at)[0]
        if found == ordinal:
            values = _CHANNEL.unpack_from(c, at)
            return ChannelRow._make((*values[:2], *values[4:], values[2] != 0))
        if found < ordinal:
            break
        at -= _CHANNEL.size
    return None


def read_block(number: int, value: bytes) -> list[Node]:
    """The locations of field `b{number}`, ascending by ordinal. Raises RowFormatError if it is damaged."""
    if len(value) < _BLOCK.size:
        raise RowFormatError(
            f"field b{number} has {len(value)} bytes, fewer than its header of {_BLOCK.size}"
        )
    width, present = _BLOCK.unpack_from(value)
    node = _NODE.get(width)
    if node is None or len(value) != _BLOCK.size + present.bit_count() * node.size:
        raise RowFormatError(
            f"field b{number} has {len(value)} bytes for {present.bit_count()} locations of width {width}"
        )
    first = number * BLOCK_LOCATIONS
    ordinals = (first + bit for bit in range(BLOCK_LOCATIONS) if present >> bit & 1)
    return [
        Node(ordinal, *numbers)
        for ordinal, numbers in zip(ordinals, node.iter_unpack(value[_BLOCK.size :]), strict=True)
    ]


def read_nodes(row: dict[bytes, bytes]) -> list[Node]:
    """Every location of a row as HGETALL gives it, ascending by ordinal."""
    blocks = sorted((int(name[1:]), value) for name, value in row.items() if name[:1] == b"b")
    return [node for number, value in blocks for node in read_block(number, value)]
