"""Topics, rules and a feed for each test; the kernels are compiled before the first engine starts."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from loadtest.verify.command import Verdict, verify
from loadtest.verify.freshness import wait_caught_up
from runtime import redis as redis_link
from runtime.settings import Settings
from runtime.topics import create_topics
from tests.dataflows.feed import Feed
from tests.dataflows.house import apply_rules
from wire.codec import Codec

RULES = """
locations:
  - {id: DC1, type: warehouse, region: north}
  - {id: DC2, type: warehouse, region: east, aliases: [{source: 3pl, identifier: SITE-77}]}
  - {id: S001, type: store, region: north}
channels:
  - {id: web, locations: {}}
  - {id: amazon, locations: {type: warehouse}, aliases: [{source: amazon-orders, identifier: AMZ_US}]}
  - {id: pickup, locations: {type: store}}
safety_stock:
  - {id: ss-stores, units: 1, match: {location_type: store}}
  - {id: ss-dc, percent: 10, match: {location_type: warehouse}}
  - {id: ss-shoes, units: 4, match: {category: shoes, location: DC1}}
network_safety_stock: [{id: ns-hats, units: 3, match: {category: hats}}]
shares: [{id: sh-amazon, channel: amazon, percent: 50}]
buffers: [{id: bu-amazon, channel: amazon, units: 1}]
caps: [{id: cap-amazon, channel: amazon, units: 30}]
thresholds: [{id: th-amazon, channel: amazon, units: 2}]
low_stock: [{id: ls-web, channel: web, units: 12}]
exclusions: [{id: ex-hazmat, channel: amazon, match: {category: hazmat}}]
"""


@pytest.fixture(scope="package")
def codec() -> Codec:
    return Codec()


@pytest.fixture(scope="package", autouse=True)
def _compiled(compiled: None) -> None:
    """Before the first engine starts."""


@pytest.fixture
def ready(settings: Settings, tmp_path: Path) -> Settings:
    """Topics are there and the rules are live."""
    create_topics(settings)
    apply_rules(RULES, settings, tmp_path)
    return settings


@pytest.fixture
def feed(ready: Settings, codec: Codec) -> Feed:
    return Feed(ready, codec)


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    with redis_link.connect(settings) as link:
        yield link


@pytest.fixture
def caught_up(settings: Settings, redis: Redis) -> Callable[[], None]:
    """Wait until the engine has folded and shown what was sent so far."""

    def wait() -> None:
        wait_caught_up(redis, settings, int(time.time() * 1000), 60.0)

    return wait


@pytest.fixture
def judged(settings: Settings, redis: Redis, codec: Codec) -> Callable[..., Verdict]:
    """Every number against the reference model; fails with what differs."""

    def judge(api_url: str | None = None) -> Verdict:
        verdict = verify(settings, redis, codec, api_url, say=lambda text: None)
        assert verdict.clean, "\n".join(verdict.lines())
        return verdict

    return judge
