"""Lookup, batch and locations over HTTP."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.availability_api.conftest import Published, eventually, problem


def get(served: httpx.Client, sku: str, channel: str = "web", tail: str = "") -> httpx.Response:
    return served.get(f"/v1/availability/{quote(sku, safe='')}{tail}", params={"channel": channel})


def test_lookup(served: httpx.Client) -> None:
    response = get(served, "SKU-1")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    answer = response.json()
    assert 0 <= answer.pop("age_ms") < 3_600_000
    assert answer == {
        "sku": "SKU-1",
        "channel": "web",
        "available": 9,
        "status": "IN_STOCK",
        "version": 2**44 + 7,
        "as_of": 1_763_700_000_000,
        "stale": False,
    }


@pytest.mark.parametrize(
    ("sku", "channel", "available"),
    [
        ("SKU-1", "pick/up é", 1),
        ("a/b ü%?&", "web", 0),
        ("x/locations", "web", 7),
        ("locations", "web", 6),
        ("batch", "web", 8),
    ],
)
def test_names_may_hold_any_character(served: httpx.Client, sku: str, channel: str, available: int) -> None:
    answer = get(served, sku, channel).json()
    assert (answer["sku"], answer["channel"], answer["available"]) == (sku, channel, available)


def test_no_fact_is_no_time(served: httpx.Client) -> None:
    assert get(served, "a/b ü%?&").json()["as_of"] is None


def test_head_has_no_body(served: httpx.Client) -> None:
    response = served.head("/v1/availability/SKU-1?channel=web")
    assert response.status_code == 200
    assert response.content == b""


def test_further_parameters_do_no_harm(served: httpx.Client) -> None:
    assert served.get("/v1/availability/SKU-1?x=1&channel=web&y").json()["available"] == 9


def test_unknown_sku(served: httpx.Client) -> None:
    assert "'nothing'" in problem(get(served, "nothing"), 404, "unknown-sku")["detail"]
    problem(get(served, "n" * 5000), 404, "unknown-sku")


@pytest.mark.parametrize("channel", ["ebay", "gone"])
def test_unknown_channel(served: httpx.Client, channel: str) -> None:
    told = problem(get(served, "SKU-1", channel), 404, "unknown-channel")
    assert told["detail"] == f"there is no channel '{channel}'; there are: web, pick/up é, new"
    assert told["instance"] == "/v1/availability/SKU-1"


def test_a_channel_without_a_number_yet(served: httpx.Client) -> None:
    problem(get(served, "SKU-1", "new"), 404, "not-published")


@pytest.mark.parametrize("query", ["", "?channel=", "?channel=web&channel=new", "?sku=web"])
@pytest.mark.parametrize("tail", ["", "/locations"])
def test_one_channel_must_be_named(served: httpx.Client, query: str, tail: str) -> None:
    told = problem(served.get(f"/v1/availability/SKU-1{tail}{query}"), 422, "invalid-request")
    assert "?channel=web" in told["detail"]


@pytest.mark.parametrize("target", ["%ff?channel=web", "SKU-1?channel=%ff"])
def test_what_is_not_utf8_is_refused(served: httpx.Client, target: str) -> None:
    problem(served.get("/v1/availability/" + target), 400, "malformed-request")


@pytest.mark.parametrize("path", ["", "a/b", "SKU-1/", "SKU-1/explain/it", "/locations"])
def test_paths_that_lead_nowhere(served: httpx.Client, path: str) -> None:
    assert "%2F" in problem(served.get(f"/v1/availability/{path}?channel=web"), 404, "not-found")["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "SKU-1", "GET"), ("POST", "SKU-1/locations", "GET"), ("DELETE", "batch", "GET, POST")],
)
def test_other_methods(served: httpx.Client, method: str, path: str, allowed: str) -> None:
    response = served.request(method, f"/v1/availability/{path}?channel=web")
    problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == allowed


def test_locations(served: httpx.Client) -> None:
    answer = get(served, "SKU-1", tail="/locations").json()
    assert answer["available"] == 9
    assert answer["version"] == 2**44 + 7
    assert answer["locations"] == [
        {
            "location": "DC1", "available": 7, "on_hand": 20, "damaged": 1, "quality_control": 2,
            "blocked": 3, "sellable": 14, "soft": 1, "hard": 2,
            "net": 11, "shortage": 0, "safety_stock": 4, "withheld": 4,
            "safety_shortfall": 0, "node_ats": 7,
        },
        {
            "location": "S001", "available": 0, "on_hand": 3, "damaged": 0, "quality_control": 0,
            "blocked": 0, "sellable": 3, "soft": 5, "hard": 0,
            "net": -2, "shortage": 2, "safety_stock": 1, "withheld": 0,
            "safety_shortfall": 1, "node_ats": 0,
        },
    ]  # fmt: skip


def test_locations_are_those_of_the_channel(served: httpx.Client) -> None:
    places = get(served, "SKU-1", "pick/up é", "/locations").json()["locations"]
    assert [place["location"] for place in places] == ["S001"]
    assert get(served, "x/locations", tail="/locations").json()["locations"] == []
    problem(get(served, "nothing", tail="/locations"), 404, "unknown-sku")
    problem(get(served, "SKU-1", "new", "/locations"), 404, "not-published")


def test_what_is_not_known_is_told(served: httpx.Client) -> None:
    assert get(served, "unsure").json()["incomplete"] is True
    answer = get(served, "unsure", tail="/locations").json()
    assert answer["incomplete"] is True
    assert {place["location"]: place.get("incomplete") for place in answer["locations"]} == {
        "DC1": None, "S001": True,
    }  # fmt: skip
    assert get(served, "unsure", tail="/projected").json()["incomplete"] is True
    items = batch(served, {"channel": "web", "skus": ["SKU-1", "unsure"]}).json()["items"]
    assert [item.get("incomplete") for item in items] == [None, True]
    for tail in ("", "/locations", "/projected"):
        assert "incomplete" not in get(served, "SKU-1", tail=tail).json()


def batch(served: httpx.Client, content: Any) -> httpx.Response:
    return served.post("/v1/availability/batch", json=content)


def test_batch(served: httpx.Client) -> None:
    skus = ["many-3", "nothing", "SKU-1", "a/b ü%?&", "many-3"]
    answer = batch(served, {"channel": "web", "skus": skus}).json()
    assert [item["sku"] for item in answer["items"]] == ["many-3", "SKU-1", "a/b ü%?&", "many-3"]
    assert [item["available"] for item in answer["items"]] == [3, 9, 0, 3]
    assert answer["unknown"] == ["nothing"]
    single = get(served, "SKU-1").json()
    assert {**answer["items"][1], "age_ms": 0} == {**single, "age_ms": 0}


def test_a_thousand_skus_are_the_most(served: httpx.Client) -> None:
    skus = [f"many-{number}" for number in range(1000)]
    items = batch(served, {"channel": "web", "skus": skus}).json()["items"]
    assert [item["available"] for item in items] == list(range(1000))
    told = problem(batch(served, {"channel": "web", "skus": [*skus, "x"]}), 422, "invalid-request")
    assert "at most 1000" in told["detail"]


def test_empty_batches(served: httpx.Client) -> None:
    assert batch(served, {"channel": "web", "skus": []}).json() == {"items": [], "unknown": []}
    assert batch(served, {"channel": "web", "skus": [""]}).json() == {"items": [], "unknown": [""]}


@pytest.mark.parametrize(
    "content",
    [
        [], "x", {}, {"channel": "web"}, {"skus": []}, {"channel": 1, "skus": []},
        {"channel": "web", "skus": "a"}, {"channel": "web", "skus": [1]},
    ],
)  # fmt: skip
def test_batches_of_another_shape(served: httpx.Client, content: Any) -> None:
    told = problem(batch(served, content), 422, "invalid-request")
    assert '{"channel": "web", "skus":' in told["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b'{"channel":"web","skus":["\xff"]}', b'{"skus":["\\ud800"]}'])
def test_batches_that_are_not_json(served: httpx.Client, body: bytes) -> None:
    problem(served.post("/v1/availability/batch", content=body), 400, "malformed-request")


def test_batch_of_an_unknown_channel(served: httpx.Client) -> None:
    problem(batch(served, {"channel": "ebay", "skus": []}), 404, "unknown-channel")


def test_a_body_without_end_is_cut(served: httpx.Client) -> None:
    problem(served.post("/v1/availability/batch", content=b"x" * 1_100_000), 413, "too-large")


def test_a_changed_network_is_seen(served: httpx.Client, published: Published) -> None:
    channels = {"web": {"ordinal": 1, "status": "ACTIVE", "locations": []}}
    published.network({"offset": 6, "locations": {}, "channels": channels})
    try:
        eventually(lambda: get(served, "SKU-1").json()["available"] == 5)
        problem(get(served, "SKU-1", "pick/up é"), 404, "unknown-channel")
    finally:
        published.network()
        eventually(lambda: get(served, "SKU-1").json()["available"] == 9)
