"""Who may be folded: guards of one record against itself and its log time, then names to numbers.

The outcome of a record is one of `OK`, a dead letter (`DEAD` + index in `DEAD_LETTER_CODES`), parked until a
name is known (`PARK_*`), forwarded to the lane that owns its sku, `EXPLODE`d into rows of the components of a bundle,
or `NEW_SOURCE` / `NEW_BUNDLE`: a text to intern first.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import (
    LOCATION,
    MAX_QUANTITY,
    NULL,
    OCCURRED_AT,
    QUANTITY,
    RECORDED_AT,
    SKU,
    SOURCE,
    Bytes,
    Columns,
    Ints,
    Kind,
    Longs,
)
from inventory.demand import RELEASE
from inventory.jit import by_reference, inline_kernel, kernel, making_kernel
from inventory.murmur import murmur2
from inventory.names import ABSENT, CANONICAL, Dictionary, look_up

OK = 0
PARK_SKU, PARK_LOCATION, PARK_CHANNEL, FORWARD, NEW_SOURCE, NEW_BUNDLE, TOO_LATE, EXPLODE = range(1, 9)
DEAD = 16

DEAD_LETTER_CODES = ("invalid_event", "invalid_quantity", "from_the_future", "beyond_horizon", "bundle_sku")
_INVALID, _QUANTITY, _FUTURE, _HORIZON, _BUNDLE_SKU = (DEAD + i for i in range(5))
ACCEPT_BEYOND_HORIZON = 1
"""Bit of a record's flags: a person replays it, so the age of its message is not held against it."""

EXPLODED = 2
"""Bit of a record's flags: a row of a bundle's component. Its sku is canonical, and its quantity was judged."""

LONGEST_NAME = 128
_CHANNEL, BUNDLE = 5, 8  # text fields of the kinds that have them
_ACTION, _MODE = 4, 8  # longs of Reservation
_BATCH = 5  # a text of StockCount
_COUNTED_AT, _BASIS, _DEMAND_AS_OF, _WITHHELD, _COUNTER = 3, 5, 7, 8, 9  # longs of StockCount
_GROSS, _NET, _AVAILABLE = range(3)

_MOVEMENT, _COUNT, _CORRECTION, _RESERVATION, _POS, _SUPPLY = (int(k) for k in Kind)
_REFERENCE = 5  # a text of ExpectedSupply


class Movement(IntEnum):
    """Symbols of StockMovement.movement, in schema order."""

    RECEIPT = 0
    SHIP = 1
    RETURN = 2
    TRANSFER_OUT = 3
    TRANSFER_IN = 4
    ADJUST = 5
    STATE_CHANGE = 6


_RECEIPT, _SHIP, _RETURN, _TRANSFER_OUT, _TRANSFER_IN, _ADJUST, _STATE_CHANGE = (int(m) for m in Movement)


class Guards(NamedTuple):
    """Horizons in ms, and which lane this is."""

    clock_tolerance: int
    dedupe_horizon: int
    count_horizon: int
    lane: int
    lanes: int


@by_reference
class Dictionaries(NamedTuple):
    """Names to numbers; `aliased` (sources) has bit 1 if the source has sku aliases, 2 locations, 4 channels.
    `kits` (by sku) is 1 for bundles; it ends where there are no more.
    """

    sources: Dictionary
    skus: Dictionary
    locations: Dictionary
    channels: Dictionary
    bundles: Dictionary
    aliased: npt.NDArray[np.uint8]
    kits: Bytes


@making_kernel
def dictionaries(
    sources: Dictionary, skus: Dictionary, locations: Dictionary, channels: Dictionary, bundles: Dictionary,
    aliased: npt.NDArray[np.uint8], kits: Bytes,
) -> Dictionaries:  # fmt: skip
    """What admission looks names up in."""
    return Dictionaries(sources, skus, locations, channels, bundles, aliased, kits)


class Admitted(NamedTuple):
    """Per record: outcome, and the numbers behind its names (-1 none). `detail` is a forward's lane."""

    outcome: npt.NDArray[np.int32]
    sku: Ints
    location: Ints
    channel: Ints
    source: Ints
    bundle: Ints
    detail: Ints


