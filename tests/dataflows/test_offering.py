"""A view that lost rows gets all of them again, from every lane of every cell."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from redis import Redis

from dataflows.offering import Offering
from dataflows.redis_link import RedisLink
from inventory.murmur import shard_of
from runtime.exit import ExitCode
from runtime.settings import Settings
from tests.dataflows.feed import Feed
from tests.dataflows.house import api, engine, eventually
from wire.viewkeys import freshness_key, meta_key

SKUS = [f"S{number}" for number in range(40)]


@pytest.fixture
def link(settings: Settings) -> Iterator[RedisLink]:
    opened = RedisLink(settings, lambda: False)
    yield opened
    opened.close()


def _meta(settings: Settings) -> str:
    return meta_key(settings.redis_prefix.encode()).decode()


def _lane(settings: Settings, lane: int) -> str:
    return freshness_key(settings.redis_prefix.encode(), lane).decode()


def _offer(offering: Offering, link: RedisLink, rows: int = 3) -> None:
    """A whole round: all rows are shown in one step, and Redis answers."""
    assert offering.due
    offering.begin(rows)
    offering.acknowledge(offering.shown(rows))
    offering.tell()
    link.settle()
    assert not offering.due


def _look(offering: Offering, link: RedisLink) -> None:
    offering.look()
    link.settle()


def test_every_lane_notices_for_itself_that_the_view_is_another(
    settings: Settings, redis: Redis, link: RedisLink
) -> None:
    lanes = [Offering(settings, link, lane) for lane in range(2)]
    for each in lanes:
        _offer(each, link)
        _look(each, link)
        assert not each.due
    first = redis.hget(_meta(settings), "id")
    assert [redis.hget(_lane(settings, lane), "offered") for lane in range(2)] == [first, first]
    redis.delete(_meta(settings))
    for each in lanes:  # the second one finds the key that the first one wrote
        _look(each, link)
        assert each.due
    assert redis.hgetall(_meta(settings)).keys() == {b"id", b"generation", b"partitions"}
    assert redis.hget(_meta(settings), "id") != first


def test_a_lane_that_was_down_meanwhile_notices_at_its_start(
    settings: Settings, redis: Redis, link: RedisLink
) -> None:
    _offer(Offering(settings, link, 0), link)
    assert not Offering(settings, link, 0).due  # a restart alone offers nothing again
    redis.hset(_meta(settings), "id", "another")
    assert Offering(settings, link, 0).due


def test_an_offer_counts_once_the_last_row_is_acknowledged(
    settings: Settings, redis: Redis, link: RedisLink
) -> None:
    offering = Offering(settings, link, 0)
    offering.begin(5)
    assert not offering.due  # it is under way
    assert offering.shown(2) == 0
    last = offering.shown(3)
    offering.tell()
    link.settle()
    assert redis.hget(_lane(settings, 0), "offered") is None
    offering.acknowledge(last)
    offering.tell()
    link.settle()
    assert redis.hget(_lane(settings, 0), "offered") == redis.hget(_meta(settings), "id")
    assert offering.shown(7) == 0  # what moves later is no part of it


def test_a_view_emptied_in_the_middle_of_an_offer_gets_another(
    settings: Settings, redis: Redis, link: RedisLink
) -> None:
    offering = Offering(settings, link, 0)
    offering.begin(5)
    redis.delete(_meta(settings))
    _look(offering, link)
    assert offering.due
    old = offering.shown(5)
    offering.begin(5)
    offering.acknowledge(old)  # of the offer that is given up
    offering.tell()
    link.settle()
    assert redis.hget(_lane(settings, 0), "offered") is None


def test_rows_are_offered_again_to_another_server(settings: Settings, redis: Redis, link: RedisLink) -> None:
    """A copy of an earlier view has the id that the lanes have offered to."""
    offering = Offering(settings, link, 0)
    _offer(offering, link)
    link.identity = "restored from a copy"
    assert offering.due
    offering.tell()
    link.settle()
    assert (
        redis.hget(_lane(settings, 0), "offered") is None
    )  # at once: rows may be missing until the offer is over
    _offer(offering, link)


@pytest.mark.deep  # the fault matrix empties Redis in every run, and test_redis_away takes its meta key
def test_two_cells_fill_an_emptied_redis_and_one_without_meta(
    ready: Settings, feed: Feed, redis: Redis, caught_up: Callable[[], None], tmp_path: Path
) -> None:
    for sku in SKUS:
        feed.item(sku)
        feed.count(sku, 1_000)

    def answers(client: httpx.Client) -> list[int]:
        return [client.get(f"/v1/availability/{sku}?channel=web").status_code for sku in SKUS]

    def rows() -> dict[str, int]:
        return {
            sku: len(list(redis.scan_iter(match=f"{ready.redis_prefix}v:*:{sku}", count=1000)))
            for sku in SKUS
        }

    every = dict.fromkeys(SKUS, 1)
    lanes_of = {shard_of(sku.encode()) % ready.partitions for sku in SKUS}
    assert len(lanes_of) == ready.partitions  # both cells have rows to lose
    with (
        engine(ready, tmp_path, "run", "--cells", "2") as running,
        api(ready) as url,
        httpx.Client(base_url=url) as client,
    ):
        caught_up()
        assert rows() == every
        assert client.get("/v1/availability/nobody?channel=web").status_code == 404
        for lost in ("v:*", "*"):  # the rows and the key that stands for the view; then everything
            redis.delete(_meta(ready), *redis.scan_iter(match=f"{ready.redis_prefix}{lost}", count=1000))
            seen = answers(client)
            assert 404 not in seen
            while set(seen) != {200}:
                seen = answers(client)
                assert set(seen) <= {200, 503}
            assert rows() == every
            eventually(lambda: client.get("/readyz").status_code == 200, "the API to be ready")
            assert client.get("/v1/availability/nobody?channel=web").status_code == 404
        assert running.stop() == ExitCode.DRAINED
    for key in redis.scan_iter(match=f"{ready.redis_prefix}*", count=1000):
        redis.delete(key)
    with engine(ready, tmp_path, "cell", "0", "--cells", "2") as cell:
        eventually(lambda: redis.hget(_meta(ready), "id") is not None, "a new view")
        assert cell.stop() == ExitCode.DRAINED
    with engine(ready, tmp_path, "run", "--cells", "2") as running:
        caught_up()
        assert rows() == every
        assert running.stop() == ExitCode.DRAINED
