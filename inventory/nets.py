"""NET anchors: a count of q as of T that leaves open demand out is a count of q + D(T) physical units.

What a line adds to D(T) follows it: a fact of demand dated at or before T, however late, moves the counter.
A line that is forgotten leaves its part in the counter.
"""

import numpy as np

from inventory.history import open_at
from inventory.jit import kernel
from inventory.state import State
from inventory.tables import give_back, take, touch


@kernel
def demand_at(s: State, sku: int, location: int, at: int, soft: int) -> int:
    """D(T): open demand of a position as the facts dated at or before `at` have it."""
    total = 0
    row = s.skus.rows["line"][sku]
    while row >= 0:
        total += open_at(s, row, location, at, soft)
        row = s.lines.rows["next"][row]
    return total


@kernel
def set_net(
    s: State, sku: int, position: int, location: int, demand_as_of: int, soft: int, demand: int
) -> None:
    """The position's on_hand is anchored NET from now on; `demand` units of it were demand."""
    row = take(s.nets)
    n = s.nets.rows
    n["demand_as_of"][row] = demand_as_of
    n["demand"][row] = demand
    n["position"][row] = position
    n["location"][row] = location
    n["soft"][row] = soft
    n["next"][row] = s.skus.rows["net"][sku]
    s.skus.rows["net"][sku] = row
    touch(s.skus, sku)


@kernel
def drop_net(s: State, sku: int, position: int) -> None:
    """The position's on_hand has another anchor now."""
    before = -1
    row = s.skus.rows["net"][sku]
    while row >= 0:
        following = s.nets.rows["next"][row]
        if s.nets.rows["position"][row] == position:
            if before < 0:
                s.skus.rows["net"][sku] = following
                touch(s.skus, sku)
            else:
                s.nets.rows["next"][before] = following
                touch(s.nets, before)
            give_back(s.nets, row)
            return
        before = row
        row = following


@kernel
def demand_in_nets(s: State, sku: int) -> int:
    """Units of demand that the sku's NET anchors hold."""
    total = np.int64(0)
    net = s.skus.rows["net"][sku]
    while net >= 0:
        total += s.nets.rows["demand"][net]
        net = s.nets.rows["next"][net]
    return total


@kernel
def shift_nets(s: State, row: int, occurred_at: int, sign: int) -> None:
    """Take a line's part out of the NET anchors that see a fact dated `occurred_at` (-1), or put it in (1).

    Called before and after the fact changes the line.
    """
    net = s.skus.rows["net"][s.lines.rows["sku"][row]]
    while net >= 0:
        n = s.nets.rows
        if n["demand_as_of"][net] >= occurred_at:
            part = open_at(s, row, n["location"][net], n["demand_as_of"][net], n["soft"][net])
            if part != 0:
                s.positions.rows["on_hand"][n["position"][net]] += sign * part
                touch(s.positions, n["position"][net])
                n["demand"][net] += part * sign
                touch(s.nets, net)
        net = n["next"][net]
