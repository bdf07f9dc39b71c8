"""What W1 means, as both Python peers compute it: positions, lines, and the numbers of the channels."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from loadtest.peers.events import Event

_COUNT_HORIZON_MS = 2 * 3_600_000
_FEW = 64
_SIGN = {"RECEIPT": 1, "RETURN": 1, "TRANSFER_IN": 1, "ADJUST": 1, "SHIP": -1, "TRANSFER_OUT": -1}
_ENDED = ("CANCEL", "RELEASE")

_SAFETY_STOCK = 2
_FIRST_STORE, _LAST = 5, 99
_BUFFER, _CAP, _THRESHOLD = 1, 100, 2

CountKey = tuple[int, int, str]
Line = tuple[int, int]
"""Version and quantity of the greatest version of a reservation's line."""


@dataclass(slots=True)
class Position:
    """A sku at a location. `base`: units of the greatest count and of movements that no count reaches any more;
    `movements`: (time, units) of the later ones."""

    count: CountKey | None = None
    base: int = 0
    demand: int = 0
    movements: list[tuple[int, int]] = field(default_factory=list)

    def move(self, event: Event) -> None:
        """Fold a StockMovement."""
        at = event["occurred_at"]
        if self.count is not None and at <= self.count[0]:
            return
        movements = self.movements
        movements.append((at, _SIGN.get(event["movement"], 0) * event["quantity"]))
        oldest = at - _COUNT_HORIZON_MS
        if len(movements) > _FEW and movements[0][0] < oldest:
            self.base += sum(units for time, units in movements if time < oldest)
            self.movements = [moved for moved in movements if moved[0] >= oldest]

    def take_count(self, event: Event) -> None:
        """Fold a StockCount: the greatest one stands."""
        key = (event["counted_at"], event["count_sequence"], event["event_id"])
        if self.count is None or key > self.count:
            self.count = key
            self.base = event["quantity"]
            self.movements = [moved for moved in self.movements if moved[0] > key[0]]

    def reserve(self, event: Event, known: Line | None) -> Line | None:
        """Fold a Reservation, given what is known of its line; returns what is known now, None if that is the same."""
        if known is not None and event["version"] <= known[0]:
            return None
        quantity = 0 if event["action"] in _ENDED else event["quantity"]
        self.demand += quantity - (known[1] if known is not None else 0)
        return event["version"], quantity

    @property
    def net(self) -> int:
        """What can be promised: a negative on-hand supplies nothing."""
        return max(0, self.base + sum(units for _, units in self.movements)) - self.demand


def line_name(event: Event) -> str:
    """The name of the line that a Reservation is about."""
    return f"{event['reservation_id']}|{event['line']}"


def numbers(nets: Mapping[str, int]) -> tuple[int, int, int]:
    """`web`, `amazon` and `pickup` of a sku, given the net of each of its locations."""
    by_number = [(int(location[1:]), net) for location, net in nets.items()]
    amazon = min(max(_pool(by_number, 0, _FIRST_STORE - 1) - _BUFFER, 0), _CAP)
    return (
        _pool(by_number, 0, _LAST),
        0 if amazon <= _THRESHOLD else amazon,
        _pool(by_number, _FIRST_STORE, _LAST),
    )


def _pool(nets: list[tuple[int, int]], first: int, last: int) -> int:
    pool = 0
    for location, net in nets:
        if first <= location <= last:
            supply = max(net, 0)
            pool += supply - max(-net, 0) - min(supply, _SAFETY_STOCK)
    return max(0, pool)
