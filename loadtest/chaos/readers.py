"""Continuous readers: of the rows in Redis, and of the HTTP API. Did a view ever move backwards?

A reader forgets nothing, also when Redis comes back empty, or with an old copy. What it believes is what the
contract lets it believe (docs/view.md): a row of the server to which its lane has offered all rows, and an answer that
does not say `stale`. A version less than one seen is a step back, and so is another content under the same version, and
a row that is gone.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from redis import Redis
from redis.exceptions import RedisError

from inventory.murmur import shard_of
from runtime import redis as redis_link
from runtime.settings import Settings
from wire.rows_read import RowFormatError, read_header
from wire.viewkeys import freshness_key, meta_key, row_key

_PAUSE_S = 0.02
_AWAY_S = 0.1
_AT_ONCE = 250
_NUMBERS_AT = 40
"""Bytes of the header before the channels of a row; when it was computed, and by which process, is no content."""


@dataclass
class Seen:
    """What one reader has seen: the last of each sku, and every step `back`. Steps of one sku are told once a change.

    `looks`: how often it looked at all skus; `changes`: views that were newer than before.
    """

    name: str
    last: dict[str, tuple[int, object]] = field(default_factory=dict)
    back: list[str] = field(default_factory=list)
    looks: int = 0
    changes: int = 0

    def see(self, sku: str, version: int, content: object) -> None:
        """A view of a sku."""
        before = self.last.get(sku)
        if before == (version, content):
            return
        if before is not None and version <= before[0]:
            what = "other numbers under" if version == before[0] else f"{before[0]} before"
            self.back.append(f"{self.name}: {sku}: {what} version {version}")
        self.changes += 1
        self.last[sku] = version, content

    def gone(self, sku: str) -> None:
        """A sku that is not there any more."""
        if sku in self.last:
            self.back.append(f"{self.name}: {sku}: gone, after version {self.last.pop(sku)[0]}")


class RowReader:
    """Reads rows straight from Redis, with what their lanes say of them in the same moment."""

    def __init__(self, settings: Settings, skus: Sequence[str]) -> None:
        prefix = settings.redis_prefix.encode()
        self.seen = Seen("row")
        self._settings = settings
        self._skus = skus
        self._keys = [row_key(prefix, shard_of(sku), sku.encode()) for sku in skus]
        self._lane = [shard_of(sku) % settings.partitions for sku in skus]
        self._meta = meta_key(prefix).decode()
        self._lanes = [freshness_key(prefix, lane) for lane in range(settings.partitions)]
        self._trusted: dict[int, str] = {}
        """The server of whose rows a lane has once said that they are all there."""

    def run(self, ended: threading.Event) -> None:
        """Look until told to end."""
        while not ended.is_set():
            try:
                with redis_link.client(self._settings, socket_timeout=2.0) as redis:
                    while not ended.is_set():
                        self._look(redis)
                        ended.wait(_PAUSE_S)
            except (RedisError, OSError):
                ended.wait(_AWAY_S)

    def _look(self, redis: Redis) -> None:
        for first in range(0, len(self._skus), _AT_ONCE):
            some = range(first, min(first + _AT_ONCE, len(self._skus)))
            pipeline = redis.pipeline(transaction=True)
            pipeline.info("server")
            pipeline.hget(self._meta, "id")
            for key in self._lanes:
                pipeline.hmget(key, ["offered", "server"])
            for at in some:
                pipeline.hmget(self._keys[at], ["v", "c", "b0", "b1", "b2"])
            told, view, *rest = pipeline.execute()
            server = str(told["run_id"])
            self._take_lanes(server, view, rest[: len(self._lanes)])
            for at, row in zip(some, rest[len(self._lanes) :], strict=True):
                if self._trusted.get(self._lane[at]) == server:
                    self._take(self._skus[at], row)
        self.seen.looks += 1

    def _take_lanes(self, server: str, view: bytes | None, lanes: list[list[bytes | None]]) -> None:
        for lane, (offered, of) in enumerate(lanes):
            if view is not None and offered == view and of is not None and of.decode() == server:
                self._trusted[lane] = server

    def _take(self, sku: str, row: list[bytes | None]) -> None:
        version, packed, *blocks = row
        if version is None or packed is None:
            self.seen.gone(sku)
            return
        try:
            header = read_header(packed)
        except RowFormatError as error:
            self.seen.back.append(f"row: {sku}: {error}")
            return
        if header.version != int(version):
            self.seen.back.append(f"row: {sku}: version {int(version)} beside numbers of {header.version}")
        numbers = packed[_NUMBERS_AT:]
        self.seen.see(sku, int(version), (header.active, header.as_of, numbers, *blocks))


class ApiReader:
    """Asks the HTTP API for the same skus."""

    def __init__(self, url: str, skus: Sequence[str], channel: str) -> None:
        self.seen = Seen("api")
        self._url = url
        self._skus = skus
        self._channel = channel

    def run(self, ended: threading.Event) -> None:
        """Ask until told to end."""
        with httpx.Client(base_url=self._url, timeout=10.0) as api:
            while not ended.is_set():
                try:
                    self._look(api)
                except httpx.TransportError:
                    ended.wait(_AWAY_S)
                ended.wait(_PAUSE_S)

    def _look(self, api: httpx.Client) -> None:
        for first in range(0, len(self._skus), _AT_ONCE):
            asked = {"channel": self._channel, "skus": self._skus[first : first + _AT_ONCE]}
            answer = api.post("/v1/availability/batch", json=asked)
            if answer.status_code == 200:
                self._take(answer.json())
        self.seen.looks += 1

    def _take(self, answer: dict[str, Any]) -> None:
        for sku in answer["unknown"]:
            self.seen.gone(sku)
        for item in answer["items"]:
            if not item["stale"]:
                self.seen.see(item["sku"], item["version"], (item["available"], item["status"]))


@contextmanager
def reading(readers: Sequence[RowReader | ApiReader]) -> Iterator[None]:
    """They look all the while that the block runs. Raises what went wrong in them."""
    ended = threading.Event()
    failures: list[BaseException] = []

    def run(look: Callable[[threading.Event], None]) -> None:
        try:
            look(ended)
        except BaseException as error:
            failures.append(error)

    with ExitStack() as stack:
        for reader in readers:
            thread = threading.Thread(target=run, args=(reader.run,), daemon=True)
            thread.start()
            stack.callback(thread.join)
        stack.callback(ended.set)
        yield
    if failures:
        raise failures[0]


def wait_for_looks(readers: Sequence[RowReader | ApiReader], more: int, within_s: float) -> bool:
    """Whether each of them has looked so often again in time."""
    wanted = [reader.seen.looks + more for reader in readers]
    deadline = time.monotonic() + within_s
    while any(reader.seen.looks < at for reader, at in zip(readers, wanted, strict=True)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
