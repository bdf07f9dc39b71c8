"""Which facts are one and the same."""

from typing import Any

import pytest

from tests.reference.shop import HOUR, MINUTE, NOW, SKU, Shop


def test_an_event_told_twice_happened_once() -> None:
    shop = Shop()
    for _ in range(3):
        shop.receipt(10, event_id="e")
        shop.correction(1, event_id="c")
        shop.release("o", 1, event_id="r")
        shop.line("o", 1, 5)
    assert (shop.on_hand(), shop.node().hard) == (11, 4)
    assert shop.exceptions() == []


def test_an_id_is_unique_per_source() -> None:
    shop = Shop()
    shop.receipt(10, event_id="e", source="erp")
    shop.receipt(10, event_id="e", source="wms")
    assert shop.on_hand() == 20


@pytest.mark.parametrize("other", [{"quantity": 9}, {"at": -MINUTE}, {"location": "DC2"}, {"kind": "RETURN"}])
def test_the_same_id_with_another_payload_changes_nothing(other: dict[str, Any]) -> None:
    shop = Shop(locations=["DC1", "DC2"])
    told: dict[str, Any] = {"kind": "RECEIPT", "quantity": 10, "at": -HOUR, "event_id": "e"}
    shop.movement(**told)
    shop.movement(**{**told, **other})
    assert (shop.on_hand("DC1"), shop.on_hand("DC2")) == (10, 0)
    # What another kind of movement does alike is alike.
    assert shop.exceptions() == ([] if other == {"kind": "RETURN"} else ["conflicting_duplicate"])


def test_kinds_of_additive_facts_share_their_ids() -> None:
    shop = Shop()
    shop.receipt(10, event_id="e")
    shop.correction(1, event_id="e")
    shop.release("o", 1, event_id="e")
    assert shop.on_hand() == 10
    assert shop.exceptions() == ["conflicting_duplicate"] * 2


def test_each_line_of_a_transaction_is_a_fact_of_its_own() -> None:
    shop = Shop(skus=["SKU-1", "SKU-2"])
    shop.sale({"line": "1"}, {"line": "2"}, event_id="t")
    shop.sale({"line": "1", "sku": "SKU-2"}, event_id="t")
    assert (shop.on_hand(), shop.on_hand(sku="SKU-2")) == (-2, -1)


def test_a_till_that_sends_again_in_a_new_envelope_books_only_what_is_new() -> None:
    shop = Shop()
    shop.sale({"line": "1"}, {"line": "2"}, event_id="t")
    shop.sale(
        {"line": "2"}, {"line": "3"}, event_id="t", correlation_id="again", recorded_at=NOW, log_time=NOW
    )
    shop.sale({"line": "2", "quantity": 7}, event_id="t")
    assert shop.on_hand() == -3
    assert shop.model.exceptions == [("conflicting_duplicate", "PosTransaction", "t", "2")]


def test_a_line_that_a_transaction_holds_twice_is_sold_once() -> None:
    shop = Shop()
    shop.sale({"line": "1", "quantity": 2}, {"line": "1", "quantity": 2})
    assert shop.on_hand() == -2


def test_counts_are_idempotent_by_comparison() -> None:
    shop = Shop()
    for quantity in (10, 10, 11):
        shop.count(quantity, event_id="c")
    assert shop.on_hand() == 10
    assert shop.exceptions() == ["conflicting_duplicate"]
    shop.count(12, event_id="c", at=-MINUTE)  # another instant: another count
    assert shop.on_hand() == 12


def test_a_movement_and_a_count_may_share_an_id() -> None:
    shop = Shop()
    shop.count(10, event_id="e", at=-HOUR)
    shop.ship(1, event_id="e", at=-MINUTE)
    assert shop.on_hand() == 9
    assert shop.model.locations_of(SKU) == ["DC1"]
