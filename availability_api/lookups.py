"""The routes under /v1/availability/, as plain ASGI.

They are told apart by the raw path, because a sku may hold any character, slashes included (%2F).
"""

from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import orjson
from starlette.types import Receive, Scope, Send

from availability_api import problems
from availability_api.metrics import Metrics
from availability_api.network import Channel
from availability_api.plain import read_body, respond
from availability_api.view import View

PATH = b"/v1/availability/"
MOST_SKUS = 1000
MOST_DAYS = 366
DAYS = 14
_ABOUT = (b"locations", b"projected", b"explain")


class Lookups:
    """Answers `{sku}`, `{sku}/locations`, `{sku}/projected`, `{sku}/explain` and `batch`."""

    def __init__(self, view: View, metrics: Metrics) -> None:
        self._view = view
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request whose raw path starts with PATH."""
        tail: bytes = scope["raw_path"][len(PATH) :]
        sku, _, rest = tail.partition(b"/")
        route = rest.decode() if rest in _ABOUT else "batch" if tail == b"batch" else "lookup"
        answer = self._document(scope, receive, tail, sku, rest)
        await respond(scope, send, self._metrics, route, answer)

    async def _document(self, *asked: Any) -> bytes:
        return orjson.dumps(await self._answer(*asked))

    async def _answer(self, scope: Scope, receive: Receive, tail: bytes, sku: bytes, rest: bytes) -> Any:
        method = scope["method"]
        if not sku or (tail != sku and rest not in _ABOUT):
            raise problems.not_found(scope["path"])
        if method == "POST" and tail == b"batch":
            return await self._batch(await read_body(receive))
        if method not in ("GET", "HEAD"):
            raise problems.not_allowed(method, "GET, POST" if tail == b"batch" else "GET")
        query = scope["query_string"]
        if rest == b"projected":
            asked, days = _asked_days(query)
            return await self._view.projected(_text(sku), self._view.channel(asked), days)
        if rest == b"explain":
            return await self._view.explanation(_text(sku), _asked_channel(query))
        channel = self._channel(query)
        if rest:
            return await self._view.locations(_text(sku), channel)
        return await self._view.lookup(_text(sku), channel)

    def _channel(self, query: bytes) -> Channel:
        known = self._view.network.by_query.get(query)
        return self._view.channel(_asked_channel(query)) if known is None else known

    async def _batch(self, body: bytes) -> Any:
        try:
            asked = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise problems.malformed(f"the body is not JSON: {error}") from None
        if not isinstance(asked, dict) or not isinstance(asked.get("channel"), str):
            raise problems.invalid('write {"channel": "web", "skus": ["SKU-1", ...]}: channel must be a text')
        skus = asked.get("skus")
        if not isinstance(skus, list) or not all(isinstance(sku, str) for sku in skus):
            raise problems.invalid('write {"channel": "web", "skus": ["SKU-1", ...]}: skus must be texts')
        if len(skus) > MOST_SKUS:
            raise problems.invalid(f"{len(skus)} skus are too many: ask for at most {MOST_SKUS} at once")
        channel = self._view.channel(asked["channel"])
        items, unknown = await self._view.batch([sku.encode() for sku in skus], channel)
        return {"items": items, "unknown": unknown}


def _text(part: bytes) -> bytes:
    """The sku that a part of the path stands for, as UTF-8."""
    text = unquote_to_bytes(part)
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise problems.malformed(f"the sku in the path is not percent-encoded UTF-8: {error}") from None
    return text


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode(), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise problems.malformed(f"the query is not percent-encoded UTF-8: {error}") from None


def _asked_channel(query: bytes) -> str:
    named = [value for name, value in _pairs(query) if name == "channel"]
    if len(named) != 1 or not named[0]:
        raise problems.invalid("name one channel in the query, such as ?channel=web")
    return named[0]


def _asked_days(query: bytes) -> tuple[str, int]:
    """The channel, and for how many days."""
    given = [value for name, value in _pairs(query) if name == "days"]
    days = given[0] if given else str(DAYS)
    if len(given) > 1 or not (days.isascii() and days.isdigit()) or not 1 <= int(days) <= MOST_DAYS:
        raise problems.invalid(f"write days as one whole number from 1 to {MOST_DAYS}, such as &days={DAYS}")
    return _asked_channel(query), int(days)
