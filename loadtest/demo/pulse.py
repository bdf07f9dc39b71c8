"""What a running system looks like from outside, once a moment: rate, lag, latency, numbers of some skus."""

import time
from dataclasses import dataclass, field

import httpx
from redis import Redis

from loadtest import metrics
from loadtest.engine_metrics import LATENCY, facts_read
from loadtest.verify.freshness import read_freshness
from runtime.settings import Settings


@dataclass
class Beat:
    """One look. `p50_ms`, `p99_ms`: upper bounds since the look before, None where nothing was published."""

    facts: int = 0
    per_s: float = 0.0
    lag: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None
    numbers: dict[str, int] = field(default_factory=dict)


class Pulse:
    """Takes looks at an engine of `cells` cells and an API."""

    def __init__(self, settings: Settings, cells: int, redis: Redis, api_url: str, skus: list[str]) -> None:
        self._settings = settings
        self._cells = cells
        self._redis = redis
        self._api = httpx.Client(base_url=api_url, timeout=5.0)
        self._skus = skus
        self._before: metrics.Samples = {}
        self._before_at = 0.0

    def look(self, channel: str = "web") -> Beat:
        """How it is now. A part that does not answer leaves its fields empty."""
        samples = metrics.scrape(self._settings, self._cells)
        now = time.monotonic()
        beat = Beat(facts=facts_read(samples), lag=read_freshness(self._redis, self._settings).lag)
        if self._before:
            beat.per_s = (beat.facts - facts_read(self._before)) / (now - self._before_at)
            p50, p99 = metrics.quantiles(samples, self._before, LATENCY, 0.5, 0.99)
            beat.p50_ms = None if p50 is None else p50 * 1000
            beat.p99_ms = None if p99 is None else p99 * 1000
        self._before, self._before_at = samples, now
        try:
            answer = self._api.post("/v1/availability/batch", json={"channel": channel, "skus": self._skus})
        except httpx.TransportError:
            return beat
        if answer.status_code == 200:
            beat.numbers = {item["sku"]: item["available"] for item in answer.json()["items"]}
        return beat

    def close(self) -> None:
        """Close the connection to the API."""
        self._api.close()
