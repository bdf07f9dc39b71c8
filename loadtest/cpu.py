"""Processor seconds and memory of a process and all its descendants, as Linux counts them; and what a virtual machine
was not given."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")

_ALL, _STOLEN = slice(1, 9), 8
"""Of the first line of /proc/stat: time of all sorts, and that in which a processor was wanted and another machine of
the host had it."""

_WORTH_A_WORD = 0.01

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


class Stolen:
    """How much of the processors' time went to other machines of the host since this was made."""

    def __init__(self) -> None:
        self._before = _ticks()

    @property
    def share(self) -> float:
        """0.0 to 1.0; 0.0 where the system does not tell."""
        (stolen, everything), (before, then) = _ticks(), self._before
        return (stolen - before) / (everything - then) if everything > then else 0.0


def stolen_words(share: float) -> str:
    """For people, behind a figure; nothing where it is not worth a word."""
    return f"; {share:.0%} of the processors' time went to other machines" if share >= _WORTH_A_WORD else ""


def _ticks() -> tuple[int, int]:
    try:
        words = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    except OSError:
        return 0, 0
    return int(words[_STOLEN]), sum(map(int, words[_ALL]))
