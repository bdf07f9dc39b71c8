"""The protocol of holds, with an engine that decides as the real one does and answers when the test lets it."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from availability_api.asks import Ask, Granted
from availability_api.engine_link import Decision, EngineAway
from availability_api.holding import Holding, NotDecided
from availability_api.problems import Problem
from tests.availability_api.fake_engine import Event, Link, Log

SHOE, HAT = Ask("1", "SHOE", 2, None), Ask("1", "HAT", 1, None)
TTL_MS = 60_000


def _place(link: Any, asks: Sequence[Ask], **fields: Any) -> Callable[[], Coroutine[Any, Any, Granted]]:
    return lambda: Holding(link).place("r", "web", asks, TTL_MS, False, **fields)


def _told(asker: Callable[[], Coroutine[Any, Any, Granted]]) -> str:
    """What the asker was told."""

    async def ask() -> str:
        try:
            return (await asker()).decision
        except Problem as problem:
            return problem.name

    return asyncio.run(ask())


def _change(log: Log, sku: str, action: str, **fields: Any) -> None:
    """Somebody else's next version of a line."""
    version = log.lines[sku]["decided"] + 1
    log.events.append({
        "event_id": f"{sku}{version}", "sku": sku, "line": "1", "version": version, "action": action,
        "quantity": log.lines[sku]["units"], "commitment": "HARD" if action == "CONFIRM" else "SOFT",
        "expires_at": log.lines[sku]["expires_at"], "occurred_at": 0, **fields,
    })  # fmt: skip
    log.decide()


BOTH = pytest.mark.parametrize("asks", [[SHOE], [SHOE, HAT]])
TOO_FEW_ANSWERS = pytest.mark.parametrize(
    ("asks", "answered"), [([SHOE], 0), ([SHOE, HAT], 0), ([SHOE, HAT], 1)]
)


@TOO_FEW_ANSWERS
def test_who_hears_nothing_may_ask_again_and_nothing_is_cancelled(asks: list[Ask], answered: int) -> None:
    log = Log()
    assert _told(_place(Link(log, answered), asks, again=True)) == "reservation-incomplete"
    assert _told(_place(Link(log), asks, again=True)) == "ACCEPTED"
    assert set(log.states().values()) == {"HELD"}


@BOTH
def test_who_was_told_keeps_it_though_another_one_under_the_key_hears_nothing(asks: list[Ask]) -> None:
    """Whatever Redis has forgotten meanwhile: nothing here is asked of it."""
    log = Log()
    assert _told(_place(Link(log), asks, again=True)) == "ACCEPTED"
    assert _told(_place(Link(log, 0), asks, again=True)) == "reservation-incomplete"
    assert set(log.states().values()) == {"HELD"}
    for ask in asks:
        _change(log, ask.sku, "CONFIRM")
    assert _told(_place(Link(log, 0), asks, again=True)) == "reservation-incomplete"
    assert set(log.states().values()) == {"CONFIRMED"}
    assert _told(_place(Link(log), asks, again=True)) == "ACCEPTED"


@BOTH
def test_two_askers_under_a_key_are_told_the_same(asks: list[Ask]) -> None:
    """Every order of the steps of both; the first one is never answered."""
    for turns in itertools.product((0, 1), repeat=8):
        log = Log()
        told = asyncio.run(_interleaved(log, asks, turns))
        assert told == ["reservation-incomplete", "ACCEPTED"], turns
        assert set(log.states().values()) == {"HELD"}


async def _interleaved(log: Log, asks: list[Ask], turns: Sequence[int]) -> list[str]:
    """What both are told, where they put their records into the log by turns."""
    waiting: list[asyncio.Event] = [asyncio.Event(), asyncio.Event()]

    class Turned(Link):
        def __init__(self, who: int, answers: bool) -> None:
            super().__init__(log)
            self._who = who
            self._answers = answers

        async def ask(self, events: Sequence[Event], within_s: float) -> list[Decision | None]:
            await waiting[self._who].wait()
            waiting[self._who].clear()
            self.send(events)
            if not self._answers:
                await waiting[self._who].wait()
                waiting[self._who].clear()
                return [None] * len(events)
            told = log.decide()
            return [told[event["event_id"]] for event in events]

    async def run(who: int, answers: bool) -> str:
        try:
            link: Any = Turned(who, answers)
            return (await _place(link, asks, again=True)()).decision
        except Problem as problem:
            return problem.name

    tasks = [asyncio.create_task(run(0, False)), asyncio.create_task(run(1, True))]
    for who in (*turns, 0, 1, 0, 1, 0, 1):
        waiting[who].set()
        for _ in range(5):
            await asyncio.sleep(0)
    return [await task for task in tasks]


@TOO_FEW_ANSWERS
def test_who_cannot_ask_again_is_told_cancelled_only_what_the_log_says_is(
    asks: list[Ask], answered: int
) -> None:
    class Late(Link):
        """One ask is not answered in time, the next one is."""

        async def ask(self, events: Sequence[Event], within_s: float) -> list[Decision | None]:
            told = await super().ask(events, within_s)
            return [None] * len(events) if self._asks == answered + 1 else told

    log = Log()
    assert _told(_place(Late(log), asks)) == "undecided"
    assert {line["state"] for line in log.lines.values()} == {"CANCELLED"}

    log = Log()
    assert _told(_place(Link(log, answered), asks)) == "reservation-incomplete"
    assert set(log.states().values()) == {"CANCELLED"}  # but nobody knew that yet


