"""Receipts of one unit, each waited for at the API: from when it was due to be sent until a customer would see it.

Nothing else happens to the skus of probes, so that a number can only have moved because of them. Open loop: a probe is
due when it is due, and its time begins then, also where the sender or the API could not keep up.
"""

import asyncio
import itertools
import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from confluent_kafka import Producer

from inventory.murmur import shard_of
from loadtest.drafts import Outgoing
from loadtest.errors import NotCaughtUp
from loadtest.peak_http import Connections, post
from loadtest.peak_lookups import CHANNEL, Ends, Timed
from runtime import kafka
from runtime.settings import Settings
from wire.codec import Codec

OPENING_UNITS = 1000
SOURCE = "probe"
CATEGORY = "PROBE"

_SKUS_A_LANE = 12
_POLL_EVERY_S = 0.003
_PAUSES = 3
"""Between two questions: so many times what the last answer took, that probes do not become the load."""
_GIVE_UP_S = 30.0
_AGAIN_AFTER_S = 0.05


@dataclass(frozen=True)
class Skus:
    """The skus of probes at `place`, some in each lane."""

    place: str
    lanes: tuple[tuple[str, ...], ...]

    def all(self) -> list[str]:
        """Lane by lane."""
        return [sku for lane in self.lanes for sku in lane]


def probe_skus(place: str, lanes: int) -> Skus:
    """As many in each lane."""
    found: list[list[str]] = [[] for _ in range(lanes)]
    names = (f"PROBE-{number:05d}" for number in itertools.count())
    while min(map(len, found)) < _SKUS_A_LANE:
        name = next(names)
        lane = shard_of(name) % lanes
        if len(found[lane]) < _SKUS_A_LANE:
            found[lane].append(name)
    return Skus(place, tuple(tuple(lane) for lane in found))


def opening(skus: Skus, codec: Codec, at: int) -> Iterator[Outgoing]:
    """Messages that make the skus known and stocked; counted at `at` (ms)."""
    for lane, own in enumerate(skus.lanes):
        for sku in own:
            item = {"sku": sku, "category": CATEGORY}
            count = {
                "event_id": f"probe-opening-{sku}-{at}", "source": SOURCE, "occurred_at": at, "recorded_at": at,
                "sku": sku, "location": skus.place, "quantity": OPENING_UNITS, "counted_at": at, "basis": "GROSS",
            }  # fmt: skip
            for topic, record, fields in (
                ("catalog", "CatalogItem", item),
                ("wms-adjustments", "StockCount", count),
            ):
                yield Outgoing(topic, lane, sku.encode(), codec.encode(record, fields), "probe", None)


class Probes:
    """Sends probes, to all lanes alike, and waits for them."""

    def __init__(self, settings: Settings, codec: Codec, url: str, skus: Skus) -> None:
        self._settings, self._codec, self._skus = settings, codec, skus
        self._connections = Connections(url, 4)
        self._waiting: dict[str, list[tuple[int, float]]] = {}
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
            self._send(producer, sku, lane)
        producer.flush(_GIVE_UP_S)

    def _send(self, producer: Producer, sku: str, lane: int) -> None:
        at = int(time.time() * 1000)
        value = self._codec.encode("StockMovement", {
            "event_id": str(uuid.uuid4()), "source": SOURCE, "occurred_at": at, "recorded_at": at, "sku": sku,
            "location": self._skus.place, "movement": "RECEIPT", "quantity": 1,
        })  # fmt: skip
        producer.produce(self._settings.topic_prefix + "stock-movements", value, sku.encode(), lane)

    async def _watch(self, start: float) -> None:
        while self._waiting or not self._all_sent:
            asked = time.monotonic()
            if self._waiting:
                numbers = await self._numbers(list(self._waiting))
                self._note(numbers, time.time() - start)
                pause = (
                    max(_POLL_EVERY_S, _PAUSES * (time.monotonic() - asked)) if numbers else _AGAIN_AFTER_S
                )
                await asyncio.sleep(min(pause, _AGAIN_AFTER_S))
            else:
                await asyncio.sleep(_POLL_EVERY_S)

    def _note(self, numbers: dict[str, int], seen: float) -> None:
        for sku, available in numbers.items():
            left = []
            for expected, due in self._waiting[sku]:
                if available >= expected:
                    self._done.append(Timed(due, seen - due))
                else:
                    left.append((expected, due))
            if left:
                self._waiting[sku] = left
            else:
                del self._waiting[sku]

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
