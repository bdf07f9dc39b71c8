"""Numbers of slots, from records and from rows as the engine writes them."""

import asyncio
import logging
from collections.abc import Callable, Iterator

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from deploy.redis_server import RedisServer
from feeds.numbers import Numbers, Places, Row, spread
from feeds.rows import Rows
from runtime.redis import client, client_async
from runtime.settings import Settings
from tests.wire import sample_views
from wire.codec import Codec
from wire.rows import encode_calls, script, script_sha
from wire.viewkeys import network_key

NETWORK = {
    "locations": {
        "DC1": {"ordinal": 0, "status": "ACTIVE"},
        "S001": {"ordinal": 33, "status": "ACTIVE"},
        "S002": {"ordinal": 2, "status": "ACTIVE"},
        "S003": {"ordinal": 3, "status": "DELETED"},
    },
    "channels": {},
}
ORDINALS = {"DC1": 0, "S001": 33, "S002": 2}


def _record(**available: int) -> bytes:
    channels = [{"channel": channel, "available": units} for channel, units in available.items()]
    return orjson.dumps({"channels": channels})


def test_the_greatest_version_wins() -> None:
    numbers = Numbers(["web", "amazon"], orjson.loads)
    assert numbers.of("SKU") is None
    assert numbers.keep("SKU", 5, _record(web=3, amazon=2, other=9))
    assert not numbers.keep("SKU", 5, _record(web=4, amazon=2))
    assert not numbers.keep("SKU", 4, _record(web=4, amazon=2))
    assert numbers.of("SKU") == (5, (3, 2))
    assert numbers.delete("SKU")
    assert not numbers.delete("SKU")
    assert numbers.of("SKU") == (6, (0, 0))


@given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["kept", "asked", "deleted"])), max_size=30))
def test_whatever_is_asked_meanwhile_the_greatest_version_wins(steps: list[tuple[int, str]]) -> None:
    numbers, version, units = Numbers(["web"], orjson.loads), 0, 0
    for step, how in steps:
        if how == "kept":
            assert numbers.keep("SKU", step, _record(web=10 * step)) == (step > version)
            if step > version:
                version, units = step, 10 * step
        elif how == "deleted":
            assert numbers.delete("SKU") == (units > 0)
            version, units = version + (units > 0), 0
        else:
            assert numbers.of("SKU") == ((version, (units,)) if version else None)
    assert numbers.of("SKU") == ((version, (units,)) if version else None)


def test_a_record_that_was_kept_and_cannot_be_read_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    numbers = Numbers(["web"], lambda record: Codec().decode(record)[1])
    numbers.keep("SKU", 5, b"nonsense")
    with caplog.at_level(logging.ERROR):
        assert numbers.of("SKU") is None
    assert "cannot be read" in caplog.text


def test_a_channel_that_is_not_named_counts_as_nothing(caplog: pytest.LogCaptureFixture) -> None:
    numbers = Numbers(["web", "amazon"], orjson.loads)
    with caplog.at_level(logging.WARNING):
        for version in (1, 2, 3):
            numbers.keep("SKU", version, _record(web=3))
            assert numbers.of("SKU") == (version, (3, 0))
    assert numbers.place("amazon") == 1
    assert len(caplog.records) == 1


def test_numbers_go_by_place_in_order() -> None:
    units = {0: 7, 33: 2, 2: 5}
    assert spread({"a": ["DC1", "S001"], "b": ["S002"]}, ORDINALS, units, 100) == {"a": 9, "b": 5}
    assert spread({"a": ["DC1", "S001"], "b": ["S002"]}, ORDINALS, units, 11) == {"a": 9, "b": 2}
    assert spread({"b": ["S002"], "a": ["DC1", "S001"]}, ORDINALS, units, 6) == {"b": 5, "a": 1}
    assert spread({"a": ["nowhere"], "b": ["S002"]}, ORDINALS, units, 9) == {"a": 0, "b": 5}


