"""Time: a number is visible soon after its event, and moves by itself when something ends."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
from redis import Redis

from inventory.murmur import shard_of
from runtime.settings import Settings
from tests.dataflows.feed import MINUTE, SECOND, Feed
from tests.dataflows.house import api, engine, eventually
from wire.codec import Codec
from wire.rows_read import read_channel
from wire.viewkeys import row_key

_WEB = 0
_VISIBLE_WITHIN_S = 1.0


def test_numbers_are_visible_soon_and_move_by_themselves(
    ready: Settings, feed: Feed, codec: Codec, redis: Redis, caught_up: Callable[[], None], tmp_path: Path
) -> None:
    def available(sku: str) -> int | None:
        (row,) = redis.hmget(row_key(ready.redis_prefix.encode(), shard_of(sku), sku.encode()).decode(), "c")
        shown = read_channel(row, _WEB) if isinstance(row, bytes) else None
        return None if shown is None else shown.available

    def shows(sku: str, units: int) -> bool:
        return available(sku) == units

    skus = [f"S{number}" for number in range(12)]
    for sku in (*skus, "SOFT", "RULED"):
        feed.item(sku)
        feed.count(sku, 100, location="S001")  # 1 is safety stock
    with engine(ready, tmp_path), api(ready) as url:
        caught_up()
        took = []
        for sku in skus:
            began = time.monotonic()
            feed.movement(sku, "SHIP", 9, location="S001")
            eventually(partial(shows, sku, 90), f"{sku} to fall", 10)
            took.append(time.monotonic() - began)
        assert sorted(took)[len(took) // 2] < _VISIBLE_WITHIN_S

        ends_at = int(time.time() * 1000) + 2_500
        feed.line("SOFT", "o1", 1, 40, ago=SECOND, location="S001", commitment="SOFT", expires_at=ends_at)
        eventually(lambda: available("SOFT") == 59, "the hold")
        eventually(lambda: available("SOFT") == 99, "the hold to end by itself", 10)
        assert time.time() * 1000 > ends_at

        ends_at = int(time.time() * 1000) + 3_000
        rule = {"id": "bu-ends", "status": "ACTIVE", "layer": "buffer", "valid_to": ends_at, "author": "test"}
        definition = json.dumps({"channel": "web", "units": 30})
        feed.put(
            "policies", b"bu-ends", codec.encode("Policy", {**rule, "definition": definition}), partition=0
        )
        eventually(lambda: available("RULED") == 69, "the rule to hold", 10)
        eventually(lambda: available("RULED") == 99, "the rule to end by itself", 10)
        assert time.time() * 1000 >= ends_at

        with httpx.Client(base_url=url) as client:  # nothing has moved since: the view is fresh all the same
            time.sleep(2.0)
            answer = client.get("/v1/availability/RULED?channel=web").json()
            assert answer["available"] == 99
            assert not answer["stale"]
            assert answer["age_ms"] < 5_000 < MINUTE
