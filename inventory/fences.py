"""Ring-fences: what a channel took since its fence was set, and what fences are granted in a channel's pool.

A *draw* is one (sku, channel): the sum of what its fence counts, and its sales without a reservation, by minute.
Sales are kept with the last ms of their minute, and what forgotten lines consumed with the ms before they were
placed, so that one comparison serves both: a sale counts if it is not before `since`.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import NULL, Bytes, Ints, Longs
from inventory.jit import by_reference, kernel
from inventory.resolution import FENCE_PERCENT, FENCE_UNITS, Extras
from inventory.state import NO_LINE_YET, State
from inventory.tables import append, give_back, take, touch

_MINUTE = 60_000
_LONG_AGO = -(1 << 62)  # a minute has an end even there
_FENCE_PERCENT, _FENCE_UNITS = FENCE_PERCENT, FENCE_UNITS


@by_reference
class Fences(NamedTuple):
    """`Extras` of the rules in force, and what of the network grants depend on. Axes as in `Terms`."""

    kind: Bytes
    target: Longs
    since: Longs
    name: Longs
    order: Ints
    excluded: Bytes
    sells: npt.NDArray[np.bool_]
    deleted: npt.NDArray[np.bool_]
    location_rank: Ints
    transit_confidence: Longs
    transit_days: Longs


@kernel
def fences_of(
    extras: Extras, excluded: Bytes, sells: npt.NDArray[np.bool_], deleted: npt.NDArray[np.bool_], rank: Ints
) -> Fences:
    """The bundle for kernels."""
    return Fences(
        extras.fence_kind, extras.fence_target, extras.fence_since, extras.fence_name, extras.fence_order, excluded,
        sells, deleted, rank, extras.transit_confidence, extras.transit_days,
    )  # fmt: skip


@kernel
def draw_of(s: State, sku: int, channel: int) -> int:
    """The row of a draw, or -1."""
    row = s.skus.rows["draw"][sku]
    while row >= 0 and s.draws.rows["channel"][row] != channel:
        row = s.draws.rows["next"][row]
    return row


@kernel
def _new_draw(s: State, sku: int, channel: int) -> int:
    row = append(s.draws)
    d = s.draws.rows
    d["since"][row] = NULL
    d["quantity"][row] = 0
    d["channel"][row] = channel
    d["sale"][row] = -1
    d["stale"][row] = 0
    d["next"][row] = s.skus.rows["draw"][sku]
    s.skus.rows["draw"][sku] = row
    touch(s.skus, sku)
    return row


# -- what a channel took ---------------------------------------------------------------------------------------------


@kernel
def _keep_sale(s: State, sku: int, channel: int, at: int, quantity: int) -> None:
    row = draw_of(s, sku, channel)
    if row < 0:
        row = _new_draw(s, sku, channel)
    d = s.draws.rows
    if d["since"][row] != NULL and at >= d["since"][row]:
        d["quantity"][row] += quantity
    newer = -1
    sale = d["sale"][row]
    while sale >= 0 and s.sales.rows["at"][sale] > at:
        newer = sale
        sale = s.sales.rows["next"][sale]
    if sale >= 0 and s.sales.rows["at"][sale] == at:
        s.sales.rows["quantity"][sale] += quantity
        touch(s.sales, sale)
    else:
        new = take(s.sales)
        s.sales.rows["at"][new] = at
        s.sales.rows["quantity"][new] = quantity
        s.sales.rows["next"][new] = sale
        if newer < 0:
            d["sale"][row] = new
        else:
            s.sales.rows["next"][newer] = new
            touch(s.sales, newer)
    touch(s.draws, row)


@kernel
def sell(s: State, sku: int, channel: int, occurred_at: int, quantity: int) -> None:
    """Note a sale of a channel that names no reservation."""
    occurred_at = max(occurred_at, _LONG_AGO)
    _keep_sale(s, sku, channel, occurred_at - occurred_at % _MINUTE + _MINUTE - 1, quantity)


@kernel
def _taken_by(s: State, line: int, draw: int) -> int:
    """What a line counts in its channel's draw."""
    lines = s.lines.rows
    since = s.draws.rows["since"][draw]
    if since == NULL or lines["version"][line] == NO_LINE_YET or lines["placed_at"][line] <= since:
        return 0
    return lines["open"][line] + max(np.int64(0), lines["consumed"][line])


@kernel
def undraw(s: State, line: int) -> None:
    """Take a line out of its draw, before its columns change."""
    drawn = s.lines.rows["drawn"][line]
    if drawn != 0:
        draw = draw_of(s, s.lines.rows["sku"][line], s.lines.rows["channel"][line])
        s.draws.rows["quantity"][draw] -= drawn
        s.lines.rows["drawn"][line] = 0
        touch(s.draws, draw)


@kernel
def redraw(s: State, line: int) -> None:
    """Make the draw of a line's channel agree with what the line took."""
    lines = s.lines.rows
    sku = lines["sku"][line]
    if s.skus.rows["draw"][sku] < 0:
        return
    draw = draw_of(s, sku, lines["channel"][line])
    if draw < 0:
        return
    wanted = _taken_by(s, line, draw)
    have = lines["drawn"][line]
    if wanted != have:
        s.draws.rows["quantity"][draw] += wanted - have
        lines["drawn"][line] = wanted
        touch(s.draws, draw)
        touch(s.lines, line)


@kernel
def note_placed(s: State, line: int, occurred_at: int) -> None:
    """A version of a line was made at that instant."""
    lines = s.lines.rows
    if lines["placed_at"][line] == NULL or occurred_at < lines["placed_at"][line]:
        lines["placed_at"][line] = occurred_at
        redraw(s, line)


