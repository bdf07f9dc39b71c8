"""Redis connections, blocking and asyncio, and a clear word where the server is away.

`client` and `client_async` connect when first used; `connect` and `connect_async` wait until the server
answers.
"""

import asyncio
import time
from typing import Any

from redis import Redis
from redis import asyncio as redis_asyncio
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.retry import Retry

from runtime.exit import ExitCode, Refusal
from runtime.redaction import redact
from runtime.settings import Settings

_REFUSALS = (AuthenticationError, NoPermissionError, ResponseError)
"""Of these another try makes nothing better. (A server that is still loading is away: a connection error.)"""


class RedisUnavailable(Refusal):
    """The server did not answer in time."""

    code = ExitCode.TRY_AGAIN


class RedisRefuses(Refusal):
    """The server answered, and will not have us as the URL says: no such database, no right to it."""


def client(settings: Settings, **overrides: Any) -> Redis:
    """A blocking client; replies are bytes. Fails at once where the server is away: callers retry."""
    options = _options(settings, overrides)
    return Redis.from_url(settings.redis_url, **{"retry": Retry(NoBackoff(), 0), **options})


def client_async(settings: Settings, **overrides: Any) -> redis_asyncio.Redis:
    """An asyncio client; replies are bytes. Fails at once where the server is away: callers retry."""
    from redis.asyncio.retry import Retry as AsyncRetry

    options = _options(settings, overrides)
    return redis_asyncio.Redis.from_url(
        settings.redis_url, **{"retry": AsyncRetry(NoBackoff(), 0), **options}
    )


def connect(settings: Settings, timeout_s: float = 10.0, **overrides: Any) -> Redis:
    """A blocking client of a server that has answered; raises `RedisUnavailable` after `timeout_s`, `RedisRefuses`."""
    connection = client(settings, **overrides)
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            connection.ping()
            return connection
        except _REFUSALS as error:
            connection.close()
            raise RedisRefuses(_refused(settings, error)) from None
        except (RedisError, OSError) as error:
            if time.monotonic() >= deadline:
                connection.close()
                raise RedisUnavailable(_unavailable(settings, timeout_s, error)) from None
        time.sleep(0.05)


async def connect_async(settings: Settings, timeout_s: float = 10.0, **overrides: Any) -> redis_asyncio.Redis:
    """An asyncio client of a server that has answered; raises `RedisUnavailable` after `timeout_s`, `RedisRefuses`."""
    connection = client_async(settings, **overrides)
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            await connection.ping()
            return connection
        except _REFUSALS as error:
            await connection.aclose()
            raise RedisRefuses(_refused(settings, error)) from None
        except (RedisError, OSError) as error:
            if time.monotonic() >= deadline:
                await connection.aclose()
                raise RedisUnavailable(_unavailable(settings, timeout_s, error)) from None
        await asyncio.sleep(0.05)


def _options(settings: Settings, overrides: dict[str, Any]) -> dict[str, Any]:
    settings.require("redis_url")
    return {"socket_connect_timeout": 2.0, "socket_timeout": 10.0, "client_name": "stocktide", **overrides}


def _refused(settings: Settings, error: Exception) -> str:
    where, reason = redact(settings.redis_url), redact(str(error))
    return (
        f"Redis at {where} answered, and refuses this connection ({reason}); write a user, password and database that "
        "it has into STOCKTIDE_REDIS_URL: redis://user:password@host:port/0"
    )


def _unavailable(settings: Settings, timeout_s: float, error: Exception) -> str:
    where, reason = redact(settings.redis_url), redact(str(error))
    return (
        f"Redis at {where} did not answer within {timeout_s:g} s ({reason}); check that the server runs "
        "and that STOCKTIDE_REDIS_URL has its host, port, user and password"
    )
