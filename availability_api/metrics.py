"""What the API counts of itself."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from availability_api.engine_link import EngineLink
from availability_api.redis_link import RedisLink
from availability_api.watch import Watch

_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """Counters and times by route."""

    def __init__(self, link: RedisLink, watch: Watch, engine: EngineLink) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "stocktide_api_requests", "Requests answered.", ("route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "stocktide_api_request_seconds",
            "Time from the request's arrival to its answer.",
            ("route",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._of_requests: dict[tuple[str, int], Counter] = {}
        self._of_seconds: dict[str, Histogram] = {}
        self.registry.register(_ViewCollector(link, watch, engine))

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        requests = self._of_requests.get((route, status))
        if requests is None:
            requests = self._of_requests[route, status] = self._requests.labels(route, str(status))
        requests.inc()
        times = self._of_seconds.get(route)
        if times is None:
            times = self._of_seconds[route] = self._seconds.labels(route)
        times.observe(seconds)


class _ViewCollector(Collector):
    """The state of the view as the API sees it."""

    def __init__(self, link: RedisLink, watch: Watch, engine: EngineLink) -> None:
        self._link = link
        self._watch = watch
        self._engine = engine

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily("stocktide_api_redis_up", "1 while Redis is connected.")
        up.add_metric([], float(self._link.up))
        yield up
        ready = GaugeMetricFamily("stocktide_api_ready", "1 while every lane of the view is fresh.")
        ready.add_metric([], float(not self._watch.reasons_not_ready()))
        yield ready
        asking = GaugeMetricFamily("stocktide_api_reservations_ready", "1 while reservations can be made.")
        asking.add_metric([], float(self._engine.why_away is None))
        yield asking
        committed = GaugeMetricFamily(
            "stocktide_view_committed_timestamp_seconds", "When the lane last committed.", labels=["lane"]
        )
        lag = GaugeMetricFamily(
            "stocktide_view_lag_records", "Records the lane had not read.", labels=["lane"]
        )
        for number, lane in enumerate(self._watch.freshness.lanes):
            if lane.committed_at is not None:
                committed.add_metric([str(number)], lane.committed_at / 1000)
            if lane.lag is not None:
                lag.add_metric([str(number)], float(lane.lag))
        yield committed
        yield lag
