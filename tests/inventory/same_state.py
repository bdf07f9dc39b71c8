"""Whether two lanes are in one state, section by section."""

from typing import Any

import numpy as np

from inventory.lane import Lane
from inventory.sections import dump


def state_of(lane: Lane) -> dict[str, Any]:
    """Everything that a lane would write down, comparable. (Its next write-down is not disturbed: it is whole.)"""
    found: dict[str, Any] = {}
    for section in dump(lane, everything=True):
        content: Any = (section.header, section.payload)
        if section.name == "ids":  # their order is that of a hash table
            n = section.header["count"]
            keys = np.frombuffer(section.payload, np.int64, n)
            marks = np.frombuffer(section.payload, np.uint32, n, 8 * n)
            content = dict(zip(keys.tolist(), marks.tolist(), strict=True))
        elif section.name == "table:skus":
            rows = lane.memory.stores["skus"].used().copy()
            rows["profile"] = 0  # numbered anew by each process
            content = (section.header, rows.tolist())
        elif section.name in (
            "documents",
            "parked",
            "drift",
            "snapshots",
            "books",
            "meta",
        ):
            content = section.value()
        elif section.name == "incidents":  # theirs is that in which they began
            content = sorted(section.value(), key=str)
        found[section.name] = content
    return found
