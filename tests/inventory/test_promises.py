"""Promises without a location: which can be kept, who promised too much, and what a place has to spare."""

import itertools
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.promises import Promises, serve
from tests.inventory.shop import Shop
from tests.inventory.test_checked import ask
from tests.reference.shop import HOUR


def supplied(left: list[int], reach: list[list[bool]]) -> Promises:
    """Promises (a spare one among them) that may use some supplies whole."""
    most = np.array(reach, np.int64).reshape(len(reach), len(left)) * np.array(left, np.int64)
    many = len(reach)
    return Promises(
        np.arange(many, dtype=np.int32),
        np.zeros(many, np.int64),
        np.array(left, np.int64),
        most,
        np.zeros_like(most),
    )


def cannot_be_kept(units: list[int], left: list[int], reach: list[list[bool]]) -> int:
    """By Hall's theorem: the most that any set of promises asks beyond what it may use."""
    worst = 0
    for size in range(1, len(units) + 1):
        for some in itertools.combinations(range(len(units)), size):
            usable = sum(left[n] for n in range(len(left)) if any(reach[d][n] for d in some))
            worst = max(worst, sum(units[d] for d in some) - usable)
    return worst


@st.composite
def _worlds(draw: Any) -> tuple[list[int], list[int], list[list[bool]]]:
    many, places = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    units = draw(st.lists(st.integers(0, 9), min_size=many, max_size=many))
    left = draw(st.lists(st.integers(0, 9), min_size=places, max_size=places))
    row = st.lists(st.booleans(), min_size=places, max_size=places)
    return units, left, draw(st.lists(row, min_size=many, max_size=many))


@settings(max_examples=300)
@given(_worlds())
def test_as_many_are_kept_as_can_be(world: tuple[list[int], list[int], list[list[bool]]]) -> None:
    units, left, reach = world
    p = supplied(left, reach)
    got = [int(serve(p, d, wanted)) for d, wanted in enumerate(units)]
    assert sum(units) - sum(got) == cannot_be_kept(units, left, reach)
    assert got == p.taken.sum(axis=1).tolist()  # who was served keeps as many
    assert (p.taken >= 0).all()
    assert (p.taken <= p.most).all()
    assert (p.left >= 0).all()
    assert (p.left + p.taken.sum(axis=0)).tolist() == left


def oversold(shop: Shop) -> dict[str, int]:
    """Units of the oversell that stands for each channel."""
    shop.opened()
    last = {(i.code, i.sku, i.location, i.cause): i for i in shop.cluster.incidents}
    return {
        i.channel: i.detail["units"]
        for i in last.values()
        if i.code == "oversell" and i.channel is not None and i.closed_at is None
    }


def two_places(dc1: int, s1: int) -> Shop:
    shop = Shop()
    shop.count(dc1)
    shop.count(s1, location="S1")
    return shop


def promised(shop: Shop, channel: str, units: int, **fields: Any) -> None:
    shop.line(f"{channel}-{units}", 1, units, channel=channel, location=None, **fields)


def test_what_can_be_served_elsewhere_oversells_nobody() -> None:
    shop = two_places(30, 10)
    promised(shop, "pickup", 2)
    promised(shop, "web", 20)
    assert shop.told("pickup")["unmet"] == 12  # its number counts all that may ask for its stock
    assert oversold(shop) == {}


def test_who_promised_what_only_one_can_have_oversells() -> None:
    shop = two_places(3, 10)
    promised(shop, "pickup", 12)
    promised(shop, "web", 2)
    assert oversold(shop) == {"pickup": 2}


def test_two_who_share_what_is_missing_oversell_both() -> None:
    shop = two_places(3, 10)
    promised(shop, "pickup", 8)
    promised(shop, "web", 8)
    assert oversold(shop) == {"pickup": 3, "web": 3}


def test_a_permitted_backorder_is_no_oversell() -> None:
    shop = two_places(2, 0)
    shop.rule("backorder", "later", '{"channel": "web", "units": 5}')
    promised(shop, "web", 7)
    assert oversold(shop) == {}
    promised(shop, "web", 1)
    assert oversold(shop) == {"web": 1}


