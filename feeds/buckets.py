"""How a limit is declared: a list of buckets, all of which must admit a call. `limiter.py` keeps them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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


DELAY_S = 0.1
"""By so much, in real time, calls may be held up that are sent evenly."""
_LONG_S = 3_600.0

Groups = Mapping[str, Sequence[Bucket]]
"""All buckets of a connector: what each group of calls must pass."""


def guarded(groups: Groups, delay_s: float) -> Groups:
    """The same limits for calls that may be held up for so long on their way. Those sent evenly may then arrive
    together, and whose window it is depends on the marketplace's clock: so a token bucket keeps back what comes in
    that time (half of its capacity at most), windows are longer by it, and a fixed one shorter than an hour is one
    that may begin at any time."""
    return {group: [_guarded(bucket, delay_s) for bucket in buckets] for group, buckets in groups.items()}


def _guarded(bucket: Bucket, delay_s: float) -> Bucket:
    if bucket.kind is Kind.TOKEN:
        comes = math.ceil(bucket.units / bucket.per_s * delay_s)
        return replace(bucket, capacity=max(1.0, bucket.capacity / 2, bucket.capacity - comes))
    if bucket.kind is Kind.FIXED:
        if bucket.per_s >= _LONG_S:
            return bucket
        bucket = replace(bucket, kind=Kind.SLIDING)
    return replace(bucket, per_s=bucket.per_s + delay_s)
