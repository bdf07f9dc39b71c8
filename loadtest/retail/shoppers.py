"""Customers who reserve through the API while a replay runs: some pay, some think better of it, some forget.

Open loop: a customer comes when it is due, however long the others wait. What the API has promised is held against
what it says in the end.
"""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from hdrh.histogram import HdrHistogram

from loadtest.errors import ApiAway
from loadtest.readiness import wait_for_reservations

_CONNECTIONS = 32
_TIMEOUT_S = 10.0
_TRIES = 4
_AGAIN_AFTER_S = 0.5
_SHORT_S, _LONG_S = 2, 6 * 3_600
_THINKS_S = 1.5
_LONGEST_US = 60_000_000
_HELD, _CONFIRMED, _CANCELLED = "HELD", "CONFIRMED", "CANCELLED"


@dataclass
class Shopped:
    """What the customers were told, and what they have in the end. `broken`: promises that were not kept."""

    answers: Counter[str] = field(default_factory=Counter)
    decided: HdrHistogram = field(default_factory=lambda: HdrHistogram(1, _LONGEST_US, 3))
    promised: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def line(self) -> str:
        """One line for people."""
        said = ", ".join(f"{many:,} {what}" for what, many in sorted(self.answers.items()))
        p50, p99 = (self.decided.get_value_at_percentile(p) / 1000 for p in (50, 99))
        return f"customers at the API: {said}; decided in p50 {p50:.0f} ms, p99 {p99:.0f} ms"


class Shoppers:
    """`goods`: what they want; `per_s`: how many of them come a second."""

    def __init__(self, url: str, goods: list[str], per_s: float, seed: int, channel: str = "web") -> None:
        self._url = url
        self._goods = goods
        self._per_s = per_s
        self._channel = channel
        self._dice = random.Random(f"{seed}-shoppers")
        self._mark = f"shopper-{seed}-{time.time_ns():x}"
        self._stopped = threading.Event()
        self.shopped = Shopped()

    def stop(self) -> None:
        """Nobody comes any more; who is there finishes."""
        self._stopped.set()

    def look(self) -> None:
        """Return when they would be answered. Raises ApiAway, at once if nobody is there."""
        try:
            httpx.get(f"{self._url}/healthz", timeout=_TIMEOUT_S)
        except httpx.TransportError as error:
            raise ApiAway(
                f"the API at {self._url} does not answer ({error}): start it (`python -m availability_api`), name "
                "another (--api URL), or let no customers come (--api none)"
            ) from None
        wait_for_reservations(self._url)

    def come(self) -> None:
        """Let them come, until stopped."""
        asyncio.run(self._within(self._all))

    def check(self) -> Shopped:
        """Ask what became of every promise."""
        asyncio.run(self._within(self._check))
        return self.shopped

    async def _within(self, what: Callable[[httpx.AsyncClient], Coroutine[Any, Any, None]]) -> None:
        limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
        async with httpx.AsyncClient(base_url=self._url, timeout=_TIMEOUT_S, limits=limits) as client:
            await what(client)

    async def _all(self, client: httpx.AsyncClient) -> None:
        start, number, there = time.time(), 0, set[asyncio.Task[None]]()
        while not self._stopped.is_set():
            due = start + number / self._per_s
            await asyncio.sleep(max(0.0, due - time.time()))
            task = asyncio.create_task(self._shop(client, number, due))
            there.add(task)
            task.add_done_callback(there.discard)
            number += 1
        await asyncio.gather(*there)

    async def _shop(self, client: httpx.AsyncClient, number: int, due: float) -> None:
        fate = self._dice.choices((_HELD, _CONFIRMED, _CANCELLED, "LAPSED"), (1, 4, 2, 3))[0]
        thinks = self._dice.uniform(0.1, _THINKS_S)
        lines = [
            {"sku": sku, "quantity": self._dice.choice((1, 1, 1, 2))}
            for sku in self._dice.sample(self._goods, self._dice.choice((1, 1, 1, 2, 3)))
        ]
        if self._dice.random() < 0.05:
            lines[0]["quantity"] = 5_000  # nobody has so many
        body = {
            "channel": self._channel, "lines": lines, "allow_partial": self._dice.random() < 0.1,
            "ttl_s": _SHORT_S if fate == "LAPSED" else _LONG_S,
        }  # fmt: skip
        told = await self._tell(client, "POST", "", body, key=f"{self._mark}-{number}")
        if told is None:
            return
        self.shopped.decided.record_value(min(max(1, int((time.time() - due) * 1e6)), _LONGEST_US))
        if told.status_code != 201:
            return
        reservation = told.json()["reservation_id"]
        await asyncio.sleep(thinks)
        if fate == _CONFIRMED:
            told = await self._tell(client, "POST", f"/{reservation}/confirm", None)
        elif fate == _CANCELLED:
            told = await self._tell(client, "DELETE", f"/{reservation}", None)
        if fate != "LAPSED" and told is not None and told.status_code < 300:
            self.shopped.promised[reservation] = fate

    async def _tell(
        self, client: httpx.AsyncClient, method: str, path: str, body: Any, key: str | None = None
    ) -> httpx.Response | None:
        """Ask until there is an answer; None if there is none."""
        headers = {} if key is None else {"Idempotency-Key": key}
        for _ in range(_TRIES):
            try:
                told = await client.request(method, f"/v1/reservations{path}", json=body, headers=headers)
            except httpx.TransportError as error:
                self.shopped.answers[type(error).__name__] += 1
            else:
                said = told.json()
                self.shopped.answers[
                    said.get("type", "").rpartition(":")[2] or said.get("state") or said["decision"]
                ] += 1
                if told.status_code < 500 or said["type"].endswith("undecided"):
                    return told
            await asyncio.sleep(_AGAIN_AFTER_S)
        return None

    async def _check(self, client: httpx.AsyncClient) -> None:
        for reservation, promised in self.shopped.promised.items():
            told = (await client.get(f"/v1/reservations/{reservation}")).json()
            if told.get("state") != promised:
                self.shopped.broken.append(
                    f"reservation {reservation}: the customer was told {promised}, now it is {told.get('state', told)}"
                )


@contextmanager
def shopping(shoppers: Shoppers) -> Iterator[None]:
    """While the block runs, they come. Raises what went wrong with them."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(shoppers.come)
        try:
            yield
        finally:
            shoppers.stop()
        coming.result()
