"""How a limit is declared: a list of buckets, all of which must admit a call. `limiter.py` keeps them."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """TOKEN: holds up to `capacity`, refilled evenly with `units` in `per_s`. FIXED: `units` in each window of `per_s`
    that begins at a multiple of it (UTC). SLIDING: `units` in any `per_s`. INTERVAL: at least `per_s` between
    calls."""

    TOKEN = "token"
    FIXED = "fixed"
    SLIDING = "sliding"
    INTERVAL = "interval"


class Weight(Enum):
    """What a call takes from a bucket: 1, one for each item, or the points that it was reckoned to cost."""

    CALL = "call"
    ITEMS = "items"
    POINTS = "points"


class Scope(Enum):
    """Whose bucket it is: one for all accounts of an application, for an account, or for each listing."""

    APPLICATION = "application"
    ACCOUNT = "account"
    LISTING = "listing"


@dataclass(frozen=True, slots=True)
class Bucket:
    """`name` is unique within a connector. `kept_for_zero`: so many units of a LISTING bucket are for writes of 0."""

    name: str
    kind: Kind
    units: float
    per_s: float
    capacity: float = 0.0
    weight: Weight = Weight.CALL
    scope: Scope = Scope.ACCOUNT
    kept_for_zero: float = 0.0

    def __post_init__(self) -> None:
        if self.units <= 0 or self.per_s <= 0:
            raise ValueError(f"bucket {self.name}: units and seconds must be above 0")
        if self.kind is Kind.TOKEN and self.capacity < 1:
            raise ValueError(f"bucket {self.name}: a token bucket needs a capacity of 1 or more")
