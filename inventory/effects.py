"""What folding a record did, as bits: whether anything moved, and whether what is promised is covered less than before.

A fact that a count has absorbed was folded and moved nothing, unless it used up demand, a fence or expected supply.
"""

from typing import NamedTuple

from inventory.jit import kernel
from inventory.nets import demand_in_nets
from inventory.state import State

FOLDED, MOVED, TOOK, DELAYED = 1, 2, 4, 8
"""It is no duplicate and not outdone by another · a counter, demand, a fence or supply moved · there is less at its
place, or more promised · less is on its way."""


class Promise(NamedTuple):
    """What a line asks for: `open` units at a `place` (location ordinal; -1 - channel: nowhere), `drawn` from a fence.
    `net`: units of the sku's demand that NET anchors hold."""

    open: int
    place: int
    drawn: int
    net: int


@kernel
def promise_of(s: State, row: int) -> Promise:
    """What the line in a row asks for now."""
    lines = s.lines.rows
    location = lines["location"][row]
    place = location if location >= 0 else -1 - lines["channel"][row]
    return Promise(lines["open"][row], place, lines["drawn"][row], demand_in_nets(s, lines["sku"][row]))


@kernel
def since(s: State, row: int, before: Promise) -> int:
    """What became of a line's promise; 0: nothing."""
    now = promise_of(s, row)
    if (
        now.open == before.open
        and now.drawn == before.drawn
        and now.net == before.net
        and (now.place == before.place or now.open == 0)
    ):
        return 0
    held = before.open if now.place == before.place else 0
    if now.open > held or now.net < before.net:
        return FOLDED | MOVED | TOOK
    return FOLDED | MOVED


@kernel
def of_stock(counted: bool, sellable: int) -> int:
    """Of a fact about units: whether a counter `counted` it, and the units by which `sellable` changed."""
    if not counted:
        return FOLDED
    return FOLDED | MOVED | TOOK if sellable < 0 else FOLDED | MOVED
