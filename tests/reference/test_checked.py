"""Checked reservations: the engine decides, first come, first served."""

from typing import Any

import pytest

from inventory.reference import Decision
from tests.reference.shop import HOUR, MINUTE, NOW, SECOND, SKU, Shop

LINE = ("o", "1")
GRACE = 30 * SECOND


def ask(shop: Shop, order: str, version: int, quantity: int, *, now: int = 0, **fields: Any) -> Decision:
    """One request, decided at once: a hold of the channel web for ten minutes."""
    request(shop, order, version, quantity, **fields)
    decision, *others = shop.model.decide(NOW + now)
    assert not others
    return decision


def request(shop: Shop, order: str, version: int, quantity: int, **fields: Any) -> None:
    hold = {"at": -MINUTE, "commitment": "SOFT", "expires_at": NOW + 10 * MINUTE, "location": None}
    assert shop.line(order, version, quantity, **{**hold, "mode": "CHECKED", **fields}) is None


def answers(*decisions: Decision) -> list[tuple[str, str | None, int, int]]:
    return [(each.outcome, each.reason, each.quantity, each.available) for each in decisions]


ACCEPTED = ("ACCEPTED", None)
SHORT = ("REFUSED", "insufficient", 0)
EXPIRED = ("REFUSED", "expired", 0)
CONFLICT = ("REFUSED", "conflict", 0)
FACT_LINE = ("REFUSED", "fact_line", 0)


def test_first_come_first_served_and_never_more_than_there_is() -> None:
    shop = Shop()
    shop.count(10)
    told = [ask(shop, order, 1, 4) for order in "abc"]
    assert answers(*told) == [(*ACCEPTED, 4, 10), (*ACCEPTED, 4, 6), (*SHORT, 2)]
    assert shop.open() == {("a", "1"): 4, ("b", "1"): 4}
    assert shop.available() == 2
    assert shop.model.decisions(SKU) == told


def test_a_decision_says_what_was_decided() -> None:
    shop = Shop()
    shop.count(10)
    told = ask(shop, "o", 1, 4, now=-SECOND)
    assert told == Decision("o", "1", SKU, 1, "ACCEPTED", None, 4, 10, NOW - SECOND)


def test_facts_of_the_same_batch_go_first() -> None:
    shop = Shop()
    request(shop, "o", 1, 4)
    assert shop.open() == {}  # nobody has decided it yet
    request(shop, "p", 1, 4)
    shop.count(10, at=-HOUR)
    shop.line("fact", 1, 3)
    assert answers(*shop.model.decide(NOW)) == [(*ACCEPTED, 4, 7), (*SHORT, 3)]
    assert shop.model.decide(NOW) == []


def test_in_part_where_that_is_allowed() -> None:
    shop = Shop()
    shop.count(10)
    assert answers(ask(shop, "o", 1, 14, allow_partial=True)) == [("PARTIAL", "insufficient", 10, 10)]
    assert shop.open() == {LINE: 10}
    assert answers(ask(shop, "p", 1, 1, allow_partial=True)) == [(*SHORT, 0)]


def test_what_a_channel_is_shown_is_what_it_can_have() -> None:
    shop = Shop(channels={"web": {}, "amazon": {}})
    shop.count(10)
    shop.rule("buffer", "b", units=3, channel="amazon")
    told = [ask(shop, order, 1, 4, channel="amazon") for order in "ab"]
    assert answers(*told, ask(shop, "c", 1, 4)) == [(*ACCEPTED, 4, 7), (*SHORT, 3), (*ACCEPTED, 4, 6)]
    shop.channel_record("amazon", {}, deleted=True)
    assert answers(ask(shop, "d", 1, 1, channel="amazon")) == [(*SHORT, 0)]


