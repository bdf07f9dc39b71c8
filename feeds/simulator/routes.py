"""The operations of a marketplace, and a call of one of them."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from feeds.simulator.messages import Given, Received


@dataclass(slots=True)
class Call:
    """A request on its way. `account`: whose token it carries ("" where the route needs none). `owner`: whose listings
    and quotas these are. `parts`: the named parts of its path, decoded."""

    received: Received
    now_ms: int
    operation: str
    parts: dict[str, str]
    account: str = ""
    owner: str = ""

    def document(self) -> Any:
        """The body as JSON. Raises ValueError where it is none."""
        return orjson.loads(self.received.body)


@dataclass(frozen=True)
class Route:
    """`pattern`: of the path, its parts named in braces. `limit`: the group of buckets. `open`: needs no token.
    `submits`: hands in a bulk submission."""

    method: str
    pattern: str
    operation: str
    answer: Callable[[Call], Given]
    limit: str | None = None
    open: bool = False
    submits: bool = False


class RouteTable:
    """Finds the route of a path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(route, _compiled(route.pattern)) for route in routes]
        self.limits = {route.operation: route.limit for route, _ in self._routes}
        """The group of limits of each operation; None: it has none."""

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The first route that fits, and the parts of its path, decoded."""
        for route, pattern in self._routes:
            if route.method == method and (found := pattern.fullmatch(path)) is not None:
                return route, {name: unquote(part) for name, part in found.groupdict().items()}
        return None


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(pattern)))
