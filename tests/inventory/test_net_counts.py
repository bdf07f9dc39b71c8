"""Counts that leave open demand out: what they anchor, and what still moves them."""

from typing import Any

import pytest

from inventory.reference import ReferenceModel
from tests.inventory.judging import assert_agree
from tests.inventory.shop import SKU, Shop
from tests.inventory.worlds import MASTER_DATA, Plan, fold, write
from tests.reference.histories import Told
from tests.reference.shop import DAY, HOUR, MINUTE, NOW


def test_case_67_a_net_feed_is_not_subtracted_twice() -> None:
    shop = Shop()
    shop.count(1, at=-3 * HOUR)
    shop.line("o", 1, 1, at=-2 * HOUR, location="DC1")
    shop.count(0, basis="NET")  # physically 1, and 1 ordered
    assert (shop.on_hand(), shop.available()) == (1, 0)
    shop.movement("SHIP", 1, at=-MINUTE, reservation_id="o")
    assert (shop.on_hand(), shop.available()) == (0, 0)


def test_what_an_available_count_withholds_is_physically_there() -> None:
    shop = Shop()
    shop.line("o", 1, 2, at=-2 * HOUR, location="DC1")
    shop.count(5, basis="AVAILABLE", withheld=3)
    assert shop.on_hand() == 10


@pytest.mark.parametrize(
    ("net_of", "expires_at", "on_hand"),
    [
        ("HARD", None, 5),
        ("SOFT_AND_HARD", None, 7),
        ("SOFT_AND_HARD", -HOUR, 7),
        ("SOFT_AND_HARD", -HOUR - 1, 5),
    ],
)
def test_soft_demand_counts_where_it_says_so_and_as_long_as_it_lasts(
    net_of: str, expires_at: int | None, on_hand: int
) -> None:
    shop = Shop()
    ends = None if expires_at is None else NOW + expires_at
    shop.line("o", 1, 2, at=-2 * HOUR, location="DC1", commitment="SOFT", expires_at=ends)
    shop.count(5, basis="NET", net_of=net_of)
    assert shop.on_hand() == on_hand


def test_a_late_order_moves_the_stock_and_never_the_net() -> None:
    shop = Shop()
    shop.count(5, basis="NET", demand_as_of=NOW - 2 * HOUR)
    assert shop.on_hand() == 5
    shop.line("o", 1, 2, at=-2 * HOUR, location="DC1")
    assert (shop.on_hand(), shop.available()) == (7, 5)
    shop.line("p", 1, 2, at=-2 * HOUR + 1, location="DC1")  # the source had not heard of it
    assert (shop.on_hand(), shop.available()) == (7, 3)


def test_a_line_that_moves_on_takes_its_part_only_as_of_when_it_moved() -> None:
    shop = Shop()
    shop.line("o", 1, 2, at=-2 * HOUR, location="DC1")
    shop.count(5, basis="NET")
    shop.count(5, basis="NET", location="S1")
    shop.line("o", 2, 2, at=-MINUTE, location="S1")
    assert (shop.on_hand("DC1"), shop.on_hand("S1")) == (7, 5)
    shop.line("o", 3, 2, at=-90 * MINUTE, location="S1")  # late, greater, dated before the counts
    assert (shop.on_hand("DC1"), shop.on_hand("S1")) == (5, 7)


def test_a_gross_count_ends_what_demand_moves() -> None:
    shop = Shop()
    shop.count(5, basis="NET", at=-2 * HOUR)
    shop.count(5, at=-HOUR)
    shop.line("o", 1, 2, at=-3 * HOUR, location="DC1")
    assert shop.on_hand() == 5


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"basis": "NET", "counter": "DAMAGED"}, "invalid_event"),
        ({"basis": "AVAILABLE", "counter": "BLOCKED"}, "invalid_event"),
        ({"basis": "NET", "withheld": 1}, "invalid_event"),
        ({"basis": "GROSS", "withheld": 1}, "invalid_event"),
        ({"basis": "AVAILABLE", "withheld": -1}, "invalid_quantity"),
        ({"basis": "GROSS", "quantity": -1}, "invalid_quantity"),
        ({"basis": "NET", "demand_as_of": NOW + 6 * MINUTE}, "from_the_future"),
    ],
)
def test_what_a_count_may_not_say(fields: dict[str, Any], code: str) -> None:
    shop = Shop()
    shop.count(**{"quantity": 5} | fields)
    assert shop.letters() == [code]


def test_a_net_number_may_be_negative() -> None:
    shop = Shop()
    shop.line("o", 1, 5, at=-2 * HOUR, location="DC1")
    shop.count(-2, basis="NET")
    assert (shop.on_hand(), shop.letters()) == (3, [])


def test_a_count_that_knew_its_orders_too_long_ago_is_refused() -> None:
    shop = Shop()
    shop.count(5, at=-MINUTE, basis="NET", demand_as_of=NOW - 26 * HOUR)
    shop.count(6, basis="GROSS", demand_as_of=NOW - 26 * HOUR)
    assert shop.on_hand() == 6
    assert shop.opened() == ["count_too_late"]


def test_the_same_id_with_another_basis_is_a_conflict_and_the_first_stays() -> None:
    shop = Shop()
    shop.line("o", 1, 2, at=-2 * HOUR, location="DC1")
    shop.count(5, event_id="c")
    shop.count(5, event_id="c", basis="NET")
    assert (shop.on_hand(), shop.opened()) == (5, ["conflicting_duplicate"])


