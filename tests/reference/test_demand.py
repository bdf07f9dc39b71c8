"""Reservation lines: versions, consumption, expiry, and where open demand counts."""

from itertools import permutations
from typing import Any

import pytest

from tests.reference.shop import HOUR, MINUTE, NOW, SECOND, Shop

LINE = ("o", "1")


def test_the_greatest_version_wins_whatever_it_is_called() -> None:
    for order in permutations([(1, 5, "PLACE"), (2, 3, "CONFIRM"), (3, 4, "EXTEND")]):
        shop = Shop()
        for version, quantity, action in order:
            shop.line("o", version, quantity, action=action)
        assert shop.open() == {LINE: 4}


def test_versions_are_numbers() -> None:
    shop = Shop()
    shop.line("o", 10, 3)
    shop.line("o", 9, 5)
    assert shop.open() == {LINE: 3}


def test_a_cancel_that_overtakes_its_order() -> None:
    shop = Shop()
    shop.cancel("o", 2)
    assert shop.open() == {}
    shop.line("o", 1, 5)
    assert shop.open() == {}


def test_a_line_placed_again_remembers_what_was_used_up() -> None:
    shop = Shop()
    shop.line("o", 1, 5)
    shop.ship(2, reservation_id="o")
    shop.release("o", 1)
    shop.cancel("o", 2)
    shop.line("o", 3, 6)
    assert shop.open() == {LINE: 3}


def test_commitment_decides_not_the_name() -> None:
    shop = Shop()
    shop.line("o", 1, 5, commitment="SOFT")
    assert (shop.node().soft, shop.node().hard) == (5, 0)
    shop.line("o", 2, 5, action="CONFIRM", commitment="SOFT")
    assert (shop.node().soft, shop.node().hard) == (5, 0)
    shop.line("o", 3, 5, action="UPDATE", commitment="HARD")
    assert (shop.node().soft, shop.node().hard) == (0, 5)


@pytest.mark.parametrize(
    ("stays", "goes"),
    [
        ({"at": -MINUTE, "quantity": 1}, {"at": -HOUR, "quantity": 9}),
        ({"recorded_at": NOW, "quantity": 1}, {"recorded_at": NOW - SECOND, "quantity": 9}),
        # Equal in time: the Avro bytes decide. A quantity is written as a zigzag varint, least bits first,
        # so 64 (80 01) is greater than 63 (7e), and 63 greater than 128 (80 02) is not.
        ({"quantity": 64}, {"quantity": 63}),
        ({"quantity": 128}, {"quantity": 64}),
        ({"quantity": 65}, {"quantity": 128}),
        # An enum is its place in the list, a null location the first branch of its union.
        ({"commitment": "HARD"}, {"commitment": "SOFT"}),
        ({"location": "DC1"}, {"location": None}),
        ({"expires_at": NOW}, {"expires_at": None}),
    ],
)
def test_of_equal_versions_with_different_content_one_stays(
    stays: dict[str, Any], goes: dict[str, Any]
) -> None:
    same = {"at": -HOUR, "recorded_at": NOW - MINUTE, "log_time": NOW, "quantity": 5}
    alone = Shop()
    alone.line("o", 1, **{**same, **stays})
    for order in ((stays, goes), (goes, stays), (goes, stays, goes, stays)):
        shop = Shop()
        for told in order:
            shop.line("o", 1, **{**same, **told})
        assert (shop.open(), shop.node()) == (alone.open(), alone.node())
        assert ("conflicting_version", "o/1") in shop.incidents()
        assert "conflicting_version" in shop.exceptions()


def test_the_same_version_told_again_is_no_conflict() -> None:
    shop = Shop()
    shop.line("o", 1, 5)
    shop.line("o", 1, 5, at=-MINUTE)
    assert shop.open() == {LINE: 5}
    assert shop.exceptions() == []