def test_a_named_location_must_have_it_too() -> None:
    shop = Shop(locations=["A", "B", "C"], channels={"web": {"id": ["A", "B"]}})
    for place, quantity in (("A", 3), ("B", 5), ("C", 9)):
        shop.count(quantity, location=place)
    shop.line("fact", 1, 2, location=None)
    assert answers(ask(shop, "o", 1, 4, location="A")) == [(*SHORT, 3)]
    assert answers(ask(shop, "p", 1, 3, location="A")) == [(*ACCEPTED, 3, 3)]
    assert answers(ask(shop, "q", 1, 4, location="B")) == [(*SHORT, 3)]  # 5 there, 3 for all of the channel
    assert answers(ask(shop, "r", 1, 1, location="C")) == [(*SHORT, 0)]  # not a place of the channel
    assert shop.node("A").soft == 3


def test_versions_come_one_after_the_other() -> None:
    shop = Shop()
    shop.count(10)
    assert answers(ask(shop, "o", 2, 1)) == [(*CONFLICT, 10)]
    assert answers(ask(shop, "o", 0, 1)) == [(*CONFLICT, 10)]
    assert (shop.open(), shop.model.decisions(SKU)) == ({}, [])
    ask(shop, "o", 1, 1)
    assert answers(ask(shop, "o", 3, 1)) == [(*CONFLICT, 9)]
    assert answers(ask(shop, "o", 2, 3)) == [(*ACCEPTED, 3, 9)]
    assert shop.open() == {LINE: 3}


def test_a_refusal_has_used_up_its_version() -> None:
    shop = Shop()
    shop.count(2)
    assert answers(ask(shop, "o", 1, 3), ask(shop, "o", 2, 2)) == [(*SHORT, 2), (*ACCEPTED, 2, 2)]
    assert answers(ask(shop, "o", 3, 5), ask(shop, "o", 4, 1)) == [(*SHORT, 0), (*ACCEPTED, 1, 0)]
    assert shop.open() == {LINE: 1}


def test_asked_again_the_answer_is_the_same_and_nothing_is_held_twice() -> None:
    shop = Shop()
    shop.count(10)
    first = ask(shop, "o", 1, 8)
    refused = ask(shop, "p", 1, 8)
    shop.receipt(50)
    assert ask(shop, "o", 1, 8, now=SECOND) == first
    assert ask(shop, "o", 1, 9, expires_at=None) == first  # whatever it says now
    assert ask(shop, "p", 1, 8) == refused
    assert shop.open() == {LINE: 8}
    assert shop.incidents() == set()


def test_a_line_is_of_its_sku_and_its_number() -> None:
    shop = Shop(skus=[SKU, "SKU-2"])
    shop.count(10)
    shop.count(10, sku="SKU-2")
    told = [ask(shop, "o", 1, 4), ask(shop, "o", 1, 4, line="c"), ask(shop, "o", 1, 4, sku="SKU-2")]
    assert answers(*told) == [(*ACCEPTED, 4, 10), (*ACCEPTED, 4, 6), (*ACCEPTED, 4, 10)]


# What its line holds


def test_a_line_that_asks_for_more_is_given_what_is_left_beside_what_it_has() -> None:
    shop = Shop()
    shop.count(10)
    shop.line("fact", 1, 2)
    ask(shop, "o", 1, 5)
    assert answers(ask(shop, "o", 2, 9)) == [(*SHORT, 3)]
    assert shop.open()[LINE] == 5
    assert answers(ask(shop, "o", 3, 8)) == [(*ACCEPTED, 8, 3)]
    assert shop.available() == 0


def test_a_hold_is_confirmed_though_the_stock_has_gone_since() -> None:
    shop = Shop()
    shop.count(10)
    ask(shop, "o", 1, 5)
    shop.line("fact", 1, 9)  # oversold, which is not the customer's fault
    assert answers(ask(shop, "o", 2, 5, action="EXTEND")) == [(*ACCEPTED, 5, 0)]
    assert answers(ask(shop, "o", 3, 7, allow_partial=True)) == [("PARTIAL", "insufficient", 5, 0)]
    assert answers(ask(shop, "o", 4, 7, commitment="HARD")) == [(*SHORT, 0)]
    assert answers(ask(shop, "o", 5, 5, commitment="HARD", action="CONFIRM")) == [(*ACCEPTED, 5, 0)]
    assert (shop.open()[LINE], shop.node().hard) == (5, 9)


