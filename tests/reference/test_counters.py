"""A position: what each movement adds, and what a count makes of it."""

import pytest

from tests.reference.shop import DAY, HOUR, MINUTE, NOW, SKU, Shop

STATES = ["SELLABLE", "DAMAGED", "QUALITY_CONTROL", "BLOCKED"]


def part(shop: Shop, state: str) -> int:
    node = shop.node()
    return {
        "SELLABLE": node.sellable,
        "DAMAGED": node.damaged,
        "QUALITY_CONTROL": node.quality_control,
        "BLOCKED": node.blocked,
    }[state]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", ["RECEIPT", "RETURN", "TRANSFER_IN"])
def test_what_arrives_arrives_into_to_state(kind: str, state: str) -> None:
    shop = Shop()
    shop.movement(kind, 5, to_state=state)
    assert (shop.on_hand(), part(shop, state)) == (5, 5)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("kind", "quantity"), [("SHIP", 5), ("TRANSFER_OUT", 5), ("ADJUST", -5)])
def test_what_goes_goes_from_from_state(kind: str, quantity: int, state: str) -> None:
    shop = Shop()
    shop.movement(kind, quantity, from_state=state)
    assert (shop.on_hand(), part(shop, state)) == (-5, -5)


@pytest.mark.parametrize("state", STATES)
def test_an_adjustment_and_a_correction_are_signed(state: str) -> None:
    shop = Shop()
    shop.movement("ADJUST", 3, from_state=state)
    shop.correction(4, state=state)
    shop.correction(-1, state=state)
    assert (shop.on_hand(), part(shop, state)) == (6, 6)


def test_a_change_of_state_leaves_on_hand_alone() -> None:
    shop = Shop()
    shop.count(10)
    shop.movement("STATE_CHANGE", 4, to_state="DAMAGED", at=-MINUTE)
    shop.movement("STATE_CHANGE", 1, from_state="DAMAGED", to_state="BLOCKED", at=-MINUTE)
    node = shop.node()
    assert (node.on_hand, node.damaged, node.blocked, node.sellable) == (10, 3, 1, 6)


def test_a_till_sells_what_is_sellable_and_takes_back_into_a_state() -> None:
    shop = Shop()
    shop.sale({"quantity": 3}, {"quantity": -2, "to_state": "DAMAGED"}, {"quantity": -1})
    node = shop.node()
    assert (node.on_hand, node.damaged, node.sellable) == (0, 2, -2)


def test_counters_are_never_clamped_and_a_negative_one_takes_nothing_from_other_places() -> None:
    shop = Shop(locations=["DC1", "DC2"])
    shop.ship(3)
    shop.receipt(4, location="DC2")
    assert shop.node().sellable == -3
    assert shop.node().net == 0
    assert shop.available() == 4
    assert ("negative_stock", "DC1") in shop.incidents()


def test_a_count_replaces_the_anchor_and_keeps_what_happened_after_it() -> None:
    shop = Shop()
    shop.receipt(7, at=-3 * HOUR)
    shop.count(100, at=-2 * HOUR)
    shop.ship(1, at=-HOUR)
    assert shop.on_hand() == 99


def test_an_older_count_changes_nothing_whenever_it_arrives() -> None:
    shop = Shop()
    shop.count(100, at=-HOUR)
    shop.count(5, at=-2 * HOUR, log_time=NOW)
    assert shop.on_hand() == 100


def test_a_tie_counts_as_before_the_count() -> None:
    shop = Shop()
    shop.count(10, at=-HOUR)
    shop.ship(1, at=-HOUR)
    assert shop.on_hand() == 10
    shop.ship(1, at=-HOUR + 1)
    assert shop.on_hand() == 9


def test_a_late_movement_needs_no_history() -> None:
    shop = Shop()
    shop.count(10, at=-2 * DAY)
    shop.ship(1, at=-DAY, recorded_at=NOW, log_time=NOW)
    assert shop.on_hand() == 9


def test_an_absorbed_shipment_still_takes_its_demand_away() -> None:
    shop = Shop()
    shop.line("o", 1, 4)
    shop.count(10, at=-MINUTE)
    shop.ship(3, at=-HOUR, reservation_id="o")
    assert (shop.on_hand(), shop.node().hard) == (10, 1)


@pytest.mark.parametrize(
    ("smaller", "greater"),
    [
        ({"at": -2 * MINUTE, "count_sequence": 9}, {"at": -MINUTE}),
        ({"count_sequence": 1, "source": "z"}, {"count_sequence": 2, "source": "a"}),
        ({"source": "a", "event_id": "z"}, {"source": "b", "event_id": "a"}),
        ({"event_id": "a"}, {"event_id": "b"}),
        ({"event_id": "\uffff"}, {"event_id": "\U00010000"}),  # by code point, which is by UTF-8 byte
    ],
)
def test_the_greater_count_holds(smaller: dict[str, object], greater: dict[str, object]) -> None:
    for one, other in ((smaller, greater), (greater, smaller)):
        shop = Shop()
        for told in (one, other):
            shop.count(20 if told is greater else 10, **{"at": -HOUR, **told})  # type: ignore[arg-type]
        assert shop.on_hand() == 20


@pytest.mark.parametrize("counter", ["DAMAGED", "QUALITY_CONTROL", "BLOCKED"])
def test_each_counter_has_an_anchor_of_its_own(counter: str) -> None:
    shop = Shop()
    shop.receipt(10, at=-3 * HOUR, to_state=counter)
    shop.count(4, at=-2 * HOUR, counter=counter)
    assert (shop.on_hand(), part(shop, counter)) == (10, 4)
    shop.count(20, at=-HOUR)
    assert (shop.on_hand(), part(shop, counter)) == (20, 4)
    shop.ship(1, at=-90 * MINUTE, from_state=counter)  # before the one anchor, after the other
    assert (shop.on_hand(), part(shop, counter)) == (20, 3)


def test_a_part_is_counted_gross_only() -> None:
    shop = Shop()
    assert shop.count(4, counter="DAMAGED", basis="NET") == "invalid_event"


def test_a_count_that_comes_too_late_is_refused_by_its_own_log_time() -> None:
    shop = Shop()
    shop.receipt(3, at=-3 * DAY)
    assert shop.count(9, at=-2 * DAY, recorded_at=NOW - DAY, log_time=NOW - DAY + 1) is None
    assert (shop.on_hand(), shop.exceptions(), shop.model.dead_letters) == (3, ["count_too_late"], [])
    shop.count(9, at=-2 * DAY, recorded_at=NOW - DAY, log_time=NOW - DAY)
    assert shop.on_hand() == 9


def test_a_position_where_nothing_happened_is_0() -> None:
    shop = Shop(locations=["DC1", "DC2"])
    shop.rule("safety_stock", "ss", units=2)
    node = shop.node("DC2")
    assert (node.on_hand, node.net, node.withheld, node.safety_shortfall) == (0, 0, 0, 2)
    assert shop.model.locations_of(SKU) == []