def test_what_uses_up_a_line_and_what_does_not() -> None:
    shop = Shop()
    shop.line("o", 1, 20)
    shop.ship(1, reservation_id="o")
    shop.sale({"quantity": 2, "reservation_id": "o"}, {"quantity": -1, "reservation_id": "o"})
    shop.release("o", 4)
    shop.movement("ADJUST", -2, reservation_id="o", line="1")
    shop.movement("RETURN", 5, reservation_id="o")
    shop.movement("TRANSFER_OUT", 5, reservation_id="o")
    shop.ship(9, reservation_id="o", line="2")
    shop.ship(9)
    assert shop.open() == {LINE: 20 - 1 - 2 - 4 - 2}


def test_an_adjustment_gives_back_what_was_consumed_and_no_more() -> None:
    shop = Shop()
    shop.line("o", 1, 10)
    shop.release("o", 4)
    shop.ship(3, reservation_id="o")
    shop.movement("ADJUST", 2, reservation_id="o")
    assert shop.open() == {LINE: 10 - 4 - 1}
    shop.movement("ADJUST", 3, reservation_id="o")  # neither more than was consumed, nor what was released
    assert shop.open() == {LINE: 10 - 4}
    shop.ship(5, reservation_id="o")  # sums are clamped when they are read, not as they come
    assert shop.open() == {LINE: 10 - 4 - 3}


def test_consumption_before_its_line_is_kept_and_moves_stock_at_once() -> None:
    shop = Shop()
    shop.ship(2, reservation_id="o")
    assert shop.on_hand() == -2
    assert shop.incidents() == {("negative_stock", "DC1"), ("orphan_consumption", "o/1")}
    shop.line("o", 1, 5)
    assert shop.open() == {LINE: 3}


def test_what_a_release_says_beside_its_quantity_is_ignored() -> None:
    shop = Shop()
    shop.line("o", 1, 5)
    nonsense = {"channel": "", "location": "nowhere", "version": 99, "commitment": "SOFT", "mode": "CHECKED"}
    assert shop.release("o", 2, **nonsense) is None
    assert shop.node().hard == 3


def test_shipped_from_another_place_than_the_line_s() -> None:
    shop = Shop(locations=["DC1", "DC2"])
    shop.line("o", 1, 5, location="DC1")
    shop.ship(5, location="DC2", reservation_id="o")
    assert (shop.node("DC1").hard, shop.on_hand("DC1"), shop.on_hand("DC2")) == (0, 0, -5)


def test_a_line_is_of_its_sku() -> None:
    shop = Shop(skus=["SKU-1", "SKU-2"])
    shop.line("o", 1, 5)
    shop.ship(5, sku="SKU-2", reservation_id="o")
    assert shop.open() == {LINE: 5}


def test_shipped_after_cancel() -> None:
    shop = Shop()
    shop.line("o", 1, 5)
    shop.ship(1, at=-HOUR, reservation_id="o")
    shop.cancel("o", 2, at=-30 * MINUTE)
    assert not {code for code, _ in shop.incidents()} & {"shipped_after_cancel"}
    shop.ship(1, at=-MINUTE, reservation_id="o")
    assert ("shipped_after_cancel", "o/1") in shop.incidents()
    assert (shop.on_hand(), shop.open()) == (-2, {})


def test_shipped_after_cancel_in_either_order_until_it_is_given_back() -> None:
    told: list[tuple[str, dict[str, Any]]] = [
        ("line", {"order": "o", "version": 1, "quantity": 5}),
        ("cancel", {"order": "o", "version": 2, "at": -30 * MINUTE}),
        ("ship", {"quantity": 2, "at": -MINUTE, "reservation_id": "o"}),
    ]
    for order in permutations(told):
        shop = Shop()
        shop.receipt(10)
        for name, fields in order:
            getattr(shop, name)(**fields)
        assert shop.incidents() == {("shipped_after_cancel", "o/1")}
        shop.movement("ADJUST", 1, at=0, reservation_id="o")
        assert shop.incidents() == {("shipped_after_cancel", "o/1")}
        shop.movement("ADJUST", 1, at=0, reservation_id="o")
        assert shop.incidents() == set()


def test_shipped_at_the_instant_of_the_cancel_was_before_it() -> None:
    shop = Shop()
    shop.receipt(10)
    shop.cancel("o", 2, at=-MINUTE)
    shop.ship(2, at=-MINUTE, reservation_id="o")
    assert shop.incidents() == set()


