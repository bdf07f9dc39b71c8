"""Kernels are compiled before anything starts. What takes minutes is said before and after: in the log, and in Redis to
whoever asks meanwhile why nothing is ready."""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from dataflows.warm import warm
from inventory.jit import COMPILES
from runtime.children import spawn, stop
from runtime.redis import client
from runtime.settings import Settings
from wire.viewkeys import compiling_key

_log = logging.getLogger("stocktide.dataflows")

_COMPILED = "compiled"
"""A file in the folder of the kernels, once all are there. Another version has another folder."""
_EVERY_S, _FOR_S = 5.0, 20
"""How often Redis is told, and how long it keeps what it was told: an engine that is killed tells nothing any more."""


def compile_kernels(settings: Settings | None = None, *, from_the_end: bool = False) -> None:
    """Compile what is not in the cache. Where that was never done to the end, two processes share it, and the Redis of
    `settings` is told. `from_the_end`: this is the second process."""
    compiled = Path(os.environ["NUMBA_CACHE_DIR"]) / _COMPILED
    if from_the_end or compiled.exists() or not COMPILES:
        warm(from_the_end=from_the_end)
        return
    _log.info("compiling kernels: about 2 minutes, once per version")
    other = spawn([sys.executable, "-m", "dataflows", "warm", "--from-the-end"])
    try:
        with contextlib.nullcontext() if settings is None else _told(settings):
            seconds = warm()
            code = other.wait()
    except BaseException:
        stop(other, 0.0)
        raise
    if code:
        _log.warning("the process that helped to compile failed", extra={"code": code})
    compiled.parent.mkdir(parents=True, exist_ok=True)
    compiled.touch()
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