def test_what_is_granted_is_of_the_whole_line_what_it_used_up_included() -> None:
    shop = Shop()
    shop.count(10, at=-HOUR)
    ask(shop, "o", 1, 4)
    shop.ship(3, at=-SECOND, reservation_id="o")
    shop.release("o", 1, at=-SECOND)
    assert (shop.open(), shop.available()) == ({}, 7)
    assert answers(ask(shop, "o", 2, 12, at=0)) == [(*SHORT, 7)]
    assert answers(ask(shop, "o", 3, 12, at=0, allow_partial=True)) == [("PARTIAL", "insufficient", 11, 7)]
    assert (shop.open(), shop.available()) == ({LINE: 7}, 0)
    assert answers(ask(shop, "o", 4, 11, at=0)) == [(*ACCEPTED, 11, 0)]
    assert answers(ask(shop, "o", 5, 2, at=0)) == [(*ACCEPTED, 2, 0)]  # less than it used up
    assert ("over_release", "o/1") in shop.incidents()


def test_a_hold_moves_from_place_to_place() -> None:
    shop = Shop(locations=["A", "B"], channels={"web": {}, "pickup": {"id": "B"}})
    shop.count(5, location="A")
    shop.count(2, location="B")
    shop.line("fact", 1, 2, location="A")
    assert answers(ask(shop, "o", 1, 3)) == [(*ACCEPTED, 3, 5)]
    assert answers(ask(shop, "o", 2, 3, location="B", action="SOURCE")) == [(*SHORT, 2)]
    assert answers(ask(shop, "o", 3, 3, location="A", action="SOURCE")) == [(*ACCEPTED, 3, 2)]
    assert (shop.node("A").soft, shop.available()) == (3, 2)
    assert answers(ask(shop, "o", 4, 5)) == [(*ACCEPTED, 5, 2)]  # back to nowhere, and more of it
    assert shop.available() == 0
    # Another channel may not count on what this one is shown.
    assert answers(ask(shop, "o", 5, 5, channel="pickup")) == [(*SHORT, 0)]


def test_a_hold_at_a_place_that_its_channel_has_left_can_be_kept_but_not_moved() -> None:
    shop = Shop(locations=["A", "B"])
    shop.count(5, location="A")
    ask(shop, "o", 1, 5, location="A")
    shop.channel_record("web", {"id": "B"})
    shop.count(7, location="B")
    shop.line("fact", 1, 4, location=None)
    assert answers(ask(shop, "o", 2, 6, location="A")) == [(*SHORT, 0)]
    assert answers(ask(shop, "o", 3, 5, location="A")) == [(*ACCEPTED, 5, 0)]
    assert answers(ask(shop, "o", 4, 5, location="B")) == [(*SHORT, 3)]


# Ends


def test_a_hold_is_open_through_the_grace_of_its_confirmation_in_every_number() -> None:
    shop = Shop()
    shop.count(10)
    ask(shop, "o", 1, 4, now=-MINUTE, expires_at=NOW, location="DC1")
    assert shop.open(at=GRACE) == {LINE: 4}
    assert (shop.node(at=GRACE).soft, shop.available(at=GRACE)) == (4, 6)
    assert (shop.open(at=GRACE + 1), shop.available(at=GRACE + 1)) == ({}, 10)
    shop.count(1, at=GRACE, basis="NET", net_of="SOFT_AND_HARD")
    assert shop.on_hand() == 5
    shop.count(1, at=GRACE + 1, basis="NET", net_of="SOFT_AND_HARD")
    assert shop.on_hand() == 1


def test_a_hard_line_has_no_end() -> None:
    shop = Shop()
    shop.count(10)
    ask(shop, "o", 1, 4, commitment="HARD", expires_at=NOW - HOUR)
    assert shop.open() == {LINE: 4}
    assert answers(ask(shop, "o", 2, 4, commitment="HARD")) == [(*ACCEPTED, 4, 6)]


