"""What positions were as of an instant that has passed, from what is kept: a lane is looked at, nothing moves."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import Ints, Longs
from inventory.counting import NET_OF_HARD, NET_OF_SOFT_AND_HARD
from inventory.incomplete import is_withheld
from inventory.jit import kernel
from inventory.nets import demand_at
from inventory.positions import sum_after
from inventory.state import NO_LINE_YET, ON_HAND_COUNTER, Memory, State
from inventory.supply import TRANSFER
from inventory.tables import find

Flags = npt.NDArray[np.bool_]


class Hindsight(NamedTuple):
    """n positions as the facts dated at or before an instant have them; whole units.

    `told` (n): `on_hand` can be told as of the instant: no later count has taken the place of what was before, no
    movement since is forgotten, and the position is not incomplete. `hard`, `all`: the demand that was open (hard; soft
    too), and `demand_told` whether it can be told.
    """

    on_hand: Longs
    told: Flags
    hard: Longs
    all: Longs
    demand_told: Flags


class Delta(NamedTuple):
    """A movement's effect on `on_hand`; times in ms."""

    occurred_at: int
    logged_at: int
    quantity: int


class Anchor(NamedTuple):
    """The count that `on_hand` rests on."""

    counted_at: int
    quantity: int
    source: str


class Coming(NamedTuple):
    """What an expected line still has to bring to a place: of a `transfer` what is on its way."""

    location: int
    transfer: bool
    units: int
    expected_at: int


def as_of(memory: Memory, sku: Ints, location: Ints, at: Longs) -> Hindsight:
    """Positions (rows of the sku table, location ordinals) as of instants (ms), one each."""
    n = sku.size
    on_hand, hard, everything = np.zeros((3, n), np.int64)
    told, demand_told = np.zeros((2, n), np.bool_)
    _look_back(memory.state(), sku, location, at, on_hand, told, hard, everything, demand_told)
    return Hindsight(on_hand, told, hard, everything, demand_told)


@kernel
def _look_back(
    s: State, sku: Ints, location: Ints, at: Longs, on_hand: Longs, told: Flags, hard: Longs, everything: Longs,
    demand_told: Flags,
) -> None:  # fmt: skip
    p = s.positions.rows
    for i in range(sku.size):
        row = find(s.positions, (np.int64(sku[i]) << 32) | location[i])
        told[i] = True
        demand_told[i] = at[i] >= s.demand_since[0]
        if row >= 0:
            on_hand[i] = p["on_hand"][row] - sum_after(s, row, ON_HAND_COUNTER, at[i])
            told[i] = at[i] >= p["anchored_at"][row] and at[i] >= p["complete_since"][row]
            told[i] &= not is_withheld(s, row)
        if s.skus.rows["line"][sku[i]] >= 0:
            hard[i] = demand_at(s, sku[i], location[i], at[i], NET_OF_HARD)
            everything[i] = demand_at(s, sku[i], location[i], at[i], NET_OF_SOFT_AND_HARD)


def position_of(memory: Memory, sku: int, location: int) -> int:
    """The row of a position, -1 where there is none."""
    return int(_position(memory.state(), np.int64(sku), np.int64(location)))


@kernel
def _position(s: State, sku: int, location: int) -> int:
    return find(s.positions, (sku << 32) | location)


def deltas_of(memory: Memory, position: int) -> list[Delta]:
    """What is kept of the movements that count in `on_hand`: those after its anchor, in order of their dates."""
    rows = memory.stores["deltas"].table.rows
    found = []
    own = memory.stores["positions"].table.rows[position]
    at, anchored_at = int(own["delta"]), int(own["anchored_at"])
    while at >= 0:
        row = rows[at]
        if int(row["counter"]) == ON_HAND_COUNTER and int(row["occurred_at"]) > anchored_at:
            found.append(Delta(int(row["occurred_at"]), int(row["logged_at"]), int(row["quantity"])))
        at = int(row["next"])
    return sorted(found)


def anchor_of(memory: Memory, position: int) -> Anchor | None:
    """The count that a position's `on_hand` rests on, None where it was never counted."""
    at = int(memory.stores["positions"].table.rows["anchor"][position])
    if at < 0:
        return None
    row = memory.stores["anchors"].table.rows[at]
    source = memory.source_names.text(int(row["source"])).decode(errors="replace")
    return Anchor(int(row["counted_at"]), int(row["quantity"]), source)


def unsellable_of(memory: Memory, position: int) -> int:
    """Units that are damaged, in quality control or blocked now."""
    at = int(memory.stores["positions"].table.rows["parts"][position])
    if at < 0:
        return 0
    row = memory.stores["parts"].table.rows[at]
    return sum(int(row[f"value_{counter}"]) for counter in (1, 2, 3))


def coming_to(memory: Memory, sku: int) -> list[Coming]:
    """What is expected of a sku, wherever it goes."""
    rows = memory.stores["supply"].table.rows
    found = []
    at = int(memory.stores["skus"].table.rows["supply"][sku])
    while at >= 0:
        row = rows[at]
        if int(row["version"]) != NO_LINE_YET and int(row["open"]) > 0:
            transfer = int(row["kind"]) == TRANSFER
            found.append(Coming(int(row["location"]), transfer, int(row["open"]), int(row["expected_at"])))
        at = int(row["next"])
    return found
