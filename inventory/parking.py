"""Messages whose identifier nobody knows yet: kept until it appears, or until the horizon is over."""

from collections.abc import Iterator
from dataclasses import dataclass

from inventory.batch import DeadLetter, Message
from inventory.reasons import UNKNOWN


@dataclass(frozen=True, slots=True)
class Parked:
    """`what` ("sku", "location" or "channel") `identifier` is missing; parked since `since` (log clock, ms)."""

    what: str
    identifier: str
    since: int
    line: str | None
    message: Message


class Parking:
    """The parked messages of a lane, in order of arrival. `bound`: how many; `horizon`: ms of the log clock."""

    def __init__(self, bound: int, horizon: int) -> None:
        self._bound = bound
        self._horizon = horizon
        self._parked: dict[int, Parked] = {}
        self._waiting: dict[tuple[str, str], list[int]] = {}
        self._next = 0
        self._changed: set[int] = set()

    def __len__(self) -> int:
        return len(self._parked)

    def put(self, parked: Parked) -> DeadLetter | None:
        """Keep a message; beyond the bound it is a dead letter instead."""
        if len(self._parked) >= self._bound:
            return _dead(parked, f"{self._bound} messages are parked already")
        self.restore(self._next, parked)
        self._changed.add(self._next - 1)
        return None

    def release(self, what: str, identifier: str) -> list[Message]:
        """Take out what waits for an identifier that has appeared."""
        tickets = self._waiting.pop((what, identifier), [])
        return [self._take(ticket).message for ticket in tickets if ticket in self._parked]

    def expire(self, log_clock: int) -> list[DeadLetter]:
        """Take out what has waited longer than the horizon."""
        dead = []
        while self._parked:
            ticket = next(iter(self._parked))
            parked = self._parked[ticket]
            if log_clock - parked.since <= self._horizon:
                break
            self._take(ticket)
            dead.append(_dead(parked, f"nobody named it within {self._horizon} ms"))
        if not self._parked:
            self._waiting.clear()
        return dead

    def _take(self, ticket: int) -> Parked:
        self._changed.add(ticket)
        return self._parked.pop(ticket)

    def restore(self, ticket: int, parked: Parked) -> None:
        """Put a message back under its ticket, after a restart."""
        self._parked[ticket] = parked
        self._waiting.setdefault((parked.what, parked.identifier), []).append(ticket)
        self._next = max(self._next, ticket + 1)

    def changes(self) -> Iterator[tuple[int, Parked | None]]:
        """Tickets put in or taken out since the last call, and what they hold now."""
        for ticket in sorted(self._changed):
            yield ticket, self._parked.get(ticket)
        self._changed.clear()

    def get(self, ticket: int) -> Parked | None:
        """What a ticket holds; None if it was taken out."""
        return self._parked.get(ticket)

    def all(self) -> Iterator[tuple[int, Parked]]:
        """Everything parked."""
        yield from self._parked.items()


def _dead(parked: Parked, why: str) -> DeadLetter:
    reason = (
        f"{parked.what} {parked.identifier!r} is unknown: {why}; publish its master record, then replay this"
    )
    return DeadLetter(UNKNOWN[parked.what], reason, parked.message, parked.line)
