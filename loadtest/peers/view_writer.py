"""Where the Python peers write their views: Redis, by the script that guards the versions."""

import json
import time
from collections.abc import Iterable
from typing import NamedTuple

from redis import Redis

from loadtest.peers.given import Given

_ROWS = 256


class View(NamedTuple):
    """`version`: events of the sku that are in it; `recorded_at`: the greatest time a movement in it was recorded."""

    version: int
    web: int
    amazon: int
    pickup: int
    recorded_at: int

    def message(self) -> bytes:
        """What the topic `availability` gets."""
        numbers = {"web": self.web, "amazon": self.amazon, "pickup": self.pickup, "version": self.version}
        return json.dumps(numbers).encode()


class ViewWriter:
    """One connection to Redis."""

    def __init__(self, given: Given) -> None:
        self._redis = Redis.from_url(given.redis_url)
        self._prefix = given.redis_prefix
        self._script = given.script

    def tell_first(self) -> None:
        """Tell the harness that the first event is being taken, if nobody has."""
        self._redis.set(self._prefix + "first", int(time.time() * 1000), nx=True)

    def write(self, views: Iterable[tuple[str, View]]) -> None:
        """Return when Redis has these views of skus. Raises RedisError."""
        rows = list(views)
        pipeline = self._redis.pipeline(transaction=False)
        for first in range(0, len(rows), _ROWS):
            arguments: list[str | int] = [self._prefix]
            for sku, view in rows[first : first + _ROWS]:
                arguments += (sku, *view)
            pipeline.evalsha(self._script, 0, *arguments)
        pipeline.execute()
