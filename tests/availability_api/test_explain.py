"""Why a number is what it is: the route and the command, over a real Redis."""

import json

import httpx
import pytest

from availability_api.__main__ import main
from availability_api.recompute import available, recompute
from tests.availability_api.conftest import Published, problem
from tests.dataflows.house import typed
from tests.wire.sample_views import Row
from wire.rows_read import EXPECTED, UNSOURCED

NOW = 1_763_777_000_123
"""`computed_at` of the rows."""
DAY = 86_400_000
RULES = {
    "web": ["ss", "ns", "rf-pick", "sh", "bu", "it"],
    "pick/up é": ["ns", "rf-pick"],
    "gone": [],
}
TERMS = {
    "ss": [1, 100_000, 1, "1"], "ns": [2, 3], "rf-pick": [3, 5, 0, 7, 2], "sh": [4, 500_000, 1], "bu": [5, 1],
    "it": [9, 7500, 0, 2, "200000001"],
}  # fmt: skip
STOCK = (40, 1, 2, 3, 1, 2, 4)
"""34 sellable at DC1, 31 net, 10 % of which are 4."""
FACTS = [
    (7, NOW - 5000, NOW - 4000, 40, 7, 3, 0, 65_535, 0),
    (8, NOW - 3000, NOW - 2000, 2, 16, 1, 33, 2, 4),
]
DATED = [
    (EXPECTED, 33, NOW + DAY, 5),
    (EXPECTED, 2, NOW + DAY, 50),
    (UNSOURCED, 2, 0, 3),
    (UNSOURCED, 1, 0, 9),
]


@pytest.fixture(scope="module")
def told(published: Published) -> None:
    """A sku with everything, one that is a bundle, and one whose row does not fit the network."""
    # web: 31 + 9 and 3 of 5 on the way, less 3 without a location; 4 withheld; the fence has 3 of S001 to take.
    web = (15, 2, 15, 36, 0, 33, 0, 0)
    numbers = [web, (0, 0, 0, 0, 0, 0, 0, 0), (3, 2, 3, 3, 3, 0, 0, 0)]
    row = Row(
        "why", 2**44, numbers, {0: STOCK, 2: (50, 0, 0, 0, 0, 0, 0), 33: (9, 0, 0, 0, 0, 0, 0)}, dated=DATED,
        facts=FACTS, fences=[(2, 5, 2)],
    )  # fmt: skip
    odd = row._replace(sku="unfit", channels=[(16, 2, 16, 36, 0, 33, 0, 0), *numbers[1:]])
    published.rows([row, odd], json.dumps(RULES).encode(), json.dumps(TERMS).encode())
    offers = {
        "together": [[0, 9, 2, 1]],
        "parts": [
            ["why", 2, 5, 1, [[0, 16, 0]]],
            ["none", 1, 0, 0, []],
        ],
    }
    kit = Row(
        "kit", 2**44, [(0, 0, 0, 0, 0, 0, 0, 0)] * 3, {}, active=0, parts=b'{"why":2,"none":1}',
        offers=json.dumps(offers).encode(),
    )  # fmt: skip
    published.rows([kit])


def ask(served: httpx.Client, sku: str = "why", channel: str = "web") -> httpx.Response:
    return served.get(f"/v1/availability/{sku}/explain", params={"channel": channel})


def test_every_term_of_a_number(served: httpx.Client, told: None) -> None:
    answer = ask(served).json()
    assert (answer["sku"], answer["channel"], answer["available"], answer["status"]) == (
        "why", "web", 15, "IN_STOCK",
    )  # fmt: skip
    assert answer["terms"] == {
        "supply": 43, "shortage": 0, "unsourced": 3, "demand": 3, "unmet": 0, "withheld_at_locations": 4,
        "withheld": 4, "pool": 36, "grant": 0, "granted_to_others": 3, "shared": 33, "offer": 16, "view": 15,
        "backorder": 0, "available": 15, "status": "IN_STOCK",
    }  # fmt: skip
    dc, shop = answer["locations"]
    assert dc == {
        "location": "DC1", "on_hand": 40, "damaged": 1, "quality_control": 2, "blocked": 3, "sellable": 34, "soft": 1,
        "hard": 2, "net": 31, "shortage": 0, "safety_stock": 4, "safety_stock_rule": {"rule": "ss", "percent": 10},
        "withheld": 4, "safety_shortfall": 0, "node_ats": 27,
    }  # fmt: skip
    assert (shop["location"], shop["node_ats"], shop["safety_stock_rule"]) == ("S001", 9, None)
    assert answer["in_transit"] == [
        {
            "location": "S001", "expected_at": NOW + DAY, "open": 5, "counted": 3,
            "rule": {"rule": "it", "confidence": 0.75, "within_days": 2},
        }
    ]  # fmt: skip
    assert answer["unsourced"] == [{"channel": "pick/up é", "units": 3}]
    assert answer["fences"] == [
        {
            "rule": "rf-pick", "channel": "pick/up é", "priority": 7, "target": 5, "consumed": 2, "asks": 3,
            "locations": ["S001"], "granted": 3, "taken": {"S001": 3},
        }
    ]  # fmt: skip
    assert answer["rules"] == {
        "network_safety_stock": {"rule": "ns", "units": 3},
        "share": {"rule": "sh", "percent": 50},
        "buffer": {"rule": "bu", "units": 1},
    }
    assert answer["computed_at"] == NOW
    assert {"version", "as_of", "age_ms", "stale"} < answer.keys()


