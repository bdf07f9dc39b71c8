"""What is wrong in a lane, watched: facts and numbers say what begins, and are asked again whether it still stands."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from inventory.admission import Admitted
from inventory.batch import Incident, Master, Slice
from inventory.catalog_incidents import CatalogIncidents
from inventory.columns import Ints
from inventory.folding import Notes
from inventory.incidents import Entry, Ledger, Names, Sort
from inventory.late_counts import LateCounts
from inventory.line_incidents import LineIncidents
from inventory.masters import Masters
from inventory.number_incidents import NumberIncidents
from inventory.numbers import Rules
from inventory.record_incidents import RecordIncidents
from inventory.requests import Request
from inventory.snapshots import Snapshots
from inventory.state import Memory
from inventory.trail import new_trail, remember, remember_request, remember_zeroed
from inventory.views import Views

_LOOKED_AT_AGAIN = (Sort.LINE, Sort.SUPPLY, Sort.COUNT)


class Watch:
    """Of one lane. All times in ms: `delay` before what disorder can cause is told, `lasting` before what nothing can
    undo closes, `tolerance` after which a fact is late. `forgotten` is set when lines or their history were."""

    def __init__(
        self, lane: int, delay: int, lasting: int, tolerance: int, memory: Memory, masters: Masters,
        snapshots: Snapshots, names: Names,
    ) -> None:  # fmt: skip
        self._memory = memory
        self._snapshots = snapshots
        self._tolerance = tolerance
        self._trail = new_trail()
        self.ledger = Ledger(delay, lasting, lane)
        self._numbers = NumberIncidents(memory, masters, snapshots, names, self.ledger, self._trail)
        self._records = RecordIncidents(memory, names, self.ledger)
        self._counts = LateCounts(memory, snapshots, names, self.ledger)
        self._lines = LineIncidents(memory, names, self.ledger, self._trail)
        self._catalog = CatalogIncidents(memory, masters, self.ledger)
        self.suspects = self._lines.suspects
        self.forgotten = False
        self._watched: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)  # skus with lines or counts that stand

    def see_facts(
        self,
        part: Slice,
        verdict: Admitted,
        found: Notes,
        too_late: Sequence[int],
        now: int,
        out: list[Incident],
    ) -> None:
        """A slice was folded: what its records say against others, and which lines they left in trouble.
        `too_late`: counts that were refused before they were folded."""
        remember(self._trail, part, verdict, found.effect, self._tolerance)
        if found.head[0] or too_late:
            self._watch(self._counts.see(part, verdict, found, too_late, now, out))
        if found.head[0]:
            self._records.see(part, verdict, found, now, out)
            self.suspects.take(part, found, now)

    def see_request(self, row: int, request: Request, promised: int, now: int) -> None:
        """A checked version became the line's in a row, or was kept beside it. `promised`: what it was granted, if that
        is more than before; else 0."""
        identity = request.identity
        if promised:
            source = self._memory.source_names.get(request.source.encode())
            remember_request(self._trail, request, promised, source, self._tolerance)
        texts = request.event_id, request.source, None, identity.reservation_id, identity.line
        self.suspects.take_line(row, texts, now)

    def see_batches(self, now: int, out: list[Incident]) -> None:
        """Snapshot batches took effect."""
        snapshots = self._snapshots
        if snapshots.counted:  # also where there is no position that could move
            snapshots.counted = False
            self._look_again(np.flatnonzero(self._watched).tolist(), now, out)
        self._watch(self._counts.see_batches(now, out))
        for (source, batch), said, place in snapshots.zeroed:
            number = self._memory.source_names.get(source.encode())
            remember_zeroed(self._trail, number, batch, place, now - int(said["as_of"]) > self._tolerance)
        snapshots.zeroed.clear()
        if snapshots.full.fresh:
            self._numbers.see_feeds(snapshots.full.fresh)
            snapshots.full.fresh.clear()

    def see_numbers(self, views: Views, skus: Ints, rules: Rules, now: int, out: list[Incident]) -> None:
        """The numbers of `skus` were computed by `rules`."""
        self._numbers.see(views, skus, rules, now, out)
        self._size()
        self._look_again(skus[self._watched[skus]].tolist(), now, out)

    def see_network(self, now: int, out: list[Incident]) -> None:
        """Channels may have become known."""
        self._records.see_network(now, out)

    def see_masters(self, masters: Sequence[Master], now: int, out: list[Incident]) -> None:
        """Master records were folded."""
        self._catalog.see(masters, now, out)

    def adopt(self, told: list[Incident], now: int) -> list[Incident]:
        """Keep what others in the lane told and cannot close; returns what is to be told of it."""
        return self._catalog.adopt(told, now)

    def pass_time(self, now: int, log_clock: int, out: list[Incident]) -> None:
        """Time has passed: what has stood for the delay is told, and what nothing can undo closes."""
        if self.forgotten:
            self.forgotten = False
            self._look_again(np.flatnonzero(self._watched).tolist(), now, out)
        before = log_clock - self.ledger.delay
        self._numbers.tell(before, out)
        self._watch(self._lines.tell(before, out))
        self.ledger.pass_time(now, log_clock, self._stands, out)

    def _stands(self, entry: Entry) -> bool:
        match entry.sort:
            case Sort.LINE | Sort.SUPPLY:
                return self._lines.stands(entry)
            case Sort.COUNT:
                return self._counts.stands(entry)
            case Sort.CHANNEL:
                return self._records.stands(entry)
            case _:
                return True

    def _look_again(self, skus: Iterable[int], now: int, out: list[Incident]) -> None:
        """At the lines and the late counts of some skus."""
        for row in skus:
            rest = False
            for entry in self.ledger.of_row(row):
                if entry.sort in _LOOKED_AT_AGAIN:
                    if self._stands(entry):
                        rest = True
                    else:
                        self.ledger.end(entry.key, now, out)
            self._watched[row] = rest

    def _watch(self, skus: Sequence[int]) -> None:
        if skus:
            self._size()
            self._watched[skus] = True

    def _size(self) -> None:
        more = self._memory.stores["skus"].table.rows.size - self._watched.size
        if more > 0:
            self._watched = np.concatenate([self._watched, np.zeros(more, np.bool_)])

    def resume(self) -> None:
        """After a start: everything was loaded."""
        self._watch(self.ledger.rows())
        self._numbers.resume()
