"""A view as an engine leaves it in Redis, of made-up skus: 3 channels and 20 locations each."""

import time
from typing import Any, cast

import numpy as np
import orjson
from redis import Redis

from inventory.murmur import shard_of
from inventory.views import CHANNEL_TERMS, IN_STOCK, NODE_TERMS, STATUS, Views, bare
from wire import viewkeys
from wire.rows import encode_calls, parse_reply, script, script_sha

CHANNELS = ("web", "amazon", "pickup")

_LANES = 8
_LOCATIONS = 20


def fill(client: Redis, prefix: bytes, names: list[str], seed: int) -> int:
    """Write rows of all names, the network and the freshness of the lanes; returns the rows written."""
    client.script_load(script().decode())
    rules = orjson.dumps({channel: ["ss-default"] for channel in CHANNELS})
    by_lane: list[list[bytes]] = [[] for _ in range(_LANES)]
    for name in names:
        by_lane[shard_of(name) % _LANES].append(name.encode())
    written = 0
    for lane, own in enumerate(by_lane):
        calls = encode_calls(
            _views(own, seed + lane), prefix=prefix, lane=lane, generation=1, offsets=b"", rules=[rules],
            terms=[b""], sha=script_sha(),
        )  # fmt: skip
        written += _send(client, calls)
        now = int(time.time() * 1000)
        committed: dict[Any, Any] = {"generation": 1, "committed_at": now, "lag": 0, "offered": "made-up"}
        client.hset(viewkeys.freshness_key(prefix, lane).decode(), mapping=committed)
    client.hset(
        viewkeys.meta_key(prefix).decode(), mapping={"generation": 1, "partitions": _LANES, "id": "made-up"}
    )
    client.set(viewkeys.network_key(prefix), orjson.dumps(_network()))
    return written


def _send(client: Redis, calls: list[memoryview]) -> int:
    connection = client.connection_pool.get_connection()
    try:
        connection.send_packed_command(calls)  # type: ignore[no-untyped-call]
        replies = [cast("list[int]", connection.read_response()) for _ in calls]
    finally:
        client.connection_pool.release(connection)
    return sum(parse_reply(reply).applied for reply in replies)


def _views(names: list[bytes], seed: int) -> Views:
    rng = np.random.default_rng(seed)
    rows = len(names)
    length = np.array([len(name) for name in names], np.int32)
    now = int(time.time() * 1000)
    channels = rng.integers(0, 500, (rows, len(CHANNELS), CHANNEL_TERMS))
    channels[:, :, STATUS] = IN_STOCK
    return Views(
        names=np.array(bytearray(b"".join(names)), np.uint8),
        name_at=np.cumsum(length, dtype=np.int64) - length,
        name_len=length,
        shard=np.array([shard_of(name) for name in names], np.int32),
        profile=np.zeros(rows, np.int32),
        version=np.arange(rows, dtype=np.int64) + 2**44,
        as_of=np.full(rows, now, np.int64),
        active=np.ones(rows, np.uint8),
        channels=channels,
        channel_ordinal=np.arange(len(CHANNELS), dtype=np.int32),
        node_start=np.arange(rows + 1, dtype=np.int64) * _LOCATIONS,
        node_ordinal=np.tile(np.arange(_LOCATIONS, dtype=np.int32), rows),
        nodes=rng.integers(0, 50, (rows * _LOCATIONS, NODE_TERMS)),
        computed_at=now,
        **bare(rows, len(CHANNELS)),
    )


def _network() -> dict[str, Any]:
    places = [f"S{number:03}" for number in range(_LOCATIONS)]
    return {
        "offset": 1,
        "locations": {
            place: {"ordinal": number, "type": "store", "region": None, "status": "ACTIVE"}
            for number, place in enumerate(places)
        },
        "channels": {
            channel: {"ordinal": number, "status": "ACTIVE", "locations": places}
            for number, channel in enumerate(CHANNELS)
        },
    }
