"""What can come of a write, of each item and of the call as a whole: the words every connector answers with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from feeds.exchange import Observed


class Fate(Enum):
    """What became of one item.

    APPLIED: buyers see it. ACCEPTED: it was taken and will be applied, or a report will say. REJECTED: it will not be,
    however often it is sent; a person must look. LATER: not now, for a reason of the marketplace's own; send again
    after a while. STALE: somebody else has changed the listing meanwhile. UNKNOWN: nobody can say whether it was
    taken. RETURNED: it certainly was not, and nothing is wrong with it; send again at once, when the limits let it.
    """

    APPLIED = "applied"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    LATER = "later"
    STALE = "stale"
    UNKNOWN = "unknown"
    RETURNED = "returned"


class Trouble(Enum):
    """What was wrong with a call as a whole. NONE: nothing. THROTTLED: a limit, which no breaker counts. EXHAUSTED: a
    quota until `again_s`. BROKEN: transport, 5xx, a feed that failed; the breaker counts it. AUTH: who we are was not
    believed, after the token was fetched anew. REFUSED: a call of several items was refused as such, so that one of
    them is to blame and nobody says which; nothing was taken."""

    NONE = "none"
    THROTTLED = "throttled"
    EXHAUSTED = "exhausted"
    BROKEN = "broken"
    AUTH = "auth"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """`reason`: in the marketplace's words. `after_s`: of LATER; `but_zero`: a write of 0 need not wait so long.
    `shown`: what the marketplace said it shows (units)."""

    fate: Fate
    reason: str | None = None
    after_s: float | None = None
    shown: int | None = None
    but_zero: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a write. `items`: one of each item of the batch, in its order. `submission`: the marketplace's id
    of a bulk submission whose outcome is still to come; its items are ACCEPTED. `again_s`: when to call again, of a
    call that was throttled, found the quota exhausted or the marketplace in trouble, where that was said."""

    items: Sequence[ItemOutcome]
    trouble: Trouble = Trouble.NONE
    reason: str | None = None
    again_s: float | None = None
    submission: str | None = None
    observed: Sequence[Observed] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How a submission stands. `answer` None: it is still open; ask again after `again_s` at the earliest. `trouble`,
    `reason`: why it could not be asked."""

    answer: Answer | None = None
    again_s: float | None = None
    observed: Sequence[Observed] = ()
    trouble: Trouble = Trouble.NONE
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What a marketplace showed when it was read: units by (listing, location); a listing that it does not know is
    left out."""

    units: dict[tuple[str, str | None], int] = field(default_factory=dict)
    trouble: Trouble = Trouble.NONE
    reason: str | None = None
    again_s: float | None = None
    observed: Sequence[Observed] = ()


class Setback(Exception):
    """A request that led nowhere, and why. `fate`: of what it carried; REJECTED: the request itself was refused; LATER:
    it is not now, but perhaps after `again_s`.

    `find` and `authorise` have no word for it and end with it: the question is open, and is asked again.
    """

    def __init__(self, fate: Fate, trouble: Trouble, reason: str, again_s: float | None = None) -> None:
        super().__init__(reason)
        self.fate, self.trouble, self.reason, self.again_s = fate, trouble, reason, again_s


def whole(many: int, fate: Fate, reason: str | None = None) -> list[ItemOutcome]:
    """The same outcome for every item of a batch."""
    return [ItemOutcome(fate, reason)] * many
