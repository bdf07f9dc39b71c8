"""The whole view in Redis, row by row, for commands that need all of it."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from redis import Redis

from runtime.exit import ExitCode, Refusal
from runtime.redis import connect
from runtime.settings import Settings
from wire.rows_read import read_channel
from wire.viewkeys import network_key

_AT_ONCE = 500


class NothingPublished(Refusal):
    """The view has no network yet."""

    code = ExitCode.TRY_AGAIN


class PublishedRow(NamedTuple):
    """One sku: the pool of each channel that is not deleted and has a number, and the rules that shaped it."""

    sku: str
    pools: dict[str, int]
    rules: dict[str, list[str]]


def published_rows(settings: Settings) -> Iterator[PublishedRow]:
    """Every row of the view, in no order. A row that is written meanwhile is told once, as it was or as it is.

    Raises `RedisUnavailable`, `NothingPublished`, `RowFormatError`.
    """
    settings.require("redis_url")
    client = connect(settings)
    try:
        prefix = settings.redis_prefix.encode()
        ordinals = _channels(client, prefix)
        told: set[bytes] = set()  # a scan may name a key twice
        keys = (key for key in client.scan_iter(match=_literal(prefix) + b"v:{*}:*", count=_AT_ONCE))
        while batch := [key for key in islice(keys, _AT_ONCE) if key not in told]:
            told.update(batch)
            pipeline = client.pipeline(transaction=False)
            for key in batch:
                pipeline.hmget(key, ["c", "r"])
            for key, (packed, rules) in zip(batch, pipeline.execute(), strict=True):
                if packed is not None:
                    yield _row(key[len(prefix) :], packed, rules, ordinals)
    finally:
        client.close()


def _channels(client: Redis, prefix: bytes) -> dict[str, int]:
    document: Any = client.get(network_key(prefix))
    if document is None:
        raise NothingPublished(
            "the view has no network yet: start the engine, and try again when it has published"
        )
    channels = json.loads(document)["channels"]
    return {name: told["ordinal"] for name, told in channels.items() if told["status"] == "ACTIVE"}


def _row(key: bytes, packed: bytes, rules: bytes, ordinals: dict[str, int]) -> PublishedRow:
    sku = key[key.index(b"}:") + 2 :].decode()
    pools = {}
    for name, ordinal in ordinals.items():
        numbers = read_channel(packed, ordinal)
        if numbers is not None:
            pools[name] = numbers.pool
    return PublishedRow(sku, pools, json.loads(rules))


def _literal(text: bytes) -> bytes:
    """A text as a pattern that matches it alone."""
    return b"".join(b"\\" + bytes([byte]) if byte in b"*?[]\\^" else bytes([byte]) for byte in text)
