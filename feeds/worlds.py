"""The time that each account goes by. A simulator may run faster than the world: then it is asked what time it is."""

import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
from redis import asyncio as redis_asyncio

from feeds.accounts import Account
from feeds.clock import Clock
from feeds.limits import Speed
from runtime.exit import ExitCode, Refusal

_ANSWER_S = 5.0
_PATH = "/_simulator"


class NoSimulator(Refusal):
    """The simulator of an account does not say what time it is."""

    code = ExitCode.TRY_AGAIN


class World(NamedTuple):
    """A clock, and the same for the limits; `speed` None: it is the world's own."""

    clock: Clock
    speed: Speed | None


class Worlds:
    """One for each simulator, so that all accounts there go by the same clock for as long as the process lives."""

    def __init__(self, redis: redis_asyncio.Redis) -> None:
        self._redis = redis
        self._found: dict[tuple[str, float], World] = {}

    async def of(self, account: Account) -> World:
        """The time of an account. Raises NoSimulator, RedisError."""
        if account.clock_speed == 1:
            return World(Clock(), None)
        place = urlsplit(account.url)
        at = f"{place.scheme}://{place.netloc}", account.clock_speed
        if at not in self._found:
            self._found[at] = await self._ask(account, at[0])
        return self._found[at]

    async def _ask(self, account: Account, origin: str) -> World:
        told = await _overview(account, origin)
        if told["speed"] != account.clock_speed:
            raise NoSimulator(
                f"account {account.id}: clock_speed is {account.clock_speed:g}, and the simulator at {origin} runs at "
                f"{told['speed']:g}; write the same"
            )
        clock = Clock(account.clock_speed, told["now_ms"])
        asked = time.monotonic()
        seconds, micros = await self._redis.time()
        half_ms = (time.monotonic() - asked) * 500
        began_ms = int(seconds * 1000 + micros / 1000 - half_ms)
        return World(clock, Speed(account.clock_speed, began_ms, told["now_ms"]))


async def _overview(account: Account, origin: str) -> dict[str, Any]:
    try:
        async with httpx.AsyncClient(timeout=_ANSWER_S, trust_env=False) as client:
            told: dict[str, Any] = (await client.get(origin + _PATH)).raise_for_status().json()
            return {"now_ms": int(told["now_ms"]), "speed": float(told["speed"])}
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise NoSimulator(
            f"account {account.id} has a clock_speed, and {origin}{_PATH} does not say what time it is "
            f"({type(error).__name__}: {error}); start `python -m feeds simulate`, or leave clock_speed out"
        ) from None
