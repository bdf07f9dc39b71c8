"""Whether something grows: a line through samples by least squares, with the interval in which its slope lies."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

CONFIDENCE = 0.95
_BLOCKS = 40
"""Samples of neighbouring seconds say the same: as if each said something new, the interval would be far too narrow. So
the line goes through the means of so many blocks."""
_FEWEST = 8
_HOUR_S = 3_600.0


@dataclass(frozen=True)
class Slope:
    """What an hour adds, and by how much more or less it may be (of 95 %); `mean`: of what was looked at. `blocks`: the
    points that the line goes through."""

    per_hour: float
    margin: float
    mean: float
    blocks: int

    @property
    def at_most(self) -> float:
        """The upper end of the interval."""
        return self.per_hour + self.margin


def slope(seconds: Sequence[float], values: Sequence[float]) -> Slope | None:
    """The line through `values` (n) at `seconds` (n, ascending); None where there are too few to say anything."""
    blocks = min(_BLOCKS, len(seconds) // 2)
    if blocks < _FEWEST:
        return None
    x = np.array([part.mean() for part in np.array_split(np.asarray(seconds, float), blocks)]) / _HOUR_S
    y = np.array([part.mean() for part in np.array_split(np.asarray(values, float), blocks)])
    away = x - x.mean()
    spread = float((away**2).sum())
    rise = float((away * y).sum()) / spread
    left = y - y.mean() - rise * away
    error = math.sqrt(float((left**2).sum()) / (blocks - 2) / spread)
    return Slope(rise, student(blocks - 2) * error, float(np.mean(values)), blocks)


def student(freedom: int) -> float:
    """The two-sided quantile of Student's t at CONFIDENCE (Cornish and Fisher's expansion: right to a per cent from six
    degrees of freedom on)."""
    z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2