def test_it_recomputes_to_the_number(served: httpx.Client, told: None) -> None:
    for channel, number in (("web", 15), ("pick/up é", 3)):
        answer = ask(served, channel=channel).json()
        inputs = {
            name: value for name, value in answer.items() if name not in ("terms", "available", "status")
        }
        assert available(inputs) == answer["available"] == number
        assert recompute(answer) == answer


def test_the_sentences(served: httpx.Client, told: None) -> None:
    answer = ask(served).json()
    assert answer["sentence"] == (
        "web may sell 15 units: 43 in stock, 3 on the way, 6 promised, 4 kept as safety stock, 3 set aside for "
        "pick/up é, 17 hidden by a share of 50 %, 1 held as buffer."
    )
    assert answer["because"] == [
        "43 units fit to be sold at 2 locations.",
        "3 units on the way count as stock (rule it).",
        "6 units promised to open orders and holds, 3 of them without a location.",
        "4 units kept back as safety stock (rule ss).",
        "3 units set aside for pick/up é (rule rf-pick).",
        "web is shown 50 % of the stock that it shares: 17 fewer (rule sh).",
        "1 unit held back as buffer (rule bu).",
    ]


def test_the_facts_newest_first(served: httpx.Client, told: None) -> None:
    sold, counted = ask(served).json()["facts"]
    assert sold == {
        "kind": "SALE", "quantity": 2, "location": "S001", "channel": "pick/up é", "line": 4,
        "occurred_at": NOW - 3000, "log_time": NOW - 2000, "record": "pos-sales/1/8", "absorbed": False,
        "text": "2 sold at S001, 2025-11-22 02:03 UTC",
    }  # fmt: skip
    assert (counted["kind"], counted["counter"], counted["record"]) == (
        "COUNT",
        "ON_HAND",
        "wms-adjustments/3/7",
    )
    assert (counted["location"], counted["channel"]) == ("DC1", None)


def test_a_bundle_by_its_components(served: httpx.Client, told: None) -> None:
    answer = ask(served, "kit").json()
    first, second = answer["components"]
    assert (first["sku"], first["quantity"], first["offer"], first["makes"]) == ("why", 2, 16, 8)
    assert answer["together"] == {"complete": 9, "promised": 2, "claimed": 1}
    assert first["explanation"]["terms"]["offer"] == 16
    assert (second["sound"], second["makes"], second["explanation"]) == (False, 0, None)
    assert (answer["sellable"], answer["available"]) == (False, 0)
    assert "nothing is shown" in answer["because"][0]
    assert recompute(answer) == answer


def test_a_row_that_does_not_fit_the_network_is_never_explained_wrongly(
    served: httpx.Client, told: None
) -> None:
    response = ask(served, "unfit")
    document = problem(response, 503, "view-unavailable")
    assert "available 15, published 16" in document["detail"]
    assert response.headers["retry-after"] == "1"


def test_where_nobody_knows_what_is_there(served: httpx.Client, told: None) -> None:
    answer = ask(served, sku="unsure").json()
    assert answer["incomplete"] is True
    assert [place.get("incomplete") for place in answer["locations"]] == [None, True]
    assert (
        answer["because"][1] == "S001 counts as 0 until it is counted: the log does not go back far enough."
    )
    assert available(answer) == answer["available"] == 2
    assert "incomplete" not in ask(served).json()


def test_what_it_does_not_know(served: httpx.Client) -> None:
    problem(served.get("/v1/availability/why/explain"), 422, "invalid-request")
    problem(ask(served, sku="nothing"), 404, "unknown-sku")
    problem(ask(served, sku="SKU-1", channel="new"), 404, "not-published")
    problem(ask(served, channel="ebay"), 404, "unknown-channel")


def test_it_is_documented(served: httpx.Client, told: None) -> None:
    document = served.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    answer = ask(served).json()
    assert schemas["Explanation"]["properties"].keys() == {*answer, "incomplete"}
    answer["locations"][0]["incomplete"] = True  # left out where all is known
    for schema, members in (
        ("ExplainedPosition", "locations"), ("Arrival", "in_transit"), ("Unsourced", "unsourced"),
        ("ExplainedFence", "fences"),
    ):  # fmt: skip
        assert schemas[schema]["properties"].keys() == answer[members][0].keys()
    part = ask(served, "kit").json()["components"][0]
    assert schemas["ExplainedPart"]["properties"].keys() == part.keys()
    assert schemas["RecentFact"]["properties"].keys() < answer["facts"][0].keys()


def command(published: Published, *words: str, **settings: str) -> tuple[int, str]:
    return typed(main, published.settings.replace(**settings), "explain", *words)


def test_the_command_says_what_the_route_says(served: httpx.Client, published: Published, told: None) -> None:
    answer = ask(served).json()
    code, shown = command(published, "why", "--channel", "web")
    assert code == 0, shown
    lines = shown.splitlines()
    assert lines[0] == answer["sentence"]
    assert [f"  {step}" for step in answer["because"]] == lines[2:9]
    assert "pool 36" in shown
    assert "  2 sold at S001, 2025-11-22 02:03 UTC  pos-sales/1/8/4" in lines
    document = json.loads(command(published, "why", "--channel", "web", "--json")[1])
    assert {**document, "age_ms": 0, "stale": False} == {**answer, "age_ms": 0, "stale": False}
    assert "16 on offer make 8" in command(published, "kit", "--channel", "web")[1]


def test_the_command_says_what_is_wrong(published: Published, told: None) -> None:
    code, said = command(published, "why", "--channel", "ebay")
    assert code == 2
    assert "there is no channel 'ebay'" in said
    assert "web may sell" not in said
    code, said = command(published, "why", "--channel", "web", redis_url="redis://127.0.0.1:1")
    assert code == 75
    assert "away" in said
