"""Sends an account's requests over HTTP, and says of each that failed whether it may have arrived.

Nothing of a request is logged: neither its body nor its headers, whose secrets would stay in a log for ever.
"""

import asyncio
import logging
from typing import Self
from urllib.parse import quote, urlencode, urlsplit

import httpx

from feeds.exchange import Lost, Reply, Request, Unsent

_MOST_BYTES = 64 << 20
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CONNECTIONS = 32
_UNSENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
"""Of these nothing was written to anybody."""

for _name in ("httpx", "httpcore"):  # they log whole addresses, and a signed one is a secret
    logging.getLogger(_name).setLevel(logging.WARNING)


class Transport:
    """An account's connections. `url`: what paths follow. `secure`: whole addresses that a reply names must be https.

    A redirect is not followed, it is a reply: what follows it would carry our headers to somebody else."""

    def __init__(self, url: str, *, secure: bool, connect_s: float = 5.0, answer_s: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self._secure = secure
        self._answer_s = answer_s
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(answer_s, connect=connect_s),
            follow_redirects=False,
            limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
            trust_env=urlsplit(url).hostname not in _LOOPBACK,
            headers={"user-agent": "stocktide", "accept": "*/*"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def send(self, request: Request) -> Reply:
        """The reply, whatever its status. Raises `Unsent` where nothing can have arrived, else `Lost`."""
        address = self._address(request)
        try:
            asked = self._client.build_request(
                request.method, address, headers=dict(request.headers), content=request.body or None
            )
        except (httpx.InvalidURL, UnicodeError, ValueError, TypeError) as error:
            raise Unsent(
                f"{_place(address)}: no request can be made of it ({type(error).__name__})"
            ) from None
        self._client.cookies.clear()  # who is meant is said in each request, and by nothing else
        try:
            async with asyncio.timeout(self._answer_s + 5.0):
                return await self._exchange(asked)
        except (
            httpx.LocalProtocolError
        ):  # its text repeats the header that cannot be sent, which may be a secret
            raise Unsent(f"{_place(address)}: no request can be made of it (LocalProtocolError)") from None
        except _UNSENT as error:
            raise Unsent(f"{_place(address)} cannot be reached ({_reason(error)})") from None
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            raise Lost(f"{_place(address)} gave no whole answer ({_reason(error)})") from None

    async def _exchange(self, asked: httpx.Request) -> Reply:
        answer = await self._client.send(asked, stream=True)
        try:
            parts, size = [], 0
            async for part in answer.aiter_bytes():
                parts.append(part)
                size += len(part)
                if size > _MOST_BYTES:
                    raise Lost(f"{_place(str(asked.url))} answers with more than {_MOST_BYTES} bytes")
        finally:
            await answer.aclose()
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(answer.status_code, headers, b"".join(parts))

    def _address(self, request: Request) -> str:
        """A path follows the account's URL as it is; a whole address stays as it was told, since it may be signed."""
        own = request.path.startswith("/")
        address = self._url + request.path if own else request.path
        if not own and self._secure and urlsplit(address).scheme != "https":
            raise Unsent(f"{_place(address)} is not https: nothing is sent there")
        if request.query:
            address += ("&" if "?" in address else "?") + urlencode(request.query, quote_via=quote)
        return address


def _place(address: str) -> str:
    """Host and port: the rest may be a secret."""
    return urlsplit(address).netloc.rpartition("@")[2] or "an address without a host"


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
