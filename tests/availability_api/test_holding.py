"""The protocol of holds, with an engine that decides as the real one does and answers when the test lets it."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest

from availability_api.engine_link import Decision, EngineAway
from availability_api.holding import Ask, Granted, Holding
from availability_api.problems import Problem

SHOE, HAT = Ask("1", "SHOE", 2, None), Ask("1", "HAT", 1, None)
Event = Mapping[str, Any]


class Log:
    """The requests in their order; decided when `decide` is called. The first decision of a version stands."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.decided: dict[tuple[str, int], dict[str, Any]] = {}
        self.lines: dict[str, dict[str, Any]] = {}
        self._seen = 0

    def decide(self) -> dict[str, Decision]:
        """Decide what came since; the answers by event."""
        fresh, self._seen = self.events[self._seen :], len(self.events)
        return {event["event_id"]: self._answer(event) for event in fresh}

    def _answer(self, event: Event) -> Decision:
        sku, version = event["sku"], event["version"]
        line = self.lines.setdefault(sku, {"held": 0, "expires_at": None, "decided": 0})
        decision = self.decided.get((sku, version))
        if decision is None:
            assert version == line["decided"] + 1, "a conflict: not of these tests"
            cancels = event["action"] == "CANCEL"
            line.update(
                held=0 if cancels else event["quantity"], expires_at=event["expires_at"], decided=version
            )
            decision = self.decided[sku, version] = {
                "sku": sku, "version": version, "action": event["action"], "outcome": "ACCEPTED", "reason": None,
                "quantity": 0 if cancels else event["quantity"], "available": 9,
            }  # fmt: skip
        return {**decision, "held": line["held"], "expires_at": line["expires_at"]}


class Link:
    """One asker's way to the log. `answered`: how many of its asks are answered; later ones time out."""

    def __init__(self, log: Log, answered: int = 99) -> None:
        self._log = log
        self._answered = answered
        self.why_away: str | None = None

    async def ask(self, events: Sequence[Event], within_s: float) -> list[Decision | None]:
        self.send(events)
        await asyncio.sleep(0)
        self._answered -= 1
        if self._answered < 0:
            return [None] * len(events)
        told = self._log.decide()
        return [told[event["event_id"]] for event in events]

    def send(self, events: Sequence[Event]) -> None:
        self._log.events += [{"expires_at": None, **event} for event in events]


def _place(link: Any, asks: Sequence[Ask], **fields: Any) -> Callable[[], Awaitable[Granted]]:
    return lambda: Holding(link).place("r", "web", asks, 60_000, False, **fields)


def _told(asker: Callable[[], Awaitable[Granted]]) -> str:
    """What the asker was told."""

    async def ask() -> str:
        try:
            return (await asker()).decision
        except Problem as problem:
            return problem.name

    return asyncio.run(ask())


def _held(log: Log) -> dict[str, int]:
    log.decide()
    return {sku: line["held"] for sku, line in log.lines.items()}


def test_who_is_first_gives_back_what_was_not_decided_in_time() -> None:
    for asks in ([SHOE], [SHOE, HAT]):
        log = Log()
        assert _told(_place(Link(log, 0), asks, first=True, again=True)) == "undecided"
        assert set(_held(log).values()) == {0}


@pytest.mark.parametrize("asks", [[SHOE], [SHOE, HAT]])
@pytest.mark.parametrize("answered", [0, 1])
def test_who_was_told_keeps_it_though_another_one_under_the_key_hears_nothing(
    asks: list[Ask], answered: int
) -> None:
    log = Log()
    assert _told(_place(Link(log), asks, first=True, again=True)) == "ACCEPTED"
    granted = {ask.sku: ask.quantity for ask in asks}
    assert _told(_place(Link(log, answered), asks, first=False, again=True)) == "reservation-incomplete"
    assert _held(log) == granted
    assert _told(_place(Link(log), asks, first=False, again=True)) == "ACCEPTED"
    assert _held(log) == granted


@pytest.mark.parametrize("asks", [[SHOE], [SHOE, HAT]])
def test_whether_it_is_held_is_decided_once_between_two_askers(asks: list[Ask]) -> None:
    """Every order of the steps of the first one, whom nobody answers in time, and of another one."""
    seen = set()
    for turns in itertools.product((0, 1), repeat=8):
        log = Log()
        told = asyncio.run(_interleaved(log, asks, turns))
        held = _held(log)
        kept = all(held[ask.sku] == ask.quantity for ask in asks)
        assert kept or not any(held.values()), (turns, held)
        assert kept == ("ACCEPTED" in told), (turns, told, held)
        seen.add(tuple(told))
    assert {again for _, again in seen} == {"ACCEPTED", "reservation-ended"}
    assert {first for first, _ in seen} == {"undecided"}


async def _interleaved(log: Log, asks: list[Ask], turns: Sequence[int]) -> list[str]:
    """What both are told, where they put their records into the log by turns."""
    waiting: list[asyncio.Event] = [asyncio.Event(), asyncio.Event()]

    class Turned(Link):
        def __init__(self, who: int, answered: int) -> None:
            super().__init__(log, answered)
            self._who = who

        async def ask(self, events: Sequence[Event], within_s: float) -> list[Decision | None]:
            await waiting[self._who].wait()
            waiting[self._who].clear()
            self.send(events)
            self._answered -= 1
            if self._answered < 0:
                await waiting[self._who].wait()
                waiting[self._who].clear()
                return [None] * len(events)
            told = log.decide()
            return [told[event["event_id"]] for event in events]

    async def run(who: int, answered: int) -> str:
        try:
            link: Any = Turned(who, answered)
            return (await _place(link, asks, first=who == 0, again=True)()).decision
        except Problem as problem:
            return problem.name

    tasks = [asyncio.create_task(run(0, 0)), asyncio.create_task(run(1, 99))]
    for who in (*turns, 0, 1, 0, 1, 0, 1):
        waiting[who].set()
        for _ in range(5):
            await asyncio.sleep(0)
    return [await task for task in tasks]


def test_who_cannot_ask_again_gives_back_what_may_have_been_extended() -> None:
    log = Log()
    assert _told(_place(Link(log, 1), [SHOE, HAT], first=True, again=False)) == "undecided"
    assert _held(log) == {"SHOE": 0, "HAT": 0}
    log = Log()
    assert _told(_place(Link(log, 1), [SHOE, HAT], first=True, again=True)) == "reservation-incomplete"
    assert _told(_place(Link(log), [SHOE, HAT], first=False, again=True)) == "ACCEPTED"


def test_a_confirmed_reservation_asked_for_again_is_told_as_it_was() -> None:
    log = Log()
    assert _told(_place(Link(log), [SHOE], first=True, again=True)) == "ACCEPTED"
    log.decided["SHOE", 2] = {**log.decided["SHOE", 1], "version": 2, "action": "CONFIRM"}
    log.lines["SHOE"]["decided"] = 2
    assert _told(_place(Link(log), [SHOE], first=False, again=True)) == "ACCEPTED"
    assert log.lines["SHOE"]["decided"] == 2


def test_nothing_is_asked_of_an_engine_that_is_away() -> None:
    class Away(Link):
        async def ask(self, events: Sequence[Event], within_s: float) -> list[Decision | None]:
            raise EngineAway("no Kafka")

    log = Log()
    assert _told(_place(Away(log), [SHOE], first=True, again=True)) == "reservations-unavailable"
    assert not log.events