@pytest.mark.parametrize("action", ["CONFIRM", "EXTEND", "UPDATE", "PLACE"])
def test_confirmed_at_the_last_moment_and_after(action: str) -> None:
    for at, now, told in (
        (0, GRACE, (*ACCEPTED, 4, 6)),
        (1, GRACE, (*EXPIRED, 6)),
        (0, GRACE + 1, (*ACCEPTED, 4, 10)),  # in time, but told when it had lapsed: there is enough
    ):
        shop = Shop()
        shop.count(10)
        ask(shop, "o", 1, 4, now=-MINUTE, expires_at=NOW)
        confirm = ask(shop, "o", 2, 4, at=at, now=now, action=action, log_time=NOW + now, commitment="HARD")
        assert answers(confirm) == [told]


def test_a_lapsed_hold_has_nothing_of_its_own_left() -> None:
    shop = Shop()
    shop.count(4)
    ask(shop, "o", 1, 4, now=-MINUTE, expires_at=NOW)
    ask(shop, "p", 1, 1, now=GRACE + 1)
    assert answers(ask(shop, "o", 2, 4, at=0, now=GRACE + 1, commitment="HARD")) == [(*SHORT, 3)]


def test_nothing_is_granted_that_would_not_be_held() -> None:
    shop = Shop()
    shop.count(10)
    assert answers(ask(shop, "o", 1, 4, expires_at=NOW - GRACE)) == [(*ACCEPTED, 4, 10)]
    assert answers(ask(shop, "p", 1, 4, expires_at=NOW - GRACE - 1)) == [(*EXPIRED, 6)]


def test_a_cancel_is_never_too_late_and_a_line_can_be_placed_again() -> None:
    shop = Shop()
    shop.count(10)
    ask(shop, "o", 1, 4, expires_at=NOW - SECOND)
    cancel = ask(shop, "o", 2, 4, action="CANCEL", at=0, expires_at=NOW - SECOND)
    assert answers(cancel) == [(*ACCEPTED, 0, 6)]
    assert (shop.open(), shop.available()) == ({}, 10)
    assert answers(ask(shop, "o", 3, 7, at=0)) == [(*ACCEPTED, 7, 10)]


# Facts about checked lines


def test_a_fact_always_applies_and_takes_the_line_over() -> None:
    shop = Shop()
    shop.count(10)
    ask(shop, "o", 1, 14, allow_partial=True)
    shop.line("o", 2, 14, at=0)
    assert shop.open() == {LINE: 14}
    assert ("oversell", "DC1") in shop.incidents()
    assert answers(ask(shop, "o", 3, 1, at=0), ask(shop, "o", 2, 1, at=0)) == [
        (*CONFLICT, 0),
        (*FACT_LINE, 0),
    ]
    assert answers(ask(shop, "o", 1, 14)) == [("PARTIAL", "insufficient", 10, 10)]
    assert shop.open() == {LINE: 14}


def test_a_fact_of_a_lower_version_lifts_the_limit_and_the_grace_of_the_greater() -> None:
    shop = Shop()
    shop.count(10)
    ask(shop, "o", 1, 4, expires_at=NOW)
    ask(shop, "o", 2, 14, allow_partial=True, expires_at=NOW)
    shop.line("o", 1, 3)
    assert (shop.open(at=0), shop.open(at=1)) == ({LINE: 14}, {})


def test_the_limit_of_a_grant_is_in_the_demand_of_a_time_before_the_fact() -> None:
    shop = Shop()
    shop.count(10, at=-HOUR)
    ask(shop, "o", 1, 14, allow_partial=True, at=-3 * MINUTE, commitment="HARD", location="DC1")
    shop.line("o", 2, 14, at=-MINUTE)
    shop.count(0, at=-2 * MINUTE, basis="NET")
    assert shop.on_hand() == 10
    shop.count(0, at=-MINUTE, basis="NET")
    assert shop.on_hand() == 14


def test_a_fact_confirms_after_the_end() -> None:
    shop = Shop()
    shop.count(10)
    ask(shop, "o", 1, 4, now=-MINUTE, expires_at=NOW - MINUTE)
    shop.line("o", 2, 4, at=-SECOND, action="CONFIRM")
    assert shop.open() == {LINE: 4}
    assert ("confirmed_after_expiry", "o/1") in shop.incidents()


