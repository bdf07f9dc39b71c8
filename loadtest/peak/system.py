"""The system under a load: rules, engine, an API that can be killed, a reader that can fall behind."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from confluent_kafka import OFFSET_END, Consumer, TopicPartition
from redis import Redis

from deploy.ports import free_port
from loadtest.processes import Running, engine, listening_api
from runtime import kafka
from runtime import redis as redis_link
from runtime.readback import partitions_of
from runtime.settings import Settings

_MOST_AT_ONCE = 10_000


class Api:
    """The API, always at the same port."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self._stack = ExitStack()
        self.url = f"http://{settings.api_host}:{settings.api_port}"
        self.start()

    def start(self) -> None:
        """Start it, and return when it listens. Raises ProcessEnded."""
        self._process: Running = self._stack.enter_context(listening_api(self._settings, self._folder))

    def kill(self) -> None:
        """SIGKILL."""
        os.kill(self._process.pid, signal.SIGKILL)
        self._stack.close()

    def leave(self) -> None:
        """Stop it."""
        self._stack.close()


class Reader:
    """Somebody who reads `availability` from now on, as a channel does, and may stop for a while."""

    def __init__(self, settings: Settings) -> None:
        self._name = settings.topic_prefix + "availability"
        self._consumer: Consumer = kafka.consumer(settings)
        self._reads, self._over = threading.Event(), threading.Event()
        self._ends = kafka.consumer(settings)
        self._places = [
            TopicPartition(self._name, each, OFFSET_END) for each in partitions_of(self._ends, self._name)
        ]
        self._next = {place.partition: self._end(place) for place in self._places}
        self._reads.set()
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self._thread.start()

    def stall(self) -> None:
        """Read nothing until `go_on`."""
        self._reads.clear()

    def go_on(self) -> None:
        """Read again."""
        self._reads.set()

    def lag(self) -> int:
        """Records it has not read."""
        return sum(self._end(place) - self._next[place.partition] for place in self._places)

    def leave(self) -> None:
        """End it."""
        self._over.set()
        self._reads.set()
        self._thread.join()
        self._ends.close()

    def _end(self, place: TopicPartition) -> int:
        return int(self._ends.get_watermark_offsets(place, timeout=10)[1])

    def _run(self) -> None:
        self._consumer.assign([TopicPartition(self._name, lane, at) for lane, at in self._next.items()])
        while not self._over.is_set():
            self._reads.wait()
            for message in self._consumer.consume(_MOST_AT_ONCE, timeout=0.1):
                if message.error() is None:
                    self._next[message.partition() or 0] = (message.offset() or 0) + 1
        self._consumer.close()


class System:
    """All of it, running."""

    def __init__(self, settings: Settings, folder: Path, engine: Running, api: Api, redis: Redis) -> None:
        self.settings, self.folder, self.engine, self.api, self.redis = settings, folder, engine, api, redis
        self.reader: Reader | None = None

    def reader_lag(self) -> int | None:
        """Of the reader, where there is one."""
        return None if self.reader is None else self.reader.lag()


@contextmanager
def system(settings: Settings, folder: Path, cells: int) -> Iterator[System]:
    """Engine and API, until the block ends. `settings` name the ports."""
    with ExitStack() as stack:
        cell = stack.enter_context(engine(settings, cells, folder))
        api = Api(settings, folder)
        stack.callback(api.leave)
        redis = stack.enter_context(redis_link.client(settings))
        found = System(settings, folder, cell, api, redis)
        try:
            yield found
        finally:
            if found.reader is not None:
                found.reader.leave()


def with_ports(settings: Settings, cells: int) -> Settings:
    """With ports that are free."""
    return settings.replace(metrics_port=free_port(), api_port=free_port(), cells=cells)
