"""One process owns an account: a lease in Redis, by the server's clock, and with it a fencing token that ever grows.

Whoever holds the lease renews it well before it ends; who was paused for longer finds it taken, and every question to
the limiter with its old claim is refused in the same script call, with `LeaseLost`. Keys, all of an application in one
hash slot:

    PREFIXlimits:{APPLICATION}:lease:ACCOUNT   the claim of who has it: "TOKEN OWNER"; gone with the lease
    PREFIXlimits:{APPLICATION}:token:ACCOUNT   the token that was given last; gone after a week without an owner

A token is at least the server's time (ms), so that it also grows where Redis has lost what it knew.
"""

import asyncio
import os
import socket
import time
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

from redis import Redis
from redis import asyncio as redis_asyncio
from redis.exceptions import RedisError

from runtime.settings import Settings

_WEEK_MS = 604_800_000

_ACQUIRE = """
local has = redis.call('GET', KEYS[1])
if has then return {0, has, redis.call('PTTL', KEYS[1])} end
local told = redis.call('TIME')
local token = math.max((tonumber(redis.call('GET', KEYS[2])) or 0) + 1, told[1] * 1000 + math.floor(told[2] / 1000))
local claim = string.format('%.0f', token) .. ' ' .. ARGV[1]
redis.call('SET', KEYS[1], claim, 'NX', 'PX', ARGV[2])
redis.call('SET', KEYS[2], string.format('%.0f', token), 'PX', ARGV[3])
return {token, claim, ARGV[2]}
"""
_RENEW = """
local has = redis.call('GET', KEYS[1])
local mine = not has and redis.call('GET', KEYS[2]) == ARGV[4]
if has ~= ARGV[1] and not mine then return {0} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return {1}
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class LeaseLost(Exception):
    """The account is another process's now, or nobody's: send nothing more for it, and acquire the lease again."""


class TakenBy(NamedTuple):
    """Who has the lease, and until when it is theirs at least (ms from now, unless they renew it)."""

    owner: str
    for_ms: int


def slot_prefix(settings: Settings, application: str) -> str:
    """What all keys of an application begin with; the braces keep them in one hash slot."""
    return f"{settings.redis_prefix}limits:{{{quote(application, safe='')}}}:"


def lease_key(settings: Settings, application: str, account: str) -> str:
    """Where the claim on an account stands."""
    return slot_prefix(settings, application) + "lease:" + quote(account, safe="")


class Claim:
    """What a process knows of its lease. `text`: the claim, as it stands in Redis; empty while it has none. `owner`: a
    name for people; it is made unique. `token`: of the claim; 0: none. `lasts_ms`: how long the lease is without being
    renewed."""

    def __init__(
        self, settings: Settings, application: str, account: str, lasts_ms: int = 15_000, owner: str = ""
    ) -> None:
        if lasts_ms < 1:
            raise ValueError(f"a lease of {lasts_ms} ms: write 1 or more")
        self.account = account
        self.lasts_ms = lasts_ms
        self.owner = f"{owner or socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.text = ""
        key = lease_key(settings, application, account)
        self._keys = [key, slot_prefix(settings, application) + "token:" + quote(account, safe="")]

    @property
    def token(self) -> int:
        return int(self.text.split(" ", 1)[0]) if self.text else 0

    def lost(self) -> LeaseLost:
        """Give the claim up; the error to raise."""
        self.text = ""
        return LeaseLost(
            f"account {self.account}: the lease of {self.owner} is over, or another process has the account; send "
            "nothing more for it, and acquire the lease again. If nothing else was wrong, make the lease longer"
        )

    def _wants(self) -> list[str | int]:
        return [self.owner, self.lasts_ms, _WEEK_MS]

    def _has(self) -> list[str | int]:
        return [self.text, self.lasts_ms, _WEEK_MS, self.token]

    def _taken(self, reply: Any) -> TakenBy | None:
        token, claim, for_ms = reply
        text = claim.decode() if isinstance(claim, bytes) else str(claim)
        if token:
            self.text = text
            return None
        return TakenBy(text.split(" ", 1)[1], int(for_ms))


class Lease(Claim):
    """The lease of an account, over a blocking client. A lease that lapsed while nobody else wanted it can be renewed.

    Methods raise RedisError where Redis is away."""

    def __init__(self, redis: Redis, settings: Settings, application: str, account: str, **rest: Any) -> None:
        super().__init__(settings, application, account, **rest)
        self._scripts = [redis.register_script(source) for source in (_ACQUIRE, _RENEW, _RELEASE)]

    def acquire(self) -> TakenBy | None:
        """Take the account, with a new token; or who has it."""
        return self._taken(self._scripts[0](self._keys, self._wants()))

    def renew(self) -> None:
        """Keep it for another `lasts_ms`. Raises `LeaseLost`."""
        if not self.text or not self._scripts[1](self._keys, self._has())[0]:
            raise self.lost()

    def release(self) -> None:
        """Leave it to others; nothing happens where it is another's already."""
        if self.text:
            self._scripts[2](self._keys, self._has())
            self.text = ""


class AsyncLease(Claim):
    """The same over an asyncio client, and whoever stands by and keeps it."""

    def __init__(
        self,
        redis: redis_asyncio.Redis,
        settings: Settings,
        application: str,
        account: str,
        clock: Callable[[], float] = time.monotonic,
        **rest: Any,
    ) -> None:
        super().__init__(settings, application, account, **rest)
        self._scripts = [redis.register_script(source) for source in (_ACQUIRE, _RENEW, _RELEASE)]
        self._clock = clock

    async def acquire(self) -> TakenBy | None:
        """Take the account, with a new token; or who has it."""
        return self._taken(await self._scripts[0](self._keys, self._wants()))

    async def stand_by(self) -> None:
        """Return as soon as the account is ours. Asks each third of a lease, and when the other's may have ended."""
        while taken := await self.acquire():
            await asyncio.sleep(max(1, min(taken.for_ms, self.lasts_ms / 3)) / 1000)

    async def renew(self) -> None:
        """Keep it for another `lasts_ms`. Raises `LeaseLost`."""
        if not self.text or not (await self._scripts[1](self._keys, self._has()))[0]:
            raise self.lost()

    async def keep(self) -> None:
        """Renew each third of its time, for ever. Raises `LeaseLost`, also where Redis was away for longer than a
        lease: nobody can say then whose it is."""
        renewed = self._clock()
        while True:
            await asyncio.sleep(self.lasts_ms / 3000)
            asked = self._clock()
            try:
                await self.renew()
            except (RedisError, OSError):
                if self._clock() - renewed > self.lasts_ms / 1000:
                    raise self.lost() from None
            else:
                renewed = asked

    async def release(self) -> None:
        """Leave it to others; nothing happens where it is another's already."""
        if self.text:
            await self._scripts[2](self._keys, self._has())
            self.text = ""
