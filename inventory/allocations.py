"""Allocations: what percentage ring-fences ask for a sku, in units. The last record of a sku stands."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from inventory.admission import LONGEST_NAME
from inventory.jit import kernel
from inventory.layers import MAX_WHOLE
from inventory.resolution import name_of_fence
from inventory.state import Memory, State
from inventory.tables import give_back, take, touch


class AllocationError(ValueError):
    """An allocation that cannot be applied; nothing of it was."""


class Arrival(NamedTuple):
    """How a record came: its log time (ms), and where it stood in the partition of a version's term."""

    log_time: int
    carrier: int
    offset: int


Fence = tuple[str, int, int]
"""Rule id, units, `set_at` (ms)."""


def read_allocation(sku: str, record: Mapping[str, Any] | None) -> list[Fence]:
    """The fences of a record; none of a tombstone. Raises `AllocationError`."""
    if not 0 < len(sku.encode()) <= LONGEST_NAME:
        raise AllocationError(f"a sku has 1 to {LONGEST_NAME} bytes")
    if record is None:
        return []
    fences: dict[str, Fence] = {}
    for each in record["fences"]:
        fence, units = str(each["fence"]), int(each["units"])
        if not 0 <= units <= MAX_WHOLE:
            raise AllocationError(
                f"allocation {sku}: fence {fence} has {units} units; write 0 to {MAX_WHOLE}"
            )
        if fence in fences:
            raise AllocationError(f"allocation {sku}: fence {fence} stands there twice; write it once")
        fences[fence] = fence, units, int(each["set_at"])
    return list(fences.values())


def allocate(memory: Memory, row: int, fences: Sequence[Fence], at: Arrival, horizon: int) -> None:
    """Let the fences of the sku at `row` ask what an allocation says.

    A fence counts from its `set_at`, but from at most `horizon` ms before the record: sales are not remembered
    longer. With the same `set_at` as before it goes on.
    """
    if memory.stores["allocated"].reserve(len(fences)):
        memory.invalidate()
    earliest = at.log_time - horizon
    names = np.array([name_of_fence(fence) for fence, _, _ in fences], np.int64)
    numbers = np.array([(units, set_at, max(set_at, earliest)) for _, units, set_at in fences], np.int64)
    _replace(memory.state(), row, names, numbers.reshape(-1, 3))
    table = memory.stores["skus"].table.rows
    column = f"offset_{at.carrier}"
    table[column][row] = max(int(table[column][row]), at.offset + 1)
    memory.touch_sku(row)


@kernel
def _replace(s: State, sku: int, names: Any, numbers: Any) -> None:
    rows = s.allocated.rows
    first = -1
    for i in range(names.size):
        since = numbers[i, 2]
        old = s.skus.rows["allocated"][sku]
        while old >= 0:
            if rows["fence"][old] == names[i] and rows["set_at"][old] == numbers[i, 1]:
                since = min(since, rows["since"][old])
            old = rows["next"][old]
        row = take(s.allocated)
        rows["fence"][row] = names[i]
        rows["units"][row] = numbers[i, 0]
        rows["set_at"][row] = numbers[i, 1]
        rows["since"][row] = since
        rows["next"][row] = first
        first = row
    old = s.skus.rows["allocated"][sku]
    while old >= 0:
        following = rows["next"][old]
        give_back(s.allocated, old)
        old = following
    s.skus.rows["allocated"][sku] = first
    touch(s.skus, sku)


def allocated_since(memory: Memory) -> list[int]:
    """The instants (ms) from which allocated fences count."""
    store = memory.stores["allocated"]
    return np.unique(store.used()["since"]).tolist() if len(store) else []
