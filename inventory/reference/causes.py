"""What caused an oversell: the facts at which it grew, told again in the order of the log."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from inventory.reference.facts import Count, CountKey, SkuFacts
from inventory.reference.snapshots import Snapshots


class Entry(NamedTuple):
    """A fact of a sku as it came; `dated_at` is when it is said to have been (ms).

    `told` is the method of `SkuFacts` that adds it, with these arguments.
    """

    log_time: int
    source: str
    event_id: str
    what: str
    dated_at: int
    told: Callable[..., object]
    arguments: tuple[Any, ...]


class Cause(NamedTuple):
    """A fact that left `units` more without stock. `what` it is starts with late_ where it came long after."""

    what: str
    source: str
    event_id: str
    units: int


def causes(
    entries: Iterable[Entry],
    sku: str,
    snapshots: Snapshots,
    short: Callable[[SkuFacts], Mapping[str, int]],
    tolerance: int,
) -> dict[str, list[Cause]]:
    """By location or channel, what made units go short since there was last enough, the earliest first.

    `short` tells how many units are short where, after some of the facts; `tolerance` (ms) is how long after
    its time a fact may come and not be late.
    """
    before: Mapping[str, int] = {}
    found: defaultdict[str, list[Cause]] = defaultdict(list)
    for entry, facts in told_again(entries, sku, snapshots):
        after = short(facts)
        for subject in {*before, *after}:
            grown = after.get(subject, 0) - before.get(subject, 0)
            if not after.get(subject, 0):
                found.pop(subject, None)
            elif grown > 0:
                late = "late_" if entry.log_time - entry.dated_at > tolerance else ""
                found[subject].append(Cause(late + entry.what, entry.source, entry.event_id, grown))
        before = after
    return dict(found)


def told_again(entries: Iterable[Entry], sku: str, snapshots: Snapshots) -> Iterator[tuple[Entry, SkuFacts]]:
    """The facts of a sku, batches among them, in the order of the log: each with all that were told up to it."""
    known = set[CountKey]()
    facts = SkuFacts(lambda: only(known, snapshots.completions(sku)))
    completions = [
        Entry(
            batch.log_time,
            batch.source,
            batch.batch_id,
            "snapshot",
            batch.terms.as_of,
            lambda _, key: known.add(key),
            (batch.key(),),
        )
        for batch in snapshots.zeroing()
    ]
    for entry in sorted([*entries, *completions], key=lambda entry: entry[:3]):
        entry.told(facts, *entry.arguments)
        yield entry, facts


def only(
    known: set[CountKey], zeros: Mapping[str, Mapping[CountKey, Count]]
) -> dict[str, dict[CountKey, Count]]:
    return {place: {key: told[key] for key in told.keys() & known} for place, told in zeros.items()}