@kernel
def _check_movement(c: Columns, i: int) -> int:
    movement = c.longs[3, i]
    from_state = c.longs[4, i]
    to_state = c.longs[5, i]
    if movement == _STATE_CHANGE:
        if from_state == to_state:
            return _INVALID
    elif movement in (_RECEIPT, _RETURN, _TRANSFER_IN):
        if from_state != 0:
            return _INVALID
    elif to_state != 0:
        return _INVALID
    quantity = c.longs[QUANTITY, i]
    if quantity == 0 or (quantity < 0 and movement != _ADJUST):
        return _QUANTITY
    return OK


@inline_kernel
def demand_as_of(c: Columns, i: int) -> int:
    """Up to when the source's own orders are inside count i, if it is net of them."""
    return c.longs[_COUNTED_AT, i] if c.longs[_DEMAND_AS_OF, i] == NULL else c.longs[_DEMAND_AS_OF, i]


@kernel
def _is_too_late(c: Columns, i: int, log_time: int, g: Guards) -> bool:
    """Whether what happened since the count, or since it knew its orders, may be forgotten."""
    earliest = log_time - g.count_horizon
    return c.longs[_COUNTED_AT, i] < earliest or (
        c.longs[_BASIS, i] != _GROSS and demand_as_of(c, i) < earliest
    )


@kernel
def _check_count(c: Columns, i: int, log_time: int, g: Guards) -> int:
    basis = c.longs[_BASIS, i]
    withheld = c.longs[_WITHHELD, i]
    if basis != _GROSS and c.longs[_COUNTER, i] != 0:
        return _INVALID
    if withheld != 0 and basis != _AVAILABLE:
        return _INVALID
    if withheld < 0 or withheld > MAX_QUANTITY or (basis == _GROSS and c.longs[QUANTITY, i] < 0):
        return _QUANTITY
    if c.longs[_COUNTED_AT, i] > log_time + g.clock_tolerance:
        return _FUTURE
    if basis != _GROSS and demand_as_of(c, i) > log_time + g.clock_tolerance:
        return _FUTURE
    return OK


@kernel
def _check_reservation(c: Columns, i: int) -> int:
    releases = c.longs[_ACTION, i] == RELEASE
    quantity = c.longs[QUANTITY, i]
    if quantity < 0 or (quantity == 0 and releases):
        return _QUANTITY
    return OK


@kernel
def _check_supply(c: Columns, i: int) -> int:
    if c.text_len[_REFERENCE, i] <= 0:
        return _INVALID
    return _QUANTITY if c.longs[QUANTITY, i] < 0 else OK


@kernel
def _check_line(c: Columns, i: int) -> int:
    """What concerns one line of a till transaction alone."""
    if c.text_len[SKU, i] <= 0 or c.text_len[SKU, i] > LONGEST_NAME:
        return _INVALID
    if c.longs[QUANTITY, i] > 0 and c.longs[3, i] != 0:
        return _INVALID
    return _QUANTITY if c.longs[QUANTITY, i] == 0 else OK


@kernel
def _check_names(c: Columns, kind: int, i: int) -> int:
    for field in (0, SOURCE):
        if c.text_len[field, i] <= 0:
            return _INVALID
    for field in (SKU, LOCATION, _CHANNEL):
        if field == _CHANNEL and kind != _RESERVATION:  # elsewhere a channel that is not known is none
            continue
        if field == SKU and kind == _POS:
            continue
        if field != SKU and kind == _RESERVATION and c.longs[_ACTION, i] == RELEASE:
            continue  # what a release says of location and channel is ignored
        length = c.text_len[field, i]
        if length > LONGEST_NAME or length == 0:
            return _INVALID
        if length < 0 and (field == SKU or (field == LOCATION and kind != _RESERVATION)):
            return _INVALID
    return OK


