"""One batch by which a source sends its whole stock: what was told of it, and whether that is all.

A batch is a function of what was told of it: its markers, its items and its refused ones.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from inventory.reference.facts import COUNTERS, ON_HAND, Count, CountKey
from inventory.reference.schema import Record

BatchId = tuple[str, str]
"""source and batch_id."""


class Basis(NamedTuple):
    """What numbers contain. `net_of` and `demand_as_of` (ms) are None where they do not matter."""

    declared: str
    net_of: str | None
    demand_as_of: int | None


class Terms(NamedTuple):
    """What a marker says of its batch. BEGIN and END must say the same."""

    mode: str
    locations: frozenset[str]
    basis: Basis
    as_of: int


class Item(NamedTuple):
    sku: str
    location: str
    counter: int
    counted_at: int
    basis: Basis


class Refused(NamedTuple):
    """An item that became a dead letter; `position` is the sku and location as its source calls them."""

    batch_id: BatchId
    sequence: int
    position: tuple[str, str] | None


def read_refused(value: Mapping[str, Any]) -> Refused | None:
    """The item of a batch that an invalid count is; None where that cannot be read."""
    source, batch = value.get("source"), value.get("batch")
    if not isinstance(source, str) or not isinstance(batch, Mapping):
        return None
    batch_id, sequence = batch.get("batch_id"), batch.get("sequence")
    if not isinstance(batch_id, str) or not isinstance(sequence, int):
        return None
    sku, location = value.get("sku"), value.get("location")
    position = (sku, location) if isinstance(sku, str) and isinstance(location, str) else None
    return Refused((source, batch_id), sequence, position)


def read_basis(event: Record, default: int) -> Basis:
    if event["basis"] == "GROSS":
        return Basis("GROSS", None, None)
    as_of = event["demand_as_of"]
    return Basis(event["basis"], event["net_of"], default if as_of is None else as_of)


def read_item(event: Record, sku: str, location: str) -> Item:
    basis = read_basis(event, event["counted_at"])
    return Item(sku, location, COUNTERS[event["counter"]], event["counted_at"], basis)


def read_terms(marker: Record, locations: frozenset[str]) -> Terms:
    return Terms(marker["mode"], locations, read_basis(marker, marker["as_of"]), marker["as_of"])


def contradicts(item: Item, terms: Terms) -> bool:
    """Only `ON_HAND` has a basis to contradict: the other counters are GROSS in a batch of any basis."""
    return (
        item.location not in terms.locations
        or item.counted_at != terms.as_of
        or (item.counter == ON_HAND and item.basis != terms.basis)
    )


@dataclass(slots=True)
class Batch:
    """All that was told of one batch. `first_log_time` (ms) is that of the first record of it."""

    source: str
    batch_id: str
    first_log_time: float = math.inf
    terms: set[Terms] = field(default_factory=set)
    sizes: set[int] = field(default_factory=set)
    """How many items it has, as each END says."""
    items: set[Item] = field(default_factory=set)
    sequences: set[int] = field(default_factory=set)
    """Of items and of dead letters, but not of items that came too late."""
    refused: set[tuple[str, str]] = field(default_factory=set)
    """sku and location, as the source calls them, of items that became dead letters."""

    def is_contradictory(self) -> bool:
        """Markers that differ, an item that contradicts them, or more items than there should be.

        A batch that contradicts itself never completes: whoever sent it does not know what is there.
        """
        return (
            len(self.terms) > 1
            or len(self.sizes) > 1
            or any(contradicts(item, terms) for terms in self.terms for item in self.items)
            or any(len(self.sequences) > size for size in self.sizes)
        )

    def completed(self) -> Terms | None:
        """What the markers say, of a batch whose END and all items have arrived; None before."""
        if self.sizes != {len(self.sequences)} or self.is_contradictory():
            return None
        return next(iter(self.terms))

    def as_of(self) -> float:
        return max(
            (*(terms.as_of for terms in self.terms), *(item.counted_at for item in self.items)),
            default=-math.inf,
        )

    def locations(self) -> frozenset[str]:
        return frozenset(item.location for item in self.items).union(
            *(terms.locations for terms in self.terms)
        )


class Complete(NamedTuple):
    """A complete batch, and the positions (sku, location) that it lists.

    `log_time` (ms) is that of the record that completed it.
    """

    log_time: int
    terms: Terms
    source: str
    batch_id: str
    listed: frozenset[tuple[str, str]]

    def key(self) -> CountKey:
        """Of its completion, taken as a count."""
        return CountKey(self.terms.as_of, 0, self.source, self.batch_id)

    def zero(self) -> Count:
        """The count of 0 of what it does not list: of its basis, so that it may be net of demand."""
        _, net_of, demand_as_of = self.terms.basis
        return Count(0, self.terms.as_of if demand_as_of is None else demand_as_of, net_of)
