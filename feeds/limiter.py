"""Every request of an account passes here first: its limits, kept in Redis, decided by one script call.

`Limiter` asks over a blocking client, `AsyncLimiter` over an asyncio one; both put the questions of `Limits`, which
also tells the keys, and answer the same. All methods raise `LeaseLost` (send nothing more), RedisError (nobody
decided; what was taken stays taken), and ValueError for a group or bucket that the connector has not declared.

No window of any bucket admits more than it says, however many processes ask. Where an answer of the channel says that
a bucket has more than we believed, the call that was answered must be named, and what was admitted after it is not
counted as left; a call that was admitted before it and arrives after it is, until the next answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from redis import Redis
from redis import asyncio as redis_asyncio

from feeds.buckets import Bucket
from feeds.exchange import Observed, Request
from feeds.lease import LeaseLost
from feeds.limits import SCRIPT, Admitted, Limits, Question, Refused, Room, Speed, T, TooLarge
from runtime.settings import Settings

__all__ = ["Admitted", "AsyncLimiter", "LeaseLost", "Limiter", "Refused", "Room", "Speed", "TooLarge"]


class Limiter:
    """`limits`: `Connector.limits`; `rest`: `lease` and `speed` of `Limits`."""

    def __init__(
        self,
        redis: Redis,
        settings: Settings,
        application: str,
        account: str,
        limits: Mapping[str, Sequence[Bucket]],
        **rest: Any,
    ) -> None:
        self._limits = Limits(settings, application, account, limits, **rest)
        self._script = redis.register_script(SCRIPT)

    def ask(self, request: Request, now_ms: int | None = None) -> Admitted | Refused:
        return self._answer(self._limits.ask(request, now_ms))

    def room(self, group: str, most: int, points: int = 0, now_ms: int | None = None) -> Room:
        return self._answer(self._limits.room(group, most, points, now_ms))

    def observe(
        self, observed: Iterable[Observed], admitted: Admitted | None = None, now_ms: int | None = None
    ) -> None:
        self._answer(self._limits.observe(observed, admitted, now_ms))

    def hold(self, group: str, seconds: float, now_ms: int | None = None) -> None:
        self._answer(self._limits.hold(group, seconds, now_ms))

    def give_back(self, admitted: Admitted, points: int | None = None, now_ms: int | None = None) -> None:
        self._answer(self._limits.give_back(admitted, points, now_ms))

    def _answer(self, question: Question[T]) -> T:
        reply = None
        while True:
            try:
                asked = question.send(reply)
            except StopIteration as end:
                answer: T = end.value
                return answer
            reply = self._script(asked.keys, asked.words)


class AsyncLimiter:
    """The same, over an asyncio client."""

    def __init__(
        self,
        redis: redis_asyncio.Redis,
        settings: Settings,
        application: str,
        account: str,
        limits: Mapping[str, Sequence[Bucket]],
        **rest: Any,
    ) -> None:
        self._limits = Limits(settings, application, account, limits, **rest)
        self._script = redis.register_script(SCRIPT)

    async def ask(self, request: Request, now_ms: int | None = None) -> Admitted | Refused:
        return await self._answer(self._limits.ask(request, now_ms))

    async def room(self, group: str, most: int, points: int = 0, now_ms: int | None = None) -> Room:
        return await self._answer(self._limits.room(group, most, points, now_ms))

    async def observe(
        self, observed: Iterable[Observed], admitted: Admitted | None = None, now_ms: int | None = None
    ) -> None:
        await self._answer(self._limits.observe(observed, admitted, now_ms))

    async def hold(self, group: str, seconds: float, now_ms: int | None = None) -> None:
        await self._answer(self._limits.hold(group, seconds, now_ms))

    async def give_back(
        self, admitted: Admitted, points: int | None = None, now_ms: int | None = None
    ) -> None:
        await self._answer(self._limits.give_back(admitted, points, now_ms))

    async def _answer(self, question: Question[T]) -> T:
        reply = None
        while True:
            try:
                asked = question.send(reply)
            except StopIteration as end:
                answer: T = end.value
                return answer
            reply = await self._script(asked.keys, asked.words)
