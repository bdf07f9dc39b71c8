"""Master data of a lane: network, rules, catalog and aliases. The last record of a key wins."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.admission import FOREIGN, Dictionaries, dictionaries
from inventory.allocations import Arrival, allocate, allocated_since, read_allocation
from inventory.bundles import Bundles, Composition, read_parts
from inventory.columns import Longs
from inventory.components import Components
from inventory.murmur import shard_of
from inventory.names import ABSENT, CANONICAL, Names
from inventory.network import AliasConflict, Network
from inventory.numbers import Reach, Rules
from inventory.policies import Extras, RuleBook, Terms, bounds
from inventory.rule import fence_since
from inventory.state import Memory

_SKU_BIT, _LOCATION_BIT, _CHANNEL_BIT = 1, 2, 4


class MasterError(ValueError):
    """A master record that cannot be applied; nothing of it was."""


class Item(NamedTuple):
    """A catalog record that can be applied. `parts`: units of each component of a bundle, {} of others."""

    sku: str
    record: Mapping[str, Any]
    parts: dict[str, int]


def read_item(sku: str, record: Mapping[str, Any]) -> Item:
    """Check a catalog record. Raises `MasterError`, `BundleError`."""
    parts = read_parts(record)
    if not 0 < len(sku.encode()) <= 128:
        raise MasterError("a sku has 1 to 128 bytes")
    return Item(sku, record, parts)


class Masters:
    """`documents` holds the records by key (JSON), for the journal; keys in `changed` were put since it was cleared,
    in that order."""

    def __init__(self, lane: int, lanes: int, generation: int, memory: Memory, count_horizon: int) -> None:
        self.lane = lane
        self.lanes = lanes
        self.memory = memory
        self._count_horizon = count_horizon
        self.network = Network()
        self.rules = RuleBook()
        self.documents: dict[str, Any] = {}
        self.changed: dict[str, None] = {}
        self.bounds_ahead: list[int] = []
        self.bundles = Bundles(lanes, generation, self._keep)
        self.components = Components(self.bundles, lanes, generation, self._keep, self._row_of)
        self._unnamed: dict[str, list[tuple[str, str]]] = {}
        self.bounds_passed = 0
        self._aliased = np.zeros(0, np.uint8)
        self._classes = 0
        self._parts: tuple[Any, ...] = ()
        self._dictionaries: Dictionaries | None = None
        self._reach: tuple[int, Reach] | None = None
        self._in_force: tuple[Extras, Rules] | None = None
        self._profiled = -1
        self._network_seen = -1
        self._location_rank = np.zeros(0, np.int32)
        self._rules_seen = -1

    def put_place(self, sort: str, place_id: str, record: Mapping[str, Any] | None) -> list[AliasConflict]:
        """Take a location's or channel's record. Raises `NetworkError`."""
        put = self.network.put_location if sort == "location" else self.network.put_channel
        conflicts = put(place_id, record)
        ordinals = self.network.location_ordinal if sort == "location" else self.network.channel_ordinal
        if place_id not in ordinals:
            return conflicts
        names = self.memory.location_names if sort == "location" else self.memory.channel_names
        names.add(place_id.encode(), ordinals[place_id])
        aliases = self.network.location_alias if sort == "location" else self.network.channel_alias
        bit = _LOCATION_BIT if sort == "location" else _CHANNEL_BIT
        for (source, identifier), ordinal in aliases.items():
            if ordinal == ordinals[place_id]:
                number = self._source(source, bit)
                names.add(identifier.encode(), ordinal, 1 + number)
        key = f"{sort}:{place_id}"
        # A deleted place keeps its ordinal and what it was: demand and stock still name it.
        self._keep(key, {**self.documents[key], "status": "DELETED"} if record is None else dict(record))
        return conflicts

    def put_policy(self, rule_id: str, record: Mapping[str, Any] | None, now: int, logged_at: int) -> None:
        """Take a rule. Raises `RuleError`."""
        if record is not None and record.get("layer") == "ring_fence":
            before = self.documents.get(f"policy:{rule_id}")
            record = {**record, "since": fence_since(record, before, logged_at, self._count_horizon)}
        self.rules.put(rule_id, record)
        if record is not None:
            for instant in bounds(record):
                # Each bound of each record is an instant of the version, past already or still ahead.
                if instant <= now:
                    self.bounds_passed += 1
                else:
                    self.bounds_ahead.append(instant)
        self._keep(f"policy:{rule_id}", None if record is None else dict(record))

    def pass_bounds(self, now: int) -> bool:
        """Count the validity bounds that the clock has reached; True if there were any."""
        passed = sum(instant <= now for instant in self.bounds_ahead)
        if passed:
            self.bounds_passed += passed
            self.bounds_ahead = [instant for instant in self.bounds_ahead if instant > now]
        return passed > 0

    def put_item(self, item: Item, row: int, *, new: bool) -> None:
        """Take the catalog record of a sku of this lane, at `row`, which it is the first to name if it is `new`.

        A bundle is one from its first record on, and made of what that says.
        """
        sku, record = item.sku, item.record
        if new:
            self._settle_allocation(sku, row)
            if item.parts:
                self.bundles.fix(sku, row, Composition(item.parts, bool(record.get("ship_together"))))
            for source, identifier in self._unnamed.pop(sku, []):
                self._name_alias(source, identifier, sku)
        kind = (record.get("category"), record.get("style"), dict(record.get("attributes") or {}))
        bundle = self.bundles.at(row) is not None
        number = self.rules.item_class(*kind, bundle=bundle)
        if number == self._classes:
            self._classes += 1
            self._keep(f"class:{number}", [*kind, bundle])
        table = self.memory.stores["skus"].table.rows
        table["item_class"][row] = number
        table["profile"][row] = self.rules.profile(number, sku)
        table["active"][row] = bool(record.get("active", True))
        self.memory.touch_sku(row)

    def retire_item(self, row: int) -> None:
        """A catalog tombstone: the sku at `row` stays known and is inactive."""
        self.memory.stores["skus"].table.rows["active"][row] = 0
        self.memory.touch_sku(row)

    def put_allocation(self, sku: str, record: Mapping[str, Any] | None, at: Arrival) -> int:
        """Take what an allocation asks for a sku of this lane; None takes it back. Raises `AllocationError`.

        Returns the sku's row; -1 where the catalog does not know it yet: the record is kept for it.
        """
        fences = read_allocation(sku, record)
        row = self.memory.sku_names.get(sku.encode())
        if row == ABSENT:
            self._keep(f"allocation:{sku}", {"fences": fences, **at._asdict()})
        else:
            allocate(self.memory, row, fences, at, self._count_horizon)
        return row

    def _settle_allocation(self, sku: str, row: int) -> None:
        """Give a new sku the allocation that came before it."""
        kept = self.documents.get(f"allocation:{sku}")
        if kept is not None:
            fences = [(fence, units, set_at) for fence, units, set_at in kept["fences"]]
            at = Arrival(kept["log_time"], kept["carrier"], kept["offset"])
            allocate(self.memory, row, fences, at, self._count_horizon)
            self._keep(f"allocation:{sku}", None)

    def owner(self, source: str, identifier: str) -> str | None:
        """The sku that an alias is bound to."""
        found = self.documents.get(_key("alias", source, identifier))
        return None if found is None else str(found)

    def bind_alias(self, source: str, identifier: str, sku: str) -> bool:
        """Bind a source's identifier to a canonical sku, here or in another lane; False if it is another's."""
        key = _key("alias", source, identifier)
        owner = self.documents.setdefault(key, sku)
        if owner != sku:
            return False
        self.changed[key] = None
        self._drop(_key("claim", source, identifier))
        self._name_alias(source, identifier, sku)
        return True

    def open_claim(self, source: str, identifier: str, sku: str, log_time: int) -> None:
        """A catalog record of this lane claims an alias; nobody has decided yet."""
        key = _key("claim", source, identifier)
        since = dict(self.documents.get(key, {}))
        self._keep(key, {**since, sku: min(log_time, since.get(sku, log_time))})

    def claimants(self, source: str, identifier: str) -> set[str]:
        """The skus of this lane whose claims of an alias are open."""
        return set(self.documents.get(_key("claim", source, identifier), ()))

    def bound(self) -> Iterator[tuple[str, str, str]]:
        """All aliases (source, identifier, sku) that are bound."""
        for key, sku in self.documents.items():
            if key.startswith("alias:"):
                yield *_alias_of(key), sku

    def claims(self) -> Iterator[tuple[str, str, str, int]]:
        """The open claims (source, identifier, sku, log time) of this lane's skus."""
        for key, skus in self.documents.items():
            if key.startswith("claim:"):
                yield from ((*_alias_of(key), sku, since) for sku, since in skus.items())

    def _name_alias(self, source: str, identifier: str, sku: str) -> None:
        name = sku.encode()
        home = shard_of(name) % self.lanes
        value = self.memory.sku_names.get(name) if home == self.lane else FOREIGN - home
        if value == ABSENT:
            self._unnamed.setdefault(sku, []).append((source, identifier))
            return
        self.memory.sku_names.add(identifier.encode(), value, 1 + self._source(source, _SKU_BIT))

    def _awaits(self, sku: str) -> bool:
        """Whether the catalog record of a sku of this lane is still to come, from another lane's partition."""
        own = shard_of(sku) % self.lanes == self.lane
        return own and self.memory.sku_names.get(sku.encode()) == ABSENT

    def refresh(self) -> bool:
        """Bring what is derived from network and rules up to date; True if every sku may have moved."""
        changed = False
        if self._network_seen != self.network.generation:
            self._network_seen = self.network.generation
            self._location_rank = self.network.location_rank
            changed = True
        if self._profiled != self.rules.generation:
            self._profiled = self.rules.generation
            self._ask_profiles()
            changed = True
        if self._rules_seen != self.rules.changes:
            self._rules_seen = self.rules.changes
            changed = True
        return changed

    def _ask_profiles(self) -> None:
        used = self.memory.stores["skus"].used()
        if not used.size:
            return
        profiles = self.rules.class_profiles()[used["item_class"]]
        for sku in self.rules.own_skus:
            row = self.memory.sku_names.get(sku.encode())
            if row >= 0:
                profiles[row] = self.rules.profile(int(used["item_class"][row]), sku)
        for changed in np.flatnonzero(profiles != used["profile"]).tolist():
            self.memory.touch_sku(changed)
        used["profile"] = profiles

    def terms(self, now: int) -> Terms:
        """The rules' numbers at `now`."""
        return self.rules.terms(now, self.network)

    def reach(self) -> Reach:
        """Who sells where, now."""
        net = self.network
        kept = self._reach
        if kept is None or kept[0] != net.generation or kept[1].location_rank is not self._location_rank:
            ordinals = np.array(sorted(net.channel_ordinal.values()), np.int32)
            reach = Reach(net.sells, net.shares_location, net.channel_deleted, ordinals, self._location_rank)
            self._reach = kept = net.generation, reach
        return kept[1]

    def in_force(self, now: int) -> Rules:
        """What numbers rest on at `now`, beside facts."""
        terms, extras, reach = self.terms(now), self.rules.extras, self.reach()
        kept = self._in_force
        if kept is None or not (kept[0] is extras and kept[1].terms is terms and kept[1].reach is reach):
            self._in_force = kept = extras, Rules.of(terms, extras, reach)
        return kept[1]

    def dictionaries(self) -> Dictionaries:
        """What admission looks names up in."""
        m = self.memory
        self._size_aliased()
        parts = (
            m.source_names.d,
            m.sku_names.d,
            m.location_names.d,
            m.channel_names.d,
            m.bundle_names.d,
            self._aliased,
            self.bundles.kits,
        )
        known = self._dictionaries
        if known is None or any(a is not b for a, b in zip(parts, self._parts, strict=True)):
            known = self._dictionaries = dictionaries(*parts)
            self._parts = parts
        return known

    def _size_aliased(self) -> None:
        missing = len(self.memory.source_names) - self._aliased.size
        if missing > 0:
            self._aliased = np.concatenate([self._aliased, np.zeros(missing, np.uint8)])

    def fences_since(self) -> Longs:
        """The instants (ms, ascending) from which ring-fences count, valid now or not."""
        return np.unique(np.array(self.rules.fences_since() + allocated_since(self.memory), np.int64))

    def deleted_locations(self) -> npt.NDArray[np.bool_]:
        """By ordinal."""
        return self.network.location_deleted

    def _source(self, name: str, bit: int) -> int:
        number = self.memory.intern_source(name.encode())
        self._size_aliased()
        self._aliased[number] |= bit
        return number

    def _row_of(self, sku: str) -> int:
        return self.memory.sku_names.get(sku.encode())

    def _keep(self, key: str, value: object) -> None:
        self.documents[key] = value
        self.changed[key] = None

    def _drop(self, key: str) -> None:
        if self.documents.pop(key, None) is not None:
            self.changed[key] = None

    def _aliases(self, names: Names) -> dict[tuple[str, str], int]:
        d, sources = names.d, self.memory.source_names
        return {
            (sources.text(int(d.scope[i]) - 1).decode(), names.text(i).decode()): int(d.value[i])
            for i in range(len(names))
            if d.scope[i] != CANONICAL
        }

    def load(self, documents: dict[str, Any], bounds_ahead: list[int], bounds_passed: int) -> None:
        """Take back what a journal kept; the dictionaries must have been loaded before."""
        self.documents = documents
        # First, for whom each alias is bound for ever: the last record of a place may not name it any more.
        self.network.location_alias.update(self._aliases(self.memory.location_names))
        self.network.channel_alias.update(self._aliases(self.memory.channel_names))
        for key, value in documents.items():
            sort, _, name = key.partition(":")
            if sort == "location":
                self.network.put_location(name, value)
            elif sort == "channel":
                self.network.put_channel(name, value)
            elif sort == "policy":
                self.rules.put(name, value)
            elif sort == "alias" and self._awaits(value):
                self._unnamed.setdefault(value, []).append(_alias_of(key))
        classes = sorted(int(key[6:]) for key in documents if key.startswith("class:"))
        for number in classes:
            self.rules.item_class(*documents[f"class:{number}"])
        self._classes = len(classes)
        self.bundles.load(documents, self._row_of)
        self.bounds_ahead, self.bounds_passed = bounds_ahead, bounds_passed
        self._size_aliased()
        for names, bit in (
            (self.memory.sku_names, _SKU_BIT),
            (self.memory.location_names, _LOCATION_BIT),
            (self.memory.channel_names, _CHANNEL_BIT),
        ):
            scopes = names.d.scope[: len(names)]
            for scope in np.unique(scopes[scopes != CANONICAL]).tolist():
                self._aliased[scope - 1] |= bit


def _key(sort: str, source: str, identifier: str) -> str:
    return f"{sort}:{len(source)}:{source}{identifier}"


def _alias_of(key: str) -> tuple[str, str]:
    _, length, rest = key.split(":", 2)
    return rest[: int(length)], rest[int(length) :]
