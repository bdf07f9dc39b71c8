"""What a verification has seen is counted from the records, and what it has not seen is said."""

from typing import Any

from loadtest.verify.features import WANTED, Features

NOW = 1_790_000_000_000


def decision(
    line: str, version: int, action: str, outcome: str = "ACCEPTED", **fields: Any
) -> dict[str, Any]:
    told = {"reservation_id": "r", "line": line, "sku": "A", "version": version, "action": action}
    return {**told, "outcome": outcome, "reason": None, "expires_at": NOW - 1, **fields}


def seen(*records: tuple[str, dict[str, Any]]) -> Features:
    features = Features()
    for record, fields in records:
        features.see(record, fields, NOW)
    features.finish(NOW)
    return features


def test_nothing_seen_is_everything_missing() -> None:
    assert seen().missing() == list(WANTED)


def test_what_became_of_checked_lines() -> None:
    counted = seen(
        ("ReservationDecision", decision("1", 1, "PLACE")),
        ("ReservationDecision", decision("1", 1, "PLACE", "REFUSED")),  # second: it does not stand
        ("ReservationDecision", decision("1", 2, "CONFIRM", "REFUSED", reason="expired")),
        ("ReservationDecision", decision("c", 1, "PLACE")),
        ("ReservationDecision", decision("c", 3, "CANCEL", "REFUSED", reason="conflict")),
        ("ReservationDecision", decision("c", 2, "CONFIRM")),
        ("ReservationDecision", decision("x", 1, "PLACE", "REFUSED")),
        ("ReservationDecision", decision("y", 1, "PLACE")),
        ("ReservationDecision", decision("y", 2, "CANCEL")),
        ("ReservationDecision", decision("z", 1, "PLACE", expires_at=NOW + 1)),
    ).counted
    assert {name: many for name, many in counted.items() if many} == {
        "checked lines granted": 4,
        "checked lines refused": 1,
        "checked lines of bundles": 1,
        "checked lines confirmed": 1,
        "checked lines given back": 1,
        "checked lines lapsed": 1,
    }


def test_a_batch_is_complete_with_all_of_its_items() -> None:
    def item(batch: str, sequence: int) -> tuple[str, dict[str, Any]]:
        return "StockCount", {"source": "s", "batch": {"batch_id": batch, "sequence": sequence}}

    def end(batch: str, items: int) -> tuple[str, dict[str, Any]]:
        told = {"source": "s", "batch_id": batch, "mode": "NONZERO", "marker": "END", "items": items}
        return "SnapshotMarker", told

    counted = seen(item("a", 0), item("a", 1), item("b", 0), item("b", 0), end("a", 2), end("b", 2)).counted
    assert counted["NONZERO snapshots that are complete"] == 1
    assert counted["NONZERO snapshots that are not"] == 1


def test_a_sale_that_a_count_has_seen_before_it_was_told() -> None:
    features = Features()
    count = {
        "source": "wms",
        "sku": "A",
        "location": "S1",
        "batch": None,
        "basis": "GROSS",
        "counter": "ON_HAND",
    }
    features.see("StockCount", {**count, "counted_at": NOW}, NOW)
    features.see("StockCount", {**count, "counted_at": NOW + 9_000}, NOW + 9_000)
    sale = {"location": "S1", "lines": [{"sku": "A"}, {"sku": "B"}]}
    features.see("PosTransaction", {**sale, "occurred_at": NOW - 5_000}, NOW + 5_000)
    features.see("PosTransaction", {**sale, "occurred_at": NOW + 4_999}, NOW + 5_000)
    assert features.counted["counts before late sales"] == 1
    assert features.counted["counts after late sales"] == 1
