"""From positions to numbers: nodes, the pool of each channel, and what the channel is shown."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import Bytes, Ints, Longs
from inventory.dated import count_dated, fill_dated
from inventory.fences import Fences, fences_of, fences_told, grant_fences, recount_draws, renew_draws
from inventory.incomplete import fill_incomplete, is_withheld
from inventory.jit import inline_kernel, kernel, making_kernel
from inventory.policies import Extras, Terms
from inventory.resolution import FENCED, TRANSITED
from inventory.state import Memory, State
from inventory.supply import counted
from inventory.views import (
    AVAILABLE,
    BLOCKED,
    CHANNEL_TERMS,
    DAMAGED,
    DATED_TERMS,
    DEMAND,
    FACT_LONGS,
    FENCE_TERMS,
    GRANT,
    HARD,
    IN_STOCK,
    LOW,
    NODE_TERMS,
    ON_HAND,
    OUT,
    POOL,
    QUALITY_CONTROL,
    SAFETY_STOCK,
    SHARED,
    SHORTAGE,
    SOFT,
    STATUS,
    UNMET,
    VIEW,
    Views,
)  # fmt: skip

WHOLE = 1_000_000
"""100 % in ten-thousandths of a percent."""

_UNITS, _PERCENT = 1, 2
_FENCED, _TRANSITED = FENCED, TRANSITED


class Reach(NamedTuple):
    """Who sells where: `sells` (C, L), `shares` (C, C): a location in common; `deleted` channels (C);
    `ordinals`: the channels that exist; `location_rank` (L): the order of the locations by id."""

    sells: npt.NDArray[np.bool_]
    shares: npt.NDArray[np.bool_]
    deleted: npt.NDArray[np.bool_]
    ordinals: Ints
    location_rank: Ints


class Rules(NamedTuple):
    """What numbers rest on beside facts, at one instant."""

    terms: Terms
    reach: Reach
    fences: Fences
    fenced: bool
    """Whether some profile has ring-fences."""

    @staticmethod
    def of(terms: Terms, extras: Extras, reach: Reach) -> "Rules":
        """Put together; costs more than computing a number, so keep it."""
        fences = fences_of(extras, terms.excluded, reach.sells, reach.deleted, reach.location_rank)
        return Rules(terms, reach, fences, bool((terms.special & FENCED).any()))


class _Abouts(NamedTuple):
    """Columns of `Views` that are one number a sku."""

    name_at: Longs
    name_len: Ints
    shard: Ints
    profile: Ints
    version: Longs
    as_of: Longs
    active: Bytes


@kernel
def _count_rows(s: State, skus: Ints, start: Longs, size: Longs) -> None:
    """Fill `Views.node_start`, and `size` = [nodes, dated rows at most]."""
    nodes, dated = 0, 0
    following = s.positions.rows["next"]
    for i in range(skus.size):
        start[i] = nodes
        row = s.skus.rows["position"][skus[i]]
        while row >= 0:
            nodes += 1
            row = following[row]
        dated += count_dated(s, skus[i])
    start[skus.size] = nodes
    size[0], size[1] = nodes, dated


@kernel
def _gather_nodes(s: State, sku: int, first: int, last: int, ordinal: Ints, rows: Ints) -> None:
    """Rows of the sku's positions, ascending in location ordinal (insertion sort: lists are short)."""
    keys = s.positions.rows["key"]
    row = s.skus.rows["position"][sku]
    count = first
    while row >= 0:
        location = np.int32(keys[row] & 0xFFFFFFFF)
        at = count
        while at > first and ordinal[at - 1] > location:
            ordinal[at] = ordinal[at - 1]
            rows[at] = rows[at - 1]
            at -= 1
        ordinal[at] = location
        rows[at] = row
        count += 1
        row = s.positions.rows["next"][row]


