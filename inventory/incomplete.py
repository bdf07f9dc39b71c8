"""Positions of a log that does not go back far enough: what nobody has counted since shows nothing.

Which these are follows from the rows of the positions; a lane that has all facts has none.
"""

import numpy as np
import numpy.typing as npt

from inventory.columns import Bytes, Ints, Longs
from inventory.jit import kernel
from inventory.state import BEGINNING, KNOWN, Memory, State


@kernel
def is_withheld(s: State, position: int) -> bool:
    """Whether the counters of a position are not to be shown: it may lack facts that no count has seen."""
    return bool(s.withholds[0]) and bool(s.positions.rows["anchor"][position] < 0)


@kernel
def is_incomplete(s: State, position: int) -> bool:
    """Whether people are to be told so: something is known of it, and be it demand that is open now."""
    p = s.positions.rows
    return is_withheld(s, position) and (
        p["anchor"][position] == KNOWN
        or p["delta"][position] >= 0
        or p["parts"][position] >= 0
        or p["soft"][position] + p["hard"][position] != 0
    )


@kernel
def fill_incomplete(
    s: State, sells: npt.NDArray[np.bool_], channels: Ints, start: Longs, ordinal: Ints, rows: Ints,
    found: Ints, found_start: Longs, uncertain: Bytes,
) -> None:  # fmt: skip
    """Of m skus, whose positions are `rows` at the locations `ordinal`: fill `Views.incomplete` (as far as its start
    says) and `Views.uncertain`."""
    count = 0
    for i in range(start.size - 1):
        for n in range(start[i], start[i + 1]):
            if is_incomplete(s, rows[n]):
                found[count] = ordinal[n]
                count += 1
                for c in range(channels.size):
                    if sells[channels[c], ordinal[n]]:
                        uncertain[i, c] = 1
        found_start[i + 1] = count


def incomplete_positions(memory: Memory) -> int:
    """How many there are: all rows are read, which takes some tens of milliseconds a million."""
    if not memory.withholds[0]:
        return 0
    rows = memory.stores["positions"].used()
    known = (rows["anchor"] == KNOWN) | (rows["delta"] >= 0) | (rows["parts"] >= 0)
    return int(((rows["anchor"] < 0) & (known | (rows["soft"] + rows["hard"] != 0))).sum())


def may_lack_facts(memory: Memory) -> bool:
    """Whether facts of the lane may be missing."""
    return int(memory.since[0]) != BEGINNING
