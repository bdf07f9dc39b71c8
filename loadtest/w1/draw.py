"""W1, first half: what happens in the run, as columns. Deterministic: a size and a seed give one run.

W1 is a fixed workload, so the order of the random draws below is part of its definition: another order
would be another workload, and figures measured on it could not be compared with earlier ones.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.jit import making_kernel

Longs = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

MOVEMENT, RESERVATION, COUNT = range(3)
RECEIPT, SHIP, RETURN, ADJUST = 0, 1, 2, 5
PLACE, UPDATE, CANCEL = 0, 1, 5

_ZIPF = 1.05
_RECENT = 100_000
_DUPLICATES = 0.02
_ELIGIBLE_FLOOR = 2000
_JITTER_MS = 30_000


@dataclass(frozen=True)
class Size:
    """How large a W1 run is. `chunk` is how many events are drawn at once; another chunk is another run."""

    events: int = 2_000_000
    skus: int = 20_000
    locations: int = 20
    seed: int = 1
    chunk: int = 200_000


class Run(NamedTuple):
    """n events in the order in which they are sent.

    `origin[i]` is i, or the earlier event that event i repeats byte for byte. All other columns mean
    something where `origin[i] == i`: `what` (MOVEMENT, RESERVATION, COUNT), `sku` and `location` (indices),
    `code` (movement type or reservation action), `quantity` (units), `number` (of the reservation, or of the
    count), `version`, `jitter` (ms added to the event's time), `back` (ms between a count and its message),
    `source` (0-3), `correlated`, `ids` (n, 16) random bytes.
    """

    origin: Longs
    what: Bytes
    sku: Longs
    location: Longs
    code: Longs
    quantity: Longs
    number: Longs
    version: Longs
    jitter: Longs
    back: Longs
    source: Longs
    correlated: npt.NDArray[np.bool_]
    ids: Bytes


class _Draws(NamedTuple):
    sku: Longs
    location: Longs
    kind: npt.NDArray[np.float64]
    detail: npt.NDArray[np.float64]
    repeat: npt.NDArray[np.bool_]
    jitter: Longs
    ids: Bytes
    few: Longs
    receipt: Longs
    counted: Longs
    adjust: Longs
    back: Longs
    pick: npt.NDArray[np.float64]
    correlated: npt.NDArray[np.bool_]
    source: Longs


def draw(size: Size) -> Run:
    """All events of the run of this size: about a second for two million."""
    random = np.random.default_rng(size.seed)
    weight = np.arange(1, size.skus + 1) ** -_ZIPF
    cumulative = np.cumsum(weight / weight.sum())
    shuffled = random.permutation(size.skus)
    chunks: list[_Draws] = []
    for first in range(0, size.events, size.chunk):
        many = min(size.chunk, size.events - first)
        chunks.append(_draw_chunk(random, many, size, cumulative, shuffled))
    joined = [np.concatenate(column) for column in zip(*chunks, strict=True)]
    return _decide(_Draws(*joined))


def _draw_chunk(
    random: np.random.Generator,
    many: int,
    size: Size,
    cumulative: npt.NDArray[np.float64],
    shuffled: Longs,
) -> _Draws:
    sku = shuffled[np.minimum(np.searchsorted(cumulative, random.random(many)), size.skus - 1)]
    location = random.integers(0, size.locations, many)
    kind = random.random(many)
    detail = random.random(many)
    repeat = random.random(many) < _DUPLICATES
    jitter = random.integers(-_JITTER_MS, _JITTER_MS + 1, many)
    ids = np.frombuffer(random.bytes(16 * many), np.uint8).reshape(many, 16)
    few = random.integers(1, 4, many)
    receipt = random.integers(10, 201, many)
    counted = random.integers(0, 1201, many)
    adjust = random.integers(1, 6, many) * random.choice([-1, 1], many)
    back = random.integers(0, 60_001, many)
    pick = random.random(many)
    correlated = random.random(many) < 0.5
    source = np.arange(many, dtype=np.int64) & 3
    return _Draws(
        sku, location, kind, detail, repeat, jitter, ids, few, receipt, counted, adjust, back, pick,
        correlated, source,
    )  # fmt: skip


def _decide(draws: _Draws) -> Run:
    n = len(draws.kind)
    sku, location = draws.sku.copy(), draws.location.copy()
    origin, code, quantity = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    number, version, what = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.uint8)
    _decide_kernel(
        sku, location, draws.kind, draws.detail, draws.repeat, draws.few, draws.receipt, draws.counted,
        draws.adjust, draws.pick, draws.source, origin, what, code, quantity, number, version,
    )  # fmt: skip
    return Run(
        origin, what, sku, location, code, quantity, number, version, draws.jitter, draws.back,
        draws.source, draws.correlated, draws.ids,
    )  # fmt: skip


@making_kernel
def _decide_kernel(
    sku: Longs, location: Longs, kind: npt.NDArray[np.float64], detail: npt.NDArray[np.float64],
    repeat: npt.NDArray[np.bool_], few: Longs, receipt: Longs, counted: Longs, adjust: Longs,
    pick: npt.NDArray[np.float64], source: Longs, origin: Longs, what: Bytes, code: Longs,
    quantity: Longs, number: Longs, version: Longs,
) -> None:  # fmt: skip
    n = len(kind)
    distinct = np.empty(n, np.int64)  # event of the k-th distinct record
    known = 0
    line_event = np.empty(n, np.int64)  # eligible lines, by the event that placed them
    lines = 0
    placed = 0
    counts = 0
    for i in range(n):
        if repeat[i] and known > 1000:
            oldest = max(0, known - _RECENT)
            origin[i] = distinct[oldest + int(pick[i] * (known - oldest))]
            continue
        origin[i] = i
        if kind[i] < 0.6:
            what[i] = MOVEMENT
            x = detail[i]
            if x < 0.8:
                code[i], quantity[i] = SHIP, few[i]
            elif x < 0.9:
                code[i], quantity[i] = RECEIPT, receipt[i]
            elif x < 0.95:
                code[i], quantity[i] = RETURN, 1
            else:
                code[i], quantity[i] = ADJUST, adjust[i]
        elif kind[i] < 0.9:
            what[i] = RESERVATION
            if detail[i] < 0.2857 and lines > _ELIGIBLE_FLOOR:
                j = int(pick[i] * lines)
                first = line_event[j]
                lines -= 1
                line_event[j] = line_event[lines]
                sku[i], location[i], number[i] = sku[first], location[first], number[first]
                version[i] = 2
                if source[i] & 1:
                    code[i], quantity[i] = UPDATE, few[i] + 1
                else:
                    code[i], quantity[i] = CANCEL, 0
            else:
                placed += 1
                number[i], version[i], code[i], quantity[i] = placed, 1, PLACE, few[i]
                if pick[i] < 0.4:
                    line_event[lines] = i
                    lines += 1
        else:
            what[i] = COUNT
            counts += 1
            number[i], quantity[i] = counts, counted[i]
        distinct[known] = i
        known += 1
