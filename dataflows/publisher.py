"""What a step put out, to Redis and to Kafka. Started in `publish`, awaited in `settle`."""

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple, Self

import numpy as np
from confluent_kafka import KafkaError, Producer
from confluent_kafka import Message as Delivered

from dataflows import decisions, metrics, records
from dataflows.duties import read_duties
from dataflows.offering import Offering
from dataflows.redis_link import RedisLink, Stopped
from dataflows.takeover import Fenced
from dataflows.tenure import LaneTaken, Tenure
from inventory.batch import Control, DeadLetter, Forward, Incident, Outputs
from inventory.batch import Message as Read
from inventory.decisions import OUTCOMES, Answer
from inventory.lane import Lane
from inventory.views import Views
from runtime.codec import codec_of
from runtime.kafka import producer
from runtime.settings import Settings
from wire.availability import encode_availability
from wire.explosion import component_message
from wire.reservations import SCRIPT, line_state, reservation_key
from wire.resp import command
from wire.routed import pack_rows, pack_word
from wire.rows import encode_calls, parse_reply, script_sha
from wire.topics import LARGEST_MESSAGE
from wire.viewkeys import network_key

_log = logging.getLogger(__name__)


_TELL_EVERY_S = 1.0
_LEAVE_WITHIN_S = 10.0
"""How long a drain waits for a Kafka that is away; what was not written is written by the next start."""


class Published(NamedTuple):
    """One lane's outputs on their way, and what the lane had read when it made them.

    `completes`: the round of the offering whose last rows these are, else 0. `heard`: up to when (ms) Kafka was heard
    of. `silent`: the view is another engine's."""

    lane: Lane
    tenure: Tenure
    offering: Offering
    completes: int
    outputs: Outputs
    unreadable: list[DeadLetter]
    next_offsets: dict[str, int]
    lag: int
    heard: int
    oldest_log_time: int
    silent: bool


