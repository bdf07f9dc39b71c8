"""Kernels that write Redis's wire format (RESP) and little-endian numbers into a byte buffer.

Each `put_` kernel writes at `at` and returns the position after what it wrote; the caller has made room.
"""

from inventory.columns import Bytes
from inventory.jit import kernel

_DOLLAR, _STAR, _CR, _LF, _ZERO = 36, 42, 13, 10, 48


def command(*words: bytes) -> bytes:
    """One command as it goes over the wire."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


@kernel
def digits(value: int) -> int:
    """How many decimal digits `value` (>= 0) has."""
    count = 1
    while value >= 10:
        value //= 10
        count += 1
    return count


@kernel
def bulk_size(length: int) -> int:
    """The bytes that a bulk string of `length` bytes takes on the wire."""
    return 1 + digits(length) + 2 + length + 2


@kernel
def put_decimal(out: Bytes, at: int, value: int) -> int:
    """`value` (>= 0) as decimal text."""
    end = at + digits(value)
    place = end
    while place > at:
        place -= 1
        out[place] = _ZERO + value % 10
        value //= 10
    return end


@kernel
def put_end(out: Bytes, at: int) -> int:
    """CR LF, which ends every part."""
    out[at] = _CR
    out[at + 1] = _LF
    return at + 2


@kernel
def put_array(out: Bytes, at: int, items: int) -> int:
    """The start of an array of `items` bulk strings, as every command is."""
    out[at] = _STAR
    return put_end(out, put_decimal(out, at + 1, items))


@kernel
def put_length(out: Bytes, at: int, length: int) -> int:
    """The start of a bulk string; its bytes and `put_end` must follow."""
    out[at] = _DOLLAR
    return put_end(out, put_decimal(out, at + 1, length))


@kernel
def put_number(out: Bytes, at: int, value: int) -> int:
    """`value` (>= 0) in decimal, as a bulk string."""
    return put_end(out, put_decimal(out, put_length(out, at, digits(value)), value))


@kernel
def put_bytes(out: Bytes, at: int, text: bytes) -> int:
    """`text` as it is."""
    for i in range(len(text)):
        out[at + i] = text[i]
    return at + len(text)


@kernel
def put_slice(out: Bytes, at: int, source: Bytes, first: int, length: int) -> int:
    """`source[first:first + length]` as it is."""
    for i in range(length):
        out[at + i] = source[first + i]
    return at + length


@kernel
def put_int16(out: Bytes, at: int, value: int) -> int:
    """Two bytes, little endian."""
    out[at] = value & 0xFF
    out[at + 1] = (value >> 8) & 0xFF
    return at + 2


@kernel
def put_int32(out: Bytes, at: int, value: int) -> int:
    """Four bytes, little endian, two's complement."""
    for i in range(4):
        out[at + i] = (value >> (8 * i)) & 0xFF
    return at + 4


@kernel
def put_int64(out: Bytes, at: int, value: int) -> int:
    """Eight bytes, little endian, two's complement."""
    for i in range(8):
        out[at + i] = (value >> (8 * i)) & 0xFF
    return at + 8
