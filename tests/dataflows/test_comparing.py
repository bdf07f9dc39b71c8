"""One constructed case for each class of difference, on whole lanes."""

from typing import Any

import pytest

from dataflows.causes import Cause, time_of
from dataflows.comparing import compare
from dataflows.findings import Finding, Findings, judged
from dataflows.stock_list import NUMBERS, Listed
from inventory.counting import NET_OF_HARD, NET_OF_SOFT_AND_HARD
from tests.inventory.shop import Shop
from tests.inventory.simulation import CODEC
from tests.inventory.test_lost_facts import CutShop
from tests.reference.shop import HOUR, MINUTE, NOW, SECOND

ERP = "ERP"
T = -HOUR
"""When the list was taken, relative to NOW."""
WINDOW = 15 * MINUTE
SKUS = tuple(f"SKU-{n}" for n in range(1, 6))


@pytest.fixture(params=[1, 4])
def shop(request: pytest.FixtureRequest) -> Shop:
    """Ten units of every sku in both places, counted a day before."""
    made = Shop(request.param, skus=SKUS)
    for sku in SKUS:
        for place in ("DC1", "S1"):
            made.count(10, at=-24 * HOUR, sku=sku, location=place, source="wms")
    return made.run()


def row(sku: str = "SKU-1", quantity: int = 10, place: str = "DC1", **fields: Any) -> Listed:
    told: dict[str, Any] = {
        "line": 2,
        "basis": NUMBERS["GROSS"],
        "at": NOW + T,
        "withheld": 0,
        "fault": "",
    } | fields
    return Listed(sku=sku, location=place, quantity=quantity, **told)


def whole(*rows: Listed) -> list[Listed]:
    """The rows, and what agrees for every other place."""
    named = {(each.sku, each.location) for each in rows}
    others = [row(sku, 10, place) for sku in SKUS for place in ("DC1", "S1") if (sku, place) not in named]
    return [*rows, *others]


def found(shop: Shop, *rows: Listed, partial: bool = True, net_of: int = NET_OF_HARD) -> Findings:
    shop.run(shop.now - NOW)
    lanes = [running.lane for running in shop.cluster.running]
    return judged(compare(rows, lanes, CODEC, ERP, net_of=net_of, partial=partial), WINDOW)


def only(findings: Findings) -> Finding:
    (finding,) = findings.findings
    return finding


def test_a_list_that_agrees(shop: Shop) -> None:
    shop.movement("SHIP", 4, at=T - HOUR, sku="SKU-2")
    shop.movement("SHIP", 1, at=T + 30 * MINUTE, sku="SKU-1")  # after the list
    findings = found(shop, *whole(row("SKU-2", 6)), partial=False)
    assert findings.findings == []
    assert (findings.comparison.places, findings.agreeing, findings.to_act_on) == (10, 10, 0)


