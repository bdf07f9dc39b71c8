"""What a peer has written to Redis: how far it is, and whether its numbers are right."""

from hashlib import sha1
from pathlib import Path

from redis import Redis

from loadtest.errors import NotCaughtUp
from loadtest.probes import CHANNEL
from loadtest.verify.rows import chunks
from loadtest.w1.workload import CHANNELS, Workload
from loadtest.w1.write import sku_name

_SCRIPT = Path(__file__).with_name("views.lua")
_CHUNK = 5_000


def load_script(redis: Redis) -> str:
    """Give Redis the script that peers call; its SHA."""
    script = _SCRIPT.read_bytes()
    redis.script_load(script.decode())
    return sha1(script, usedforsecurity=False).hexdigest()


class Outcome:
    """The views under a prefix."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix

    def first_at(self) -> float | None:
        """When the first event was taken (epoch seconds), by the peer's own word."""
        said = self._redis.get(self._prefix + "first")
        return None if said is None else int(said) / 1000

    def folded(self) -> int:
        """Events that are in the views, each once."""
        return int(self._redis.get(self._prefix + "folded") or 0)

    def numbers(self, skus: list[str]) -> dict[str, int]:
        """The number of each sku in the channel of the probes. Raises NotCaughtUp where one is not there."""
        pipeline = self._redis.pipeline(transaction=False)
        for sku in skus:
            pipeline.hget(self._view(sku), CHANNEL)
        found = pipeline.execute()
        if None in found:
            raise NotCaughtUp(f"there is no view of {skus[found.index(None)]}")
        return {sku: int(number) for sku, number in zip(skus, found, strict=True)}

    def mismatches(self, workload: Workload) -> int:
        """How many of the numbers (skus that occur × channels) are not there or are not as expected."""
        expected = workload.views.tolist()
        wrong = 0
        for part in chunks(workload.occurs.nonzero()[0].tolist(), _CHUNK):
            pipeline = self._redis.pipeline(transaction=False)
            for sku in part:
                pipeline.hmget(self._view(sku_name(sku)), CHANNELS)
            for sku, found in zip(part, pipeline.execute(), strict=True):
                wrong += sum(
                    number is None or int(number) != wanted
                    for number, wanted in zip(found, expected[sku], strict=True)
                )
        return wrong

    def _view(self, sku: str) -> str:
        return f"{self._prefix}view:{sku}"
