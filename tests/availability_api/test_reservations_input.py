"""What may come to /v1/reservations from somebody careless or unkind: each is told what is wrong, and nothing breaks.

There is no Kafka here: a request that makes sense is 503 `reservations-unavailable`.
"""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.availability_api.conftest import Published, problem

PLACE = "/v1/reservations"


def _body(**fields: Any) -> dict[str, Any]:
    return {"channel": "web", "lines": [{"sku": "SKU-1", "quantity": 1}], **fields}


def _line(**fields: Any) -> dict[str, Any]:
    return _body(lines=[{"sku": "SKU-1", "quantity": 1, **fields}])


def _post(client: httpx.Client, body: Any, **headers: str) -> httpx.Response:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(PLACE, content=text, headers={"content-type": "application/json", **headers})


@pytest.mark.parametrize(
    "body",
    [
        _body(),
        _body(ttl_s=1),
        _body(ttl_s=604_800),
        _line(quantity=10**9),
        _line(location="S001"),
        _body(lines=[{"sku": "SKU-1", "quantity": 10**7}] * 100),
        _body(lines=[{"sku": "a/b ü%?&", "quantity": 1}]),
        _body(lines=[{"sku": f"many-{n}", "quantity": 1} for n in range(100)]),
    ],
)
def test_what_makes_sense(served: httpx.Client, body: Any) -> None:
    problem(_post(served, body), 503, "reservations-unavailable")


@pytest.mark.parametrize(
    "body",
    [
        _body(ttl_s=0),
        _body(ttl_s=604_801),
        _body(ttl_s=-0.0),
        _body(ttl_s="900"),
        _body(ttl_s=True),
        _body(ttl_s=None),
        _body(ttl_s=10**400),
        _body(allow_partial=1),
        _body(more=1),
        _body(channel="\ud800"),
        _body(channel=""),
        _body(channel="w" * 129),
        _line(sku="\ud800"),
        _line(sku="SKU-1\udfff"),
        _line(sku="s" * 129),
        _line(sku=None),
        _line(location="\ud800"),
        _line(location=""),
        _line(location="S002"),
        _line(location="\x00"),
        _line(quantity=-0),
        _line(quantity=-0.0),
        _line(quantity=1.0),
        _line(quantity=float("nan")),
        _line(quantity=float("inf")),
        _line(quantity=10**9 + 1),
        _line(quantity=2**63),
        _line(quantity=-(2**63)),
        _body(lines=[{"sku": "SKU-1", "quantity": 10**7 + 1}] * 100),
        _body(lines=[{"sku": "SKU-1", "quantity": 1}] * 101),
        _body(lines=[{"sku": "SKU-1", "quantity": 1}, {"sku": "SKU-1", "quantity": 1, "location": "DC1"}]),
        _body(lines={}),
        [],
        None,
        "text",
    ],
)
def test_what_makes_none(served: httpx.Client, body: Any) -> None:
    problem(_post(served, body), 422, "invalid-request")


@pytest.mark.parametrize(
    "sku", ["\x00", "{1}", "{", "}:x", "SKU-1\x00", "\r\nFLUSHALL\r\n", "'; --", "ü" * 128]
)
def test_skus_that_nobody_has(served: httpx.Client, sku: str) -> None:
    problem(_post(served, _line(sku=sku)), 404, "unknown-sku")


def test_a_number_longer_than_python_reads(served: httpx.Client) -> None:
    body = b'{"channel": "web", "lines": [{"sku": "SKU-1", "quantity": %s}]}' % (b"1" * 5_000)
    problem(_post(served, body), 400, "malformed-request")


@pytest.mark.parametrize("key", ["k" * 255, "ü".encode().decode("latin-1"), "{}", "%00", "a,b"])
def test_keys(served: httpx.Client, key: str) -> None:
    response = served.post(PLACE, json=_body(), headers=[(b"idempotency-key", key.encode("latin-1"))])
    problem(response, 503, "reservations-unavailable")
    again = served.post(PLACE, json=_body(ttl_s=5), headers=[(b"idempotency-key", key.encode("latin-1"))])
    problem(again, 422, "idempotency-key-reused")


@pytest.mark.parametrize("keys", [[""], ["k" * 256], ["one", "two"]])
def test_keys_that_are_none(served: httpx.Client, keys: list[str]) -> None:
    response = served.post(PLACE, json=_body(), headers=[("idempotency-key", key) for key in keys])
    problem(response, 422, "invalid-request")


@pytest.mark.parametrize(
    "reservation",
    [
        "x",
        "-",
        "x-1",
        "x-0",
        "x-99999",
        "x-%D9%A3",
        "%00",
        "%7B0%7D:x",
        "%7B",
        "%FF",
        "%ED%A0%80",
        "x" * 10_000,
    ],
)
def test_reservations_that_nobody_made(served: httpx.Client, reservation: str) -> None:
    path = f"{PLACE}/{reservation}"
    problem(served.get(path), 404, "unknown-reservation")
    problem(served.post(path + "/confirm"), 404, "unknown-reservation")
    problem(served.post(path + "/extend", json={"ttl_s": 5}), 404, "unknown-reservation")
    problem(served.delete(path), 404, "unknown-reservation")


@pytest.mark.parametrize("body", [{"ttl_s": 0}, {"ttl_s": 604_801}, {}, {"ttl_s": 1.5}, None])
def test_times_to_extend_by(served: httpx.Client, body: Any) -> None:
    problem(served.post(f"{PLACE}/x/extend", json=body), 422, "invalid-request")


@pytest.mark.parametrize(
    "body",
    [
        b'{"channel": "web", "channel": "amazon", "lines": [{"sku": "SKU-1", "quantity": 1}]}',
        b'{"channel": "web", "lines": [{"sku": "SKU-1", "quantity": 1, "quantity": 1}]}',
    ],
)
def test_a_key_that_stands_twice(served: httpx.Client, body: bytes) -> None:
    assert "twice" in problem(_post(served, body), 400, "malformed-request")["detail"]


def test_an_id_that_is_a_slash(served: httpx.Client) -> None:
    for method in ("GET", "DELETE"):
        problem(served.request(method, f"{PLACE}/%2F"), 404, "not-found")


def test_a_body_that_never_ends(served: httpx.Client) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"channel": "'
        for _ in range(40):
            yield b"x" * 65_536

    problem(_post(served, b'{"channel": "' + b"x" * (1 << 20)), 413, "too-large")
    problem(served.post(PLACE, content=pieces()), 413, "too-large")
    problem(_post(served, _body()), 503, "reservations-unavailable")


def test_a_request_leaves_nothing_but_its_key(published: Published, served: httpx.Client) -> None:
    prefix = published.prefix + b"k:"
    before = set(published.client.scan_iter(match=prefix + b"*", count=1000))
    _post(served, _body(ttl_s=7), **{"idempotency-key": "kept"})
    (key,) = set(published.client.scan_iter(match=prefix + b"*", count=1000)) - before
    left = published.client.pttl(key) - published.settings.reservation_memory_ms
    assert 0 < left <= 7_000
