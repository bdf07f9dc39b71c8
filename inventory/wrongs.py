"""The wrong numbers of a lane: each is a row from the look at which it began to the one at which it has ended.

Disorder makes very many numbers wrong for a moment, so a row is all that it costs; who looks hears only of those that
have stood for the delay, and of those of them that have ended.
"""

from typing import Any, NamedTuple

import numpy as np

from inventory.columns import Bytes, Ints, Longs
from inventory.fences import Fences
from inventory.jit import kernel
from inventory.numbers import Rules
from inventory.promises import unkept
from inventory.state import Memory, State
from inventory.tables import give_back, room, take, touch
from inventory.views import UNMET, Views
from inventory.wrong_numbers import AT_LOCATIONS, UNMET_DEMAND, Feeds, node_bits, units_at

_NONE = -1
_FIRST, _LAST, _HEARD = range(3)
_MOST_AT_ONCE = 1024


class Order(NamedTuple):
    """Of the rows, and made anew after a start: `earlier` and `later` chain those that wait in the order in which they
    began; `heard_of` is 1 where an earlier life may have told it. `ends` = [first, last that waits, how many were told
    or may have been]."""

    earlier: Ints
    later: Ints
    heard_of: Bytes
    ends: Ints


class Ended(NamedTuple):
    """A wrong number that people were told of, or may have been, and that is wrong no more. `since` in ms."""

    sku: int
    place: int
    bit: int
    since: int
    told: bool


class _Found(NamedTuple):
    """`fresh`: rows that began, those of a sku side by side; `gone` (k, 5): what ended; `counts`: how many each."""

    fresh: Ints
    gone: Longs
    counts: Longs


@kernel
def _wait(o: Order, row: int) -> None:
    last = o.ends[_LAST]
    o.earlier[row], o.later[row] = last, _NONE
    if last < 0:
        o.ends[_FIRST] = row
    else:
        o.later[last] = row
    o.ends[_LAST] = row


@kernel
def _wait_no_more(o: Order, row: int) -> None:
    earlier, later = o.earlier[row], o.later[row]
    if earlier < 0:
        o.ends[_FIRST] = later
    else:
        o.later[earlier] = later
    if later < 0:
        o.ends[_LAST] = earlier
    else:
        o.earlier[later] = earlier


@kernel
def _rank(place: int, bit: int) -> int:
    """Where it stands among those of its sku."""
    return np.int64(1 << 48 if bit == UNMET_DEMAND else 0) | np.int64(place) << 8 | np.int64(bit)


@kernel
def _give_back_causes(s: State, row: int) -> None:
    cause = s.wrongs.rows["cause"][row]
    while cause >= 0:
        following, more = s.causes.rows["next"][cause], s.causes.rows["more"][cause]
        give_back(s.causes, cause)
        while more >= 0:
            behind = s.causes.rows["more"][more]
            give_back(s.causes, more)
            more = behind
        cause = following


@kernel
def _link(s: State, sku: int, before: int, row: int) -> None:
    """Let `row` follow `before` (-1: be the first) in the chain of a sku."""
    if before < 0:
        s.skus.rows["wrong"][sku] = row
        touch(s.skus, sku)
    else:
        s.wrongs.rows["next"][before] = row
        touch(s.wrongs, before)


@kernel
def _end(s: State, o: Order, sku: int, before: int, row: int, found: _Found) -> int:
    """A number is no longer wrong. Returns the row behind it."""
    w = s.wrongs.rows
    following = w["next"][row]
    _link(s, sku, before, following)
    told = w["told"][row] != 0
    if told or o.heard_of[row] != 0:
        gone = found.gone[found.counts[1]]
        gone[0], gone[1], gone[2], gone[3], gone[4] = (
            sku,
            w["place"][row],
            w["bit"][row],
            w["since"][row],
            told,
        )
        found.counts[1] += 1
        o.ends[_HEARD] -= 1
    if not told:
        _wait_no_more(o, row)
    _give_back_causes(s, row)
    w["sku"][row] = _NONE
    give_back(s.wrongs, row)
    return following


