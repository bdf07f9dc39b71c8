"""Snapshot batches as each lane sees them: which items arrived here, and what a complete batch does to what is here.

A complete NONZERO batch is a count of 0 of every position of its locations that it does not list: of those that are
there, and of those that come to be later, for which the lane keeps the batches of the last count horizon and the newest
of each location for good.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from inventory.admission import DEAD, OK, PARK_SKU, Admitted
from inventory.batch import Control, ControlKind, Outputs, Slice
from inventory.columns import LOCATION, NULL, SKU, SOURCE, Ints, Longs
from inventory.counting import Basis
from inventory.feeds import FullFeeds
from inventory.incidents import Names
from inventory.masters import Masters
from inventory.murmur import shard_of
from inventory.recent import note_zeroed
from inventory.sequences import from_text, nothing, to_text
from inventory.state import Memory
from inventory.tables import find
from inventory.ties import text_of
from inventory.wrong_numbers import Feeds
from inventory.zeroing import (
    demote_zero,
    place_lines,
    place_versions,
    positions_at,
    raise_rows,
    zero_positions,
)

BASES = ("GROSS", "NET", "AVAILABLE")
NETS_OF = ("HARD", "SOFT_AND_HARD")
_BATCH_ID, _SEQUENCE, _BASIS, _NET_OF, _DEMAND_AS_OF = 5, 10, 5, 6, 7
_Key = tuple[str, str]  # source, batch id


class Clocks(Protocol):
    """Which lane it is, and its clock."""

    number: int
    log_clock: int


class Listing:
    """The items of one batch that arrived in this lane. `heard`: log clock at the last of them.

    `listed`: location ordinal and sku row, packed; `unnamed`: location ordinal and identifier of items whose sku nobody
    knew. `after`: greatest offset by version slot.
    """

    def __init__(self) -> None:
        self.heard = 0
        self.numbers = nothing()
        self.bases: list[list[Any]] = []
        self.listed = nothing()
        self.unnamed: list[list[Any]] = []
        self.after: dict[str, int] = {}

    def dump(self) -> dict[str, Any]:
        return {**vars(self), "numbers": to_text(self.numbers), "listed": to_text(self.listed)}

    def load(self, kept: dict[str, Any]) -> "Listing":
        vars(self).update(
            {**kept, "numbers": from_text(kept["numbers"]), "listed": from_text(kept["listed"])}
        )
        return self


class Snapshots:
    """Of one lane. `completions`: what COMPLETE said of each batch, by batch; `waiting`: those said before this lane
    had folded all its items again. `reached`: greatest offset folded of counts, by version slot. `refused`: the counts
    of 0 that came too late, and `zeroed`: the locations where others did not, until somebody takes them."""

    def __init__(self, lanes: int, horizon: int, memory: Memory, masters: Masters, names: Names) -> None:
        self._lanes = lanes
        self._horizon = horizon
        self._memory = memory
        self._masters = masters
        self._names = names
        self.listings: dict[_Key, Listing] = {}
        self.completions: dict[_Key, dict[str, Any]] = {}
        self.waiting: list[dict[str, Any]] = []
        self.full = FullFeeds()
        self.reached: dict[str, int] = {}
        self.refused: list[tuple[_Key, int, int]] = []
        self.zeroed: list[tuple[_Key, dict[str, Any], int]] = []
        self.seen_positions = 0
        self.counted = False
        """Whether a batch has counted 0 wherever it lists nothing, until somebody takes it."""
        self.changed: set[_Key] = set()

    # -- items -------------------------------------------------------------------------------------------------------

    def before_counts(self, part: Slice, verdict: Admitted) -> None:
        """An item that comes after its batch was complete (its alias was unknown) wins over the batch's 0."""
        if not self.completions:
            return
        state = self._memory.state()
        for i in np.flatnonzero((verdict.outcome == OK) & (part.columns.text_len[_BATCH_ID] >= 0)).tolist():
            key = _key(part, i)
            row = self._position(int(verdict.sku[i]), int(verdict.location[i]))
            if key in self.completions and row >= 0:
                batch = np.frombuffer(key[1].encode(), np.uint8)
                demote_zero(state, row, int(verdict.source[i]), int(self.completions[key]["as_of"]), batch)

    def _position(self, sku: int, location: int) -> int:
        return int(find(self._memory.stores["positions"].table, sku << 32 | location))

    def see_counts(
        self, part: Slice, verdict: Admitted, too_late: set[int], lane: "Clocks", out: Outputs
    ) -> None:
        """Note the items among folded, parked and refused counts, and tell the lanes of their markers."""
        c = part.columns
        slot = str(part.carried.carrier)
        self.reached[slot] = max(self.reached.get(slot, -1), int(part.carried.offset.max(initial=-1)))
        fresh: dict[_Key, list[int]] = {}
        for i in np.flatnonzero(c.text_len[_BATCH_ID] > 0).tolist():
            outcome = int(verdict.outcome[i])
            if i not in too_late and (outcome in (OK, PARK_SKU) or outcome >= DEAD):
                fresh.setdefault(_key(part, i), []).append(i)
        for key, rows in fresh.items():
            self._note(key, part, verdict, rows, lane, out)

    def _note(
        self, key: _Key, part: Slice, verdict: Admitted, rows: list[int], lane: "Clocks", out: Outputs
    ) -> None:
        c = part.columns
        listing = self.listings.setdefault(key, Listing())
        listing.heard = lane.log_clock
        self.changed.add(key)
        self.full.relist(key)
        arrived, listed, bases = [], [], []
        for i in rows:
            place = self._place_of(part, verdict, i)
            if place is None:
                continue  # it waits for its location, and arrives when that is known
            ordinal, sku = place
            arrived.append(i)
            if sku >= 0:
                listed.append(ordinal << 32 | sku)
            elif ordinal >= 0:
                identifier = (text_of(c, SKU, i) or b"").decode(errors="replace")
                if [ordinal, identifier] not in listing.unnamed:
                    listing.unnamed.append([ordinal, identifier])
            if int(verdict.outcome[i]) < DEAD:
                as_of = int(c.longs[_DEMAND_AS_OF, i])
                base = [
                    BASES[int(c.longs[_BASIS, i])], NETS_OF[int(c.longs[_NET_OF, i])],
                    None if as_of == NULL else as_of, self._names.place(ordinal),
                ]  # fmt: skip
                if base not in bases:
                    bases.append(base)
        numbers = np.unique(c.longs[_SEQUENCE, arrived]).astype(np.int64)
        new = np.setdiff1d(numbers, listing.numbers)
        said = [base for base in bases if base not in listing.bases]
        listing.listed = np.union1d(listing.listed, np.array(listed, np.int64))
        if not new.size and not said:
            return
        listing.numbers = np.union1d(listing.numbers, new)
        listing.bases += said
        slot = str(part.carried.carrier)
        offset = int(part.carried.offset[arrived].max())
        listing.after[slot] = max(listing.after.get(slot, -1), offset)
        word = {
            "source": key[0], "batch": key[1], "lane": lane.number, "numbers": to_text(new), "bases": said,
            "after": dict(listing.after),
        }  # fmt: skip
        out.controls.append((shard_of(key[0].encode()) % self._lanes, Control(ControlKind.ITEMS, word)))

    def _place_of(self, part: Slice, verdict: Admitted, i: int) -> tuple[int, int] | None:
        """Location ordinal and sku row of an item (-1 unknown); None for one that waits for its location."""
        if int(verdict.outcome[i]) == OK:
            return int(verdict.location[i]), int(verdict.sku[i])
        source = self._memory.source_names.get(text_of(part.columns, SOURCE, i) or b"")
        location = _resolve(self._memory.location_names, source, text_of(part.columns, LOCATION, i))
        sku = _resolve(self._memory.sku_names, source, text_of(part.columns, SKU, i))
        if location < 0 and int(verdict.outcome[i]) == PARK_SKU:
            return None
        return location, sku

    def see_versions(self, verdict: Admitted) -> None:
        """A line is demand as of a NET batch though it is not open any more: its position must be there."""
        places = [
            ordinal for said in self.completions.values() if _is_net(said) for ordinal in said["ordinals"]
        ]
        if places:
            concerned = np.zeros(max(places) + 1, np.bool_)
            concerned[places] = True
            place_versions(self._memory.state(), verdict, concerned)

    # -- completion --------------------------------------------------------------------------------------------------

    def hear(self, control: Control) -> None:
        """A batch is complete; it takes effect once what the lane told of it is folded."""
        said = {**control.payload, "offset": control.offset, "carrier": control.carrier}
        self.waiting.append(said)

    def settle(self, log_clock: int) -> None:
        """Let complete batches take effect, on what is there and on what has come to be."""
        ready = [said for said in self.waiting if self._is_ready(said)]
        if ready:
            self.waiting = [said for said in self.waiting if said not in ready]
        for said in ready:
            self._complete(said, log_clock)
        if self.completions and len(self._memory.stores["positions"]) > self.seen_positions:
            for key, said in self.completions.items():
                self._apply(key, said, self.seen_positions)
        self.seen_positions = len(self._memory.stores["positions"])
        self._forget(log_clock)

    def _is_ready(self, said: dict[str, Any]) -> bool:
        known = self._masters.network.location_ordinal
        folded = (self.reached.get(slot, -1) >= offset for slot, offset in said["after"].items())
        return all(folded) and all(name in known for name in said["locations"])

    def _complete(self, said: dict[str, Any], log_clock: int) -> None:
        key = (said["source"], said["batch"])
        places = self._masters.network.location_ordinal
        said["ordinals"] = [places[name] for name in said["locations"]]
        said["heard"] = log_clock
        listing = self.listings.get(key)
        if listing is not None:
            listing.heard = log_clock
        self.changed.add(key)
        if said["mode"] == "FULL":
            self.changed.update(self.full.take(key, said))
        elif said["mode"] == "NONZERO":
            known = self.completions.get(key)
            if known is not None:
                said["offset"] = max(said["offset"], known["offset"])
            self.completions[key] = said
            self.counted = True
            if _is_net(said):
                for ordinal in said["ordinals"]:
                    self._reserve(len(self._memory.stores["lines"]) + len(self._memory.stores["versions"]))
                    place_lines(self._memory.state(), ordinal)
            self._apply(key, said, 0)

    def _reserve(self, positions: int) -> None:
        if self._memory.stores["positions"].reserve(positions):
            self._memory.invalidate()

    def _apply(self, key: _Key, said: dict[str, Any], first: int) -> None:
        """Count 0 at the positions from row `first` on that the batch does not list."""
        memory = self._memory
        source = memory.intern_source(said["source"].encode())
        batch = np.frombuffer(said["batch"].encode(), np.uint8)
        as_of = int(said["as_of"])
        demand_as_of = as_of if said["demand_as_of"] is None else int(said["demand_as_of"])
        basis = Basis(BASES.index(said["basis"]), NETS_OF.index(said["net_of"]), demand_as_of, 0)
        for ordinal in said["ordinals"]:
            rows = positions_at(memory.stores["positions"].used(), ordinal, first)
            if not rows.size:
                continue
            zeroed = rows[~self._lists(key, ordinal, rows)]
            if memory.stores["nets"].reserve(zeroed.size):
                memory.invalidate()
            memory.reserve_anchors(zeroed.size * (1 + batch.size // 40))
            state = memory.state()
            raise_rows(state, rows, said["offset"], said["carrier"])
            refused, anchored = np.zeros((2, zeroed.size), np.bool_)
            zero_positions(state, zeroed, source, as_of, basis, batch, refused, anchored)
            keys = memory.stores["positions"].used()["key"]
            note_zeroed(
                memory,
                keys[zeroed[anchored]] >> 32,
                ordinal,
                self._masters.lane,
                said["offset"],
                as_of,
                said["heard"],
            )
            self.refused += [(key, as_of, position) for position in keys[zeroed[refused]].tolist()]
            if not refused.all():
                self.zeroed.append((key, said, ordinal))

    def _lists(self, key: _Key, ordinal: int, rows: Ints) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which of these positions of a location the batch lists."""
        skus: Longs = self._memory.stores["positions"].used()["key"][rows] >> 32
        return np.isin(skus, self._listed(key, ordinal))

    def _listed(self, key: _Key, ordinal: int) -> Longs:
        """The skus (rows; negative ones are not known) that the batch lists at a location."""
        listing = self.listings.get(key)
        if listing is None:
            return nothing()
        source = self._memory.source_names.get(key[0].encode())
        names = self._memory.sku_names
        late = [_resolve(names, source, name.encode()) for at, name in listing.unnamed if at == ordinal]
        here = listing.listed[listing.listed >> 32 == ordinal] & 0xFFFFFFFF
        return np.concatenate([here, np.array(late, np.int64)])

    def zero_at(self, sku: int, ordinal: int) -> tuple[int, bytes, bytes] | None:
        """The last count of 0 that a position which is not there yet will have from a batch: as of when, source and
        batch."""
        found = [
            _order(key, said)
            for key, said in self.completions.items()
            if ordinal in said["ordinals"] and sku not in self._listed(key, ordinal)
        ]
        return max(found, default=None)

    def feeds(self) -> Feeds:
        """What the newest FULL batch of each location lists."""

        def unnamed(key: _Key) -> bool:
            return key in self.listings and bool(self.listings[key].unnamed)

        return self.full.feeds(self._listed, unnamed)

    # -- forgetting --------------------------------------------------------------------------------------------------

    def _forget(self, log_clock: int) -> None:
        newest: dict[int, tuple[int, bytes, bytes]] = {}
        for key, said in self.completions.items():
            for ordinal in said["ordinals"]:
                newest[ordinal] = max(newest.get(ordinal, (said["as_of"], b"", b"")), _order(key, said))
        for key, said in list(self.completions.items()):
            stands = any(newest[ordinal] == _order(key, said) for ordinal in said["ordinals"])
            if not stands and log_clock - said["heard"] > self._horizon:
                del self.completions[key]
                self.changed.add(key)
        for key, listing in list(self.listings.items()):
            kept = key in self.completions or key in self.full.said
            if not kept and log_clock - listing.heard > self._horizon:
                del self.listings[key]
                self.changed.add(key)

    # -- the journal -------------------------------------------------------------------------------------------------

    def dump(self, everything: bool) -> Iterator[tuple[_Key, dict[str, Any]]]:
        """What is kept of each batch that changed since the last time, or of all."""
        kept = self.listings.keys() | self.completions.keys() | self.full.said.keys()
        keys = kept if everything else self.changed
        for key in sorted(keys):
            listing = self.listings.get(key)
            items = None if listing is None else listing.dump()
            full = self.full.said.get(key)
            yield key, {"listing": items, "completion": self.completions.get(key), "full": full}

    def resume(self, reached: dict[str, int], waiting: list[dict[str, Any]]) -> None:
        """After the tables are loaded."""
        self.reached, self.waiting = reached, waiting
        self.seen_positions = len(self._memory.stores["positions"])

    def load(self, key: _Key, kept: dict[str, Any]) -> None:
        """What `dump` returned of one batch; later ones overwrite it."""
        self.listings.pop(key, None)
        self.completions.pop(key, None)
        if kept["listing"] is not None:
            self.listings[key] = Listing().load(kept["listing"])
        if kept["completion"] is not None:
            self.completions[key] = kept["completion"]
        self.full.said.pop(key, None)
        if kept["full"] is not None:
            self.full.said[key] = kept["full"]


def _is_net(said: dict[str, Any]) -> bool:
    return bool(said["basis"] != "GROSS")


def _order(key: _Key, said: dict[str, Any]) -> tuple[int, bytes, bytes]:
    """As counts are compared."""
    return int(said["as_of"]), key[0].encode(), key[1].encode()


def _key(part: Slice, i: int) -> _Key:
    source, batch = text_of(part.columns, SOURCE, i), text_of(part.columns, _BATCH_ID, i)
    return (source or b"").decode(errors="replace"), (batch or b"").decode(errors="replace")


def _resolve(names: Any, source: int, identifier: bytes | None) -> int:
    """The number of an identifier in the lane, or a negative one."""
    if identifier is None:
        return -1
    if source >= 0:
        bound = names.get(identifier, 1 + source)
        if bound != -1:
            return int(bound)
    return int(names.get(identifier))
