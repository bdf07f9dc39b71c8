"""Processor seconds and memory of a process and all its descendants, as Linux counts them."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")

# Places in /proc/PID/stat, counted from the field after the command.
_PARENT, _TIMES, _RESIDENT = 1, slice(11, 15), 21


def cpu_seconds(pid: int) -> float:
    """User and system time of the process tree so far; 0.0 where the system does not tell (no /proc)."""
    return sum(sum(map(int, fields[_TIMES])) for fields in tree(pid).values()) / _TICKS


def resident_bytes(pid: int) -> int:
    """Memory that the process tree holds now, added over its processes; 0 where the system does not tell."""
    return sum(map(resident, tree(pid).values()))


def resident(fields: list[str]) -> int:
    """Bytes that are resident, of one process in a `tree`."""
    return int(fields[_RESIDENT]) * _PAGE


def tree(pid: int) -> dict[int, list[str]]:
    """The fields of /proc/PID/stat of a process and of each of its descendants, by process id; nothing where the system
    does not tell."""
    said: dict[int, list[str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            said[int(folder.name)] = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has just ended
    found = {pid}
    grown = True
    while grown:
        more = {child for child, fields in said.items() if int(fields[_PARENT]) in found} - found
        found |= more
        grown = bool(more)
    return {number: said[number] for number in found if number in said}
