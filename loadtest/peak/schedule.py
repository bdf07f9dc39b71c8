"""When each event of a load is due: fixed beforehand, and whatever the system does, it stays (open loop)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]


class Leg(NamedTuple):
    """A part of a schedule: its rate goes evenly from `first` to `last` events a second."""

    seconds: float
    first: float
    last: float

    @property
    def events(self) -> float:
        """How many events fall into it."""
        return self.seconds * (self.first + self.last) / 2


def due_times(legs: Sequence[Leg]) -> Doubles:
    """(n,): seconds after the start at which the events are due, ascending; event i when i of them have passed."""
    ends = np.cumsum([0.0, *(leg.events for leg in legs)])
    number = np.arange(int(round(float(ends[-1]), 6)), dtype=np.float64)
    parts, begun = list[Doubles](), 0.0
    for leg, first, last in zip(legs, ends[:-1], ends[1:], strict=True):
        passed = number[(number >= first) & (number < last)] - first
        growth = (leg.last - leg.first) / leg.seconds
        # The root of `first t + growth t^2 / 2 = passed` in the form that holds for a growth of 0 too.
        root = leg.first + np.sqrt(np.maximum(leg.first**2 + 2 * growth * passed, 0.0))
        parts.append(begun + np.divide(2 * passed, root, out=np.zeros_like(passed), where=passed > 0))
        begun += leg.seconds
    return np.concatenate(parts)


def steady(rate: float, seconds: float) -> list[Leg]:
    """The same rate all the time."""
    return [Leg(seconds, rate, rate)]


def black_friday(rate: float, top: float, seconds: float) -> list[Leg]:
    """Half of the time: steady, a rise to `top`, which stays a little, a quick fall. Then `rate`, as what has been left
    is made up for."""
    return [
        Leg(seconds * 0.25, rate, rate),
        Leg(seconds * 0.15, rate, top),
        Leg(seconds * 0.05, top, top),
        Leg(seconds * 0.05, top, rate),
        Leg(seconds * 0.50, rate, rate),
    ]


def per_second(due: Doubles, seconds: int) -> Longs:
    """(seconds,): how many are due within each second; those beyond the last are in no number."""
    whole = due.astype(np.int64)
    counted: Longs = np.bincount(whole[whole < seconds], minlength=seconds).astype(np.int64)
    return counted
