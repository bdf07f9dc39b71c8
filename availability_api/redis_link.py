"""One connection to Redis on which everything that is asked at the same time travels as one pipeline.

Commands are given as bytes (RESP), so that a lookup costs no client objects. The link connects again by
itself; while it is away, asking fails at once.
"""

import asyncio
import contextlib
import logging
import ssl
from collections import deque
from typing import Any, cast

import hiredis
from redis.connection import SSLConnection, parse_url

from wire.resp import command

_log = logging.getLogger(__name__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0
_CONNECT_TIMEOUT_S = 2.0


class RedisAway(Exception):
    """Redis cannot answer now; the text says why."""


class _Asked:
    """One question: `replies` arrive in order, `future` gets them all."""

    __slots__ = ("future", "missing", "replies")

    def __init__(self, future: "asyncio.Future[list[Any]]", missing: int) -> None:
        self.future = future
        self.missing = missing
        self.replies: list[Any] = []


class _Pipe(asyncio.Protocol):
    """One connection's life: joins what is asked in one turn of the loop, hands out replies in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._reader = hiredis.Reader()
        self._outgoing: list[bytes | memoryview] = []
        self._asked: deque[_Asked] = deque()
        self._transport: asyncio.Transport | None = None
        self.lost: asyncio.Future[str] = loop.create_future()

    def ask(self, commands: bytes | memoryview, replies: int) -> "asyncio.Future[list[Any]]":
        """Send with the next turn of the loop."""
        if self.lost.done():
            raise RedisAway(self.lost.result())
        asked = _Asked(self._loop.create_future(), replies)
        self._asked.append(asked)
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append(commands)
        return asked.future

    def _flush(self) -> None:
        if self._transport is not None:
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    def drop(self, reason: str) -> None:
        """Give the connection up; everything asked fails with `reason`."""
        if not self.lost.done():
            self.lost.set_result(reason)
            error = RedisAway(reason)
            for asked in self._asked:
                if not asked.future.done():
                    asked.future.set_exception(error)
            self._asked.clear()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass of it

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not False:
                self._take(reply)
        except hiredis.ProtocolError as error:
            self.drop(f"the reply is not Redis's protocol ({error})")

    def _take(self, reply: Any) -> None:
        asked = self._asked[0]
        asked.replies.append(reply)
        asked.missing -= 1
        if asked.missing:
            return
        self._asked.popleft()
        if asked.future.done():  # its asker has gone
            return
        refused = next((each for each in asked.replies if isinstance(each, hiredis.ReplyError)), None)
        if refused is None:
            asked.future.set_result(asked.replies)
        else:
            asked.future.set_exception(RedisAway(f"Redis answered: {refused}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.drop(f"the connection was lost ({exc})" if exc else "Redis closed the connection")


class RedisLink:
    """A lasting link to the Redis of `url` (redis://, rediss:// or unix://); one event loop uses it."""

    def __init__(self, url: str) -> None:
        target: Any = parse_url(url)  # type: ignore[no-untyped-call]
        self._host: str = target.get("host", "localhost")
        self._port = int(target.get("port", 6379))
        self._path: str | None = target.get("path")
        self._tls = target.get("connection_class") is SSLConnection
        self._greeting = _greeting(target)
        self.place = self._path or f"{self._host}:{self._port}"
        self._pipe: _Pipe | None = None
        self._why_away = "not connected yet"
        self._renewed = asyncio.Event()
        self.session = 0
        """How often a connection was made: what was read in an earlier one may be of another data set."""
        self._keeper: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Whether a connection stands."""
        return self._pipe is not None

    def ask(self, commands: bytes | memoryview, replies: int = 1) -> "asyncio.Future[list[Any]]":
        """The replies to the joined `commands`, which are `replies` in number. Raises RedisAway."""
        if self._pipe is None:
            raise RedisAway(f"Redis at {self.place} is away: {self._why_away}")
        return self._pipe.ask(commands, replies)

    async def renewed(self) -> None:
        """Return when a connection has been made since the last call."""
        await self._renewed.wait()
        self._renewed.clear()

    def drop(self, reason: str) -> None:
        """Give up a connection that does not answer; the link connects again."""
        if self._pipe is not None:
            self._pipe.drop(reason)

    async def start(self) -> None:
        """Connect, and keep connected until `close`. Returns after the first attempt, whatever it brought."""
        attempted = asyncio.Event()
        self._keeper = asyncio.create_task(self._keep(attempted))
        await attempted.wait()

    async def close(self) -> None:
        """Disconnect for good."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        self.drop("closing")
        self._pipe = None

    async def _keep(self, attempted: asyncio.Event) -> None:
        pause = _FIRST_PAUSE_S
        told = False
        while True:
            try:
                async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                    pipe = await self._connect()
            except (OSError, RedisAway, TimeoutError) as error:
                self._why_away = str(error) or "it does not answer"
                if not told:
                    told = True
                    _log.warning("Redis is away; lookups answer 503", extra=self._why())
            else:
                self._pipe, told, pause = pipe, False, _FIRST_PAUSE_S
                self.session += 1
                self._renewed.set()
                _log.info("connected to Redis", extra={"redis": self.place})
                attempted.set()
                self._why_away = await pipe.lost
                self._pipe = None
                _log.warning("Redis is away; lookups answer 503", extra=self._why())
                told = True
            attempted.set()
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _why(self) -> dict[str, str]:
        return {"redis": self.place, "reason": self._why_away}

    async def _connect(self) -> _Pipe:
        loop = asyncio.get_running_loop()
        pipe = _Pipe(loop)
        if self._path is not None:
            await loop.create_unix_connection(lambda: pipe, self._path)
        else:
            context = ssl.create_default_context() if self._tls else None
            await loop.create_connection(lambda: pipe, self._host, self._port, ssl=context)
        try:
            for each in self._greeting:
                await pipe.ask(each, 1)
        except BaseException:
            pipe.drop("it refused the greeting")
            raise
        return pipe


def _greeting(target: Any) -> list[bytes]:
    """What a connection must say first; a PING, at least, so that a server still loading counts as away."""
    says = []
    if target.get("password"):
        user = [target["username"].encode()] if target.get("username") else []
        says.append(command(b"AUTH", *user, target["password"].encode()))
    if target.get("db"):
        says.append(command(b"SELECT", b"%d" % target["db"]))
    return [*says, command(b"PING")]
