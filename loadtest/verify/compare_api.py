"""What the API serves, held against the model: a sample through every route that answers about stock."""

import random
from typing import Any
from urllib.parse import quote

import httpx

from inventory.reference import ReferenceModel
from loadtest.verify.compare import Differences
from loadtest.verify.rows import Places, chunks

_BATCHED, _SINGLE, _LOCATED = 4_000, 400, 200
_BATCH = 500
_NODE_TERMS = (
    "on_hand", "damaged", "quality_control", "blocked", "sellable", "soft", "hard", "net", "shortage",
    "safety_stock", "withheld", "safety_shortfall", "node_ats",
)  # fmt: skip
_COUNTERS = ("on_hand", "damaged", "quality_control", "blocked", "soft", "hard")


def compare_api(
    url: str, model: ReferenceModel, places: Places, now: int, seed: int, differences: Differences
) -> None:
    """Ask the API at `url` about some thousands of numbers, and about what it must not know."""
    dice = random.Random(seed)
    skus = model.skus()
    with httpx.Client(base_url=url, timeout=10.0) as api:
        for channel in model.channels():
            _batches(api, model, channel, dice.sample(skus, min(_BATCHED, len(skus))), now, differences)
            for sku in dice.sample(skus, min(_SINGLE, len(skus))):
                answer = api.get(f"/v1/availability/{quote(sku, safe='')}", params={"channel": channel})
                _number(f"GET {sku} in {channel}", answer, model, sku, channel, now, differences)
            for sku in dice.sample(skus, min(_LOCATED, len(skus))):
                _locations(api, model, places, sku, channel, now, differences)
        _unknown(api, skus[0], model.channels()[0], differences)


def _batches(
    api: httpx.Client,
    model: ReferenceModel,
    channel: str,
    skus: list[str],
    now: int,
    differences: Differences,
) -> None:
    for part in chunks(skus, _BATCH):
        answer = api.post("/v1/availability/batch", json={"channel": channel, "skus": [*part, "no such sku"]})
        body = _body(f"batch in {channel}", answer, 200, differences)
        if body is None:
            continue
        differences.sets(f"unknown of a batch in {channel}", ["no such sku"], body["unknown"])
        items = {item["sku"]: item for item in body["items"]}
        differences.sets(f"items of a batch in {channel}", part, items)
        for sku in part:
            if sku in items:
                _compare_number(
                    f"batch: {sku} in {channel}", items[sku], model, sku, channel, now, differences
                )


def _number(
    subject: str, answer: httpx.Response, model: ReferenceModel, sku: str, channel: str, now: int,
    differences: Differences,
) -> None:  # fmt: skip
    body = _body(subject, answer, 200, differences)
    if body is not None:
        _compare_number(subject, body, model, sku, channel, now, differences)


def _compare_number(
    subject: str, got: dict[str, Any], model: ReferenceModel, sku: str, channel: str, now: int,
    differences: Differences,
) -> None:  # fmt: skip
    numbers = model.channel(sku, channel, now)
    expected: dict[str, object] = {
        "sku": sku, "channel": channel, "available": numbers.available, "status": numbers.status,
    }  # fmt: skip
    differences.terms(subject, expected, got)
    differences.compared["numbers through the API"] += 1


def _locations(
    api: httpx.Client,
    model: ReferenceModel,
    places: Places,
    sku: str,
    channel: str,
    now: int,
    differences: Differences,
) -> None:
    subject = f"locations of {sku} in {channel}"
    answer = api.get(f"/v1/availability/{quote(sku, safe='')}/locations", params={"channel": channel})
    body = _body(subject, answer, 200, differences)
    if body is None:
        return
    told = {place["location"]: place for place in body["locations"]}
    for location, place in told.items():
        node = model.node(sku, location, now)
        expected: dict[str, object] = {term: getattr(node, term) for term in _NODE_TERMS}
        expected["available"] = model.available_at(sku, channel, location, now)
        differences.terms(f"{subject}, {location}", expected, place)
        differences.compared["positions through the API"] += 1
    for location in places.sells_from[channel].intersection(model.locations_of(sku)).difference(told):
        node = model.node(sku, location, now)
        if any(getattr(node, counter) for counter in _COUNTERS):
            differences.found.append(f"{subject}, {location}: missing")


def _unknown(api: httpx.Client, sku: str, channel: str, differences: Differences) -> None:
    for path, name in (
        (f"no such sku?channel={channel}", "unknown sku"),
        (f"{sku}?channel=fax", "unknown channel"),
    ):
        answer = api.get(f"/v1/availability/{path}")
        if answer.status_code != 404:
            differences.found.append(f"{name}: the API answers {answer.status_code}, not 404")
        differences.compared["refusals of the API"] += 1


def _body(subject: str, answer: httpx.Response, status: int, differences: Differences) -> Any:
    if answer.status_code != status:
        differences.found.append(f"{subject}: the API answers {answer.status_code}: {answer.text[:200]}")
        return None
    return answer.json()
