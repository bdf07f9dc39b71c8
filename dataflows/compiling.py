"""Kernels are compiled before anything starts. What takes minutes is said before and after: in the log, and in Redis to
whoever asks meanwhile why nothing is ready.

Whether they are there cannot be told from files: the compiler does not use what it kept for sources in another folder,
or for another processor. So it is asked: the first kernel that it compiles is what is said.
"""

import contextlib
import fcntl
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from numba.core.event import Event, Listener, install_listener
from redis import Redis
from redis.exceptions import RedisError

from dataflows.warm import warm
from runtime.children import spawn, stop
from runtime.redis import client
from runtime.settings import Settings
from wire.viewkeys import compiling_key

_log = logging.getLogger("stocktide.dataflows")

_COMPILE = "numba:compile"
"""What the compiler tells when it compiles, and not when it loads what it kept."""
_EVERY_S, _FOR_S = 5.0, 20
"""How often Redis is told, and how long it keeps what it was told: an engine that is killed tells nothing any more."""


def compile_kernels(settings: Settings | None = None, *, from_the_end: bool = False) -> None:
    """Compile what is not in the cache. From the first that is not there, two processes share it, and the Redis of
    `settings` is told. `from_the_end`: this is the second process."""
    if from_the_end:
        warm(from_the_end=True)
        return
    with ExitStack() as until_done:
        compiling = _Compiling(settings, until_done)
        with install_listener(_COMPILE, compiling):
            seconds = warm()
        compiling.finish(seconds)


class _Compiling(Listener):  # type: ignore[misc]
    """Hears of kernels that are compiled. The first has all said, and fetches help; both are over with `until_done`.
    One process compiles at a time: who had to wait finds all but the kernel for which it did."""

    def __init__(self, settings: Settings | None, until_done: ExitStack) -> None:
        self._settings = settings
        self._until_done = until_done
        self._helper: subprocess.Popen[bytes] | None = None
        self._turn: BinaryIO | None = None

    def on_start(self, event: Event) -> None:
        """A kernel is about to be compiled."""
        if self._turn is None and self._waits_for_its_turn():
            return
        if self._helper is None:
            _log.info("compiling kernels: about 2 minutes, once per version and host")
            if self._settings is not None:
                self._until_done.enter_context(_told(self._settings))
            self._helper = spawn([sys.executable, "-m", "dataflows", "warm", "--from-the-end"])
            self._until_done.callback(stop, self._helper, 0.0)

    def _waits_for_its_turn(self) -> bool:
        """Whether another process was compiling; it is done now."""
        folder = Path(os.environ["NUMBA_CACHE_DIR"])
        folder.mkdir(parents=True, exist_ok=True)
        self._turn = self._until_done.enter_context((folder / "lock").open("wb"))
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        except OSError:
            _log.info("another process compiles the kernels: waiting for it")
        with nullcontext() if self._settings is None else _told(self._settings):
            fcntl.flock(self._turn, fcntl.LOCK_EX)
        return True

    def on_end(self, event: Event) -> None:
        """One is compiled, of many."""

    def finish(self, seconds: float) -> None:
        """All are there, after so many seconds: wait for what the helper still writes."""
        if self._helper is None:
            return
        code = self._helper.wait()
        if code:
            _log.warning("the process that helped to compile failed", extra={"code": code})
        _log.info("kernels are compiled", extra={"seconds": round(seconds, 1)})


@contextmanager
def _told(settings: Settings) -> Iterator[None]:
    """Let Redis say that an engine compiles, for as long as it does."""
    key = compiling_key(settings.redis_prefix.encode())
    done = threading.Event()
    with client(settings) as redis:
        teller = threading.Thread(target=_tell, args=(redis, key, done), daemon=True)
        teller.start()
        try:
            yield
        finally:
            done.set()
            teller.join()
            with contextlib.suppress(RedisError):  # it forgets by itself
                redis.delete(key)


def _tell(redis: Redis, key: bytes, done: threading.Event) -> None:
    while True:
        with contextlib.suppress(RedisError):  # an answer of the API says that Redis is away
            redis.set(key, b"1", ex=_FOR_S)
        if done.wait(_EVERY_S):
            return
