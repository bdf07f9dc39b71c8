"""The Python peers fold W1 to the numbers that the workload must end with, duplicates, versions and all."""

import json
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from bytewax.connectors.kafka import KafkaSourceMessage

from loadtest.peers import quix_fold
from loadtest.peers.events import Event, decoder
from loadtest.peers.given import Given
from loadtest.peers.view_writer import View
from loadtest.w1 import workload as w1
from loadtest.w1.draw import Size
from loadtest.w1.write import sku_name
from wire.codec import Codec

NOW = 1_790_000_000_000
SCHEMAS = Path(__file__).resolve().parents[3] / "avro"
GIVEN = Given(
    "127.0.0.1:1",
    "redis://127.0.0.1:1/0",
    "p:",
    "sha",
    "t-",
    "app",
    "state",
    str(SCHEMAS),
    100,
    "at_least_once",
    2,
)


@pytest.fixture(scope="module")
def workload() -> w1.Workload:
    return w1.drain(Size(events=6_000, skus=40), NOW, w1.headers(Codec()))


@pytest.fixture(scope="module")
def values(workload: w1.Workload) -> list[bytes]:
    """What is in the topics, the opening counts first."""
    found = []
    for part in (workload.opening, workload.run):
        whole = part.buf.tobytes()
        found += [whole[first:last] for first, last in pairwise([0, *part.end.tolist()])]
    return found


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The Bytewax peer's module, which reads what it is given on import; nobody is told of the first event."""
    for name, value in GIVEN.environment().items():
        monkeypatch.setenv(name, value)
    from loadtest.peers import bytewax_flow

    monkeypatch.setattr(bytewax_flow, "_writer", lambda: None)
    return bytewax_flow


class Json:
    """A state that keeps JSON, as that of Quix Streams does."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def get(self, key: str) -> Any:
        return json.loads(self.kept[key]) if key in self.kept else None

    def set(self, key: str, value: Any, ttl: timedelta | None = None) -> None:
        self.kept[key] = json.dumps(value)

    def exists(self, key: str) -> bool:
        return key in self.kept


def judge(views: dict[str, View], workload: w1.Workload) -> None:
    """Every number is right, and every event is in it once."""
    expected = {
        sku_name(sku): tuple(workload.views[sku].tolist()) for sku in workload.occurs.nonzero()[0].tolist()
    }
    assert {sku: (view.web, view.amazon, view.pickup) for sku, view in views.items()} == expected
    assert workload.repeats > 0
    assert sum(view.version for view in views.values()) == workload.records - workload.repeats


def test_quix(workload: w1.Workload, values: list[bytes]) -> None:
    decode = decoder(SCHEMAS)
    states: dict[str, Json] = {}
    views: dict[str, View] = {}
    for value in values:
        event: Event = decode(value)
        sku = quix_fold.fold(event, states.setdefault(event["sku"], Json()))
        if sku is not None:
            views[event["sku"]] = quix_fold.view(sku)
    judge(views, workload)


def test_bytewax(workload: w1.Workload, values: list[bytes], flow: ModuleType) -> None:
    stocks: dict[str, Any] = {}
    skus: dict[str, Any] = {}
    views: dict[str, View] = {}
    for first in range(0, len(values), 500):
        batch = []
        for value in values[first : first + 500]:
            key, event = flow.by_position(KafkaSourceMessage(b"", value))
            stocks[key], node = flow.fold(stocks.get(key), event)
            batch.append((key, node))
        gathered = []
        for sku, node in flow.last_by_sku(batch):
            skus[sku], nodes = flow.gather(skus.get(sku), node)
            gathered.append((sku, nodes))
        views.update(flow.views(gathered))
    judge(views, workload)


def test_what_is_given_arrives() -> None:
    assert Given.load(GIVEN.environment()) == GIVEN
    with pytest.raises(KeyError, match="PEER_BOOTSTRAP"):
        Given.load({})
