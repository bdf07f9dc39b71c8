"""The cell's connection to Redis: commands go out in order, none is forgotten before it was answered."""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence

from redis import Connection, Redis
from redis.exceptions import NoScriptError, RedisError, ResponseError

from dataflows.metrics import REDIS_RECONNECTS
from runtime.redis import client
from runtime.settings import Settings
from wire.rows import script

_log = logging.getLogger(__name__)

_MOST_UNANSWERED = 48
_LONGEST_PAUSE_S = 2.0
_SMALL = 64 << 10
"""Bytes that are rather copied than sent apart."""

Command = bytes | memoryview
Answered = Callable[[object], None]


class Stopped(Exception):
    """The process is to end while Redis is away."""


class RedisLink:
    """Sends commands without waiting for each, and sends unanswered ones again when the server comes back.

    Every command must be harmless when sent twice: guarded writes and plain HSETs are. `identity` is the run id of
    the server that answers: one that was restarted, restored from a copy or promoted has another.
    """

    def __init__(self, settings: Settings, stopping: Callable[[], bool]) -> None:
        self._client: Redis = client(settings)
        self._stopping = stopping
        self.identity = ""
        self._waiting: deque[tuple[Command, Answered | None]] = deque()
        self._connection: Connection | None = None
        self._open()

    def send(self, commands: Sequence[Command], answered: Answered | None = None) -> None:
        """Send commands; `answered` gets each reply, in order, at the latest when `settle` returns."""
        self._waiting.extend((command, answered) for command in commands)
        try:
            if self._connection is not None:
                self._connection.send_packed_command(_gathered(commands))  # type: ignore[no-untyped-call]
            while len(self._waiting) > _MOST_UNANSWERED:
                self._read_one()
        except (RedisError, OSError) as error:
            self._recover(error)

    def take_replies(self) -> None:
        """Read the replies that have arrived, without waiting for others."""
        try:
            while self._waiting and self._connection is not None and self._connection.can_read(0):
                self._read_one()
        except (RedisError, OSError) as error:
            self._recover(error)

    def settle(self) -> None:
        """Wait for every reply."""
        while self._waiting:
            try:
                self._read_one()
            except (RedisError, OSError) as error:
                self._recover(error)

    def ask(self, *command: object) -> object:
        """One command and its reply, apart from the others (start-up only)."""
        return self._client.execute_command(*command)  # type: ignore[no-untyped-call]

    def _read_one(self) -> None:
        assert self._connection is not None
        try:
            reply = self._connection.read_response()
        except ResponseError as error:
            if not isinstance(error, NoScriptError) and not _passing(error):
                raise RuntimeError(f"Redis refused a command: {error}") from error
            raise
        _, answered = self._waiting.popleft()
        if answered is not None:
            answered(reply)

    def _recover(self, error: Exception) -> None:
        """Connect again, however long it takes, and send what was not answered."""
        _log.warning(
            "Redis is away; holding back", extra={"error": str(error), "unanswered": len(self._waiting)}
        )
        pause = 0.05
        while True:
            if self._stopping():
                raise Stopped(f"stopped while Redis was away ({error})")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
            try:
                self._open()
                self.settle_again()
                _log.warning("Redis is back")
                return
            except (RedisError, OSError) as again:
                error = again

    def settle_again(self) -> None:
        """Send everything unanswered on a fresh connection, and read the replies."""
        pending = list(self._waiting)
        for first in range(0, len(pending), _MOST_UNANSWERED):
            part = pending[first : first + _MOST_UNANSWERED]
            assert self._connection is not None
            self._connection.send_packed_command([command for command, _ in part])  # type: ignore[no-untyped-call]
            for _ in part:
                self._read_one()

    def _open(self) -> None:
        if self._connection is not None:
            self._client.connection_pool.release(self._connection)
            self._connection.disconnect()  # type: ignore[no-untyped-call]
            self._connection = None
            REDIS_RECONNECTS.inc()
        self._client.script_load(script().decode())
        self.identity = str(self._client.info("server").get("run_id"))
        self._connection = self._client.connection_pool.get_connection()

    def close(self) -> None:
        """Let the connection go."""
        if self._connection is not None:
            self._client.connection_pool.release(self._connection)
        self._client.close()


def _gathered(commands: Sequence[Command]) -> list[Command]:
    """The same bytes, in few pieces: each is a system call, and wakes the server."""
    if sum(map(len, commands)) > _SMALL:
        return list(commands)
    return [b"".join(commands)]


def _passing(error: ResponseError) -> bool:
    """Whether the server may accept the same command later (out of memory, read-only, loading)."""
    return str(error).split(" ", 1)[0] in {
        "OOM",
        "READONLY",
        "LOADING",
        "BUSY",
        "MASTERDOWN",
        "NOREPLICAS",
        "MISCONF",
    }
