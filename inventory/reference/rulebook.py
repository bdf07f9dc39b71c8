"""The rules in force, and the one of each layer that wins."""

from typing import NamedTuple

from inventory.reference.network import Location
from inventory.reference.rules import LAYERS, Item, Rule


class ItemRules(NamedTuple):
    """The rules that hold for an item at an instant, by layer, the strongest first."""

    by_layer: dict[str, tuple[Rule, ...]]

    def of_channel(self, channel: str) -> dict[str, Rule | None]:
        """The one of each layer without places that wins; a rule that names no channel is one for every channel."""
        return {
            layer: next((rule for rule in rules if rule.channel in (None, channel)), None)
            for layer, rules in self.by_layer.items()
            if LAYERS[layer].names_channel and not LAYERS[layer].matches_places
        }

    def in_transit_of(self, channel: str) -> tuple[Rule, ...]:
        """Those of the in-transit layer that may win for a channel: which one does depends on the place."""
        return tuple(rule for rule in self.by_layer["in_transit"] if rule.channel in (None, channel))


class RuleBook:
    """The last record of each rule. Ids are unique over all layers."""

    def __init__(self) -> None:
        self._rules: dict[str, Rule] = {}
        self.ever: list[Rule] = []
        """Every rule that was ever told, superseded and ended ones included."""
        self._by_sku: dict[str | None, list[Rule]] = {}
        self._at: dict[tuple[tuple[Rule, ...], Location], Rule | None] = {}
        self._in: dict[tuple[tuple[Rule, ...], frozenset[Location]], frozenset[Rule]] = {}

    def put(self, rule: Rule) -> None:
        self._rules[rule.id] = rule
        self.ever.append(rule)
        self._sort_out()

    def get(self, rule_id: str) -> Rule | None:
        return self._rules.get(rule_id)

    def end(self, rule_id: str) -> None:
        self._rules.pop(rule_id, None)
        self._sort_out()

    def for_item(self, item: Item, now: int) -> ItemRules:
        candidates = [*self._by_sku.get(None, ()), *self._by_sku.get(item.sku, ())]
        holding = [rule for rule in candidates if rule.is_valid(now) and rule.holds_for_item(item)]
        holding.sort(key=Rule.precedence)
        return ItemRules({layer: tuple(rule for rule in holding if rule.layer == layer) for layer in LAYERS})

    def safety_stock_at(self, rules: ItemRules, location: Location) -> Rule | None:
        """The node rule that wins at a location."""
        return self._strongest(rules.by_layer["safety_stock"], location)

    def of_nodes(self, rules: ItemRules, locations: frozenset[Location]) -> frozenset[Rule]:
        """The node rules that win anywhere in these locations."""
        return self._winning(rules.by_layer["safety_stock"], locations)

    def in_transit_at(self, rules: ItemRules, channel: str, location: Location) -> Rule | None:
        """The rule by which a channel counts what is on its way to a location."""
        return self._strongest(rules.in_transit_of(channel), location)

    def of_arrivals(self, rules: ItemRules, channel: str, locations: frozenset[Location]) -> frozenset[Rule]:
        """The in-transit rules that win for a channel anywhere in these locations."""
        return self._winning(rules.in_transit_of(channel), locations)

    def _strongest(self, rules: tuple[Rule, ...], location: Location) -> Rule | None:
        key = (rules, location)
        if key not in self._at:
            self._at[key] = next((rule for rule in rules if rule.holds_at(location)), None)
        return self._at[key]

    def _winning(self, rules: tuple[Rule, ...], locations: frozenset[Location]) -> frozenset[Rule]:
        key = (rules, locations)
        if key not in self._in:
            winning = {self._strongest(rules, location) for location in locations}
            self._in[key] = frozenset(rule for rule in winning if rule is not None)
        return self._in[key]

    def _sort_out(self) -> None:
        self._at.clear()
        self._in.clear()
        self._by_sku.clear()
        for rule in self._rules.values():
            self._by_sku.setdefault(rule.item.get("sku"), []).append(rule)
