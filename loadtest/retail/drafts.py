"""Messages before they are sent: what a simulation writes, with times relative to its start."""

import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from fastavro import schemaless_writer

from inventory.murmur import murmur2
from wire.codec import Codec

POISON_HEADER = "loadtest-poison"
"""Header of a message that must end in `dead-letters`; its value is the code it must get there."""

_TIMES = (
    "occurred_at", "recorded_at", "counted_at", "expires_at", "needed_at", "demand_as_of", "as_of",
    "expected_at",
)  # fmt: skip


class Draft(NamedTuple):
    """One message to be. `sends` and the times in `fields` are ms after the start of the simulation.

    `kind` names it in reports. `legacy`: the producer partitions by CRC-32 of the key, as librdkafka does by
    default, so that the record lies where its sku does not belong.
    """

    sends: int
    kind: str
    topic: str
    key: str
    record: str
    fields: Mapping[str, Any]
    legacy: bool = False
    poison: str | None = None
    spoil: str | None = None


def moved(draft: Draft, time_of: Callable[[int], int]) -> dict[str, Any]:
    """The fields of a draft, each time in them replaced by what `time_of` makes of it."""
    fields = dict(draft.fields)
    for name in _TIMES:
        if fields.get(name) is not None:
            fields[name] = time_of(fields[name])
    if draft.record == "Allocation":
        fields["fences"] = [{**fence, "set_at": time_of(fence["set_at"])} for fence in fields["fences"]]
    return fields


class Outgoing(NamedTuple):
    """One message as Kafka takes it; `topic` without prefix. `poison` is the dead-letter code it must get."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    kind: str
    poison: str | None


class Encoder:
    """Drafts to messages of a system with `lanes` partitions; `start` (ms) is when the simulation begins."""

    def __init__(self, codec: Codec, lanes: int, start: int) -> None:
        self._codec = codec
        self._lanes = lanes
        self._start = start

    def encode(self, draft: Draft) -> Outgoing:
        """The message of a draft, spoilt where the draft says so."""
        value = self._write(draft)
        if draft.spoil is not None:
            value = SPOILERS[draft.spoil](value)
        partition = (
            legacy_partition(draft.key, self._lanes) if draft.legacy else partition_of(draft.key, self._lanes)
        )
        return Outgoing(draft.topic, partition, draft.key.encode(), value, draft.kind, draft.poison)

    def _write(self, draft: Draft) -> bytes:
        fields = moved(draft, self._start.__add__)
        # Without the codec's validation, which costs as much again; a test holds drafts against it.
        out = BytesIO()
        out.write(self._codec.encode_prefix(draft.record))
        schemaless_writer(out, self._codec.schemas.of(draft.record).parsed, fields)
        return out.getvalue()


@lru_cache(maxsize=1 << 18)
def partition_of(key: str, lanes: int) -> int:
    """Where Kafka's default partitioner puts a key: Java's murmur2."""
    data = np.frombuffer(key.encode(), np.uint8)
    return int(murmur2(data, 0, data.size)) % lanes


def legacy_partition(key: str, lanes: int) -> int:
    """Where librdkafka's default partitioner puts a key: CRC-32."""
    return zlib.crc32(key.encode()) % lanes


SPOILERS: dict[str, Callable[[bytes], bytes]] = {
    "garbage": lambda value: b"\x7f\x00not avro at all" + value[3:11],
    "unknown schema": lambda value: value[:2] + bytes(8 * [0xEE]) + value[10:],
    "truncated": lambda value: value[: len(value) * 2 // 3],
    "doubled": lambda value: value + value[10:],
    "trailing byte": lambda value: value + b"\x00",
    "empty": lambda value: b"",
}
"""Ways to spoil the bytes of a message; all of them are `undecodable`."""