@kernel
def _check_time(c: Columns, i: int, log_time: int, flags: int, g: Guards) -> int:
    # No differences: a time may be any number of 64 bits.
    # A message that claims to be written after the broker got it says nothing about its age.
    if max(c.longs[OCCURRED_AT, i], c.longs[RECORDED_AT, i]) > log_time + g.clock_tolerance:
        return _FUTURE
    if c.longs[RECORDED_AT, i] < log_time - g.dedupe_horizon and flags & ACCEPT_BEYOND_HORIZON == 0:
        return _HORIZON
    return OK


@kernel
def _check(c: Columns, kind: int, i: int, log_time: int, flags: int, g: Guards) -> int:
    """Of several faults: what the record is, then when it is, then what one line of it is."""
    outcome = _check_names(c, kind, i)
    if outcome == OK and kind == _MOVEMENT:
        outcome = _check_movement(c, i)
    elif outcome == OK and kind == _COUNT:
        outcome = _check_count(c, i, log_time, g)
    elif outcome == OK and kind == _RESERVATION:
        outcome = _check_reservation(c, i)
    elif outcome == OK and kind == _SUPPLY:
        outcome = _check_supply(c, i)
    elif outcome == OK and kind == _CORRECTION and c.longs[QUANTITY, i] == 0:
        outcome = _QUANTITY
    too_many = c.longs[QUANTITY, i] > MAX_QUANTITY or c.longs[QUANTITY, i] < -MAX_QUANTITY
    too_many = too_many and flags & EXPLODED == 0
    if too_many and kind != _POS and outcome in (OK, _FUTURE):
        outcome = _QUANTITY
    if outcome == OK:
        outcome = _check_time(c, i, log_time, flags, g)
    if outcome == OK and kind == _POS:
        outcome = _QUANTITY if too_many else _check_line(c, i)
    return outcome


@inline_kernel
def resolve(d: Dictionary, aliased: bool, source: int, c: Columns, field: int, i: int) -> int:
    """The number behind an identifier: the source's alias first, then the canonical one; else ABSENT."""
    at = c.text_at[field, i]
    length = c.text_len[field, i]
    if aliased:
        value = look_up(d, 1 + source, c.buf, at, length)
        if value != ABSENT:
            return value
    return look_up(d, CANONICAL, c.buf, at, length)


FOREIGN = -2
"""A sku's number FOREIGN - l says: it belongs to lane l."""


@inline_kernel
def _of_kit(flags: int) -> int:
    """What becomes of a bundle's row; as a component of a bundle it is refused."""
    return EXPLODE if flags & EXPLODED == 0 else _BUNDLE_SKU


@kernel
def _home_of(
    sources: Dictionary, skus: Dictionary, aliases: npt.NDArray[np.uint8], c: Columns, i: int, g: Guards
) -> int:
    """The lane that owns a record's sku."""
    source = look_up(sources, CANONICAL, c.buf, c.text_at[SOURCE, i], c.text_len[SOURCE, i])
    aliased = source != ABSENT and aliases[source] & 1 != 0
    sku = resolve(skus, aliased, source, c, SKU, i)
    if sku >= 0:
        return g.lane
    if sku == ABSENT:
        return murmur2(c.buf, c.text_at[SKU, i], c.text_len[SKU, i]) % g.lanes
    return FOREIGN - sku


