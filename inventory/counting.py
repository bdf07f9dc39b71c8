"""Folding counts: the anchor of a counter, on the basis that the count declares; and what it says of its source."""

from typing import NamedTuple

import numpy as np

from inventory.admission import OK, Admitted, demand_as_of
from inventory.columns import EVENT_ID, NULL, OCCURRED_AT, QUANTITY, Bytes, Columns, Longs
from inventory.effects import of_stock
from inventory.folding import CONFLICTING_DUPLICATE, COUNT_TOO_LATE, Carried, Notes, accept, note
from inventory.hashing import mix
from inventory.jit import kernel
from inventory.nets import demand_at, drop_net, set_net
from inventory.positions import (
    ANCHORED,
    CONTRADICTED,
    anchor_row,
    counter_value,
    fold_count,
    note_known,
    position_of,
)
from inventory.state import BEGINNING, ON_HAND_COUNTER, State
from inventory.tables import touch

GROSS, NET, AVAILABLE = range(3)
NET_OF_HARD, NET_OF_SOFT_AND_HARD = range(2)
_LOOKED_AT, _A_SAMPLE = 500, 50


class Basis(NamedTuple):
    """What a number already contains: `basis`, and of a NET or AVAILABLE one `net_of`, `demand_as_of` (ms) and the
    units `withheld`."""

    basis: int
    net_of: int
    demand_as_of: int
    withheld: int


class Measured(NamedTuple):
    """What n counts say of their source; whole units, `NULL` where nothing can be said.

    `drift`: the number less what the engine had for the same instant. `hard` and `all`: the demand (hard; soft too)
    that a wrongly declared basis would make it drift by: as of the count, less as of the source's own before it.
    `left`: how much more may be spent on `hard` and `all`, in lines looked at; a sample is evidence enough.
    """

    drift: Longs
    hard: Longs
    all: Longs
    left: Longs


def measured(n: int) -> Measured:
    """Columns for n counts."""
    drift, hard, everything = np.full((3, n), NULL, np.int64)
    return Measured(drift, hard, everything, np.full(1, _LOOKED_AT))


@kernel
def _declared(b: Basis) -> int:
    """A hash of a basis; 0 for GROSS, of which the other fields say nothing."""
    if b.basis == GROSS:
        return 0
    return mix(mix(mix(b.basis * 2 + b.net_of) ^ mix(b.demand_as_of)) ^ mix(b.withheld)) | 1


@kernel
def anchor_count(
    s: State, sku: int, position: int, counter: int, counted_at: int, sequence: int, source: int, quantity: int,
    b: Basis, buf: Bytes, id_at: int, id_length: int,
) -> int:  # fmt: skip
    """Fold one count; the same answers as `fold_count`."""
    result = fold_count(
        s, position, counter, counted_at, sequence, source, quantity, _declared(b), buf, id_at, id_length
    )
    if result != ANCHORED or counter != ON_HAND_COUNTER:
        return result
    if s.skus.rows["net"][sku] >= 0:
        drop_net(s, sku, position)
    if b.basis != GROSS:
        location = s.positions.rows["key"][position] & 0xFFFFFFFF
        demand = demand_at(s, sku, location, b.demand_as_of, b.net_of)
        set_net(s, sku, position, location, b.demand_as_of, b.net_of, demand)
        s.positions.rows["on_hand"][position] += b.withheld + demand
        touch(s.positions, position)
    return result


@kernel
def _basis_of(c: Columns, i: int) -> Basis:
    return Basis(c.longs[5, i], c.longs[6, i], demand_as_of(c, i), c.longs[8, i])


@kernel
def is_forgotten(s: State, position: int, counted_at: int, b: Basis) -> bool:
    """Whether something that happened since is no longer known."""
    if counted_at < s.positions.rows["complete_since"][position]:
        return True
    return b.basis != GROSS and b.demand_as_of < s.demand_since[0]


@kernel
def _lines_of(s: State, sku: int, most: int) -> int:
    """How many lines the sku has, at most `most`."""
    count = 0
    row = s.skus.rows["line"][sku]
    while row >= 0 and count < most:
        count += 1
        row = s.lines.rows["next"][row]
    return count


@kernel
def _measure_demand(s: State, sku: int, location: int, at: int, before: int, i: int, m: Measured) -> None:
    lines = _lines_of(s, sku, m.left[0])
    if lines == 0 or lines == m.left[0]:
        return
    m.left[0] = max(0, m.left[0] - lines - _A_SAMPLE)
    m.hard[i] = demand_at(s, sku, location, at, NET_OF_HARD)
    m.all[i] = demand_at(s, sku, location, at, NET_OF_SOFT_AND_HARD)
    if before != NULL:
        m.hard[i] -= demand_at(s, sku, location, before, NET_OF_HARD)
        m.all[i] -= demand_at(s, sku, location, before, NET_OF_SOFT_AND_HARD)


@kernel
def _demand_now(s: State, position: int, i: int, m: Measured) -> None:
    """Where a count meets the engine's number though there is demand to be mistaken about, a glance is enough."""
    hard, soft = s.positions.rows["hard"][position], s.positions.rows["soft"][position]
    if hard + soft > 0:
        m.hard[i], m.all[i] = hard, hard + soft
        m.left[0] = max(0, m.left[0] - _A_SAMPLE)


@kernel
def fold_counts(s: State, c: Columns, a: Admitted, at: Carried, notes: Notes, m: Measured) -> None:
    """StockCount: the anchor of one counter."""
    for i in range(c.start.size):
        if a.outcome[i] != OK:
            continue
        sku = a.sku[i]
        position = position_of(s, sku, a.location[i])
        counted_at = c.longs[3, i]
        counter = c.longs[9, i]
        basis = _basis_of(c, i)
        if is_forgotten(s, position, counted_at, basis):
            # A lane that has lost its state may refuse what it folded once: its version must not be smaller for that.
            accept(s, sku, BEGINNING, at.offset[i], at.carrier)
            note_known(s, position)
            note(notes, COUNT_TOO_LATE, i)
            continue
        accept(s, sku, max(counted_at, c.longs[OCCURRED_AT, i]), at.offset[i], at.carrier)
        had = counter_value(s, position, counter)
        before = anchor_row(s, position, counter)
        before_at = NULL
        if before >= 0 and s.anchors.rows["source"][before] == a.source[i]:
            before_at = s.anchors.rows["counted_at"][before]
        result = anchor_count(
            s, sku, position, counter, counted_at, c.longs[4, i], a.source[i], c.longs[QUANTITY, i], basis,
            c.buf, c.text_at[EVENT_ID, i], c.text_len[EVENT_ID, i],
        )  # fmt: skip
        if result == CONTRADICTED:
            note(notes, CONFLICTING_DUPLICATE, i)
        if result != ANCHORED:
            continue
        change = counter_value(s, position, counter) - had
        notes.effect[i] = of_stock(True, change if counter == ON_HAND_COUNTER else -change)
        if before >= 0:
            # Both values hold what moved after the count, so their difference is one as of the count.
            m.drift[i] = change
            if counter == ON_HAND_COUNTER:
                if m.left[0] == 0:
                    continue
                if m.drift[i] != 0:
                    as_of = counted_at if basis.basis == GROSS else basis.demand_as_of
                    _measure_demand(s, sku, a.location[i], as_of, before_at, i, m)
                elif before_at == NULL:
                    _demand_now(s, position, i, m)
