"""A circuit breaker for one (account, operation group), without a clock: when a channel that fails is left alone.

    breaker = Breaker(random.random)
    permit = breaker.permit(now)            # None: not now; ask again at `breaker.until`
    ...
    breaker.heard(permit, outcome(answer), now)

All times are seconds of one clock that the caller has.
"""

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from feeds.outcomes import Answer, Fate, Trouble

_SLICES = 10


class State(Enum):
    """CLOSED: calls pass. OPEN: none does. PROBING: a few do, to see whether the channel is well again."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class Outcome(Enum):
    """What a call says of the channel's health. UNHEARD: nothing (a limit, or it was never sent)."""

    WELL = "well"
    BROKEN = "broken"
    UNKNOWN = "unknown"
    UNHEARD = "unheard"


def outcome(answer: Answer) -> Outcome:
    """What a write's answer says of the channel: of throttling and identity nothing (that has a breaker of its
    own)."""
    if answer.trouble is Trouble.BROKEN:
        return Outcome.BROKEN
    if answer.trouble is not Trouble.NONE:
        return Outcome.UNHEARD
    unknown = bool(answer.items) and all(item.fate is Fate.UNKNOWN for item in answer.items)
    return Outcome.UNKNOWN if unknown else Outcome.WELL


class Permit(NamedTuple):
    """A call may go. `turn`: the state it was given in; what is heard of it later says nothing of a later state."""

    turn: int


class Said(NamedTuple):
    """For metrics: `failing` of `weight` outcomes of the window (share 0-1, sum of weights), how often it `opened`,
    how many calls it `refused`, and until when it is open (None: it is not)."""

    state: State
    failing: float
    weight: float
    opened: int
    refused: int
    until: float | None


class Breaker:
    """Opens when at least `share` of the outcomes of the last `window_s` failed, and they weigh `least` or more; an
    UNKNOWN counts as half an outcome, which failed. It is open for `pause_s`, doubled with each time up to
    `longest_pause_s` (less up to a quarter, by `random`, from 0 to 1); then `probes` calls may pass, and if all are
    well it closes. One that is not opens it again; of one that is not heard of in `probe_s` the same is believed."""

    def __init__(
        self,
        random: Callable[[], float],
        *,
        window_s: float = 60.0,
        share: float = 0.5,
        least: float = 10.0,
        pause_s: float = 5.0,
        longest_pause_s: float = 300.0,
        probes: int = 3,
        probe_s: float = 60.0,
    ) -> None:
        if not (0 < share <= 1 and min(window_s, least, pause_s, probe_s) > 0 and probes >= 1):
            raise ValueError("a breaker needs a share of 0-1, at least one probe, and all else above 0")
        self._random = random
        self._slice_s = window_s / _SLICES
        self._share, self._least = share, least
        self._pause_s, self._longest_pause_s = pause_s, max(pause_s, longest_pause_s)
        self._probes, self._probe_s = probes, probe_s
        self._slices: deque[list[float]] = deque()
        """Number of the slice, weight of its outcomes, weight of those that failed."""
        self.state = State.CLOSED
        self.until: float | None = None
        self._turn = self._opened = self._refused = self._in_a_row = 0
        self._closed_at = 0.0
        self._given = self._well = 0
        self._given_at = 0.0

    def permit(self, now: float) -> Permit | None:
        """Whether a call may go; each that may is told of by `heard`."""
        if self.state is State.OPEN and self.until is not None and now >= self.until:
            self._become(State.PROBING)
        if (
            self.state is State.PROBING
            and self._given >= self._probes
            and now >= self._given_at + self._probe_s
        ):
            self.trip(now)
        if self.state is State.OPEN or (self.state is State.PROBING and self._given >= self._probes):
            self._refused += 1
            return None
        self._given += 1
        self._given_at = now
        return Permit(self._turn)

    def heard(self, permit: Permit, outcome: Outcome, now: float) -> None:
        """What came of a call."""
        if permit.turn != self._turn:
            return
        if outcome is Outcome.UNHEARD:
            self._given -= 1
        elif self.state is State.CLOSED:
            self._count(outcome, now)
        elif outcome is not Outcome.WELL:
            self.trip(now)
        else:
            self._well += 1
            if self._well == self._probes:
                self._become(State.CLOSED)
                self._closed_at = now

    def trip(self, now: float) -> None:
        """Open it at once, whatever was heard."""
        long_well = self.state is State.CLOSED and now - self._closed_at > self._longest_pause_s
        self._in_a_row = 0 if long_well else self._in_a_row
        pause = min(self._longest_pause_s, self._pause_s * 2.0 ** min(self._in_a_row, 60))
        self._in_a_row += 1
        self._opened += 1
        self.until = now + pause * (1 - self._random() / 4)
        self._become(State.OPEN)

    def said(self, now: float) -> Said:
        """What it is now, for metrics."""
        weight, failing = self._sums(now)
        share = failing / weight if weight else 0.0
        return Said(self.state, share, weight, self._opened, self._refused, self.until)

    def _count(self, outcome: Outcome, now: float) -> None:
        number = now // self._slice_s
        if not self._slices or self._slices[-1][0] < number:
            self._slices.append([number, 0.0, 0.0])
        weight = 0.5 if outcome is Outcome.UNKNOWN else 1.0
        self._slices[-1][1] += weight
        self._slices[-1][2] += 0.0 if outcome is Outcome.WELL else weight
        total, failing = self._sums(now)
        if outcome is not Outcome.WELL and total >= self._least and failing >= self._share * total:
            self.trip(now)

    def _sums(self, now: float) -> tuple[float, float]:
        while self._slices and self._slices[0][0] <= now // self._slice_s - _SLICES:
            self._slices.popleft()
        return sum(each[1] for each in self._slices), sum(each[2] for each in self._slices)

    def _become(self, state: State) -> None:
        self.state = state
        self._turn += 1
        self._given = self._well = 0
        self._slices.clear()
        if state is not State.OPEN:
            self.until = None
