"""Loads sent when they are due, by a process of its own, so that what is measured disturbs no sender."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from typing import Any, Protocol

import numpy as np
from confluent_kafka import KafkaError, Message, Producer

from loadtest.child import SPAWN, Child
from loadtest.errors import SendFailed
from loadtest.peak.load import Load
from loadtest.peak.schedule import Longs, per_second
from loadtest.retail.drafts import POISON_HEADER
from runtime import kafka
from runtime.codec import codec_of
from runtime.settings import Settings
from wire.codec import Codec

_NAP_S = 0.002
_MOST_AT_ONCE = 20_000
_FLUSH_S = 300.0
_LOOK_EVERY_S = 0.5
_LINGER_MS = 20
"""As producers at a high pace should; it is part of the latency of none but these messages."""


class Stage(Protocol):
    """What a system is to be like before the load: all of it was sent to Kafka."""

    rules: str
    """The rules file."""
    skus: list[str]
    """What lookups ask for."""
    place: str
    """A location that counts one unit as one in the channel `web`."""
    lead_s: float
    """How long `loads` needs before the first message is there."""

    def loads(self, start: float) -> Iterator[Load]:
        """The messages, dated for a start at that instant (epoch seconds); each load begins after the one before."""
        ...


class Traffic(Protocol):
    """Something to send; a picklable description of it."""

    def prepare(self, settings: Settings, codec: Codec) -> Stage:
        """Send what is there beforehand. Called in the sender's process."""
        ...


@dataclass(frozen=True)
class Prepared:
    """What the sender tells of its stage."""

    rules: str
    skus: list[str]
    place: str
    lead_s: float


class Sending(Child):
    """A sender's process. `sent`: messages handed to Kafka's client so far; `behind_s`: how late the latest was."""

    def __init__(self, settings: Settings, traffic: Traffic) -> None:
        self._sent = SPAWN.Value("q", 0)
        self._behind = SPAWN.Value("d", 0.0)
        super().__init__("the sender", _child, settings, traffic, self._sent, self._behind)

    @property
    def sent(self) -> int:
        """Messages so far."""
        return int(self._sent.value)

    @property
    def behind_s(self) -> float:
        """The worst lateness so far."""
        return float(self._behind.value)

    def prepared(self, check: Callable[[], None]) -> Prepared:
        """Wait until all that is there beforehand was sent. Raises ProcessEnded, and what `check` raises."""
        while not self.pipe.poll(_LOOK_EVERY_S):
            check()
        told = self.hear()
        assert isinstance(told, Prepared)
        return told

    def begin(self, start: float) -> None:
        """Let the load begin at `start` (epoch seconds)."""
        self.pipe.send(start)

    @property
    def over(self) -> bool:
        """Whether there is a word of the end."""
        return self.pipe.poll()

    def planned(self) -> Longs:
        """After the end: how many messages were due in each second. Raises ProcessEnded, SendFailed."""
        told = self.hear()
        if isinstance(told, str):
            raise SendFailed(told)
        planned: Longs = told
        return planned


def _child(
    settings: Settings, traffic: Traffic, sent: "Synchronized[int]", behind: "Synchronized[float]", told: Connection
) -> None:  # fmt: skip
    stage = traffic.prepare(settings, codec_of(settings))
    told.send(Prepared(stage.rules, stage.skus, stage.place, stage.lead_s))
    start: float = told.recv()
    outlet, planned = Outlet(settings), np.zeros(0, np.int64)
    for load in stage.loads(start):
        seconds = max(len(planned), int(load.due[-1]) + 1 if load.many else 0)
        planned = np.pad(planned, (0, seconds - len(planned))) + per_second(load.due, seconds)
        late = send_when_due(load, start, outlet.send, lambda more: _add(sent, more))
        behind.value = max(behind.value, late)
    try:
        outlet.close()
    except SendFailed as error:
        told.send(str(error))
        return
    told.send(planned)


def _add(counter: "Synchronized[int]", more: int) -> None:
    with counter.get_lock():
        counter.value += more


def send_when_due(
    load: Load,
    start: float,
    send: Callable[[Load, int, int], None],
    sent: Callable[[int], None],
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> float:
    """Send all that is due, again and again; returns by how many seconds the latest was late.

    The plan knows nothing of the system: what could not be sent in time is still due when it was due.
    """
    number, behind = 0, 0.0
    while number < load.many:
        now = clock() - start
        until = min(int(np.searchsorted(load.due, now, "right")), number + _MOST_AT_ONCE)
        if until > number:
            behind = max(behind, now - float(load.due[number]))
            send(load, number, until)
            sent(until - number)
            number = until
        else:
            sleep(max(_NAP_S, min(float(load.due[number]) - now, 1.0)))
    return behind


class Outlet:
    """A producer that takes pieces of loads."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.topic_prefix
        self._failed: str | None = None
        self._producer: Producer = kafka.producer(
            settings, linger_ms=_LINGER_MS, batch_num_messages=10_000, batch_size=1_000_000,
            queue_buffering_max_messages=2_000_000, queue_buffering_max_kbytes=1_000_000,
            message_timeout_ms=int(_FLUSH_S * 1000),
        )  # fmt: skip

    def send(self, load: Load, first: int, last: int) -> None:
        """Queue the messages `first` to `last` (exclusive), waiting where the queue is full. Raises SendFailed."""
        batches: dict[tuple[int, int], list[dict[str, Any]]] = {}
        rows = zip(
            range(first, last), load.topic[first:last].tolist(), load.lane[first:last].tolist(),
            load.key[first:last].tolist(), load.first[first:last].tolist(), load.last[first:last].tolist(),
            strict=True,
        )  # fmt: skip
        for number, topic, lane, key, start, end in rows:
            value, name = load.whole[start:end], load.keys[key]
            if number in load.poison:  # batches have no headers
                self._queue(load.topics[topic], lane, batches.pop((topic, lane), []))
                self._single(load.topics[topic], lane, name, value, load.poison[number])
            else:
                batches.setdefault((topic, lane), []).append({"value": value, "key": name})
        for (topic, lane), batch in batches.items():
            self._queue(load.topics[topic], lane, batch)
        self._producer.poll(0)
        if self._failed is not None:
            raise SendFailed(self._failed)

    def _queue(self, topic: str, lane: int, batch: list[dict[str, Any]]) -> None:
        while batch:
            queued = self._producer.produce_batch(
                self._prefix + topic, batch, partition=lane, on_delivery=self._delivered
            )
            batch = batch[queued:]
            self._producer.poll(0.05 if batch else 0)

    def _single(self, topic: str, lane: int, key: bytes, value: bytes, poison: str) -> None:
        self._producer.produce(
            self._prefix + topic,
            value,
            key,
            lane,
            on_delivery=self._delivered,
            headers={POISON_HEADER: poison},
        )

    def close(self) -> None:
        """Wait until all is acknowledged. Raises SendFailed."""
        left = self._producer.flush(_FLUSH_S)
        if left or self._failed is not None:
            raise SendFailed(self._failed or f"{left} records were not acknowledged within {_FLUSH_S:g} s")

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed = f"Kafka refused a record ({error.str()}): look at the broker"
