"""What no record can ask for any more is let go of: a little with each step, so that memory stays what the horizons
need and no step waits for it; and all at once before a table grows.

Nothing that is computed depends on when: what is let go of is older than any record that the guards let pass.
"""

from typing import NamedTuple

from inventory.demand import forget_lines
from inventory.draws import forget_sales
from inventory.history import forget_history
from inventory.masters import Masters
from inventory.positions import forget_deltas
from inventory.state import NEVER, Memory
from inventory.supply import forget_supply
from inventory.watch import Watch

PASSES = 8
"""Everything is looked through so many times within the time for which it is kept: about an eighth more is held."""
_POSITIONS_AT_ONCE = 20_000
"""In one step: a few milliseconds."""


class Kept(NamedTuple):
    """For how long (ms): counts may be as of so long ago; `facts_ms` with the tolerance of clocks; lines and supply."""

    counts_ms: int
    facts_ms: int
    lines_ms: int


class Forgetting:
    """Of one lane. Times are the log clock's: whatever was logged before it was folded."""

    def __init__(self, kept: Kept, memory: Memory, masters: Masters, watch: Watch) -> None:
        self._kept = kept
        self._memory = memory
        self._masters = masters
        self._watch = watch
        self._clock = 0
        self._last: dict[str, int] = {}
        self._swept = 0

    def go_on(self, log_clock: int) -> None:
        """The state was loaded."""
        self._clock = log_clock

    def pass_time(self, log_clock: int) -> None:
        """After a step: a little of it; most of the time nothing."""
        self._clock = log_clock
        self._sweep_deltas()
        for name, kept_ms, forget in (
            ("lines", self._kept.lines_ms, self.lines),
            ("history", self._kept.facts_ms, self.history),
            ("sales", self._kept.facts_ms, self.sales),
            ("supply", self._kept.lines_ms, self.supply),
        ):
            if log_clock - self._last.setdefault(name, log_clock) >= kept_ms // PASSES:
                self._last[name] = log_clock
                forget()

    def make_room(self, records: int) -> None:
        """Before a table grows."""
        memory = self._memory
        for name, rows, forget in (
            ("lines", records, self.lines),
            ("versions", records, self.history),
            ("uses", records, self.history),
            ("deltas", 3 * records, self._deltas),
            ("sales", records, self.sales),
            ("supply", records, self.supply),
            ("receipts", records, self.supply),
        ):
            store = memory.stores[name]
            if store.room() < rows:
                forget()
                # Forgetting reads the whole table: what it yields must last a while, or the table grows.
                if store.reserve(rows + store.table.rows.size // 4):
                    memory.invalidate()

    def everything(self, log_clock: int) -> None:
        """Whether or not there is room."""
        self._clock = log_clock
        for forget in (self.lines, self.history, self._deltas, self.sales, self.supply):
            forget()

    def lines(self) -> None:
        """Lines that are closed."""
        bounds = self._masters.fences_since()
        if bounds.size:  # what a line consumed becomes a sale
            self.sales()
            for name in ("draws", "sales"):
                self._memory.stores[name].reserve(len(self._memory.stores["lines"]))
            self._memory.invalidate()
        least = int(bounds[0]) if bounds.size else NEVER
        before, expired = self._clock - self._kept.lines_ms, self._clock - self._kept.counts_ms
        if forget_lines(self._memory.state(), before, expired, least):
            self._memory.stores["lines"].reindex()
            self._watch.forgotten = True

    def history(self) -> None:
        """What open lines were before."""
        dated_before = self._clock - self._kept.counts_ms
        forget_history(self._memory.state(), self._clock - self._kept.facts_ms, dated_before)
        self._watch.forgotten = True

    def sales(self) -> None:
        """What fences count no more."""
        forget_sales(self._memory.state(), self._clock - self._kept.facts_ms, self._masters.fences_since())

    def supply(self) -> None:
        """Supply that has come, and its receipts."""
        if forget_supply(self._memory.state(), self._clock - self._kept.lines_ms):
            self._memory.stores["supply"].reindex()
            self._watch.forgotten = True

    def _deltas(self) -> None:
        self._sweep(0, len(self._memory.stores["positions"]))

    def _sweep_deltas(self) -> None:
        """Position after position, evenly."""
        began = self._last.setdefault("deltas", self._clock)
        many, takes_ms = len(self._memory.stores["positions"]), max(1, self._kept.facts_ms // PASSES)
        due = min(many, many * (self._clock - began) // takes_ms, self._swept + _POSITIONS_AT_ONCE)
        if due > self._swept:
            self._sweep(self._swept, due)
            self._swept = due
        if self._swept >= many and self._clock - began >= takes_ms:
            self._swept, self._last["deltas"] = 0, self._clock

    def _sweep(self, first: int, end: int) -> None:
        forget_deltas(self._memory.state(), self._clock - self._kept.facts_ms, first, end)
