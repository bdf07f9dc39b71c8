"""`rules rebalance` against a real Kafka, and a view in a real Redis as the engine leaves it."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, TopicPartition
from redis import Redis

from inventory.murmur import shard_of
from rules.__main__ import main
from runtime import exit as exits
from runtime.kafka import consumer
from runtime.settings import Settings
from runtime.topics import create_topics
from tests.wire.sample_views import Row, views_of
from wire import viewkeys
from wire.codec import Codec
from wire.rows import encode_calls, script, script_sha
from wire.topics import TOPICS

FILE = """\
locations: [{id: DC1, type: warehouse}]
channels: [{id: web, locations: {}}, {id: amazon, locations: {}}]
ring_fences:
  - {id: rf-web, channel: web, percent: 10, minimum: 2}
  - {id: rf-amazon, channel: amazon, percent: 50}
"""
NETWORK = {
    "offset": 1,
    "locations": {},
    "channels": {
        "web": {"ordinal": 0, "status": "ACTIVE", "locations": []},
        "amazon": {"ordinal": 1, "status": "ACTIVE", "locations": []},
        "gone": {"ordinal": 2, "status": "DELETED", "locations": []},
    },
}
BOTH = {"web": ["rf-web", "rf-amazon"], "amazon": ["rf-web", "rf-amazon"], "gone": ["rf-web"]}


@pytest.fixture
def live(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    create_topics(settings, {name: TOPICS[name] for name in ("network", "policies", "allocations")})
    # A prefix that would mean something else in a pattern.
    settings = settings.replace(redis_prefix=settings.redis_prefix + "[x]*:")
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "rules.yaml"
    path.write_text(FILE)
    assert main(["apply", str(path), "--author", "a", "--approved-by", "b"]) == 0
    return settings


def show(settings: Settings, pools: dict[str, tuple[int, int]], version: int = 1) -> None:
    """Publish a view with the pools of web and amazon."""
    client = Redis.from_url(settings.redis_url)
    prefix = settings.redis_prefix.encode()
    client.set(viewkeys.network_key(prefix), json.dumps(NETWORK))
    client.script_load(script().decode())
    rows = [
        Row(sku, version, [(0, 0, 0, pool, 0, 0, 0, 0) for pool in (*both, 999)], {})
        for sku, both in pools.items()
    ]
    calls = encode_calls(
        views_of(rows), prefix=prefix, lane=0, generation=1, offsets=b"", rules=[json.dumps(BOTH).encode()],
        terms=[b""], sha=script_sha(),
    )  # fmt: skip
    connection = client.connection_pool.get_connection()
    connection.send_packed_command(calls)  # type: ignore[no-untyped-call]
    for _ in calls:
        connection.read_response()
    client.connection_pool.release(connection)
    client.close()


def allocated(settings: Settings) -> list[tuple[str, dict[str, Any] | None]]:
    """All records of the topic, by partition; each in its sku's."""
    client = consumer(settings, group_id="test")
    name = TOPICS["allocations"].full_name(settings.topic_prefix)
    client.assign(
        [TopicPartition(name, partition, OFFSET_BEGINNING) for partition in range(settings.partitions)]
    )
    found: list[tuple[str, dict[str, Any] | None]] = []
    left = settings.partitions
    while left:
        for message in client.consume(100, timeout=0.05):
            if message.error() is not None:
                left -= 1
                continue
            sku, value = (message.key() or b"").decode(), message.value()
            assert message.partition() == shard_of(sku) % settings.partitions
            found.append((sku, None if value is None else Codec().decode(value)[1]))
    client.close()
    return found


def units(record: dict[str, Any] | None) -> dict[str, int]:
    assert record is not None
    return {each["fence"]: each["units"] for each in record["fences"]}


def test_every_sku_of_the_view_is_resolved(live: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    begun = int(time.time() * 1000)
    skus = {f"SKU-{n} }}:ü": (100 + n, n) for n in range(1200)}
    show(live, skus)
    assert main(["rebalance"]) == 0
    told = allocated(live)
    assert {sku: units(record) for sku, record in told} == {
        sku: {"rf-web": web // 10, "rf-amazon": amazon // 2} for sku, (web, amazon) in skus.items()
    }
    assert len(told) == len(skus)
    entries = [each for _, record in told for each in (record or {})["fences"]]
    assert all(begun <= each["set_at"] <= int(time.time() * 1000) for each in entries)
    rows = [line.replace("│", " ").split() for line in capsys.readouterr().out.splitlines()]
    assert ["rf-amazon", "amazon", "1200", str(sum(n // 2 for n in range(1200)))] in rows


def test_one_fence_alone(live: Settings) -> None:
    show(live, {"A": (100, 100)})
    assert main(["rebalance"]) == 0
    show(live, {"A": (50, 50)}, version=2)
    assert main(["rebalance", "rf-web"]) == 0
    first, second = allocated(live)
    assert (units(first[1]), units(second[1])) == (
        {"rf-web": 10, "rf-amazon": 50},
        {"rf-web": 5, "rf-amazon": 50},
    )
    at = [
        {each["fence"]: each["set_at"] for each in (record or {})["fences"]} for _, record in (first, second)
    ]
    assert at[0]["rf-amazon"] == at[1]["rf-amazon"]
    assert at[0]["rf-web"] < at[1]["rf-web"]


def test_what_cannot_be_resolved_is_told(live: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rebalance", "rf"]) == 1
    assert (
        "rf is not a live ring-fence with a percent; there are rf-amazon, rf-web" in capsys.readouterr().err
    )
    assert exits.run(lambda: main(["rebalance"])) == 75
    assert "the view has no network yet" in capsys.readouterr().err
    assert allocated(live) == []


def test_without_a_view_it_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("STOCKTIDE_REDIS_URL", raising=False)
    assert exits.run(lambda: main(["rebalance"])) == 2
    assert "STOCKTIDE_REDIS_URL not set" in capsys.readouterr().err