@kernel
def _meet(
    s: State, o: Order, sku: int, before: int, bit: int, place: int, units: int, now: int, found: _Found
) -> int:
    """A number is wrong: end those of the sku that come before it, then see it again or begin it. Returns its row."""
    w = s.wrongs.rows
    rank = _rank(place, bit)
    row = s.skus.rows["wrong"][sku] if before < 0 else w["next"][before]
    while row >= 0 and _rank(w["place"][row], w["bit"][row]) < rank:
        row = _end(s, o, sku, before, row, found)
    if row >= 0 and _rank(w["place"][row], w["bit"][row]) == rank:
        if w["told"][row] == 0 and w["units"][row] != units:
            w["units"][row] = units
            touch(s.wrongs, row)
        return row
    new = take(s.wrongs)
    w["since"][new], w["units"][new] = now, units
    w["sku"][new], w["place"][new], w["bit"][new] = sku, place, bit
    w["told"][new], w["cause"][new], w["next"][new] = 0, _NONE, row
    o.heard_of[new] = 0
    _wait(o, new)
    _link(s, sku, before, new)
    found.fresh[found.counts[0]] = new
    found.counts[0] += 1
    return new


@kernel
def _look(
    s: State, o: Order, skus: Ints, start: Longs, ordinal: Ints, nodes: Longs, channels: Longs, channel_ordinal: Ints,
    profile: Ints, fences: Fences, backorder: Longs, kits: Bytes, feeds: Feeds, now: int, first: int, found: _Found,
) -> int:  # fmt: skip
    """Compare what stands with the rows of each sku, from the place `first` on. Returns the first place for which there
    may not be room, or how many there are."""
    for i in range(first, skus.size):
        sku = skus[i]
        if sku < kits.size and kits[sku] != 0:
            continue  # a bundle is nowhere: its components are
        if room(s.wrongs) < AT_LOCATIONS * (start[i + 1] - start[i]) + channel_ordinal.size:
            return i
        last = _NONE
        for n in range(start[i], start[i + 1]):
            bits = node_bits(s, sku, ordinal[n], nodes[n], feeds)
            if bits != 0:
                for shift in range(AT_LOCATIONS):
                    bit = 1 << shift
                    if bits & bit:
                        units = units_at(s, sku, ordinal[n], nodes[n], bit)
                        last = _meet(s, o, sku, last, bit, ordinal[n], units, now, found)
        for c in range(channel_ordinal.size):
            channel = channel_ordinal[c]
            if channels[i, c, UNMET] > 0 and not fences.deleted[channel]:
                at, end = start[i], start[i + 1]
                units = unkept(
                    s,
                    sku,
                    profile[i],
                    channel,
                    ordinal[at:end],
                    nodes[at:end],
                    fences,
                    backorder[profile[i]],
                    now,
                )
                if units > 0:
                    last = _meet(s, o, sku, last, UNMET_DEMAND, channel, units, now, found)
        row = s.skus.rows["wrong"][sku] if last < 0 else s.wrongs.rows["next"][last]
        while row >= 0:
            row = _end(s, o, sku, last, row, found)
    return skus.size


@kernel
def _due(s: State, o: Order, before: int, rows: Ints) -> int:
    """Take those that began at or before an instant and still wait; not where numbers wait to be looked at again, for
    that look will tell. Returns how many, at most as `rows` has room for."""
    count = 0
    row = o.ends[_FIRST]
    while row >= 0 and count < rows.size and s.wrongs.rows["since"][row] <= before:
        later = o.later[row]
        if s.is_moved[s.wrongs.rows["sku"][row]] == 0:
            _wait_no_more(o, row)
            s.wrongs.rows["told"][row] = 1
            touch(s.wrongs, row)
            o.ends[_HEARD] += o.heard_of[row] == 0
            rows[count] = row
            count += 1
        row = later
    return count


