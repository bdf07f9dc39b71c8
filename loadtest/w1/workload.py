"""W1: 2,000,000 movements, reservations and counts over 20,000 skus, after one opening count a position.

`w1_draw` decides what happens, `w1_write` writes it; this module dates it, says what the views must be
at the end, and holds the catalog and the rules that the workload is run under.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.jit import making_kernel
from loadtest.w1.draw import COUNT, MOVEMENT, SHIP, Bytes, Longs, Run, Size, draw
from loadtest.w1.write import (
    OPENING_UNITS,
    RECORD_OF,
    Written,
    location_name,
    sku_name,
    write_opening,
    write_run,
)
from wire.codec import Codec

CHANNELS = ("web", "amazon", "pickup")
AMAZON_LOCATIONS = 5
SAFETY_STOCK, BUFFER, CAP, THRESHOLD = 2, 1, 100, 2

_BEFORE_NOW_MS = 120_000
_OPENING_BEFORE_MS = 120_000


class Workload(NamedTuple):
    """`opening` is sent first, then `run`. `views` (skus, 3) are the numbers of CHANNELS at the end, of the
    skus of which `occurs` (skus) is true. `repeats`: events that were sent before. `negative` and `short` count
    positions, as a check of the draw."""

    size: Size
    opening: Written
    run: Written
    occurs: npt.NDArray[np.bool_]
    views: Longs
    repeats: int
    negative: int
    short: int

    @property
    def records(self) -> int:
        """Opening counts and events, duplicates included."""
        return len(self.opening.end) + len(self.run.end)


def drain(size: Size, now: int, headers: tuple[bytes, bytes, bytes], positions_a_sku: int = 0) -> Workload:
    """W1 to be preloaded: one event a millisecond, the last of them two minutes before `now` (ms). Positions that occur
    are counted, and as many of each sku as are asked for."""
    start = now - size.events - _BEFORE_NOW_MS
    return _build(size, start + np.arange(size.events), start - _OPENING_BEFORE_MS, headers, positions_a_sku)


def paced(size: Size, start: int, rate: float, headers: tuple[bytes, bytes, bytes]) -> Workload:
    """W1 to be sent at `rate` events a second from `start` (ms), each dated around the instant it is due."""
    due = start + (np.arange(size.events) * (1000.0 / rate)).astype(np.int64)
    return _build(size, due, start - 300_000, headers)


def _build(
    size: Size, at: Longs, opened_at: int, headers: tuple[bytes, bytes, bytes], positions_a_sku: int = 0
) -> Workload:
    run = draw(size)
    sku, location = _positions(size, run, positions_a_sku)
    opening = write_opening(sku, location, opened_at, headers)
    written = write_run(run, at, headers)
    on_hand, demand = _fold(size, run, at + run.jitter)
    opened = np.zeros(size.skus * size.locations, np.bool_)
    opened[sku * size.locations + location] = True
    views = _views(size, on_hand, demand, opened)
    return Workload(
        size, opening, written, opened.reshape(size.skus, size.locations).max(axis=1), views,
        int((run.origin != np.arange(len(run.origin))).sum()),
        int((on_hand < 0).sum()), int(((np.maximum(on_hand, 0) - demand) < 0).sum()),
    )  # fmt: skip


def _positions(size: Size, run: Run, a_sku: int) -> tuple[Longs, Longs]:
    """The positions that occur, and so many of each sku, location by location."""
    first = run.origin == np.arange(len(run.origin))
    occur = run.location[first] * size.skus + run.sku[first]
    sku = np.arange(size.skus)
    more = [(sku + number) % size.locations * size.skus + sku for number in range(a_sku)]
    key = np.unique(np.concatenate([occur, *more]))
    return key % size.skus, key // size.skus


def _fold(size: Size, run: Run, occurred: Longs) -> tuple[Longs, Longs]:
    """`on_hand` and open demand of every (sku, location), flat, of those that do not occur too."""
    n = size.skus * size.locations
    on_hand, demand = np.full(n, OPENING_UNITS, np.int64), np.zeros(n, np.int64)
    _fold_kernel(
        run.origin, run.what, run.sku * size.locations + run.location, run.code, run.quantity, run.number,
        run.version, occurred, run.back, on_hand, demand,
    )  # fmt: skip
    return on_hand, demand


@making_kernel
def _fold_kernel(
    origin: Longs, what: Bytes, position: Longs, code: Longs, quantity: Longs, number: Longs,
    version: Longs, occurred: Longs, back: Longs, on_hand: Longs, demand: Longs,
) -> None:  # fmt: skip
    n = len(origin)
    anchor = np.full(len(on_hand), -1, np.int64)  # event of the greatest count of the position
    ordered = np.zeros(n + 1, np.int64)  # by reservation number: the quantity of its greatest version
    for i in range(n):
        if origin[i] != i:
            continue
        p = position[i]
        if what[i] == COUNT:
            a = anchor[p]
            if a < 0 or (occurred[i] - back[i], number[i]) > (occurred[a] - back[a], number[a]):
                anchor[p] = i
                on_hand[p] = quantity[i]
        elif what[i] != MOVEMENT:
            if version[i] == 2:
                demand[p] -= ordered[number[i]]
            ordered[number[i]] = quantity[i]
            demand[p] += quantity[i]
    for i in range(n):
        if origin[i] == i and what[i] == MOVEMENT:
            p = position[i]
            a = anchor[p]
            if a < 0 or occurred[i] > occurred[a] - back[a]:
                on_hand[p] += -quantity[i] if code[i] == SHIP else quantity[i]


def _views(size: Size, on_hand: Longs, demand: Longs, opened: npt.NDArray[np.bool_]) -> Longs:
    net = np.where(opened, np.maximum(on_hand, 0) - demand, 0).reshape(size.skus, size.locations)
    supply = np.maximum(net, 0)
    free = supply - np.maximum(-net, 0) - np.minimum(supply, SAFETY_STOCK)
    views = np.empty((size.skus, 3), np.int64)
    views[:, 0] = np.maximum(free.sum(axis=1), 0)
    amazon = np.maximum(free[:, :AMAZON_LOCATIONS].sum(axis=1), 0)
    amazon = np.minimum(np.maximum(amazon - BUFFER, 0), CAP)
    views[:, 1] = np.where(amazon <= THRESHOLD, 0, amazon)
    views[:, 2] = np.maximum(free[:, AMAZON_LOCATIONS:].sum(axis=1), 0)
    return views


def headers(codec: Codec) -> tuple[bytes, bytes, bytes]:
    """The framing of the three records of W1, as `drain` and `paced` take it."""
    movement, reservation, count = (codec.encode_prefix(record) for record in RECORD_OF)
    return movement, reservation, count


def catalog(size: Size) -> list[dict[str, object]]:
    """A CatalogItem record for every sku of the workload."""
    return [
        {
            "sku": sku_name(i), "category": None, "style": None, "attributes": {}, "bundle": [],
            "ship_together": False, "aliases": [], "active": True,
        }
        for i in range(size.skus)
    ]  # fmt: skip


def rules(size: Size) -> str:
    """The rules file of the workload."""
    names = [location_name(i) for i in range(size.locations)]
    lines = ["locations:"]
    for i, name in enumerate(names):
        kind = "warehouse" if i < AMAZON_LOCATIONS else "store"
        lines.append(f"  - {{id: {name}, type: {kind}, region: us}}")
    lines += [
        "channels:",
        "  - {id: web, locations: {}}",
        "  - {id: amazon, locations: {type: warehouse}}",
        "  - {id: pickup, locations: {type: store}}",
        "safety_stock:",
        f"  - {{id: ss-default, units: {SAFETY_STOCK}}}",
        f"buffers: [{{id: bu-amazon, channel: amazon, units: {BUFFER}}}]",
        f"caps: [{{id: cap-amazon, channel: amazon, units: {CAP}}}]",
        f"thresholds: [{{id: th-amazon, channel: amazon, units: {THRESHOLD}}}]",
    ]
    return "\n".join(lines) + "\n"
