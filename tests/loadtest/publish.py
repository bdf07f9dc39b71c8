"""An engine's stand-in: publishes what the reference model says, so that the verifier can be tested."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from redis import Redis

from inventory.murmur import shard_of
from inventory.views import CHANNEL_TERMS, NODE_TERMS, STATUS_NAMES, Views, bare
from loadtest.verify.compare import CHANNEL_TERMS as CHANNEL_NAMES
from loadtest.verify.compare import NODE_TERMS as NODE_NAMES
from loadtest.verify.truth import Truth
from runtime import kafka
from runtime.readback import read_topic
from runtime.settings import Settings
from wire.codec import Codec
from wire.rows import encode_calls, parse_reply, script, script_sha
from wire.viewkeys import freshness_key, meta_key, network_key


def publish(redis: Redis, settings: Settings, codec: Codec, truth: Truth) -> None:
    """Rows, network, freshness and dead letters as a perfect engine would leave them now."""
    places = {name: number for number, name in enumerate(truth.model.locations())}
    channels = truth.model.channels()
    prefix = settings.redis_prefix.encode()
    now = int(time.time() * 1000)
    redis.script_load(script().decode())
    by_lane: dict[int, list[str]] = {}
    for sku in truth.model.skus():
        by_lane.setdefault(shard_of(sku) % settings.partitions, []).append(sku)
    for lane in range(settings.partitions):
        views = _views(truth, by_lane.get(lane, []), channels, places, now)
        calls = encode_calls(
            views,
            prefix=prefix,
            lane=lane,
            generation=1,
            offsets=b"",
            rules=[b"{}"],
            terms=[b""],
            sha=script_sha(),
        )
        for call in calls:
            assert parse_reply(_send(redis, call)).refused == 0
    redis.hset(
        meta_key(prefix).decode(),
        mapping={"generation": 1, "partitions": settings.partitions, "id": "made-up"},
    )
    redis.set(network_key(prefix), json.dumps(_network(truth, channels, places)))
    _publish_letters(settings, codec, truth)


@contextmanager
def heartbeat(redis: Redis, settings: Settings) -> Iterator[None]:
    """Every lane says all the time that it has nothing left, as a running engine does."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(0.05):
            now = int(time.time() * 1000)
            said: dict[Any, Any] = {"generation": 1, "committed_at": now, "lag": 0, "offered": "made-up"}
            for lane in range(settings.partitions):
                redis.hset(freshness_key(settings.redis_prefix.encode(), lane).decode(), mapping=said)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _views(
    truth: Truth, skus: Sequence[str], channels: Sequence[str], places: dict[str, int], now: int
) -> Views:
    names = [sku.encode() for sku in skus]
    length = np.array([len(name) for name in names], np.int32)
    terms = np.zeros((len(skus), len(channels), CHANNEL_TERMS), np.int64)
    nodes, ordinals, starts = [], [], [0]
    for row, sku in enumerate(skus):
        for number, channel in enumerate(channels):
            told = truth.model.channel(sku, channel, now)
            for term, name in enumerate(CHANNEL_NAMES):
                value = getattr(told, name)
                terms[row, number, term] = STATUS_NAMES.index(value) if name == "status" else value
        for place in truth.model.locations_of(sku):
            node = truth.model.node(sku, place, now)
            nodes.append([getattr(node, name) for name in NODE_NAMES])
            ordinals.append(places[place])
        starts.append(len(nodes))
    return Views(
        names=np.array(bytearray(b"".join(names)), np.uint8),
        name_at=np.cumsum(length, dtype=np.int64) - length,
        name_len=length,
        shard=np.array([shard_of(name) for name in names], np.int32),
        profile=np.zeros(len(skus), np.int32),
        version=np.full(len(skus), 2**44 + now, np.int64),
        as_of=np.full(len(skus), now, np.int64),
        active=np.ones(len(skus), np.uint8),
        channels=terms,
        channel_ordinal=np.arange(len(channels), dtype=np.int32),
        node_start=np.array(starts, np.int64),
        node_ordinal=np.array(ordinals, np.int32),
        nodes=np.array(nodes, np.int64).reshape(-1, NODE_TERMS),
        computed_at=now,
        **bare(len(skus), len(channels)),
    )


def _network(truth: Truth, channels: Sequence[str], places: dict[str, int]) -> dict[str, object]:
    kinds = {"web": "", "amazon": "DC", "pickup": "S"}
    return {
        "offset": 1,
        "locations": {
            name: {"ordinal": number, "type": "store", "region": "us", "status": "ACTIVE"}
            for name, number in places.items()
        },
        "channels": {
            name: {
                "ordinal": number,
                "status": "ACTIVE",
                "locations": [place for place in places if place.startswith(kinds[name])],
            }
            for number, name in enumerate(channels)
        },
    }


def _publish_letters(settings: Settings, codec: Codec, truth: Truth) -> None:
    producer = kafka.producer(settings)
    topics = {place[0] for place in truth.refused}
    values = {stored.place: stored.value or b"" for topic in topics for stored in read_topic(settings, topic)}
    for (topic, partition, offset, line), code in truth.refused.items():
        letter = {
            "code": code, "reason": "as the model says", "topic": settings.topic_prefix + topic,
            "partition": partition, "offset": offset, "line": line, "log_time": 0,
            "original": values[topic, partition, offset],
        }  # fmt: skip
        producer.produce(settings.topic_prefix + "dead-letters", codec.encode("DeadLetter", letter))
    assert producer.flush(10) == 0


def _send(redis: Redis, call: memoryview) -> list[int]:
    connection = redis.connection_pool.get_connection()
    try:
        connection.send_packed_command([call])  # type: ignore[no-untyped-call]
        reply: list[int] = connection.read_response()
        return reply
    finally:
        redis.connection_pool.release(connection)
