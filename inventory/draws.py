"""Draws: what a channel took of a sku since its ring-fence was set, as a sum that moves with lines and sales.

A *draw* is one (sku, channel), with its sales without a reservation, by minute. Sales are kept with the last ms of
their minute, and what forgotten lines consumed with the ms before they were placed, so that one comparison serves both:
a sale counts if it is not before `since`.
"""

import numpy as np

from inventory.columns import NULL, Longs
from inventory.jit import kernel, making_kernel
from inventory.state import NO_LINE_YET, State
from inventory.tables import append, give_back, take, touch

_MINUTE = 60_000
_LONG_AGO = -(1 << 62)  # a minute has an end even there


@kernel
def draw_of(s: State, sku: int, channel: int) -> int:
    """The row of a draw, or -1."""
    row = s.skus.rows["draw"][sku]
    while row >= 0 and s.draws.rows["channel"][row] != channel:
        row = s.draws.rows["next"][row]
    return row


@kernel
def new_draw(s: State, sku: int, channel: int) -> int:
    """The row of a draw that counts nothing yet; there is none of the (sku, channel)."""
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


@kernel
def _keep_sale(s: State, sku: int, channel: int, at: int, quantity: int) -> bool:
    row = draw_of(s, sku, channel)
    if row < 0:
        row = new_draw(s, sku, channel)
    d = s.draws.rows
    counts = d["since"][row] != NULL and at >= d["since"][row]
    if counts:
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
    return counts


@kernel
def sell(s: State, sku: int, channel: int, occurred_at: int, quantity: int) -> bool:
    """Note a sale of a channel that names no reservation; True where a fence counts it."""
    occurred_at = max(occurred_at, _LONG_AGO)
    return _keep_sale(s, sku, channel, occurred_at - occurred_at % _MINUTE + _MINUTE - 1, quantity)


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


@making_kernel
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