@kernel
def bury(s: State, line: int, least: int) -> None:
    """Keep what a line consumed as a sale, before the line is forgotten. `least`: no fence counts from earlier."""
    lines = s.lines.rows
    undraw(s, line)
    consumed = lines["consumed"][line]
    if consumed <= 0 or lines["version"][line] == NO_LINE_YET:
        return
    at = lines["placed_at"][line] - 1  # a fence counts what was placed after it was set
    if at >= least:
        _keep_sale(s, lines["sku"][line], lines["channel"][line], at, consumed)


@kernel
def forget_sales(s: State, before: int, bounds: Longs) -> int:
    """Sum up sales dated before an instant between the instants from which fences count (`bounds`, ascending);
    drop those that no fence counts. Returns how many rows were freed."""
    freed = 0
    at = s.sales.rows["at"]
    following = s.sales.rows["next"]
    for draw in range(s.draws.head[0]):
        newer = -1
        sale = s.draws.rows["sale"][draw]
        while sale >= 0 and at[sale] >= before:
            newer = sale
            sale = following[sale]
        into, group = -1, -1
        while sale >= 0:
            older = following[sale]
            mine = np.searchsorted(bounds, at[sale], side="right")
            if mine > 0 and mine != group:
                into, group = sale, mine
                newer = sale
            else:
                if mine > 0:
                    s.sales.rows["quantity"][into] += s.sales.rows["quantity"][sale]
                    touch(s.sales, into)
                if newer < 0:
                    s.draws.rows["sale"][draw] = older
                    touch(s.draws, draw)
                else:
                    following[newer] = older
                    touch(s.sales, newer)
                give_back(s.sales, sale)
                freed += 1
            sale = older
    return freed


# -- what a fence asks -----------------------------------------------------------------------------------------------


@kernel
def _allocated(s: State, sku: int, fence: int) -> int:
    row = s.skus.rows["allocated"][sku]
    while row >= 0 and s.allocated.rows["fence"][row] != fence:
        row = s.allocated.rows["next"][row]
    return row


@kernel
def _since_of(s: State, sku: int, profile: int, channel: int, f: Fences) -> int:
    """From when on the channel's fence counts; NULL where none asks anything."""
    kind = f.kind[profile, channel]
    if kind == _FENCE_UNITS:
        return f.since[profile, channel]
    if kind == _FENCE_PERCENT:
        row = _allocated(s, sku, f.name[profile, channel])
        if row >= 0:
            return s.allocated.rows["since"][row]
    return NULL


@kernel
def ask_of(s: State, sku: int, profile: int, channel: int, f: Fences) -> int:
    """What the channel's fence still asks for the sku."""
    kind = f.kind[profile, channel]
    target = np.int64(0)
    if kind == _FENCE_UNITS:
        target = f.target[profile, channel]
    elif kind == _FENCE_PERCENT:
        row = _allocated(s, sku, f.name[profile, channel])
        if row < 0:
            return 0
        target = s.allocated.rows["units"][row]
    draw = draw_of(s, sku, channel)
    taken = np.int64(0) if draw < 0 else s.draws.rows["quantity"][draw]
    return max(np.int64(0), target - taken)


@kernel
def renew_draws(s: State, skus: Ints, f: Fences) -> int:
    """Start the draws anew whose fence counts from another instant than before; returns how many, and then
    `recount_draws` must follow."""
    stale = 0
    for i in range(skus.size):
        sku = skus[i]
        profile = s.skus.rows["profile"][sku]
        for at in range(f.order.shape[1]):
            channel = f.order[profile, at]
            if channel < 0:
                break
            since = _since_of(s, sku, profile, channel, f)
            draw = draw_of(s, sku, channel)
            if draw < 0:
                if since == NULL:
                    continue
                draw = _new_draw(s, sku, channel)
            d = s.draws.rows
            if d["since"][draw] == since:
                continue
            d["since"][draw] = since
            d["quantity"][draw] = 0
            d["stale"][draw] = 1
            stale += 1
            touch(s.draws, draw)
            sale = d["sale"][draw] if since != NULL else -1
            while sale >= 0 and s.sales.rows["at"][sale] >= since:
                d["quantity"][draw] += s.sales.rows["quantity"][sale]
                sale = s.sales.rows["next"][sale]
    return stale


@kernel
def recount_draws(s: State) -> None:
    """Count all lines of stale draws anew."""
    lines = s.lines.rows
    for line in range(s.lines.head[0]):
        if lines["key"][line] < 0 or lines["version"][line] == NO_LINE_YET:
            continue
        draw = draw_of(s, lines["sku"][line], lines["channel"][line])
        if draw >= 0 and s.draws.rows["stale"][draw] == 1:
            lines["drawn"][line] = 0
            touch(s.lines, line)
            redraw(s, line)
    for draw in range(s.draws.head[0]):
        s.draws.rows["stale"][draw] = 0


# -- grants ----------------------------------------------------------------------------------------------------------


@kernel
def grant_fences(
    s: State, sku: int, profile: int, channel: int, pool: int, place: Ints, left: Longs, count: int, f: Fences
) -> tuple[int, int]:
    """What the channel's own fence and what all fences are granted in its pool.

    `place[:count]`: the locations with something to take, by id; `left[:count]`: units there, which are used up.
    """
    own = 0
    rest = pool
    for at in range(f.order.shape[1]):
        other = f.order[profile, at]
        if other < 0:
            break
        if f.excluded[profile, other] or f.deleted[other]:
            continue
        ask = min(ask_of(s, sku, profile, other, f), rest)
        if other == channel:
            own = ask
            rest -= ask
            continue
        for k in range(count):
            if f.sells[channel, place[k]] and f.sells[other, place[k]]:
                taken = min(ask, left[k])
                left[k] -= taken
                ask -= taken
                rest -= taken
    return own, pool - rest