class Outlets(NamedTuple):
    """Where records go, by who waits for them: somebody for each decision, other lanes for what is `routed` to them,
    nobody for the rest. What a broker does costs it little more for many records than for one."""

    urgent: Producer
    routed: Producer
    rest: Producer

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Idempotent producers, which tell of a record only that it failed."""
        plain = partial(producer, settings, delivery_report_only_error=True)
        return cls(
            plain(linger_ms=0, compression_type="none"),
            plain(linger_ms=5, message_max_bytes=LARGEST_MESSAGE),
            plain(linger_ms=25, message_max_bytes=LARGEST_MESSAGE),
        )


class Publisher:
    """One for each cell. `counts`: the partitions of each topic, which may be fewer than there are lanes."""

    def __init__(
        self,
        settings: Settings,
        outlets: Outlets,
        redis: RedisLink,
        stopping: Callable[[], bool],
        journals_settle: Callable[[], None],
        counts: Mapping[str, int],
    ) -> None:
        self._settings = settings
        self._outlets = outlets
        self._outlet_of = {"reservation-decisions": outlets.urgent, "routed": outlets.routed}
        self._redis = redis
        self._stopping = stopping
        self._journals_settle = journals_settle
        self._counts = counts
        self._codec = codec_of(settings)
        self._prefix = settings.redis_prefix.encode()
        self._availability_header = self._codec.encode_prefix("Availability")
        self._duties = read_duties(settings.exception_owners)
        self._topics = {name: settings.topic(name) for name in records.OUTPUT_TOPICS}
        self._rules: dict[int, records.RuleTexts] = {}
        self._told: dict[int, tuple[float, int]] = {}
        self._sha = script_sha()
        self._failed: KafkaError | None = None
        self.published: Counter[int] = Counter()
        """How many steps of each lane were given to `publish`."""

    def decided(self, lane: int, answers: Iterable[Answer]) -> None:
        """Send decisions off as soon as they are made, before other lanes step: somebody waits for each of them."""
        for answer in answers:
            metrics.DECISIONS.labels(OUTCOMES[answer.decision.outcome].lower()).inc()
            value = self._codec.encode("ReservationDecision", decisions.record(answer))
            key = answer.identity.sku.encode()
            partition = lane % self._counts["reservation-decisions"]
            self._produce("reservation-decisions", value, key, partition)

    def publish(self, item: Published) -> None:
        """Start everything that the step put out."""
        number, out = item.lane.number, item.outputs
        started = time.perf_counter()
        if out.standing:
            self._standing(out.standing)
        for letter in (*item.unreadable, *out.dead_letters):
            self._dead_letter(letter)
        for incident in out.incidents:
            self._incident(incident)
        for forward in out.forwards:
            self._forward(forward)
        for lane, message in out.released:
            self._release(lane, message)
        for lane, control in out.controls:
            self._control(lane, control)
        metrics.ROUTED.inc(len(out.exploded))
        for exploded in out.exploded:
            value = component_message(
                self._codec, exploded.message.value or b"", exploded.sku, exploded.each, exploded.bundle
            )
            self._release(exploded.lane, replace(exploded.message, value=value))
        if out.network_changed:
            self._network(item)
        if out.views is not None:
            self._views(item, out.views)
        elif item.completes:
            item.offering.acknowledge(item.completes)
        if not item.silent:
            self._tell(item, started)
        for outlet in self._outlets:
            outlet.poll(0)
        self._redis.take_replies()
        self._check()
        self.published[number] += 1
        metrics.seconds("publish").inc(time.perf_counter() - started)

    def settle(self) -> None:
        """Wait until Redis and Kafka have acknowledged everything, then tell the journals. Raises OSError, `Stopped`,
        `Fenced`, KafkaException."""
        started = time.perf_counter()
        self._redis.settle()
        while sum(outlet.flush(0.5) for outlet in self._outlets) > 0:
            if self._stopping() and time.perf_counter() - started > _LEAVE_WITHIN_S:
                raise Stopped("stopped while Kafka was away")
        self._check()
        self._journals_settle()
        metrics.PUBLISH_STALL.observe(time.perf_counter() - started)

    # -- Redis ---------------------------------------------------------------------------------------------------

    def _tell(self, item: Published, now: float) -> None:
        """How fresh and how complete the lane is, each second."""
        item.offering.tell()
        told_at, told_lag = self._told.get(item.lane.number, (0.0, 0))
        lag = item.lag + item.outputs.waiting + (0 if item.lane.live else 1)
        if now - told_at >= _TELL_EVERY_S or (lag == 0 and told_lag > 0):
            self._told[item.lane.number] = now, lag
            self._freshness(item, lag)

    def _views(self, item: Published, views: Views) -> None:
        lane = item.lane
        texts = self._rules.setdefault(lane.number, records.RuleTexts())
        texts.update(lane, int(views.profile.max(initial=0)) + 1)
        started = time.perf_counter()
        calls = encode_calls(
            views, prefix=self._prefix, lane=lane.number, generation=lane.generation, began=item.tenure.began,
            offsets=json.dumps(item.next_offsets, separators=(",", ":")).encode(), rules=texts.as_json,
            terms=texts.as_terms, sha=self._sha,
        )  # fmt: skip
        encoded = time.perf_counter()
        visible = _Visible(len(calls), item)
        self._redis.send(calls, visible.answered)
        sent = time.perf_counter()
        buf, start, end = encode_availability(
            views, header=self._availability_header, generation=lane.generation, channel_ids=texts.channel_ids,
            rules=texts.as_lists,
        )  # fmt: skip
        self._produce_views(lane.number, views, buf.tobytes(), start.tolist(), end.tolist())
        metrics.ROWS.inc(len(start))
        metrics.seconds("encode").inc(encoded - started)
        metrics.seconds("redis").inc(sent - encoded)
        metrics.seconds("availability").inc(time.perf_counter() - sent)

    def _produce_views(self, lane: int, views: Views, data: bytes, start: list[int], end: list[int]) -> None:
        partition = lane % self._counts["availability"]
        names = views.names
        for first, last, at, size in zip(
            start, end, views.name_at.tolist(), views.name_len.tolist(), strict=True
        ):
            self._produce("availability", data[first:last], names[at : at + size].tobytes(), partition)

    def _network(self, item: Published) -> None:
        document = item.lane.masters.network.to_json(item.next_offsets.get("network", 0))
        self._redis.send([command(b"SET", network_key(self._prefix), document.encode())])

    def _freshness(self, item: Published, lag: int) -> None:
        number = item.lane.number
        item.tenure.tell(self._redis, item.heard, lag)
        item.offering.look()
        metrics.LAG.labels(number).set(lag)
        metrics.PARKED.labels(number).set(item.outputs.parked)

    def _standing(self, answers: Iterable[Answer]) -> None:
        """What lines of checked reservations are, now that their decisions have been read from the log."""
        kept = b"%d" % self._settings.reservation_memory_ms
        commands = []
        for answer in answers:
            field, version, state = line_state(answer)
            key = reservation_key(self._prefix, answer.identity.reservation_id)
            commands.append(command(b"EVAL", SCRIPT, b"1", key, field, b"%d" % version, state, kept))
        self._redis.send(commands)

    # -- Kafka ---------------------------------------------------------------------------------------------------

    def _produce(self, name: str, value: bytes, key: bytes | None, partition: int = -1) -> None:
        topic, outlet = self._topics[name], self._outlet_of.get(name, self._outlets.rest)
        waits_since = 0.0
        while True:
            try:
                outlet.produce(topic, value, key, partition, self._delivered)
                return
            except BufferError:
                waits_since = waits_since or time.perf_counter()
                outlet.poll(0.05)
                self._check()
                if self._stopping() and time.perf_counter() - waits_since > _LEAVE_WITHIN_S:
                    raise Stopped("stopped while Kafka was away") from None

    def _delivered(self, error: KafkaError | None, message: Delivered) -> None:
        if error is not None:
            self._failed = error
            _log.error("a record was not delivered", extra={"topic": message.topic(), "error": error.str()})

    def _check(self) -> None:
        if self._failed is not None:
            raise records.Undelivered(f"Kafka did not accept a record: {self._failed.str()}")

    def _dead_letter(self, letter: DeadLetter) -> None:
        metrics.DEAD_LETTERS.labels(letter.code).inc()
        value = self._codec.encode("DeadLetter", records.dead_letter(letter))
        self._produce("dead-letters", value, letter.message.key)

    def _incident(self, incident: Incident) -> None:
        if incident.closed_at is None:
            metrics.EXCEPTIONS.labels(incident.code).inc()
        value = records.exception(incident, self._duties[incident.code])
        self._produce(
            "exceptions",
            self._codec.encode("Exception", value),
            str(value["exception_id"]).encode(),
        )

    def _forward(self, forward: Forward) -> None:
        metrics.ROUTED.inc(len(forward.rows))
        order = np.argsort(forward.lanes, kind="stable")
        lanes, rows = forward.lanes[order], forward.rows[order]
        bounds = np.flatnonzero(np.diff(lanes)) + 1
        for part, lane in zip(
            np.split(rows, bounds), lanes[np.concatenate([[0], bounds])].tolist(), strict=True
        ):
            for block in pack_rows(forward.slice.origin, forward.slice.records, part):
                self._produce("routed", block, None, lane)

    def _release(self, lane: int, message: Read) -> None:
        origin, packed = records.one_row(message)
        for block in pack_rows(origin, packed, np.zeros(1, np.int64)):
            self._produce("routed", block, None, lane)

    def _control(self, lane: int, control: Control) -> None:
        word = {"kind": str(control.kind), **control.payload}
        self._produce("routed", pack_word(word), None, lane)


class _Visible:
    """Hears the replies of one publication: fenced, refused rows, and when the last one was visible."""

    def __init__(self, calls: int, item: Published) -> None:
        self._left = calls
        self._lane = item.lane.number
        self._oldest = item.oldest_log_time
        self._offering, self._completes = item.offering, item.completes
        self._own_generation = item.lane.generation

    def answered(self, reply: object) -> None:
        applied = parse_reply(reply)  # type: ignore[arg-type]
        if applied.fenced_by is not None:
            raise Fenced(applied.fenced_by, self._own_generation)
        if applied.taken_at is not None:
            raise LaneTaken(self._lane, applied.taken_at)
        metrics.REFUSED.inc(applied.refused)
        self._left -= 1
        if self._left > 0:
            return
        if self._completes:
            self._offering.acknowledge(self._completes)
        if self._oldest:
            metrics.VISIBLE.observe(max(0.0, time.time() - self._oldest / 1000))
