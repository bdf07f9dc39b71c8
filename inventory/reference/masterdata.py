"""Catalog, network, rules and allocations: of each key the last record wins. A tombstone ends what it names."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from inventory.reference.bundles import Composition, composition_of
from inventory.reference.fences import Allocated, Start, started
from inventory.reference.guards import Config, is_identifier
from inventory.reference.identity import Names
from inventory.reference.network import Alias, Network, read_aliases, read_channel, read_location
from inventory.reference.rulebook import RuleBook
from inventory.reference.rules import Item, read_rule
from inventory.reference.schema import MASTER_DATA, Record, complete


class Learned(NamedTuple):
    """What a record of master data taught: the dead letter it became, or its names."""

    id: str
    code: str | None = None
    kind: str = ""
    names: tuple[str, ...] = ()
    conflicting_aliases: tuple[str, ...] = ()
    bundle_changed: bool = False


class MasterData:
    """`revision` grows with every record."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.revision = 0
        self.names = {"sku": Names(), "location": Names(), "channel": Names()}
        self.items: dict[str, Item] = {}
        self.compositions: dict[str, Composition] = {}
        """By sku, as its first record has it; what is not a bundle has no components."""
        self._bundles_with: dict[str, dict[str, int]] = {}
        """By component: its units in one of each bundle, read off the compositions."""
        self.network = Network()
        self.rules = RuleBook()
        self.allocations: dict[str, dict[str, Allocated]] = {}
        """By sku and ring-fence."""

    def fold(self, record_name: str, value: Mapping[str, Any] | None, key: str, log_time: int) -> Learned:
        """A record that cannot be read leaves what was told before."""
        self.revision += 1
        if value is None:
            return self._end(record_name, key)
        record = complete(MASTER_DATA[record_name], value)
        if record is None:
            return Learned(key, "invalid_event")
        identifier: str = record["sku" if "sku" in record else "id"]
        if record_name != "Policy" and not is_identifier(identifier):
            return Learned(identifier, "invalid_event")
        try:
            match record_name:
                case "CatalogItem":
                    return self._fold_item(record)
                case "Location":
                    return self._fold_location(record)
                case "Channel":
                    return self._fold_channel(record)
                case "Allocation":
                    return self._fold_allocation(record, log_time)
                case _:
                    return self._fold_policy(record, log_time)
        except ValueError:
            return Learned(identifier, "invalid_event")

    def _fold_item(self, record: Record) -> Learned:
        if any(part["quantity"] <= 0 for part in record["bundle"]):
            return Learned(record["sku"], "invalid_quantity")
        composition = composition_of(record["bundle"])
        item = Item(
            record["sku"],
            record["category"],
            record["style"],
            record["attributes"],
            record["active"],
            record["ship_together"],
        )
        self.items[item.sku] = item
        aliases = [Alias(alias["source"], alias["identifier"]) for alias in record["aliases"]]
        changed = self._compose(item.sku, composition) != composition
        return self._name("sku", item.sku, aliases)._replace(bundle_changed=changed)

    def _compose(self, sku: str, composition: Composition) -> Composition:
        """What a sku is made of from now on: the first that was told stands."""
        if sku not in self.compositions:
            self.compositions[sku] = composition
            for component, units in composition.items():
                self._bundles_with.setdefault(component, {})[sku] = units
        return self.compositions[sku]

    def components(self, sku: str) -> Composition:
        """What a bundle is made of; nothing for any other sku."""
        return self.compositions.get(sku, {})

    def together_with(self, sku: str) -> dict[str, int]:
        """Units of a sku in one kit, of each kit with it that ships together."""
        return {
            bundle: units
            for bundle, units in self._bundles_with.get(sku, {}).items()
            if self.items[bundle].ship_together
        }

    def is_sound(self, component: str) -> bool:
        """Can it be a part of a bundle? It must be known, and no bundle itself."""
        return component in self.items and not self.components(component)

    def is_sellable(self, sku: str) -> bool:
        """Is it active, and all that it is made of sound and active?"""
        parts = self.components(sku)
        return self.items[sku].active and all(
            self.is_sound(component) and self.items[component].active for component in parts
        )

    def _fold_location(self, record: Record) -> Learned:
        location, aliases = read_location(record), read_aliases(record)
        self.network.put_location(location)
        return self._name("location", location.id, aliases)

    def _fold_channel(self, record: Record) -> Learned:
        channel = read_channel(record, self.network.channels.get(record["id"]))
        aliases = read_aliases(record)
        self.network.put_channel(channel)
        return self._name("channel", channel.id, aliases)

    def _fold_policy(self, record: Record, log_time: int) -> Learned:
        """An ended rule is not looked at: it may be of any layer."""
        if record["status"] == "DELETED":
            self.rules.end(record["id"])
            return Learned(record["id"])
        rule = read_rule(record)
        if rule.layer == "ring_fence":
            known = self.rules.get(rule.id)
            before = None if known is None or known.layer != rule.layer else Start(known.set_at, known.since)
            start = started(rule.set_at, log_time, before, self._config.count_horizon_ms)
            rule = replace(rule, set_at=start.set_at, since=start.since)
        self.rules.put(rule)
        return Learned(record["id"])

    def _fold_allocation(self, record: Record, log_time: int) -> Learned:
        """It may come before its sku and its rules, and counts when they are there."""
        if any(fence["units"] < 0 for fence in record["fences"]):
            return Learned(record["sku"], "invalid_quantity")
        known = self.allocations.get(record["sku"], {})
        horizon = self._config.count_horizon_ms
        self.allocations[record["sku"]] = {
            fence: Allocated(
                units, started(set_at, log_time, known[fence].start if fence in known else None, horizon)
            )
            for fence, units, set_at in (
                (each["fence"], each["units"], each["set_at"]) for each in record["fences"]
            )
        }
        return Learned(record["sku"])

    def _name(self, kind: str, canonical: str, aliases: Iterable[Alias]) -> Learned:
        names = self.names[kind]
        names.learn(canonical)
        refused = [alias for alias in aliases if not names.bind(alias.source, alias.identifier, canonical)]
        return Learned(
            canonical,
            kind=kind,
            names=(canonical, *(alias.identifier for alias in aliases)),
            conflicting_aliases=tuple(alias.identifier for alias in refused),
        )

    def _end(self, record_name: str, key: str) -> Learned:
        """A sku cannot be deleted: without its catalog record it is inactive, and sells nothing."""
        identifier = key.partition(":")[2] if record_name in ("Location", "Channel") else key
        match record_name:
            case "CatalogItem" if key in self.items:
                self.items[key] = self.items[key]._replace(active=False)
            case "Location" if identifier in self.network.locations:
                self.network.put_location(self.network.locations[identifier]._replace(deleted=True))
            case "Channel" if identifier in self.network.channels:
                self.network.put_channel(self.network.channels[identifier]._replace(deleted=True))
            case "Policy":
                self.rules.end(key)
            case "Allocation":
                self.allocations.pop(key, None)
        return Learned(identifier)