@kernel
def _order_again(s: State, o: Order, rows: Ints) -> None:
    """After a start. `rows`: those in use, in the order in which they began."""
    for i in range(rows.size):
        o.ends[_HEARD] += 1
        if s.wrongs.rows["told"][rows[i]] == 0:
            o.heard_of[rows[i]] = 1
            _wait(o, rows[i])


class Wrongs:
    """Of one lane."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._store = memory.stores["wrongs"]
        none = np.zeros(0, np.int32)
        self._order = Order(none, none, np.zeros(0, np.uint8), np.array([_NONE, _NONE, 0], np.int32))

    def look(
        self, views: Views, skus: Ints, rules: Rules, kits: Bytes, feeds: Feeds, now: int
    ) -> tuple[Ints, list[Ended]]:
        """The numbers of `skus` were computed by `rules`. Returns the rows that began, those of a sku side by side, and
        what has ended of what people may know. `kits`: 1 for the skus of bundles."""
        fresh: list[Ints] = []
        gone: list[Ended] = []
        at = 0
        while True:
            self._size()
            heard = int(self._order.ends[_HEARD])
            rows = self._store.table.rows.size  # what ends makes room for what begins behind it
            found = _Found(np.empty(rows, np.int32), np.empty((heard, 5), np.int64), np.zeros(2, np.int64))
            at = _look(
                self._memory.state(), self._order, skus, views.node_start, views.node_ordinal, views.nodes,
                views.channels, views.channel_ordinal, views.profile, rules.fences, rules.terms.backorder, kits, feeds,
                now, at, found,
            )  # fmt: skip
            began, ended = found.counts.tolist()
            if began:
                fresh.append(found.fresh[:began])
            for sku, place, bit, since, told in found.gone[:ended].tolist():
                gone.append(Ended(sku, place, bit, since, bool(told)))
            if at >= skus.size:
                return np.concatenate(fresh) if fresh else np.zeros(0, np.int32), gone
            nodes = int(views.node_start[at + 1] - views.node_start[at])
            self._store.reserve(
                self._store.room() + AT_LOCATIONS * nodes + int(views.channel_ordinal.size) + 1
            )
            self._memory.invalidate()

    def due(self, before: int) -> list[int]:
        """The rows that began at or before an instant (ms) and that people are to be told of now."""
        first = int(self._order.ends[_FIRST])
        told: list[int] = []
        while first >= 0 and self._store.table.rows[first]["since"] <= before:
            rows = np.empty(_MOST_AT_ONCE, np.int32)
            count = _due(self._memory.state(), self._order, before, rows)
            told += rows[:count].tolist()
            if count < rows.size:
                break
            first = int(self._order.ends[_FIRST])
        return told

    def row(self, row: int) -> Any:
        """What is known of one."""
        return self._store.table.rows[row]

    def skus_with(self, bit: int, places: set[int]) -> list[int]:
        """The skus for which a bit is set at one of some places."""
        rows = self._store.used()
        found = (rows["sku"] >= 0) & (rows["bit"] == bit) & np.isin(rows["place"], list(places))
        return list(set(rows["sku"][found].tolist()))

    def resume(self) -> None:
        """After a start: the rows are loaded. An earlier life may have told of every one."""
        self._size()
        rows = self._store.used()
        used = np.flatnonzero(rows["sku"] >= 0)
        began = used[np.argsort(rows["since"][used], kind="stable")]
        _order_again(self._memory.state(), self._order, began.astype(np.int32))

    def _size(self) -> None:
        more = self._store.table.rows.size - self._order.earlier.size
        if more > 0:
            longer = np.zeros(more, np.int32)
            o = self._order
            self._order = o._replace(
                earlier=np.concatenate([o.earlier, longer]), later=np.concatenate([o.later, longer]),
                heard_of=np.concatenate([o.heard_of, np.zeros(more, np.uint8)]),
            )  # fmt: skip
