"""What the lanes of a cell read, through two consumers: a broker answers each with one fetch, where it would answer
each lane with its own.

A fetch names every partition of its consumer, and costs by their number what each brings next to nothing of. So topics
that bring something all the time have one consumer, whose fetches gather for a moment; those that rarely do have
another, whose fetches wait until something comes.

Each lane is assigned its partition of every topic, by hand. No group, no rebalancing. A topic of one partition is read
once, for all lanes; each gets of it what it has not had.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from dataflows.hearing import STATISTICS_MS, Hearing
from dataflows.intake import MASTERS, READ
from runtime.kafka import admin, consumer
from runtime.offsets import END, FIRST, list_offsets
from runtime.settings import Settings
from wire.topics import TOPICS

_log = logging.getLogger(__name__)

_MOST_RECORDS = 40_000
"""Of one poll, for all lanes; no more is asked for while as much waits."""
_GIVE_UP_COMMITS_MS = 2_000
"""A commit for lag tools that finds no broker holds up the end of its consumer for so long. (There is no group session
that the option's name could speak of.)"""
_QUEUE_KB = 32_768
_FETCH_BYTES, _PARTITION_BYTES = 32 << 20, 512 << 10
"""A fetch has room for all partitions, and brings little of each: topics that are read far apart make a lane fold what
is old among what is new, at twice the cost."""
_ENDS_WITHIN_S = 5.0
_WORTH_A_FETCH, _FETCH_WITHIN_MS = 1 << 16, 5
"""What a fetch costs a broker hardly depends on how much it brings: one that finds little waits a moment for more."""
_RARE = frozenset((*MASTERS, "expected-supply"))
_RARELY_MS = 500
"""A fetch of what is rare comes back with the first record, or after so long."""


class Arrived(NamedTuple):
    """What has arrived for a lane: messages by topic, each in the order of its partition; and in `told` those that are
    none, but tell of an end or an error."""

    messages: dict[str, list[Any]]
    told: list[Any]

    @property
    def many(self) -> int:
        """Messages, of all topics."""
        return sum(map(len, self.messages.values()))


def _nothing() -> Arrived:
    return Arrived(defaultdict(list), [])


class Inflow:
    """The consumers, and what has arrived for each lane and was not taken yet. `counts`: the partitions of each
    topic."""

    def __init__(self, settings: Settings, counts: Mapping[str, int]) -> None:
        self._counts = counts
        self._hearing, self._hearing_rare = Hearing(), Hearing()
        self._settings = settings
        given: dict[str, Any] = {
            "session_timeout_ms": _GIVE_UP_COMMITS_MS, "queued_max_messages_kbytes": _QUEUE_KB,
            "fetch_max_bytes": _FETCH_BYTES, "max_partition_fetch_bytes": _PARTITION_BYTES,
            "statistics_interval_ms": STATISTICS_MS,
        }  # fmt: skip
        self._busy: Consumer = consumer(
            settings, **given, fetch_min_bytes=_WORTH_A_FETCH, fetch_wait_max_ms=_FETCH_WITHIN_MS,
            stats_cb=self._hearing.take,
        )  # fmt: skip
        self._rare: Consumer = consumer(
            settings, **given, fetch_wait_max_ms=_RARELY_MS, stats_cb=self._hearing_rare.take
        )
        self._rarely = {settings.topic(name) for name in _RARE}
        self._at_start: dict[tuple[str, int], tuple[int, int]] = {}
        self._arrived: dict[int, Arrived] = {}
        self._untaken = 0
        self.full = False
        """Whether more may have come than was gathered."""
        self._wanted: dict[tuple[str, int], int] = {}
        self._assigned: set[tuple[str, int]] = set()
        # of each topic that is read for all lanes: the offset that each lane wants next
        self._from: dict[str, dict[int, int]] = {
            settings.topic(name): {} for name, topic in TOPICS.items() if topic.single
        }

    def _place(self, lane: int, name: str, offset: int) -> TopicPartition:
        return TopicPartition(self._settings.topic(name), 0 if TOPICS[name].single else lane, offset)

    def _reads(self, topic: str) -> Consumer:
        """Who reads a topic (full name)."""
        return self._rare if topic in self._rarely else self._busy

    def has(self, lane: int, name: str) -> bool:
        """Whether there is a partition of a topic for a lane to read: topics may have fewer than there are lanes."""
        return TOPICS[name].single or lane < self._counts[name]

    def read(self, lane: int, offsets: Mapping[str, int | None]) -> None:
        """Read topics (names without the prefix) for a lane, each from an offset on; None: whatever is there."""
        self._arrived.setdefault(lane, _nothing())
        for name, told in offsets.items():
            if not self.has(lane, name):
                continue
            # Offset 0 would fail once retention has moved the beginning.
            place = self._place(lane, name, OFFSET_BEGINNING if told is None else told)
            at = place.topic, place.partition
            self._wanted[at] = min(place.offset, self._wanted.get(at, place.offset))
            if place.topic in self._from:
                self._from[place.topic][lane] = place.offset

    def gather(self, wait_s: float = 0.0) -> None:
        """Sort what has come from Kafka; where nothing has, wait for it, but not longer. Raises KafkaException."""
        if self._wanted:
            self._assign()
        self.full = self._untaken >= _MOST_RECORDS
        if self.full:
            return
        first = self._busy.poll(wait_s) if wait_s else None
        if first is not None:
            self._sort(first)
        for reads in (self._busy, self._rare):
            messages = reads.consume(_MOST_RECORDS, timeout=0)
            for message in messages:
                self._sort(message)
            self.full = self.full or len(messages) >= _MOST_RECORDS

    def holds(self, lane: int) -> bool:
        """Whether something has arrived for a lane."""
        arrived = self._arrived[lane]
        return bool(arrived.messages or arrived.told)

    def take(self, lane: int) -> Arrived:
        """What has arrived for a lane."""
        arrived = self._arrived[lane]
        self._arrived[lane] = _nothing()
        self._untaken -= arrived.many
        if arrived.many:
            self._hearing.heard()
        return arrived

    def heard_until(self, now: int) -> int:
        """Up to when (ms) all that has happened by `now` has been heard of. Never falls while `now` does not."""
        return min(self._hearing.until(now), self._hearing_rare.until(now))

    def _assign(self) -> None:
        for reads in (self._busy, self._rare):
            own = {at: offset for at, offset in self._wanted.items() if self._reads(at[0]) is reads}
            again = [TopicPartition(*at) for at in own if at in self._assigned]
            if again:
                reads.incremental_unassign(again)
            reads.incremental_assign([TopicPartition(*at, offset) for at, offset in own.items()])
        self._assigned |= self._wanted.keys()
        self._wanted.clear()

    def _sort(self, message: Any) -> None:
        topic = message.topic()  # None of some errors only
        if message.error() is not None:
            self._tell(message)
        elif topic in self._from:
            self._to_all(message, self._from[topic])
        elif (lane := message.partition()) in self._arrived:  # else its reader has just closed
            self._arrived[lane].messages[topic].append(message)
            self._untaken += 1

    def _tell(self, message: Any) -> None:
        topic, lane = message.topic(), message.partition()
        if topic is None:
            _log.warning("Kafka reports", extra={"error": str(message.error())})
        for each in self._from.get(topic, (lane,)):
            if each in self._arrived:
                self._arrived[each].told.append(message)

    def _to_all(self, message: Any, wanted: dict[int, int]) -> None:
        """A message of a topic of one partition."""
        at = message.offset()
        for lane, first in wanted.items():
            if at >= first:
                self._arrived[lane].messages[message.topic()].append(message)
                self._untaken += 1
                wanted[lane] = at + 1

    def ends_at_start(self, lane: int, name: str) -> tuple[int, int]:
        """Where a lane's partition of a topic began and ended when a lane first asked: of all partitions Kafka is
        asked at once. Raises KafkaException."""
        if not self.has(lane, name):
            return 0, 0
        if not self._at_start:
            places = [
                TopicPartition(self._settings.topic(topic), partition)
                for topic in READ
                for partition in range(self._counts[topic])
            ]
            for reads in (self._busy, self._rare):
                reads.list_topics(timeout=_ENDS_WITHIN_S)  # it would look for leaders once a second
            client = admin(self._settings)
            first = list_offsets(client, places, FIRST, _ENDS_WITHIN_S)
            last = list_offsets(client, places, END, _ENDS_WITHIN_S)
            self._at_start = {at: (found.offset, last[at].offset) for at, found in first.items()}
        place = self._place(lane, name, 0)
        return self._at_start[place.topic, place.partition]

    def ends(self, lane: int, name: str, *, cached: bool = False) -> tuple[int, int]:
        """Where a lane's partition of a topic begins and ends; `cached`: as the broker last said. KafkaException."""
        if not self.has(lane, name):
            return 0, 0
        place = self._place(lane, name, 0)
        low, high = self._reads(place.topic).get_watermark_offsets(
            place, timeout=_ENDS_WITHIN_S, cached=cached
        )
        return int(low), int(high)

    def commit(self, lane: int, offsets: Mapping[str, int]) -> None:
        """Tell lag tools how far a lane has come; nothing reads it back. KafkaException."""
        self._busy.commit(offsets=[self._place(lane, n, at) for n, at in offsets.items()], asynchronous=True)

    def close(self, lane: int) -> None:
        """The lane reads no more; with the last one the consumers end."""
        self._untaken -= self._arrived.pop(lane, _nothing()).many
        for wanted in self._from.values():
            wanted.pop(lane, None)
        if not self._arrived:
            # `Consumer.close` waits for ever for a commit that went to a broker which has died, and there is no group
            # to leave: without anybody who holds them, consumers just end.
            del self._busy, self._rare