def test_a_contradiction_is_over_when_a_later_version_says_what_holds() -> None:
    shop = Shop()
    shop.receipt(10)
    shop.line("o", 1, 5)
    shop.line("o", 1, 6)
    assert shop.incidents() == {("conflicting_version", "o/1")}
    shop.line("o", 2, 6)
    assert shop.incidents() == set()


def test_a_line_that_was_confirmed_too_late_matters_while_it_is_open() -> None:
    shop = Shop()
    shop.receipt(10)
    shop.line("o", 1, 3, commitment="SOFT", expires_at=NOW - HOUR, at=-2 * HOUR)
    shop.line("o", 2, 3, action="CONFIRM", at=-MINUTE)
    assert shop.incidents() == {("confirmed_after_expiry", "o/1")}
    shop.ship(3, at=0, reservation_id="o")
    assert shop.incidents() == set()


def test_what_exceeds_a_line_is_over_when_the_line_grows() -> None:
    shop = Shop()
    shop.receipt(10)
    shop.release("o", 7)
    shop.line("o", 1, 5)
    assert shop.incidents() == {("over_release", "o/1")}
    shop.line("o", 2, 7)
    assert shop.incidents() == set()


def test_a_soft_line_is_open_up_to_its_end_and_a_hard_one_has_none() -> None:
    shop = Shop()
    shop.line("soft", 1, 1, commitment="SOFT", expires_at=NOW)
    shop.line("for-good", 1, 2, commitment="SOFT")
    shop.line("hard", 1, 4, commitment="HARD", expires_at=NOW)
    assert sum(shop.open(at=0).values()) == 7
    assert sum(shop.open(at=1).values()) == 6


def test_a_line_is_taken_up_again_after_it_lapsed() -> None:
    shop = Shop()
    shop.line("o", 1, 3, commitment="SOFT", expires_at=NOW - HOUR, at=-2 * HOUR)
    assert shop.open() == {}
    shop.line("o", 2, 3, action="CONFIRM", at=-MINUTE)
    assert shop.open() == {LINE: 3}
    assert ("confirmed_after_expiry", "o/1") in shop.incidents()


def test_a_line_extended_or_cancelled_in_time_had_not_lapsed() -> None:
    shop = Shop()
    shop.line("o", 1, 3, commitment="SOFT", expires_at=NOW - HOUR, at=-2 * HOUR)
    shop.line("o", 2, 3, action="EXTEND", commitment="SOFT", expires_at=NOW - MINUTE, at=-HOUR)
    shop.cancel("o", 3, at=0)
    assert shop.incidents() == set()


def test_what_exceeds_a_line_is_not_carried_into_another() -> None:
    shop = Shop()
    shop.line("o", 1, 5)
    shop.line("o", 1, 5, line="2")
    shop.release("o", 9)
    assert shop.open() == {("o", "2"): 5}
    assert ("over_release", "o/1") in shop.incidents()


def test_unsourced_demand_counts_whole_in_every_channel_that_shares_a_place() -> None:
    shop = Shop(
        locations=["A", "B", "C"],
        channels={"web": {"id": ["A", "B"]}, "pickup": {"id": "B"}, "far": {"id": "C"}, "none": {"id": "-"}},
    )
    for place in "ABC":
        shop.count(10, location=place)
    shop.line("o", 1, 4, location=None, channel="web")
    assert {name: shop.channel(name).demand for name in shop.model.channels()} == {
        "web": 4, "pickup": 4, "far": 0, "none": 0,
    }  # fmt: skip
    shop.line("p", 1, 1, location=None, channel="none")  # what is asked for nowhere is at least its own
    assert shop.channel("none").unmet == 1
    assert shop.available() == 16


def test_sourcing_a_line_moves_its_demand() -> None:
    shop = Shop(locations=["A", "B"], channels={"web": {}, "pickup": {"id": "B"}})
    shop.line("o", 1, 4, location=None)
    assert shop.channel("pickup").unmet == 4
    shop.line("o", 2, 4, location="A", action="SOURCE")
    assert (shop.node("A").hard, shop.channel("pickup").unmet) == (4, 0)
