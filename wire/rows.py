"""Rows of the Redis view: one kernel plans the calls of the guarded write, one writes their bytes.

The layout is in docs/view.md; `rows_read` reads it, `view.lua` is the script that is called.
"""

from hashlib import sha1
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from inventory.columns import Bytes, Longs
from inventory.jit import kernel
from inventory.views import (
    AVAILABLE,
    DATED_AT,
    DATED_KIND,
    DATED_ORDINAL,
    DATED_QUANTITY,
    FACT_LONGS,
    FENCE_CHANNEL,
    FENCE_CONSUMED,
    FENCE_TARGET,
    GRANT,
    NODE_TERMS,
    POOL,
    SHARED,
    SHORTAGE,
    STATUS,
    UNMET,
    VIEW,
    Views,
)
from wire.resp import (
    digits,
    put_array,
    put_bytes,
    put_decimal,
    put_end,
    put_int16,
    put_int32,
    put_int64,
    put_length,
    put_number,
    put_slice,
)
from wire.rows_plan import (
    BLOCK_HEADER_BYTES,
    CHANNEL_BYTES,
    DATED_BYTES,
    HEADER_BYTES,
    ORDINAL_BYTES,
    UNKNOWN_PROFILE,
    Plan,
    explained_bytes,
    plan_calls,
)
from wire.rows_read import BLOCK_LOCATIONS, LAYOUT
from wire.view_reads import put_tagged
from wire.viewkeys import TAGS

_FENCED, _TAKEN = -1, -2


class RowError(ValueError):
    """Views that cannot be written as rows; the message says what to correct."""


class Applied(NamedTuple):
    """What one call did: rows written, rows refused as not newer; the newer generation, or when the newer folder of the
    lane began, to a lane that is fenced off."""

    applied: int
    refused: int
    fenced_by: int | None = None
    taken_at: int | None = None


def script() -> bytes:
    """The source of the guarded write, for SCRIPT LOAD."""
    return Path(__file__).with_name("view.lua").read_bytes()


def script_sha() -> bytes:
    """The name that EVALSHA knows `script()` by: 40 hexadecimal digits."""
    return sha1(script(), usedforsecurity=False).hexdigest().encode()


def parse_reply(reply: list[int]) -> Applied:
    """The reply of one call."""
    first, second = reply
    if first == _FENCED:
        return Applied(0, 0, fenced_by=second)
    return Applied(0, 0, taken_at=second) if first == _TAKEN else Applied(first, second)


def encode_calls(
    views: Views,
    *,
    prefix: bytes,
    lane: int,
    generation: int,
    began: int = 0,
    offsets: bytes,
    rules: list[bytes],
    terms: list[bytes],
    sha: bytes,
    rows_per_call: int = 80,
) -> list[memoryview]:
    """The complete EVALSHA commands that write `views`, in one buffer; each has one reply (`parse_reply`).

    `rules[p]` is the JSON of profile p: which rules shaped each channel's number; `terms[p]` is what they give
    (`rows_terms`). `began`: when the lane's folder did (ms). `offsets` says what the lane had folded, opaque here. A
    call's rows share a tag. 80 rows keep a call below 1 ms of server time. Raises RowError if a sku's profile has no
    entry in `rules` and `terms`.
    """
    texts = [text for pair in zip(rules, terms, strict=True) for text in pair]
    text = np.frombuffer(b"".join(texts) or b"\0", dtype=np.uint8)
    text_end = np.cumsum(np.array([0, *map(len, texts)], dtype=np.int64))
    opening = b"$7\r\nEVALSHA\r\n$%d\r\n%s\r\n" % (len(sha), sha)
    state = b"".join(
        b"$%d\r\n%s\r\n" % (len(word), word) for word in (b"%d" % generation, offsets, b"%d" % began)
    )
    row_key, lane_key = prefix + b"v:{", prefix + b"f:{"
    fixed = len(opening) + len(state)
    plan = plan_calls(views, text_end, len(row_key), len(lane_key), lane, fixed, rows_per_call)
    if plan.at[0] == UNKNOWN_PROFILE:
        raise RowError(
            f"a sku has profile {int(views.profile.max())}, but rules are given for {len(rules)} profiles: "
            "pass the JSON of every profile of the rules in force"
        )
    out = np.empty(int(plan.at[-1]), dtype=np.uint8)
    _write_calls(out, views, plan, text, text_end, row_key, lane_key, lane, generation, opening, state)
    whole = memoryview(out)  # type: ignore[arg-type]
    return [whole[start:end] for start, end in pairwise(plan.at.tolist())]


