"""Dead letters sent again once their cause is gone: the numbers are as if all had been right from the start."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from redis import Redis

from dataflows.__main__ import main
from inventory.murmur import shard_of
from runtime.readback import read_topic
from runtime.settings import Settings
from tests.dataflows.feed import HOUR, MINUTE, Feed
from tests.dataflows.house import engine, eventually, typed
from wire.codec import Codec
from wire.rows_read import read_channel
from wire.viewkeys import row_key

DAY = 24 * HOUR


def test_replayed_letters_are_folded_once_and_judged_as_when_they_came(
    ready: Settings, feed: Feed, codec: Codec, redis: Redis, caught_up: Callable[[], None], tmp_path: Path
) -> None:
    settings = ready.replace(parking_horizon_ms=300)

    replay = partial(typed, main, settings, "replay")

    def letters() -> int:
        return sum(1 for _ in read_topic(settings, "dead-letters"))

    def available() -> int | None:
        row = redis.hget(row_key(settings.redis_prefix.encode(), shard_of("NEW"), b"NEW").decode(), "c")
        shown = read_channel(row, 0) if isinstance(row, bytes) else None
        return None if shown is None else shown.available

    with engine(settings, tmp_path):
        feed.count("NEW", 10, location="DC1")
        feed.movement("NEW", "RECEIPT", 5, ago=MINUTE)
        feed.movement("NEW", "RECEIPT", 7, ago=4 * DAY)
        feed.sale("S001", ("NEW", 2), ("NEW", 1))
        feed.put("stock-movements", b"NEW", b"garbage")
        eventually(lambda: letters() == 6, "all of it to be dead letters")

        assert replay()[0] == 2
        assert replay("--all", "--code", "unknown_sku", "--by", "us")[0] == 2
        code, said = replay("--code", "unknown_sku")
        assert code == 2
        assert "--by NAME" in said
        assert replay("--code", "no_such", "--by", "us")[0] == 2
        assert replay("--code", "bundle_sku", "--by", "us") == (
            0,
            "no dead letter is like that; there are: 2 unknown_sku of pos-sales, 1 beyond_horizon of stock-movements, "
            "1 undecodable of stock-movements, 1 unknown_sku of stock-movements, 1 unknown_sku of wms-adjustments\n",
        )

        feed.item("NEW")
        caught_up()
        code, said = replay("--code", "unknown_sku", "--dry-run")
        assert code == 0
        assert said.splitlines() == [
            "2 unknown_sku of pos-sales: would be sent again",
            "1 unknown_sku of stock-movements: would be sent again",
            "1 unknown_sku of wms-adjustments: would be sent again",
        ]
        assert available() == 0

        assert replay("--code", "unknown_sku", "--by", "us")[0] == 0
        caught_up()
        # 10 counted and 5 received in DC1, 2 of them safety stock; S001 is below zero
        assert available() == 13
        assert replay("--topic", "stock-movements", "--code", "beyond_horizon", "--by", "us")[0] == 0
        caught_up()
        assert available() == 13  # received before the count
        assert letters() == 6

        code, said = replay("--all", "--by", "us")
        assert code == 0
        assert said.splitlines() == [
            "1 undecodable of stock-movements: sent again",
            "5 were sent again before, and are left out",
        ]
        eventually(lambda: letters() == 7, "garbage to be a dead letter once more")
        caught_up()
        assert available() == 13

    entries = [codec.decode(stored.value or b"")[1] for stored in read_topic(settings, "audit")]
    assert len(entries) == 6
    assert {(e["action"], e["actor"], e["outcome"]) for e in entries} == {("dataflows.replay", "us", "DONE")}
