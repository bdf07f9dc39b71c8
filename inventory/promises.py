"""Whether all that channels have promised of a sku without naming a location can be kept, and from where.

A channel's pool subtracts such promises whole wherever they may be served, so that nobody sells what another one may
need. Here each is served once: a flow from promises to the places that may serve them, in which the earlier ones move
over where that makes room.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import Ints, Longs
from inventory.fences import Fences
from inventory.jit import kernel, making_kernel
from inventory.state import State
from inventory.supply import counted
from inventory.views import BLOCKED, DAMAGED, HARD, ON_HAND, QUALITY_CONTROL, SAFETY_STOCK, SOFT

Flags = npt.NDArray[np.bool_]

_NOT_REACHED = -1
_NOBODY = -1


class Promises(NamedTuple):
    """Of one sku: D promises, the last one a spare; S supplies: its nodes, what safety stock keeps at each of them,
    expected lines, then backorders.

    `channel`, `units` (D): who has promised how much. `left` (S): units that are not taken. `most`, `taken` (D, S):
    what a promise may take of a supply, and what it takes.
    """

    channel: Ints
    units: Longs
    left: Longs
    most: Longs
    taken: Longs


class Others(NamedTuple):
    """What of a sku is not for who asks, by channel (C,): `apart`, units that kits which ship together were promised
    without a place (they are no promises here: each needs a place where its other parts are); `fences`, units that are
    set aside."""

    apart: Longs
    fences: Longs


@kernel
def _net(node: Longs) -> Any:
    sellable = node[ON_HAND] - node[DAMAGED] - node[QUALITY_CONTROL] - node[BLOCKED]
    return max(np.int64(0), sellable) - node[SOFT] - node[HARD]


@making_kernel
def _promises_of(
    s: State, sku: int, profile: int, ordinal: Ints, nodes: Longs, f: Fences, backorder: Longs, now: int,
    others: Others, sparing: bool,
) -> Promises:  # fmt: skip
    """Nothing is served yet. `ordinal` (n), `nodes` (n, NODE_TERMS): the sku's; `backorder` (C): what each channel may
    promise beyond stock. `sparing`: what safety stock keeps is for promises alone, not for fences, nor for the spare
    one; else it is stock like any other."""
    promised, lines = 0, 0
    row = s.skus.rows["unsourced"][sku]
    while row >= 0:
        promised += 1
        row = s.unsourced.rows["next"][row]
    many = promised
    for c in range(others.fences.size):
        if others.fences[c] > 0:
            many += 1
    row = s.skus.rows["supply"][sku] if f.transit_confidence.shape[2] > 0 else _NOBODY
    while row >= 0:
        lines += 1
        row = s.supply.rows["next"][row]
    places = ordinal.size
    first_line, first_allowance = 2 * places, 2 * places + lines
    channel, units = np.empty(many + 1, np.int32), np.zeros(many + 1, np.int64)
    left = np.zeros(first_allowance + promised, np.int64)
    most = np.zeros((many + 1, left.size), np.int64)
    channel[many] = _NOBODY
    for n in range(places):
        net = max(0, _net(nodes[n]))
        left[places + n] = min(net, nodes[n, SAFETY_STOCK]) if sparing else 0
        left[n] = net - left[places + n]
    d = 0
    row = s.skus.rows["unsourced"][sku]
    while row >= 0:
        own = s.unsourced.rows["channel"][row]
        channel[d] = own
        units[d] = s.unsourced.rows["soft"][row] + s.unsourced.rows["hard"][row] - others.apart[own]
        for n in range(places):
            if f.sells[own, ordinal[n]]:
                most[d, n] = left[n]
                most[d, places + n] = left[places + n]
        if f.excluded[profile, own] == 0 and not f.deleted[own] and s.skus.rows["active"][sku] != 0:
            left[first_allowance + d] = most[d, first_allowance + d] = backorder[own]
        d += 1
        row = s.unsourced.rows["next"][row]
    for c in range(others.fences.size):
        if others.fences[c] > 0:
            channel[d] = c
            units[d] = others.fences[c]
            for n in range(places):
                if f.sells[c, ordinal[n]]:
                    most[d, n] = left[n]
            d += 1
    n = first_line
    row = s.skus.rows["supply"][sku] if lines > 0 else _NOBODY
    while row >= 0:
        for c in range(f.sells.shape[0]):
            if not f.deleted[c]:
                left[n] = max(left[n], counted(s, row, profile, c, f, now))
        for d in range(many):
            if not f.deleted[channel[d]]:
                most[d, n] = counted(s, row, profile, channel[d], f, now)
        n += 1
        row = s.supply.rows["next"][row]
    return Promises(channel, units, left, most, np.zeros_like(most))


@making_kernel
def serve(p: Promises, promise: int, wanted: int) -> Any:
    """Let a promise have `wanted` units; who has been served keeps as many, maybe of others. Returns what it got."""
    over = np.empty(p.left.size, np.int64)  # the promise over which a supply was reached
    by = np.empty(p.units.size, np.int64)  # the supply at which a promise would give way
    queue = np.empty(p.units.size, np.int64)
    got = np.int64(0)
    while got < wanted:
        over[:] = _NOT_REACHED
        by[:] = _NOT_REACHED
        queue[0] = promise
        done, found, end = 0, 1, _NOT_REACHED
        while done < found and end < 0:
            d = queue[done]
            done += 1
            for n in range(p.left.size):
                if over[n] >= 0 or p.taken[d, n] >= p.most[d, n]:
                    continue
                over[n] = d
                if p.left[n] > 0:
                    end = n
                    break
                for other in range(p.units.size):
                    if other != promise and by[other] < 0 and p.taken[other, n] > 0:
                        by[other] = n
                        queue[found] = other
                        found += 1
        if end < 0:
            break
        units = min(wanted - got, p.left[end])
        n, d = end, over[end]
        while d != promise:
            units = min(units, p.most[d, n] - p.taken[d, n], p.taken[d, by[d]])
            n = by[d]
            d = over[n]
        units = min(units, p.most[d, n] - p.taken[d, n])
        p.left[end] -= units
        n, d = end, over[end]
        while d != promise:
            p.taken[d, n] += units
            p.taken[d, by[d]] -= units
            n = by[d]
            d = over[n]
        p.taken[d, n] += units
        got += units
    return got


@making_kernel
def unkept(
    s: State,
    sku: int,
    profile: int,
    channel: int,
    ordinal: Ints,
    nodes: Longs,
    f: Fences,
    backorder: Longs,
    now: int,
) -> Any:
    """Units that a channel promised too much: had it promised so many less, so many promises more could be kept, those
    of all channels together. Arguments as of `_promises_of`."""
    nobody = Others(np.zeros(f.sells.shape[0], np.int64), np.zeros(f.sells.shape[0], np.int64))
    p = _promises_of(s, sku, profile, ordinal, nodes, f, backorder, now, nobody, False)
    own = _NOBODY
    for d in range(p.units.size):
        if p.channel[d] == channel:
            own = d
        else:
            serve(p, d, p.units[d])
    return np.int64(0) if own == _NOBODY else p.units[own] - serve(p, own, p.units[own])


@making_kernel
def _unmet(p: Promises) -> Any:
    """Serve all; returns the units that nobody can have."""
    unmet = np.int64(0)
    for d in range(p.units.size):
        unmet += p.units[d] - serve(p, d, p.units[d])
    return unmet


@making_kernel
def promises_kept(
    s: State, sku: int, profile: int, ordinal: Ints, nodes: Longs, f: Fences, now: int, others: Others
) -> Promises:
    """What a place may spare is reckoned from these: backorders make no room, and safety stock is kept. Nothing is
    served yet."""
    nothing = np.zeros(f.sells.shape[0], np.int64)
    return _promises_of(s, sku, profile, ordinal, nodes, f, nothing, now, others, True)


@making_kernel
def promises_left(
    s: State, sku: int, profile: int, ordinal: Ints, nodes: Longs, f: Fences, now: int, others: Others, holder: int,
    held_at: int, held: int,
) -> Promises:  # fmt: skip
    """As `promises_kept`, when who asks has given back `held` units: at the node `held_at` (a row of `nodes`), or,
    where that is -1, promised by the channel `holder`."""
    without = nodes.copy()
    if held_at >= 0:
        without[held_at, SOFT] -= held
    p = promises_kept(s, sku, profile, ordinal, without, f, now, others)
    for d in range(p.units.size - 1):
        if held_at < 0 and held > 0 and p.channel[d] == holder:
            p.units[d] -= held
            break  # a fence of the same channel is none of its promises
    return p


@making_kernel
def spare_at(
    s: State, sku: int, profile: int, ordinal: Ints, nodes: Longs, f: Fences, now: int, others: Others, holder: int,
    held_at: int, held: int, node: int,
) -> Any:  # fmt: skip
    """Units that may be taken at a node (a row of `nodes`) and leave no more promises and fences unmet than there are,
    by who would give back what it held (arguments as of `promises_left`).

    Were all that is there taken, what goes unmet beyond that is promised to others.
    """
    unmet = _unmet(promises_kept(s, sku, profile, ordinal, nodes, f, now, others))
    p = promises_left(s, sku, profile, ordinal, nodes, f, now, others, holder, held_at, held)
    asker = p.units.size - 1
    there = p.left[node]
    p.units[asker] = p.most[asker, node] = there
    return there - max(0, _unmet(p) - unmet)


@making_kernel
def promised_of_kits(s: State, sku: int, kits: Ints, channels: int) -> Longs:
    """(K, C): units of a sku that each of some bundles (`kits`: their names' entries) was promised without a place."""
    units = np.zeros((kits.size, channels), np.int64)
    lines = s.lines.rows
    row = s.skus.rows["line"][sku]
    while row >= 0:
        place = lines["location"][row]
        if lines["open"][row] > 0 and lines["bundle"][row] >= 0 and (place < 0 or s.location_deleted[place]):
            for k in range(kits.size):
                if kits[k] == lines["bundle"][row]:
                    units[k, lines["channel"][row]] += lines["open"][row]
        row = lines["next"][row]
    return units


def spread(places: Flags, has: Flags, wants: Flags) -> Flags:
    """(n,): where a unit that is taken may be missed at one of `places` (n), since promises move out of its way.
    `has` (n): where there is something; `wants` (D, n): where each promise may be served."""
    found = places & has
    while True:
        more = found | (wants[wants[:, found].any(axis=1)].any(axis=0) & has)
        if (more == found).all():
            return found
        found = more
