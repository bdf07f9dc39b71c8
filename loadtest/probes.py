"""Probes: receipts of one unit, each waited for at the API. Open loop: a probe is due when it is due.

Each probe has a sku of its own kind, on which nothing else happens, so that the number can only have moved
because of the probe; lanes get probes as they get events. The time of a probe begins at the instant at which
it was to be sent, whether it was sent in time or not, and ends when an answer of the API shows its effect.
"""

import json
import socket
import time
import uuid
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
from confluent_kafka import Producer
from hdrh.histogram import HdrHistogram

from inventory.murmur import shard_of
from loadtest.errors import NotCaughtUp
from loadtest.w1_write import location_name
from runtime import kafka
from runtime.settings import Settings
from wire.codec import Codec

CHANNEL = "web"

_SKUS = 96
_OPENING = 1000
_POLL_EVERY_S = 0.002
_GIVE_UP_S = 10.0
_LONGEST_US = 60_000_000


@dataclass
class Probed:
    """Latencies in microseconds; `lost`: not seen within ten seconds after the last; `polls`: requests."""

    histogram: HdrHistogram
    measured_from: float = 0.0
    lost: int = 0
    polls: int = 0

    def ms(self, percentile: float) -> float:
        """A percentile in milliseconds."""
        return float(self.histogram.get_value_at_percentile(percentile)) / 1000


class Asked(Protocol):
    """Where the numbers are looked up."""

    def numbers(self, skus: list[str]) -> dict[str, int]:
        """The number of each sku in CHANNEL. Raises NotCaughtUp where one is not there."""


class Probes:
    """`share` (lanes) is the share of the events that each lane gets."""

    def __init__(self, settings: Settings, codec: Codec, share: npt.NDArray[np.float64], seed: int) -> None:
        self._settings = settings
        self._codec = codec
        self._random = np.random.default_rng(seed)
        self._share = share
        self.skus: list[list[str]] = [[] for _ in range(settings.partitions)]
        names = (f"PROBE-{number:05d}" for number in count())
        while min(map(len, self.skus)) < _SKUS // settings.partitions:
            name = next(names)
            lane = shard_of(name) % settings.partitions
            if len(self.skus[lane]) < _SKUS // settings.partitions:
                self.skus[lane].append(name)

    def names(self) -> list[str]:
        """All probe skus."""
        return [sku for lane in self.skus for sku in lane]

    def opening(self, at: int) -> list[tuple[str, dict[str, object]]]:
        """(record, fields) that make the probe skus known and stocked; counted at `at` (ms)."""
        location = location_name(0)
        records: list[tuple[str, dict[str, object]]] = [("CatalogItem", {"sku": sku}) for sku in self.names()]
        records += [
            ("StockCount", {
                "event_id": f"probe-opening-{sku}", "source": "probe", "occurred_at": at, "recorded_at": at,
                "sku": sku, "location": location, "quantity": _OPENING, "counted_at": at, "basis": "GROSS",
            })
            for sku in self.names()
        ]  # fmt: skip
        return records

    def run(
        self, asked: AbstractContextManager[Asked], start: float, seconds: float, rate: float, unmeasured: float = 0.0
    ) -> Probed:  # fmt: skip
        """Send probes at `rate` a second from `start` (epoch seconds) on, and wait for each; those of the first
        `unmeasured` seconds count for nothing but being lost. `seconds` of measuring follow."""
        seconds += unmeasured
        probed = Probed(HdrHistogram(1, _LONGEST_US, 3), start + unmeasured)
        with asked as api:
            base = api.numbers(self.names())
            expected = dict(base)
            waiting: dict[str, list[tuple[int, float]]] = {}
            producer = kafka.producer(self._settings)
            sent, many, last_poll = 0, int(seconds * rate), 0.0
            turns = [0] * len(self.skus)
            while sent < many or waiting:
                now = time.time()
                while sent < many and start + sent / rate <= now:
                    lane = int(self._random.choice(len(self._share), p=self._share))
                    sku = self.skus[lane][turns[lane] % len(self.skus[lane])]
                    turns[lane] += 1
                    expected[sku] += 1
                    self._send(producer, sku, lane)
                    waiting.setdefault(sku, []).append((expected[sku], start + sent / rate))
                    sent += 1
                producer.poll(0)
                if waiting and now - last_poll >= _POLL_EVERY_S:
                    last_poll = now
                    probed.polls += 1
                    self._look(api, waiting, probed)
                elif now > start + seconds + _GIVE_UP_S:
                    probed.lost = sum(map(len, waiting.values()))
                    break
                else:
                    time.sleep(_POLL_EVERY_S / 4)
            producer.flush(_GIVE_UP_S)
        return probed

    def send_now(self, skus: Iterable[str]) -> None:
        """One receipt for each of some skus; returns when Kafka has them."""
        producer = kafka.producer(self._settings)
        for sku in skus:
            self._send(producer, sku, shard_of(sku) % self._settings.partitions)
        producer.flush(_GIVE_UP_S)

    def _send(self, producer: Producer, sku: str, lane: int) -> None:
        at = int(time.time() * 1000)
        value = self._codec.encode("StockMovement", {
            "event_id": str(uuid.uuid4()), "source": "probe", "occurred_at": at, "recorded_at": at,
            "sku": sku, "location": location_name(0), "movement": "RECEIPT", "quantity": 1,
        })  # fmt: skip
        producer.produce(self._settings.topic_prefix + "stock-movements", value, sku.encode(), lane)

    def _look(self, api: Asked, waiting: dict[str, list[tuple[int, float]]], probed: Probed) -> None:
        numbers = api.numbers(list(waiting))
        seen = time.time()
        for sku, available in numbers.items():
            left = []
            for expected, due in waiting[sku]:
                if available >= expected and due < probed.measured_from:
                    continue
                if available >= expected:
                    probed.histogram.record_value(min(max(1, int((seen - due) * 1e6)), _LONGEST_US))
                else:
                    left.append((expected, due))
            if left:
                waiting[sku] = left
            else:
                del waiting[sku]


class Api:
    """One kept connection; a request costs the poller some 50 µs, where a full client would cost 500."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._socket = socket.create_connection((place.hostname, place.port), timeout=10.0)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def numbers(self, skus: list[str]) -> dict[str, int]:
        """The number of each sku in CHANNEL. Raises NotCaughtUp where the API does not know them all."""
        body = json.dumps({"channel": CHANNEL, "skus": skus}).encode()
        self._socket.sendall(
            b"POST /v1/availability/batch HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%s" % (len(body), body)
        )
        answer = self._answer()
        items = answer.get("items", [])
        if len(items) != len(skus):
            raise NotCaughtUp(f"the API does not know all probe skus: {json.dumps(answer)[:300]}")
        return {item["sku"]: item["available"] for item in items}

    def _answer(self) -> dict[str, Any]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, body = data.partition(b"\r\n\r\n")
        at = head.lower().index(b"content-length:") + len(b"content-length:")
        length = int(head[at:].split(b"\r\n", 1)[0])
        while len(body) < length:
            body += self._receive()
        answer: dict[str, Any] = json.loads(body)
        return answer

    def _receive(self) -> bytes:
        data = self._socket.recv(1 << 16)
        if not data:
            raise NotCaughtUp("the API closed the connection")
        return data
