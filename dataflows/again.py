"""Every row of a lane is offered again within a time, a few at a time, so that a view that lost some has them again.

What Redis has it refuses by the version. A lane of n skus computes and sends n a period more than it else would.
"""

from inventory.lane import Lane
from inventory.positions import mark_moved


class Again:
    """The rows of one lane, round and round. `period_s`: how long a round takes."""

    def __init__(self, lane: Lane, period_s: float, now: float) -> None:
        self._lane = lane
        self._period_s = period_s
        self._from = now
        self._row = 0

    def mark(self, now: float) -> int:
        """Mark those that it is time for, `now` in seconds of any clock; how many."""
        skus = len(self._lane.memory.stores["skus"])
        many = min(skus, int(skus * (now - self._from) / self._period_s))
        if not many:
            return 0
        self._from = now if many == skus else self._from + many * self._period_s / skus
        state = self._lane.memory.state()
        for row in range(self._row, self._row + many):
            mark_moved(state, row % skus)
        self._row = (self._row + many) % skus
        return many
