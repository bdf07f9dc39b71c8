"""A batch of messages of one topic to columns and dictionaries; what cannot be read is bad alone.

Messages written with the current schema are read by one loop over their bytes. Those of older and newer
writers are resolved one at a time, re-encoded, and join the same columns.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inventory.columns import RECORD_NAMES, Bytes, Columns, Kind, Longs, Records
from inventory.jit import kernel
from wire.codec import Codec
from wire.decode_columns import Bad, KindDecoder, PosExtents
from wire.framing import CONFLUENT_SIZE, SINGLE_OBJECT_SIZE, WireError, undecodable
from wire.topics import TOPICS, Topic

_NULL_VALUE, _OTHER = -2, -1


@dataclass(slots=True)
class Decoded:
    """What a batch holds. Every index is a position in the batch, and every message is in one place.

    `columns[kind]` is (message of each row, columns). `pos` belongs to the rows of `columns[Kind.POS_LINE]`.
    `dicts`: (index, record, value) of records that are no columns; without a value (and record "") the
    message deletes its key. `bad`: (index, dead-letter code, reason). Both ascend by index.
    """

    columns: dict[Kind, tuple[Longs, Columns]] = field(default_factory=dict)
    pos: PosExtents | None = None
    dicts: list[tuple[int, str, dict[str, Any] | None]] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)


class Decoder:
    """Decodes batches with a codec's schemas. Not for several threads at once."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._kinds = {
            RECORD_NAMES[kind]: KindDecoder(kind, codec.schemas.of(RECORD_NAMES[kind])) for kind in Kind
        }
        self._topics: dict[str, _Heads] = {}

    def decode(self, topic: str, records: Records) -> Decoded:
        """Decode the values of a topic (by its name without prefix).

        `end[i] < start[i]` stands for a null value. Where a message had to be re-encoded, the columns' `buf`
        is a copy with the new bytes behind the old ones, and their `start` and `end` name those. `buf` is
        read-only in any case, so that kernels are compiled for one type of it.
        Raises RegistryUnavailable (then decode the same batch again), ValueError for a topic without records.
        """
        heads = self._topics.get(topic)
        if heads is None:
            heads = self._topics[topic] = _Heads(TOPICS[topic], self._kinds)
        found = Decoded()
        records = records._replace(buf=_read_only(records.buf))
        who, same = heads.of(records)
        if same < 0:
            records = self._one_by_one(heads, records, who, found)
        for owner, kind_decoder in enumerate(heads.owners):
            if same < 0:
                select = np.flatnonzero(who == owner)
            elif same == owner:
                select = np.arange(len(who))
            else:
                continue
            if len(select):
                row_of, columns, extents = kind_decoder.decode(records, select, found.bad)
                found.columns[kind_decoder.kind] = (row_of, columns)
                found.pos = extents or found.pos
        found.bad.sort()
        return found

    def _one_by_one(self, heads: "_Heads", records: Records, who: Longs, found: Decoded) -> Records:
        """Deal with messages whose head no current schema has; sets `who` of those that become columns."""
        foreign: dict[int, bytes] = {}
        for index in np.flatnonzero(who < 0).tolist():
            try:
                if who[index] == _NULL_VALUE:
                    if heads.topic.cleanup != "compact":
                        raise undecodable("tombstone: the message has no value, and facts cannot be deleted")
                    found.dicts.append((index, "", None))
                    continue
                message = records.buf[records.start[index] : records.end[index]].tobytes()
                schema, at = self._codec.framing.writer(message)
                if schema.record not in heads.topic.records:
                    wanted = " or ".join(heads.topic.records)
                    raise undecodable(
                        f"a {schema.record} does not belong on {heads.topic.name}: expected {wanted}"
                    )
                kind_decoder = self._kinds.get(schema.record)
                if kind_decoder is not None and schema is kind_decoder.schema:
                    heads.learn(int.from_bytes(message[1:CONFLUENT_SIZE], "big"), kind_decoder)
                    who[index] = heads.owners.index(kind_decoder)
                    continue
                value = self._codec.read(schema, message, at)
                if kind_decoder is None:
                    found.dicts.append((index, schema.record, value))
                else:
                    foreign[index] = kind_decoder.header + self._codec.body(schema.record, value)
                    who[index] = heads.owners.index(kind_decoder)
            except WireError as error:
                found.bad.append((index, error.code, error.reason))
        return _with_replaced(records, foreign) if foreign else records


def _read_only(buf: Bytes) -> Bytes:
    view = buf.view()
    view.flags.writeable = False
    return view


def _with_replaced(records: Records, messages: dict[int, bytes]) -> Records:
    joined = np.frombuffer(b"".join(messages.values()), np.uint8)
    sizes = np.fromiter(map(len, messages.values()), np.int64, len(messages))
    at = np.fromiter(messages, np.int64, len(messages))
    start, end = records.start.copy(), records.end.copy()
    end[at] = len(records.buf) + np.cumsum(sizes)
    start[at] = end[at] - sizes
    return Records(_read_only(np.concatenate((records.buf, joined))), start, end)


class _Heads:
    """The headers by which messages of a topic's columnar records are known at a glance."""

    def __init__(self, topic: Topic, kinds: dict[str, KindDecoder]) -> None:
        if not topic.records:
            raise ValueError(f"{topic.name} holds no Avro records")
        self.topic = topic
        self.owners = [kinds[record] for record in topic.records if record in kinds]
        fingerprints = (owner.schema.fingerprint for owner in self.owners)
        self._marks = np.array([int.from_bytes(crc, "little", signed=True) for crc in fingerprints], np.int64)
        self._ids = np.empty((2, 0), np.int64)

    def learn(self, schema_id: int, owner: KindDecoder) -> None:
        """Know messages with that registry id as the owner's from now on."""
        entry = np.array([[schema_id], [self.owners.index(owner)]], np.int64)
        if schema_id not in self._ids[0]:
            self._ids = np.concatenate((self._ids, entry), axis=1)

    def of(self, records: Records) -> tuple[Longs, int]:
        """The owner of each message (or _OTHER, _NULL_VALUE), and the one owner of all or -1."""
        who = np.empty(len(records.start), np.int64)
        same = know_heads(records.buf, records.start, records.end, self._marks, self._ids, who)
        return who, int(same)


@kernel
def know_heads(buf: Bytes, start: Longs, end: Longs, marks: Longs, ids: Longs, who: Longs) -> int:
    """Fill `who` with the position of each message's fingerprint in `marks` or of its registry id in `ids`.

    `ids` (2, k): id, position. Returns the position that all have, or -1.
    """
    same = -1
    for i in range(start.shape[0]):
        at = start[i]
        size = end[i] - at
        found = _OTHER
        if size < 0:
            found = _NULL_VALUE
        elif size >= SINGLE_OBJECT_SIZE and buf[at] == 0xC3 and buf[at + 1] == 0x01:
            mark = np.int64(0)
            for k in range(8):
                mark |= np.int64(buf[at + 2 + k]) << (8 * k)
            for k in range(marks.shape[0]):
                if marks[k] == mark:
                    found = k
        elif size >= CONFLUENT_SIZE and buf[at] == 0:
            number = np.int64(0)
            for k in range(1, CONFLUENT_SIZE):
                number = (number << 8) | np.int64(buf[at + k])
            for k in range(ids.shape[1]):
                if ids[0, k] == number:
                    found = ids[1, k]
        who[i] = found
        if i == 0:
            same = found
        elif same != found:
            same = -1
    return same if same >= 0 else -1
