"""All batches by which sources send their whole stock, and what a complete one means.

Items stand by themselves as counts. No batch is forgotten, so that the newest of each location is kept for
good among them.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from inventory.reference.batches import Batch, BatchId, Complete, Item, Refused, Terms
from inventory.reference.facts import ON_HAND, Count, CountKey, SkuFacts
from inventory.reference.identity import Names
from inventory.reference.incidents import Incident


class Snapshots:
    """`revision` grows with every record of a batch."""

    def __init__(self, names: Mapping[str, Names], patience: int) -> None:
        """`patience` (ms): how long a batch may stay incomplete before anybody is told."""
        self.revision = 0
        self._names = names
        self._patience = patience
        self._batches: dict[BatchId, Batch] = {}
        self._complete: dict[BatchId, Complete] = {}
        self._zeros: dict[str, dict[str, dict[CountKey, Count]]] = {}  # as computed since the last record

    def mark(self, batch_id: BatchId, log_time: int, terms: Terms, size: int | None) -> Complete | None:
        """A marker; `size` of an END. Returns the batch if this completes it."""
        batch = self._batch(batch_id, log_time)
        batch.terms.add(terms)
        if size is not None:
            batch.sizes.add(size)
        return self._look_at(batch_id, log_time)

    def item(self, batch_id: BatchId, log_time: int, sequence: int, item: Item) -> Complete | None:
        """An item that was folded as a count. Returns the batch if this completes it."""
        batch = self._batch(batch_id, log_time)
        batch.sequences.add(sequence)
        batch.items.add(item)
        return self._look_at(batch_id, log_time)

    def refuse(self, item: Refused, log_time: int) -> Complete | None:
        """An item that became a dead letter. Returns the batch if this completes it.

        It is no count. But its source did list the position: to take it for 0 would be to guess.
        """
        batch = self._batch(item.batch_id, log_time)
        batch.sequences.add(item.sequence)
        if item.position is not None:
            batch.refused.add(item.position)
        return self._look_at(item.batch_id, log_time)

    def completions(self, sku: str) -> dict[str, dict[CountKey, Count]]:
        """By location, the counts of 0 of a sku: complete NONZERO batches that do not list it."""
        if sku in self._zeros:
            return self._zeros[sku]
        zeros: defaultdict[str, dict[CountKey, Count]] = defaultdict(dict)
        for batch in self.zeroing():
            for location in batch.terms.locations:
                if not self._lists(batch, sku, location):
                    zeros[location][batch.key()] = batch.zero()
        # What a refused item lists depends on aliases, which may yet be learned.
        if not any(batch.refused for batch in self._batches.values()):
            self._zeros[sku] = zeros
        return zeros

    def zeroing(self) -> list[Complete]:
        """The complete batches that mean 0 where they say nothing."""
        return [batch for batch in self._complete.values() if batch.terms.mode == "NONZERO"]

    def missing(self, sku: str, facts: SkuFacts) -> Iterator[Incident]:
        """Known positions that the newest FULL feed of their location does not list.

        A count made since tells what is there, be it one of a whole batch.
        """
        newest: dict[str, Complete] = {}
        for batch in sorted(self._complete.values(), key=Complete.key):
            if batch.terms.mode == "FULL":
                newest.update(dict.fromkeys(batch.terms.locations, batch))
        for location, batch in newest.items():
            if (
                not self._lists(batch, sku, location)
                and _was_known(facts, location, batch.terms.as_of)
                and not _was_counted_after(facts, location, batch.terms.as_of)
            ):
                yield Incident("missing_in_snapshot", location)

    def incidents(self, now: int) -> Iterator[Incident]:
        """Batches that are in trouble at `now` (ms), until their source has sent all of it anew."""
        for batch in self._batches.values():
            subject = f"{batch.source}/{batch.batch_id}"
            if self._is_superseded(batch):
                continue
            if batch.is_contradictory():
                yield Incident("batch_mismatch", subject)
            elif batch.completed() is None and now - batch.first_log_time > self._patience:
                yield Incident("incomplete_snapshot", subject)

    def _batch(self, batch_id: BatchId, log_time: int) -> Batch:
        self.revision += 1
        self._zeros.clear()
        batch = self._batches.setdefault(batch_id, Batch(*batch_id))
        batch.first_log_time = min(batch.first_log_time, log_time)
        return batch

    def _look_at(self, batch_id: BatchId, log_time: int) -> Complete | None:
        batch = self._batches[batch_id]
        was = self._complete.pop(batch_id, None)
        terms = batch.completed()
        if terms is None:
            return None
        listed = frozenset((item.sku, item.location) for item in batch.items)
        if was is not None:
            log_time = was.log_time
        complete = Complete(log_time, terms, batch.source, batch.batch_id, listed)
        self._complete[batch_id] = complete
        return complete if was is None else None

    def _lists(self, batch: Complete, sku: str, location: str) -> bool:
        return (sku, location) in batch.listed or any(
            self._names["sku"].resolve(batch.source, its_sku) == sku
            and self._names["location"].resolve(batch.source, its_location) == location
            for its_sku, its_location in self._batches[batch.source, batch.batch_id].refused
        )

    def _is_superseded(self, batch: Batch) -> bool:
        return any(
            other.source == batch.source
            and other.terms.mode != "PARTIAL"
            and other.terms.as_of > batch.as_of()
            and other.terms.locations >= batch.locations()
            for other in self._complete.values()
        )


def _was_known(facts: SkuFacts, location: str, instant: int) -> bool:
    position = facts.position(location)
    return any(moved.occurred_at <= instant for moved in position.movements) or any(
        key.counted_at <= instant for counts in position.counts.values() for key in counts
    )


def _was_counted_after(facts: SkuFacts, location: str, instant: int) -> bool:
    return any(key.counted_at > instant for key in facts.counts(location, ON_HAND))
