"""A slot: the one pending place of a listing (in a location of the marketplace), and all that is known of it.

However often a number moves before it is sent, there is one slot and one number in it. What buyers may see is a set:
what was last known to be applied, and every write since whose fate is open. The highest of these counts as live.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum


class Harm(IntEnum):
    """The class of a slot by the harm that it does if its number is late, the worst first: it is to fall to zero; it
    falls, and is scarce; it is back in stock; the rest."""

    ZERO = 0
    SCARCE = 1
    BACK = 2
    REST = 3


class Stage(Enum):
    """How far a write has got whose fate is open."""

    SENT = "sent"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Write:
    """One write on its way: `quantity` units, `buffer` fewer than were wanted. `number` grows with each write of the
    account: which is later. `changed_ms`: when the oldest change came that it carries. `intent`: of a bulk write."""

    number: int
    quantity: int
    version: int
    buffer: int
    at_ms: int
    changed_ms: int
    harm: Harm
    operation: str
    stage: Stage = Stage.SENT
    intent: str | None = None


@dataclass(slots=True)
class Fact:
    """A quantity (units) that reached a stage, with the version it was taken from, and when."""

    quantity: int
    version: int
    at_ms: int


@dataclass(slots=True)
class Slot:
    """`wanted` (units) by `version` of the view; `changed_ms`: when the oldest change came that no write has carried;
    0: none waits. `velocity` (units a second): how fast it has been selling of late, as of `falling_ms`.

    `believed`: the quantity of the newest write that was not refused: what the marketplace shows in the end, if all
    goes well. `newest`: the number of the newest write of all. `again`: it must be sent though it is `wanted` already:
    a late submission may have overwritten it, or something else has. `calling`: a single call has it; the next waits
    for its answer, so that they cannot overtake one another. `rejects`: in a row. `not_before_ms`: until then nothing
    is sent; `only_zero_ms`: until then only a 0 is, for which some of the listing's own limit is kept.
    """

    listing: str
    location: str | None
    sku: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    wanted: int = 0
    version: int = 0
    changed_ms: int = 0
    velocity: float = 0.0
    falling_ms: int = 0
    believed: int | None = None
    newest: int = 0
    sent: Fact | None = None
    accepted: Fact | None = None
    applied: Fact | None = None
    rejected: Fact | None = None
    reason: str | None = None
    rejects: int = 0
    buffer: int = 0
    again: bool = False
    calling: bool = False
    not_before_ms: int = 0
    only_zero_ms: int = 0
    looked_ms: int = 0
    writes: list[Write] = field(default_factory=list)
    queued: int = 0
    """The ticket of its place among the turns; 0: it has none."""
    placed: float = 0.0
    """The velocity by which it has that place."""

    @property
    def key(self) -> tuple[str, str | None]:
        return self.listing, self.location

    @property
    def highest(self) -> int | None:
        """The most units that buyers may see now; None where nothing was ever known."""
        most = None if self.applied is None else self.applied.quantity
        for write in self.writes:
            if most is None or write.quantity > most:
                most = write.quantity
        return most

    def rests_until(self, target: int) -> int:
        """When so many units may be sent (ms)."""
        return self.not_before_ms if target == 0 else max(self.not_before_ms, self.only_zero_ms)

    @property
    def stands_rejected(self) -> bool:
        """Whether it is the newest number that was rejected."""
        return self.rejected is not None and self.rejected.version == self.version

    @property
    def applied_ms(self) -> int:
        """When what it shows was first seen, or said."""
        return 0 if self.applied is None else self.applied.at_ms

    @property
    def accepted_ms(self) -> int:
        """When a number of it was last accepted."""
        return 0 if self.accepted is None else self.accepted.at_ms

    def drop(self, write: Write) -> None:
        """Its fate is known."""
        self.writes = [other for other in self.writes if other is not write]

    @property
    def last_write(self) -> Write | None:
        """The newest of those whose fate is open."""
        return max(self.writes, key=lambda write: write.number, default=None)

    @property
    def submitted(self) -> bool:
        """Whether a write of it is in a submission which has not closed."""
        return any(write.intent is not None for write in self.writes)

    def settle_before(self, number: int) -> None:
        """What was sent before that write cannot show any more, but for open submissions, which overtake others and
        are overtaken."""
        self.writes = [write for write in self.writes if write.number > number or write.intent is not None]
