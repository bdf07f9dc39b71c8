"""The publishable result of a step: numbers per (sku, channel) and the positions behind them."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import Bytes, Ints, Longs

# Columns of `Views.channels` (last axis).
AVAILABLE, STATUS, VIEW, POOL, GRANT, SHARED, SHORTAGE, UNMET, DEMAND = range(9)
CHANNEL_TERMS = 9

# Columns of `Views.nodes` (last axis); every other term of a node follows from them.
ON_HAND, DAMAGED, QUALITY_CONTROL, BLOCKED, SOFT, HARD, SAFETY_STOCK = range(7)
NODE_TERMS = 7

# Columns of `Views.dated` (last axis), and what its first one says.
DATED_KIND, DATED_ORDINAL, DATED_AT, DATED_QUANTITY = range(4)
DATED_TERMS = 4
EXPECTED, NEEDED, UNSOURCED = range(3)

FACT_LONGS = 5
"""Longs that a fact takes in `Views.facts`."""

# Columns of `Views.fences` (last axis).
FENCE_CHANNEL, FENCE_TARGET, FENCE_CONSUMED = range(3)
FENCE_TERMS = 3

STATUS_NAMES = ("OUT", "LOW", "IN_STOCK")
OUT, LOW, IN_STOCK = range(3)


class Views(NamedTuple):
    """m skus to publish. C channels, k nodes in all.

    `name_at`, `name_len` (m) locate each sku's canonical identifier (UTF-8) in `names`.
    `shard` (m) is murmur2(sku) mod 256. `profile` (m) says which rules shaped the sku.
    `channels` (m, C, 9), whole units; `channel_ordinal` (C). `nodes` (k, 7), whole units; those of sku i
    are rows `node_start[i]:node_start[i + 1]`, ascending in `node_ordinal` (k).
    `dated` (d, 4): expected supply, and open demand that is not needed yet or has no location; that of sku i is rows
    `dated_start[i]:dated_start[i + 1]`. Kind `EXPECTED`: units that arrive at a location at an instant (ms), not
    overdue. `NEEDED`: units of a location's demand that are needed by the end of the UTC day in which an instant is.
    `UNSOURCED`: the same of a channel's demand without location; of what is needed now the instant is 0.
    `parts[parts_start[i]:parts_start[i + 1]]` is the JSON of sku i's components and their units in one bundle, empty
    if it is none. Of a bundle `active` says whether its components are sold too, and
    `offers[offers_start[i]:offers_start[i + 1]]` is the JSON of what its lane was told of each (docs/view.md).
    `facts` (f, 5): those that moved a sku last, as `state.FACT` packs them, the oldest first; of sku i rows
    `facts_start[i]:facts_start[i + 1]`. `fences` (h, 3): what was set aside for a channel (ordinal) and what of it
    was consumed, in whole units and in the order of granting; of sku i rows `fences_start[i]:fences_start[i + 1]`.
    `incomplete` (u): the locations (ordinals, ascending) whose counters are 0 because nobody has counted them since the
    log begins; of sku i places `incomplete_start[i]:incomplete_start[i + 1]`. `uncertain` (m, C): 1 where the channel
    sells from such a location.
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
    parts: Bytes
    parts_start: Longs
    offers: Bytes
    offers_start: Longs
    facts: Longs
    facts_start: Longs
    fences: Longs
    fences_start: Longs
    incomplete: Ints
    incomplete_start: Longs
    uncertain: Bytes
    computed_at: int


def bare(rows: int, channels: int) -> dict[str, Any]:
    """The fields of `Views` that say nothing: of skus without dates, components, facts, fences and what is missing."""
    start = np.zeros(rows + 1, np.int64)
    texts, none = np.zeros(0, np.uint8), np.zeros(0, np.int64)
    return {
        "dated_start": start,
        "dated": none.reshape(0, DATED_TERMS),
        "parts": texts,
        "parts_start": start,
        "offers": texts,
        "offers_start": start,
        "facts": none.reshape(0, FACT_LONGS),
        "facts_start": start,
        "fences": none.reshape(0, FENCE_TERMS),
        "fences_start": start,
        "incomplete": np.zeros(0, np.int32),
        "incomplete_start": start,
        "uncertain": np.zeros((rows, channels), np.uint8),
    }
