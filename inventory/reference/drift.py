"""Drift: by how much a count differs from what was expected, and what that says of its source.

It is measured when a count comes, against what is known then: unlike a number, it depends on the order of
facts.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from inventory.reference.demand import open_at
from inventory.reference.facts import ON_HAND, Count, CountKey, SkuFacts
from inventory.reference.guards import Config
from inventory.reference.incidents import Incident
from inventory.reference.positions import gross, last_count, value

BASES = {"GROSS": None, "NET of HARD": "HARD", "NET of SOFT_AND_HARD": "SOFT_AND_HARD"}


class Drift(NamedTuple):
    """A count of a counter, in units above (> 0) or below (< 0) what was expected for the same instant.

    `fits` names the bases under which there would have been no drift, had the source always meant them: none
    where there was none.
    """

    location: str
    counter: int
    key: CountKey
    units: int
    declared: str
    fits: frozenset[str]


class Suspicion(NamedTuple):
    """A source whose counts of a position make sense under another basis than the one it declares."""

    source: str
    location: str
    basis: frozenset[str]
    evidence: tuple[Drift, ...]


def measure(facts: SkuFacts, location: str, counter: int, key: CountKey, count: Count) -> Drift | None:
    """The drift of a count that was just added to the facts.

    None of a first one: nothing was expected. None of one that is not newer than the anchor either: it
    changes nothing, and what was expected before the anchor is no longer asked.
    """
    before = last_count(facts, location, counter, before=key)
    if before is None or key < max(facts.counts(location, counter)):
        return None
    expected = value(facts, location, counter, before=key, until=key.counted_at)
    units = gross(facts, location, count) - expected
    fits: Iterable[str] = ()
    if units and counter == ON_HAND:
        # A source that declares a wrong basis did so before: its own fault is in what was expected of it.
        own = before[1] if before[0].source == key.source else None
        fits = (
            basis
            for basis, net_of in BASES.items()
            if units + _shift(facts, location, count, net_of) == _shift(facts, location, own, net_of)
        )
    declared = next(basis for basis, net_of in BASES.items() if net_of == count.net_of)
    return Drift(location, counter, key, units, declared, frozenset(fits))


def _shift(facts: SkuFacts, location: str, count: Count | None, net_of: str | None) -> int:
    """By how much more units a count would mean if it were net of something else than it says."""
    if count is None:
        return 0
    declared = open_at(facts, location, count.net_of, count.demand_as_of)
    return open_at(facts, location, net_of, count.demand_as_of) - declared


def suspicions(measured: Iterable[Drift], config: Config) -> Iterator[Suspicion]:
    """Where the last drifts of a source at a position are steadily what another basis explains.

    A count without drift says nothing: where there is no demand, all bases are one. A source that now
    declares what explains its counts has been put right.
    """
    told: dict[tuple[str, str], list[Drift]] = {}
    for drift in measured:
        if drift.counter == ON_HAND and drift.units:
            told.setdefault((drift.key.source, drift.location), []).append(drift)
    for (source, location), drifts in told.items():
        last = drifts[-config.basis_suspect_after :]
        basis = frozenset.intersection(*(drift.fits for drift in last))
        if basis and last[-1].declared not in basis and len(last) == config.basis_suspect_after:
            yield Suspicion(source, location, basis, tuple(last))


def alarms(measured: Iterable[Drift], config: Config) -> Iterator[Incident]:
    """The exceptions that stand: the last drift of a counter holds until it is counted again."""
    measured = list(measured)
    last = {(drift.location, drift.counter): drift for drift in measured}
    for drift in last.values():
        if abs(drift.units) > config.drift_tolerance:
            yield Incident("drift", drift.location)
    for suspicion in suspicions(measured, config):
        yield Incident("basis_suspect", f"{suspicion.location}/{suspicion.source}")
