"""The way to a marketplace: limits first, then the token, then the request; and what is believed afterwards."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pytest

from feeds.buckets import Bucket
from feeds.clock import Clock
from feeds.connector import Connector, Identity, Operation
from feeds.exchange import Conversation, Lost, Observed, Reply, Request, Unsent
from feeds.limits import Admitted, Refused, Room
from feeds.line import Line, ListingsRefused, NotAuthorised
from feeds.outcomes import Answer, Fate, Setback, Trouble, whole
from feeds.trials import simulated


@dataclass
class Limits:
    """Answers what it is told to; writes down what it is asked. `refusals` come first."""

    refusals: list[Refused] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)
    held: list[tuple[str, float]] = field(default_factory=list)
    observed: list[Any] = field(default_factory=list)
    returned: list[Admitted] = field(default_factory=list)

    async def ask(self, request: Request) -> Admitted | Refused:
        self.asked.append(request)
        return self.refusals.pop(0) if self.refusals else Admitted(request, 0, ())

    async def room(self, group: str, most: int, points: int = 0) -> Room:
        return Room(most, 0)

    async def observe(self, observed: Any, admitted: Admitted | None = None) -> None:
        for each in observed:
            if each.rate == 0:
                raise ValueError("a rate of 0")
            self.observed.append(each)

    async def hold(self, group: str, seconds: float) -> None:
        self.held.append((group, seconds))

    async def give_back(self, admitted: Admitted) -> None:
        self.returned.append(admitted)


class Kirana(Connector):
    name = "kirana"
    operations = (Operation("put", "put", 1),)
    limits: ClassVar[dict[str, list[Bucket]]] = {"put": []}
    tokens = 0

    def write(self, operation: Operation, items: Any, intent: str) -> Conversation[Answer]:
        raise NotImplementedError

    def authorise(self) -> Generator[Request, Reply, tuple[dict[str, str], float]]:
        self.tokens += 1
        reply = yield Request("POST", "/token", secret=True)
        if reply.status != 200:
            raise Setback(Fate.RETURNED, Trouble.AUTH, "no token")
        return {"authorization": f"token-{self.tokens}"}, 600.0


class Signing(Kirana):
    """Signs the time and the token."""

    def sign(self, request: Request, now_ms: int) -> Request:
        token = request.headers.get("authorization", "")
        return replace(request, headers={**request.headers, "signed": f"{now_ms}: {token}"})


_PUT = Request("PUT", "/stock", "put")


def said(answer: Answer, *requests: Request) -> Conversation[Answer]:
    return held(answer, requests or (_PUT,))


def held(answer: Answer, requests: Iterable[Request]) -> Conversation[Answer]:
    for request in requests:
        reply = yield request
        assert reply.status
    return answer


def fine(items: int = 1, **more: Any) -> Answer:
    return Answer(whole(items, Fate.APPLIED), **more)


@dataclass
class Talk:
    """A line, on simulated time, to whoever `reply` is. `heard`: what arrived there."""

    reply: Callable[[Request], Reply | Exception] = lambda _: Reply(200)
    limits: Limits = field(default_factory=Limits)
    connector: Kirana = field(default_factory=lambda: Kirana(Identity("account")))
    heard: list[Request] = field(default_factory=list)

    def hold(self, *conversations: Conversation[Any], pause_s: float = 0.0) -> list[Any]:
        async def main() -> list[Any]:
            clock = Clock(1.0, 1_000_000)
            line = Line(self.connector, self.limits, self._send, clock)
            found = []
            for conversation in conversations:
                found.append(await line.converse(conversation))
                await clock.sleep(pause_s)
            return found

        return simulated.run(main())

    async def _send(self, request: Request) -> Reply:
        self.heard.append(request)
        reply = Reply(200) if request.path == "/token" and self.reply is not refuses else self.reply(request)
        if isinstance(reply, Exception):
            raise reply
        return reply


def refuses(request: Request) -> Reply:
    return Reply(401)


def test_a_token_is_fetched_once_and_again_before_it_ends() -> None:
    talk = Talk()
    talk.hold(*(said(fine()) for _ in range(6)), pause_s=200.0)
    assert talk.connector.tokens == 2
    own = [request for request in talk.heard if request.path == "/stock"]
    assert [request.headers["authorization"] for request in own] == [
        "token-1", "token-1", "token-1", "token-2", "token-2", "token-2",
    ][: len(own)]  # fmt: skip


def test_a_token_that_is_not_believed_is_fetched_anew_and_the_request_sent_again() -> None:
    talk = Talk(lambda request: Reply(403 if request.headers["authorization"] == "token-1" else 200))
    assert talk.hold(said(fine(), Request("GET", "/token")), said(fine()), pause_s=60.0) == [fine(), fine()]
    assert talk.connector.tokens == 2
    assert talk.heard[-1].headers["authorization"] == "token-2"


def test_who_gives_no_token_is_told() -> None:
    with pytest.raises(NotAuthorised, match="no token"):
        Talk(refuses).hold(said(fine()))


def test_another_host_gets_nothing_of_the_accounts_headers() -> None:
    talk = Talk()
    talk.hold(
        said(fine(), Request("PUT", "https://elsewhere/upload", body=b"x"), Request("PUT", "/stock", "put"))
    )
    elsewhere, own = talk.heard[-2:]
    assert elsewhere.headers == {}
    assert "authorization" in own.headers


def test_a_request_is_signed_when_it_is_sent() -> None:
    """After it has waited for the limits, with the account's headers on it, and anew when it is sent again."""

    def reply(request: Request) -> Reply:
        return Reply(401 if request.headers["authorization"] == "token-1" else 200)

    waits = [Refused(3_600_000, 3_600_000, {})]
    talk = Talk(reply, Limits(waits), Signing(Identity("account")))
    talk.hold(said(fine()))
    assert [request.headers.get("signed") for request in talk.heard] == [
        "1000000: ", "4600000: token-1", "4600000: ", "4600000: token-2",
    ]  # fmt: skip


