"""Answers as plain ASGI, without a framework: its routing would cost more than a lookup."""

import logging
from collections.abc import Awaitable
from time import perf_counter

from starlette.types import Receive, Scope, Send

from availability_api import problems
from availability_api.metrics import Metrics
from availability_api.problems import Problem

_log = logging.getLogger(__name__)

MOST_BODY_BYTES = 1 << 20
"""No request needs more."""

_JSON = (b"content-type", b"application/json")
_PROBLEM = (b"content-type", problems.MEDIA_TYPE.encode())
_FRESH = (b"cache-control", b"no-store")


async def respond(
    scope: Scope, send: Send, metrics: Metrics, route: str, answer: Awaitable[bytes], status: int = 200
) -> None:
    """Send the JSON that `answer` comes to, with `status`, or the problem that it raises. Counted under `route`."""
    begun = perf_counter()
    kind, more = _JSON, []
    try:
        body = await answer
    except Problem as problem:
        status, kind = problem.status, _PROBLEM
        body = problem.body(scope["path"])
        more = [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    except Exception:
        _log.exception("a request failed", extra={"path": scope["path"]})
        status, kind = 500, _PROBLEM
        body = problems.internal().body(scope["path"])
    headers = [kind, (b"content-length", b"%d" % len(body)), _FRESH, *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    metrics.answered(route, status, perf_counter() - begun)


async def read_body(receive: Receive) -> bytes:
    """The whole body. Raises Problem where it is too long."""
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > MOST_BODY_BYTES:
            raise problems.too_large(MOST_BODY_BYTES)
        parts.append(part)
        more = message["type"] == "http.request" and message.get("more_body", False)
    return b"".join(parts)
