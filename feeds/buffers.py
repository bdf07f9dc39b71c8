"""What is held back from a channel because it is late: `ceil(v * L + z * sqrt(v * L))` units, with v the velocity of a
listing (units a second) and L the lag of the channel (seconds): what probably sells before the channel hears of it.
The engine's view knows nothing of it; the ledger records it with each write.
"""

import math
from collections import deque

_KEPT = 512
_QUANTILE = 0.95


def buffer_of(velocity: float, lag_s: float, z: float) -> int:
    """Units to hold back. A mean below a hundredth of a unit is none: nothing has sold to speak of."""
    mean = velocity * lag_s
    return math.ceil(mean + z * math.sqrt(mean)) if mean >= 0.01 else 0


class Lag:
    """How late a channel is: the 95th percentile of the last so many publications, from the change to the
    marketplace's word, and no less than what has waited longest now."""

    def __init__(self) -> None:
        self._took: deque[int] = deque(maxlen=_KEPT)
        self._value: float | None = None

    def took(self, ms: int) -> None:
        """A number was published so long (ms) after it had changed."""
        self._took.append(ms)
        self._value = None

    def seconds(self, oldest_ms: int = 0) -> float:
        """The lag now; `oldest_ms`: how long the oldest urgent change has waited so far."""
        if self._value is None:
            ordered = sorted(self._took)
            self._value = ordered[int(_QUANTILE * (len(ordered) - 1))] / 1000 if ordered else 0.0
        return max(self._value, oldest_ms / 1000)
