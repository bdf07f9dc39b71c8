"""W1, second half: the columns of a run become Avro records. By hand; a test holds them against the codec.

Records are written anew for every run instead of being kept on disk: times must lie just before the drain
(guards compare them with the broker's clock), and writing 2.2 million records takes about a second.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.jit import kernel, making_kernel
from loadtest.w1.draw import ADJUST, COUNT, MOVEMENT, SHIP, Bytes, Longs, Run

OPENING_UNITS = 1000
OPENING_SEED = 99
LINE_LIFE_MS = 3_600_000
RECORDED_AFTER_MS = 40

RECORD_OF = ("StockMovement", "Reservation", "StockCount")
TOPIC_OF = ("stock-movements", "reservations", "wms-adjustments")
SOURCES = (b"wms-1", b"oms-1", b"pos-7", b"erp")

_LONGEST = 160  # bytes of the longest record of W1, with room to spare


class Written(NamedTuple):
    """n records: record i is `buf[end[i - 1]:end[i]]` (from 0 on); `what` and `sku` (n) say where it goes."""

    buf: Bytes
    end: Longs
    what: Bytes
    sku: Longs


def sku_name(index: int) -> str:
    """The canonical identifier of W1's sku number `index` (0-999,999)."""
    return f"SKU-{index:06d}"


def location_name(index: int) -> str:
    """The identifier of W1's location number `index` (0-999; W1 itself has fewer than 100)."""
    return f"L{index:02d}"


def write_run(run: Run, at: Longs, headers: tuple[bytes, bytes, bytes]) -> Written:
    """The events of a run. `at` (n) is the time in ms around which each event lies, `headers` the framing
    before a StockMovement, a Reservation and a StockCount."""
    n = len(run.origin)
    buf, end = np.empty(n * _LONGEST, np.uint8), np.empty(n, np.int64)
    what, sku = run.what[run.origin], run.sku[run.origin]
    used = _write_kernel(
        buf, end, run.origin, run.what, run.sku, run.location, run.code, run.quantity, run.number,
        run.version, at + run.jitter, run.back, run.source, run.correlated, run.ids,
        _matrix(headers), _sources(),
    )  # fmt: skip
    return Written(buf[:used], end, what, sku)


def write_opening(sku: Longs, location: Longs, at: int, headers: tuple[bytes, bytes, bytes]) -> Written:
    """One GROSS count of OPENING_UNITS for each position, counted at `at` (ms)."""
    n = len(sku)
    ids = np.frombuffer(np.random.default_rng(OPENING_SEED).bytes(16 * n), np.uint8).reshape(n, 16)
    nothing = np.zeros(n, np.int64)
    what = np.full(n, COUNT, np.uint8)
    buf, end = np.empty(n * _LONGEST, np.uint8), np.empty(n, np.int64)
    used = _write_kernel(
        buf, end, np.arange(n), what, sku, location, nothing, np.full(n, OPENING_UNITS, np.int64), nothing,
        nothing, np.full(n, at, np.int64), nothing, nothing, np.zeros(n, np.bool_), ids,
        _matrix(headers), _sources(),
    )  # fmt: skip
    return Written(buf[:used], end, what, sku)


def _matrix(headers: tuple[bytes, bytes, bytes]) -> Bytes:
    return np.frombuffer(b"".join(headers), np.uint8).reshape(3, -1)


def _sources() -> Bytes:
    """Row i: source i as Avro writes it (length byte, text), padded; its first byte says how far it goes."""
    rows = np.zeros((len(SOURCES), 1 + max(map(len, SOURCES))), np.uint8)
    for row, name in zip(rows, SOURCES, strict=True):
        row[0] = 2 * len(name)
        row[1 : 1 + len(name)] = np.frombuffer(name, np.uint8)
    return rows


@kernel
def _long(buf: Bytes, at: int, value: int) -> int:
    n = (value << 1) ^ (value >> 63)
    while n > 0x7F:
        buf[at] = (n & 0x7F) | 0x80
        n >>= 7
        at += 1
    buf[at] = n
    return at + 1


@kernel
def _digits(buf: Bytes, at: int, value: int, width: int) -> int:
    for i in range(width - 1, -1, -1):
        buf[at + i] = 48 + value % 10
        value //= 10
    return at + width


@kernel
def _hex(buf: Bytes, at: int, value: int) -> int:
    high, low = value >> 4, value & 15
    buf[at] = 48 + high if high < 10 else 87 + high
    buf[at + 1] = 48 + low if low < 10 else 87 + low
    return at + 2


