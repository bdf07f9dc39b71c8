"""Reservations asked for at a steady rate. Open loop: each is due when it is due, and its time begins then."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from hdrh.histogram import HdrHistogram

from loadtest.peak.http import Connections, post

_LONGEST_US = 60_000_000
GRANTED, REFUSED = 201, 409


@dataclass
class Asked:
    """Latencies in microseconds, of answers that are decisions; `statuses`: how often each status was answered;
    `lost`: no answer; `late_ms`: how late a request was sent at worst."""

    histogram: HdrHistogram = field(default_factory=lambda: HdrHistogram(1, _LONGEST_US, 3))
    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    late_ms: float = 0.0

    def ms(self, percentile: float) -> float:
        """A percentile in milliseconds."""
        return float(self.histogram.get_value_at_percentile(percentile)) / 1000

    @property
    def undecided(self) -> int:
        """Requests that were not decided."""
        return self.lost + sum(self.statuses.values()) - self.statuses[GRANTED] - self.statuses[REFUSED]


class Askers:
    """Asks the API at `url` for a unit of each of `skus` in turn, `per_s` a second from `start` (epoch seconds) on."""

    def __init__(self, url: str, channel: str, skus: Sequence[str], start: float, per_s: float) -> None:
        self._requests = [_request(channel, sku) for sku in skus]
        self._connections = Connections(url, most=len(skus))
        self._start = start
        self._per_s = per_s
        self._measured_from = start
        self._asked = Asked()

    def run(self, measured_from: float) -> Asked:
        """Ask for all of them, and wait for the answers; times count of those that are due from then on."""
        self._measured_from = measured_from
        asyncio.run(self._all())
        return self._asked

    async def _all(self) -> None:
        tasks = []
        for number, request in enumerate(self._requests):
            due = self._start + number / self._per_s
            left = due - time.time()
            if left > 0:
                await asyncio.sleep(left)
            self._asked.late_ms = max(self._asked.late_ms, (time.time() - due) * 1000)
            tasks.append(asyncio.create_task(self._ask(request, due)))
        await asyncio.gather(*tasks)
        await self._connections.close()

    async def _ask(self, request: bytes, due: float) -> None:
        answer = await self._connections.ask(request)
        if answer is None:
            self._asked.lost += 1
            return
        status, _ = answer
        self._asked.statuses[status] += 1
        if status in (GRANTED, REFUSED) and due >= self._measured_from:
            took = int((time.time() - due) * 1e6)
            self._asked.histogram.record_value(min(max(1, took), _LONGEST_US))


def _request(channel: str, sku: str) -> bytes:
    body = json.dumps({"channel": channel, "ttl_s": 86_400, "lines": [{"sku": sku, "quantity": 1}]}).encode()
    return post("/v1/reservations", body)
