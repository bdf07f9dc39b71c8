"""Profiles: skus that the same rules match share one, so that thousands of skus cost one row of terms."""

from collections.abc import Iterable, Mapping

import numpy as np

from inventory.columns import Ints
from inventory.rule import Rule

_Condition = tuple[str, str | None]
_Class = tuple[str | None, str | None, tuple[tuple[str, str], ...], bool]


class Profiles:
    """The profile of every item class and of every sku that rules name; profile p is matched by the rules
    with the ids `matched[p]`, by their item conditions alone."""

    def __init__(self) -> None:
        self._class_number: dict[_Class, int] = {}
        self._classes: list[_Class] = []
        self.rebuild(())

    def rebuild(self, rules: Iterable[Rule]) -> None:
        """Number the profiles anew for these rules; the numbers of item classes stay."""
        self.matched: list[tuple[str, ...]] = []
        self._number: dict[tuple[str, ...], int] = {}
        self._of_class: dict[int, int] = {}
        self._of_sku: dict[tuple[int, str], int] = {}
        self._naming: dict[str, list[Rule]] = {}
        # A rule of a class is filed under one condition of its own, so that a class meets few others.
        self._filed: dict[_Condition | None, list[Rule]] = {}
        for rule in rules:
            if "sku" in rule.match:
                self._naming.setdefault(rule.match["sku"], []).append(rule)
            else:
                self._filed.setdefault(next(iter(rule.item_conditions), None), []).append(rule)

    @property
    def own_skus(self) -> frozenset[str]:
        """The skus that a rule names."""
        return frozenset(self._naming)

    def item_class(
        self, category: str | None, style: str | None, attributes: Mapping[str, str], bundle: bool = False
    ) -> int:
        """A number for skus of the same category, style and attributes, bundles or others; permanent."""
        key = (category, style, tuple(sorted(attributes.items())), bundle)
        number = self._class_number.setdefault(key, len(self._classes))
        if number == len(self._classes):
            self._classes.append(key)
        return number

    def of_classes(self) -> Ints:
        """The profile of every item class, by its number, for skus that no rule names."""
        return np.array([self.of_class(number) for number in range(len(self._classes))], np.int32)

    def of_class(self, item_class: int) -> int:
        """The profile of a sku of the class that no rule names."""
        known = self._of_class.get(item_class)
        if known is None:
            category, style, attributes, _ = self._classes[item_class]
            conditions: list[_Condition | None] = [None, ("style", style), ("category", category)]
            conditions += [("attribute " + name, value) for name, value in attributes]
            rules = [rule for each in conditions for rule in self._filed.get(each, ())]
            known = self._of_class[item_class] = self._intern(self._matching(rules, item_class))
        return known

    def of_sku(self, item_class: int, sku: str) -> int:
        """The profile of the sku."""
        naming = self._naming.get(sku)
        if naming is None:
            return self.of_class(item_class)
        known = self._of_sku.get((item_class, sku))
        if known is None:
            own = self._matching(naming, item_class)
            known = self._intern((*self.matched[self.of_class(item_class)], *own))
            self._of_sku[item_class, sku] = known
        return known

    def _matching(self, rules: list[Rule], item_class: int) -> tuple[str, ...]:
        category, style, attributes, bundle = self._classes[item_class]
        return tuple(
            rule.id
            for rule in rules
            if rule.matches_class(category, style, dict(attributes)) and (rule.layer.of_bundles or not bundle)
        )

    def _intern(self, matched: tuple[str, ...]) -> int:
        matched = tuple(sorted(matched))
        number = self._number.setdefault(matched, len(self.matched))
        if number == len(self.matched):
            self.matched.append(matched)
        return number