def test_consumption_of_a_line_that_was_refused_is_of_no_line() -> None:
    shop = Shop()
    ask(shop, "o", 1, 4)
    shop.ship(1, reservation_id="o")
    assert ("orphan_consumption", "o/1") in shop.incidents()


def test_a_release_is_a_fact_whatever_its_mode() -> None:
    shop = Shop()
    shop.count(10)
    ask(shop, "o", 1, 4)
    shop.release("o", 1, mode="CHECKED")
    assert (shop.open(), shop.model.decide(NOW)) == ({LINE: 3}, [])


# A component of a bundle


def test_a_component_is_decided_against_the_offer() -> None:
    shop = Shop()
    shop.count(10)
    shop.rule("cap", "c", units=2, channel="web")
    assert answers(ask(shop, "o", 1, 5)) == [(*SHORT, 2)]
    assert answers(ask(shop, "o", 1, 5, line="c", bundle="KIT")) == [(*ACCEPTED, 5, 10)]


# Requests that waited, and an earlier life


def test_a_request_waits_for_its_sku() -> None:
    shop = Shop()
    request(shop, "o", 1, 4, sku="SKU-2")
    assert shop.model.decide(NOW) == []
    shop.item("SKU-2")
    assert answers(*shop.model.decide(NOW)) == [(*SHORT, 0)]


def test_the_first_published_decision_stands() -> None:
    shop = Shop()
    granted = Decision("o", "1", SKU, 1, "PARTIAL", "insufficient", 3, 3, NOW - MINUTE)
    refused = Decision("p", "1", SKU, 1, "REFUSED", "insufficient", 0, 2, NOW - MINUTE)
    conflict = Decision("q", "1", SKU, 1, "REFUSED", "conflict", 0, 2, NOW - MINUTE)
    for told in (
        granted,
        granted._replace(quantity=5),
        refused,
        refused._replace(outcome="ACCEPTED"),
        conflict,
    ):
        assert shop.fold("ReservationDecision", told._asdict(), key=SKU) is None
    assert shop.open() == {}  # what it is of has not come yet
    shop.count(4)
    assert [ask(shop, order, 1, 4) for order in "op"] == [granted, refused]
    assert answers(ask(shop, "q", 1, 1)) == [(*ACCEPTED, 1, 1)]
    assert shop.open() == {LINE: 3, ("q", "1"): 1}


def test_what_was_published_keeps_its_order_of_versions() -> None:
    shop = Shop()
    shop.count(10)
    second = Decision("o", "1", SKU, 2, "ACCEPTED", None, 3, 3, NOW - MINUTE)
    shop.fold("ReservationDecision", second._asdict())
    assert answers(ask(shop, "o", 2, 3)) == [(*CONFLICT, 10)]
    ask(shop, "o", 1, 1)
    assert ask(shop, "o", 2, 3) == second


def test_what_was_published_stands_though_a_fact_came_first_this_time() -> None:
    shop = Shop()
    shop.count(10, at=-HOUR)
    granted = Decision("o", "1", SKU, 1, "ACCEPTED", None, 3, 10, NOW)
    shop.fold("ReservationDecision", granted._asdict())
    shop.line("o", 2, 5, at=0)
    assert ask(shop, "o", 1, 3, location="DC1") == granted
    assert shop.open() == {LINE: 5}
    shop.count(7, at=-1, basis="NET", net_of="SOFT_AND_HARD")
    assert shop.on_hand() == 10


# What others were promised without a place


def shops(**counted: int) -> Shop:
    """A warehouse and two shops; the web sells from all, pickup from the shops."""
    shop = Shop(locations=["DC1", "S001", "S002"], channels={"web": {}, "pickup": {"id": ["S001", "S002"]}})
    for place, units in counted.items():
        shop.count(units, location=place, at=-2 * HOUR)
    return shop


