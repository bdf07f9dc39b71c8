"""A stand-in of a marketplace, what can go wrong with it, and how a connector talks to it in tests."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from email.utils import formatdate
from math import inf
from typing import Any, ClassVar, NamedTuple

import pytest

from feeds.connector import Item
from feeds.exchange import Conversation, Lost, Reply, Request, Unsent
from feeds.outcomes import Fate, Trouble

NOW_MS = 1_790_000_000_000


class Market(ABC):
    """A marketplace for one seller, who may write everything but what it `refuses`. Also what its documentation forbids
    is to be refused as it says there: too many items, too many bytes, a revision that has not grown, a key that was
    used before.

    `busy`: listings of which it says that they cannot be written now (frozen, locked, its own fault). `shows`: units by
    (listing, location). `stands`: what becomes of bulk submissions: "open", "closed", or one of its
    `bad_ends`. `token_s`: for how long its tokens hold. `poll_s`: when it says to ask for a submission again.
    """

    bad_ends: ClassVar[Sequence[str]] = ("failed",)
    token_s: ClassVar[float] = inf
    poll_s: ClassVar[float | None] = None

    def __init__(self) -> None:
        self.refuses: set[str] = set()
        self.busy: set[str] = set()
        self.stands = "closed"
        self.shows: dict[tuple[str, str | None], int] = {}

    @abstractmethod
    def reply(self, request: Request) -> Reply:
        """Answer, and do what was asked."""

    def throttled(self, request: Request) -> Reply:
        """How it says that a limit was hit."""
        return Reply(429)

    def prepare(self, items: Sequence[Item]) -> None:  # noqa: B027
        """These are going to be written or read: it must know them, but for those that it refuses."""

    def settle(self) -> None:  # noqa: B027
        """What it has taken is shown from now on."""


class Held(NamedTuple):
    """A conversation that is over. `result`: or what it was ended by. `replies`: but for what was thrown."""

    result: Any
    requests: list[Request]
    replies: list[Reply]


def hold(conversation: Conversation[Any], answer: Callable[[Request], Reply | Exception]) -> Held:
    """Drive a conversation to its end."""
    requests, replies = list[Request](), list[Reply]()
    try:
        request = next(conversation)
        while True:
            requests.append(request)
            assert len(requests) < 10_000, "the conversation does not end"
            told = answer(request)
            if isinstance(told, Exception):
                request = conversation.throw(told)
            else:
                replies.append(told)
                request = conversation.send(told)
    except StopIteration as end:
        return Held(end.value, requests, replies)
    except Exception as end:
        return Held(end, requests, replies)


class Fault(NamedTuple):
    """A reply that spoils a conversation (or what is thrown in its place), and what a write makes of it."""

    name: str
    reply: Reply | Exception
    trouble: Trouble
    fate: Fate


PAGE = b"<html><body>Please try again later</body></html>"
DATE = formatdate(NOW_MS / 1000, usegmt=True)
SOON = formatdate(NOW_MS / 1000 + 30, usegmt=True)

FAULTS = [
    Fault("429", Reply(429), Trouble.THROTTLED, Fate.RETURNED),
    Fault("429-html", Reply(429, {"retry-after": "soon"}, PAGE), Trouble.THROTTLED, Fate.RETURNED),
    Fault("401", Reply(401, {}, b'{"errors":"no"}'), Trouble.AUTH, Fate.RETURNED),
    Fault("403-html", Reply(403, {}, PAGE), Trouble.AUTH, Fate.RETURNED),
    Fault("500", Reply(500, {}, b"{}"), Trouble.BROKEN, Fate.UNKNOWN),
    Fault("502-html", Reply(502, {}, PAGE), Trouble.BROKEN, Fate.UNKNOWN),
    Fault("503", Reply(503, {"retry-after": "60"}), Trouble.BROKEN, Fate.UNKNOWN),
    Fault("redirected", Reply(302, {"location": "/login"}, PAGE), Trouble.BROKEN, Fate.UNKNOWN),
    Fault("lost", Lost(), Trouble.BROKEN, Fate.UNKNOWN),
    Fault("unsent", Unsent(), Trouble.BROKEN, Fate.RETURNED),
]
UNREADABLE = [
    Fault(name, Reply(200, {}, body), Trouble.BROKEN, Fate.UNKNOWN)
    for name, body in (
        ("html", PAGE),
        ("empty", b""),
        ("torn", b'{"items": [{"sku": '),
        ("bytes", b"\xff\xfe\x00"),
        ("null", b"null"),
        ("list", b"[]"),
        ("text", b'"OK"'),
        ("number", b"7"),
        ("object", b"{}"),
        ("strange", b'{"status": null, "items": 7, "data": [], "nodes": {"a": 1}, "errors": 3}'),
    )
]
each_fault = pytest.mark.parametrize("fault", [*FAULTS, *UNREADABLE], ids=lambda fault: fault.name)
