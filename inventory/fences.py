"""Ring-fences: what each asks for a sku, and what all are granted in a channel's pool."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import NULL, Bytes, Ints, Longs
from inventory.draws import draw_of, new_draw, redraw
from inventory.jit import by_reference, kernel, making_kernel
from inventory.resolution import FENCE_PERCENT, FENCE_UNITS, Extras
from inventory.state import NO_LINE_YET, State
from inventory.tables import touch
from inventory.views import FENCE_CHANNEL, FENCE_CONSUMED, FENCE_TARGET, FENCE_TERMS


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


@making_kernel
def fences_of(
    extras: Extras, excluded: Bytes, sells: npt.NDArray[np.bool_], deleted: npt.NDArray[np.bool_], rank: Ints
) -> Fences:
    """The bundle for kernels."""
    return Fences(
        extras.fence_kind, extras.fence_target, extras.fence_since, extras.fence_name, extras.fence_order, excluded,
        sells, deleted, rank, extras.transit_confidence, extras.transit_days,
    )  # fmt: skip


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
    if kind == FENCE_UNITS:
        return f.since[profile, channel]
    if kind == FENCE_PERCENT:
        row = _allocated(s, sku, f.name[profile, channel])
        if row >= 0:
            return s.allocated.rows["since"][row]
    return NULL


@kernel
def target_of(s: State, sku: int, profile: int, channel: int, f: Fences) -> int:
    """What the channel's fence sets aside of the sku."""
    kind = f.kind[profile, channel]
    if kind == FENCE_UNITS:
        return f.target[profile, channel]
    if kind == FENCE_PERCENT:
        row = _allocated(s, sku, f.name[profile, channel])
        if row >= 0:
            return s.allocated.rows["units"][row]
    return 0


@kernel
def consumed_of(s: State, sku: int, channel: int) -> int:
    """What the channel has had of the sku since its fence was set."""
    draw = draw_of(s, sku, channel)
    return 0 if draw < 0 else s.draws.rows["quantity"][draw]


@kernel
def ask_of(s: State, sku: int, profile: int, channel: int, f: Fences) -> int:
    """What the channel's fence still asks for the sku."""
    return max(np.int64(0), target_of(s, sku, profile, channel, f) - consumed_of(s, sku, channel))


@making_kernel
def fences_told(s: State, skus: Ints, f: Fences, start: Longs) -> Longs:
    """`Views.fences` of skus, those in whose profile channels have some; fills `Views.fences_start`."""
    out = np.empty((skus.size * f.order.shape[1], FENCE_TERMS), np.int64)
    count = 0
    for i in range(skus.size):
        profile = s.skus.rows["profile"][skus[i]]
        for at in range(f.order.shape[1]):
            channel = f.order[profile, at]
            if channel < 0:
                break
            if f.excluded[profile, channel] == 0 and not f.deleted[channel]:
                out[count, FENCE_CHANNEL] = channel
                out[count, FENCE_TARGET] = target_of(s, skus[i], profile, channel, f)
                out[count, FENCE_CONSUMED] = consumed_of(s, skus[i], channel)
                count += 1
        start[i + 1] = count
    return out[:count].copy()


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
                draw = new_draw(s, sku, channel)
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
