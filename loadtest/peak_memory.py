"""Memory of every process of a load test, as Linux counts it."""

import os
from collections import defaultdict
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_MB = 1_000_000
_PROC = Path("/proc")


def resident_mb(root: int) -> dict[str, float]:
    """Megabytes that are resident, of `root` (a process id) and all its descendants, by what they are; those of one
    kind are added. Nothing where the system does not tell."""
    parents, found = dict[int, int](), dict[int, tuple[str, float]]()
    for folder in _PROC.glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            pages = int((folder / "statm").read_text().split()[1])
            command = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except (OSError, IndexError):
            continue  # it has just ended
        number = int(folder.name)
        parents[number] = parent
        found[number] = kind_of(command), pages * _PAGE / _MB
    shares = defaultdict[str, float](float)
    for number in found:
        if _descends(number, root, parents):
            kind, size = found[number]
            shares[kind] += size
    return dict(sorted(shares.items()))


def _descends(number: int, root: int, parents: dict[int, int]) -> bool:
    while number not in (root, 0):
        number = parents.get(number, 0)
    return number == root


def kind_of(command: list[str]) -> str:
    """What a process is, by its command line."""
    words = [word for word in command if word]
    program = Path(words[0]).name if words else ""
    if program == "java":
        return "kafka"
    if program.startswith(("redis-server", "valkey-server")):
        return "redis"
    if "availability_api" in words:
        return "api"
    if "dataflows" in words:
        return f"cell {words[-1]}" if "cell" in words else "supervisor"
    return "loadtest"