@kernel
def _write_calls(
    out: Bytes,
    views: Views,
    plan: Plan,
    text: Bytes,
    text_end: Longs,
    row_key: bytes,
    lane_key: bytes,
    lane: int,
    generation: int,
    opening: bytes,
    state: bytes,
) -> None:
    """Write every call that `plan` has sized."""
    for call in range(len(plan.words)):
        begin, end = plan.first[call], plan.first[call + 1]
        tag = views.shard[plan.order[begin]] % TAGS
        rows = end - begin
        at = put_array(out, plan.at[call], plan.words[call])
        at = put_bytes(out, at, opening)
        at = put_number(out, at, rows + 1)
        at = put_length(out, at, len(lane_key) + digits(tag) + 2 + digits(lane))
        at = put_tagged(out, at, lane_key, tag)
        at = put_end(out, put_decimal(out, at, lane))
        for j in range(begin, end):
            i = plan.order[j]
            at = put_length(out, at, len(row_key) + digits(tag) + 2 + views.name_len[i])
            at = put_tagged(out, at, row_key, tag)
            at = put_end(out, put_slice(out, at, views.names, views.name_at[i], views.name_len[i]))
        at = put_bytes(out, at, state)
        for j in range(begin, end):
            at = _put_row(out, at, views, plan.order[j], plan, text, text_end, generation)


@kernel
def _put_row(
    out: Bytes,
    at: int,
    views: Views,
    row: int,
    plan: Plan,
    text: Bytes,
    text_end: Longs,
    generation: int,
) -> int:
    """The arguments of one row: version, number of fields, then name and value of each."""
    at = put_number(out, at, views.version[row])
    at = put_number(out, at, plan.fields[row])
    at = _put_name(out, at, 99)  # c
    at = put_length(out, at, HEADER_BYTES + CHANNEL_BYTES * len(views.channel_ordinal))
    at = put_end(out, _put_channels(out, at, views, row, generation))
    at = _put_name(out, at, 114)  # r
    rules = 2 * views.profile[row]
    length = text_end[rules + 1] - text_end[rules]
    at = put_length(out, at, length)
    at = put_end(out, put_slice(out, at, text, text_end[rules], length))
    size = explained_bytes(views, row, text_end)
    if size > 0:
        at = put_length(out, _put_name(out, at, 101), size)  # e
        at = put_end(out, _put_explained(out, at, views, row, text, text_end))
    if views.dated_start[row + 1] > views.dated_start[row]:
        at = _put_dated(out, _put_name(out, at, 115), views, row)  # s
    first, last_part = views.parts_start[row], views.parts_start[row + 1]
    if last_part > first:
        at = _put_name(out, at, 107)  # k
        at = put_length(out, at, last_part - first)
        at = put_end(out, put_slice(out, at, views.parts, first, last_part - first))
    first, last_part = views.offers_start[row], views.offers_start[row + 1]
    if last_part > first:
        at = _put_name(out, at, 111)  # o
        at = put_length(out, at, last_part - first)
        at = put_end(out, put_slice(out, at, views.offers, first, last_part - first))
    if views.incomplete_start[row + 1] > views.incomplete_start[row]:
        at = _put_incomplete(out, _put_name(out, at, 105), views, row)  # i
    node = views.node_start[row]
    last = views.node_start[row + 1]
    while node < last:
        node, at = _put_block(out, at, views, node, last, plan.width[node])
    return at


@kernel
def _put_name(out: Bytes, at: int, letter: int) -> int:
    """The name of a field that is one letter."""
    at = put_length(out, at, 1)
    out[at] = letter
    return put_end(out, at + 1)


