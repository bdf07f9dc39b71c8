"""What a line of a reservation is by now, and which requests are the same."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from availability_api.asking import AskedLine
from availability_api.asks import now_ms
from availability_api.changing import Changing
from availability_api.holding import Holding
from availability_api.keys import lines_of, name_of, request_digest, reservation_id
from availability_api.problems import Problem
from availability_api.reservation_models import told
from availability_api.reservation_states import States

LINE: dict[str, Any] = {
    "line": "1", "sku": "SHOE", "version": 1, "outcome": "ACCEPTED", "reason": None, "granted": 5, "available": 9,
    "decided_at": 1, "held": 5, "open": 3, "asked": 5, "action": "PLACE", "commitment": "SOFT", "expires_at": None,
    "needed_at": None, "allow_partial": False, "channel": "web", "location": None, "bundle": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "state", "held", "ends"),
    [
        ({"expires_at": 10**15}, "HELD", 5, 10**15),
        ({}, "HELD", 5, None),
        ({"outcome": "REFUSED", "action": "PLACE", "expires_at": 10**15}, "HELD", 5, 10**15),
        ({"expires_at": 7}, "LAPSED", 2, 7),
        ({"commitment": "HARD", "expires_at": 7}, "CONFIRMED", 5, None),
        ({"action": "CANCEL", "held": 2, "open": 0, "expires_at": 10**15}, "CANCELLED", 2, None),
        ({"action": "CANCEL", "outcome": "REFUSED", "held": 2, "open": 0}, "CANCELLED", 2, None),
        (
            {"action": "CANCEL", "outcome": "REFUSED", "channel": None, "held": 0, "open": 0, "asked": 0},
            "REFUSED",
            0,
            None,
        ),
    ],
)
def test_a_line(fields: dict[str, Any], state: str, held: int, ends: int | None) -> None:
    (line,) = told("r", [{**LINE, **fields}]).lines
    assert (line.state, line.held, line.expires_at) == (state, held, ends)


def test_a_reservation_whose_lines_differ_is_mixed() -> None:
    assert told("r", [LINE, {**LINE, "commitment": "HARD"}]).state == "MIXED"
    assert told("r", [LINE, LINE]).state == "HELD"


def test_ids() -> None:
    assert reservation_id("k", 2) != reservation_id("k", 3)
    assert name_of(reservation_id("k", 2)) == name_of(reservation_id("k", 3))
    assert name_of(reservation_id(None, 1)) != name_of(reservation_id(None, 1))
    assert [lines_of(text) for text in ("a-7", "a", "a-", "a--1", "a-٣", "a-123456", "a-1 ")] == [
        7,
        0,
        0,
        1,
        0,
        0,
        0,
    ]


def _digest(*lines: tuple[Any, ...], channel: str = "web", ttl_s: int = 9, partial: bool = False) -> bytes:
    asked = [AskedLine(sku=sku, quantity=units, location=place) for sku, units, place in lines]
    return request_digest(channel, ttl_s, partial, asked)


def test_requests_that_are_the_same_and_those_that_are_not() -> None:
    a, b = ("A", 2, None), ("B", 1, None)
    assert _digest(a, b) == _digest(b, a) == _digest(("A", 1, None), b, ("A", 1, None))
    others = [
        _digest(a, b), _digest(a), _digest(b), _digest(("A", 3, None), b), _digest(("A", 2, "DC1"), b),
        _digest(a, b, channel="app"), _digest(a, b, ttl_s=10), _digest(a, b, partial=True), _digest(a, b, b),
        _digest(('A",2,"', 2, None), b), _digest(("A", 2, "null"), b),
    ]  # fmt: skip
    assert len(set(others)) == len(others)


class _StaleRedis:
    """Has the line as it was before the change."""

    async def ask(self, commands: bytes, replies: int) -> list[Any]:
        return [[b"1 " + json.dumps({**LINE, "expires_at": 10**15}).encode()], None][:replies]


class _Engine:
    """Accepts every change."""

    async def ask(self, events: Sequence[Mapping[str, Any]], within_s: float) -> list[dict[str, Any]]:
        return [
            {**LINE, "action": event["action"], "version": event["version"], "expires_at": now_ms()}
            for event in events
        ]


def test_a_change_that_redis_is_not_told_of_is_not_answered_with_what_was_before() -> None:
    redis: Any = _StaleRedis()
    engine: Any = _Engine()
    changing = Changing(Holding(engine), States(redis, b"", 1))
    with pytest.raises(Problem, match="ask again") as caught:
        asyncio.run(changing.change("r", "CONFIRM", commitment="HARD"))
    assert (caught.value.status, caught.value.name) == (503, "reservation-incomplete")