def told(name: str, at: int, **fields: Any) -> Told:
    value = {"source": "test", "occurred_at": at, "recorded_at": at, "sku": SKU, "location": "A", **fields}
    return Told(name, value, at)


def order(event_id: str, at: int, quantity: int, version: int = 1, **fields: Any) -> Told:
    line = {
        "reservation_id": "o",
        "version": version,
        "action": "PLACE",
        "channel": "web",
        "commitment": "HARD",
    }
    return told("Reservation", at, event_id=event_id, quantity=quantity, **line, **fields)


def ship(event_id: str, at: int, quantity: int) -> Told:
    return told(
        "StockMovement", at, event_id=event_id, movement="SHIP", quantity=quantity, reservation_id="o"
    )


def count(event_id: str, at: int, quantity: int, **fields: Any) -> Told:
    fields = {"basis": "NET", "net_of": "SOFT_AND_HARD", "counter": "ON_HAND", "counted_at": at} | fields
    return told("StockCount", at, event_id=event_id, quantity=quantity, **fields)


@pytest.mark.parametrize("lanes", [1, 4])
@pytest.mark.parametrize("crash", [False, True])
def test_what_was_before_the_horizon_is_kept_apart_at_the_instant_of_the_anchor(
    lanes: int, crash: bool
) -> None:
    """A line lives for days around a NET anchor; old history is forgotten; late facts still move the right part."""
    start = NOW - 6 * DAY
    cluster = Plan(lanes, 10_000, 0, 0).cluster()
    for each in MASTER_DATA:
        write(cluster, each)
    cluster.run(start - DAY)
    history: list[Told] = []

    def tell(*facts: Told) -> None:
        for each in facts:
            write(cluster, each)
            history.append(each)
            cluster.run(each.log_time)
        for running in cluster.running:
            running.lane.forget()
            if crash:
                running.checkpoint(whole=True)
                running.start()
        cluster.run(history[-1].log_time)
        model = fold(ReferenceModel(), *MASTER_DATA, *history)
        assert_agree(cluster, model, history, history[-1].log_time)

    tell(order("v1", start, 9), ship("s1", start + HOUR, 1), count("n", start + 2 * HOUR, 3))
    tell(
        order("v2", start + 3 * HOUR, 12, 2), ship("s2", start + 4 * HOUR, 2), ship("s3", start + 5 * HOUR, 1)
    )
    tell(order("v3", start + 6 * HOUR, 14, 3), order("v4", start + 7 * HOUR, 15, 4, location="B"))
    tell(*(ship(f"d{day}", start + day * DAY, 1) for day in (2, 3, 4)))
    state = next(r.lane.memory for r in cluster.running if len(r.lane.memory.stores["lines"]))
    kept = state.stores["uses"].used()["quantity"].size - int(state.stores["uses"].table.head[3])
    assert kept <= 3, "uses after the anchor are added up when they are old"
    # Dated before the anchor, told days later: its part of the anchor's demand goes.
    late = ship("late", start + 90 * MINUTE, 2)
    tell(late._replace(log_time=NOW - DAY, value={**late.value, "recorded_at": NOW - DAY}))
    early = order("v0", start + 100 * MINUTE, 20, 0)
    tell(early._replace(log_time=NOW - DAY + 1, value={**early.value, "recorded_at": NOW - DAY}))
    tell(count("n2", NOW - 2 * HOUR, 1), ship("s9", NOW - HOUR, 1))


def test_the_part_of_a_forgotten_line_stays_in_the_anchor() -> None:
    shop = Shop(1, reservation_memory_ms=DAY)
    shop.line("o", 1, 4, at=-2 * HOUR, location="DC1")
    shop.count(3, basis="NET")
    shop.line("o", 2, 0, at=-MINUTE, action="CANCEL", location="DC1")
    assert shop.on_hand() == 7
    shop.run(3 * DAY)
    lane = shop.cluster.running[0].lane
    lane.forget()
    assert lane.memory.stores["lines"].table.head[3] == 1
    assert shop.on_hand() == 7
    shop.movement("RECEIPT", 1, at=3 * DAY)
    assert shop.on_hand() == 8


def test_a_soft_line_that_has_just_expired_is_remembered_for_counts_as_of_before() -> None:
    shop = Shop(1, reservation_memory_ms=DAY)
    shop.line("o", 1, 4, at=-2 * DAY, location="DC1", commitment="SOFT", expires_at=NOW - 2 * HOUR)
    shop.run()
    lane = shop.cluster.running[0].lane
    lane.forget()
    shop.count(3, at=-3 * HOUR, basis="NET", net_of="SOFT_AND_HARD")
    assert shop.on_hand() == 7


def test_lines_of_a_sku_are_found_after_some_were_forgotten() -> None:
    shop = Shop(1, reservation_memory_ms=DAY)
    for order_id, quantity in (("a", 0), ("b", 2), ("c", 0), ("d", 3), ("e", 0)):
        shop.line(order_id, 1, quantity, at=-3 * DAY, location="DC1")
    shop.run()
    shop.cluster.running[0].lane.forget()
    shop.line("f", 1, 1, at=-3 * HOUR, location="DC1")
    shop.count(1, at=-2 * HOUR, basis="NET")
    assert shop.on_hand() == 7