@kernel
def _put_channels(out: Bytes, at: int, views: Views, row: int, generation: int) -> int:
    """The value of `c`: the header, then one record a channel."""
    channels = len(views.channel_ordinal)
    out[at] = LAYOUT
    out[at + 1] = views.active[row]
    at = put_int16(out, at + 2, channels)
    at = put_int32(out, at, views.profile[row])
    at = put_int64(out, at, views.version[row])
    at = put_int64(out, at, views.as_of[row])
    at = put_int64(out, at, views.computed_at)
    at = put_int64(out, at, generation)
    for channel in range(channels):
        terms = views.channels[row, channel]
        at = put_int16(out, at, views.channel_ordinal[channel])
        out[at] = terms[STATUS]
        out[at + 1] = views.uncertain[row, channel]
        at = put_int32(out, at + 2, 0)
        at = put_int64(out, at, terms[AVAILABLE])
        at = put_int64(out, at, terms[VIEW])
        at = put_int64(out, at, terms[POOL])
        at = put_int64(out, at, terms[GRANT])
        at = put_int64(out, at, terms[SHARED])
        at = put_int64(out, at, terms[SHORTAGE])
        at = put_int64(out, at, terms[UNMET])
    return at


@kernel
def _put_dated(out: Bytes, at: int, views: Views, row: int) -> int:
    """The value of `s`: a record for each dated quantity."""
    first, last = views.dated_start[row], views.dated_start[row + 1]
    at = put_length(out, at, (last - first) * DATED_BYTES)
    for i in range(first, last):
        terms = views.dated[i]
        at = put_int64(out, at, terms[DATED_AT])
        at = put_int64(out, at, terms[DATED_QUANTITY])
        at = put_int16(out, at, terms[DATED_ORDINAL])
        at = put_int16(out, at, terms[DATED_KIND])
        at = put_int32(out, at, 0)
    return put_end(out, at)


@kernel
def _put_incomplete(out: Bytes, at: int, views: Views, row: int) -> int:
    """The value of `i`: the ordinals of the locations."""
    first, last = views.incomplete_start[row], views.incomplete_start[row + 1]
    at = put_length(out, at, (last - first) * ORDINAL_BYTES)
    for i in range(first, last):
        at = put_int16(out, at, views.incomplete[i])
    return put_end(out, at)


@kernel
def _put_explained(out: Bytes, at: int, views: Views, row: int, text: Bytes, text_end: Longs) -> int:
    """The value of `e`: its header, the last facts, the fences, and what the rules give."""
    facts, last_fact = views.facts_start[row], views.facts_start[row + 1]
    fences, last_fence = views.fences_start[row], views.fences_start[row + 1]
    terms = 2 * views.profile[row] + 1
    length = text_end[terms + 1] - text_end[terms]
    at = put_int16(out, at, last_fact - facts)
    at = put_int16(out, at, last_fence - fences)
    at = put_int32(out, at, length)
    for i in range(facts, last_fact):
        for j in range(FACT_LONGS):
            at = put_int64(out, at, views.facts[i, j])
    for i in range(fences, last_fence):
        at = put_int64(out, at, views.fences[i, FENCE_TARGET])
        at = put_int64(out, at, views.fences[i, FENCE_CONSUMED])
        at = put_int64(out, at, views.fences[i, FENCE_CHANNEL])
    return put_slice(out, at, text, text_end[terms], length)


@kernel
def _put_block(out: Bytes, at: int, views: Views, node: int, last: int, width: int) -> tuple[int, int]:
    """One block of locations, from `node` on; returns the first node after it, and the position."""
    block = views.node_ordinal[node] // BLOCK_LOCATIONS
    begin = node
    present = 0
    while node < last and views.node_ordinal[node] // BLOCK_LOCATIONS == block:
        present |= 1 << (views.node_ordinal[node] % BLOCK_LOCATIONS)
        node += 1
    at = put_length(out, at, 1 + digits(block))
    out[at] = 98  # b
    at = put_end(out, put_decimal(out, at + 1, block))
    at = put_length(out, at, BLOCK_HEADER_BYTES + (node - begin) * NODE_TERMS * width)
    at = put_int32(out, at, width)
    at = put_int32(out, at, present)
    for position in range(begin, node):
        for term in range(NODE_TERMS):
            value = views.nodes[position, term]
            at = put_int32(out, at, value) if width == 4 else put_int64(out, at, value)
    return node, put_end(out, at)