def test_nothing_is_signed_for_another_host() -> None:
    talk = Talk(connector=Signing(Identity("account")))
    talk.hold(said(fine(), Request("PUT", "https://elsewhere/upload", body=b"x")))
    assert talk.heard[-1].headers == {}


def test_it_waits_until_the_limits_admit() -> None:
    talk = Talk(limits=Limits([Refused(5_000, 5_000, {}), Refused(1, 1, {})]))
    assert talk.hold(said(fine())) == [fine()]
    assert len(talk.limits.asked) == 3


def test_listings_that_have_used_up_what_is_theirs_are_told_before_anything_is_sent() -> None:
    talk = Talk(limits=Limits([Refused(90_000, 0, {"A": 90_000})]))
    with pytest.raises(ListingsRefused) as refused:
        talk.hold(said(fine()))
    assert refused.value.waits == {"A": 90.0}
    assert [request.path for request in talk.heard] == ["/token"]


def test_what_was_certainly_not_sent_is_given_back() -> None:
    talk = Talk(lambda _: Unsent("refused"))
    with pytest.raises(Unsent):
        talk.hold(said(fine()))
    assert len(talk.limits.returned) == 1
    talk = Talk(lambda _: Lost("silence"))
    with pytest.raises(Lost):
        talk.hold(said(fine()))
    assert talk.limits.returned == []


def test_what_an_answer_said_of_limits_is_believed_and_nonsense_is_not() -> None:
    talk = Talk()
    level = Observed("put", left=3)
    talk.hold(said(fine(observed=(level,))), said(fine(observed=(Observed("put", rate=0),))))
    assert talk.limits.observed == [level]


def test_throttling_holds_the_group_for_as_long_as_told_else_ever_longer() -> None:
    talk = Talk()
    throttled = Answer(whole(1, Fate.RETURNED), Trouble.THROTTLED)
    told = Answer(whole(1, Fate.RETURNED), Trouble.THROTTLED, again_s=7.0)
    gone = Answer(whole(1, Fate.RETURNED), Trouble.EXHAUSTED)
    talk.hold(
        said(throttled),
        said(throttled),
        said(throttled),
        said(told),
        said(gone),
        said(fine()),
        said(throttled),
    )
    assert talk.limits.held == [
        ("put", 1.0), ("put", 2.0), ("put", 4.0), ("put", 7.0), ("put", 3_600.0), ("put", 1.0),
    ]  # fmt: skip


def test_trouble_holds_the_group_for_as_long_as_told_else_the_breaker_does() -> None:
    talk = Talk()
    talk.hold(
        said(Answer(whole(1, Fate.UNKNOWN), Trouble.BROKEN)),
        said(Answer(whole(1, Fate.RETURNED), Trouble.BROKEN, "maintenance", 120.0)),
    )
    assert talk.limits.held == [("put", 120.0)]


def test_a_conversation_without_requests_ends() -> None:
    assert Talk().hold(held(fine(), ())) == [fine()]
