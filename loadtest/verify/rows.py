"""Rows of the view, read straight from Redis."""

import json
from collections.abc import Iterator, Sequence
from typing import TypeVar

from redis import Redis

from inventory.murmur import shard_of
from loadtest.errors import NotCaughtUp
from runtime.settings import Settings
from wire.viewkeys import network_key, row_key

Row = dict[bytes, bytes]
T = TypeVar("T")

_CHUNK = 2_000


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in pieces of at most `size`."""
    return (items[first : first + size] for first in range(0, len(items), size))


def read_rows(redis: Redis, settings: Settings, skus: Sequence[str]) -> Iterator[tuple[str, Row]]:
    """(sku, row) for every sku; a row that is not there is empty."""
    prefix = settings.redis_prefix.encode()
    for part in chunks(skus, _CHUNK):
        pipeline = redis.pipeline(transaction=False)
        for sku in part:
            pipeline.hgetall(row_key(prefix, shard_of(sku), sku.encode()))
        yield from zip(part, pipeline.execute(), strict=True)


def row_names(redis: Redis, settings: Settings) -> set[str]:
    """The skus that have a row."""
    prefix = settings.redis_prefix.encode() + b"v:{"
    keys = redis.scan_iter(match=prefix.replace(b"[", b"\\[") + b"*", count=5_000)
    return {key[len(prefix) :].split(b"}:", 1)[1].decode() for key in keys}


class Places:
    """The view's network: ordinals, and where each channel sells from. Raises NotCaughtUp without one."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        text = redis.get(network_key(settings.redis_prefix.encode()))
        if text is None:
            raise NotCaughtUp("the view names no network: apply a rules file and start the engine")
        network = json.loads(text)
        self.channels: dict[str, int] = {name: told["ordinal"] for name, told in network["channels"].items()}
        self.sells_from = {name: frozenset(told["locations"]) for name, told in network["channels"].items()}
        self.locations: dict[int, str] = {
            told["ordinal"]: name for name, told in network["locations"].items()
        }