@kernel
def _sku(buf: Bytes, at: int, sku: int) -> int:
    buf[at], buf[at + 1], buf[at + 2], buf[at + 3], buf[at + 4] = 20, 83, 75, 85, 45  # "SKU-"
    return _digits(buf, at + 5, sku, 6)


@kernel
def _location(buf: Bytes, at: int, location: int) -> int:
    width = 2 if location < 100 else 3
    buf[at], buf[at + 1] = 2 * (1 + width), 76  # "L"
    return _digits(buf, at + 2, location, width)


@kernel
def _web(buf: Bytes, at: int) -> int:
    buf[at], buf[at + 1], buf[at + 2], buf[at + 3] = 6, 119, 101, 98  # "web"
    return at + 4


@kernel
def _zeros(buf: Bytes, at: int, many: int) -> int:
    buf[at : at + many] = 0
    return at + many


@making_kernel
def _envelope(
    buf: Bytes, at: int, ids: Bytes, source: Bytes, occurred: int, correlated: bool
) -> int:  # fmt: skip
    buf[at] = 72  # 36 characters
    at += 1
    for k in range(16):
        if k in (4, 6, 8, 10):
            buf[at] = 45
            at += 1
        at = _hex(buf, at, ids[k])
    length = 1 + (int(source[0]) >> 1)
    buf[at : at + length] = source[:length]
    at = _long(buf, at + length, occurred)
    at = _long(buf, at, occurred + RECORDED_AFTER_MS)
    if not correlated:
        return _zeros(buf, at, 1)
    buf[at], buf[at + 1], buf[at + 2], buf[at + 3], buf[at + 4], buf[at + 5] = (
        2,
        16,
        99,
        111,
        114,
        114,
    )  # "corr"
    at = _hex(buf, at + 6, ids[0])
    return _hex(buf, at, ids[1])


@making_kernel
def _write_kernel(
    buf: Bytes, end: Longs, origin: Longs, what: Bytes, sku: Longs, location: Longs, code: Longs,
    quantity: Longs, number: Longs, version: Longs, occurred: Longs, back: Longs, source: Longs,
    correlated: npt.NDArray[np.bool_], ids: Bytes, headers: Bytes, sources: Bytes,
) -> int:  # fmt: skip
    framing = headers.shape[1]
    at = 0
    for i in range(len(origin)):
        j = origin[i]
        if j != i:
            first = end[j - 1] if j > 0 else 0
            length = end[j] - first
            buf[at : at + length] = buf[first : end[j]]
            at += length
            end[i] = at
            continue
        buf[at : at + framing] = headers[what[i]]
        at = _envelope(buf, at + framing, ids[i], sources[source[i]], occurred[i], correlated[i])
        if what[i] == MOVEMENT:
            at = _sku(buf, at, sku[i])
            at = _location(buf, at, location[i])
            at = _long(buf, at, code[i])
            at = _long(buf, at, quantity[i])
            at = _zeros(buf, at, 2)  # from and to SELLABLE
            if code[i] == SHIP:
                buf[at] = 2
                at = _web(buf, at + 1)
            else:
                at = _zeros(buf, at, 1)
            if code[i] == ADJUST:
                buf[at], buf[at + 1], buf[at + 2], buf[at + 3], buf[at + 4] = 2, 6, 97, 98, 99  # "abc"
                at += 5
            else:
                at = _zeros(buf, at, 1)
            at = _zeros(buf, at, 3)  # no reference, no reservation, no line
        elif what[i] == COUNT:
            at = _sku(buf, at, sku[i])
            at = _location(buf, at, location[i])
            at = _long(buf, at, quantity[i])
            at = _long(buf, at, occurred[i] - back[i])
            at = _long(buf, at, number[i])
            at = _zeros(buf, at, 6)  # GROSS, net of HARD, no demand_as_of, 0 withheld, ON_HAND, no batch
        else:
            buf[at], buf[at + 1] = 18, 82  # "R"
            at = _digits(buf, at + 2, number[i], 8)
            buf[at], buf[at + 1] = 2, 49  # line "1"
            at = _long(buf, at + 2, version[i])
            at = _long(buf, at, code[i])
            at = _sku(buf, at, sku[i])
            at = _web(buf, at)
            buf[at] = 2
            at = _location(buf, at + 1, location[i])
            at = _long(buf, at, quantity[i])
            buf[at], buf[at + 1] = 2, 2  # HARD; expires_at follows
            at = _long(buf, at + 2, occurred[i] + LINE_LIFE_MS)
            at = _zeros(buf, at, 4)  # no needed_at, FACT, no partial, no bundle
        end[i] = at
    return at
