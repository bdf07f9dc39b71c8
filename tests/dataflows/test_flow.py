"""What stored state is keyed by must never change: a changed number would mean another topic behind it."""

from dataflows import intake


def test_version_slots_are_what_they_always_were() -> None:
    assert intake.CARRIERS == {
        "stock-movements": 0, "reservations": 1, "wms-adjustments": 2, "expected-supply": 3, "catalog": 4,
        "allocations": 5, "routed": 6, "reservation-decisions": 7,
    }  # fmt: skip