def test_a_hold_at_a_place_leaves_what_was_promised_without_one_and_can_come_from_nowhere_else() -> None:
    shop = shops(DC1=20, S001=10)
    ask(shop, "p", 1, 10, channel="pickup")
    assert (shop.node("S001").node_ats, shop.available()) == (10, 20)
    assert answers(ask(shop, "o", 1, 10, location="S001")) == [(*SHORT, 0)]
    assert answers(ask(shop, "o", 2, 21, location="DC1", allow_partial=True)) == [
        ("PARTIAL", "insufficient", 20, 20)
    ]
    assert shop.incidents() == set()


def test_what_can_come_from_elsewhere_is_in_nobodys_way() -> None:
    shop = shops(DC1=20, S001=10, S002=4)
    ask(shop, "p", 1, 6, channel="pickup")
    assert answers(ask(shop, "o", 1, 9, location="S001")) == [(*SHORT, 8)]  # 4 of the 6 are in the other shop
    assert answers(ask(shop, "o", 2, 8, location="S001")) == [(*ACCEPTED, 8, 8)]
    assert answers(ask(shop, "q", 1, 1, location="S002")) == [(*SHORT, 0)]
    assert answers(ask(shop, "w", 1, 20)) == [(*ACCEPTED, 20, 20)]
    assert shop.deficit() == 0


def test_pickup_itself_takes_no_more_at_its_place_than_it_has_not_promised() -> None:
    shop = shops(S001=10)
    ask(shop, "p", 1, 7, channel="pickup")
    assert answers(ask(shop, "o", 1, 4, channel="pickup", location="S001")) == [(*SHORT, 3)]
    assert answers(ask(shop, "o", 2, 3, channel="pickup", location="S001")) == [(*ACCEPTED, 3, 3)]


def test_a_hold_is_not_in_its_own_way_when_it_is_sourced() -> None:
    """All of the shop is promised, to this very line: it may have it there."""
    shop = shops(S001=10)
    ask(shop, "p", 1, 10, channel="pickup")
    assert answers(ask(shop, "p", 2, 10, channel="pickup", location="S001", action="SOURCE")) == [
        (*ACCEPTED, 10, 0)
    ]
    assert (shop.node("S001").soft, shop.deficit()) == (10, 0)
    # Nor from place to place: what it gives back there is what others wait for.
    shop.count(10, location="S002", at=-2 * HOUR)
    shop.line("fact", 1, 10, channel="pickup", location=None)
    assert answers(ask(shop, "p", 3, 10, channel="pickup", location="S002", action="SOURCE")) == [
        (*ACCEPTED, 10, 0)
    ]
    assert (shop.node("S002").soft, shop.deficit()) == (10, 0)


def test_a_hold_that_moves_gives_its_place_to_the_others() -> None:
    """Pickup's 10 are in the other shop, and may be in this one as soon as the web has left it."""
    shop = shops(S001=10, S002=10)
    ask(shop, "o", 1, 10, location="S001")
    shop.line("fact", 1, 10, channel="pickup", location=None)
    assert answers(ask(shop, "o", 2, 10, location="S002", action="SOURCE")) == [(*ACCEPTED, 10, 0)]
    assert (shop.node("S002").soft, shop.deficit()) == (10, 0)


def test_a_hold_at_a_place_that_is_no_more_is_without_a_place_and_not_in_its_own_way() -> None:
    shop = shops(DC1=20, S001=10, S002=10)
    ask(shop, "p", 1, 10, channel="pickup", location="S001")
    shop.location("S001", deleted=True)
    assert answers(ask(shop, "o", 1, 1, location="S002")) == [(*SHORT, 0)]
    assert answers(ask(shop, "p", 2, 10, channel="web", location="S002")) == [(*ACCEPTED, 10, 10)]


def test_a_hold_may_be_sourced_though_too_much_was_promised_since() -> None:
    """Whoever is told that there is none, it makes no difference whether this hold has a place."""
    shop = shops(S001=4)
    ask(shop, "o", 1, 3, channel="pickup")
    shop.line("fact", 1, 3, channel="pickup", location=None)
    assert answers(ask(shop, "o", 2, 3, channel="pickup", location="S001", action="SOURCE")) == [
        (*ACCEPTED, 3, 0)
    ]
    assert shop.oversold() == {"pickup": 2}


