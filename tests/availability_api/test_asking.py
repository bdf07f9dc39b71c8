"""Several lines of one request: judged together, and told apart where parcels need the same parts."""

from typing import Any

from availability_api.asking import AskedLine, asks_of, too_many, wishes
from availability_api.network import Channel
from availability_api.view import Offered

WEB = Channel("web", 0, {0: "DC1", 1: "S001"}, frozenset({0}))
LIGHT, LANTERN = {"LAMP": 1, "BULB": 1}, {"LAMP": 1, "CORD": 2}


def wanted(*asked: tuple[Any, ...], together: bool = True, available: int = 5) -> Any:
    """`asked`: sku, quantity, and a location where one is named."""
    parts = {"LIGHT": LIGHT, "LANTERN": LANTERN}
    skus = {line[0] for line in asked}
    offered = {sku: Offered(available, parts.get(sku, {}), together and sku in parts) for sku in skus}
    lines = [AskedLine(sku=sku, quantity=n, location=where[0] if where else None) for sku, n, *where in asked]
    return wishes(lines, WEB, offered)


def brief(asks: Any) -> set[tuple[Any, ...]]:
    return {(ask.line, ask.sku, ask.quantity, ask.bundle) for ask in asks}


def test_parcels_that_need_the_same_part_have_each_a_line_in_whatever_order_they_are_asked() -> None:
    asked = [("LIGHT", 1), ("LANTERN", 2)]
    for some in (asked, asked[::-1]):
        assert brief(asks_of(wanted(*some))) == {
            ("c", "LAMP", 2, "LANTERN"), ("c", "CORD", 4, "LANTERN"), ("c2", "LAMP", 1, "LIGHT"),
            ("c2", "BULB", 1, "LIGHT"),
        }  # fmt: skip


def test_bundles_that_need_not_ship_together_are_added_up() -> None:
    asks = asks_of(wanted(("LIGHT", 1), ("LANTERN", 2), together=False))
    assert {(line, sku): units for line, sku, units, _ in brief(asks)} == {
        ("c", "LAMP"): 3, ("c", "BULB"): 1, ("c", "CORD"): 4,
    }  # fmt: skip


def test_a_parcel_may_be_missing_for_each_unit_that_a_bundle_before_it_takes() -> None:
    assert too_many(wanted(("LIGHT", 2), ("LANTERN", 3))) == []
    (short,) = too_many(wanted(("LIGHT", 3), ("LANTERN", 3)))
    assert (short["sku"], short["asked"], short["available"]) == ("LANTERN", 3, 2)
    (short,) = too_many(wanted(("LIGHT", 9), ("LANTERN", 1)))[:1]
    assert (short["sku"], short["available"]) == ("LIGHT", 5)
    assert too_many(wanted(("LIGHT", 3), ("LANTERN", 3), together=False)) == []


def test_what_is_asked_alone_is_asked_when_the_parcels_are_held() -> None:
    """The engine then knows that the one lamp in DC1 may be needed by the parcel."""
    asks = asks_of(wanted(("LAMP", 1, "DC1"), ("LIGHT", 1)))
    assert [(ask.line, ask.sku) for ask in asks] == [("c", "LAMP"), ("c", "BULB"), ("1", "LAMP")]


def test_they_are_answered_in_the_order_they_were_asked() -> None:
    assert [wish.sku for wish in wanted(("LAMP", 1), ("LIGHT", 1), ("LANTERN", 1))] == [
        "LAMP",
        "LIGHT",
        "LANTERN",
    ]
