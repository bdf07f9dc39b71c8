"""Receipts of one unit, each waited for at the API: from when it was due to be sent until a customer would see it.

Nothing else happens to the skus of probes, so that a number can only have moved because of them. Open loop: a probe is
due when it is due, and its time begins then, also where the sender or the API could not keep up.
"""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from loadtest.errors import NotCaughtUp
from loadtest.peak.http import Connections, post
from loadtest.peak.lookups import CHANNEL, Ends, Timed
from loadtest.probe_skus import Skus, Waiting, receipt, take_seen
from runtime import kafka
from runtime.settings import Settings
from wire.codec import Codec

SKUS_A_LANE = 12

_POLL_EVERY_S = 0.003
_PAUSES = 3
"""Between two questions: so many times what the last answer took, that probes do not become the load."""
_GIVE_UP_S = 30.0
_AGAIN_AFTER_S = 0.05


class Probes:
    """Sends probes, to all lanes alike, and waits for them."""

    def __init__(self, settings: Settings, codec: Codec, url: str, skus: Skus) -> None:
        self._settings, self._codec, self._skus = settings, codec, skus
        self._connections = Connections(url, 4)
        self._waiting: Waiting = {}
        self._done: list[Timed] = []
        self._all_sent = False

    async def run(self, start: float, per_s: float, stopped: Callable[[], bool]) -> list[Timed]:
        """`per_s` a second from `start` (epoch seconds) on until `stopped`, then until all were seen or half a minute
        has passed; those that were not seen are lost. Raises NotCaughtUp where the API does not know the skus."""
        expected = await self._base()
        watching = asyncio.create_task(self._watch(start))
        await self._send_all(start, per_s, stopped, expected)
        self._all_sent = True
        try:
            await asyncio.wait_for(watching, _GIVE_UP_S)
        except TimeoutError:
            self._done += [Timed(due, None) for own in self._waiting.values() for _, due in own]
        await self._connections.close()
        return self._done

    async def _base(self) -> dict[str, int]:
        deadline = time.monotonic() + _GIVE_UP_S
        names = self._skus.all()
        while time.monotonic() < deadline:
            numbers = await self._numbers(names)
            if len(numbers) == len(names):
                return numbers
            await asyncio.sleep(_AGAIN_AFTER_S)
        raise NotCaughtUp("the API does not know all probe skus")

    async def _send_all(
        self, start: float, per_s: float, stopped: Callable[[], bool], expected: dict[str, int]
    ) -> None:
        producer, ends = kafka.producer(self._settings), Ends()
        for number, (lane, sku) in enumerate(_turns(self._skus.lanes)):
            due = number / per_s
            while (left := start + due - time.time()) > 0:
                producer.poll(0)
                await asyncio.sleep(min(left, 0.05))
            await asyncio.sleep(0)  # also where all are overdue the answers must be heard
            if due >= ends(stopped, start):
                break
            expected[sku] += 1
            self._waiting.setdefault(sku, []).append((expected[sku], due))
            probe = receipt(self._skus, self._codec, lane, sku)
            producer.produce(self._settings.topic_prefix + probe.topic, probe.value, probe.key, lane)
        producer.flush(_GIVE_UP_S)

    async def _watch(self, start: float) -> None:
        while self._waiting or not self._all_sent:
            asked = time.monotonic()
            if self._waiting:
                numbers = await self._numbers(list(self._waiting))
                seen = time.time() - start
                self._done += [Timed(due, seen - due) for _, due in take_seen(self._waiting, numbers)]
                pause = (
                    max(_POLL_EVERY_S, _PAUSES * (time.monotonic() - asked)) if numbers else _AGAIN_AFTER_S
                )
                await asyncio.sleep(min(pause, _AGAIN_AFTER_S))
            else:
                await asyncio.sleep(_POLL_EVERY_S)

    async def _numbers(self, skus: Sequence[str]) -> dict[str, int]:
        """What the API says now; nothing where it does not answer."""
        body = json.dumps({"channel": CHANNEL, "skus": skus}).encode()
        answer = await self._connections.ask(post("/v1/availability/batch", body))
        if answer is None or answer[0] != 200:
            return {}
        return {item["sku"]: item["available"] for item in json.loads(answer[1])["items"]}


def _turns(lanes: Sequence[Sequence[str]]) -> Iterator[tuple[int, str]]:
    """Lanes in an order without rhythm, and in each its skus one after the other."""
    dice = np.random.default_rng(5)
    own = [itertools.cycle(lane) for lane in lanes]
    while True:
        for lane in dice.permutation(len(lanes)).tolist():
            yield lane, next(own[lane])