def test_a_hold_that_is_sourced_leaves_the_others_theirs() -> None:
    shop = shops(DC1=3, S001=5)
    ask(shop, "p", 1, 5, channel="pickup")
    ask(shop, "o", 1, 3)
    assert answers(ask(shop, "o", 2, 3, location="S001", action="SOURCE")) == [(*SHORT, 0)]
    assert answers(ask(shop, "o", 3, 3, location="DC1", action="SOURCE")) == [(*ACCEPTED, 3, 0)]


def test_what_a_hold_has_at_its_place_it_keeps_whatever_was_promised_since() -> None:
    shop = shops(S001=10)
    ask(shop, "o", 1, 6, location="S001")
    shop.line("fact", 1, 7, channel="pickup", location=None)
    assert (shop.deficit(), shop.node("S001").node_ats) == (3, 4)
    assert answers(ask(shop, "o", 2, 7, location="S001")) == [(*SHORT, 0)]
    assert answers(ask(shop, "o", 3, 6, location="S001", action="EXTEND")) == [(*ACCEPTED, 6, 0)]
    assert answers(ask(shop, "o", 4, 5, location="S001")) == [(*ACCEPTED, 5, 0)]
    assert shop.deficit() == 2


def test_where_too_much_is_promised_already_a_hold_makes_it_no_worse() -> None:
    """What is missing of pickup's is missing anyway; at the warehouse there is enough."""
    shop = shops(DC1=5, S001=2)
    shop.line("fact", 1, 6, channel="pickup", location=None)
    shop.rule("backorder", "bo", units=9, channel="web")
    assert (shop.deficit(), shop.available()) == (4, 10)
    assert answers(ask(shop, "o", 1, 1, location="S001")) == [(*SHORT, 0)]
    assert answers(ask(shop, "p", 1, 5, location="DC1")) == [(*ACCEPTED, 5, 5)]
    assert shop.deficit() == 4


def test_a_shortage_of_another_shop_is_promised_too() -> None:
    shop = shops(S001=10)
    shop.line("fact", 1, 8, channel="pickup", location="S002")
    assert answers(ask(shop, "o", 1, 3, location="S001")) == [(*SHORT, 2)]
    assert answers(ask(shop, "o", 2, 2, location="S001")) == [(*ACCEPTED, 2, 2)]


def test_what_is_on_its_way_or_backordered_lets_the_shelf_be_taken() -> None:
    shop = shops(S001=10)
    ask(shop, "p", 1, 10, channel="pickup")
    shop.rule("in_transit", "it", channel="pickup", confidence="1", within_days=2)
    shop.expect("PO-1", 1, 4, due=HOUR, location="S002")
    assert answers(ask(shop, "o", 1, 4, channel="pickup", location="S001")) == [(*ACCEPTED, 4, 4)]
    shop.rule("backorder", "bo", units=3, channel="pickup")
    told = ask(shop, "q", 1, 3, channel="pickup", location="S001")
    assert (told.outcome, shop.channel("pickup").unmet, shop.deficit()) == ("ACCEPTED", 3, 0)


def test_safety_stock_at_the_place_is_kept_beside_what_is_promised() -> None:
    shop = shops(DC1=50, S001=10)
    shop.rule("safety_stock", "ss", units=4, match={"location": "S001"})
    ask(shop, "p", 1, 3, channel="pickup")
    # 7 are free of promises and 6 of safety stock: what is kept for thieves may be what pickup was promised.
    assert answers(ask(shop, "o", 1, 7, location="S001")) == [(*SHORT, 6)]
    assert answers(ask(shop, "o", 2, 6, location="S001")) == [(*ACCEPTED, 6, 6)]


def test_a_component_asked_at_a_place_leaves_what_was_promised_without_one() -> None:
    shop = shops(DC1=20, S001=10)
    ask(shop, "p", 1, 7, channel="pickup")
    asked: dict[str, Any] = {"location": "S001", "line": "c", "bundle": "KIT"}
    assert answers(ask(shop, "o", 1, 4, **asked), ask(shop, "o", 2, 3, **asked)) == [
        (*SHORT, 3),
        (*ACCEPTED, 3, 3),
    ]
