"""Processor seconds of a process and all its descendants, as Linux counts them."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of the process tree so far; 0.0 where the system does not tell (no /proc)."""
    fields = _stat()
    tree = {pid, *_below(pid, fields)}
    return sum(sum(map(int, fields[number][11:15])) / _TICKS for number in tree if number in fields)


def descendants(pid: int) -> set[int]:
    """The processes that a process has started, and those that they have."""
    return _below(pid, _stat())


def _stat() -> dict[int, list[str]]:
    """Of every process what /proc says behind its name: state, parent, ..."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found[int(folder.name)] = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has just ended
    return found


def _below(pid: int, fields: dict[int, list[str]]) -> set[int]:
    below: set[int] = set()
    grown = {pid}
    while grown:
        grown = {number for number, told in fields.items() if int(told[1]) in grown} - below
        below |= grown
    return below
