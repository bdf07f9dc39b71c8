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

STATUS_NAMES = ("OUT", "LOW", "IN_STOCK")
OUT, LOW, IN_STOCK = range(3)


class Views(NamedTuple):
    """m skus to publish. C channels, k nodes in all.

    `name_at`, `name_len` (m) locate each sku's canonical identifier (UTF-8) in `names`.
    `shard` (m) is murmur2(sku) mod 256. `profile` (m) says which rules shaped the sku.
    `channels` (m, C, 8), whole units; `channel_ordinal` (C). `nodes` (k, 7), whole units; those of sku i
    are rows `node_start[i]:node_start[i + 1]`, ascending in `node_ordinal` (k).
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
    computed_at: int
