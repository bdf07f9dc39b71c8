"""What a publisher says of itself, for Prometheus, `feeds status` and the report: read by them all from `/metrics`.

Reasons and other words of a marketplace become labels; there are only so many of them, the rest are `other`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hdrh.histogram import HdrHistogram
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from feeds.account import AccountFeed
from feeds.breaker import State
from feeds.keeper import Keeper, Shared, Stage
from feeds.rows import Rows
from feeds.slots import Harm
from runtime.metrics import start_metrics
from runtime.settings import Settings

QUANTILES = (50.0, 99.0)
_REASONS = 20
_ANSWER_S = 10.0
_PREFIX = "stocktide_feeds_"

Samples = list[Metric]


def serve(settings: Settings, keepers: Sequence[Keeper], shared: Shared, rows: Rows) -> Callable[[], None]:
    """Serve them on the port of the settings; what ends that. Raises MetricsUnavailable."""
    registry = CollectorRegistry()
    server = start_metrics(settings.feeds_metrics_port, registry, "STOCKTIDE_FEEDS_METRICS_PORT")
    registry.register(_InLoop(lambda: collect(keepers, shared, rows)))
    return server.stop if server is not None else lambda: None


class _InLoop(Collector):
    """Collects in the event loop, where nothing changes meanwhile; the server has a thread of its own."""

    def __init__(self, collecting: Callable[[], Samples]) -> None:
        self._collecting = collecting
        self._loop = asyncio.get_running_loop()

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        async def ask() -> Samples:
            return self._collecting()

        yield from asyncio.run_coroutine_threadsafe(ask(), self._loop).result(_ANSWER_S)


class _Families:
    """Families by name, each with its labels."""

    def __init__(self) -> None:
        self.found: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}

    def gauge(self, name: str, about: str, value: float, **labels: str) -> None:
        self._add(GaugeMetricFamily, name, about, value, labels)

    def counter(self, name: str, about: str, value: float, **labels: str) -> None:
        self._add(CounterMetricFamily, name, about, value, labels)

    def _add(self, kind: Any, name: str, about: str, value: float, labels: dict[str, str]) -> None:
        family = self.found.get(name)
        if family is None:
            family = self.found[name] = kind(_PREFIX + name, about, labels=list(labels))
        family.add_metric(list(labels.values()), value)


def collect(keepers: Sequence[Keeper], shared: Shared, rows: Rows) -> Samples:
    """All of it, now."""
    families = _Families()
    families.gauge("skus", "Skus that the view has published.", len(shared.joining.numbers))
    families.gauge(
        "caught_up", "1 once all was read that was there at the start.", shared.inflow.caught_up.is_set()
    )
    families.counter("unreadable", "Records that could not be read.", shared.inflow.unreadable)
    families.gauge("ledger_waiting", "Writes to the ledger that are not on disk.", shared.writer.waiting)
    families.gauge("rows_waiting", "Skus that wait for a row that is new enough.", rows.waiting)
    for keeper in keepers:
        _account(families, keeper)
    return list(families.found.values())


def _account(families: _Families, keeper: Keeper) -> None:
    account = keeper.account
    name = {"account": account.id}
    about = {"channel": account.channel, "connector": account.connector, "mode": account.mode}
    families.gauge("account", "Always 1.", 1, **name, **about)
    for stage in Stage:
        families.gauge(
            "stage", "1 for what the account is doing.", keeper.stage is stage, **name, stage=stage.value
        )
    families.counter("failures", "How often the account had to begin again.", keeper.failures, **name)
    if keeper.feed is None or keeper.runner is None or keeper.quotas is None:
        return
    now = keeper.now_ms()
    feed = keeper.feed
    _feeding(families, feed, now, name)
    for group, many in keeper.quotas.requests.items():
        families.counter("requests", "Requests that the limits admitted.", many, **name, group=group)
    for used in keeper.quotas.used():
        labels = {**name, "bucket": used.bucket}
        about_window = "units in the window of the bucket, a minute at least."
        families.gauge("quota_used", f"Taken {about_window}", used.taken, **labels)
        families.gauge("quota", f"Planned {about_window}", used.plan, **labels)
    for operation, breaker in keeper.runner.breakers.items():
        said = breaker.said(now / 1000)
        for state in State:
            labels = {**name, "operation": operation, "state": state.value}
            families.gauge(
                "breaker", "1 for the state of the circuit breaker.", said.state is state, **labels
            )
        families.counter("breaker_opened", "How often it opened.", said.opened, **name, operation=operation)
    for asked, standing in keeper.runner.troubles.now.items():
        labels = {**name, "asked": asked, "trouble": standing.trouble.value, "reason": standing.reason[:200]}
        lasts_s = (now - standing.since_ms) / 1000
        families.gauge("trouble_seconds", "How long a trouble lasts that stands.", lasts_s, **labels)


def _feeding(families: _Families, feed: AccountFeed, now: int, name: dict[str, str]) -> None:
    measures = feed.measures
    oldest_s = feed.oldest_unpublished_ms(now) / 1000
    families.gauge(
        "oldest_change_seconds", "Age of the oldest change that no call has carried.", oldest_s, **name
    )
    families.gauge("late_seconds", "How late the channel is: what the buffer goes by.", feed.late_s, **name)
    families.gauge("stopped", "1 while nothing is sold, since it is too late.", feed.stopped, **name)
    families.gauge("slots", "Listings, by location.", len(feed.slots), **name)
    families.gauge("submissions", "Bulk writes that have not closed.", len(feed.submissions), **name)
    waiting = feed.waiting_by_harm
    for harm in Harm:
        labels = {**name, "class": harm.name}
        families.gauge("waiting", "Slots that wait to be sent.", waiting[harm], **labels)
        _times(
            families, "publish_seconds", "From a change to its being applied.", measures.latency[harm], labels
        )
    _times(families, "zero_seconds", "The same, of what fell to 0.", measures.to_zero, name)
    families.counter("changes", "Numbers that came and differed.", measures.changes, **name)
    families.counter(
        "coalesced", "Those that replaced one which had not been sent.", measures.coalesced, **name
    )
    families.counter(
        "drifts", "Listings found to show something else than was sent.", measures.drifts, **name
    )
    families.counter("again", "Sent again after a late submission.", measures.again, **name)
    for label, counts in (
        ("operation", measures.calls),
        ("trouble", measures.troubles),
        ("fate", measures.items),
    ):
        family = {"operation": "calls", "trouble": "troubles", "fate": "items"}[label]
        for word, many in counts.items():
            families.counter(family, f"By {label}.", many, **name, **{label: word})
    for reason, many in _few(measures.rejects).items():
        families.counter("rejects", "Numbers that were rejected.", many, **name, reason=reason)


def _times(
    families: _Families, family: str, about: str, histogram: HdrHistogram, labels: dict[str, str]
) -> None:
    many = histogram.get_total_count()
    families.counter(f"{family}_count", f"How many. {about}", many, **labels)
    for percent in QUANTILES if many else ():
        value = histogram.get_value_at_percentile(percent) / 1000
        families.gauge(family, about, value, **labels, quantile=f"{percent / 100:g}")


def _few(counts: Counter[str]) -> dict[str, int]:
    """The most frequent; the rest together."""
    found = {reason[:200]: many for reason, many in counts.most_common(_REASONS)}
    other = counts.total() - sum(found.values())
    return found | ({"other": other} if other > 0 else {})
