"""The publishable result of a step: numbers per (sku, channel) and the positions behind them."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import Bytes, Ints, Longs

# Columns of `Views.channels` (last axis).
AVAILABLE, STATUS, VIEW, POOL, GRANT, SHARED, SHORTAGE, UNMET = range(8)
CHANNEL_TERMS = 8

# Columns of `Views.nodes` (last axis); every other term of a node follows from them.
ON_HAND, DAMAGED, QUALITY_CONTROL, BLOCKED, SOFT, HARD, SAFETY_STOCK = range(7)
NODE_TERMS = 7

# Columns of `Views.dated` (last axis), and what its first one says.
DATED_KIND, DATED_ORDINAL, DATED_AT, DATED_QUANTITY = range(4)
DATED_TERMS = 4
EXPECTED, NEEDED, UNSOURCED = range(3)

STATUS_NAMES = ("OUT", "LOW", "IN_STOCK")
OUT, LOW, IN_STOCK = range(3)


class Views(NamedTuple):
    """m skus to publish. C channels, k nodes in all.

    `name_at`, `name_len` (m) locate each sku's canonical identifier (UTF-8) in `names`.
    `shard` (m) is murmur2(sku) mod 256. `profile` (m) says which rules shaped the sku.
    `channels` (m, C, 8), whole units; `channel_ordinal` (C). `nodes` (k, 7), whole units; those of sku i
    are rows `node_start[i]:node_start[i + 1]`, ascending in `node_ordinal` (k).
    `dated` (d, 4): expected supply, and open demand that is not needed yet or has no location; that of sku i is rows
    `dated_start[i]:dated_start[i + 1]`. Kind `EXPECTED`: units that arrive at a location at an instant (ms), not
    overdue. `NEEDED`: units of a location's demand that are needed by the end of the UTC day in which an instant is.
    `UNSOURCED`: the same of a channel's demand without location; of what is needed now the instant is 0.
    `version`, `as_of` (ms) and `active` are per sku; `computed_at` (ms) is the step's.
    """

    names: Bytes
    name_at: Longs
    name_len: Ints
    shard: Ints
    profile: Ints
    version: Longs
    as_of: Longs
    active: npt.NDArray[np.uint8]
    channels: Longs
    channel_ordinal: Ints
    node_start: Longs
    node_ordinal: Ints
    nodes: Longs
    dated_start: Longs
    dated: Longs
    computed_at: int
