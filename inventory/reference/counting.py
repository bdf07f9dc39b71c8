"""Counts and batches of them: folded, and measured against what was known."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from inventory.reference.batches import Complete, read_item, read_refused, read_terms
from inventory.reference.causes import Entry
from inventory.reference.drift import Drift, measure
from inventory.reference.facts import COUNTERS, ON_HAND, Count, CountKey, SkuFacts, Told
from inventory.reference.guards import Config
from inventory.reference.identity import Names
from inventory.reference.incidents import Incident
from inventory.reference.movements import count
from inventory.reference.schema import Record
from inventory.reference.snapshots import Snapshots


class FactsBySku(dict[str, SkuFacts]):
    """The facts of each sku, none where nothing was told: a snapshot is of skus that nobody knows yet, too."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots

    def __missing__(self, sku: str) -> SkuFacts:
        return self.setdefault(sku, SkuFacts(partial(self._snapshots.completions, sku)))


class Counting:
    """`drifts` are those of each sku, in the order of their counts; `journal` has its facts as they came."""

    def __init__(self, config: Config, names: Mapping[str, Names]) -> None:
        self.snapshots = Snapshots(names, config.snapshot_patience_ms)
        self.facts = FactsBySku(self.snapshots)
        self.drifts: defaultdict[str, list[Drift]] = defaultdict(list)
        self.journal: defaultdict[str, list[Entry]] = defaultdict(list)
        self._late: defaultdict[str, set[tuple[str, int, CountKey]]] = defaultdict(set)

    def count(self, event: Record, sku: str, location: str, log_time: int) -> Told:
        key = key_of(event)
        counter, counted = COUNTERS[event["counter"]], count(event)
        told = self.facts[sku].count(location, counter, key, counted)
        if told == "new":
            self.journal[sku].append(
                Entry(
                    log_time,
                    event["source"],
                    event["event_id"],
                    "count",
                    event["counted_at"],
                    SkuFacts.count,
                    (location, counter, key, counted),
                )
            )
            self._measure(sku, location, counter, key, counted)
        if event["batch"] is not None:
            batch_id, sequence = event["batch"]["batch_id"], event["batch"]["sequence"]
            item = read_item(event, sku, location)
            complete = self.snapshots.item((event["source"], batch_id), log_time, sequence, item)
            self._measure_completion(complete)
        return told

    def mark(self, marker: Record, locations: frozenset[str], log_time: int) -> None:
        size = marker["items"] if marker["marker"] == "END" else None
        batch_id = (marker["source"], marker["batch_id"])
        self._measure_completion(self.snapshots.mark(batch_id, log_time, read_terms(marker, locations), size))

    def refuse(self, record_name: str, value: Mapping[str, Any], log_time: int) -> None:
        """A count became a dead letter. A batch has its item, though nothing of it is applied."""
        item = read_refused(value) if record_name == "StockCount" else None
        if item is not None:
            self._measure_completion(self.snapshots.refuse(item, log_time))

    def refuse_late(self, event: Record, sku: str, location: str) -> None:
        """A count came when it could not be told any more what happened since."""
        self._late[sku].add((location, COUNTERS[event["counter"]], key_of(event)))

    def recounts(self, sku: str) -> Iterator[Incident]:
        """Where a count came too late, and nobody has counted since it was made."""
        for location, counter, key in self._late.get(sku, ()):
            if not any(other >= key for other in self.facts[sku].counts(location, counter)):
                yield Incident("count_too_late", location)

    def _measure_completion(self, complete: Complete | None) -> None:
        """The count of 0 that a whole batch is of what it does not list, where something was known."""
        if complete is None:
            return
        for sku, facts in self.facts.items():
            zeros = facts.completions()
            for location in facts.positions:
                if complete.key() in zeros.get(location, ()):
                    self._measure(sku, location, ON_HAND, complete.key(), complete.zero())

    def _measure(self, sku: str, location: str, counter: int, key: CountKey, counted: Count) -> None:
        measured = measure(self.facts[sku], location, counter, key, counted)
        if measured is not None:
            self.drifts[sku].append(measured)


def key_of(event: Record) -> CountKey:
    return CountKey(event["counted_at"], event["count_sequence"], event["source"], event["event_id"])
