"""Incidents that disorder alone can cause open only when they have lasted; they close with their cause."""

from inventory.batch import Incident
from tests.inventory.shop import Shop
from tests.reference.shop import HOUR, MINUTE, SECOND

DELAY = 30 * SECOND


def told(shop: Shop) -> list[tuple[str, str | None, bool]]:
    return [(i.code, i.location, i.closed_at is None) for i in shop.cluster.incidents]


def test_an_oversell_opens_after_its_delay_and_closes_with_its_cause() -> None:
    shop = Shop()
    shop.count(1)
    shop.line("o", 1, 2)
    assert shop.told()["unmet"] == 1  # the number tells at once
    assert told(shop) == []
    shop.run(DELAY - 1)
    assert told(shop) == []
    shop.run(DELAY)
    assert told(shop) == [("oversell", "DC1", True)]
    shop.run(HOUR)
    shop.line("o", 2, 1)
    shop.run(HOUR)
    assert told(shop) == [("oversell", "DC1", True), ("oversell", "DC1", False)]
    opened, closed = shop.cluster.incidents
    assert opened.opened_at == closed.opened_at


def test_what_disorder_caused_for_a_moment_never_opens() -> None:
    shop = Shop()
    shop.movement("SHIP", 1)
    assert shop.on_hand() == -1
    shop.run(DELAY - 1)
    shop.movement("RECEIPT", 5)
    shop.run(DELAY - 1)
    shop.run(HOUR)
    assert told(shop) == []


def test_negative_stock_is_told_for_its_place() -> None:
    shop = Shop()
    shop.movement("SHIP", 1, location="S1")
    shop.run()
    shop.run(MINUTE)
    assert told(shop) == [("negative_stock", "S1", True)]


def test_an_incident_outlives_a_restart() -> None:
    shop = Shop(lanes=1)
    running = shop.cluster.running[0]
    shop.movement("SHIP", 1)
    shop.run()
    running.checkpoint(whole=True)
    running.start()
    shop.run(MINUTE)
    assert told(shop) == [("negative_stock", "DC1", True)]
    running.checkpoint(whole=False)
    running.start()
    shop.movement("RECEIPT", 1)
    shop.run(2 * MINUTE)
    assert told(shop) == [("negative_stock", "DC1", True), ("negative_stock", "DC1", False)]


def noted(shop: Shop) -> list[str]:
    shop.run()
    return [i.code for i in shop.cluster.incidents]


def test_a_note_names_the_record_that_caused_it() -> None:
    shop = Shop()
    shop.movement("RECEIPT", 5, event_id="e", correlation_id="trace")
    shop.movement("RECEIPT", 6, event_id="e", correlation_id="trace")
    assert noted(shop) == ["conflicting_duplicate"]
    (incident,) = shop.cluster.incidents
    assert incident == Incident(
        "conflicting_duplicate", "SKU-1", "DC1", "e", incident.opened_at, source="test",
        correlation_id="trace", events=("e",),
    )  # fmt: skip
    assert shop.on_hand() == 5


def test_versions_that_contradict_are_told() -> None:
    shop = Shop()
    shop.line("o", 1, 1)
    shop.line("o", 1, 2)
    assert noted(shop) == ["conflicting_version"]


def test_consumption_beyond_the_line_and_after_cancel_is_told() -> None:
    shop = Shop()
    shop.line("o", 1, 1)
    shop.movement("SHIP", 2, reservation_id="o")
    assert noted(shop) == ["over_release"]
    shop.line("o", 2, 0, action="CANCEL")
    shop.run()
    shop.movement("SHIP", 1, reservation_id="o")
    assert noted(shop)[1:] == ["shipped_after_cancel"]


def test_a_line_confirmed_after_its_expiry_is_told() -> None:
    shop = Shop()
    shop.line("o", 1, 1, commitment="SOFT", expires_at=shop.now - MINUTE)
    shop.line("o", 2, 1, action="CONFIRM")
    assert noted(shop) == ["confirmed_after_expiry"]


def test_a_channel_nobody_knows_does_not_hold_stock_up() -> None:
    shop = Shop()
    shop.movement("SHIP", 1, channel="nobody's")
    shop.sale({}, channel="nobody's")
    assert noted(shop) == ["unknown_channel", "unknown_channel"]
    assert shop.on_hand() == -2
