"""The least of an HTTP client: a full one would take the processor that the system is measured on."""

import asyncio
import time
from contextlib import suppress
from urllib.parse import urlsplit

_GIVE_UP_S = 15.0
_IDLE_S = 2.0

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Connections:
    """To one server. As many as requests wait for an answer, at most `most`: whoever finds none waits for one."""

    def __init__(self, url: str, most: int) -> None:
        place = urlsplit(url)
        self._host, self._port = place.hostname, place.port
        self._idle: list[tuple[float, _Connection]] = []
        self._turn = asyncio.Semaphore(most)

    async def ask(self, request: bytes) -> tuple[int, bytes] | None:
        """Status and body of the answer; None where there is none."""
        async with self._turn:
            connection = None
            try:
                connection = await self._pooled() or await asyncio.open_connection(self._host, self._port)
                answer = await asyncio.wait_for(_answer(connection, request), _GIVE_UP_S)
            except (TimeoutError, OSError, asyncio.IncompleteReadError):
                if connection is not None:
                    await _closed(connection[1])
                return None
            self._idle.append((time.monotonic(), connection))
            return answer

    async def close(self) -> None:
        """Close them all."""
        for _, (_, writer) in self._idle:
            await _closed(writer)
        self._idle.clear()

    async def _pooled(self) -> _Connection | None:
        """The connection that was used last; the server may be about to close what has been idle for long."""
        while self._idle:
            used, connection = self._idle.pop()
            if time.monotonic() - used < _IDLE_S and not connection[0].at_eof():
                return connection
            await _closed(connection[1])
        return None


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):  # the other side was faster
        await writer.wait_closed()


async def _answer(connection: _Connection, request: bytes) -> tuple[int, bytes]:
    reader, writer = connection
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    at = head.index(b"content-length:") + len(b"content-length:")
    body = await reader.readexactly(int(head[at:].split(b"\r\n", 1)[0]))
    return int(head.split(b" ", 2)[1]), body


def get(path: str) -> bytes:
    """A GET request."""
    return f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()


def post(path: str, body: bytes) -> bytes:
    """A POST request of JSON."""
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body
