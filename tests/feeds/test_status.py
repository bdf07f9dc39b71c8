"""What is told of a publisher, from the metrics that it serves."""

import asyncio
from datetime import UTC, datetime

import pytest
from prometheus_client import generate_latest
from prometheus_client.core import CollectorRegistry, CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from deploy.ports import free_port
from feeds.account import AccountFeed
from feeds.buckets import Bucket, Kind, Scope, Weight
from feeds.connector import Operation
from feeds.exchange import Request
from feeds.limits import Admitted, Refused, Room
from feeds.metrics import _Families, _feeding
from feeds.quotas import Counted
from feeds.report import page
from feeds.slots import Slot
from feeds.status import NotRunning, Said, ask, text
from runtime.exit import Refusal
from runtime.settings import Settings


class _Given(Collector):
    def __init__(self, families: dict[str, GaugeMetricFamily | CounterMetricFamily]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return list(self._families.values())


def _said() -> Said:
    families = _Families()
    name = {"account": "acme"}
    families.gauge("account", "", 1, **name, channel="web<1>", connector="walmart", mode="live")
    families.gauge("stage", "", 0, **name, stage="reading")
    families.gauge("stage", "", 1, **name, stage="feeding")
    families.gauge("skus", "", 3)
    families.gauge("quota_used", "", 30, **name, bucket="put")
    families.gauge("quota", "", 20, **name, bucket="put")
    feed = AccountFeed("acme", [Operation("put", "put", 1)])
    for number, units in enumerate((0, 4, 9)):
        feed.add(Slot(f"L{number}", None, "SKU", wanted=units, version=1), 1_000)
    call = feed.take(feed.operations[0], 1, "", 61_000)
    assert call is not None
    why = {"asked": "put", "trouble": "broken", "reason": "503 out of order"}
    families.gauge("trouble_seconds", "", 90, **name, **why)
    feed.measures.rejects.update({f"reason {number}": 100 - number for number in range(30)})
    _feeding(families, feed, 91_000, name)
    registry = CollectorRegistry()
    registry.register(_Given(families.found))
    return Said(generate_latest(registry).decode())


def test_the_status_tells_of_each_account() -> None:
    told = text(_said())
    assert "acme: channel web<1>, walmart, live" in told
    assert "  state                      feeding\n" in told
    assert "  oldest unpublished change  90 s" in told
    assert "  waiting                    ZERO 0, SCARCE 0, BACK 0, REST 2\n" in told
    assert "  quota, put                 30 of 20 planned (150%)" in told
    assert "  trouble, put               BROKEN for 90 s: 503 out of order" in told
    assert "reason 0 100" in told
    assert "other " in told
    assert "reason 29" not in told


def test_the_report_is_a_page_of_its_own() -> None:
    told = page(_said(), datetime(2026, 11, 23, tzinfo=UTC))
    assert told.startswith("<!doctype html>")
    assert "acme: channel web&lt;1&gt;, walmart, live" in told
    assert 'class="over"' in told
    assert "http" not in told


def test_where_nobody_runs_it_says_what_to_start() -> None:
    with pytest.raises(Refusal, match="STOCKTIDE_FEEDS_METRICS_PORT not set"):
        ask(Settings())
    with pytest.raises(NotRunning, match="start `python -m feeds run`"):
        ask(Settings(feeds_metrics_port=free_port()))


class _Generous:
    """Limits that refuse every third request."""

    def __init__(self) -> None:
        self._asked = 0

    async def ask(self, request: Request) -> Admitted | Refused:
        self._asked += 1
        return Refused(5, 5, {}) if self._asked % 3 == 0 else Admitted(request, 0, ())

    async def room(self, group: str, most: int, points: int = 0) -> Room:
        return Room(most, 0)

    async def observe(self, observed: object, admitted: Admitted | None = None) -> None:
        pass

    async def hold(self, group: str, seconds: float) -> None:
        pass

    async def give_back(self, admitted: Admitted) -> None:
        pass


def test_quotas_count_what_was_admitted_and_sent() -> None:
    groups = {
        "put": [
            Bucket("calls", Kind.TOKEN, 5, 1, 5),
            Bucket("items", Kind.FIXED, 2000, 60, weight=Weight.ITEMS),
            Bucket("each", Kind.TOKEN, 1, 60, 1, scope=Scope.LISTING),
        ],
        "feed": [Bucket("feed", Kind.SLIDING, 10, 3600)],
    }
    now = 1_000_000

    async def asked() -> Counted:
        counted = Counted(_Generous(), groups, lambda: now)
        for items in (3, 4, 5):
            await counted.ask(Request("PUT", "/", "put", items=items))
        back = await counted.ask(Request("PUT", "/", "feed"))
        assert isinstance(back, Admitted)
        await counted.give_back(back)
        return counted

    counted = asyncio.run(asked())
    assert (counted.requests, counted.refused) == ({"put": 2, "feed": 1}, {"put": 1})
    assert {used.bucket: (used.taken, used.plan) for used in counted.used()} == {
        "calls": (2, 300), "items": (7, 2000), "feed": (0, 10),
    }  # fmt: skip
    now += 62_000
    assert [used.taken for used in counted.used()] == [0, 0, 0]
