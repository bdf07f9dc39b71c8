"""Counts that are net of demand, and what they say of their source."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from inventory.reference import Config
from tests.reference.shop import HOUR, MINUTE, NOW, SECOND, SKU, Shop

AT = -HOUR
"""When the counts here are made."""


def test_a_net_count_is_what_it_says_and_the_demand_of_its_time() -> None:
    shop = Shop()
    shop.line("o", 1, 4, at=AT - MINUTE)
    shop.line("p", 1, 3, at=AT + MINUTE)  # after the count: the source did not know of it
    shop.count(10, at=AT, basis="NET")
    assert (shop.on_hand(), shop.node().net) == (14, 7)


def test_demand_dated_as_the_count_is_inside() -> None:
    shop = Shop()
    shop.line("o", 1, 4, at=AT)
    shop.release("o", 1, at=AT)
    shop.count(10, at=AT, basis="NET")
    assert (shop.on_hand(), shop.node().net) == (13, 10)


@pytest.mark.parametrize(
    ("fields", "on_hand"),
    [
        ({"basis": "GROSS"}, 10),
        ({"basis": "NET"}, 14),
        ({"basis": "NET", "net_of": "SOFT_AND_HARD"}, 15),
        ({"basis": "AVAILABLE"}, 14),
        ({"basis": "AVAILABLE", "withheld": 100}, 114),
        ({"basis": "AVAILABLE", "withheld": 100, "net_of": "SOFT_AND_HARD"}, 115),
    ],
)
def test_what_a_basis_contains(fields: dict[str, Any], on_hand: int) -> None:
    shop = Shop(locations=["DC1", "DC2"])
    shop.line("hard", 1, 4, at=AT)
    shop.line("soft", 1, 1, at=AT, commitment="SOFT")
    shop.line("not sourced", 1, 20, at=AT, location=None)
    shop.line("elsewhere", 1, 40, at=AT, location="DC2")
    shop.count(10, at=AT, **fields)
    assert shop.on_hand() == on_hand


def test_late_demand_dated_before_a_net_count_moves_on_hand_and_not_net() -> None:
    shop = Shop()
    shop.count(10, at=AT, basis="NET")
    steps = []
    told: list[Callable[[], str | None]] = [
        lambda: shop.line("o", 1, 4, at=AT - HOUR),
        lambda: shop.line("o", 2, 6, at=AT - MINUTE),
        lambda: shop.release("o", 1, at=AT - MINUTE),
        lambda: shop.ship(2, at=AT - MINUTE, reservation_id="o"),  # absorbed as a movement
        lambda: shop.cancel("o", 3, at=AT),
    ]
    for tell in told:
        tell()
        steps.append((shop.on_hand(), shop.node().net))
    assert steps == [(14, 10), (16, 10), (15, 10), (13, 10), (10, 10)]


def test_what_happens_to_demand_after_a_net_count_moves_net_and_not_its_demand() -> None:
    shop = Shop()
    shop.line("o", 1, 5, at=AT - HOUR)
    shop.count(10, at=AT, basis="NET")
    shop.line("o", 2, 8, at=AT + MINUTE)
    assert (shop.on_hand(), shop.node().net) == (15, 7)
    shop.ship(8, at=AT + 2 * MINUTE, reservation_id="o")
    assert (shop.on_hand(), shop.node().net) == (7, 7)
    shop.line("o", 4, 0, at=AT - MINUTE)  # the greatest version dated before the count is another
    assert (shop.on_hand(), shop.node().net) == (2, 2)


def test_of_each_line_the_greatest_version_of_that_time_not_the_latest_dated() -> None:
    shop = Shop()
    shop.line("o", 2, 8, at=AT - HOUR)
    shop.line("o", 1, 5, at=AT - MINUTE)
    shop.line("o", 3, 1, at=AT + MINUTE)
    shop.count(10, at=AT, basis="NET")
    assert shop.on_hand() == 18


def test_a_line_that_was_elsewhere_at_the_time_counts_where_it_was() -> None:
    shop = Shop(locations=["DC1", "DC2"])
    shop.line("o", 1, 5, at=AT - MINUTE, location="DC1")
    shop.line("o", 2, 5, at=AT + MINUTE, location="DC2")
    shop.count(10, at=AT, basis="NET", location="DC1")
    shop.count(10, at=AT, basis="NET", location="DC2")
    assert (shop.on_hand("DC1"), shop.on_hand("DC2")) == (15, 10)
    assert (shop.node("DC1").net, shop.node("DC2").net) == (15, 5)


@pytest.mark.parametrize(("ends", "on_hand"), [(AT - 1, 10), (AT, 13), (AT + 1, 13)])
def test_a_soft_line_is_in_the_demand_of_a_time_up_to_its_end(ends: int, on_hand: int) -> None:
    shop = Shop()
    shop.line("o", 1, 3, at=AT - MINUTE, commitment="SOFT", expires_at=NOW + ends)
    shop.count(10, at=AT, basis="NET", net_of="SOFT_AND_HARD")
    assert shop.on_hand() == on_hand


def test_goods_may_be_counted_at_another_time_than_the_orders() -> None:
    shop = Shop()
    shop.ship(1, at=AT - MINUTE)  # seen by the count
    shop.line("seen", 1, 4, at=AT - 2 * MINUTE)
    shop.line("not seen", 1, 2, at=AT - MINUTE)
    shop.ship(3, at=AT + MINUTE)
    shop.count(10, at=AT, basis="NET", demand_as_of=NOW + AT - 2 * MINUTE)
    assert (shop.on_hand(), shop.node().net) == (14 - 3, 14 - 3 - 6)
    shop.count(10, at=AT, basis="NET", demand_as_of=NOW + AT + MINUTE, count_sequence=1)
    assert shop.on_hand() == 16 - 3


def test_the_time_of_the_orders_is_guarded_like_that_of_the_count() -> None:
    shop = Shop()
    tolerance, horizon = 5 * MINUTE, 24 * HOUR
    soon = NOW + AT + SECOND + tolerance
    assert shop.count(1, at=AT, basis="NET", demand_as_of=soon) is None
    assert shop.count(1, at=AT, basis="NET", demand_as_of=soon + 1) == "from_the_future"
    assert shop.count(1, at=AT, demand_as_of=soon + 1) is None  # of no use in a gross count
    past = NOW + AT + SECOND - horizon
    shop.count(2, at=AT, count_sequence=1, basis="NET", demand_as_of=past)
    assert (shop.on_hand(), shop.exceptions()) == (2, [])
    shop.count(3, at=AT, count_sequence=2, basis="NET", demand_as_of=past - 1)
    assert (shop.on_hand(), shop.exceptions()) == (2, ["count_too_late"])
    shop.count(4, at=AT, count_sequence=3, demand_as_of=past - 1)
    assert shop.on_hand() == 4


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"quantity": -1}, "invalid_quantity"),
        ({"quantity": -1, "basis": "NET"}, None),
        ({"quantity": -1, "basis": "AVAILABLE"}, None),
        ({"quantity": 1, "basis": "AVAILABLE", "withheld": -1}, "invalid_quantity"),
        ({"quantity": 1, "withheld": 1}, "invalid_event"),
        ({"quantity": 1, "basis": "NET", "withheld": 1}, "invalid_event"),
        ({"quantity": 1, "basis": "NET", "counter": "DAMAGED"}, "invalid_event"),
        ({"quantity": 1, "basis": "AVAILABLE", "counter": "BLOCKED"}, "invalid_event"),
        ({"quantity": 1, "counter": "QUALITY_CONTROL"}, None),
    ],
)
def test_what_a_count_may_say(fields: dict[str, Any], code: str | None) -> None:
    assert Shop().count(**fields) == code


def test_a_net_count_below_0_says_by_how_much_orders_exceed_stock() -> None:
    shop = Shop()
    shop.line("o", 1, 7, at=AT)
    shop.count(-3, at=AT, basis="NET")
    assert (shop.on_hand(), shop.node().shortage) == (4, 3)


def test_one_count_after_another_in_any_order() -> None:
    told: list[tuple[str, dict[str, Any]]] = [
        ("line", {"order": "o", "version": 1, "quantity": 5, "at": AT - HOUR}),
        ("count", {"quantity": 10, "at": AT - MINUTE, "basis": "NET"}),
        ("line", {"order": "o", "version": 2, "quantity": 8, "at": AT}),
        ("count", {"quantity": 20, "at": AT, "basis": "NET"}),
        ("ship", {"quantity": 1, "at": AT + MINUTE, "reservation_id": "o"}),
    ]
    for order in permutations(
        [(name, {"event_id": f"f{at}", **fields}) for at, (name, fields) in enumerate(told)]
    ):
        shop = Shop()
        for name, fields in order:
            getattr(shop, name)(log_time=NOW, **fields)
        assert (shop.on_hand(), shop.node().net) == (28 - 1, 20)


def test_two_counts_under_one_id_contradict_each_other_by_their_basis_too() -> None:
    shop = Shop()
    shop.line("o", 1, 5, at=AT)
    for basis in ("NET", "NET", "GROSS"):
        shop.count(10, at=AT, basis=basis, event_id="e")
    assert (shop.on_hand(), shop.exceptions()) == (15, ["conflicting_duplicate"])


def test_parts_are_counted_by_themselves() -> None:
    shop = Shop()
    shop.count(10, at=AT)
    shop.count(3, at=AT, counter="DAMAGED")
    shop.count(2, at=AT, counter="BLOCKED")
    shop.movement("STATE_CHANGE", 1, from_state="DAMAGED", at=AT + MINUTE)
    node = shop.node()
    assert (node.on_hand, node.damaged, node.quality_control, node.blocked) == (10, 2, 0, 2)
    shop.count(20, at=AT + 2 * MINUTE)
    assert (shop.on_hand(), shop.node().damaged) == (20, 2)


def test_a_count_that_came_too_late_asks_for_a_recount() -> None:
    shop = Shop(locations=["DC1", "DC2"])
    shop.receipt(1)
    late = ("count_too_late", "DC1")
    shop.count(5, at=AT, log_time=NOW + AT + 24 * HOUR + 1, counter="DAMAGED")
    assert (shop.incidents(), shop.node().damaged) == ({late}, 0)
    shop.count(5, at=AT + 1)  # another counter
    shop.count(5, at=AT + 1, location="DC2", counter="DAMAGED")
    shop.count(5, at=AT - 1, counter="DAMAGED")  # made before it
    assert late in shop.incidents()
    shop.count(4, at=AT, counter="DAMAGED", count_sequence=1)
    assert late not in shop.incidents()


# Drift


def drifts(shop: Shop) -> list[tuple[str, int]]:
    return [(drift.key.source, drift.units) for drift in shop.model.drifts(SKU)]


def alarms(shop: Shop) -> set[tuple[str, str]]:
    return {(code, subject) for code, subject in shop.model.alarms(SKU)}


def test_drift_is_what_a_count_differs_from_what_was_expected_for_its_time() -> None:
    shop = Shop()
    shop.receipt(7, at=AT - 2 * HOUR)
    shop.count(10, at=AT - HOUR, source="wms")  # the first: nothing was expected
    shop.ship(2, at=AT)
    shop.ship(4, at=AT + 1)  # later than the next count
    shop.count(7, at=AT, source="erp")
    shop.count(50, at=AT - MINUTE, source="erp", log_time=NOW)  # older than the anchor
    assert drifts(shop) == [("erp", -1)]


def test_drift_is_measured_by_what_is_known_when_the_count_comes() -> None:
    shop = Shop()
    shop.count(10, at=AT - HOUR)
    shop.count(8, at=AT, log_time=NOW)
    shop.ship(2, at=AT - MINUTE, log_time=NOW)  # explains it, too late
    assert (drifts(shop), shop.on_hand()) == ([("test", -2)], 8)


def test_a_count_told_again_is_measured_once() -> None:
    shop = Shop()
    shop.count(10, at=AT - HOUR)
    for _ in range(2):
        shop.count(8, at=AT, event_id="e")
    assert drifts(shop) == [("test", -2)]


def test_drift_of_a_net_count_is_in_physical_units() -> None:
    shop = Shop()
    shop.count(10, at=AT - HOUR)
    shop.line("o", 1, 4, at=AT - MINUTE)
    shop.count(6, at=AT, basis="NET")
    assert drifts(shop) == [("test", 0)]


@pytest.mark.parametrize(("counted", "stands"), [(5, False), (4, True), (15, False), (16, True)])
def test_drift_beyond_its_tolerance_stands_until_the_position_is_counted_again(
    counted: int, stands: bool
) -> None:
    shop = Shop()
    shop.count(10, at=AT - HOUR)
    shop.count(counted, at=AT)
    assert alarms(shop) == ({("drift", "DC1")} if stands else set())
    shop.count(counted, at=AT + MINUTE, source="other")
    assert alarms(shop) == set()


def test_a_net_feed_declared_gross_is_suspect_and_says_why() -> None:
    shop = Shop()
    shop.count(100, at=AT - HOUR, source="wms")
    ordered = 0
    for number, quantity in enumerate((4, 1, 3)):
        at = AT + number * MINUTE
        shop.line(f"o{number}", 1, quantity, at=at)
        ordered += quantity
        assert shop.model.suspicions(SKU) == []
        shop.count(100 - ordered, at=at, source="erp")
    assert drifts(shop) == [("erp", -4), ("erp", -1), ("erp", -3)]
    suspicion, *others = shop.model.suspicions(SKU)
    assert suspicion.source == "erp"
    assert suspicion.basis == {"NET of HARD", "NET of SOFT_AND_HARD"}
    assert (suspicion.evidence, others) == (tuple(shop.model.drifts(SKU)), [])
    assert ("basis_suspect", "DC1/erp") in alarms(shop)
    # Once it declares what it is, nothing drifts but the count that puts it right.
    shop.count(100 - ordered, at=AT + 5 * MINUTE, source="erp", basis="NET")
    assert (shop.on_hand(), alarms(shop)) == (100, {("drift", "DC1")})
    shop.line("o9", 1, 2, at=AT + 6 * MINUTE)
    shop.count(100 - ordered - 2, at=AT + 6 * MINUTE, source="erp", basis="NET")
    assert (drifts(shop)[-1], alarms(shop)) == (("erp", 0), set())


def test_a_gross_feed_declared_net_is_suspect() -> None:
    shop = Shop(config=Config(basis_suspect_after=2))
    shop.line("soft", 1, 50, at=AT - HOUR, commitment="SOFT")
    shop.count(100, at=AT - HOUR, source="wms")
    for number in range(2):
        shop.line(f"o{number}", 1, 3, at=AT + number)
        shop.count(100, at=AT + number, source="erp", basis="NET")
    assert [each.basis for each in shop.model.suspicions(SKU)] == [{"GROSS"}]


def test_parts_drift_for_themselves_and_say_nothing_of_a_basis() -> None:
    shop = Shop(config=Config(basis_suspect_after=2))
    shop.count(20, at=AT - HOUR, source="wms")
    shop.count(9, at=AT - HOUR, counter="DAMAGED")
    for number in range(2):
        shop.line(f"o{number}", 1, 4, at=AT + number)
        shop.count(16 - 4 * number, at=AT + number, source="erp")
        shop.count(5 - 4 * number, at=AT + number, source="erp", counter="DAMAGED")
    assert [drift.units for drift in shop.model.drifts(SKU)] == [-4] * 4
    assert [bool(drift.fits) for drift in shop.model.drifts(SKU)] == [True, False] * 2
    assert len(shop.model.suspicions(SKU)) == 1


def test_counts_that_are_simply_wrong_accuse_no_basis() -> None:
    shop = Shop()
    shop.line("o", 1, 4, at=AT - HOUR)
    for number in range(6):
        shop.count(100 + number % 2, at=AT + number)
    assert (len(drifts(shop)), shop.model.suspicions(SKU)) == (5, [])


# A source that stops at 0


def test_0_net_of_demand_may_hide_more() -> None:
    shop = Shop()
    clamped = ("clamped_basis", "DC1")
    shop.count(0, at=AT, basis="NET")
    assert shop.incidents() == set()
    shop.line("o", 1, 4, at=AT - MINUTE)
    assert shop.incidents() == {clamped}
    shop.cancel("o", 2, at=AT + MINUTE)
    assert shop.incidents() == {clamped}
    shop.count(1, at=AT + MINUTE, basis="NET")
    assert shop.incidents() == set()


def test_0_is_not_clamped_where_it_is_physical_or_net_of_other_demand() -> None:
    shop = Shop()
    shop.line("o", 1, 4, at=AT, commitment="SOFT")
    shop.count(0, at=AT, basis="GROSS")
    assert ("clamped_basis", "DC1") not in shop.incidents()
    shop.count(0, at=AT, basis="NET", count_sequence=1)
    assert ("clamped_basis", "DC1") not in shop.incidents()
    shop.line("p", 1, 4, at=AT)
    shop.count(-1, at=AT, basis="NET", count_sequence=2)
    assert ("clamped_basis", "DC1") not in shop.incidents()
    shop.count(0, at=AT, basis="AVAILABLE", net_of="SOFT_AND_HARD", count_sequence=3)
    assert ("clamped_basis", "DC1") in shop.incidents()