@kernel
def _fill_node(s: State, position: int, out: Longs) -> int:
    """Counters and demand of one node (`out` is 0); returns its net (signed)."""
    p = s.positions.rows
    out[SOFT] = p["soft"][position]
    out[HARD] = p["hard"][position]
    if is_withheld(s, position):
        return -out[SOFT] - out[HARD]
    out[ON_HAND] = p["on_hand"][position]
    parts = p["parts"][position]
    if parts >= 0:
        out[DAMAGED] = s.parts.rows["value_1"][parts]
        out[QUALITY_CONTROL] = s.parts.rows["value_2"][parts]
        out[BLOCKED] = s.parts.rows["value_3"][parts]
    sellable = out[ON_HAND] - out[DAMAGED] - out[QUALITY_CONTROL] - out[BLOCKED]
    return max(np.int64(0), sellable) - out[SOFT] - out[HARD]


@inline_kernel
def _part(units: int, share: int) -> int:
    """floor(units * share / WHOLE), without a product that could exceed 64 bits."""
    return units // WHOLE * share + units % WHOLE * share // WHOLE


def part_of(units: Longs, share: Longs) -> Longs:
    """floor(units * share / WHOLE) of each, without a product that could exceed 64 bits."""
    return units // WHOLE * share + units % WHOLE * share // WHOLE


@kernel
def _safety_stock(kind: int, value: int, net: int) -> int:
    if kind == _UNITS:
        return value
    if kind == _PERCENT:
        return -_part(-max(net, 0), value)  # withheld percentages round up
    return 0


@kernel
def _fill_pool(
    s: State, sku: int, profile: int, channel: int, supply: int, shortage: int, withheld_nodes: int, terms: Terms,
    reach: Reach, out: Longs,
) -> None:  # fmt: skip
    unsourced = 0
    row = s.skus.rows["unsourced"][sku]
    while row >= 0:
        if reach.shares[channel, s.unsourced.rows["channel"][row]]:
            unsourced += s.unsourced.rows["soft"][row] + s.unsourced.rows["hard"][row]
        row = s.unsourced.rows["next"][row]
    demand = shortage + unsourced
    withheld = min(max(terms.network_safety[profile], withheld_nodes), max(0, supply - demand))
    pool = supply - min(demand, supply) - withheld
    out[POOL] = pool
    out[SHARED] = pool
    out[SHORTAGE] = shortage
    out[UNMET] = max(0, demand - supply)
    out[DEMAND] = demand


@kernel
def fill_view(s: State, sku: int, profile: int, channel: int, terms: Terms, reach: Reach, out: Longs) -> None:
    """From a pool to what the channel is shown."""
    if terms.excluded[profile, channel] or reach.deleted[channel] or s.skus.rows["active"][sku] == 0:
        out[STATUS] = OUT
        return
    offer = out[GRANT] + _part(out[SHARED], terms.share[profile, channel])
    view = max(np.int64(0), offer - terms.buffer[profile, channel])
    if terms.cap[profile, channel] >= 0:
        view = min(view, terms.cap[profile, channel])
    if view <= terms.threshold[profile, channel]:
        view = np.int64(0)
    out[VIEW] = view
    available = view + max(np.int64(0), terms.backorder[profile, channel] - out[UNMET])
    out[AVAILABLE] = available
    if available <= 0:
        out[STATUS] = OUT
    elif available < terms.low_stock[profile, channel]:
        out[STATUS] = LOW
    else:
        out[STATUS] = IN_STOCK


@kernel
def _by_rank(rank: Ints, place: Ints, count: int, location: int) -> int:
    """Enter a location into a list that is ordered by rank, unless it is there; returns the list's length."""
    at = count
    while at > 0 and rank[place[at - 1]] > rank[location]:
        at -= 1
    if at > 0 and place[at - 1] == location:
        return count
    for k in range(count, at, -1):
        place[k] = place[k - 1]
    place[at] = location
    return count + 1