@BOTH
@pytest.mark.parametrize("repetitions", [0, 1, 3])
def test_what_has_lapsed_is_ended_from_its_end_on(asks: list[Ask], repetitions: int) -> None:
    log = Log()
    for _ in range(1 + repetitions):
        assert _told(_place(Link(log), asks, again=True)) == "ACCEPTED"
    log.age(TTL_MS + 1)
    assert set(log.states().values()) == {"HELD"}  # for the grace, in which a confirm may be on its way
    for _ in range(2):
        assert _told(_place(Link(log), asks, again=True)) == "reservation-ended"
    log.age(30_000)
    assert _told(_place(Link(log), asks, again=True)) == "reservation-ended"


def test_holds_of_an_asker_who_died_before_it_extended_them_are_ended_too() -> None:
    log = Log()
    assert _told(_place(_Died(log), [SHOE, HAT], again=True)) == "reservations-unavailable"
    log.age(30_001)
    for _ in range(2):
        assert _told(_place(Link(log), [SHOE, HAT], again=True)) == "reservation-ended"


class _Died(Link):
    """Gets its holds, and no further."""

    async def ask(self, events: Sequence[Event], within_s: float) -> list[Decision | None]:
        if self._asks:
            raise EngineAway("gone")
        return await super().ask(events, within_s)


def test_a_reservation_of_which_a_part_has_ended_is_given_back_whole() -> None:
    log = Log()
    assert _told(_place(Link(log), [SHOE, HAT], again=True)) == "ACCEPTED"
    for end in (10**14, 10**14 + 1):  # versions that somebody has taken
        _change(log, "HAT", "EXTEND", expires_at=end)
    _change(log, "SHOE", "CANCEL")
    assert _told(_place(Link(log, 1), [SHOE, HAT], again=True)) == "reservation-incomplete"
    assert _told(_place(Link(log), [SHOE, HAT], again=True)) == "reservation-ended"
    assert set(log.states().values()) == {"CANCELLED"}


def test_what_is_firm_or_a_facts_is_not_given_back_for_another_line() -> None:
    for make in (lambda log: _change(log, "HAT", "CONFIRM"), lambda log: log.fact("HAT", state="CONFIRMED")):
        log = Log()
        assert _told(_place(Link(log), [SHOE, HAT], again=True)) == "ACCEPTED"
        make(log)
        log.fact("SHOE", state="CANCELLED")
        with pytest.raises(Problem, match="'HAT' is confirmed") as caught:
            asyncio.run(Holding(_any(Link(log))).place("r", "web", [SHOE, HAT], TTL_MS, False, again=True))
        assert caught.value.name == "reservation-ended"
        assert [line["state"] for line in caught.value.more["lines"]] == ["CANCELLED", "CONFIRMED"]
        assert log.states()["HAT"] == "CONFIRMED"


def _any(link: Link) -> Any:
    return link


@BOTH
def test_a_confirmed_reservation_asked_for_again_is_told_as_it_was_but_has_no_end(asks: list[Ask]) -> None:
    async def ask() -> Granted:
        return await _place(Link(log), asks, again=True)()

    log = Log()
    first = asyncio.run(ask())
    assert first.expires_at is not None
    for each in asks:
        _change(log, each.sku, "CONFIRM")
    log.age(TTL_MS + 60_000)
    again = asyncio.run(ask())
    assert (again.decision, again.expires_at) == ("ACCEPTED", None)
    assert set(log.states().values()) == {"CONFIRMED"}


@BOTH
def test_what_is_refused_is_refused_again_and_nothing_of_it_is_held(asks: list[Ask]) -> None:
    log = Log(SHOE=1)
    for _ in range(2):
        assert _told(_place(Link(log), asks, again=True)) == "refused"
        assert "HELD" not in log.states().values()
        log.stock["SHOE"] = 9


@BOTH
def test_what_is_only_looked_for_is_never_held_and_tells_no_reason_of_its_own(asks: list[Ask]) -> None:
    log = Log()
    for _ in range(2):
        with pytest.raises(NotDecided):
            asyncio.run(_place(Link(log), asks, again=True, only_if_decided=True)())
    assert _told(_place(Link(log), asks, again=True)) == "reservation-ended"
    assert set(log.states().values()) == {None}
    log = Log()
    assert _told(_place(Link(log), asks, again=True)) == "ACCEPTED"
    assert _told(_place(Link(log), asks, again=True, only_if_decided=True)) == "ACCEPTED"
    log = Log(SHOE=1)
    assert _told(_place(Link(log), asks, again=True)) == "refused"
    assert _told(_place(Link(log), asks, again=True, only_if_decided=True)) == "refused"


def test_nothing_is_asked_of_an_engine_that_is_away() -> None:
    class Away(Link):
        async def ask(self, events: Sequence[Event], within_s: float) -> list[Decision | None]:
            raise EngineAway("no Kafka")

    log = Log()
    assert _told(_place(Away(log), [SHOE], again=True)) == "reservations-unavailable"
    assert not log.events
