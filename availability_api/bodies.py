"""Bodies of requests as JSON in which every key stands once: of two that differ nobody knows which one was meant."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute


class OnceRoute(APIRoute):
    """A route whose body is read so."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """The handler, given requests that read their body so."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(_OnceRequest(request.scope, request.receive))

        return handle


class _OnceRequest(Request):
    async def json(self) -> Any:
        """The body. Raises JSONDecodeError."""
        return read_once(await self.body())


def read_once(body: bytes) -> Any:
    """A body's value. Raises JSONDecodeError, UnicodeDecodeError."""
    return json.loads(body, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise json.JSONDecodeError(f"the key {name!r} stands twice", "", 0)
        found[name] = value
    return found
