"""Probes: receipts of one unit, each waited for at the API. Open loop: a probe is due when it is due.

Each probe has a sku of its own kind, on which nothing else happens, so that the number can only have moved
because of the probe; lanes get probes as they get events. The time of a probe begins at the instant at which
it was to be sent, whether it was sent in time or not, and ends when an answer of the API shows its effect.
"""

import json
import socket
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
from hdrh.histogram import HdrHistogram

from loadtest.cpu import Stolen
from loadtest.errors import NotCaughtUp
from loadtest.probe_skus import Waiting, probe_skus, receipt, take_seen
from loadtest.w1.write import location_name
from runtime import kafka
from runtime.settings import Settings
from wire.codec import Codec

CHANNEL = "web"

_SKUS = 96
_POLL_EVERY_S = 0.002
_READY_S = 1.0
_GIVE_UP_S = 10.0
_LONGEST_US = 60_000_000


class Seen(NamedTuple):
    """A probe of a sku that was seen: when it was due (epoch seconds), and how long it took from then on (s)."""

    sku: str
    due: float
    took: float


@dataclass
class Probed:
    """Latencies in microseconds; `lost`: not seen within the patience after the last; `polls`: requests; `seen`: one by
    one, those that were not measured too. `stolen`: share of the processors' time that other machines of the host
    had."""

    histogram: HdrHistogram
    measured_from: float = 0.0
    lost: int = 0
    polls: int = 0
    seen: list[Seen] = field(default_factory=list)
    stolen: float = 0.0

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
        self.skus = probe_skus(location_name(0), settings.partitions, _SKUS // settings.partitions)

    def run(
        self, asked: AbstractContextManager[Asked], start: float, seconds: float, rate: float,
        unmeasured: float = 0.0, patience: float = _GIVE_UP_S,
    ) -> Probed:  # fmt: skip
        """Send probes at `rate` a second from `start` (epoch seconds) on, and wait for each; those of the first
        `unmeasured` seconds count for nothing but being lost. `seconds` of measuring follow. Those that are not seen
        within `patience` (s) after the last are lost."""
        seconds += unmeasured
        probed = Probed(HdrHistogram(1, _LONGEST_US, 3), start + unmeasured)
        # An API closes a connection on which nobody asks for some seconds.
        time.sleep(max(0.0, start - _READY_S - time.time()))
        stolen = Stolen()
        with asked as api:
            expected = api.numbers(self.skus.all())
            waiting: Waiting = {}
            producer = kafka.producer(self._settings)
            sent, many, last_poll = 0, int(seconds * rate), 0.0
            turns = [cycle(own) for own in self.skus.lanes]
            while sent < many or waiting:
                now = time.time()
                while sent < many and start + sent / rate <= now:
                    lane = int(self._random.choice(len(self._share), p=self._share))
                    sku = next(turns[lane])
                    expected[sku] += 1
                    probe = receipt(self.skus, self._codec, lane, sku)
                    producer.produce(self._settings.topic_prefix + probe.topic, probe.value, probe.key, lane)
                    waiting.setdefault(sku, []).append((expected[sku], start + sent / rate))
                    sent += 1
                producer.poll(0)
                if waiting and now - last_poll >= _POLL_EVERY_S:
                    last_poll = now
                    probed.polls += 1
                    self._look(api, waiting, probed)
                elif now > start + seconds + patience:
                    probed.lost = sum(map(len, waiting.values()))
                    break
                else:
                    time.sleep(_POLL_EVERY_S / 4)
            producer.flush(_GIVE_UP_S)
        probed.stolen = stolen.share
        return probed

    def _look(self, api: Asked, waiting: Waiting, probed: Probed) -> None:
        numbers = api.numbers(list(waiting))
        seen = time.time()
        for sku, due in take_seen(waiting, numbers):
            probed.seen.append(Seen(sku, due, seen - due))
            if due >= probed.measured_from:
                probed.histogram.record_value(min(max(1, int((seen - due) * 1e6)), _LONGEST_US))


class Api:
    """One kept connection; a request costs the poller some 50 µs, where a full client would cost 500."""

    def __init__(self, url: str) -> None:
        self._place = urlsplit(url)

    def __enter__(self) -> "Api":
        self._socket = socket.create_connection((self._place.hostname, self._place.port), timeout=10.0)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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
