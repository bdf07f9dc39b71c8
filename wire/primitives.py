"""What a message is made of, read with checks: numbers, texts, the heads of blocks."""

from typing import Any

import numpy as np

from inventory.columns import Bytes
from inventory.jit import inline_kernel, kernel
from wire.faults import Fault

_TRUNCATED, _OVERLONG, _LENGTH = int(Fault.TRUNCATED), int(Fault.OVERLONG), int(Fault.LENGTH)
_BAD_TEXT, _BAD_BLOCK = int(Fault.TEXT), int(Fault.BLOCK)

_LOW_63 = 0x7FFF_FFFF_FFFF_FFFF


@inline_kernel
def read_long(buf: Bytes, at: int, stop: int) -> tuple[int, int]:
    """The zigzag number at `at` and the place behind it; a negative place is minus the fault."""
    if at < stop and buf[at] < 128:
        byte: Any = np.int64(buf[at])
        value, place = (byte >> 1) ^ -(byte & 1), at + 1
    else:
        value, place = read_long_number(buf, at, stop)
    return value, place


@kernel
def read_long_number(buf: Bytes, at: int, stop: int) -> tuple[int, int]:
    """As `read_long`, for numbers of any length."""
    if at >= stop:
        return 0, -_TRUNCATED
    byte: Any = np.int64(buf[at])
    at += 1
    value = byte & 127
    shift = 7
    while byte > 127:
        if at >= stop:
            return 0, -_TRUNCATED
        byte = np.int64(buf[at])
        at += 1
        if shift == 63 and byte > 1:
            return 0, -_OVERLONG
        value |= (byte & 127) << shift
        shift += 7
    return ((value >> 1) & _LOW_63) ^ -(value & 1), at


@inline_kernel
def is_utf8(buf: Bytes, at: int, stop: int) -> bool:
    """Whether the bytes are UTF-8: shortest forms, no surrogates, nothing beyond U+10FFFF."""
    while at < stop and buf[at] < 128:
        at += 1
    return at == stop or is_utf8_beyond_ascii(buf, at, stop)


@kernel
def is_utf8_beyond_ascii(buf: Bytes, at: int, stop: int) -> bool:
    """As `is_utf8`, for texts of any characters."""
    while at < stop:
        byte = np.int64(buf[at])
        at += 1
        if byte < 0x80:
            continue
        if byte < 0xC2 or byte > 0xF4:
            return False
        low, high = 0x80, 0xBF
        if byte < 0xE0:
            more = 1
        elif byte < 0xF0:
            more = 2
            if byte == 0xE0:
                low = 0xA0
            elif byte == 0xED:
                high = 0x9F
        else:
            more = 3
            if byte == 0xF0:
                low = 0x90
            elif byte == 0xF4:
                high = 0x8F
        if at + more > stop or buf[at] < low or buf[at] > high:
            return False
        for i in range(at + 1, at + more):
            if buf[i] < 0x80 or buf[i] > 0xBF:
                return False
        at += more
    return True


@inline_kernel
def read_text(buf: Bytes, at: int, stop: int) -> tuple[int, int]:
    """Length and place of the text at `at`; a negative place is minus the fault."""
    length, place = read_long(buf, at, stop)
    if place >= 0:
        if length < 0:
            length, place = 0, -_LENGTH
        elif length > stop - place:
            length, place = 0, -_TRUNCATED
        elif not is_utf8(buf, place, place + length):
            length, place = 0, -_BAD_TEXT
    return length, place


@kernel
def read_block(buf: Bytes, at: int, stop: int) -> tuple[int, int, int]:
    """A block's number of items, its end as it says (-1: it does not), and the place of the first item."""
    count, begin = read_long(buf, at, stop)
    block_end = -1
    if begin >= 0 and count < 0:
        count = -count
        size, begin = read_long(buf, begin, stop)
        if begin >= 0:
            if size < 0 or size > stop - begin:
                return 0, -1, -_BAD_BLOCK
            block_end = begin + size
    if begin >= 0 and (count < 0 or count > stop - begin):
        # An item takes a byte at least, so that this many cannot be there.
        return 0, -1, -_TRUNCATED
    return count, block_end, begin
