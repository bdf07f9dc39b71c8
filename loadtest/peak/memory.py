"""Memory of every process of a load test, as Linux counts it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from loadtest.cpu import resident, tree

_MB = 1_000_000


def resident_mb(root: int) -> dict[str, float]:
    """Megabytes that are resident, of `root` (a process id) and all its descendants, by what they are; those of one
    kind are added. Nothing where the system does not tell."""
    processes, shares = tree(root), defaultdict[str, float](float)
    for number, kind in kinds(processes):
        shares[kind] += resident(processes[number]) / _MB
    return dict(sorted(shares.items()))


def kinds(processes: Iterable[int]) -> Iterator[tuple[int, str]]:
    """What each of some processes is; those that have just ended are left out."""
    for number in processes:
        with suppress(OSError):
            command = Path(f"/proc/{number}/cmdline").read_bytes().decode(errors="replace")
            yield number, kind_of(command.split("\0"))


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
