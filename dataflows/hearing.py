"""When Kafka was last heard of: who hears nothing does not know that nothing has happened.

A broker that is asked for records answers within milliseconds, with none where there are none; where the network
swallows packets nobody answers, and nobody is told. The client says each second how long ago every connection brought
something.
"""

import time
from collections.abc import Callable

import orjson

STATISTICS_MS = 1_000
_SILENCE_S = 2.0
"""What is said each second may be a second old."""


class Hearing:
    """What one consumer hears, of all brokers that have partitions of it: of the one that is silent for longest."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._heard = clock()

    def heard(self) -> None:
        """Something has arrived."""
        self._heard = self._clock()

    def take(self, statistics: str) -> None:
        """What the client says of its connections (its `stats_cb`; times in us, -1: nothing has arrived yet)."""
        brokers = orjson.loads(statistics)["brokers"].values()
        silent = [broker["rxidle"] for broker in brokers if broker["toppars"]]
        if silent and min(silent) >= 0:
            self._heard = max(self._heard, self._clock() - max(silent) / 1e6)

    def until(self, now: int) -> int:
        """Up to when (ms) all that has happened by `now` has been heard of; never falls while `now` does not."""
        silence = self._clock() - self._heard
        return now if silence <= _SILENCE_S else now - int(1000 * (silence - _SILENCE_S))
