"""Commands that read many rows, written at once. Apart from the names of keys, for which nobody needs the compiler."""

from collections.abc import Sequence

import numpy as np

from inventory.columns import Bytes, Longs
from inventory.jit import kernel
from inventory.murmur import SHARDS, murmur2
from wire.resp import digits, put_bytes, put_decimal, put_end, put_length, put_slice
from wire.viewkeys import TAGS


def row_reads(prefix: bytes, skus: Sequence[bytes], field: bytes) -> tuple[memoryview, Longs]:
    """Commands that read one field of many rows, joined: one `HGET` a sku, one reply each; and the shards."""
    texts = np.frombuffer(b"".join(skus), dtype=np.uint8)
    ends = np.cumsum(np.array([0, *map(len, skus)], dtype=np.int64))
    opening = b"*3\r\n$4\r\nHGET\r\n"
    closing = b"$%d\r\n%s\r\n" % (len(field), field)
    longest = len(prefix) + len(b"v:{63}:") + len(b"$\r\n\r\n") + 20
    room = len(skus) * (len(opening) + len(closing) + longest) + texts.size
    out = np.empty(room, dtype=np.uint8)
    shards = np.empty(len(skus), dtype=np.int64)
    end = _write_reads(out, shards, texts, ends, prefix + b"v:{", opening, closing)
    return memoryview(out)[:end], shards  # type: ignore[arg-type]


@kernel
def _write_reads(
    out: Bytes, shards: Longs, texts: Bytes, ends: Longs, key: bytes, opening: bytes, closing: bytes
) -> int:
    """Write the commands; returns their length in bytes."""
    at = 0
    for i in range(len(ends) - 1):
        first, length = ends[i], ends[i + 1] - ends[i]
        shards[i] = murmur2(texts, first, length) % SHARDS
        tag = shards[i] % TAGS
        at = put_bytes(out, at, opening)
        at = put_length(out, at, len(key) + digits(tag) + 2 + length)
        at = put_tagged(out, at, key, tag)
        at = put_end(out, put_slice(out, at, texts, first, length))
        at = put_bytes(out, at, closing)
    return at


@kernel
def put_tagged(out: Bytes, at: int, opening: bytes, tag: int) -> int:
    """The part of a key up to and with `}:`; `opening` ends in `{`."""
    at = put_decimal(out, put_bytes(out, at, opening), tag)
    out[at] = 125  # }
    out[at + 1] = 58  # :
    return at + 2
