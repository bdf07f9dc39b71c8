"""Whether reservations can be made is told beside whether the view is ready: one of both goes on without the other."""

import time
import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest

from deploy.kafka_server import KafkaServer
from deploy.redis_server import RedisServer
from runtime.settings import Settings
from runtime.topics import create_topics
from tests.availability_api.conftest import LANES, ROWS, Published, eventually, problem, serving

LOOKUP = "/v1/availability/SKU-1?channel=web"
BODY = {"channel": "web", "lines": [{"sku": "SKU-1", "quantity": 1}]}


@pytest.fixture
def view(redis_server: RedisServer) -> Iterator[Published]:
    """A view of its own: that of the package must not grow old."""
    published = Published(redis_server.url, f"rr{uuid.uuid4().hex[:6]}:")
    published.all(ROWS[:1])
    yield published
    published.clear()
    published.client.close()


def _reservations(client: httpx.Client) -> str:
    return str(client.get("/readyz").json()["reservations"])


def test_kafka_comes_goes_and_comes_back(kafka: KafkaServer, settings: Settings, view: Published) -> None:
    settings = settings.replace(redis_prefix=view.settings.redis_prefix, api_port=0, stale_after_ms=600_000)
    assert settings.partitions == LANES
    topics = settings.topic_prefix
    with serving(settings) as (_, client):
        assert topics in _settled(client, lambda said: topics in said)  # there are none yet
        assert client.get("/readyz").status_code == 200
        problem(client.post("/v1/reservations", json=BODY), 503, "reservations-unavailable")
        create_topics(settings)
        _settled(client, lambda said: said == "ready")
        assert "stocktide_api_reservations_ready 1.0" in client.get("/metrics").text
        # There is no engine.
        told = problem(client.post("/v1/reservations", json=BODY), 503, "reservation-incomplete")
        assert told["reservation_id"] in told["detail"]

        kafka.kill()
        try:
            _settled(client, lambda said: said != "ready")
            begun = time.monotonic()
            told = problem(client.post("/v1/reservations", json=BODY), 503, "reservations-unavailable")
            assert time.monotonic() - begun < 1.0
            assert kafka.bootstrap in told["detail"]
            assert client.get("/readyz").status_code == client.get(LOOKUP).status_code == 200
            assert "stocktide_api_reservations_ready 0.0" in client.get("/metrics").text
        finally:
            kafka.start()
        _settled(client, lambda said: said == "ready")


def _settled(client: httpx.Client, wanted: Callable[[str], bool]) -> str:
    eventually(lambda: wanted(_reservations(client)), 40)
    return _reservations(client)