@given(
    st.dictionaries(st.sampled_from("abcd"), st.lists(st.sampled_from(list(ORDINALS)), max_size=3)),
    st.dictionaries(st.sampled_from(list(ORDINALS.values())), st.integers(0, 50)),
    st.integers(-5, 120),
)
def test_never_more_than_the_channel_may_sell(
    locations: dict[str, list[str]], units: dict[int, int], available: int
) -> None:
    found = spread(locations, ORDINALS, units, available)
    assert list(found) == list(locations)
    assert all(many >= 0 for many in found.values())
    stands = sum(units.get(ORDINALS[here], 0) for ours in locations.values() for here in ours)
    assert sum(found.values()) == min(max(0, available), stands)


@pytest.fixture
def view(redis_server: RedisServer, request: pytest.FixtureRequest) -> Iterator[Settings]:
    settings = Settings(redis_url=redis_server.url, redis_prefix=f"{request.node.name[:30]}:")
    yield settings
    with client(settings) as redis:
        for key in redis.scan_iter(match=settings.redis_prefix + "*"):
            redis.delete(key)


def _write(settings: Settings, redis: Redis, version: int, at_dc: int, parts: bytes = b"") -> None:
    row = sample_views.Row(
        "SKU", version, [(9, 2, 9, 9, 0, 9, 0, 0)] * 3,
        {0: (at_dc, 0, 0, 0, 1, 1, 2), 33: (3, 0, 0, 0, 0, 0, 0), 3: (50, 0, 0, 0, 0, 0, 0)}, parts=parts,
    )  # fmt: skip
    redis.script_load(script().decode())
    calls = encode_calls(
        sample_views.views_of([row]), prefix=settings.redis_prefix.encode(), lane=0, generation=1, offsets=b"",
        rules=[b"{}"], terms=[b""], sha=script_sha(),
    )  # fmt: skip
    connection = redis.connection_pool.get_connection()
    connection.send_packed_command(calls)  # type: ignore[no-untyped-call]
    for _ in calls:
        connection.read_response()
    redis.connection_pool.release(connection)


async def _read_until(
    settings: Settings, enough: Callable[[Row], bool], meanwhile: Callable[[], None] = lambda: None
) -> tuple[list[Row], Places]:
    found: list[Row] = []
    done = asyncio.Event()
    places = Places(["DC1", "S003", "nowhere"])

    def take(sku: str, row: Row) -> bool:
        assert sku == "SKU"
        found.append(row)
        if enough(row):
            done.set()
        else:
            meanwhile()
        return enough(row)

    async with client_async(settings) as redis:
        rows = Rows(redis, settings, places, take)
        reading = asyncio.create_task(rows.run())
        rows.want("SKU")
        async with asyncio.timeout(10):
            await done.wait()
        assert rows.waiting == 0
        reading.cancel()
    return found, places


def test_a_row_is_read_until_it_is_new_enough(view: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with client(view) as redis:
        redis.set(network_key(view.redis_prefix.encode()), orjson.dumps(NETWORK))
        _write(view, redis, 7, 20)

        def newer() -> None:
            _write(view, redis, 8, 10)

        found, places = asyncio.run(_read_until(view, lambda row: row.version >= 8, newer))
    assert [row.version for row in found] == [7, 8]
    assert found[0].units == {0: 16, 33: 3, 3: 50}
    assert found[-1] == Row(8, {0: 6, 33: 3, 3: 50}, False)
    assert places.ordinals == ORDINALS
    missing = [record.location for record in caplog.records if hasattr(record, "location")]
    assert missing == ["S003", "nowhere"]


def test_a_bundle_has_no_places(view: Settings) -> None:
    with client(view) as redis:
        redis.set(network_key(view.redis_prefix.encode()), orjson.dumps(NETWORK))
        _write(view, redis, 7, 20, parts=b'{"LAMP": 1}')
    found, _ = asyncio.run(_read_until(view, lambda row: True))
    assert found[0].bundle
