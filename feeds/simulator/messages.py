"""A request as a marketplace receives it, and what it gives back."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

import orjson

_JSON = {"content-type": "application/json"}


class Received(NamedTuple):
    """A request. `path`: after the channel's prefix, percent-encoded as on the wire; a whole URL that an answer named
    is taken as well. `headers`: names in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Drop(Enum):
    """Whether the connection breaks instead of an answer. BEFORE: the request had no effect. AFTER: it had."""

    NONE = "none"
    BEFORE = "before"
    AFTER = "after"


class Given(NamedTuple):
    """An answer, `after_ms` later (simulated). `headers`: names as the marketplace spells them. Where `dropped` is not
    NONE there is no answer: the connection breaks after that time."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""
    after_ms: int = 0
    dropped: Drop = Drop.NONE

    def json(self) -> Any:
        """The body as JSON. Raises ValueError where it is none."""
        return orjson.loads(self.body)

    def header(self, name: str) -> str | None:
        """A header by its name in any case."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)


class Refused(Exception):
    """Ends the handling of a request with an answer; nothing was changed."""

    def __init__(self, given: Given) -> None:
        super().__init__(f"{given.status} {given.body[:200]!r}")
        self.given = given


def document(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Given:
    """An answer of JSON."""
    return Given(status, {**_JSON, **(headers or {})}, orjson.dumps(content))