class TestInFlight:
    def test_what_came_after_the_list_was_taken(self, shop: Shop) -> None:
        shop.movement("SHIP", 3, at=T - 30 * MINUTE, log_time=NOW + T + 10 * MINUTE)
        finding = only(found(shop, row(quantity=10)))
        assert (finding.cause, finding.difference) == (Cause.IN_FLIGHT, 3)
        assert "one movement of -3 dated by then came to the engine afterwards" in finding.evidence
        assert time_of(NOW + T - 30 * MINUTE) in finding.evidence

    def test_a_run_of_what_came_late(self, shop: Shop) -> None:
        for n, units in enumerate((2, 3, 4)):
            shop.movement("SHIP", units, at=T - HOUR + n, log_time=NOW + T + n * MINUTE + 1)
        finding = only(found(shop, row(quantity=10 - 2)))
        assert (finding.cause, finding.difference) == (Cause.IN_FLIGHT, 7)
        assert "2 movements of -7" in finding.evidence

    def test_what_waits_for_an_identifier_in_any_lane(self, shop: Shop) -> None:
        shop.movement("RECEIPT", 4, at=T - HOUR, sku="PLU 7", source="till")
        finding = only(found(shop, row(quantity=14)))
        assert finding.cause is Cause.IN_FLIGHT
        assert "wait in the engine for the sku 'PLU 7'" in finding.evidence

    def test_what_waits_elsewhere_or_is_newer_explains_nothing(self, shop: Shop) -> None:
        shop.movement("RECEIPT", 4, at=T - HOUR, sku="PLU 7", location="S1")
        shop.movement("RECEIPT", 4, at=T + MINUTE, sku="PLU 8")
        assert only(found(shop, row(quantity=14))).cause is Cause.DRIFT

    def test_a_parked_till_line(self, shop: Shop) -> None:
        shop.sale({"sku": "PLU 7", "quantity": 2}, {"sku": "SKU-1"}, at=T - HOUR, location="S1")
        finding = only(found(shop, row("SKU-2", 8, "S1")))
        assert finding.cause is Cause.IN_FLIGHT

    def test_a_transfer_on_its_way_at_both_ends(self, shop: Shop) -> None:
        expected = {
            "reference": "T-1", "version": 1, "kind": "TRANSFER", "location": "S1", "quantity": 5,
            "expected_at": NOW + HOUR, "status": "OPEN",
        }  # fmt: skip
        shop.event("ExpectedSupply", T - 3 * HOUR, expected)
        shop.movement("TRANSFER_OUT", 5, at=T - 2 * HOUR, reference="T-1")
        arrived, left = found(shop, row(quantity=15, place="S1"), row(quantity=10)).findings
        assert {arrived.cause, left.cause} == {Cause.IN_FLIGHT}
        told = arrived.evidence + left.evidence
        assert "is under way to this place" in told
        assert "has left this place" in told

    def test_a_delivery_that_only_the_system_has_received(self, shop: Shop) -> None:
        expected = {
            "reference": "PO-1", "version": 1, "kind": "PURCHASE_ORDER", "quantity": 6, "expected_at": NOW,
            "status": "OPEN",
        }  # fmt: skip
        shop.event("ExpectedSupply", T - HOUR, expected)
        finding = only(found(shop, row(quantity=16)))
        assert finding.cause is Cause.IN_FLIGHT
        assert "a delivery of 6 is expected" in finding.evidence

    def test_what_a_count_has_absorbed_explains_nothing(self, shop: Shop) -> None:
        shop.movement("SHIP", 3, at=T - 30 * MINUTE, log_time=NOW + T + 10 * MINUTE)
        shop.run()
        shop.count(7, at=T - 20 * MINUTE, log_time=NOW + T + 20 * MINUTE)
        assert only(found(shop, row(quantity=10))).cause is Cause.DRIFT


class TestTiming:
    @pytest.mark.parametrize(("at", "listed"), [(T + 5 * MINUTE, 8), (T - 5 * MINUTE, 10)])
    def test_a_list_that_was_taken_a_little_later_or_earlier(self, shop: Shop, at: int, listed: int) -> None:
        shop.movement("SHIP", 2, at=at)
        finding = only(found(shop, row(quantity=listed)))
        assert finding.cause is Cause.TIMING
        when = at if at > T else at - 1
        assert f"the engine had this number at {time_of(NOW + when)}, one movement of -2" in finding.evidence

    def test_not_beyond_the_window(self, shop: Shop) -> None:
        shop.movement("SHIP", 2, at=T + 16 * MINUTE)
        assert only(found(shop, row(quantity=8))).cause is Cause.DRIFT

    def test_what_moved_near_the_time_and_is_not_all_of_it_explains_a_part(self, shop: Shop) -> None:
        shop.movement("RECEIPT", 5000, at=T + 5 * MINUTE)
        shop.movement("SHIP", 1, at=T + 6 * MINUTE)
        finding = only(found(shop, row(quantity=5010 + 30)))
        assert (finding.cause, finding.difference) == (Cause.DRIFT, 5030)
        assert (
            "one movement near the list's time would explain +5000 of it, nothing explains +30"
            in finding.evidence
        )
        against = only(found(shop, row(quantity=3)))
        assert against.cause is Cause.DRIFT
        assert against.evidence.startswith("nothing explains it")

    def test_a_huge_receipt_near_the_time_is_to_be_looked_at_again(self, shop: Shop) -> None:
        shop.movement("RECEIPT", 5000, at=T - 5 * MINUTE)
        finding = only(found(shop, row(quantity=10)))
        assert finding.cause is Cause.TIMING
        assert "one movement of +5000 earlier" in finding.evidence
        assert "compare a later list" in finding.action
        assert "has not booked the movement" in finding.action

    def test_half_of_an_instant_is_no_time(self, shop: Shop) -> None:
        shop.movement("SHIP", 2, at=T + MINUTE)
        shop.movement("SHIP", 3, at=T + MINUTE)
        assert only(found(shop, row(quantity=8))).cause is Cause.DRIFT
        assert only(found(shop, row(quantity=5))).cause is Cause.TIMING


