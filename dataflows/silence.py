"""What a lane keeps to itself while it folds facts that another engine has folded before it.

The other engine has told people of what was wrong, and written what became of checked reservations. Of exceptions
only what stands when the silence ends is told, under the ids that they have in every engine; of reservations what was
decided just before, since the other one may have been fenced off before it could write it.
"""

import time
from collections import deque

from inventory.batch import Outputs
from inventory.decisions import Answer
from inventory.lane import Lane

_KEPT_S = 60.0


class Silence:
    """Of one lane, until it shows its rows."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._standing: deque[tuple[float, list[Answer]]] = deque()

    def keep(self, out: Outputs) -> None:
        """Take out of a step's outputs what is not to be told. Dead letters are told: a letter that is there more than
        once is one letter."""
        now = time.monotonic()
        if out.standing:
            self._standing.append((now, out.standing))
        while self._standing and self._standing[0][0] < now - _KEPT_S:
            self._standing.popleft()
        out.standing, out.incidents, out.network_changed = [], [], False

    def end(self, out: Outputs) -> None:
        """Add to a step's outputs what was kept and still counts."""
        kept = [answer for _, answers in self._standing for answer in answers]
        out.standing = kept + out.standing
        entries = self._lane.watch.ledger.entries.values()
        stands = [entry.incident for entry in entries if entry.told]
        out.incidents = [*(each for each in stands if each not in out.incidents), *out.incidents]
