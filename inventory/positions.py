"""Counters: a count sets the anchor, a movement adds a delta; what follows the anchor counts."""

import numpy as np

from inventory.columns import Bytes, Ints
from inventory.jit import kernel
from inventory.state import BEGINNING, KNOWN, ON_HAND_COUNTER, State
from inventory.tables import append, find, give_back, link, take, touch

_WORDS = 5
_WORD_BYTES = 8
_SEGMENT = _WORDS * _WORD_BYTES


@kernel
def mark_moved(s: State, sku: int) -> None:
    """The sku's numbers must be computed again."""
    if s.is_moved[sku] == 0:
        s.is_moved[sku] = 1
        s.moved[s.moved_head[0]] = sku
        s.moved_head[0] += 1


@kernel
def mark_each_moved(s: State, skus: Ints) -> None:
    """The numbers of some skus must be computed again."""
    for i in range(skus.size):
        mark_moved(s, skus[i])


@kernel
def position_of(s: State, sku: int, location: int) -> int:
    """The row of a position, made at 0 where there is none."""
    key = (np.int64(sku) << 32) | location
    row = find(s.positions, key)
    if row >= 0:
        return row
    row = append(s.positions)
    p = s.positions.rows
    p["on_hand"][row] = 0
    p["anchored_at"][row] = BEGINNING
    p["complete_since"][row] = s.since[0]
    p["soft"][row] = 0
    p["hard"][row] = 0
    p["anchor"][row] = -1
    p["delta"][row] = -1
    p["parts"][row] = -1
    p["next"][row] = s.skus.rows["position"][sku]
    s.skus.rows["position"][sku] = row
    touch(s.skus, sku)
    link(s.positions, row, key)
    return row


@kernel
def parts_of(s: State, position: int) -> int:
    """The row of a position's counters that may not be sold, made at 0 where there is none."""
    row = s.positions.rows["parts"][position]
    if row >= 0:
        return row
    row = append(s.parts)
    parts = s.parts.rows
    parts["value_1"][row] = 0
    parts["value_2"][row] = 0
    parts["value_3"][row] = 0
    parts["anchored_at_1"][row] = BEGINNING
    parts["anchored_at_2"][row] = BEGINNING
    parts["anchored_at_3"][row] = BEGINNING
    parts["anchor_1"][row] = -1
    parts["anchor_2"][row] = -1
    parts["anchor_3"][row] = -1
    parts["position"][row] = position
    s.positions.rows["parts"][position] = row
    touch(s.positions, position)
    return row


@kernel
def _anchored_at(s: State, position: int, counter: int) -> int:
    if counter == ON_HAND_COUNTER:
        return s.positions.rows["anchored_at"][position]
    parts = s.positions.rows["parts"][position]
    if parts < 0:
        return BEGINNING
    if counter == 1:
        return s.parts.rows["anchored_at_1"][parts]
    if counter == 2:
        return s.parts.rows["anchored_at_2"][parts]
    return s.parts.rows["anchored_at_3"][parts]


@kernel
def anchor_row(s: State, position: int, counter: int) -> int:
    """The row of the count behind a counter, or -1."""
    if counter == ON_HAND_COUNTER:
        return s.positions.rows["anchor"][position]
    parts = s.positions.rows["parts"][position]
    if parts < 0:
        return -1
    if counter == 1:
        return s.parts.rows["anchor_1"][parts]
    if counter == 2:
        return s.parts.rows["anchor_2"][parts]
    return s.parts.rows["anchor_3"][parts]


@kernel
def counter_value(s: State, position: int, counter: int) -> int:
    """Units of one counter."""
    if counter == ON_HAND_COUNTER:
        return s.positions.rows["on_hand"][position]
    parts = s.positions.rows["parts"][position]
    if parts < 0:
        return 0
    if counter == 1:
        return s.parts.rows["value_1"][parts]
    if counter == 2:
        return s.parts.rows["value_2"][parts]
    return s.parts.rows["value_3"][parts]


@kernel
def _set_counter(s: State, position: int, counter: int, value: int, at: int, anchor: int) -> None:
    if counter == ON_HAND_COUNTER:
        s.positions.rows["on_hand"][position] = value
        s.positions.rows["anchored_at"][position] = at
        s.positions.rows["anchor"][position] = anchor
        touch(s.positions, position)
        return
    parts = parts_of(s, position)
    if counter == 1:
        s.parts.rows["value_1"][parts] = value
        s.parts.rows["anchored_at_1"][parts] = at
        s.parts.rows["anchor_1"][parts] = anchor
    elif counter == 2:
        s.parts.rows["value_2"][parts] = value
        s.parts.rows["anchored_at_2"][parts] = at
        s.parts.rows["anchor_2"][parts] = anchor
    else:
        s.parts.rows["value_3"][parts] = value
        s.parts.rows["anchored_at_3"][parts] = at
        s.parts.rows["anchor_3"][parts] = anchor
    touch(s.parts, parts)


