"""The verifier: it finds nothing where nothing is wrong, and everything else, through real services."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis

from inventory.murmur import shard_of
from loadtest.processes import api, apply_rules
from loadtest.retail.replay import Replay
from loadtest.verify.command import Verdict, verify
from loadtest.verify.truth import Truth, tell
from runtime import redis as redis_link
from runtime.settings import Settings
from runtime.topics import create_topics
from tests.loadtest.publish import heartbeat, publish
from wire.codec import Codec
from wire.viewkeys import row_key

_FIRST_CHANNEL = 40  # bytes of the header before the first channel's record
_AVAILABLE = 8


@dataclass
class Published:
    """A replay in Kafka, and what a perfect engine makes of it in Redis."""

    settings: Settings
    codec: Codec
    redis: Redis
    replay: Replay
    truth: Truth

    def verify(self, url: str | None = None) -> Verdict:
        return verify(self.settings, self.redis, self.codec, url, say=lambda text: None)


@pytest.fixture
def published(settings: Settings, tmp_path: Path) -> Iterator[Published]:
    codec = Codec()
    create_topics(settings)
    replay = Replay(codec, 400, 1, None)
    apply_rules(replay.simulation.rules, settings, tmp_path)
    replay.prologue(settings)
    replay.live(settings)
    truth = tell(settings, codec)
    redis = redis_link.connect(settings)
    publish(redis, settings, codec, truth)
    with heartbeat(redis, settings):
        yield Published(settings, codec, redis, replay, truth)
    redis.close()


def test_it_finds_nothing_where_nothing_is_wrong_and_everything_else(
    published: Published, tmp_path: Path
) -> None:
    report = published.replay.report
    # What the sender counted is what Kafka has.
    assert dict(report.topics) == {
        topic: many for topic, many in published.truth.records.items() if topic in report.topics
    }
    assert published.truth.poisoned > 40

    with api(published.settings, tmp_path) as url:
        verdict = published.verify(url)
    assert verdict.differences.found == []
    assert verdict.lines()[-1] == "0 differences"
    assert verdict.differences.compared["numbers through the API"] > 1_000

    _tamper(published, sku := published.truth.model.skus()[0])
    missing = published.truth.model.skus()[1]
    published.redis.delete(_key(published, missing))
    verdict = published.verify()
    assert not verdict.clean
    assert any(line.startswith(f"{sku} in ") and "available is" in line for line in verdict.differences.found)
    assert f"row of sku {missing}: missing" in verdict.differences.found
    assert len(verdict.differences.found) == 2


def _key(published: Published, sku: str) -> bytes:
    return row_key(published.settings.redis_prefix.encode(), shard_of(sku), sku.encode())


def _tamper(published: Published, sku: str) -> None:
    """One unit more in the first channel."""
    key = _key(published, sku)
    packed = bytearray(published.redis.hgetall(key)[b"c"])  # type: ignore[arg-type]
    at = _FIRST_CHANNEL + _AVAILABLE
    struct.pack_into("<q", packed, at, struct.unpack_from("<q", packed, at)[0] + 1)
    published.redis.hset(key, "c", bytes(packed))
