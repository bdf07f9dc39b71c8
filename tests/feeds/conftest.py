"""Settings with a real Redis alone, for what needs no Kafka."""

import uuid
from collections.abc import Iterator

import pytest
from redis import Redis

from deploy.redis_server import RedisServer
from runtime import redis as redis_clients
from runtime.settings import Settings


@pytest.fixture
def limits_settings(redis_server: RedisServer) -> Settings:
    """Settings whose Redis keys are the test's own."""
    return Settings(redis_url=redis_server.url, redis_prefix=f"t{uuid.uuid4().hex[:8]}:")


@pytest.fixture
def limits_redis(limits_settings: Settings) -> Iterator[Redis]:
    """A client of it; what the test leaves goes afterwards."""
    with redis_clients.client(limits_settings) as client:
        yield client
        for key in client.scan_iter(match=limits_settings.redis_prefix + "*"):
            client.unlink(key)
