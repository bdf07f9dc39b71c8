"""From positions to numbers: nodes, the pool of each channel, and what the channel is shown."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import Bytes, Ints, Longs
from inventory.jit import inline_kernel, kernel
from inventory.policies import Terms
from inventory.state import State
from inventory.views import (
    AVAILABLE,
    BLOCKED,
    CHANNEL_TERMS,
    DAMAGED,
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


class Reach(NamedTuple):
    """Who sells where: `sells` (C, L), `shares` (C, C): a location in common; `deleted` channels (C);
    `ordinals`: the channels that exist."""

    sells: npt.NDArray[np.bool_]
    shares: npt.NDArray[np.bool_]
    deleted: npt.NDArray[np.bool_]
    ordinals: Ints


@kernel
def _count_nodes(s: State, skus: Ints, start: Longs) -> int:
    total = 0
    following = s.positions.rows["next"]
    for i in range(skus.size):
        start[i] = total
        row = s.skus.rows["position"][skus[i]]
        while row >= 0:
            total += 1
            row = following[row]
    start[skus.size] = total
    return total


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
    """Counters and demand of one node; returns its net (signed)."""
    p = s.positions.rows
    out[ON_HAND] = p["on_hand"][position]
    out[SOFT] = p["soft"][position]
    out[HARD] = p["hard"][position]
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


@kernel
def _safety_stock(kind: int, value: int, net: int) -> int:
    if kind == _UNITS:
        return value
    if kind == _PERCENT:
        return -_part(-max(net, 0), value)  # withheld percentages round up
    return 0


@kernel
def _fill_channel(
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
    if terms.excluded[profile, channel] or reach.deleted[channel] or s.skus.rows["active"][sku] == 0:
        out[STATUS] = OUT
        return
    offer = _part(pool, terms.share[profile, channel])
    view = max(np.int64(0), offer - terms.buffer[profile, channel])
    if terms.cap[profile, channel] >= 0:
        view = min(view, terms.cap[profile, channel])
    if view <= terms.threshold[profile, channel]:
        view = np.int64(0)
    out[VIEW] = view
    out[AVAILABLE] = view
    if view <= 0:
        out[STATUS] = OUT
    elif view < terms.low_stock[profile, channel]:
        out[STATUS] = LOW
    else:
        out[STATUS] = IN_STOCK


@kernel
def _compute(
    s: State, skus: Ints, terms: Terms, reach: Reach, start: Longs, ordinal: Ints, rows: Ints, nodes: Longs,
    channels: Longs,
) -> None:  # fmt: skip
    count = reach.sells.shape[0]
    supply = np.zeros(count, np.int64)
    shortage = np.zeros(count, np.int64)
    withheld = np.zeros(count, np.int64)
    for i in range(skus.size):
        sku = skus[i]
        profile = s.skus.rows["profile"][sku]
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
            held = max(net, np.int64(0))
            for channel in range(count):
                if reach.sells[channel, location]:
                    supply[channel] += held
                    shortage[channel] += max(np.int64(0), -net)
                    withheld[channel] += min(held, safety)
        for c in range(reach.ordinals.size):
            channel = reach.ordinals[c]
            _fill_channel(
                s, sku, profile, channel, supply[channel], shortage[channel], withheld[channel], terms, reach,
                channels[i, c],
            )  # fmt: skip


@kernel
def _versions(s: State, skus: Ints, base: int, version: Longs) -> None:
    for i in range(skus.size):
        k = skus[i]
        r = s.skus.rows
        version[i] = (
            base + r["offset_0"][k] + r["offset_1"][k] + r["offset_2"][k] + r["offset_3"][k] + r["offset_4"][k]
            + r["offset_5"][k] + r["offset_6"][k] + r["offset_7"][k] + r["instants"][k]
        )  # fmt: skip


def compute(
    s: State, table: npt.NDArray[Any], names: Bytes, skus: Ints, terms: Terms, reach: Reach, version_base: int, now: int
) -> Views:  # fmt: skip
    """The numbers of `skus` (rows of the sku table) at `now`. `version_base` holds the version's terms that
    all skus of a lane share; `table` is the sku table's rows."""
    start = np.zeros(skus.size + 1, np.int64)
    total = _count_nodes(s, skus, start)
    ordinal = np.zeros(total, np.int32)
    rows = np.zeros(total, np.int32)
    nodes = np.zeros((total, NODE_TERMS), np.int64)
    channels = np.zeros((skus.size, reach.ordinals.size, CHANNEL_TERMS), np.int64)
    version = np.zeros(skus.size, np.int64)
    _compute(s, skus, terms, reach, start, ordinal, rows, nodes, channels)
    _versions(s, skus, version_base, version)
    return Views(
        names=names,
        name_at=table["name_at"][skus],
        name_len=table["name_length"][skus],
        shard=table["shard"][skus],
        profile=table["profile"][skus],
        version=version,
        as_of=table["as_of"][skus],
        active=(table["active"][skus] != 0).astype(np.uint8),
        channels=channels,
        channel_ordinal=reach.ordinals,
        node_start=start,
        node_ordinal=ordinal,
        nodes=nodes,
        computed_at=now,
    )
