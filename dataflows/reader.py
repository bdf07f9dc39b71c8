"""Reading one lane: what arrives in its partition of every topic, and how far it has come in each."""

import logging
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from dataflows import metrics
from dataflows.inflow import Inflow
from dataflows.intake import DECISIONS, FACTS, MASTERS, READ, Raw
from dataflows.topic_ids import TopicIds, how_to_rebuild
from runtime.commits import Position
from runtime.exit import ExitCode, Refusal
from runtime.settings import Settings

_log = logging.getLogger(__name__)

_TICK_S = 0.1
_REST_S = 0.005
_MANY = 200
"""A poll costs a step, and a step of five records costs little less than one of fifty. So a lane rests after a poll,
unless that brought so many that it is behind."""
_RECENT_MS = 1_000
_LAG_EVERY_MS = 100
_COMMIT_EVERY_S = 1.0


class OffsetLost(Refusal):
    """Retention removed what the lane had not read; a silent jump would lose it."""

    code = ExitCode.NEEDS_PERSON


class LaneReader:
    """One lane's partitions in the inflow of its cell. `is_live` says whether facts may be read yet; `is_silent`
    whether lag tools are to look at another engine; `stopping` whether the process is to end."""

    def __init__(
        self,
        settings: Settings,
        lane: int,
        resume: Position | None,
        inflow: Inflow,
        topic_ids: TopicIds,
        is_live: Callable[[], bool],
        is_silent: Callable[[], bool],
        stopping: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._lane = lane
        self._is_live = is_live
        self._is_silent = is_silent
        self.stopping = stopping
        self._topic_ids = topic_ids
        at = Position({}, {}) if resume is None else resume
        topic_ids.compare(at.topics)
        self._next = dict(at.next)
        self._inflow = inflow
        self._short = {settings.topic(name): name for name in READ}
        self._ends = {name: self._end_of(name) for name in READ}
        self._wanted = {name: self._ends[name] for name in (*MASTERS, DECISIONS)}
        self._masters_ready = False
        self._at_end = {name: self._next.get(name, 0) >= self._ends[name] for name in READ}
        self._log_times: dict[str, int] = {}
        self._reading_facts = resume is not None
        self._read(self._reading())
        self._ticked = self._rests_until = 0.0
        self._lag, self._lag_at = 0, 0
        self._committed = time.monotonic()
        self._snapshot: dict[str, int] = dict(self._next)

    def _read(self, topics: tuple[str, ...]) -> None:
        self._inflow.read(self._lane, {name: self._next.get(name) for name in topics})

    def _end_of(self, name: str) -> int:
        while True:
            try:
                low, high = self._inflow.ends_at_start(self._lane, name)
                if high == low and self._inflow.has(self._lane, name):
                    self._next.setdefault(name, high)
                return high
            except KafkaException as error:
                if self.stopping():
                    return 0
                _log.warning("Kafka is away; waiting", extra={"lane": self._lane, "error": str(error)})

    def due_in(self, now: float) -> float:
        """In how many seconds from `now` (s, of `time.perf_counter`) it is to be polled: once something has arrived and
        it has rested, or after 100 ms, so that time passes for the lane."""
        due = self._ticked + _TICK_S
        if self._inflow.holds(self._lane):
            due = min(due, self._rests_until)
        return due - now

    def poll(self) -> Raw:
        """What has arrived."""
        if not self._reading_facts and self._is_live():
            self._reading_facts = True
            self._read(FACTS)
        started = time.perf_counter()
        arrived = self._inflow.take(self._lane)
        groups = arrived.messages
        for message in arrived.told:
            self._told(message)
        behind = self._inflow.full or arrived.many >= _MANY
        self._rests_until = started if behind else started + _REST_S
        self._ticked = started
        self._topic_ids.look()
        raw = self._raw({self._short[topic]: group for topic, group in groups.items()})
        metrics.seconds("consume").inc(time.perf_counter() - started)
        return raw

    def _told(self, message: Any) -> None:
        error = message.error()
        name = self._short.get(message.topic() or "", "")
        if error.code() == KafkaError._PARTITION_EOF:
            self._at_end[name] = True
            self._next[name] = max(self._next.get(name, 0), message.offset())  # past what compaction took
            self._ends[name] = max(self._ends[name], message.offset())
        elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            raise OffsetLost(
                f"lane {self._lane}: offset {self._next.get(name)} of {message.topic()} is gone (retention). What was "
                f"not read is lost to this lane. To go on, {how_to_rebuild(self._settings)}"
            )
        else:
            _log.warning("Kafka reports", extra={"lane": self._lane, "topic": name, "error": error.str()})

    def _raw(self, messages: dict[str, list[Any]]) -> Raw:
        now = int(time.time() * 1000)
        recent = True
        for name, group in messages.items():
            last = group[-1]
            # An end that was told lies beyond: transaction markers have offsets, and no messages.
            self._next[name] = max(self._next.get(name, 0), last.offset() + 1)
            self._log_times[name] = last.timestamp()[1]
            recent = recent and group[0].timestamp()[1] > now - _RECENT_MS
            if self._next[name] < self._ends[name]:
                self._at_end[name] = False
            metrics.events(name).inc(len(group))
        self._masters_ready = self._masters_ready or all(
            self._next.get(name, 0) >= end for name, end in self._wanted.items()
        )
        heard = self._inflow.heard_until(now)
        reached = [heard if self._at_end[n] else self._log_times.get(n, 0) for n in self._reading()]
        if not recent or not messages or now - self._lag_at >= _LAG_EVERY_MS:
            self._lag_at, self._lag = now, self._behind()
        return Raw(
            self._lane,
            messages,
            dict(self._next),
            min(reached),
            self._masters_ready,
            recent or self._lag == 0,
            self._lag,
            dict(self._ends),
            heard,
        )

    def _reading(self) -> tuple[str, ...]:
        return READ if self._reading_facts else (*MASTERS, "routed", DECISIONS)

    def _behind(self) -> int:
        lag = 0
        for name in READ:
            if self._reading_facts or name not in FACTS:
                _, high = self._inflow.ends(self._lane, name, cached=True)
                self._ends[name] = max(self._ends[name], high)
            lag += max(0, self._ends[name] - self._next.get(name, 0))
        return lag

    def epoch_ends(self) -> None:
        """Tell lag tools how far the lane is, at most once a second."""
        now = time.monotonic()
        if now - self._committed >= _COMMIT_EVERY_S and self._reading_facts and not self._is_silent():
            self._committed = now
            self._commit_for_lag_tools()

    def _commit_for_lag_tools(self) -> None:
        """The previous epoch's offsets, to the consumer group; nothing reads them back."""
        reached, self._snapshot = self._snapshot, dict(self._next)
        try:
            if reached:
                self._inflow.commit(self._lane, reached)
        except KafkaException as error:
            _log.warning(
                "offsets not committed for lag tools", extra={"lane": self._lane, "error": str(error)}
            )

    def close(self) -> None:
        """Read no more."""
        self._inflow.close(self._lane)
