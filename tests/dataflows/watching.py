"""A reader that looks at every row, in Redis and through the API, all the time: did a view ever go back?"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from redis import Redis

from inventory.murmur import shard_of
from runtime import redis as redis_link
from runtime.settings import Settings
from wire.rows_read import read_header
from wire.viewkeys import row_key

_PAUSE_S = 0.01


class Watcher:
    """What it has seen. `back`: every row that was older, or other under the same version, or gone."""

    def __init__(self, settings: Settings, skus: list[str], api_url: str | None, channel: str) -> None:
        prefix = settings.redis_prefix.encode()
        self._settings = settings
        self._skus = skus
        self._keys = [row_key(prefix, shard_of(sku), sku.encode()) for sku in skus]
        self._api_url = api_url
        self._channel = channel
        self._rows: dict[str, tuple[int, bytes]] = {}
        self._numbers: dict[str, tuple[int, int]] = {}
        self._ended = threading.Event()
        self.back: list[str] = []
        self.looks = {"redis": 0, "http": 0}
        self.changes = 0

    def redis(self) -> None:
        """Look at Redis until told to end."""
        link = redis_link.connect(self._settings)
        with link:
            while not self._ended.is_set():
                self._look_at_rows(link)
                self.looks["redis"] += 1
                time.sleep(_PAUSE_S)

    def _look_at_rows(self, link: Redis) -> None:
        pipeline = link.pipeline(transaction=False)
        for key in self._keys:
            pipeline.hmget(key, "v", "c", "b0")
        for sku, (version, packed, nodes) in zip(self._skus, pipeline.execute(), strict=True):
            if version is None:
                if sku in self._rows:
                    self.back.append(f"{sku}: the row is gone")
                continue
            if read_header(packed).version != int(version):
                self.back.append(f"{sku}: version {version} beside numbers of {read_header(packed).version}")
            self._seen(self._rows, sku, int(version), packed + (nodes or b""))

    def http(self) -> None:
        """Ask the API until told to end."""
        assert self._api_url is not None
        with httpx.Client(base_url=self._api_url, timeout=10.0) as api:
            while not self._ended.is_set():
                for first in range(0, len(self._skus), 1000):
                    asked = {"channel": self._channel, "skus": self._skus[first : first + 1000]}
                    answer = api.post("/v1/availability/batch", json=asked)
                    if answer.status_code != 200:
                        continue  # no network yet
                    for item in answer.json()["items"]:
                        self._seen(self._numbers, item["sku"], item["version"], item["available"])
                self.looks["http"] += 1
                time.sleep(_PAUSE_S)

    def _seen(self, known: dict[str, Any], sku: str, version: int, what: object) -> None:
        before = known.get(sku)
        if before is not None and (version < before[0] or (version == before[0] and what != before[1])):
            self.back.append(f"{sku}: version {version} after {before[0]}")
        self.changes += before != (version, what)
        known[sku] = (version, what)

    def end(self) -> None:
        """No more looks."""
        self._ended.set()

    def versions(self) -> dict[str, int]:
        """The last version of every row."""
        return {sku: version for sku, (version, _) in self._rows.items()}


@contextmanager
def watching(
    settings: Settings, skus: list[str], api_url: str | None = None, channel: str = "web"
) -> Iterator[Watcher]:
    """Look all the while that the block runs. Fails if a view went back, or nobody looked."""
    watcher = Watcher(settings, skus, api_url, channel)
    failures: list[BaseException] = []

    def run(look: Any) -> None:
        try:
            look()
        except BaseException as error:
            failures.append(error)

    looks = [watcher.redis, *([watcher.http] if api_url else [])]
    threads = [threading.Thread(target=run, args=(look,)) for look in looks]
    for thread in threads:
        thread.start()
    try:
        yield watcher
    finally:
        watcher.end()
        for thread in threads:
            thread.join()
    assert not failures, failures
    assert watcher.back == []
    assert watcher.looks["redis"] > 10
    assert api_url is None or watcher.looks["http"] > 10
