"""Why a system's number differs from the engine's: one class a difference, the evidence, and what to do about it.

A difference is the system's number, made one of physical units by the basis that it declares, less the engine's
`on_hand` as of the same instant.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from inventory.counting import GROSS
from inventory.hindsight import Anchor, Delta

_RUNS = 64
"""Movements of which every run is tried; of more, each alone and all together."""
_A_PATTERN, _MOST_OF_IT = 3, 0.8


class Cause(StrEnum):
    """The closed list of classes, from what says most about a difference to what says least."""

    UNREADABLE = "unreadable"
    UNKNOWN_SKU = "unknown_sku"
    UNKNOWN_LOCATION = "unknown_location"
    BUNDLE = "bundle"
    INCOMPLETE = "incomplete"
    NOT_KEPT = "not_kept"
    IN_FLIGHT = "in_flight"
    TIMING = "timing"
    BASIS = "basis"
    NOT_LISTED = "not_listed"
    DRIFT = "drift"


BY_ITSELF = (Cause.IN_FLIGHT, Cause.TIMING)
"""Differences that go away by themselves."""

ACTIONS = {
    Cause.UNREADABLE: "put the row right in the list, and compare again",
    Cause.UNKNOWN_SKU: "publish the sku's catalog record, or the alias that this system uses for it",
    Cause.UNKNOWN_LOCATION: "add the location, or the alias that this system uses for it, to the rules file",
    Cause.BUNDLE: "take the bundle out of the list: stock is of its components, or of a sku of its own if pre-packed",
    Cause.INCOMPLETE: "count the place, and send the count: until then the engine shows 0",
    Cause.NOT_KEPT: "compare a newer list: what the position was at that time is no longer known",
    Cause.IN_FLIGHT: "nothing: compare again when it has arrived; if it stays, look for the event that is missing",
    Cause.TIMING: "no count: compare a later list, or say when this one was really taken (--as-of); if it stays, one "
    "of the two systems has not booked the movement",
    Cause.BASIS: "declare the basis that the numbers have, in this list and in the counts that the system sends",
    Cause.NOT_LISTED: "find out whether the system has none (then count) or leaves it out (then use --partial)",
    Cause.DRIFT: "count the place, and send the count: one of the two systems has lost a movement",
}


class Waiting(NamedTuple):
    """A parked event: its effect on `on_hand`, and the identifier that nobody knows."""

    quantity: int
    what: str
    identifier: str
    occurred_at: int


class Evidence(NamedTuple):
    """What the engine knows about a position with a difference, as of `at` (ms).

    `deltas`: the movements that are kept, by date. `waiting`: parked events of the place dated by then. `on_the_way`:
    units of each transfer that is under way to this place, `sent_off` to others; `expected`: of purchase orders and
    advices. `basis` is the declared one; `declared` the demand that was added for it, `hard` and `all` the open demand
    that can be mistaken, `unsellable` the units that a system may leave out.
    """

    difference: int
    at: int
    deltas: Sequence[Delta] = ()
    waiting: Sequence[Waiting] = ()
    on_the_way: Sequence[int] = ()
    sent_off: Sequence[int] = ()
    expected: Sequence[int] = ()
    basis: int = GROSS
    declared: int = 0
    hard: int = 0
    all: int = 0
    unsellable: int = 0
    anchor: Anchor | None = None


class Verdict(NamedTuple):
    """A class, and the sentence that supports it."""

    cause: Cause
    evidence: str


def judge(e: Evidence, window_ms: int, pattern: str | None) -> Verdict:
    """The class of a difference. `window_ms`: how far off the list's time may be. `pattern`: the basis that the list as
    a whole has the mark of (see `basis_of`), which is then believed before coincidences."""
    basis = dict(basis_marks(e))
    if pattern in basis:
        return Verdict(Cause.BASIS, f"{basis[pattern]}, as for most of the list")
    for told in (_in_flight(e), _timing(e, window_ms)):
        if told is not None:
            return told
    if basis:
        return Verdict(Cause.BASIS, next(iter(basis.values())))
    return Verdict(Cause.DRIFT, _drift(e, window_ms))


def basis_marks(e: Evidence) -> Iterator[tuple[str, str]]:
    """The bases of which the difference has the mark: (what the numbers would be, the sentence)."""
    soft = e.all - e.hard
    if e.basis == GROSS:
        marks = [
            ("NET", -e.hard, f"the number is lower by the hard demand that was open, {e.hard}: it looks NET"),
            (
                "NET of SOFT_AND_HARD",
                -e.all,
                f"the number is lower by all open demand, {e.all}: it looks NET of both",
            ),
        ]
    else:
        marks = [
            ("GROSS", e.declared, f"the number holds the open demand, {e.declared}: it looks GROSS"),
            ("NET of SOFT_AND_HARD", -soft, f"the number is lower by the soft demand too, {soft}"),
        ]
    marks.append(
        ("without unsellable units", -e.unsellable, f"the number leaves out {e.unsellable} unsellable units")
    )
    for name, mark, text in marks:
        if mark and mark == e.difference:
            yield name, text


def basis_of(evidence: Sequence[Evidence], demanded: int) -> str | None:
    """The basis that a list seems to have: most of the `demanded` positions with open demand bear its mark."""
    counts: dict[str, int] = {}
    for each in evidence:
        for name, _ in basis_marks(each):
            counts[name] = counts.get(name, 0) + 1
    name, most = max(counts.items(), key=lambda item: item[1], default=("", 0))
    return name if most >= _A_PATTERN and most >= _MOST_OF_IT * demanded else None


def _in_flight(e: Evidence) -> Verdict | None:
    late = sorted((d for d in e.deltas if d.occurred_at <= e.at < d.logged_at), key=lambda d: d.logged_at)
    run = _run([d.quantity for d in late], -e.difference)
    if run is not None:
        some = late[run]
        first, last = some[0], some[-1]
        return Verdict(
            Cause.IN_FLIGHT,
            f"{_movements(len(some))} of {-e.difference:+d} dated by then came to the engine afterwards "
            f"({time_of(first.occurred_at)}, arrived by {time_of(last.logged_at)})",
        )
    run = _run([each.quantity for each in e.waiting], e.difference)
    if run is not None:
        each = e.waiting[run][0]
        return Verdict(
            Cause.IN_FLIGHT,
            f"{_movements(len(e.waiting[run]))} of {e.difference:+d} wait in the engine for the {each.what} "
            f"{each.identifier!r}, which nobody has published",
        )
    if e.difference in e.on_the_way:
        return Verdict(
            Cause.IN_FLIGHT,
            f"a transfer of {e.difference} is under way to this place: the system has it in already",
        )
    if e.difference in e.sent_off and any(
        d.quantity == -e.difference and d.occurred_at <= e.at for d in e.deltas
    ):
        return Verdict(
            Cause.IN_FLIGHT,
            f"a transfer of {e.difference} has left this place: the system has it there still",
        )
    if e.difference in e.expected:
        return Verdict(
            Cause.IN_FLIGHT,
            f"a delivery of {e.difference} is expected: the system has received it, the engine has not",
        )
    return None


class _Nearby(NamedTuple):
    """What moved from the list's time up to an instant in the window: the engine's number there is `units` off."""

    units: int
    movements: int
    at: int
    word: str


def _nearby(e: Evidence, window_ms: int) -> Iterator[_Nearby]:
    after = [d for d in e.deltas if e.at < d.occurred_at <= e.at + window_ms]
    before = [d for d in reversed(e.deltas) if e.at - window_ms < d.occurred_at <= e.at]
    for sign, near in ((1, after), (-1, before)):
        total = 0
        for n, delta in enumerate(near):
            total += sign * delta.quantity
            # Of several movements of one instant all are in, or none.
            if n + 1 == len(near) or near[n + 1].occurred_at != delta.occurred_at:
                at = delta.occurred_at if sign > 0 else delta.occurred_at - 1
                yield _Nearby(total, n + 1, at, "later" if sign > 0 else "earlier")


def _timing(e: Evidence, window_ms: int) -> Verdict | None:
    for near in _nearby(e, window_ms):
        if near.units == e.difference:
            moved = near.units if near.word == "later" else -near.units
            what = f"{_movements(near.movements)} of {moved:+d} {near.word}"
            return Verdict(Cause.TIMING, f"the engine had this number at {time_of(near.at)}, {what}")
    return None


def _drift(e: Evidence, window_ms: int) -> str:
    counted = "the place was never counted"
    if e.anchor is not None:
        counted = f"last counted {e.anchor.quantity} at {time_of(e.anchor.counted_at)} by {e.anchor.source}"
    best = min(_nearby(e, window_ms), key=lambda near: abs(e.difference - near.units), default=None)
    if best is None or abs(e.difference - best.units) >= abs(e.difference):
        return f"nothing explains it; {counted}"
    return (
        f"{_movements(best.movements)} near the list's time would explain {best.units:+d} of it, nothing explains "
        f"{e.difference - best.units:+d}; {counted}"
    )


def _run(quantities: list[int], wanted: int) -> slice | None:
    """Events that follow one another and come to `wanted`."""
    n = len(quantities)
    if n > _RUNS:
        if sum(quantities) == wanted:
            return slice(0, n)
        return next((slice(i, i + 1) for i, each in enumerate(quantities) if each == wanted), None)
    for first in range(n):
        total = 0
        for last in range(first, n):
            total += quantities[last]
            if total == wanted:
                return slice(first, last + 1)
    return None


def _movements(n: int) -> str:
    return "one movement" if n == 1 else f"{n} movements"


def time_of(at: int) -> str:
    """An instant (ms) as people read it, to the second."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
