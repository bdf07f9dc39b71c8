"""Confirm, extend and cancel while others do the same, and where the engine refuses a part of it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from availability_api.asks import Ask, now_ms
from availability_api.changing import Changing
from availability_api.holding import Holding
from availability_api.problems import Problem, incomplete_reservation
from availability_api.reservation_models import state_of
from tests.availability_api.fake_engine import Link, Log

SKUS = ("SHOE", "HAT", "BELT")
TTL_MS = 60_000


class _States:
    """Redis, told of everything at once; or `behind`: so often as it was before."""

    def __init__(self, log: Log, behind: int = 0, away_after: int = 10**9) -> None:
        self._log = log
        self._behind = behind
        self._reads_left = away_after

    async def lines(self, reservation: str) -> list[dict[str, Any]]:
        self._reads_left -= 1
        if self._reads_left < 0:
            raise incomplete_reservation(reservation)
        lines = self._log.redis()
        if self._behind:
            self._behind -= 1
            return [{**line, "version": 1} for line in lines]
        return lines

    async def reached(self, reservation: str, told: Any) -> None:
        return None


def _held(skus: tuple[str, ...] = SKUS) -> Log:
    log = Log()
    link: Any = Link(log)
    asks = [Ask("1", sku, 2, None) for sku in skus]
    asyncio.run(Holding(link).place("r", "web", asks, TTL_MS, False, again=True))
    return log


def _fields(action: str) -> dict[str, Any]:
    if action == "CONFIRM":
        return {"commitment": "HARD"}
    return {"expires_at": now_ms() + 900_000} if action == "EXTEND" else {}


def _change(log: Log, action: str, link: Link | None = None, **redis: int) -> tuple[str, Any]:
    """What is told: the state of the lines, or the name of a problem; and its lines."""
    asker: Any = link or Link(log)
    states: Any = _States(log, **redis)
    try:
        lines = asyncio.run(Changing(Holding(asker), states).change("r", action, **_fields(action)))
    except Problem as problem:
        return problem.name, problem.more.get("lines")
    found = {state_of(line, now_ms()) for line in lines}
    return found.pop() if len(found) == 1 else "MIXED", lines


def _takes(log: Log, sku: str, action: str, times: range) -> Callable[[int], None]:
    """Somebody who takes the next version of a line just before asks of these numbers."""

    def take(number: int) -> None:
        if number in times:
            line = log.lines[sku]
            log.events.append({
                "event_id": f"other-{number}", "sku": sku, "line": "1", "version": line["decided"] + 1,
                "action": action, "quantity": 2, "commitment": "HARD" if action == "CONFIRM" else "SOFT",
                "expires_at": line["expires_at"], "occurred_at": now_ms(),
            })  # fmt: skip
            log.decide()

    return take


def _states(told: Any) -> dict[str, str]:
    return {line["sku"]: line["state"] for line in told}


@pytest.mark.parametrize(
    ("action", "state"), [("CONFIRM", "CONFIRMED"), ("CANCEL", "CANCELLED"), ("EXTEND", "HELD")]
)
@pytest.mark.parametrize("times", [1, 2, 3, 6])
def test_a_change_that_is_made_at_last_is_no_conflict(action: str, state: str, times: int) -> None:
    for skus in (SKUS[:1], SKUS):
        log = _held(skus)
        told, _ = _change(log, action, Link(log, before=_takes(log, "SHOE", "EXTEND", range(times))))
        assert told == state
        assert set(log.states().values()) == {state}


@pytest.mark.parametrize("behind", [1, 2])
def test_what_redis_has_not_heard_yet_is_no_conflict(behind: int) -> None:
    log = _held()
    assert _change(log, "CANCEL", behind=behind)[0] == "CANCELLED"
    assert set(log.states().values()) == {"CANCELLED"}


def test_a_conflict_is_told_where_it_is_one_with_what_stands() -> None:
    log = _held()
    told, lines = _change(log, "CANCEL", Link(log, before=_takes(log, "SHOE", "EXTEND", range(99))))
    assert told == "reservation-conflict"
    assert _states(lines) == {"BELT": "CANCELLED", "HAT": "CANCELLED", "SHOE": "HELD"}


@pytest.mark.parametrize("skus", [SKUS[:1], SKUS])
def test_a_confirm_that_meets_a_cancel_is_never_told_as_made(skus: tuple[str, ...]) -> None:
    log = _held(skus)
    told, lines = _change(log, "CONFIRM", Link(log, before=_takes(log, "SHOE", "CANCEL", range(1))))
    assert told == "reservation-conflict"
    assert _states(lines)["SHOE"] == "CANCELLED"
    assert "CONFIRMED" not in log.states().values()
    assert _change(log, "CONFIRM")[0] == "reservation-conflict"
    assert "CONFIRMED" not in log.states().values()
    assert _change(log, "CANCEL")[0] == "CANCELLED"


def test_a_confirm_of_which_a_line_is_refused_leaves_none_firm() -> None:
    log = _held()
    ends = log.lines["HAT"]["expires_at"]
    log.fact("SHOE", state="CANCELLED")
    told, lines = _change(_Hidden(log), "CONFIRM")
    assert (told, _states(lines)) == ("refused", {"BELT": "HELD", "HAT": "HELD", "SHOE": "CANCELLED"})
    assert log.lines["HAT"]["expires_at"] == ends  # as before: it lapses when it would have
    log.age(TTL_MS + 30_001)
    assert log.states() == {"BELT": "LAPSED", "HAT": "LAPSED", "SHOE": "CANCELLED"}


class _Hidden(Log):
    """Redis shows the line of a fact as it was, until its next version is decided."""

    def __new__(cls, log: Log) -> "_Hidden":
        log.__class__ = cls
        return log  # type: ignore[return-value]

    def __init__(self, log: Log) -> None:
        self._shown = {sku: line["decided"] for sku, line in log.lines.items()}

    def redis(self) -> list[dict[str, Any]]:
        return [
            {**line, "action": "PLACE", "commitment": "SOFT", "held": 2}
            if self.lines[line["sku"]]["fact"] and line["version"] == self._shown[line["sku"]]
            else line
            for line in super().redis()
        ]


def test_what_a_fact_made_firm_is_confirmed_too() -> None:
    log = _held()
    log.fact("SHOE", state="CONFIRMED")
    assert _change(_Hidden(log), "CONFIRM")[0] == "CONFIRMED"
    assert set(log.states().values()) == {"CONFIRMED"}


def test_a_confirm_that_was_broken_off_is_undone_when_the_rest_has_lapsed() -> None:
    log = _held()
    _takes(log, "HAT", "CONFIRM", range(1))(0)
    log.age(TTL_MS + 1)
    told, lines = _change(log, "CONFIRM")
    assert (told, set(_states(lines).values())) == ("refused", {"LAPSED"})
    assert log.lines["HAT"]["decided"] == 4  # confirmed, made soft again, and left so
    log = _held()
    _takes(log, "HAT", "CONFIRM", range(1))(0)
    log.age(TTL_MS + 60_000)  # too late to be soft again
    told, lines = _change(log, "CONFIRM")
    assert (told, _states(lines)["HAT"]) == ("refused", "CANCELLED")
    log = _held()
    _takes(log, "HAT", "CONFIRM", range(1))(0)
    assert _change(log, "CONFIRM")[0] == "CONFIRMED"  # and in time it is gone on with


def test_what_is_not_known_in_time_is_not_told_and_is_asked_for_again() -> None:
    log = _held()
    assert _change(log, "CONFIRM", Link(log, 0))[0] == "undecided"
    assert _change(log, "CONFIRM")[0] == "CONFIRMED"
    assert _change(log, "CANCEL", Link(log, 0))[0] == "undecided"
    assert _change(log, "CANCEL")[0] == "CANCELLED"


def test_where_redis_cannot_be_read_nothing_stays_firm_for_a_confirm_that_was_refused() -> None:
    log = _held()
    log.fact("SHOE", state="CANCELLED")
    assert _change(_Hidden(log), "CONFIRM", away_after=1)[0] == "reservation-incomplete"
    assert log.states() == {"BELT": "HELD", "HAT": "HELD", "SHOE": "CANCELLED"}


def test_a_confirm_that_is_only_too_slow_is_asked_for_again() -> None:
    log = _held()
    assert (
        _change(log, "CONFIRM", Link(log, before=_takes(log, "SHOE", "EXTEND", range(99))))[0] == "undecided"
    )
    assert _change(log, "CONFIRM")[0] == "CONFIRMED"


def test_a_line_whose_confirm_is_not_answered_is_made_soft_with_the_others() -> None:
    class Half(Link):
        """Of the first ask BELT's answer does not come."""

        async def ask(self, events: Any, within_s: float) -> list[Any]:
            told = await super().ask(events, within_s)
            first = self._asks == 1
            return [
                None if first and event["sku"] == "BELT" else each
                for event, each in zip(events, told, strict=True)
            ]

    log = _held()
    log.fact("SHOE", state="CANCELLED")
    assert _change(_Hidden(log), "CONFIRM", Half(log))[0] == "undecided"
    assert log.states() == {"BELT": "HELD", "HAT": "HELD", "SHOE": "CANCELLED"}


def test_extending_what_is_confirmed_changes_no_other_line() -> None:
    log = _held()
    _takes(log, "HAT", "CONFIRM", range(1))(0)
    before = {sku: line["decided"] for sku, line in log.lines.items()}
    told, lines = _change(log, "EXTEND")
    assert (told, _states(lines)["HAT"]) == ("reservation-conflict", "CONFIRMED")
    assert {sku: line["decided"] for sku, line in log.lines.items()} == before


def test_a_cancel_of_what_a_fact_holds_is_refused_and_says_what_stands() -> None:
    log = _held()
    log.fact("SHOE", state="CONFIRMED")
    told, lines = _change(log, "CANCEL")
    assert (told, _states(lines)) == (
        "refused",
        {"BELT": "CANCELLED", "HAT": "CANCELLED", "SHOE": "CONFIRMED"},
    )
    log = _held()
    log.fact("SHOE", state="CANCELLED")
    assert _change(_Hidden(log), "CANCEL")[0] == "CANCELLED"
