"""When a lane that starts may publish: a version cannot order two different sets of facts, so it catches up first."""

import json
from collections.abc import Iterator

import pytest
from redis import Redis

from dataflows.gate import PublishGate
from dataflows.intake import Raw
from dataflows.publisher import Fenced
from dataflows.redis_link import RedisLink
from runtime.settings import Settings
from wire.viewkeys import folded_key, meta_key

LANE = 1


@pytest.fixture
def link(settings: Settings) -> Iterator[RedisLink]:
    opened = RedisLink(settings, lambda: False)
    yield opened
    opened.close()


def _published(redis: Redis, settings: Settings, tag: int, generation: int = 1, **offsets: int) -> None:
    key = folded_key(settings.redis_prefix.encode(), tag, LANE).decode()
    redis.hset(key, mapping={"g": generation, "o": json.dumps(offsets)})


def _read(ready: bool = True, **offsets: int) -> Raw:
    return Raw(LANE, {}, offsets, 0, ready, True, 0)


def test_nothing_is_published_before_every_partition_is_where_it_was(
    settings: Settings, redis: Redis, link: RedisLink
) -> None:
    _published(redis, settings, 1, reservations=40, routed=7)
    _published(redis, settings, 5, reservations=50, routed=3)  # another tag of the lane, written later
    gate = PublishGate(settings, link, LANE)
    assert not gate.may_publish(_read(reservations=45, routed=5))
    assert not gate.may_publish(_read(reservations=49, routed=1_000))  # far ahead in one, behind in the other
    assert not gate.may_publish(_read(ready=False, reservations=50, routed=1_000))
    assert gate.may_publish(_read(reservations=50, routed=1_000))


def test_of_another_lane_nothing_is_waited_for(settings: Settings, redis: Redis, link: RedisLink) -> None:
    _published(redis, settings, 2, reservations=40)  # a tag that no shard of the lane has
    gate = PublishGate(settings, link, LANE)
    assert gate.may_publish(_read())


def test_what_an_older_generation_had_read_says_nothing(
    settings: Settings, redis: Redis, link: RedisLink
) -> None:
    _published(redis, settings, 1, reservations=40)
    gate = PublishGate(settings.replace(generation=2), link, LANE)
    assert gate.may_publish(_read())
    assert redis.hget(meta_key(settings.redis_prefix.encode()).decode(), "generation") == b"2"


def test_a_greater_generation_has_the_view(settings: Settings, redis: Redis, link: RedisLink) -> None:
    _published(redis, settings, 1, generation=3, reservations=40)
    with pytest.raises(Fenced, match="set STOCKTIDE_GENERATION=3"):
        PublishGate(settings, link, LANE)
