"""Incidents that follow from the numbers: opened when they have lasted, closed when their cause is gone."""

from typing import Any

import numpy as np

from inventory.batch import Incident
from inventory.columns import Ints
from inventory.network import AliasConflict
from inventory.views import BLOCKED, DAMAGED, HARD, ON_HAND, QUALITY_CONTROL, SOFT, Views

_Key = tuple[str, int, int]  # code, sku row, location ordinal

NEGATIVE_STOCK, OVERSELL = "negative_stock", "oversell"


class Watch:
    """`delay` (ms): disorder alone can cause these for a moment, so they open only when they have lasted."""

    def __init__(self, delay: int) -> None:
        self._delay = delay
        self._since: dict[_Key, int] = {}
        self._open: dict[_Key, int] = {}
        self._by_sku: dict[int, set[_Key]] = {}
        self.changed = False

    def observe(self, views: Views, skus: Ints, now: int) -> list[tuple[_Key, int]]:
        """Take the numbers of `skus` in; returns the incidents that are over: (key, opened at)."""
        nodes = views.nodes
        sellable = nodes[:, ON_HAND] - nodes[:, DAMAGED] - nodes[:, QUALITY_CONTROL] - nodes[:, BLOCKED]
        negative = sellable < 0
        short = nodes[:, SOFT] + nodes[:, HARD] > np.maximum(sellable, 0)
        standing: set[_Key] = set()
        for flags, code in ((negative, NEGATIVE_STOCK), (short, OVERSELL)):
            for node in np.flatnonzero(flags).tolist():
                owner = int(np.searchsorted(views.node_start, node, side="right")) - 1
                standing.add((code, int(skus[owner]), int(views.node_ordinal[node])))
        over = []
        if self._by_sku:
            for sku in skus.tolist():
                for key in list(self._by_sku.get(sku, ())):
                    if key not in standing:
                        over += self._end(key)
        for key in standing:
            if key not in self._since and key not in self._open:
                self._since[key] = now
                self._by_sku.setdefault(key[1], set()).add(key)
                self.changed = True
        return over

    def _end(self, key: _Key) -> list[tuple[_Key, int]]:
        self.changed = True
        self._by_sku[key[1]].discard(key)
        if not self._by_sku[key[1]]:
            del self._by_sku[key[1]]
        if self._since.pop(key, None) is not None:
            return []
        return [(key, self._open.pop(key))]

    def due(self, now: int) -> list[tuple[_Key, int]]:
        """The incidents that have lasted and open now: (key, since when it has stood)."""
        ripe = []
        while self._since:
            key, since = next(iter(self._since.items()))
            if now - since < self._delay:
                break
            del self._since[key]
            self._open[key] = since
            ripe.append((key, since))
            self.changed = True
        return ripe

    def dump(self) -> dict[str, Any]:
        """For the journal."""
        return {
            "since": [[*key, at] for key, at in self._since.items()],
            "open": [[*key, at] for key, at in self._open.items()],
        }

    def load(self, kept: dict[str, Any]) -> None:
        """What `dump` returned."""
        for name, into in (("since", self._since), ("open", self._open)):
            for code, sku, location, at in kept.get(name, []):
                into[(code, sku, location)] = at
                self._by_sku.setdefault(sku, set()).add((code, sku, location))


def as_incident(key: _Key, sku: str, location: str, opened_at: int, closed_at: int | None) -> Incident:
    """The incident that a key stands for."""
    return Incident(key[0], sku, location, "position", opened_at, closed_at)


def alias_conflict(conflict: AliasConflict, location: str | None, now: int) -> Incident:
    """A record of `location`, or of the sku that is the claimant, names an alias that belongs to another."""
    return Incident(
        "alias_conflict", conflict.claimant if location is None else None, location,
        f"{conflict.source}:{conflict.identifier}", now, source=conflict.source,
        detail={"identifier": conflict.identifier, "owner": conflict.owner, "claimant": conflict.claimant},
    )  # fmt: skip


def bundle_changed(sku: str, now: int) -> Incident:
    """A later catalog record of a sku has other components, and was folded without them."""
    return Incident("bundle_changed", sku, None, "catalog", now)


def nested_bundle(sku: str, component: str, now: int) -> Incident:
    """A component of a bundle is itself one, so that nothing can be shown of it."""
    return Incident("nested_bundle", sku, None, component, now, detail={"component": component})
