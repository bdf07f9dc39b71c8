"""How long changes waited to be seen, by when they were due and by lane."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

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


def longest_s(seen: Iterable[Seen], among: Callable[[str], bool]) -> float:
    """The longest wait (s) of the skus `among` which it is looked for: so long their lanes were not fresh. ValueError
    without any."""
    took = [each.took for each in seen if among(each.sku)]
    if not took:
        raise ValueError("no probe was due in that time")
    return max(took)
