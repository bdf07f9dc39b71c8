"""What may have made a sku go short: the facts folded since its numbers were last looked at.

Nothing is noted while facts are folded. When a shortage begins, the slices of the last steps are searched for records
of the sku that take stock away or promise it.
"""

from typing import Any, NamedTuple

import numpy as np

from inventory.admission import OK, Admitted
from inventory.batch import Slice
from inventory.checked import WAITS
from inventory.columns import CORRELATION_ID, EVENT_ID, OCCURRED_AT, QUANTITY, SOURCE, Kind
from inventory.ties import text_of

_MOST_ROWS = 30_000
"""Records kept while numbers wait to be looked at; the oldest go first, and what they caused is told without them."""

_SHIP, _TRANSFER_OUT, _ADJUST, _STATE_CHANGE = 1, 3, 5, 6
_CANCEL, _RELEASE = 5, 6
_COUNTED_AT = 3
_FROM_STATE, _ACTION, _MODE, _MOVEMENT = 4, 4, 8, 3
_WORDS = {
    Kind.POS_LINE: "sale",
    Kind.CORRECTION: "correction",
    Kind.COUNT: "count",
    Kind.SUPPLY: "expected_supply",
}


class Cause(NamedTuple):
    """A fact that took `units`, or promised them, or (a count) said how many there are. `what` starts with late_ where
    it came long after. `location` is an ordinal, -1 none; `by_line`: the units were promised before."""

    what: str
    source: str
    event_id: str
    correlation_id: str | None
    units: int
    location: int
    by_line: bool

    def to_json(self) -> dict[str, Any]:
        """For the detail of an incident."""
        return {"what": self.what, "source": self.source, "event_id": self.event_id, "units": self.units}


class Recent:
    """The facts since the numbers were last looked at. `tolerance` (ms): how long after its time a fact may come and
    not be late."""

    def __init__(self, tolerance: int) -> None:
        self._tolerance = tolerance
        self._slices: list[tuple[Slice, Admitted]] = []
        self._zeroed: list[Cause] = []
        self._rows = 0

    def add(self, part: Slice, verdict: Admitted) -> None:
        """A slice was folded."""
        self._slices.append((part, verdict))
        self._rows += verdict.sku.size
        while self._rows > _MOST_ROWS and len(self._slices) > 1:
            self._rows -= self._slices.pop(0)[1].sku.size

    def add_zeroed(self, source: str, batch: str, location: int, late: bool) -> None:
        """A complete batch counted 0 at a location."""
        what = "late_snapshot" if late else "snapshot"
        self._zeroed.append(Cause(what, source, batch, None, 0, location, False))
        del self._zeroed[:-100]

    def clear(self) -> None:
        """Every number was looked at."""
        self._slices.clear()
        self._zeroed.clear()
        self._rows = 0

    def of(self, sku: int) -> list[Cause]:
        """The facts of a sku (its row) that may have made it go short, in the order in which they were folded."""
        found = []
        for part, verdict in self._slices:
            admitted = (verdict.outcome == OK) | (verdict.outcome == WAITS)
            for i in np.flatnonzero((verdict.sku == sku) & admitted).tolist():
                cause = self._cause(part, verdict, i)
                if cause is not None:
                    found.append(cause)
        return found + self._zeroed

    def _cause(self, part: Slice, verdict: Admitted, i: int) -> Cause | None:
        c = part.columns
        longs = [int(v) for v in c.longs[:, i]]
        what = _what(part.kind, longs)
        if what is None:
            return None
        at = longs[_COUNTED_AT] if part.kind is Kind.COUNT else longs[OCCURRED_AT]
        late = "late_" if int(part.origin.log_time[i]) - at > self._tolerance else ""
        source, event_id, correlation = (
            None if text is None else text.decode(errors="replace")
            for text in (text_of(c, field, i) for field in (SOURCE, EVENT_ID, CORRELATION_ID))
        )
        named = part.kind in (Kind.MOVEMENT, Kind.POS_LINE) and int(c.text_len[8, i]) >= 0
        return Cause(
            late + what, source or "", event_id or "", correlation, abs(longs[QUANTITY]), int(verdict.location[i]),
            named,
        )  # fmt: skip


def _what(kind: Kind, longs: list[int]) -> str | None:
    """What people call a fact that can leave less than is promised; None of one that cannot."""
    quantity = longs[QUANTITY]
    match kind:
        case Kind.MOVEMENT:
            movement = longs[_MOVEMENT]
            if movement == _SHIP:
                return "sale"
            takes = movement == _TRANSFER_OUT or (movement == _ADJUST and quantity < 0)
            return "movement" if takes or (movement == _STATE_CHANGE and longs[_FROM_STATE] == 0) else None
        case Kind.RESERVATION:
            if longs[_ACTION] in (_CANCEL, _RELEASE):
                return None
            return "checked_reservation" if longs[_MODE] else "fact_reservation"
        case Kind.POS_LINE:
            return "sale" if quantity > 0 else None
        case Kind.CORRECTION:
            return "correction" if quantity < 0 else None
        case _:
            return _WORDS[kind]


def at_location(causes: list[Cause], location: int) -> list[Cause]:
    """Those that may have made a location go short. What ships against a line takes what was promised already, and is
    named only where there is nothing else."""
    here = [cause for cause in causes if cause.location == location]
    return [cause for cause in here if not cause.by_line] or here


def in_channel(causes: list[Cause]) -> list[Cause]:
    """Those that may have left demand of a channel unmet."""
    return [cause for cause in causes if not cause.by_line] or causes