class TestBasis:
    def test_a_number_that_is_net_already(self, shop: Shop) -> None:
        shop.line("o1", 1, 4, at=T - HOUR)
        shop.line("o2", 1, 2, at=T + MINUTE)  # after the list
        finding = only(found(shop, row(quantity=6)))
        assert (finding.cause, finding.difference) == (Cause.BASIS, -4)
        assert "it looks NET" in finding.evidence

    def test_a_net_number_is_compared_net(self, shop: Shop) -> None:
        shop.line("o1", 1, 4, at=T - HOUR)
        shop.line("o2", 1, 3, at=T - HOUR, commitment="SOFT")
        net = NUMBERS["NET"]
        assert found(shop, row(quantity=6, basis=net)).findings == []
        assert found(shop, row(quantity=3, basis=net), net_of=NET_OF_SOFT_AND_HARD).findings == []
        assert found(shop, row(quantity=1, basis=NUMBERS["AVAILABLE"], withheld=5)).findings == []
        gross = only(found(shop, row(quantity=10, basis=net)))
        assert gross.cause is Cause.BASIS
        assert "it looks GROSS" in gross.evidence
        assert "soft demand too, 3" in only(found(shop, row(quantity=3, basis=net))).evidence

    def test_units_that_may_not_be_sold_left_out(self, shop: Shop) -> None:
        shop.movement("STATE_CHANGE", 3, at=T - HOUR, from_state="SELLABLE", to_state="DAMAGED")
        finding = only(found(shop, row(quantity=7)))
        assert finding.cause is Cause.BASIS
        assert "leaves out 3 unsellable units" in finding.evidence

    def test_the_pattern_of_the_list_outweighs_a_coincidence(self, shop: Shop) -> None:
        for sku in SKUS:
            shop.line(f"of {sku}", 1, 2, at=T - HOUR, sku=sku)
        shop.movement("SHIP", 2, at=T + MINUTE, sku="SKU-5")
        rows = [row(sku, 8) for sku in SKUS]
        findings = found(shop, *rows)
        assert findings.basis == "NET"
        assert {each.cause for each in findings.findings} == {Cause.BASIS}
        alone = found(shop, rows[-1])
        assert alone.basis is None
        assert only(alone).cause is Cause.TIMING


class TestIdentifiers:
    def test_what_nobody_knows(self, shop: Shop) -> None:
        findings = found(shop, row("SKU-X", 5), row(place="S9", quantity=7, line=3))
        assert [each.cause for each in findings.findings] == [Cause.UNKNOWN_LOCATION, Cause.UNKNOWN_SKU]
        assert "'S9'" in findings.findings[0].evidence
        assert findings.to_act_on == 2
        assert (findings.comparison.places, findings.agreeing) == (0, 0)

    def test_the_source_s_own_names(self, shop: Shop) -> None:
        shop.item("SKU-1", (ERP, "4711"), ("other", "4712"))
        shop.location("DC1", 0, type="warehouse", aliases=[(ERP, "0001")])
        shop.run()
        assert found(shop, row("4711", 10, "0001")).findings == []
        assert only(found(shop, row("4712", 10, "0001"))).cause is Cause.UNKNOWN_SKU

    def test_a_bundle_has_no_stock(self, shop: Shop) -> None:
        shop.item("KIT", bundle=[{"sku": "SKU-1", "quantity": 2}])
        shop.run()
        findings = found(shop, row("KIT", 5))
        assert only(findings).cause is Cause.BUNDLE
        assert findings.agreeing == 0


