"""How long something takes: log-normal, by its median and 95th percentile."""

import math
from dataclasses import dataclass
from random import Random

_Z95 = 1.6448536269514722


@dataclass(frozen=True)
class Spread:
    """Milliseconds: the median, the 95th percentile, and what is never exceeded (0: no bound). All 0: no time at all;
    median and percentile the same: always that long."""

    p50_ms: float = 0.0
    p95_ms: float = 0.0
    most_ms: float = 0.0

    def __post_init__(self) -> None:
        if self.p50_ms < 0 or self.p95_ms < self.p50_ms:
            raise ValueError(f"a time with p50 {self.p50_ms} and p95 {self.p95_ms} ms: write 0 <= p50 <= p95")
        if self.p50_ms == 0 and self.p95_ms > 0:
            raise ValueError("a time with p50 0 ms has no p95: write both as 0, or a p50 above 0")

    def draw(self, random: Random) -> int:
        """One time, in whole milliseconds."""
        if self.p50_ms == self.p95_ms:
            return round(self.p50_ms)
        deviation = math.log(self.p95_ms / self.p50_ms) / _Z95
        drawn = random.lognormvariate(math.log(self.p50_ms), deviation)
        return round(min(drawn, self.most_ms) if self.most_ms else drawn)
