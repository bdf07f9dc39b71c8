"""Skus in groups that are judged one after the other; who belongs together is in one."""

import zlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from loadtest.verify.truth import FOLDED
from runtime.readback import end_offsets, read_topic
from runtime.settings import Settings
from wire.codec import Codec

RECORDS_A_GROUP = 1_500_000
"""As many fill some gigabytes of the model's."""


class _Kin:
    """Who belongs together, directly or through others (union-find)."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def of(self, sku: str) -> str:
        """The one that stands for all that belong together."""
        while (parent := self._parent.get(sku, sku)) != sku:
            self._parent[sku] = self._parent.get(parent, parent)
            sku = parent
        return sku

    def join(self, one: str, other: str) -> None:
        """These two do, and all that belong to either."""
        first, second = sorted((self.of(one), self.of(other)))
        self._parent[second] = first


class Groups:
    """Which skus belong together, and what they are called. A bundle and its components are in one group."""

    def __init__(self, items: Collection[Mapping[str, Any]], many: int) -> None:
        self.many = many
        self._group: dict[str, int] = {}
        self._named: defaultdict[str, set[int]] = defaultdict(set)
        kin = _Kin()
        for item in items:
            for part in item["bundle"]:
                kin.join(item["sku"], part["sku"])
        for item in items:
            self._group[item["sku"]] = zlib.crc32(kin.of(item["sku"]).encode()) % many
        for item in items:
            for name in (item["sku"], *(alias["identifier"] for alias in item["aliases"])):
                self._named[name].add(self._group[item["sku"]])

    def of(self, sku: str) -> int:
        """The group of a sku of the catalog."""
        return self._group[sku]

    def named(self, name: str) -> Collection[int]:
        """The groups of the skus that a name may mean; all, where nobody has it."""
        return self._named.get(name) or range(self.many)


def groups_of(settings: Settings, codec: Codec) -> Groups:
    """As many groups as the records need."""
    records = sum(end_offsets(settings, FOLDED).values())
    items = [
        codec.decode(stored.value)[1]
        for stored in read_topic(settings, "catalog")
        if stored.value is not None
    ]
    return Groups(items, max(1, -(-records // RECORDS_A_GROUP)))
