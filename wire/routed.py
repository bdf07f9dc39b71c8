"""Blocks of `routed`: what one lane tells another. One message is one block for one lane.

A block of rows carries whole messages (Avro, framing included), each with the topic, partition, offset and
log time at which it was first read. A block of words carries one JSON object.

Layout, little endian: `STR1`, block type (1 byte: 0 rows, 1 word), 3 zero bytes, count n (8 bytes); of rows then the
columns offset i64[n], log_time i64[n], length i32[n], partition i32[n], topic u8[n], flags u8[n], and the messages.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.batch import Origin
from inventory.columns import Bytes, Longs, Records
from inventory.jit import kernel
from wire.framing import WireError

_MAGIC = b"STR1"
_HEAD = struct.Struct("<4sB3xq")
_ROWS, _WORD = range(2)
_ROW_BYTES = 8 + 8 + 4 + 4 + 1 + 1
LARGEST_BLOCK = 700_000
"""Bytes; below the 1 MB that brokers accept by default."""


class Block(NamedTuple):
    """A block read back: rows (`origin`, `records`), or a `word`."""

    origin: Origin
    records: Records
    word: Mapping[str, Any] | None


@kernel
def _gather(buf: Bytes, start: Longs, length: Longs, rows: Longs, out: Bytes) -> None:
    at = 0
    for i in range(rows.size):
        begin = start[rows[i]]
        for j in range(length[rows[i]]):
            out[at + j] = buf[begin + j]
        at += length[rows[i]]


def pack_rows(origin: Origin, records: Records, rows: npt.NDArray[np.int64]) -> Iterator[bytes]:
    """Blocks that carry `rows` of a batch, each at most about `LARGEST_BLOCK` bytes (or one row)."""
    length = records.end - records.start
    total = np.cumsum(length[rows] + _ROW_BYTES)
    first, carried = 0, 0
    while first < rows.size:
        last = max(first + 1, int(np.searchsorted(total, carried + LARGEST_BLOCK, side="right")))
        carried = int(total[last - 1])
        yield _pack(origin, records, length, rows[first:last])
        first = last


def _pack(origin: Origin, records: Records, length: Longs, rows: npt.NDArray[np.int64]) -> bytes:
    body = np.empty(int(length[rows].sum()), np.uint8)
    _gather(records.buf, records.start, length, rows, body)
    parts = (
        _HEAD.pack(_MAGIC, _ROWS, rows.size),
        origin.offset[rows].tobytes(),
        origin.log_time[rows].tobytes(),
        length[rows].astype(np.int32).tobytes(),
        origin.partition[rows].astype(np.int32).tobytes(),
        origin.topic[rows].tobytes(),
        origin.flags[rows].tobytes(),
        body.tobytes(),
    )
    return b"".join(parts)


def pack_word(word: Mapping[str, Any]) -> bytes:
    """A block that carries one JSON object."""
    return _HEAD.pack(_MAGIC, _WORD, 0) + json.dumps(word, separators=(",", ":")).encode()


def unpack(block: bytes) -> Block:
    """Read a block. Raises WireError (`undecodable`)."""
    if len(block) < _HEAD.size or block[:4] != _MAGIC:
        raise WireError("undecodable", "it is not a block of the topic routed, which the engine alone writes")
    _, sort, n = _HEAD.unpack_from(block)
    if sort == _WORD:
        return Block(_NO_ORIGIN, _NO_RECORDS, _word(block[_HEAD.size :]))
    body = _HEAD.size + n * _ROW_BYTES
    if sort != _ROWS or n < 0 or len(block) < body:
        raise WireError("undecodable", "the block ends within its columns")
    at = _HEAD.size
    columns: list[npt.NDArray[Any]] = []
    for dtype in (np.int64, np.int64, np.int32, np.int32, np.uint8, np.uint8):
        columns.append(np.frombuffer(block, dtype, n, at))
        at += columns[-1].nbytes
    offset, log_time, length, partition, topic, flags = columns
    end = at + np.cumsum(length, dtype=np.int64)
    if (length < 0).any() or (int(end[-1]) if n else at) != len(block):
        raise WireError("undecodable", "the block's messages do not fill it")
    records = Records(np.frombuffer(block, np.uint8), end - length, end)
    return Block(Origin(topic, partition, offset, log_time, flags), records, None)


def _word(text: bytes) -> Mapping[str, Any]:
    try:
        word = json.loads(text)
    except ValueError:
        word = None
    if not isinstance(word, dict):
        raise WireError("undecodable", "the block's word is not a JSON object")
    return word


def join_blocks(blocks: list[Block]) -> tuple[Origin, Records]:
    """Blocks of rows as one batch."""
    bases = np.cumsum([0, *(block.records.buf.size for block in blocks)])
    pairs = list(zip(blocks, bases[:-1], strict=True))
    records = Records(
        np.concatenate([block.records.buf for block in blocks]),
        np.concatenate([block.records.start + base for block, base in pairs]),
        np.concatenate([block.records.end + base for block, base in pairs]),
    )
    origin = Origin(*(np.concatenate(columns) for columns in zip(*(b.origin for b in blocks), strict=True)))
    return origin, records


_NO_RECORDS = Records(np.zeros(0, np.uint8), np.zeros(0, np.int64), np.zeros(0, np.int64))
_NO_ORIGIN = Origin(
    np.zeros(0, np.uint8), np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8)
)  # fmt: skip
