"""The distinct facts of a sku. They are only ever added to: their order leaves no trace.

Additive facts (movements, corrections, POS lines, releases) are told apart by their id. Counts and lines of
reservations are idempotent by comparison.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

ON_HAND, DAMAGED, QUALITY_CONTROL, BLOCKED = range(4)
COUNTERS = {"ON_HAND": ON_HAND, "DAMAGED": DAMAGED, "QUALITY_CONTROL": QUALITY_CONTROL, "BLOCKED": BLOCKED}

FactId = tuple[str, str, str | None]
"""source, event_id, and the line of a POS transaction."""

LineId = tuple[str, str]
"""reservation_id and line; the sku is the one whose facts these are."""

Told = Literal["new", "duplicate", "conflict"]


class Change(NamedTuple):
    """What a movement adds to each counter, units."""

    on_hand: int
    damaged: int
    quality_control: int
    blocked: int


class Additive(NamedTuple):
    """A fact that adds: to the counters of a position, to what a reservation line has used up, or to both.

    `location` and `change` are None for a release: no stock moves. `line` is None where none is named.
    """

    occurred_at: int
    location: str | None
    change: Change | None
    line: LineId | None
    consumed: int
    released: int


class CountKey(NamedTuple):
    """Of two counts of a counter the greater one holds."""

    counted_at: int
    count_sequence: int
    source: str
    event_id: str


class Count(NamedTuple):
    """What a count says: `number` units, as its source sent it.

    `net_of` tells which open demand, as of `demand_as_of` (ms), the number has already subtracted: None is
    none (GROSS). `withheld` is what else it leaves out (AVAILABLE).
    """

    number: int
    demand_as_of: int
    net_of: str | None = None
    withheld: int = 0


class Version(NamedTuple):
    """A whole reservation line as one event has it.

    The greatest holds: by version, and between equal versions by the three fields that follow.
    """

    version: int
    occurred_at: int
    recorded_at: int
    content: bytes
    action: str
    channel: str
    location: str | None
    quantity: int
    commitment: str
    expires_at: int | None


@dataclass(slots=True)
class PositionFacts:
    """What is known of one (sku, location)."""

    movements: list[Additive] = field(default_factory=list)
    counts: dict[int, dict[CountKey, Count]] = field(default_factory=dict)
    """Per counter."""


NOTHING = PositionFacts()


@dataclass(slots=True)
class LineFacts:
    """What is known of one reservation line."""

    versions: list[Version] = field(default_factory=list)
    """Everything ever said of the line, contradictions included."""
    consumption: list[Additive] = field(default_factory=list)

    def last(self) -> Version | None:
        """The version that holds; None where only consumption is known."""
        return max(self.versions, default=None)

    def consumed(self) -> int:
        """Units shipped or sold, less what was given back. Given back without being consumed counts 0."""
        return max(0, sum(fact.consumed for fact in self.consumption))

    def released(self) -> int:
        return sum(fact.released for fact in self.consumption)


@dataclass(slots=True)
class SkuFacts:
    """What is known of one sku. `revision` grows with every new fact."""

    revision: int = 0
    additive: dict[FactId, Additive] = field(default_factory=dict)
    positions: defaultdict[str, PositionFacts] = field(default_factory=lambda: defaultdict(PositionFacts))
    lines: defaultdict[LineId, LineFacts] = field(default_factory=lambda: defaultdict(LineFacts))

    def add(self, fact_id: FactId, fact: Additive) -> Told:
        """Of two facts with one id the first in the log stays.

        Two payloads are the same if they do the same: a till that sends again in a new envelope does not
        contradict itself.
        """
        known = self.additive.setdefault(fact_id, fact)
        if known is not fact:
            return "duplicate" if known == fact else "conflict"
        self.revision += 1
        if fact.location is not None:
            self.positions[fact.location].movements.append(fact)
        if fact.line is not None:
            self.lines[fact.line].consumption.append(fact)
        return "new"

    def count(self, location: str, counter: int, key: CountKey, count: Count) -> Told:
        counts = self.positions[location].counts.setdefault(counter, {})
        if key in counts:
            return "duplicate" if counts[key] == count else "conflict"
        self.revision += 1
        counts[key] = count
        return "new"

    def position(self, location: str) -> PositionFacts:
        """To be read only: nothing is remembered of having asked."""
        return self.positions.get(location, NOTHING)

    def version(self, line_id: LineId, version: Version) -> Told:
        versions = self.lines[line_id].versions
        if version in versions:
            return "duplicate"
        contradicts = any(
            other.version == version.version and other.content != version.content for other in versions
        )
        self.revision += 1
        versions.append(version)
        return "conflict" if contradicts else "new"
