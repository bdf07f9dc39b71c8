"""An explanation in words."""

from typing import Any

import pytest

from availability_api.recompute import recompute
from availability_api.sentences import sentences

NOW = 1_763_777_000_123


def shown(**changed: Any) -> tuple[str, list[str]]:
    """The sentences of a plain explanation, changed."""
    place = {
        "location": "DC1", "on_hand": 9, "damaged": 0, "quality_control": 0, "blocked": 0, "soft": 0, "hard": 0,
        "safety_stock_rule": None,
    }  # fmt: skip
    plain: dict[str, Any] = {
        "sku": "S", "channel": "web", "sellable": True, "computed_at": NOW, "locations": [place], "in_transit": [],
        "unsourced": [], "fences": [], "components": [], "ship_together": False, "together": None, "rules": {},
    }  # fmt: skip
    places = changed.pop("places", [{}])
    return sentences(recompute({**plain, "locations": [place | each for each in places], **changed}))


def rule(name: str, **given: int) -> dict[str, Any]:
    return {"rule": name, **given}


def part(sku: str, quantity: int, offer: int, unmet: int = 0) -> dict[str, Any]:
    return {"sku": sku, "quantity": quantity, "sound": True, "offer": offer, "unmet": unmet}


def at_one_place(complete: int, promised: int = 0, claimed: int = 0) -> dict[str, Any]:
    together = {"complete": complete, "promised": promised, "claimed": claimed}
    return {"components": [part("A", 1, 7), part("B", 2, 9)], "ship_together": True, "together": together}


@pytest.mark.parametrize(
    ("changed", "headline"),
    [
        ({}, "web may sell 9 units: 9 in stock."),
        ({"locations": []}, "web may not sell any: 0 in stock."),
        ({"places": [{"soft": 8}]}, "web may sell 1 unit: 9 in stock, 8 promised."),
        (
            {"places": [{"hard": 12}], "rules": {"backorder": rule("bo", units=5)}},
            "web may sell 2 units: 9 in stock, 12 promised, 3 more promised than there is, 2 on backorder.",
        ),
        (
            {"places": [{"on_hand": -2}, {"location": "S1"}]},
            "web may sell 9 units: 9 in stock, DC1 has -2 on its books.",
        ),
        (
            {"places": [{}, {"location": "S1", "on_hand": 0, "hard": 2, "incomplete": True}]},
            "web may sell 7 units: 9 in stock, S1 counts as 0 until it is counted, 2 promised.",
        ),
        (
            {"places": [{"on_hand": 0, "location": place, "incomplete": True} for place in ("S1", "S2")]},
            "web may not sell any: 0 in stock, 2 locations count as 0 until they are counted.",
        ),
        ({"rules": {"exclusion": rule("ex")}}, "web may not sell any: rule ex excludes it."),
        ({"sellable": False}, "web may not sell any: the sku is not active."),
        (
            {
                "rules": {
                    "cap": rule("c", units=4),
                    "threshold": rule("t", units=4),
                    "buffer": rule("b", units=2),
                }
            },
            "web may not sell any: 9 in stock, 2 held as buffer, 3 above the cap of 4, 4 not above the threshold of 4.",
        ),
        (
            {"rules": {"network_safety_stock": rule("ns", units=20)}},
            "web may not sell any: 9 in stock, 9 kept as safety stock.",
        ),
        (
            {"fences": [{"rule": "rf", "channel": "web", "target": 4, "consumed": 1, "locations": []}]},
            "web may sell 9 units: 9 in stock, 3 of it set aside for web.",
        ),
        (
            {"components": [part("A", 2, 7, 1), part("B", 1, 9)]},
            "web may sell 3 units: 7 units of A make 3, 1 more promised than there is.",
        ),
        (
            at_one_place(2),
            "web may sell 2 units: 9 units of B make 4, 2 can be put together at one location.",
        ),
        (
            at_one_place(6, 1, 2),
            "web may sell 3 units: 9 units of B make 4, 3 can be put together at one location.",
        ),
    ],
)
def test_a_headline_has_every_step(changed: dict[str, Any], headline: str) -> None:
    assert shown(**changed)[0] == headline


def test_steps_name_their_rules() -> None:
    _, because = shown(
        places=[{"safety_stock_rule": rule("a", units=1)}, {"safety_stock_rule": rule("b", units=1)}],
        rules={"network_safety_stock": rule("ns", units=2)},
    )
    assert because == [
        "18 units fit to be sold at 2 locations.", "2 units kept back as safety stock (rules a, b).",
    ]  # fmt: skip


def test_what_is_in_the_way_of_a_bundle_at_one_place_is_told() -> None:
    assert shown(**at_one_place(6, 1, 2))[1][1:] == [
        "All parts ship from one location: 6 can be put together, less 1 promised without one, less 2 that parcels of "
        "other bundles may be in the way of."
    ]
    assert shown(**at_one_place(1))[1][1:] == ["All parts ship from one location: 1 can be put together."]


def test_a_percentage_is_exact() -> None:
    node = {"safety_stock_rule": {"rule": "p", "percent": 0.0001}}
    _, because = shown(places=[{**node, "on_hand": 1_000_000}])
    assert because[1] == "1 unit kept back as safety stock (rule p)."
