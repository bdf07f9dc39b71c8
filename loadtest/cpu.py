"""Processor seconds and memory of a process and all its descendants, as Linux counts them."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")

# Places in /proc/PID/stat, counted from the field after the command.
_PARENT, _TIMES, _RESIDENT = 1, slice(11, 15), 21


def cpu_seconds(pid: int) -> float:
    """User and system time of the process tree so far; 0.0 where the system does not tell (no /proc)."""
    return sum(sum(map(int, fields[_TIMES])) for fields in _tree(pid).values()) / _TICKS


def resident_bytes(pid: int) -> int:
    """Memory that the process tree holds now, added over its processes; 0 where the system does not tell."""
    return sum(int(fields[_RESIDENT]) for fields in _tree(pid).values()) * _PAGE


def descendants(pid: int) -> set[int]:
    """The processes that a process has started, and those that they have."""
    return _tree(pid).keys() - {pid}


def _tree(pid: int) -> dict[int, list[str]]:
    """What /proc says of each process of the tree."""
    said: dict[int, list[str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            said[int(folder.name)] = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has just ended
    tree = {pid}
    grown = True
    while grown:
        more = {child for child, fields in said.items() if int(fields[_PARENT]) in tree} - tree
        tree |= more
        grown = bool(more)
    return {number: said[number] for number in tree if number in said}
