"""Incidents that disorder alone can cause open only when they have lasted; all close with their cause."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from inventory.batch import Incident
from tests.inventory.incident_judging import told_last
from tests.inventory.shop import SKU, Shop
from tests.reference.shop import DAY, HOUR, MINUTE, NOW, SECOND

DELAY = 30 * SECOND


def told(shop: Shop, code: str | None = None) -> list[tuple[str, str | None, bool]]:
    """(code, location or channel, whether it opened), in the order in which people hear of it."""
    found = (i for i in shop.cluster.incidents if code in (None, i.code))
    return [(i.code, i.location or i.channel, i.closed_at is None) for i in found]


def stands(shop: Shop, code: str, *, at: int = 0) -> list[Incident]:
    """The open incidents of a code when everything that was told has stood for the delay, from `at` on."""
    shop.run(at)
    shop.run(at + DELAY)
    return [i for i in told_last(shop.cluster).values() if i.code == code and i.closed_at is None]


def test_an_oversell_opens_after_its_delay_and_closes_with_its_cause() -> None:
    shop = Shop()
    shop.count(1)
    shop.line("o", 1, 2, location="DC1")
    assert shop.told()["unmet"] == 1  # the number tells at once
    assert told(shop) == []
    shop.run(DELAY - 1)
    assert told(shop) == []
    shop.run(DELAY)
    assert told(shop) == [("oversell", "DC1", True)]
    shop.run(HOUR)
    shop.line("o", 2, 1, location="DC1")
    shop.run(HOUR)
    assert told(shop)[1:] == [("oversell", "DC1", False)]
    opened, closed = shop.cluster.incidents
    assert (opened.opened_at, closed.opened_at, closed.closed_at) == (NOW, NOW, NOW + HOUR)
    assert opened.detail["units"] == 1


def test_what_other_places_can_send_is_short_at_its_place_alone() -> None:
    shop = Shop()
    shop.count(1)
    shop.count(9, location="S1")
    shop.line("o", 1, 2, location="DC1")
    assert [(i.location, i.channel) for i in stands(shop, "oversell")] == [("DC1", None)]


def test_demand_that_nobody_has_sourced_oversells_its_channel() -> None:
    shop = Shop()
    shop.count(1)
    shop.line("o", 1, 3, location=None)
    # It counts whole wherever its channel sells from: others have less, and it is told once, of the channel that asks.
    assert shop.told("pickup")["unmet"] == 3
    [incident] = stands(shop, "oversell")
    assert (incident.location, incident.channel, incident.cause) == (None, "web", "channel web")
    assert incident.detail["units"] == 2


def test_what_disorder_caused_for_a_moment_never_opens() -> None:
    shop = Shop()
    shop.movement("SHIP", 1, reservation_id="o")  # stock and order are read a little later
    assert shop.on_hand() == -1
    shop.run(DELAY - 1)
    shop.movement("RECEIPT", 5)
    shop.line("o", 1, 1)
    shop.run(DELAY - 1)
    shop.run(HOUR)
    assert told(shop) == []


def test_what_the_log_may_still_put_right_is_not_told() -> None:
    """The delay is one of the log: a lane that lags has not read what was written in the meantime."""
    shop = Shop(lanes=1)
    [running] = shop.cluster.running
    shop.movement("SHIP", 1)
    shop.run()
    for n in range(3):
        shop.movement("RECEIPT", 1, at=n * SECOND, log_time=NOW + n * SECOND, sku="other")
    shop.item("other")
    shop.movement("RECEIPT", 1, at=5 * SECOND)
    for _ in range(2):
        running.step(NOW + HOUR, 1)
    assert told(shop) == []
    shop.run(HOUR)
    assert told(shop) == []


def test_negative_stock_is_told_for_its_place() -> None:
    shop = Shop()
    shop.movement("SHIP", 1, location="S1")
    shop.run()
    shop.run(MINUTE)
    assert told(shop) == [("negative_stock", "S1", True)]


def test_stock_at_a_deleted_location_is_told_until_it_has_gone() -> None:
    shop = Shop()
    shop.count(3, location="S1")
    shop.location("S1", 1, deleted=True)
    [left] = stands(shop, "stock_at_deleted_location")
    assert (left.location, left.detail["units"]) == ("S1", 3)
    shop.movement("TRANSFER_OUT", 3, location="S1", at=-MINUTE)
    assert stands(shop, "stock_at_deleted_location", at=MINUTE) == []


@pytest.mark.parametrize("whole", [True, False])
def test_an_incident_outlives_a_restart(whole: bool) -> None:
    shop = Shop(lanes=1)
    running = shop.cluster.running[0]
    shop.run()
    running.checkpoint(whole=True)
    shop.movement("SHIP", 1, reservation_id="o")
    shop.run()
    running.checkpoint(whole=whole)
    running.start()
    shop.run(MINUTE)
    opened = [("negative_stock", "DC1", True), ("orphan_consumption", None, True)]
    assert sorted(told(shop), key=str) == opened
    running.checkpoint(whole=False)
    running.start()
    shop.movement("RECEIPT", 1)
    shop.line("o", 1, 1)
    shop.run(2 * MINUTE)
    assert sorted(told(shop)[2:], key=str) == [(code, place, False) for code, place, _ in opened]


def test_what_an_earlier_life_may_have_told_is_closed_by_the_next() -> None:
    """It opened behind the last commit, and after the crash its cause is gone before the delay is over."""
    shop = Shop(lanes=1)
    running = shop.cluster.running[0]
    shop.movement("SHIP", 1)
    shop.run()
    running.checkpoint(whole=True)
    shop.run(MINUTE)
    running.start()
    shop.movement("RECEIPT", 1)
    shop.run(MINUTE)
    assert told(shop) == [("negative_stock", "DC1", True), ("negative_stock", "DC1", False)]


def test_what_may_have_been_told_before_a_crash_is_closed_though_nobody_heard_of_it() -> None:
    """As the contract says: a reader ignores CLOSED of what it does not know as OPEN."""
    shop = Shop(lanes=1)
    running = shop.cluster.running[0]
    shop.movement("SHIP", 1)
    shop.run()
    running.checkpoint(whole=True)
    running.start()
    shop.movement("RECEIPT", 1)
    shop.run(SECOND)
    assert told(shop) == [("negative_stock", "DC1", False)]
    assert [i for i in told_last(shop.cluster).values() if i.closed_at is None] == []


def test_what_began_behind_the_last_commit_is_told_again_as_of_the_second_fold() -> None:
    shop = Shop(lanes=1)
    running = shop.cluster.running[0]
    shop.movement("RECEIPT", 5, event_id="e")
    shop.run()
    running.checkpoint(whole=True)
    shop.movement("RECEIPT", 6, event_id="e")
    shop.run(SECOND)
    running.start()
    shop.run(MINUTE)
    first, again = shop.cluster.incidents
    assert (first.code, first.cause, first.events) == (again.code, again.cause, again.events)
    assert (first.opened_at, again.opened_at) == (NOW + SECOND, NOW + MINUTE)


# -- causes ------------------------------------------------------------------------------------------------------------


def sold_out() -> Shop:
    """Ten units, all of them ordered."""
    shop = Shop()
    shop.movement("RECEIPT", 10, at=-3 * HOUR)
    shop.line("o", 1, 10, at=-2 * HOUR, location="DC1")
    shop.run()
    return shop


def causes(shop: Shop) -> dict[str, list[tuple[str, str, int]]]:
    """What, event and units of the causes of each oversell, by location or channel."""
    return {
        i.location or i.channel or "": [(c["what"], c["event_id"], c["units"]) for c in i.detail["causes"]]
        for i in stands(shop, "oversell")
    }


@pytest.mark.parametrize(
    ("record", "fields", "what"),
    [
        ("movement", {"kind": "SHIP"}, "shipment"),
        ("movement", {"kind": "SHIP", "log_time": NOW}, "late_shipment"),
        ("movement", {"kind": "TRANSFER_OUT"}, "movement"),
        ("correction", {"quantity": -4}, "correction"),
        ("count", {"quantity": 6}, "count"),
        ("count", {"quantity": 6, "log_time": NOW}, "late_count"),
        ("line", {"order": "p", "version": 1, "location": "DC1"}, "fact_reservation"),
    ],
)
def test_an_oversell_names_what_caused_it(record: str, fields: dict[str, Any], what: str) -> None:
    shop = sold_out()
    said: dict[str, Any] = {"quantity": 4, "event_id": "e", "correlation_id": "order 77"} | fields
    getattr(shop, record)(**said)
    shop.movement("RECEIPT", 1, at=-4 * HOUR, location="DC1", sku=SKU)  # is none: it brings
    shop.movement("SHIP", 1, at=-HOUR, location="S1", sku=SKU)  # is none: it is elsewhere
    units = abs(said["quantity"])
    assert causes(shop) == {"DC1": [(what, "e", units)]}
    for incident in stands(shop, "oversell"):
        assert (incident.events, incident.correlation_id, incident.source) == (("e",), "order 77", "test")


def test_shipping_what_was_ordered_is_no_cause() -> None:
    shop = sold_out()
    shop.movement("SHIP", 5, reservation_id="o", event_id="as ordered")
    shop.movement("SHIP", 1, event_id="as not")
    assert causes(shop)["DC1"] == [("shipment", "as not", 1)]


NO_CAUSES: dict[str, Callable[[Shop], None]] = {
    "a sale that the count had seen": lambda shop: shop.movement("SHIP", 4, at=-2 * HOUR),
    "one at a till": lambda shop: shop.sale({"quantity": 4}, at=-2 * HOUR, location="DC1"),
    "one of what was ordered": lambda shop: shop.movement("SHIP", 1, at=-2 * HOUR, reservation_id="o"),
    "a transfer": lambda shop: shop.movement("TRANSFER_OUT", 4, at=-2 * HOUR),
    "a correction": lambda shop: shop.correction(-4, at=-2 * HOUR),
    "a count of more": lambda shop: shop.count(11, at=-30 * MINUTE),
    "damaged units that go": lambda shop: shop.movement("ADJUST", -1, at=-MINUTE, from_state="DAMAGED"),
    "a smaller order": lambda shop: shop.line("o", 2, 9, location="DC1", at=-MINUTE),
    "an order confirmed": lambda shop: shop.line("o", 2, 10, location="DC1", at=-MINUTE, action="CONFIRM"),
    "a delivery that is announced": lambda shop: shop.event("ExpectedSupply", -MINUTE, {
        "reference": "P", "version": 1, "kind": "ASN", "quantity": 5, "expected_at": NOW + HOUR, "status": "OPEN",
    }),
}  # fmt: skip


@pytest.mark.parametrize("what", NO_CAUSES)
def test_what_took_nothing_and_promised_nothing_is_no_cause(what: str) -> None:
    shop = Shop()
    shop.movement("STATE_CHANGE", 1, from_state="SELLABLE", to_state="DAMAGED", at=-2 * HOUR)
    shop.line("o", 1, 10, at=-3 * HOUR, location="DC1")
    shop.count(11, at=-HOUR)
    shop.run()
    NO_CAUSES[what](shop)
    shop.movement("SHIP", 5, at=-MINUTE, event_id="it")
    assert causes(shop) == {"DC1": [("shipment", "it", 5)]}


TAKES: dict[str, Callable[[Shop], None]] = {
    "damaged goods that arrived before the count": lambda shop: shop.movement(
        "RECEIPT", 4, at=-2 * HOUR, to_state="DAMAGED", event_id="it"
    ),
    "what was shipped by mistake before the count": lambda shop: shop.movement(
        "ADJUST", 4, at=-2 * HOUR, reservation_id="o", event_id="it"
    ),
    "an order moved there": lambda shop: shop.line("p", 2, 4, location="DC1", event_id="it"),
    "what comes back damaged": lambda shop: shop.sale(
        {"quantity": -4, "to_state": "DAMAGED"}, at=-2 * HOUR, location="DC1", event_id="it"
    ),
    "a count of damaged units": lambda shop: shop.count(4, counter="DAMAGED", event_id="it"),
}


@pytest.mark.parametrize("what", TAKES)
def test_what_takes_in_another_way_is_a_cause(what: str) -> None:
    shop = Shop()
    shop.line("o", 1, 10, at=-3 * HOUR, location="DC1")
    shop.movement("SHIP", 4, at=-3 * HOUR, reservation_id="o")
    shop.line("p", 1, 4, at=-3 * HOUR, location="S1")
    shop.count(6, at=-HOUR)
    shop.run()
    TAKES[what](shop)
    assert [each[1:] for each in causes(shop)["DC1"]] == [("it", 4)]


def test_what_comes_later_than_it_was_said_to_leaves_a_channel_short() -> None:
    shop = Shop()
    shop.rule("in_transit", "t", json.dumps({"channel": "web", "confidence": "1", "within_days": 2}))
    supply: dict[str, Any] = {
        "reference": "P",
        "kind": "ASN",
        "quantity": 5,
        "status": "OPEN",
        "location": "S1",
    }
    shop.event("ExpectedSupply", -HOUR, supply | {"version": 1, "expected_at": NOW + HOUR})
    shop.line("o", 1, 5, location=None)
    assert shop.told()["unmet"] == 0
    shop.event("ExpectedSupply", 0, supply | {"version": 2, "expected_at": NOW + 5 * DAY, "event_id": "it"})
    shop.movement("SHIP", 1, location="S1", event_id="a sale there")
    assert causes(shop) == {"web": [("shipment", "a sale there", 1), ("expected_supply", "it", 5)]}
    [incident] = stands(shop, "negative_stock", at=MINUTE)  # what is on its way was never there
    assert [cause["event_id"] for cause in incident.detail["causes"]] == ["a sale there"]


def test_a_grant_is_a_cause_with_what_was_granted_and_the_source_that_asked() -> None:
    shop = Shop(lanes=1, coalesce_ms=HOUR)
    shop.item("other")
    shop.count(6)
    shop.run()
    shop.line("h", 1, 9, mode="CHECKED", allow_partial=True, location="DC1", event_id="asked", source="shop")
    shop.line("o", 1, 1, sku="other", location="S1")  # there is more to read, so nobody looks yet
    shop.cluster.running[0].step(NOW, 1)
    shop.count(3, at=-SECOND, event_id="recount")
    assert causes(shop)["DC1"] == [("checked_reservation", "asked", 6), ("count", "recount", 3)]
    assert [incident.source for incident in stands(shop, "oversell") if incident.location == "DC1"] == [
        "shop"
    ]


def test_what_was_sold_while_there_was_enough_is_no_cause() -> None:
    shop = Shop(lanes=1, skus=(SKU, "other"))
    for sku in (SKU, "other"):
        shop.count(5, sku=sku, at=-2 * HOUR)
    shop.run()
    shop.movement("SHIP", 1, event_id="while there was enough")
    shop.run()
    shop.line("p", 1, 9, location="DC1", sku="other", event_id="of the other")  # not looked at for longer
    shop.line("o", 1, 9, location="DC1", event_id="too many")
    shop.run()
    found = {i.sku: [c["event_id"] for c in i.detail["causes"]] for i in stands(shop, "oversell")}
    assert found == {SKU: ["too many"], "other": ["of the other"]}


def test_a_batch_that_counts_nothing_of_what_was_ordered() -> None:
    shop = sold_out()
    mark = {
        "event_id": "m", "source": "wms", "occurred_at": NOW - HOUR, "recorded_at": NOW - HOUR, "batch_id": "b",
        "marker": "END", "mode": "NONZERO", "locations": ["DC1"], "basis": "GROSS", "as_of": NOW - HOUR, "items": 0,
    }  # fmt: skip
    shop.cluster.tell("SnapshotMarker", mark, NOW)
    assert causes(shop)["DC1"] == [("late_snapshot", "b", 0)]


# -- facts that say something against others ---------------------------------------------------------------------------


def test_a_note_names_the_record_that_caused_it() -> None:
    shop = Shop()
    shop.movement("RECEIPT", 5, event_id="e", correlation_id="trace")
    shop.movement("RECEIPT", 6, event_id="e", correlation_id="trace")
    shop.run()
    (incident,) = shop.cluster.incidents
    assert incident == Incident(
        "conflicting_duplicate", "SKU-1", "DC1", "e", incident.opened_at, source="test",
        correlation_id="trace", events=("e",), detail=incident.detail,
    )  # fmt: skip
    assert shop.on_hand() == 5
    where = {"partition": incident.detail["not_folded"]["partition"], "offset": 1}
    assert incident.detail == {
        "not_folded": {"record": "StockMovement", "movement": "RECEIPT", "quantity": 6, **where}
    }
    shop.sale({"quantity": 1}, event_id="till")
    shop.sale({"quantity": 2}, event_id="till")
    shop.run()
    [other] = [i for i in shop.cluster.incidents if i.cause == "till/1"]
    told = other.detail["not_folded"]
    assert (told["record"], told["line"], told["quantity"]) == ("PosTransaction", "1", 2)


def test_of_two_counts_with_one_id_both_numbers_are_told_while_the_first_is_the_anchor() -> None:
    for later, kept in ((False, {"kept": {"quantity": 5}}), (True, {})):
        shop = Shop(lanes=1)
        shop.count(5, event_id="c")
        shop.run()
        shop.count(6, event_id="c")
        if later:  # in the same batch
            shop.count(7, at=-MINUTE)
        shop.run()
        [incident] = [i for i in shop.cluster.incidents if i.code == "conflicting_duplicate"]
        read = {"record": "StockCount", "quantity": 6, "partition": 0, "offset": 1}
        assert incident.detail == {"not_folded": read, **kept}


def test_what_nothing_can_undo_closes_when_its_ids_are_forgotten() -> None:
    shop = Shop()
    for quantity in (5, 6):
        shop.movement("RECEIPT", quantity, event_id="e")
    shop.run(2 * DAY)
    shop.movement("RECEIPT", 7, event_id="e", log_time=NOW + 2 * DAY)  # once more: from here on it counts
    shop.run(2 * DAY)
    shop.run(5 * DAY)
    assert told(shop) == [("conflicting_duplicate", "DC1", True)]
    shop.run(5 * DAY + 1)
    assert told(shop)[1:] == [("conflicting_duplicate", "DC1", False)]


def test_versions_that_contradict_are_told_until_a_later_one_comes() -> None:
    shop = Shop()
    shop.line("o", 1, 1)
    shop.line("o", 1, 2)
    [incident] = stands(shop, "conflicting_version")
    assert (incident.sku, incident.location, incident.cause) == (SKU, None, "o/1")
    shop.line("o", 2, 2)
    assert stands(shop, "conflicting_version", at=MINUTE) == []


def test_consumption_beyond_the_line_and_after_cancel_is_told() -> None:
    shop = Shop()
    shop.line("o", 1, 1)
    shop.run()
    shop.movement("SHIP", 2, reservation_id="o", event_id="both")
    [over] = stands(shop, "over_release")
    assert (over.cause, over.events) == ("o/1", ("both",))
    line = {"reservation_id": "o", "line": "1", "version": 1}
    assert over.detail == {**line, "ordered": 1, "released": 0, "consumed": 2}
    shop.line("o", 2, 0, action="CANCEL")
    shop.movement("SHIP", 1, reservation_id="o", at=-MINUTE)
    assert [i.cause for i in stands(shop, "shipped_after_cancel", at=MINUTE)] == ["o/1"]
    assert stands(shop, "over_release", at=MINUTE) == []
    shop.movement("ADJUST", 1, reservation_id="o", at=-SECOND)  # it was a mistake
    assert stands(shop, "shipped_after_cancel", at=2 * MINUTE) == []


def test_a_shipment_read_before_the_cancel_that_it_follows_is_told() -> None:
    shop = Shop()
    shop.line("o", 1, 1, at=-3 * HOUR)
    shop.movement("SHIP", 1, reservation_id="o", at=-HOUR, event_id="shipped", correlation_id="order 7")
    shop.run()
    shop.line("o", 2, 0, action="CANCEL", at=-2 * HOUR, event_id="cancelled")
    [incident] = stands(shop, "shipped_after_cancel")
    assert incident.cause == "o/1"
    assert (incident.events, incident.correlation_id) == (("shipped", "cancelled"), "order 7")


def test_what_was_shipped_after_a_cancel_is_named_whichever_was_read_first() -> None:
    shop = Shop()
    shop.line("o", 1, 9, at=-5 * HOUR)
    shop.movement("SHIP", 1, reservation_id="o", at=-4 * HOUR, event_id="before the cancel")
    shop.movement("SHIP", 1, reservation_id="o", line="2", at=-HOUR, event_id="another line's")
    shop.movement("SHIP", 1, reservation_id="o", at=-2 * HOUR, event_id="first")
    shop.movement("RETURN", 1, reservation_id="o", at=-2 * HOUR, event_id="came back")
    shop.count(5)  # which had seen it
    shop.run()
    shop.sale({"reservation_id": "o"}, at=-HOUR, event_id="second")
    shop.run()
    shop.line("o", 2, 0, action="CANCEL", at=-3 * HOUR, event_id="cancelled")
    shop.run()
    shop.movement("SHIP", 1, reservation_id="o", at=-HOUR, event_id="third")
    [incident] = stands(shop, "shipped_after_cancel")
    assert incident.events == ("first", "second", "cancelled", "third")


def test_a_shipment_that_a_count_has_absorbed_is_named_and_causes_no_shortage() -> None:
    shop = Shop()
    shop.line("o", 1, 1, at=-5 * HOUR)
    shop.count(5, at=-HOUR)
    shop.run()
    shop.movement("SHIP", 1, reservation_id="o", at=-2 * HOUR, event_id="absorbed")
    shop.movement("SHIP", 7, reservation_id="p", event_id="too much", at=0)
    shop.run()
    shop.line("o", 2, 0, action="CANCEL", at=-3 * HOUR, event_id="cancelled")
    [cancelled] = stands(shop, "shipped_after_cancel")
    assert cancelled.events == ("absorbed", "cancelled")
    assert [i.events for i in stands(shop, "negative_stock")] == [("too much",)]


def test_a_shipment_before_the_cancel_is_not_one_after_it() -> None:
    shop = Shop()
    shop.line("o", 1, 2, at=-3 * HOUR)
    shop.line("o", 2, 0, action="CANCEL", at=-HOUR)
    shop.movement("SHIP", 1, reservation_id="o", at=-2 * HOUR)
    assert stands(shop, "shipped_after_cancel") == []


def test_consumption_of_a_line_that_never_comes_is_told_until_it_does() -> None:
    shop = Shop()
    shop.sale({"reservation_id": "o", "reservation_line": "7"}, event_id="till")
    [orphan] = stands(shop, "orphan_consumption")
    assert (orphan.cause, orphan.events) == ("o/7", ("till",))
    assert orphan.detail == {"reservation_id": "o", "line": "7", "released": 0, "consumed": 1}
    shop.line("o", 1, 1, line="7")
    assert stands(shop, "orphan_consumption", at=MINUTE) == []


def test_an_orphan_closes_when_its_line_is_forgotten() -> None:
    shop = Shop(1, reservation_memory_ms=HOUR, dedupe_horizon_ms=HOUR)
    shop.movement("SHIP", 1, reservation_id="gone")
    assert len(stands(shop, "orphan_consumption")) == 1
    shop.run(3 * DAY)
    shop.cluster.running[0].lane.forget()
    shop.run(3 * DAY)
    assert stands(shop, "orphan_consumption", at=3 * DAY) == []


def test_a_line_confirmed_after_its_expiry_is_told() -> None:
    shop = Shop()
    shop.line("o", 1, 1, commitment="SOFT", expires_at=NOW - 2 * HOUR, at=-3 * HOUR)
    shop.line("o", 2, 1, action="CONFIRM")
    assert [i.cause for i in stands(shop, "confirmed_after_expiry")] == ["o/1"]
    extend: dict[str, Any] = {
        "commitment": "SOFT",
        "expires_at": NOW,
        "action": "EXTEND",
        "at": -150 * MINUTE,
    }
    shop.line("o", 3, 1, action="CONFIRM", at=-MINUTE)
    shop.line("p", 3, 1, action="CONFIRM")
    shop.line("p", 1, 1, commitment="SOFT", expires_at=NOW - 2 * HOUR, at=-3 * HOUR)
    shop.line("p", 2, 1, **extend)  # comes last: it was extended in time
    assert [i.cause for i in stands(shop, "confirmed_after_expiry", at=MINUTE)] == ["o/1"]
    shop.movement("SHIP", 1, reservation_id="o", at=-SECOND)  # nothing of it matters any more
    assert stands(shop, "confirmed_after_expiry", at=2 * MINUTE) == []


def test_a_channel_nobody_knows_is_told_until_it_is_known() -> None:
    shop = Shop()
    shop.movement("SHIP", 1, channel="nobody's", event_id="a")
    shop.sale({}, channel="nobody's", event_id="b")
    [incident] = stands(shop, "unknown_channel")
    assert (incident.channel, incident.source, incident.events) == ("nobody's", "test", ("a", "b"))
    told = {field: incident.detail[field] for field in ("channel", "record", "movement", "quantity")}
    assert told == {"channel": "nobody's", "record": "StockMovement", "movement": "SHIP", "quantity": 1}
    assert shop.on_hand() == -2
    shop.channel("market", 2, aliases=[("test", "nobody's")])
    assert stands(shop, "unknown_channel", at=MINUTE) == []


def test_a_late_count_asks_for_a_recount_until_there_is_one() -> None:
    shop = Shop()
    shop.count(5, at=-25 * HOUR, log_time=NOW)
    [late] = stands(shop, "count_too_late")
    assert (late.location, late.cause, late.detail["counter"]) == ("DC1", "ON_HAND", "ON_HAND")
    shop.count(2, counter="DAMAGED")
    assert len(stands(shop, "count_too_late", at=MINUTE)) == 1
    shop.count(5)
    assert stands(shop, "count_too_late", at=2 * MINUTE) == []


def test_a_late_count_of_what_was_counted_since_asks_for_nothing() -> None:
    shop = Shop()
    shop.count(5)
    shop.run()
    shop.count(5, at=-25 * HOUR, log_time=NOW)
    assert stands(shop, "count_too_late") == []


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize(("place", "still_open"), [("DC1", 0), ("S001", 1)])
def test_a_batch_also_counts_what_nobody_has_seen_there(
    batch_first: bool, place: str, still_open: int
) -> None:
    shop = Shop()
    mark = {
        "event_id": "m", "source": "wms", "occurred_at": NOW - HOUR, "recorded_at": NOW - HOUR, "batch_id": "b",
        "marker": "END", "mode": "NONZERO", "locations": [place], "basis": "GROSS", "as_of": NOW - HOUR, "items": 0,
    }  # fmt: skip
    if batch_first:
        shop.cluster.tell("SnapshotMarker", mark, NOW)
        shop.run()
    shop.count(5, at=-25 * HOUR, log_time=NOW)
    if not batch_first:
        assert len(stands(shop, "count_too_late")) == 1
        shop.cluster.tell("SnapshotMarker", mark, NOW)
    assert len(stands(shop, "count_too_late", at=MINUTE)) == still_open


def test_beyond_the_bound_one_incident_says_that_there_are_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inventory.incidents.MOST", 3)
    monkeypatch.setattr("inventory.incidents._ROOM_AGAIN", 2)
    shop = Shop(1)
    for n in range(5):
        shop.movement("RECEIPT", 5, event_id=f"e{n}x")
        shop.movement("RECEIPT", 6, event_id=f"e{n}x")
    shop.run()
    assert [i.sku for i in shop.cluster.incidents] == [SKU, SKU, SKU, None]
    shop.run(4 * DAY)
    assert [i for i in told_last(shop.cluster).values() if i.closed_at is None] == []


# -- checked requests --------------------------------------------------------------------------------------------------


def ask(shop: Shop, order: str, quantity: int) -> None:
    shop.line(order, 1, quantity, at=-MINUTE, mode="CHECKED", location=None, source="shop", event_id="asked")


def test_what_is_wrong_with_a_checked_line_names_the_source_that_asked() -> None:
    shop = Shop()
    shop.count(9)
    shop.movement("SHIP", 2, reservation_id="o")
    shop.run()
    ask(shop, "o", 1)
    [incident] = stands(shop, "over_release")
    assert (incident.source, incident.events) == ("shop", ("asked",))
    line = {"reservation_id": "o", "line": "1", "version": 1}
    assert incident.detail == {**line, "ordered": 1, "released": 0, "consumed": 2}
