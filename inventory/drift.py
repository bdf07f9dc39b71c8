"""What counts say of their sources: how far their numbers are from what the engine had for the same instant.

A steady drift equal to open demand betrays a basis that was declared wrongly.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from inventory.admission import Admitted
from inventory.batch import Incident, Slice
from inventory.columns import EVENT_ID, NULL, QUANTITY, Ints, Longs
from inventory.counting import GROSS, Measured
from inventory.jit import kernel
from inventory.ties import text_of

_Key = tuple[str, int, int, str]  # code, sku row (-1: of a source), location ordinal, cause

_COUNTED_AT, _BASIS, _COUNTER = 3, 5, 9  # longs of StockCount
_COUNTERS = ("ON_HAND", "DAMAGED", "QUALITY_CONTROL", "BLOCKED")
_BASES = ("GROSS", "NET", "AVAILABLE")
_WINDOW = 20
_LEAST = 5
_EXAMPLES = 5
_MOST_OPEN = 100


class SourceDrift:
    """Sums over the counts of one source, in whole units; and whether its last counts drift as open demand does.

    `hits`: 1 or 0 for each of the last counts made while there was demand to be mistaken about.
    """

    def __init__(self) -> None:
        self.counts = 0
        self.total = 0
        self.absolute = 0
        self.beyond = 0
        self.hits: list[int] = []
        self.examples: list[dict[str, Any]] = []

    def see(self, hit: bool) -> None:
        self.hits = [*self.hits, int(hit)][-_WINDOW:]

    def keep(self, example: dict[str, Any]) -> None:
        self.examples = [*self.examples, example][-_EXAMPLES:]

    def sums(self) -> dict[str, Any]:
        return {
            "counts": self.counts,
            "total": self.total,
            "absolute": self.absolute,
            "beyond_tolerance": self.beyond,
        }

    @property
    def suspect(self) -> bool:
        return sum(self.hits) >= _LEAST and 5 * sum(self.hits) >= 4 * len(self.hits)

    @property
    def cleared(self) -> bool:
        return 2 * sum(self.hits) < len(self.hits)


class _Counted(NamedTuple):
    """One count of a slice, as Python numbers."""

    sku: int
    location: int
    source: str
    event_id: str
    quantity: int
    counted_at: int
    basis: int
    counter: int
    drift: int
    hard: int
    all: int

    def detail(self) -> dict[str, Any]:
        return {"basis": _BASES[self.basis], "counter": _COUNTERS[self.counter], "counted": self.quantity,
                "counted_at": self.counted_at}  # fmt: skip


class Namer(Protocol):
    """Rows and ordinals to names."""

    def sku(self, row: int) -> str: ...
    def place(self, ordinal: int) -> str: ...
    def source(self, number: int) -> str: ...


@kernel
def _add_up(drift: Longs, source: Ints, tolerance: int, sums: npt.NDArray[np.int64]) -> None:
    """Add the counts of each source to its row of `sums`: how many, drift, absolute drift, how many beyond."""
    for i in range(drift.size):
        if drift[i] != NULL:
            of = sums[source[i]]
            of[0] += 1
            of[1] += drift[i]
            of[2] += abs(drift[i])
            of[3] += abs(drift[i]) > tolerance


class Drift:
    """Of one lane. `tolerance` (units): a drift up to it is nobody's business."""

    def __init__(self, tolerance: int) -> None:
        self._tolerance = tolerance
        self.sources: dict[str, SourceDrift] = {}
        self._open: dict[_Key, int] = {}
        self._drifting: dict[int, int] = {}
        """How many drifts are open at each position (sku row << 32 | location)."""
        self.changed = False

    def observe(self, part: Slice, verdict: Admitted, m: Measured, names: Namer, now: int) -> list[Incident]:
        """Take the counts of a slice in; returns incidents opened and closed."""
        told: list[Incident] = []
        sums = np.zeros((int(verdict.source.max(initial=-1)) + 1, 4), np.int64)
        _add_up(m.drift, verdict.source, self._tolerance, sums)
        for number, (counts, total, absolute, beyond) in enumerate(sums.tolist()):
            if counts:
                of = self._source(names.source(number))
                of.counts += counts
                of.total += total
                of.absolute += absolute
                of.beyond += beyond
                self.changed = True
        for i in self._telling(verdict, m).tolist():
            told += self._judge(_counted(part, verdict, m, names, i), names, now)
        return told

    def _telling(self, verdict: Admitted, m: Measured) -> Longs:
        """The counts that may open or close something, or are evidence; the others are in the sums."""
        measured = m.drift != NULL
        beyond = measured & (np.abs(m.drift) > self._tolerance)
        drifting = self._is_drifting(verdict)
        opening = beyond & ~drifting
        opening &= np.cumsum(opening) <= max(1, _MOST_OPEN - len(self._drifting))
        return np.flatnonzero(opening | (measured & ~beyond & drifting) | (m.hard != NULL))

    def _is_drifting(self, verdict: Admitted) -> npt.NDArray[np.bool_]:
        """Of each count, whether a drift of its position is open."""
        at = self._drifting
        n = verdict.sku.size
        if not at:
            return np.zeros(n, np.bool_)
        position = verdict.sku.astype(np.int64) << 32 | verdict.location
        return np.fromiter((p in at for p in position.tolist()), np.bool_, n)

    def _source(self, name: str) -> SourceDrift:
        return self.sources.setdefault(name, SourceDrift())

    def _judge(self, c: _Counted, names: Namer, now: int) -> list[Incident]:
        told: list[Incident] = []
        if c.drift != NULL:
            key = ("drift", c.sku, c.location, _COUNTERS[c.counter])
            stands = abs(c.drift) > self._tolerance
            if key in self._open or len(self._drifting) < _MOST_OPEN:
                told += self._set(key, stands, c, lambda: c.detail() | {"drift": c.drift}, names, now)
            told += self._set_many(c, names, now)
            told += self._suspect(c, names, now)
        return told

    def _set_many(self, c: _Counted, names: Namer, now: int) -> list[Incident]:
        """Beyond so many positions at once the source as a whole drifts: one incident, with its sums."""
        of = self._source(c.source)
        stands = len(self._drifting) >= _MOST_OPEN
        return self._set(("drift", -1, -1, c.source), stands, c, of.sums, names, now)

    def _suspect(self, c: _Counted, names: Namer, now: int) -> list[Incident]:
        """Counted as of before demand that is not in it, a number drifts by that demand."""
        if c.hard == NULL or (c.hard == 0 and c.all == 0):
            return []
        sign = -1 if c.basis == GROSS else 1
        hit = c.drift != 0 and c.drift in (sign * c.hard, sign * c.all)
        of = self._source(c.source)
        of.see(hit)
        if hit:
            of.keep(c.detail() | {
                "event_id": c.event_id, "sku": names.sku(c.sku), "location": names.place(c.location),
                "drift": c.drift, "hard": c.hard, "soft_and_hard": c.all,
            })  # fmt: skip
        self.changed = True
        key = ("basis_suspect", -1, -1, c.source)
        looks = "net of open demand" if c.basis == GROSS else "GROSS"

        def evidence() -> dict[str, Any]:
            return {
                "declared": _BASES[c.basis], "looks": looks, "matched": sum(of.hits), "of": len(of.hits),
                "examples": of.examples,
            }  # fmt: skip

        if of.suspect or (key in self._open and of.cleared):
            return self._set(key, of.suspect, c, evidence, names, now)
        return []

    def _set(
        self,
        key: _Key,
        stands: bool,
        c: _Counted,
        detail: Callable[[], dict[str, Any]],
        names: Namer,
        now: int,
    ) -> list[Incident]:
        if stands == (key in self._open):
            return []
        self.changed = True
        opened_at = now if stands else self._open.pop(key)
        if stands:
            self._open[key] = now
        self._count(key, 1 if stands else -1)
        sku = names.sku(c.sku) if key[1] >= 0 else None
        place = names.place(c.location) if key[1] >= 0 else None
        incident = Incident(
            key[0], sku, place, key[3], opened_at, None if stands else now, source=c.source, events=(c.event_id,),
            detail=detail(),
        )  # fmt: skip
        return [incident]

    def _count(self, key: _Key, by: int) -> None:
        code, sku, location, _ = key
        if sku < 0 or code != "drift":
            return
        at, position = self._drifting, sku << 32 | location
        at[position] = at.get(position, 0) + by
        if not at[position]:
            del at[position]

    def dump(self) -> dict[str, Any]:
        """For the journal."""
        return {
            "open": [[*key, at] for key, at in self._open.items()],
            "sources": {
                name: [of.counts, of.total, of.absolute, of.beyond, of.hits, of.examples]
                for name, of in self.sources.items()
            },
        }

    def load(self, kept: dict[str, Any]) -> None:
        """What `dump` returned."""
        for code, sku, location, cause, at in kept.get("open", []):
            self._open[(code, sku, location, cause)] = at
            self._count((code, sku, location, cause), 1)
        for name, (counts, total, absolute, beyond, hits, examples) in kept.get("sources", {}).items():
            of = self._source(name)
            of.counts, of.total, of.absolute, of.beyond = counts, total, absolute, beyond
            of.hits, of.examples = hits, examples


def _counted(part: Slice, verdict: Admitted, m: Measured, names: Namer, i: int) -> _Counted:
    longs = part.columns.longs[:, i]
    return _Counted(
        int(verdict.sku[i]), int(verdict.location[i]), names.source(int(verdict.source[i])),
        (text_of(part.columns, EVENT_ID, i) or b"").decode(errors="replace"), int(longs[QUANTITY]),
        int(longs[_COUNTED_AT]), int(longs[_BASIS]), int(longs[_COUNTER]), int(m.drift[i]), int(m.hard[i]),
        int(m.all[i]),
    )  # fmt: skip
