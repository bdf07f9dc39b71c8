"""How connectors talk to a marketplace without doing I/O: a conversation is a generator that yields requests and is
sent replies, and returns what came of it. Who drives it takes each request past its limits, sends it, and hands back
the reply.
"""

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `limit` names the group of buckets that must admit it, with so many `items` and `points`;
    None: none does. `listings`: which it writes, and whether 0 to each, where a listing has buckets of its own. `path`
    begins with a slash and follows the account's URL, or is a whole URL that a reply named, which gets nothing of the
    account's own headers. `secret`: its body and headers must not be logged, and are not in its repr."""

    method: str
    path: str
    limit: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    items: int = 1
    points: int = 0
    listings: tuple[tuple[str, bool], ...] = ()
    secret: bool = False

    def __repr__(self) -> str:
        told = "secret" if self.secret else f"{len(self.body)} bytes"
        return f"Request({self.method} {self.path}, limit={self.limit}, items={self.items}, {told})"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """The body as JSON; None where it is none: some answer a page of HTML when they are in trouble."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Lost(Exception):
    """Thrown into a conversation in place of a reply: the request may have arrived or not (a time-out, a connection
    that broke after it was written). A conversation that does not catch it ends with it: everything in it is
    UNKNOWN."""


class Unsent(Exception):
    """Thrown into a conversation in place of a reply: the request has certainly not arrived (nobody answered the
    connection)."""


T = TypeVar("T")
Conversation = Generator[Request, Reply, T]


class Observed(NamedTuple):
    """What a reply said of a bucket, by the bucket's name: so many units are `left` in it, and the next one comes in
    `wait_s`; None: not said. `rate` (units a second): the plan itself has changed."""

    bucket: str
    left: float | None = None
    wait_s: float | None = None
    rate: float | None = None