@kernel
def admit(
    c: Columns, kind: int, log_time: Longs, flags: Bytes, g: Guards, d: Dictionaries, out: Admitted
) -> int:  # fmt: skip
    """Judge every record of a slice; returns how many are not OK."""
    # Fetched once: each fetch counts references to all of a dictionary's arrays.
    sources, skus, locations, channels, bundles, aliases, kits = (
        d.sources, d.skus, d.locations, d.channels, d.bundles, d.aliased, d.kits,
    )  # fmt: skip
    exceptional = 0
    for i in range(c.start.size):
        out.outcome[i] = _check(c, kind, i, log_time[i], flags[i], g)
        if out.outcome[i] != OK:
            exceptional += 1
            if kind == _COUNT and c.text_len[_BATCH, i] > 0 and 0 < c.text_len[SKU, i] <= LONGEST_NAME:
                # A refused item still lists its sku: the sku's own lane has to see it.
                home = _home_of(sources, skus, aliases, c, i, g)
                if home != g.lane:
                    out.detail[i] = home
                    out.outcome[i] = FORWARD
            continue
        source = look_up(sources, CANONICAL, c.buf, c.text_at[SOURCE, i], c.text_len[SOURCE, i])
        out.source[i] = source
        if source == ABSENT:
            out.outcome[i] = NEW_SOURCE
            exceptional += 1
            continue
        aliased = aliases[source]
        sku = resolve(skus, aliased & 1 != 0 and flags[i] & EXPLODED == 0, source, c, SKU, i)
        if sku < 0:
            home = FOREIGN - sku
            if sku == ABSENT:
                home = murmur2(c.buf, c.text_at[SKU, i], c.text_len[SKU, i]) % g.lanes
            out.detail[i] = home
            out.outcome[i] = PARK_SKU if sku == ABSENT and home == g.lane else FORWARD
            exceptional += 1
            continue
        out.sku[i] = sku
        of_kit = sku < kits.size and kits[sku] != 0
        if of_kit and kind in (_COUNT, _SUPPLY):
            out.outcome[i] = _BUNDLE_SKU
            exceptional += 1
            continue
        out.location[i] = -1
        out.channel[i] = -1
        out.bundle[i] = -1
        if kind == _RESERVATION and c.longs[_ACTION, i] == RELEASE:
            if of_kit:
                out.outcome[i] = _of_kit(flags[i])
                exceptional += 1
            continue
        if c.text_len[LOCATION, i] >= 0:
            out.location[i] = resolve(locations, aliased & 2 != 0, source, c, LOCATION, i)
            if out.location[i] == ABSENT:
                out.outcome[i] = PARK_LOCATION
        if (
            kind not in (_COUNT, _CORRECTION, _SUPPLY)
            and c.text_len[_CHANNEL, i] >= 0
            and out.outcome[i] == OK
        ):
            out.channel[i] = resolve(channels, aliased & 4 != 0, source, c, _CHANNEL, i)
            if out.channel[i] == ABSENT and kind == _RESERVATION:
                out.outcome[i] = PARK_CHANNEL
        if kind == _RESERVATION and c.text_len[BUNDLE, i] >= 0 and out.outcome[i] == OK:
            out.bundle[i] = look_up(bundles, CANONICAL, c.buf, c.text_at[BUNDLE, i], c.text_len[BUNDLE, i])
            if out.bundle[i] == ABSENT:
                out.outcome[i] = NEW_BUNDLE
        # Who asks for a bundle is answered; nothing is resolved into components.
        if of_kit and out.outcome[i] == OK and (kind != _RESERVATION or c.longs[_MODE, i] == 0):
            out.outcome[i] = _of_kit(flags[i])
        if kind == _COUNT and out.outcome[i] == OK and _is_too_late(c, i, log_time[i], g):
            out.outcome[i] = TOO_LATE
        exceptional += out.outcome[i] != OK
    return exceptional


@kernel
def home_lanes(c: Columns, g: Guards, d: Dictionaries, lane: Ints) -> None:
    """For each POS line, the lane that owns its sku (by the source's alias, else by the identifier's hash)."""
    for i in range(c.start.size):
        at = c.text_at[SKU, i]
        length = c.text_len[SKU, i]
        lane[i] = -1
        source = look_up(d.sources, CANONICAL, c.buf, c.text_at[SOURCE, i], c.text_len[SOURCE, i])
        if source != ABSENT and d.aliased[source] & 1 != 0:
            sku = look_up(d.skus, 1 + source, c.buf, at, length)
            if sku <= FOREIGN:
                lane[i] = FOREIGN - sku
            elif sku != ABSENT:
                lane[i] = g.lane
        if lane[i] < 0:
            lane[i] = murmur2(c.buf, at, length) % g.lanes


def admitted(n: int) -> Admitted:
    """Fresh columns for n records."""
    columns = np.empty((len(Admitted._fields), n), np.int32)
    columns.fill(-1)
    return Admitted(*columns)
