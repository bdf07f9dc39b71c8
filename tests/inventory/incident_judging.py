"""What stands as an incident: by the engine's outputs, and by the reference model."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from inventory.batch import Incident
from inventory.reference import ReferenceModel
from tests.inventory.simulation import Cluster
from tests.inventory.worlds import LISTING, SITE_CODE
from tests.reference.histories import Told

Open = tuple[str | None, str, str]
"""sku, code, and what the reference model calls the subject."""

STANDING = {
    "oversell", "negative_stock", "stock_at_deleted_location", "clamped_basis", "over_receipt", "orphan_consumption",
    "conflicting_version", "shipped_after_cancel", "over_release", "confirmed_after_expiry", "missing_in_snapshot",
    "count_too_late", "nested_bundle",
}  # fmt: skip
"""Those that are a function of the facts; the others depend on what came first, or on a record that was not folded."""

_ALIASES = {"our SKU-1": "SKU-1", "SKU-2b": "SKU-3", SITE_CODE: "A", LISTING: "web"}


def told_last(cluster: Cluster) -> dict[tuple[Any, ...], Incident]:
    """What a reader of the compacted topic has: the last record of each incident."""
    return {(i.code, i.sku, i.location, i.cause): i for i in cluster.incidents}


def open_in_engine(cluster: Cluster, codes: Iterable[str] = STANDING) -> set[Open]:
    """What stands, by the last that was told of it."""
    wanted = set(codes)
    stands = (i for i in told_last(cluster).values() if i.closed_at is None and i.code in wanted)
    return {(i.sku, i.code, _subject(i)) for i in stands if not _of_supply(i)}


def _of_supply(incident: Incident) -> bool:
    """The reference model notes contradicting versions of expected supply, and lets none of them stand."""
    return incident.code == "conflicting_version" and "/" not in incident.cause


def _subject(incident: Incident) -> str:
    return incident.location or incident.channel or incident.cause


def open_in_reference(model: ReferenceModel, now: int) -> set[Open]:
    """The same, by the facts."""
    return {(sku, code, subject) for sku in model.skus() for code, subject in model.incidents(sku, now)}


def by_canonical_names(told: Told) -> Told:
    """Versions are compared by the bytes as sent, or as the engine knows them: let these be one."""
    if told.record_name not in ("Reservation", "ExpectedSupply") or told.value["source"] != "test":
        return told
    names = {
        f: _ALIASES[v] for f, v in told.value.items() if f in ("sku", "location", "channel") and v in _ALIASES
    }
    return replace_value(told, {**told.value, **names})


def replace_value(told: Told, value: dict[str, Any]) -> Told:
    return told._replace(value=value)


def contradicted_lines(model: ReferenceModel) -> set[tuple[str, str]]:
    """(sku, reservation/line) of lines of which any version was told with two contents."""
    found = set()
    for sku in model.skus():
        for line_id, line in model._facts_of(sku).lines.items():
            contents: dict[int, set[bytes]] = {}
            for version in line.versions:
                contents.setdefault(version.version, set()).add(version.content)
            if any(len(each) > 1 for each in contents.values()):
                found.add((sku, "/".join(line_id)))
    return found


def assert_same_incidents(cluster: Cluster, model: ReferenceModel, now: int) -> None:
    """Whether a contradicted line was taken up after its expiry depends on which content is meant."""
    vague = {(sku, "confirmed_after_expiry", line) for sku, line in contradicted_lines(model)}
    engine, reference = open_in_engine(cluster) - vague, open_in_reference(model, now) - vague
    assert engine == reference, f"only engine: {engine - reference}; only reference: {reference - engine}"


__all__ = [
    "assert_same_incidents",
    "by_canonical_names",
    "open_in_engine",
    "open_in_reference",
    "replace",
    "told_last",
]