@kernel
def add_delta(s: State, position: int, counter: int, occurred_at: int, logged_at: int, quantity: int) -> int:
    """Add one movement's effect on one counter; at or before the anchor it is absorbed. Returns by how much the counter
    changed: `quantity` or 0."""
    if occurred_at <= _anchored_at(s, position, counter):
        return 0
    if counter == ON_HAND_COUNTER:
        s.positions.rows["on_hand"][position] += quantity
    else:
        parts = parts_of(s, position)
        if counter == 1:
            s.parts.rows["value_1"][parts] += quantity
        elif counter == 2:
            s.parts.rows["value_2"][parts] += quantity
        else:
            s.parts.rows["value_3"][parts] += quantity
        touch(s.parts, parts)
    # Kept, so that a count dated before it can still be folded.
    d = s.deltas.rows
    before = s.positions.rows["delta"][position]
    row = take(s.deltas)
    d["occurred_at"][row] = occurred_at
    d["logged_at"][row] = logged_at
    d["quantity"][row] = quantity
    d["counter"][row] = counter
    d["next"][row] = before
    d["older"][row] = max(d["occurred_at"][before], d["older"][before]) if before >= 0 else BEGINNING
    s.positions.rows["delta"][position] = row
    touch(s.positions, position)
    return quantity


@kernel
def _forget_from(s: State, newer: int, position: int, row: int) -> None:
    """Drop the deltas from `row` on; `newer` is the one before it in the list (-1: the position)."""
    if newer < 0:
        s.positions.rows["delta"][position] = -1
        touch(s.positions, position)
    else:
        s.deltas.rows["next"][newer] = -1
        s.deltas.rows["older"][newer] = BEGINNING
        touch(s.deltas, newer)
    while row >= 0:
        following = s.deltas.rows["next"][row]
        give_back(s.deltas, row)
        row = following


@kernel
def sum_after(s: State, position: int, counter: int, at: int) -> int:
    """The sum of the counter's deltas dated after `at`."""
    d = s.deltas.rows
    total = 0
    row = s.positions.rows["delta"][position]
    while row >= 0:
        if d["occurred_at"][row] > at and d["counter"][row] == counter:
            total += d["quantity"][row]
        if d["older"][row] <= at:
            break
        row = d["next"][row]
    return total


@kernel
def _forget_absorbed(s: State, position: int) -> None:
    """Drop the tail of deltas that every anchor of the position has absorbed."""
    at = s.positions.rows["anchored_at"][position]
    parts = s.positions.rows["parts"][position]
    if parts >= 0:
        # A part that was moved but never counted still needs all its deltas.
        at = min(at, s.parts.rows["anchored_at_1"][parts])
        at = min(at, s.parts.rows["anchored_at_2"][parts])
        at = min(at, s.parts.rows["anchored_at_3"][parts])
    d = s.deltas.rows
    newer = -1
    row = s.positions.rows["delta"][position]
    while row >= 0:
        if d["occurred_at"][row] <= at and d["older"][row] <= at:
            _forget_from(s, newer, position, row)
            return
        newer = row
        row = d["next"][row]


@kernel
def _word(buf: Bytes, at: int, length: int, index: int) -> np.uint64:
    """Bytes `8 * index` to `8 * index + 7` of a text as a big-endian number, zero-padded."""
    word = np.uint64(0)
    for j in range(_WORD_BYTES):
        i = index * _WORD_BYTES + j
        byte = np.uint64(buf[at + i]) if i < length else np.uint64(0)
        word = (word << np.uint64(8)) | byte
    return word


@kernel
def _stored_word(s: State, row: int, index: int) -> np.uint64:
    a = s.anchors.rows
    if index == 0:
        return a["word_0"][row]
    if index == 1:
        return a["word_1"][row]
    if index == 2:
        return a["word_2"][row]
    if index == 3:
        return a["word_3"][row]
    return a["word_4"][row]