@kernel
def _places_of(s: State, sku: int, ordinal: Ints, first: int, last: int, rank: Ints, place: Ints) -> int:
    """The locations where the sku has a position or is expected, by id; returns how many."""
    count = 0
    for n in range(first, last):
        count = _by_rank(rank, place, count, ordinal[n])
    row = s.skus.rows["supply"][sku]
    while row >= 0:
        count = _by_rank(rank, place, count, s.supply.rows["location"][row])
        row = s.supply.rows["next"][row]
    return count


@kernel
def _in_transit(s: State, sku: int, profile: int, channel: int, f: Fences, now: int, at: Longs) -> int:
    """What the channel counts of expected supply, in all and added by location in `at`."""
    total = np.int64(0)
    row = s.skus.rows["supply"][sku]
    while row >= 0:
        units = counted(s, row, profile, channel, f, now)
        at[s.supply.rows["location"][row]] += units
        total += units
        row = s.supply.rows["next"][row]
    return total


@making_kernel
def _compute(
    s: State, skus: Ints, terms: Terms, reach: Reach, f: Fences, now: int, start: Longs, ordinal: Ints, rows: Ints,
    nodes: Longs, channels: Longs,
) -> None:  # fmt: skip
    count = reach.sells.shape[0]
    supply = np.zeros(count, np.int64)
    shortage = np.zeros(count, np.int64)
    withheld = np.zeros(count, np.int64)
    stock = np.zeros(reach.sells.shape[1], np.int64)  # node_ats by location, of a sku with fences
    coming = np.zeros(reach.sells.shape[1], np.int64)  # counted in-transit supply by location, of one channel
    place = np.zeros(reach.sells.shape[1], np.int32)
    left = np.zeros(reach.sells.shape[1], np.int64)
    for i in range(skus.size):
        sku = skus[i]
        profile = s.skus.rows["profile"][sku]
        special = terms.special[profile]
        supply[:] = 0
        shortage[:] = 0
        withheld[:] = 0
        _gather_nodes(s, sku, start[i], start[i + 1], ordinal, rows)
        for n in range(start[i], start[i + 1]):
            location = ordinal[n]
            net = _fill_node(s, rows[n], nodes[n])
            safety = _safety_stock(
                terms.safety_kind[profile, location], terms.safety_value[profile, location], net
            )
            nodes[n, SAFETY_STOCK] = safety
            held = max(net, 0)
            kept = min(held, safety)
            if special:
                stock[location] = held - kept
            for channel in range(count):
                if reach.sells[channel, location]:
                    supply[channel] += held
                    shortage[channel] += max(np.int64(0), -net)
                    withheld[channel] += kept
        places = 0
        if special:
            places = _places_of(s, sku, ordinal, start[i], start[i + 1], reach.location_rank, place)
        for c in range(reach.ordinals.size):
            channel = reach.ordinals[c]
            out = channels[i, c]
            if special & _TRANSITED:
                supply[channel] += _in_transit(s, sku, profile, channel, f, now, coming)
            _fill_pool(
                s,
                sku,
                profile,
                channel,
                supply[channel],
                shortage[channel],
                withheld[channel],
                terms,
                reach,
                out,
            )
            if special & _FENCED:
                for k in range(places):
                    left[k] = stock[place[k]] + coming[place[k]]
                own, granted = grant_fences(s, sku, profile, channel, out[POOL], place, left, places, f)
                out[GRANT] = own
                out[SHARED] = out[POOL] - granted
            if special:
                for k in range(places):
                    coming[place[k]] = 0
            fill_view(s, sku, profile, channel, terms, reach, out)
        for k in range(places):
            stock[place[k]] = 0


