"""Open demand that is not needed yet: units by (sku, day, place). What is needed now stands in the sums alone."""

import numpy as np

from inventory.columns import Ints, Longs
from inventory.jit import kernel
from inventory.state import State
from inventory.tables import give_back, take, touch
from inventory.views import (
    DATED_AT,
    DATED_KIND,
    DATED_ORDINAL,
    DATED_QUANTITY,
    EXPECTED,
    NEEDED,
    UNSOURCED,
)

DAY = 86_400_000


@kernel
def add_dated(s: State, sku: int, needed_at: int, place: int, quantity: int) -> None:
    """Add open units that are needed by the end of the UTC day of `needed_at`. `place`: a location ordinal, or
    -1 - channel where the demand is not sourced."""
    day = max(np.int64(0), needed_at // DAY)  # long past is as good as today
    d = s.dated.rows
    before = -1
    row = s.skus.rows["dated"][sku]
    while row >= 0 and (d["day"][row] != day or d["place"][row] != place):
        before = row
        row = d["next"][row]
    if row < 0:
        row = take(s.dated)
        d["day"][row] = day
        d["place"][row] = place
        d["quantity"][row] = quantity
        d["next"][row] = s.skus.rows["dated"][sku]
        s.skus.rows["dated"][sku] = row
        touch(s.skus, sku)
        return
    d["quantity"][row] += quantity
    if d["quantity"][row] != 0:
        touch(s.dated, row)
    elif before >= 0:
        d["next"][before] = d["next"][row]
        touch(s.dated, before)
        give_back(s.dated, row)
    else:
        s.skus.rows["dated"][sku] = d["next"][row]
        touch(s.skus, sku)
        give_back(s.dated, row)


@kernel
def clear_dated(s: State) -> None:
    """Forget all of it, before all lines are added up again."""
    for sku in range(s.skus.head[0]):
        row = s.skus.rows["dated"][sku]
        if row < 0:
            continue
        while row >= 0:
            following = s.dated.rows["next"][row]
            give_back(s.dated, row)
            row = following
        s.skus.rows["dated"][sku] = -1
        touch(s.skus, sku)


@kernel
def _put(out: Longs, at: int, kind: int, ordinal: int, instant: int, quantity: int) -> int:
    out[at, DATED_KIND] = kind
    out[at, DATED_ORDINAL] = ordinal
    out[at, DATED_AT] = instant
    out[at, DATED_QUANTITY] = quantity
    return at + 1


@kernel
def count_dated(s: State, sku: int) -> int:
    """Rows that the sku needs at most."""
    count = 0
    row = s.skus.rows["supply"][sku]
    while row >= 0:
        count += 1
        row = s.supply.rows["next"][row]
    row = s.skus.rows["dated"][sku]
    while row >= 0:
        count += 1
        row = s.dated.rows["next"][row]
    row = s.skus.rows["unsourced"][sku]
    while row >= 0:
        count += 1
        row = s.unsourced.rows["next"][row]
    return count


@kernel
def _unsourced_now(s: State, sku: int, row: int) -> int:
    """What of a channel's demand without location is needed now."""
    total = s.unsourced.rows["soft"][row] + s.unsourced.rows["hard"][row]
    place = -1 - s.unsourced.rows["channel"][row]
    dated = s.skus.rows["dated"][sku]
    while dated >= 0:
        if s.dated.rows["place"][dated] == place:
            total -= s.dated.rows["quantity"][dated]
        dated = s.dated.rows["next"][dated]
    return total


@kernel
def _fill_dated(s: State, sku: int, now: int, out: Longs, at: int) -> int:
    row = s.skus.rows["supply"][sku]
    while row >= 0:
        r = s.supply.rows
        if r["expected_at"][row] >= now:
            at = _put(out, at, EXPECTED, r["location"][row], r["expected_at"][row], r["open"][row])
        row = r["next"][row]
    row = s.skus.rows["dated"][sku]
    while row >= 0:
        d = s.dated.rows
        place = d["place"][row]
        if place >= 0:
            at = _put(out, at, NEEDED, place, d["day"][row] * DAY, d["quantity"][row])
        else:
            at = _put(out, at, UNSOURCED, -1 - place, d["day"][row] * DAY, d["quantity"][row])
        row = d["next"][row]
    row = s.skus.rows["unsourced"][sku]
    while row >= 0:
        needed = _unsourced_now(s, sku, row)
        if needed != 0:
            at = _put(out, at, UNSOURCED, s.unsourced.rows["channel"][row], 0, needed)
        row = s.unsourced.rows["next"][row]
    return at


@kernel
def fill_dated(s: State, skus: Ints, now: int, start: Longs, out: Longs) -> None:
    """Fill `Views.dated_start` and, as far as it says, `Views.dated` of skus at `now`."""
    filled = 0
    for i in range(skus.size):
        filled = _fill_dated(s, skus[i], now, out, filled)
        start[i + 1] = filled
