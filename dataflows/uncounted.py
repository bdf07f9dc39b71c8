"""How many positions of a lane nobody has counted since its log begins, for who has them counted."""

from dataflows import metrics
from inventory.incomplete import incomplete_positions
from inventory.lane import Lane

_EVERY_S = 30.0
"""All positions have to be looked at."""


class Uncounted:
    """Of one lane. Nothing is told of a lane that has all its facts."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._due = 0.0

    def tell(self, now: float) -> None:
        """Set the metric, if it is time for it (`now`: s, monotonic)."""
        if now >= self._due and self._lane.memory.withholds[0]:
            self._due = now + _EVERY_S
            metrics.INCOMPLETE.labels(self._lane.number).set(incomplete_positions(self._lane.memory))