@kernel
def _fill_abouts(s: State, skus: Ints, base: int, out: _Abouts) -> None:
    r = s.skus.rows
    for i in range(skus.size):
        k = skus[i]
        out.name_at[i] = r["name_at"][k]
        out.name_len[i] = r["name_length"][k]
        out.shard[i] = r["shard"][k]
        out.profile[i] = r["profile"][k]
        out.as_of[i] = r["as_of"][k]
        out.active[i] = r["active"][k] != 0
        out.version[i] = (
            base + r["offset_0"][k] + r["offset_1"][k] + r["offset_2"][k] + r["offset_3"][k] + r["offset_4"][k]
            + r["offset_5"][k] + r["offset_6"][k] + r["offset_7"][k] + r["instants"][k]
        )  # fmt: skip


def renew_fences(memory: Memory, skus: Ints, rules: Rules) -> None:
    """Before `compute`: what the fences of `skus` count, where they count from another instant than before."""
    special = rules.terms.special
    if not special.any():
        return
    fenced = skus[special[memory.stores["skus"].table.rows["profile"][skus]] & FENCED != 0]
    if not fenced.size:
        return
    if memory.stores["draws"].reserve(fenced.size * rules.reach.ordinals.size):
        memory.invalidate()
    state = memory.state()
    if renew_draws(state, fenced, rules.fences):
        recount_draws(state)


def compute(
    s: State, names: Bytes, skus: Ints, rules: Rules, version_base: int, now: int, *, withholds: bool
) -> Views:
    """The numbers of `skus` (rows of the sku table) at `now`. `version_base` holds the version's terms that
    all skus of a lane share; `withholds` is that of the state. Without the facts that moved them last."""
    m, reach = skus.size, rules.reach
    start = np.zeros(m + 1, np.int64)
    size = np.zeros(2, np.int64)
    _count_rows(s, skus, start, size)
    total, most_dated = size.tolist()
    ordinal, rows = np.zeros((2, total), np.int32)
    nodes = np.zeros((total, NODE_TERMS), np.int64)
    channels = np.zeros((m, reach.ordinals.size, CHANNEL_TERMS), np.int64)
    _compute(s, skus, rules.terms, reach, rules.fences, now, start, ordinal, rows, nodes, channels)
    name_at, version, as_of, dated_start = np.zeros((4, m + 1), np.int64)
    name_len, shard, profile = np.zeros((3, m), np.int32)
    abouts = _Abouts(name_at[:m], name_len, shard, profile, version[:m], as_of[:m], np.zeros(m, np.uint8))
    _fill_abouts(s, skus, version_base, abouts)
    dated = np.zeros((most_dated, DATED_TERMS), np.int64)
    if most_dated:
        fill_dated(s, skus, now, dated_start, dated)
    none = np.zeros(m + 1, np.int64)
    uncertain = np.zeros((m, reach.ordinals.size), np.uint8)
    incomplete_start, incomplete = none, np.zeros(0, np.int32)
    if withholds:
        incomplete_start, incomplete = np.zeros(m + 1, np.int64), np.zeros(total, np.int32)
        fill_incomplete(
            s, reach.sells, reach.ordinals, start, ordinal, rows, incomplete, incomplete_start, uncertain
        )
    fences_start, fences = none, np.zeros((0, FENCE_TERMS), np.int64)
    if rules.fenced:
        fences_start = np.zeros(m + 1, np.int64)
        fences = fences_told(s, skus, rules.fences, fences_start)
    return Views(
        names=names,
        **abouts._asdict(),
        channels=channels,
        channel_ordinal=reach.ordinals,
        node_start=start,
        node_ordinal=ordinal,
        nodes=nodes,
        dated_start=dated_start,
        dated=dated[: dated_start[m]],
        parts=np.zeros(0, np.uint8),
        parts_start=none,
        offers=np.zeros(0, np.uint8),
        offers_start=none,
        facts=np.zeros((0, FACT_LONGS), np.int64),
        facts_start=none,
        fences=fences,
        fences_start=fences_start,
        incomplete=incomplete[: incomplete_start[m]],
        incomplete_start=incomplete_start,
        uncertain=uncertain,
        computed_at=now,
    )
