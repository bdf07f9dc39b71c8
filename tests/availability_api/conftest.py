"""The API as a process of its own, over a real Redis that holds a small view."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import httpx
import orjson
import pytest
from redis import Redis

from deploy.redis_server import RedisServer
from runtime.settings import Settings
from tests.nursery import Forked, api_process
from tests.wire.sample_views import Row, views_of
from wire import viewkeys
from wire.rows import encode_calls, script, script_sha

LANES = 4
NETWORK: dict[str, Any] = {
    "offset": 5,
    "locations": {
        "DC1": {"ordinal": 0, "type": "warehouse", "region": "us-east", "status": "ACTIVE"},
        "S001": {"ordinal": 33, "type": "store", "region": None, "status": "ACTIVE"},
        "S002": {"ordinal": 2, "type": "store", "region": None, "status": "DELETED"},
    },
    "channels": {
        "web": {"ordinal": 0, "status": "ACTIVE", "locations": ["DC1", "S001", "S002"]},
        "pick/up é": {"ordinal": 2, "status": "ACTIVE", "locations": ["S001"]},
        "gone": {"ordinal": 1, "status": "DELETED", "locations": []},
        "new": {"ordinal": 7, "status": "ACTIVE", "locations": []},
    },
}


class Published:
    """The view of one prefix, as an engine would publish it."""

    def __init__(self, url: str, prefix: str) -> None:
        self.settings = Settings(redis_url=url, redis_prefix=prefix, api_port=0, partitions=LANES)
        self.prefix = prefix.encode()
        self.client = Redis.from_url(url)

    def rows(self, rows: list[Row], rules: bytes = b"{}", terms: bytes = b"") -> None:
        """Write rows with the channel ordinals 0, 1, 2, all of one profile: its rules, and what they give."""
        self.client.script_load(script().decode())
        calls = encode_calls(
            views_of(rows), prefix=self.prefix, lane=0, generation=1, offsets=b"",
            rules=[rules], terms=[terms], sha=script_sha(),
        )  # fmt: skip
        connection = self.client.connection_pool.get_connection()
        connection.send_packed_command(calls)  # type: ignore[no-untyped-call]
        for _ in calls:
            connection.read_response()
        self.client.connection_pool.release(connection)

    def network(self, network: Mapping[str, Any] = NETWORK) -> None:
        """Write the network."""
        self.client.set(viewkeys.network_key(self.prefix), orjson.dumps(network))

    def meta(self, view: str = "first") -> None:
        """Say how many lanes there are, and which view this is."""
        self.client.hset(
            viewkeys.meta_key(self.prefix).decode(),
            mapping={"generation": 1, "partitions": LANES, "id": view},
        )

    def commit(self, age_ms: int = 0, lanes: range = range(LANES), view: str = "first") -> None:
        """Let lanes have committed so long ago, and have offered their rows to a view."""
        at = int(time.time() * 1000) - age_ms
        for lane in lanes:
            told: dict[Any, Any] = {"generation": 1, "committed_at": at, "lag": 3, "offered": view}
            self.client.hset(viewkeys.freshness_key(self.prefix, lane).decode(), mapping=told)

    def all(self, rows: list[Row]) -> None:
        """Write everything."""
        self.rows(rows)
        self.network()
        self.meta()
        self.commit()

    def clear(self) -> None:
        """Take everything away."""
        for key in self.client.scan_iter(match=self.prefix + b"*", count=1000):
            self.client.delete(key)


@contextmanager
def serving(settings: Settings) -> Iterator[tuple[Forked, httpx.Client]]:
    """The API as a process, and a client of it."""
    with api_process(settings) as (process, url), httpx.Client(base_url=url, timeout=30) as client:
        yield process, client


def eventually(check: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait until `check` holds; fail if it does not in time."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "did not come about in time"
        time.sleep(0.05)


ROWS = [
    Row(
        "SKU-1", 2**44 + 7,
        [(9, 2, 9, 9, 0, 9, 0, 0), (5, 2, 5, 5, 0, 5, 0, 0), (1, 1, 1, 1, 0, 1, 0, 0)],
        {0: (20, 1, 2, 3, 1, 2, 4), 2: (50, 0, 0, 0, 0, 0, 0), 33: (3, 0, 0, 0, 5, 0, 1)},
        as_of=1_763_700_000_000,
    ),
    Row("a/b ü%?&", 3, [(-0, 0, 0, 0, 0, 0, 4, 4)] * 3, {}, as_of=0),
    Row(
        "unsure", 8, [(2, 2, 2, 2, 0, 2, 2, 0), (4, 2, 4, 4, 0, 4, 0, 0), (0, 0, 0, 0, 0, 0, 2, 2)],
        {0: (4, 0, 0, 0, 0, 0, 0), 33: (0, 0, 0, 0, 0, 2, 0)}, incomplete=[33], uncertain=[0, 2],
    ),
    Row("locations", 4, [(6, 2, 6, 6, 0, 6, 0, 0)] * 3, {}),
    Row("x/locations", 5, [(7, 2, 7, 7, 0, 7, 0, 0)] * 3, {}),
    Row("batch", 6, [(8, 2, 8, 8, 0, 8, 0, 0)] * 3, {}),
    *[Row(f"many-{n}", n + 1, [(n, 2, n, n, 0, n, 0, 0)] * 3, {}) for n in range(1000)],
]  # fmt: skip


@pytest.fixture(scope="package")
def published(redis_server: RedisServer) -> Iterator[Published]:
    """A view that stays for all tests of the package; they leave it as they found it."""
    view = Published(redis_server.url, f"api{uuid.uuid4().hex[:6]}:")
    view.all(ROWS)
    yield view
    view.clear()
    view.client.close()


@pytest.fixture(scope="package")
def served(published: Published) -> Iterator[httpx.Client]:
    """The API over `published`; it calls a lane stale after an hour: the tests of the package may take minutes."""
    with serving(published.settings.replace(stale_after_ms=3_600_000)) as (_, client):
        yield client


def problem(response: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """The problem document of a response, checked for what all have."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["type"] == f"urn:stocktide:problem:{name}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    return cast("dict[str, Any]", document)
