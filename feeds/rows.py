"""Reads the rows of skus whose numbers are wanted by location: those that are asked for at a time, in one round trip.

The engine writes a row before it publishes its record, but on another way: a row may be older than the record for a
moment, or be gone while Redis has lost it. It is looked for again until it is as new, and only then its numbers count
for the record's version.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from redis import asyncio as redis_asyncio
from redis.exceptions import RedisError

from feeds.numbers import Places, Row, read_row
from inventory.murmur import shard_of
from runtime.settings import Settings
from wire.rows_read import RowFormatError
from wire.viewkeys import network_key, row_key

_log = logging.getLogger("stocktide.feeds")

_AT_ONCE = 500
_AGAIN_S, _AGAIN_MOST_S = 0.05, 5.0
_NETWORK_S = 10.0


class Rows:
    """`want` a sku; `found` is called with it and its row. `run` until cancelled."""

    def __init__(
        self, redis: redis_asyncio.Redis, settings: Settings, places: Places,
        found: Callable[[str, Row], bool],
    ) -> None:  # fmt: skip
        self._redis = redis
        self._prefix = settings.redis_prefix.encode()
        self._places = places
        self._found = found
        """Whether it was as new as it had to be."""
        self._wanted: dict[str, float] = {}
        """When to look, by the loop's time."""
        self._pauses: dict[str, float] = {}
        self._asked = asyncio.Event()
        self._network_due = 0.0

    def want(self, sku: str) -> None:
        """Something new was published of it."""
        self._wanted[sku] = 0.0
        self._pauses.pop(sku, None)
        self._asked.set()

    @property
    def waiting(self) -> int:
        """How many skus wait for a row that is new enough."""
        return len(self._wanted)

    async def run(self) -> None:
        """Read, for ever. What Redis does not answer is asked again."""
        while True:
            now = asyncio.get_running_loop().time()
            due = [sku for sku, at in self._wanted.items() if at <= now][:_AT_ONCE]
            if not due:
                wait_s = min(self._wanted.values(), default=now + _NETWORK_S) - now
                self._asked.clear()
                try:
                    async with asyncio.timeout(max(0.001, wait_s)):
                        await self._asked.wait()
                except TimeoutError:
                    pass
                continue
            try:
                await self._learn(now)
                rows = await self._read(due)
            except (RedisError, OSError) as error:
                _log.warning(
                    "rows cannot be read", extra={"reason": str(error), "waiting": len(self._wanted)}
                )
                await asyncio.sleep(1.0)
                continue
            for sku, fields in rows.items():
                self._take(sku, fields, now)

    async def _learn(self, now: float) -> None:
        if now >= self._network_due:
            document: Any = await self._redis.get(network_key(self._prefix))
            self._places.learn(document)
            self._network_due = now + (_NETWORK_S if self._places.ordinals else _AGAIN_S)

    async def _read(self, skus: list[str]) -> dict[str, Mapping[bytes, bytes]]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for sku in skus:
                name = sku.encode()
                pipeline.hgetall(row_key(self._prefix, shard_of(name), name))
            replies: list[Any] = await pipeline.execute()
        return dict(zip(skus, replies, strict=True))

    def _take(self, sku: str, fields: Mapping[bytes, bytes], now: float) -> None:
        try:
            row = read_row(fields)
        except RowFormatError as error:
            _log.error("a row cannot be read", extra={"sku": sku, "reason": str(error)})
            row = None
        if row is not None and self._places.ordinals and self._found(sku, row):
            self._wanted.pop(sku, None)
            self._pauses.pop(sku, None)
            return
        pause = self._pauses[sku] = min(_AGAIN_MOST_S, 2 * self._pauses.get(sku, _AGAIN_S / 2))
        self._wanted[sku] = now + pause
