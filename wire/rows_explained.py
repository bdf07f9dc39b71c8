"""Reads the fields of a row that explain its numbers (layout: docs/view.md), without NumPy."""

import json
from collections.abc import Mapping
from struct import Struct
from typing import Any, NamedTuple

from inventory.layers import LAYERS
from wire.rows_read import RowFormatError

_HEADER = Struct("<HHI")
_FACT = Struct("<qqqqBBHHH")
_FENCE = Struct("<qqHxxxxxx")
_NOTHING = 65_535
_ABSORBED = 0x80

FACT_KINDS = (
    "RECEIPT", "SHIP", "RETURN", "TRANSFER_OUT", "TRANSFER_IN", "ADJUST", "STATE_CHANGE", "COUNT", "CORRECTION",
    "PLACE", "UPDATE", "CONFIRM", "EXTEND", "SOURCE", "CANCEL", "RELEASE", "SALE", "EXPECTED", "ZEROED",
)  # fmt: skip
"""What a fact was, by its number."""

_TOPICS = (
    *("stock-movements",) * 7, *("wms-adjustments",) * 2, *("reservations",) * 7, "pos-sales", "expected-supply",
    "routed",
)  # fmt: skip


class Fact(NamedTuple):
    """One of the facts that moved a sku last. `location`, `channel` are ordinals, -1 where it names none; `detail`
    depends on the kind (docs/view.md), None where there is nothing to say. `absorbed`: a count had seen it already, and
    it moved nothing. Times are ms since the epoch."""

    offset: int
    occurred_at: int
    logged_at: int
    quantity: int
    kind: str
    topic: str
    partition: int
    location: int
    channel: int
    detail: int | None
    absorbed: bool


class FenceTold(NamedTuple):
    """What is set aside for the channel (ordinal), and what of it the channel has had, in whole units."""

    channel: int
    target: int
    consumed: int


class RuleTold(NamedTuple):
    """What a rule gives. `value` is in units, or in ten-thousandths: of a percent where `percent`, of 1 where the layer
    is `in_transit`. `places`: the locations where it holds, by ordinal, as bits; None: wherever its layer asks."""

    id: str
    layer: str
    value: int
    percent: bool
    priority: int = 0
    channel: int = -1
    within_days: int = 0
    places: int | None = None

    def holds_at(self, ordinal: int) -> bool:
        """Whether it is the rule of a location."""
        return self.places is None or bool(self.places >> ordinal & 1)


class Explained(NamedTuple):
    """Field `e`: the last facts, the oldest first; the fences in the order of granting; the rules by id."""

    facts: list[Fact]
    fences: list[FenceTold]
    rules: dict[str, RuleTold]


class PartTold(NamedTuple):
    """What a bundle's lane was told of a component: whether it is a sku of its own (`sound`), its version, of each
    channel what it offers and what is unmet."""

    sku: str
    quantity: int
    version: int
    sound: bool
    offers: Mapping[int, tuple[int, int]]


class TogetherTold(NamedTuple):
    """Of a bundle in a channel: how many can be put together, each at one location; how many of these are promised; and
    how many fewer there are because of other bundles' parcels."""

    complete: int
    promised: int
    claimed: int


class BundleTold(NamedTuple):
    """Field `o`. `together`, by channel: of a bundle that ships from one location, None of others."""

    together: Mapping[int, TogetherTold] | None
    parts: list[PartTold]


def read_explained(e: bytes | None) -> Explained:
    """Field `e`; nothing where the row has none. Raises RowFormatError."""
    if e is None:
        return Explained([], [], {})
    if len(e) < _HEADER.size:
        raise RowFormatError(f"field e has {len(e)} bytes, fewer than its header of {_HEADER.size}")
    facts, fences, text = _HEADER.unpack_from(e)
    fences_at = _HEADER.size + facts * _FACT.size
    rules_at = fences_at + fences * _FENCE.size
    if len(e) != rules_at + text:
        raise RowFormatError(f"field e has {len(e)} bytes, its header says {rules_at + text}")
    return Explained(
        [_fact(*values) for values in _FACT.iter_unpack(e[_HEADER.size : fences_at])],
        [FenceTold(ch, target, had) for target, had, ch in _FENCE.iter_unpack(e[fences_at:rules_at])],
        {name: _rule(name, *told) for name, told in _loads(b"e", e[rules_at:] or b"{}").items()},
    )


def _fact(
    offset: int, occurred_at: int, logged_at: int, quantity: int, kind: int, partition: int, location: int,
    channel: int, detail: int,
) -> Fact:  # fmt: skip
    absorbed, kind = bool(kind & _ABSORBED), kind & ~_ABSORBED
    if kind >= len(FACT_KINDS):
        raise RowFormatError(f"field e has a fact of kind {kind}, which this version does not know")
    place, asked = (-1 if ordinal == _NOTHING else ordinal for ordinal in (location, channel))
    told = None if detail == _NOTHING else detail
    return Fact(
        offset,
        occurred_at,
        logged_at,
        quantity,
        FACT_KINDS[kind],
        _TOPICS[kind],
        partition,
        place,
        asked,
        told,
        absorbed,
    )


def _rule(name: str, layer: int, value: int, percent: int = 0, *more: Any) -> RuleTold:
    told = RuleTold(name, LAYERS[layer].name, value, bool(percent))
    if told.layer == "ring_fence":
        priority, channel = more
        return told._replace(priority=priority, channel=channel)
    if told.layer == "in_transit":
        told = told._replace(within_days=more[0])
        more = more[1:]
    return told._replace(places=int(more[0], 16)) if more else told


def read_offers(o: bytes | None) -> BundleTold | None:
    """Field `o`; None where the row has none. Raises RowFormatError."""
    if o is None:
        return None
    told = _loads(b"o", o)
    parts = [
        PartTold(sku, quantity, version, bool(sound), {row[0]: (row[1], row[2]) for row in offers})
        for sku, quantity, version, sound, offers, *_ in told["parts"]
    ]
    together = told["together"]
    if isinstance(together, bool):  # an earlier version's row, until the engine has computed it anew
        return BundleTold({} if together else None, parts)
    made = None if together is None else {channel: TogetherTold(*row) for channel, *row in together}
    return BundleTold(made, parts)


def _loads(field: bytes, text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise RowFormatError(f"field {field.decode()} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise RowFormatError(f"field {field.decode()} is not a JSON object")
    return value
