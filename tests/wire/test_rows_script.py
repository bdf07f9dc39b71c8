"""The guarded write in a real Redis."""

from collections.abc import Iterator
from typing import cast

import pytest
from redis import Redis

from deploy.redis_server import RedisServer
from inventory.murmur import shard_of
from tests.wire.sample_views import Row, views_of
from wire.rows import Applied, encode_calls, parse_reply, script, script_sha
from wire.rows_read import read_header, read_nodes
from wire.viewkeys import folded_key, row_key

PREFIX = b"script:"
NUMBERS = [(1, 1, 1, 1, 0, 1, 0, 0)] * 3
SKUS = [f"sku-{number}" for number in range(200)]


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[Redis]:
    with Redis.from_url(redis_server.url) as client:
        yield client
        for key in client.scan_iter(match=PREFIX + b"*", count=1000):
            client.delete(key)


def write(
    client: Redis, rows: list[Row], generation: int = 1, offsets: bytes = b"o", began: int = 0
) -> list[Applied]:
    """Write the rows as the engine does; what each call answered."""
    name = client.script_load(script().decode())
    assert name in (script_sha(), script_sha().decode())
    calls = encode_calls(
        views_of(rows), prefix=PREFIX, lane=3, generation=generation, began=began, offsets=offsets,
        rules=[b"{}"], terms=[b""], sha=script_sha(),
    )  # fmt: skip
    connection = client.connection_pool.get_connection()
    connection.send_packed_command(calls)  # type: ignore[no-untyped-call]
    replies = [parse_reply(cast("list[int]", connection.read_response())) for _ in calls]
    client.connection_pool.release(connection)
    return replies


def stored(client: Redis, sku: str) -> dict[bytes, bytes]:
    return cast("dict[bytes, bytes]", client.hgetall(row_key(PREFIX, shard_of(sku), sku.encode()).decode()))


def totals(replies: list[Applied]) -> tuple[int, int]:
    return sum(reply.applied for reply in replies), sum(reply.refused for reply in replies)


def test_only_what_is_newer_or_absent_is_written(client: Redis) -> None:
    assert totals(write(client, [Row(sku, 10, NUMBERS, {}) for sku in SKUS])) == (200, 0)
    versions = {sku: (9, 10, 11)[number % 3] for number, sku in enumerate(SKUS)}
    newer = sum(version == 11 for version in versions.values())
    assert totals(write(client, [Row(sku, versions[sku], NUMBERS, {}) for sku in SKUS])) == (
        newer,
        200 - newer,
    )
    for sku in SKUS:
        row = stored(client, sku)
        assert int(row[b"v"]) == read_header(row[b"c"]).version == max(10, versions[sku])
    client.delete(row_key(PREFIX, shard_of("sku-0"), b"sku-0"))
    assert totals(write(client, [Row("sku-0", 1, NUMBERS, {})])) == (1, 0)


@pytest.mark.parametrize(("before", "after"), [(9, 10), (2**53 - 2, 2**53 - 1), (99, 100)])
def test_versions_compare_as_numbers(client: Redis, before: int, after: int) -> None:
    write(client, [Row("n", before, NUMBERS, {})])
    assert totals(write(client, [Row("n", after, NUMBERS, {})])) == (1, 0)
    assert totals(write(client, [Row("n", before, NUMBERS, {})])) == (0, 1)
    assert totals(write(client, [Row("n", after, NUMBERS, {})])) == (0, 1)


def test_case_77_an_older_value_that_arrives_last_is_ignored(client: Redis) -> None:
    # Derived from a discussion (109) of Amazon's selling-partner API samples: values without a version overwrite.
    newer, older = (5, 5, 5, 5, 0, 5, 0, 0), (9, 9, 9, 9, 0, 9, 0, 0)
    assert totals(write(client, [Row("late", 8, [newer] * 3, {})])) == (1, 0)
    before = stored(client, "late")
    assert totals(write(client, [Row("late", 7, [older] * 3, {})])) == (0, 1)
    assert stored(client, "late") == before


def test_a_row_is_replaced_as_a_whole(client: Redis) -> None:
    here, there = (1, 2, 3, 4, 5, 6, 7), (7, 6, 5, 4, 3, 2, 1)
    write(client, [Row("w", 1, NUMBERS, {0: here, 40: there})])
    write(client, [Row("w", 2, NUMBERS, {0: there})])
    assert [tuple(node) for node in read_nodes(stored(client, "w"))] == [(0, *there)]
    assert stored(client, "w").keys() == {b"v", b"c", b"r", b"b0"}
    write(client, [Row("w", 3, NUMBERS, {0: there, 40: here})])
    assert [tuple(node) for node in read_nodes(stored(client, "w"))] == [(0, *there), (40, *here)]


def test_what_was_folded_is_kept_with_the_write(client: Redis) -> None:
    write(client, [Row("f", 1, NUMBERS, {})], generation=2, offsets=b"\0first\r\n")
    key = folded_key(PREFIX, shard_of("f") % 64, 3).decode()
    assert client.hgetall(key) == {b"g": b"2", b"b": b"0", b"o": b"\0first\r\n"}
    write(client, [Row("f", 1, NUMBERS, {})], generation=2, offsets=b"second")
    assert client.hget(key, "o") == b"second"


def test_a_lane_of_an_older_generation_is_fenced_off(client: Redis) -> None:
    write(client, [Row("g", 5, NUMBERS, {})], generation=7, offsets=b"new")
    assert write(client, [Row("g", 6, NUMBERS, {})], generation=6, offsets=b"old") == [Applied(0, 0, 7)]
    assert stored(client, "g")[b"v"] == b"5"
    assert client.hget(folded_key(PREFIX, shard_of("g") % 64, 3).decode(), "o") == b"new"


def test_of_two_folders_of_a_lane_the_one_that_began_later_writes(client: Redis) -> None:
    began = 1_763_840_000_000
    key = folded_key(PREFIX, shard_of("b") % 64, 3).decode()
    assert totals(write(client, [Row("b", 5, NUMBERS, {})], began=began, offsets=b"new")) == (1, 0)
    former = write(client, [Row("b", 6, NUMBERS, {})], began=began - 1, offsets=b"old")
    assert former == [Applied(0, 0, taken_at=began)]
    assert stored(client, "b")[b"v"] == b"5"
    assert client.hget(key, "o") == b"new"
    assert totals(write(client, [Row("b", 6, NUMBERS, {})], began=began)) == (1, 0)
    assert totals(write(client, [Row("b", 7, NUMBERS, {})], began=began + 1)) == (1, 0)
    assert totals(write(client, [Row("b", 8, NUMBERS, {})], generation=2, began=1)) == (1, 0)
    assert client.hgetall(key) == {b"g": b"2", b"b": b"1", b"o": b"o"}
