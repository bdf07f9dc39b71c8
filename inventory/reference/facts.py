"""The distinct facts of a sku. They are only ever added to: their order leaves no trace.

Additive facts (movements, corrections, POS lines, releases) are told apart by their id. Counts and lines of
reservations are idempotent by comparison.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar

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


class Sale(NamedTuple):
    """Units that a channel sold without a reservation."""

    channel: str
    units: int


class Transit(NamedTuple):
    """Units of an expected line that were sent, or that arrived."""

    reference: str
    sent: int
    received: int


class Additive(NamedTuple):
    """A fact that adds: to the counters of a position, to what a reservation line has used up, or to both.

    `location` and `change` are None for a release: no stock moves. `line` is None where none is named. `sale`
    is what counts against the ring-fence of a channel, `transit` what it does to an expected line.
    """

    occurred_at: int
    location: str | None
    change: Change | None
    line: LineId | None
    consumed: int
    released: int
    sale: Sale | None = None
    transit: Transit | None = None


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

    The greatest holds: by version, and between equal versions by the three fields that follow. Of a checked
    one `granted` is what was decided, and `grace` (ms) how long after its end it is still open. `bundle`: what the
    units are to be a part of.
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
    granted: int | None = None
    grace: int = 0
    needed_at: int | None = None
    bundle: str | None = None


class Promise(NamedTuple):
    """A whole line of expected supply as one event has it. The greatest holds, as of reservation lines."""

    version: int
    occurred_at: int
    recorded_at: int
    content: bytes
    kind: str
    location: str
    quantity: int
    expected_at: int
    status: str


Versioned = TypeVar("Versioned", Version, Promise)


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

    def first_placed(self) -> int | None:
        """The least time of a version (ms); None where only consumption is known."""
        return min((version.occurred_at for version in self.versions), default=None)

    def is_checked(self) -> bool:
        """Was all that holds decided? One version told as a fact makes the line a fact, for good."""
        return all(version.granted is not None for version in self.versions)

    def ordered(self) -> int:
        """Units that the line is of, used up or not: of a checked one not more than was granted."""
        last = self.last()
        if last is None or last.action == "CANCEL":
            return 0
        granted = last.granted if self.is_checked() else None
        return last.quantity if granted is None else min(last.quantity, granted)

    def consumed(self) -> int:
        """Units shipped or sold, less what was given back. Given back without being consumed counts 0."""
        return max(0, sum(fact.consumed for fact in self.consumption))

    def released(self) -> int:
        return sum(fact.released for fact in self.consumption)


@dataclass(slots=True)
class SupplyFacts:
    """What is known of one line of expected supply."""

    promises: list[Promise] = field(default_factory=list)
    transits: list[Additive] = field(default_factory=list)

    def last(self) -> Promise | None:
        """The promise that holds; None where only movements are known."""
        return max(self.promises, default=None)


@dataclass(slots=True)
class SkuFacts:
    """What is known of one sku. `revision` grows with every new fact.

    `completions` asks for the counts of 0, by location, that whole batches mean for it. `refused`: where a count was
    not believed since what was dated later may be missing.
    """

    completions: Callable[[], Mapping[str, Mapping[CountKey, Count]]] = dict
    revision: int = 0
    additive: dict[FactId, Additive] = field(default_factory=dict)
    positions: defaultdict[str, PositionFacts] = field(default_factory=lambda: defaultdict(PositionFacts))
    lines: defaultdict[LineId, LineFacts] = field(default_factory=lambda: defaultdict(LineFacts))
    supply: defaultdict[str, SupplyFacts] = field(default_factory=lambda: defaultdict(SupplyFacts))
    """By reference."""
    refused: set[str] = field(default_factory=set)

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
        if fact.transit is not None:
            self.supply[fact.transit.reference].transits.append(fact)
        return "new"

    def count(self, location: str, counter: int, key: CountKey, count: Count) -> Told:
        counts = self.positions[location].counts.setdefault(counter, {})
        if key in counts:
            return "duplicate" if counts[key] == count else "conflict"
        self.revision += 1
        counts[key] = count
        return "new"

    def refuse(self, location: str) -> None:
        self.revision += 1
        self.refused.add(location)

    def counts(self, location: str, counter: int) -> dict[CountKey, Count]:
        """All counts of a counter, those that completed batches are of everything they do not list included."""
        counts = dict(self.position(location).counts.get(counter, {}))
        if counter == ON_HAND:
            counts |= self.completions().get(location, {})
        return counts

    def position(self, location: str) -> PositionFacts:
        """To be read only: nothing is remembered of having asked."""
        return self.positions.get(location, NOTHING)

    def version(self, line_id: LineId, version: Version) -> Told:
        return self._keep(self.lines[line_id].versions, version)

    def promise(self, reference: str, promise: Promise) -> Told:
        return self._keep(self.supply[reference].promises, promise)

    def _keep(self, versions: list[Versioned], version: Versioned) -> Told:
        if version in versions:
            return "duplicate"
        contradicts = any(
            other.version == version.version and other.content != version.content for other in versions
        )
        self.revision += 1
        versions.append(version)
        return "conflict" if contradicts else "new"