@kernel
def compare_event_id(s: State, row: int, buf: Bytes, at: int, length: int) -> int:
    """-1, 0 or 1: how an event id compares, byte by byte, with the one stored at an anchor."""
    stored = s.anchors.rows["length"][row]
    index = 0
    while index * _WORD_BYTES < max(length, stored):
        mine = _word(buf, at, length, index)
        theirs = np.uint64(0)
        if index * _WORD_BYTES < stored:  # a row behind the end may hold what is left of a longer id
            theirs = _stored_word(s, row, index % _WORDS)
        if mine != theirs:
            return 1 if mine > theirs else -1
        index += 1
        if index % _WORDS == 0 and row >= 0:
            row = s.anchors.rows["next"][row]
    if length == stored:
        return 0
    return 1 if length > stored else -1


@kernel
def _store_event_id(s: State, row: int, buf: Bytes, at: int, length: int) -> None:
    """Write an event id at an anchor, 40 bytes a row; rows that it has already are used again."""
    a = s.anchors.rows
    a["length"][row] = length
    base = 0
    while True:
        words = base // _WORD_BYTES
        a["word_0"][row] = _word(buf, at, length, words)
        a["word_1"][row] = _word(buf, at, length, words + 1)
        a["word_2"][row] = _word(buf, at, length, words + 2)
        a["word_3"][row] = _word(buf, at, length, words + 3)
        a["word_4"][row] = _word(buf, at, length, words + 4)
        touch(s.anchors, row)
        base += _SEGMENT
        if base >= length:
            return
        if a["next"][row] < 0:
            more = append(s.anchors)
            a["next"][more] = -1
            a["next"][row] = more
        row = a["next"][row]


ANCHORED, OLDER, REPEATED, CONTRADICTED = range(4)


@kernel
def fold_count(
    s: State, position: int, counter: int, counted_at: int, sequence: int, source: int, quantity: int,
    declared: int, buf: Bytes, id_at: int, id_length: int,
) -> int:  # fmt: skip
    """Set the anchor if the count is the greatest by (counted_at, sequence, source, event id).

    `declared` is a hash of what the count says of its basis; the counter is set to the number as sent.
    Returns ANCHORED, OLDER (no effect), REPEATED (the anchor itself) or CONTRADICTED (the anchor's id with
    another quantity or basis).
    """
    row = anchor_row(s, position, counter)
    if row >= 0:
        a = s.anchors.rows
        order = 0
        if counted_at != a["counted_at"][row]:
            order = 1 if counted_at > a["counted_at"][row] else -1
        elif sequence != a["sequence"][row]:
            order = 1 if sequence > a["sequence"][row] else -1
        elif source != a["source"][row]:
            order = 1 if s.source_rank[source] > s.source_rank[a["source"][row]] else -1
        else:
            order = compare_event_id(s, row, buf, id_at, id_length)
        if order < 0:
            return OLDER
        if order == 0:
            same = quantity == a["quantity"][row] and declared == a["declared"][row]
            return REPEATED if same else CONTRADICTED
    else:
        row = append(s.anchors)
        s.anchors.rows["next"][row] = -1
    a = s.anchors.rows
    a["counted_at"][row] = counted_at
    a["sequence"][row] = sequence
    a["quantity"][row] = quantity
    a["declared"][row] = declared
    a["source"][row] = source
    _store_event_id(s, row, buf, id_at, id_length)
    value = quantity + sum_after(s, position, counter, counted_at)
    _set_counter(s, position, counter, value, counted_at, row)
    _forget_absorbed(s, position)
    return ANCHORED


@kernel
def note_known(s: State, position: int) -> None:
    """Keep that something is known of a position that nobody has counted, where nothing else in its row tells."""
    if s.positions.rows["anchor"][position] < 0:
        s.positions.rows["anchor"][position] = KNOWN
        touch(s.positions, position)


@kernel
def forget_deltas(s: State, logged_before: int, first: int, end: int) -> int:
    """Of the positions from `first` to before `end`, drop deltas whose log time is before an instant (they stay in the
    values); returns how many."""
    d = s.deltas.rows
    dropped = 0
    for position in range(first, end):
        newer = -1
        row = s.positions.rows["delta"][position]
        while row >= 0 and d["logged_at"][row] >= logged_before:
            newer = row
            row = d["next"][row]
        if row < 0:
            continue
        newest = max(d["occurred_at"][row], d["older"][row])
        if newest > s.positions.rows["complete_since"][position]:
            s.positions.rows["complete_since"][position] = newest
        rest = row
        while rest >= 0:
            dropped += 1
            rest = d["next"][rest]
        note_known(s, position)
        touch(s.positions, position)
        _forget_from(s, newer, position, row)
    return dropped