class TestTheRest:
    def test_drift_names_the_last_count(self, shop: Shop) -> None:
        finding = only(found(shop, row(quantity=17)))
        assert (finding.cause, finding.difference, finding.counted_by) == (Cause.DRIFT, 7, "wms")
        assert f"last counted 10 at {time_of(NOW - 24 * HOUR)} by wms" in finding.evidence

    def test_a_later_count_took_the_place_of_what_was(self, shop: Shop) -> None:
        shop.count(12, at=T + MINUTE)
        finding = only(found(shop, row(quantity=10)))
        assert (finding.cause, finding.difference) == (Cause.NOT_KEPT, None)
        assert "counted later: 12 by test" in finding.evidence

    def test_movements_that_are_forgotten(self, shop: Shop) -> None:
        for running in shop.cluster.running:
            running.lane.memory.stores["positions"].used()["complete_since"] = NOW + T + 1
        assert only(found(shop, row(quantity=10))).cause is Cause.NOT_KEPT

    def test_what_nobody_has_counted_since_the_log_begins(self) -> None:
        shop = CutShop(-3 * HOUR, lanes=1)
        shop.movement("RECEIPT", 10, at=-2 * HOUR)
        shop.movement("RECEIPT", 10, at=-2 * HOUR, location="S1")
        finding = only(
            found(shop, row(quantity=10), partial=False)
        )  # S1 is not asked for: nothing is known there
        assert (finding.cause, finding.difference) == (Cause.INCOMPLETE, None)
        shop.count(10, at=-90 * MINUTE)
        assert found(shop, row(quantity=10)).findings == []

    def test_places_that_are_not_listed(self, shop: Shop) -> None:
        shop.movement("SHIP", 10, at=T - HOUR, sku="SKU-5")  # at 0: nothing is missing
        rows = [row(sku, 10) for sku in SKUS if sku not in ("SKU-2", "SKU-5")]
        finding = only(found(shop, *rows, partial=False))  # S1 is no place of the list
        assert (finding.cause, finding.difference) == (Cause.NOT_LISTED, -10)
        assert (finding.found.sku, finding.found.location) == ("SKU-2", "DC1")
        assert found(shop, *rows, partial=True).findings == []

    def test_a_receipt_that_came_late_need_not_be_listed(self, shop: Shop) -> None:
        shop.item("SKU-9")
        shop.movement("RECEIPT", 3, at=T - HOUR, sku="SKU-9", log_time=NOW + T + MINUTE)
        finding = only(found(shop, *whole(), partial=False))
        assert (finding.cause, finding.difference) == (Cause.IN_FLIGHT, -3)

    def test_rows_of_one_place_are_added_up(self, shop: Shop) -> None:
        assert found(shop, row(quantity=4), row(quantity=6, line=3)).findings == []
        other = row(quantity=6, line=3, at=NOW + T - SECOND)
        findings = found(shop, *whole(row(quantity=4), other), partial=False)
        unreadable = only(findings)
        assert unreadable.cause is Cause.UNREADABLE
        assert "line 2 is of the same place" in unreadable.evidence
        assert (findings.comparison.places, findings.agreeing) == (9, 9)

    def test_a_row_with_a_fault_is_told(self, shop: Shop) -> None:
        finding = only(found(shop, row(fault="quantity 'x' is not a whole number")))
        assert finding.cause is Cause.UNREADABLE
        assert "whole number" in finding.evidence

    def test_the_place_of_an_unreadable_row_is_unknown_not_absent(self, shop: Shop) -> None:
        shop.item("SKU-1", (ERP, "4711"))
        shop.location("DC1", 0, type="warehouse", aliases=[(ERP, "0001")])
        shop.run()
        others = [each for each in whole(row()) if (each.sku, each.location) != ("SKU-1", "DC1")]
        faulty = row("4711", 0, "0001", fault="quantity 'x' is not a whole number")
        findings = found(shop, faulty, *others, partial=False)
        assert only(findings).cause is Cause.UNREADABLE
        assert (findings.comparison.places, findings.agreeing) == (9, 9)

    @pytest.mark.parametrize("first", [True, False])
    def test_a_place_of_which_one_row_is_unreadable_does_not_agree(self, shop: Shop, first: bool) -> None:
        faulty = row(quantity=0, line=3, fault="quantity 'x' is not a whole number")
        rows = [faulty, row(quantity=10)] if first else [row(quantity=10), faulty]
        findings = found(shop, *whole(*rows), partial=False)
        assert only(findings).cause is Cause.UNREADABLE
        assert (findings.comparison.places, findings.agreeing, findings.to_act_on) == (9, 9, 1)

    def test_a_row_of_which_not_even_the_place_can_be_read(self, shop: Shop) -> None:
        nowhere = row(place="", fault="the location is missing")
        nothing = row(sku="", fault="the sku is missing")
        findings = found(shop, *whole(), nowhere, nothing, partial=False)
        assert [each.cause for each in findings.findings] == [Cause.UNREADABLE] * 2
        assert (findings.comparison.places, findings.agreeing) == (10, 10)


def test_a_place_that_has_never_had_stock(shop: Shop) -> None:
    shop.location("S2", 2)
    shop.run()
    assert found(shop, row(quantity=0, place="S2")).findings == []
    finding = only(found(shop, row(quantity=2, place="S2")))
    assert (finding.cause, finding.difference) == (Cause.DRIFT, 2)
    assert "never counted" in finding.evidence


def test_the_pattern(shop: Shop) -> None:
    findings = found(shop, row("SKU-1", 30), row("SKU-2", 11), row("SKU-3", 9, "S1"), row("SKU-X", 1))
    assert findings.by_cause() == {Cause.UNKNOWN_SKU: (1, 1), Cause.DRIFT: (3, 22)}
    assert [(name, units) for name, _, units in findings.by(lambda each: each.found.location)] == [
        ("DC1", 22),
        ("S1", 1),
    ]
    assert [each.weight for each in findings.findings] == [20, 1, 1, 1]
