"""Raw messages of a lane to the batch that `Lane.step` takes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from dataflows.decisions import standing
from inventory.batch import (
    OWN_POS_SALES,
    Batch,
    Control,
    ControlKind,
    DeadLetter,
    Marker,
    Master,
    Message,
    Origin,
    Slice,
    rows_of,
)
from inventory.checked import OWN_DECISIONS
from inventory.columns import Kind, Longs, Records
from inventory.folding import Carried
from inventory.murmur import shard_of
from wire.decode import Decoder
from wire.decode_lines import one_line_transactions
from wire.framing import WireError
from wire.replayed import Replayed, read_headers
from wire.routed import Block, join_blocks, unpack
from wire.topics import BY_CODE, TOPICS
from wire.words import check_word

CARRIERS = {
    "stock-movements": 0,
    "reservations": 1,
    "wms-adjustments": 2,
    "expected-supply": 3,
    "catalog": 4,
    "allocations": 5,
    "routed": 6,
    "reservation-decisions": OWN_DECISIONS,
}
"""Version slots of the partitions that a lane reads; never changed, since they are part of stored state."""

MASTERS = ("network", "policies", "catalog", "allocations")
FACTS = ("stock-movements", "reservations", "wms-adjustments", "pos-sales", "expected-supply")
DECISIONS = "reservation-decisions"
_IN_NO_PARTITION = -1
"""The offset of a decision that another lane has sent: its block counts instead."""
READ = (*MASTERS, "routed", DECISIONS, *FACTS)
"""Every topic that a lane reads."""


class RawMessage(Protocol):
    """What is used of `confluent_kafka.Message`."""

    def value(self) -> bytes | None: ...
    def key(self) -> bytes | None: ...
    def offset(self) -> int | None: ...
    def timestamp(self) -> tuple[int, int]: ...
    def partition(self) -> int | None: ...
    def headers(self) -> Any: ...


class Raw(NamedTuple):
    """What one poll brought: messages by topic (without prefix), and where the lane stands afterwards."""

    lane: int
    messages: Mapping[str, Sequence[RawMessage]]
    next_offsets: dict[str, int]
    log_clock: int
    masters_ready: bool
    caught_up: bool
    lag: int
    ends: Mapping[str, int]
    """Where the partitions end, as far as the broker has told."""
    heard: int = 0
    """Up to when (ms) Kafka was heard of."""


class _Source(NamedTuple):
    """Where a run of messages came from, row by row."""

    origin: Origin
    carried: Carried
    messages: Sequence[RawMessage] | None
    """The messages themselves; None where the rows came in blocks, which carry no keys."""


class Intake:
    """Turns raw messages into batches. One of so many lanes.

    `strays`: decisions of the last batch that concern skus of other lanes, with those lanes; `carried`: skus of this
    lane whose decisions others have sent, with the offsets of what they came in.
    """

    def __init__(self, decoder: Decoder, lane: int, lanes: int) -> None:
        self._decoder = decoder
        self._lane = lane
        self._lanes = lanes
        self.strays: list[tuple[int, Message]] = []
        self.carried: list[tuple[str, int]] = []

    def batch(self, raw: Raw) -> tuple[Batch, list[DeadLetter]]:
        """The batch, and what could not be read."""
        self.strays, self.carried = [], []
        batch = Batch(masters_ready=raw.masters_ready, caught_up=raw.caught_up)
        batch.next_offsets = {
            t: raw.next_offsets[t] for t in ("network", "policies") if t in raw.next_offsets
        }
        dead: list[DeadLetter] = []
        for topic in READ:
            messages = raw.messages.get(topic)
            if not messages:
                continue
            if topic == "routed":
                self._routed(messages, batch, dead)
            else:
                self._topic(topic, messages, batch, dead)
        return batch, dead

    def _topic(
        self, topic: str, messages: Sequence[RawMessage], batch: Batch, dead: list[DeadLetter]
    ) -> None:
        headers = [m.headers() for m in messages]
        replays: dict[int, Replayed] = {}
        if any(headers):
            messages, replays = self._replayed(topic, messages, headers, dead)
        n = len(messages)
        if n == 0:
            return
        records = _join([m.value() for m in messages])
        offset = _offsets(messages)
        log_time = np.fromiter((m.timestamp()[1] for m in messages), np.int64, n)
        origin = Origin(
            np.full(n, TOPICS[topic].code, np.uint8), np.full(n, messages[0].partition(), np.int32), offset,
            log_time.copy(), np.zeros(n, np.uint8),
        )  # fmt: skip
        for i, (
            first,
            flags,
        ) in replays.items():  # guards go by when it was read first, memory by its own time
            origin.flags[i] = flags
            origin.log_time[i] = log_time[i] if first is None else first
        carried = Carried(log_time, offset, CARRIERS.get(topic, OWN_POS_SALES))
        self._decode(topic, records, _Source(origin, carried, messages), batch, dead)

    def _replayed(
        self, topic: str, messages: Sequence[RawMessage], headers: list[Any], dead: list[DeadLetter]
    ) -> tuple[Sequence[RawMessage], dict[int, Replayed]]:
        """The messages whose headers can be meant, and what those say, by index among them."""
        kept: list[RawMessage] = []
        replays = {}
        for m, found in zip(messages, headers, strict=True):
            own = m.timestamp()[1]
            try:
                replay = read_headers(found, own) if found else None
            except WireError as error:
                message = Message(
                    TOPICS[topic].code, m.partition() or 0, m.offset() or 0, own, 0, m.value(), m.key()
                )
                dead.append(DeadLetter(error.code, error.reason, message))
                continue
            if replay is not None:
                replays[len(kept)] = replay
            kept.append(m)
        return kept, replays

    def _decode(
        self, topic: str, records: Records, source: _Source, batch: Batch, dead: list[DeadLetter]
    ) -> None:
        decoded = self._decoder.decode(topic, records)
        for kind, (index, columns) in decoded.columns.items():
            if kind is Kind.POS_LINE and source.carried.carrier == OWN_POS_SALES:
                assert decoded.pos is not None
                kept = one_line_transactions(columns.buf, decoded.pos, np.arange(index.size))
            else:
                kept = Records(records.buf, records.start[index], records.end[index])
            origin = rows_of(source.origin, index)
            own = source.carried
            carried = Carried(own.log_time[index], own.offset[index], own.carrier)
            batch.slices.append(Slice(kind, columns, kept, origin, carried))
        for i, record, value in decoded.dicts:
            if topic == DECISIONS and value is not None:
                self._decision(value, _message(records, source, i), source.carried, i, batch)
                continue
            message = _message(records, source, i)
            if record == "SnapshotMarker" and value is not None:
                batch.markers.append(Marker(value, message))
                continue
            key = (message.key or b"").decode(errors="replace")
            if not record:
                record = _record_of_tombstone(topic, key)
            carried = source.carried
            batch.masters.append(Master(record, key, value, message, carried.carrier, int(carried.offset[i])))
        for i, code, reason in decoded.bad:
            dead.append(DeadLetter(code, reason, _message(records, source, i)))

    def _decision(
        self, value: Mapping[str, Any], message: Message, own: Carried, i: int, batch: Batch
    ) -> None:
        """A decision, which may lie in the partition that its sku had when there were fewer lanes."""
        home = shard_of(value["sku"]) % self._lanes
        offset = int(own.offset[i])
        if home != self._lane:
            self.strays.append((home, message))
            return
        if own.carrier != OWN_DECISIONS:
            self.carried.append((value["sku"], offset))
            offset = _IN_NO_PARTITION
        batch.decisions.append(standing(value, offset, int(own.log_time[i])))

    def _routed(self, messages: Sequence[RawMessage], batch: Batch, dead: list[DeadLetter]) -> None:
        blocks: list[Block] = []
        at: list[tuple[int, int]] = []
        for m in messages:
            value = m.value()
            offset, log_time = m.offset() or 0, m.timestamp()[1]
            message = Message(TOPICS["routed"].code, self._lane, offset, log_time, 0, value, m.key())
            try:
                block = unpack(value or b"")
                if block.word is not None:
                    _hear(block.word, message, batch)
                    continue
            except WireError as error:
                dead.append(DeadLetter(error.code, error.reason, message))
                continue
            blocks.append(block)
            at.append((offset, log_time))
        if blocks:
            self._routed_rows(blocks, at, batch, dead)

    def _routed_rows(
        self, blocks: list[Block], at: list[tuple[int, int]], batch: Batch, dead: list[DeadLetter]
    ) -> None:
        origin, records = join_blocks(blocks)
        sizes = [block.records.start.size for block in blocks]
        offset = np.repeat(np.array([o for o, _ in at], np.int64), sizes)
        log_time = np.repeat(np.array([t for _, t in at], np.int64), sizes)
        for code in np.unique(origin.topic).tolist():
            rows = np.flatnonzero(origin.topic == code)
            part = Records(records.buf, records.start[rows], records.end[rows])
            carried = Carried(log_time[rows], offset[rows], CARRIERS["routed"])
            source = _Source(rows_of(origin, rows), carried, None)
            self._decode(BY_CODE[code].name, part, source, batch, dead)


def _hear(word: Mapping[str, Any], message: Message, batch: Batch) -> None:
    kind = check_word(word)
    if kind == ControlKind.RETIRED:
        carrier = CARRIERS["routed"]
        batch.masters.append(Master(word["record"], word["sku"], None, message, carrier, message.offset))
        return
    payload = {name: value for name, value in word.items() if name != "kind"}
    batch.controls.append(Control(ControlKind(kind), payload, message.offset, CARRIERS["routed"]))


def _offsets(messages: Sequence[RawMessage]) -> Longs:
    """Of messages of one partition, in their order."""
    n = len(messages)
    first, last = messages[0].offset() or 0, messages[-1].offset() or 0
    if last - first == n - 1:  # nothing is missing between them
        return np.arange(first, first + n, dtype=np.int64)
    return np.fromiter((m.offset() for m in messages), np.int64, n)


def _join(values: list[bytes | None]) -> Records:
    if None in values:
        return _join_with_nulls(values)
    joined = b"".join(values)  # type: ignore[arg-type]
    end = np.fromiter(map(len, values), np.int64, len(values)).cumsum()  # type: ignore[arg-type]
    start = np.zeros_like(end)
    start[1:] = end[:-1]
    return Records(np.frombuffer(joined, np.uint8), start, end)


def _join_with_nulls(values: list[bytes | None]) -> Records:
    records = _join([v or b"" for v in values])
    null = np.fromiter((v is None for v in values), np.bool_, len(values))
    records.end[null] = records.start[null] - 1
    return records


def _message(records: Records, source: _Source, i: int) -> Message:
    o = source.origin
    start, end = int(records.start[i]), int(records.end[i])
    value = records.buf[start:end].tobytes() if end >= start else None
    key = source.messages[i].key() if source.messages is not None else None
    return Message(
        int(o.topic[i]),
        int(o.partition[i]),
        int(o.offset[i]),
        int(o.log_time[i]),
        int(o.flags[i]),
        value,
        key,
    )


def _record_of_tombstone(topic: str, key: str) -> str:
    if topic == "network":
        return "Location" if key.startswith("location:") else "Channel"
    return {"policies": "Policy", "catalog": "CatalogItem", "allocations": "Allocation"}[topic]
