"""When the numbers of a sku may move by themselves: nothing but the clock passes these instants.

Each is the first millisecond at which the numbers may differ. They are those of everything ever told: an
instant of a version or rule that no longer holds stays one, so that a count of them only grows.
"""

from collections.abc import Iterable, Iterator

from inventory.reference.facts import Promise, SkuFacts, Version
from inventory.reference.rules import Rule


def instants(facts: SkuFacts, rules: Iterable[Rule]) -> list[int]:
    told = list(rules)
    found = [instant for rule in told for instant in bounds(rule)]
    found += [instant for line in facts.lines.values() for each in line.versions for instant in expiry(each)]
    for line in facts.supply.values():
        for promise in line.promises:
            found += due(promise, told)
    return sorted(found)


def bounds(rule: Rule) -> Iterator[int]:
    """A rule holds from the first bound on, and at the second no more."""
    if rule.valid_from is not None:
        yield rule.valid_from
    if rule.valid_to is not None:
        yield rule.valid_to


def expiry(version: Version) -> Iterator[int]:
    """A soft line is still open at the instant that it names; a checked one for the time of grace after it, too."""
    if version.commitment == "SOFT" and version.expires_at is not None:
        yield version.expires_at + 1
        if version.grace:
            yield version.expires_at + version.grace + 1


def due(promise: Promise, rules: Iterable[Rule]) -> Iterator[int]:
    """A line is in the window of a rule from its start on, and not yet overdue at the instant it is due."""
    yield promise.expected_at + 1
    for rule in rules:
        if rule.layer == "in_transit":
            yield promise.expected_at - rule.within
