"""How rows of the view become calls: grouped by tag, and sized to the byte before one is written."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import Longs
from inventory.jit import kernel, making_kernel
from inventory.views import NODE_TERMS, Views
from wire.resp import bulk_size, digits
from wire.rows_read import BLOCK_LOCATIONS
from wire.viewkeys import TAGS

HEADER_BYTES = 40
CHANNEL_BYTES = 64
BLOCK_HEADER_BYTES = 8
DATED_BYTES = 24
ORDINAL_BYTES = 2
EXPLAINED_HEADER_BYTES = 8
FACT_BYTES = 40
FENCE_BYTES = 24

UNKNOWN_PROFILE = -1
"""As the first `at` of a plan: some sku's profile has no rules."""

_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1


class Plan(NamedTuple):
    """How m rows become n calls.

    Call i writes rows `order[first[i]:first[i + 1]]`, has `words[i]` parts and takes bytes `at[i]:at[i + 1]`.
    `fields` (m): fields of each row but `v`. `width` (k nodes): bytes a number of the block that starts
    with this node.
    """

    order: Longs
    first: Longs
    words: Longs
    at: Longs
    fields: Longs
    width: npt.NDArray[np.uint8]


@making_kernel
def plan_calls(
    views: Views,
    text_end: Longs,
    row_key: int,
    lane_key: int,
    lane: int,
    fixed: int,
    rows_per_call: int,
) -> Plan:
    """Group the rows by tag and size every call. `row_key`, `lane_key`, `fixed` are lengths in bytes. The texts of
    profile p, its rules and what they give, end at `text_end[2 * p + 1]` and `text_end[2 * p + 2]`."""
    rows = len(views.shard)
    count = np.zeros(TAGS, np.int64)
    for i in range(rows):
        count[views.shard[i] % TAGS] += 1
    calls = 0
    place = np.zeros(TAGS, np.int64)
    filled = 0
    for tag in range(TAGS):
        place[tag] = filled
        filled += count[tag]
        calls += (count[tag] + rows_per_call - 1) // rows_per_call
    order = np.empty(rows, np.int64)
    for i in range(rows):
        tag = views.shard[i] % TAGS
        order[place[tag]] = i
        place[tag] += 1

    width = np.empty(len(views.node_ordinal), np.uint8)
    fields = np.empty(rows, np.int64)
    first = np.zeros(calls + 1, np.int64)
    words = np.empty(calls, np.int64)
    at = np.zeros(calls + 1, np.int64)
    packed = bulk_size(1) + bulk_size(HEADER_BYTES + CHANNEL_BYTES * len(views.channel_ordinal))
    call = 0
    done = 0
    for tag in range(TAGS):
        left = count[tag]
        while left > 0:
            size = min(left, rows_per_call)
            parts = 7 + size
            total = fixed + bulk_size(digits(size + 1)) + bulk_size(lane_key + digits(tag) + 2 + digits(lane))
            for j in range(done, done + size):
                i = order[j]
                profile = views.profile[i]
                if profile < 0 or 2 * profile + 2 >= len(text_end):
                    at[0] = UNKNOWN_PROFILE
                    return Plan(order, first, words, at, fields, width)
                rule_length = text_end[2 * profile + 1] - text_end[2 * profile]
                blocks, block_bytes = _size_blocks(views, i, width)
                dated = views.dated_start[i + 1] - views.dated_start[i]
                if dated > 0:
                    blocks += 1
                    block_bytes += bulk_size(1) + bulk_size(dated * DATED_BYTES)
                for text in (
                    views.parts_start[i + 1] - views.parts_start[i],
                    views.offers_start[i + 1] - views.offers_start[i],
                    ORDINAL_BYTES * (views.incomplete_start[i + 1] - views.incomplete_start[i]),
                    explained_bytes(views, i, text_end),
                ):
                    if text > 0:
                        blocks += 1
                        block_bytes += bulk_size(1) + bulk_size(text)
                fields[i] = 2 + blocks
                parts += 2 + 2 * fields[i]
                total += bulk_size(row_key + digits(tag) + 2 + views.name_len[i])
                total += bulk_size(digits(views.version[i])) + bulk_size(digits(fields[i]))
                total += packed + bulk_size(1) + bulk_size(rule_length) + block_bytes
            done += size
            left -= size
            words[call] = parts
            at[call + 1] = at[call] + 1 + digits(parts) + 2 + total
            first[call + 1] = done
            call += 1
    return Plan(order, first, words, at, fields, width)


@kernel
def explained_bytes(views: Views, row: int, text_end: Longs) -> int:
    """Bytes of field `e` of a row, 0 where there is nothing to say."""
    facts = views.facts_start[row + 1] - views.facts_start[row]
    fences = views.fences_start[row + 1] - views.fences_start[row]
    profile = views.profile[row]
    text = text_end[2 * profile + 2] - text_end[2 * profile + 1]
    if facts + fences + text == 0:
        return 0
    size: int = EXPLAINED_HEADER_BYTES + facts * FACT_BYTES + fences * FENCE_BYTES + text
    return size


@kernel
def _size_blocks(views: Views, row: int, width: npt.NDArray[np.uint8]) -> tuple[int, int]:
    """The blocks of a row and their bytes on the wire, names included; sets the width of each."""
    blocks = 0
    total = 0
    node = views.node_start[row]
    last = views.node_start[row + 1]
    while node < last:
        block = views.node_ordinal[node] // BLOCK_LOCATIONS
        begin = node
        number = 4
        while node < last and views.node_ordinal[node] // BLOCK_LOCATIONS == block:
            for term in range(NODE_TERMS):
                value = views.nodes[node, term]
                if value < _INT32_MIN or value > _INT32_MAX:
                    number = 8
            node += 1
        width[begin] = number
        total += bulk_size(1 + digits(block))
        total += bulk_size(BLOCK_HEADER_BYTES + (node - begin) * NODE_TERMS * number)
        blocks += 1
    return blocks, total