def test_what_is_short_at_a_location_is_told_there_alone() -> None:
    shop = two_places(10, 1)
    shop.line("at-store", 1, 4, location="S1")
    promised(shop, "web", 10)
    assert shop.told()["unmet"] == 3
    assert oversold(shop) == {}


def test_an_oversell_ends_when_the_stock_comes_where_it_is_wanted() -> None:
    shop = two_places(30, 10)
    promised(shop, "pickup", 12)
    assert oversold(shop) == {"pickup": 2}
    shop.movement("RECEIPT", 5, at=HOUR)
    shop.run(2 * HOUR)
    assert oversold(shop) == {"pickup": 2}
    shop.movement("RECEIPT", 2, at=2 * HOUR, location="S1")
    shop.run(3 * HOUR)
    assert oversold(shop) == {}


def test_what_is_coming_serves_whom_it_counts_for() -> None:
    shop = two_places(0, 0)
    shop.rule("in_transit", "soon", '{"channel": "web", "confidence": "0.5", "within_days": 3}')
    shop.event("ExpectedSupply", -HOUR, {
        "reference": "P", "version": 1, "kind": "PURCHASE_ORDER", "quantity": 10, "expected_at": shop.now + HOUR,
        "status": "OPEN",
    })  # fmt: skip
    promised(shop, "web", 5)
    assert oversold(shop) == {}
    promised(shop, "pickup", 1)
    assert oversold(shop) == {"pickup": 1}


def test_a_place_does_not_give_what_was_promised_without_one() -> None:
    shop = two_places(30, 10)
    promised(shop, "pickup", 10)
    assert ask(shop, "o", 1, 1, location="S1") == ("REFUSED", "insufficient", 0, 0)
    assert ask(shop, "p", 1, 1, location="DC1") == ("ACCEPTED", None, 1, 30)


def test_a_place_gives_what_promises_can_find_elsewhere() -> None:
    shop = two_places(30, 10)
    promised(shop, "web", 30)
    assert ask(shop, "o", 1, 10, location="S1") == ("ACCEPTED", None, 10, 10)
    assert shop.available() == 0


def test_a_hold_without_a_place_may_be_given_one() -> None:
    shop = two_places(0, 10)
    assert ask(shop, "o", 1, 10, channel="pickup") == ("ACCEPTED", None, 10, 10)
    assert ask(shop, "o", 2, 10, channel="pickup", location="S1")[:3] == ("ACCEPTED", None, 10)
    assert shop.node("S1")["soft"] == 10
    assert shop.available("pickup") == 0


def test_a_permitted_backorder_does_not_free_a_place() -> None:
    shop = two_places(30, 10)
    shop.rule("backorder", "later", '{"channel": "pickup", "units": 5}')
    promised(shop, "pickup", 12)
    assert ask(shop, "o", 1, 1, location="S1") == ("REFUSED", "insufficient", 0, 0)


def test_a_kit_that_is_given_a_place_changes_places_with_others_of_its_sort() -> None:
    shop = two_places(5, 5)
    shop.item("BULB")
    for place in ("DC1", "S1"):
        shop.count(5, sku="BULB", location=place)
    parts = [{"sku": part, "quantity": 1} for part in ("SKU-1", "BULB")]
    shop.item("KIT", bundle=parts, ship_together=True)
    shop.run()
    shop.line("sold", 1, 9, sku="KIT", location=None)
    kit: dict[str, Any] = {"line": "c", "bundle": "KIT"}
    assert ask(shop, "o", 1, 1, **kit)[:3] == ("ACCEPTED", None, 1)
    assert ask(shop, "o", 2, 1, location="S1", **kit)[:3] == ("ACCEPTED", None, 1)
    assert ask(shop, "p", 1, 1, location="DC1")[:3] == ("REFUSED", "insufficient", 0)


def test_a_place_does_not_give_what_a_fence_holds_for_others() -> None:
    shop = two_places(8, 10)
    shop.rule("ring_fence", "rf", '{"channel": "pickup", "units": 6, "priority": 1, "set_at": 1}')
    assert ask(shop, "o", 1, 5, location="S1") == ("REFUSED", "insufficient", 0, 4)
    assert ask(shop, "p", 1, 5, location="S1", channel="pickup")[:3] == ("ACCEPTED", None, 5)
