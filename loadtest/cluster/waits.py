"""How long changes waited to be seen, by when they were due and by lane."""

from collections.abc import Iterable, Sequence

import numpy as np

from inventory.murmur import shard_of
from loadtest.probes import Seen


def within(seen: Iterable[Seen], first: float, end: float) -> list[Seen]:
    """Those that were due from `first` on and before `end` (epoch seconds)."""
    return [each for each in seen if first <= each.due < end]


def percentiles_ms(seen: Sequence[Seen], *shares: float) -> list[float]:
    """Waits (ms) that these shares (percent) do not exceed, each one that was observed. ValueError without any."""
    if not seen:
        raise ValueError("no probe was due in that time")
    took = np.array([each.took for each in seen]) * 1000
    return [float(np.percentile(took, share, method="inverted_cdf")) for share in shares]


def longest_s(seen: Iterable[Seen]) -> float:
    """The longest wait (s): so long their lanes were not fresh. ValueError without any."""
    return max(each.took for each in seen)


def by_process(seen: Iterable[Seen], lanes: int, processes: int) -> list[list[Seen]]:
    """The probes of the lanes that each process has: lane l is in process `l mod processes`."""
    found: list[list[Seen]] = [[] for _ in range(processes)]
    for each in seen:
        found[shard_of(each.sku) % lanes % processes].append(each)
    return found
