"""A complete NONZERO batch: a count of 0 of every position of its locations that it does not list."""

from typing import Any

import numpy as np
import numpy.typing as npt

from inventory.admission import OK, Admitted
from inventory.columns import Bytes, Ints
from inventory.counting import Basis, anchor_count, is_forgotten
from inventory.folding import accept
from inventory.jit import kernel
from inventory.positions import ANCHORED, compare_event_id, position_of
from inventory.state import BEGINNING, ON_HAND_COUNTER, State
from inventory.tables import touch

Flags = npt.NDArray[np.bool_]


@kernel
def raise_rows(s: State, rows: Ints, offset: int, carrier: int) -> None:
    """Let the block that told of a batch count in the version of every sku with one of these positions."""
    for i in range(rows.size):
        accept(s, s.positions.rows["key"][rows[i]] >> 32, BEGINNING, offset, carrier)


@kernel
def zero_positions(
    s: State, rows: Ints, source: int, as_of: int, b: Basis, batch: Bytes, refused: Flags, anchored: Flags
) -> None:  # fmt: skip
    """Count 0 at each of these positions. `refused`: what happened since is no longer known; `anchored`: the 0 is the
    greatest count of the position."""
    for i in range(rows.size):
        sku = s.positions.rows["key"][rows[i]] >> 32
        if is_forgotten(s, rows[i], as_of, b):
            refused[i] = True
            continue
        s.skus.rows["as_of"][sku] = max(s.skus.rows["as_of"][sku], as_of)
        touch(s.skus, sku)
        result = anchor_count(s, sku, rows[i], ON_HAND_COUNTER, as_of, 0, source, 0, b, batch, 0, batch.size)
        anchored[i] = result == ANCHORED


@kernel
def place_lines(s: State, location: int) -> None:
    """A position for every line that is or was at a location: its demand may be as of a batch."""
    for row in range(s.lines.head[0]):
        if s.lines.rows["key"][row] < 0:
            continue
        if s.lines.rows["location"][row] == location:
            position_of(s, s.lines.rows["sku"][row], location)
        past = s.lines.rows["past"][row]
        while past >= 0:
            if s.versions.rows["location"][past] == location:
                position_of(s, s.lines.rows["sku"][row], location)
            past = s.versions.rows["next"][past]


@kernel
def place_versions(s: State, a: Admitted, concerned: Flags) -> None:
    """A position for every admitted version at one of the locations `concerned` (by ordinal)."""
    for i in range(a.outcome.size):
        location = a.location[i]
        if a.outcome[i] == OK and 0 <= location < concerned.size and concerned[location]:
            position_of(s, a.sku[i], location)


@kernel
def demote_zero(s: State, position: int, source: int, as_of: int, batch: Bytes) -> None:
    """Let the next count at the position win over the 0 of a batch that lists it after all."""
    anchor = s.positions.rows["anchor"][position]
    if anchor < 0:
        return
    a = s.anchors.rows
    if a["counted_at"][anchor] != as_of or a["sequence"][anchor] != 0 or a["source"][anchor] != source:
        return
    if a["quantity"][anchor] == 0 and compare_event_id(s, anchor, batch, 0, batch.size) == 0:
        a["counted_at"][anchor] = BEGINNING
        touch(s.anchors, anchor)


def positions_at(used: npt.NDArray[Any], location: int, first: int = 0) -> Ints:
    """Rows from `first` on of the positions of a location."""
    return (first + np.flatnonzero((used["key"][first:] & 0xFFFFFFFF) == location)).astype(np.int32)
