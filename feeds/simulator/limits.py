"""How a marketplace counts calls: plans, and the buckets that enforce them on its own clock.

Everything is in whole numbers, so that no plan admits a unit more than it says. A token bucket holds
`units x milliseconds of its period`: each millisecond adds `units`, one unit costs the whole period.
"""

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from enum import Enum

from pydantic import ConfigDict


class Kind(Enum):
    """TOKEN: up to `capacity` at once, refilled evenly. FIXED: `units` in each period that begins at a multiple of it.
    SLIDING: `units` in any period. INTERVAL: one call a period."""

    TOKEN = "token"
    FIXED = "fixed"
    SLIDING = "sliding"
    INTERVAL = "interval"


class Weight(Enum):
    """What a call takes: one, one for each item, or the points it costs."""

    CALL = "call"
    ITEMS = "items"
    POINTS = "points"


class Scope(Enum):
    """Who has a bucket of his own: the whole application, each account, each listing of an account."""

    APPLICATION = "application"
    ACCOUNT = "account"
    LISTING = "listing"


@dataclass(frozen=True)
class Plan:
    """One bucket as it is declared. `blocks`: once it has refused a call it refuses all until its period ends.
    `begins_s`: of a FIXED one, its periods begin so long after a multiple (a day that begins at noon)."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    kind: Kind
    units: int
    per_s: float
    capacity: int = 0
    weight: Weight = Weight.CALL
    scope: Scope = Scope.ACCOUNT
    blocks: bool = False
    begins_s: float = 0.0

    def __post_init__(self) -> None:
        if self.units < 1 or self.per_ms < 1:
            raise ValueError(f"plan {self.name}: write units of 1 or more and a period of 0.001 s or more")
        if self.kind is Kind.TOKEN and self.capacity < 1:
            raise ValueError(f"plan {self.name}: write a capacity of 1 or more for a token bucket")

    @property
    def per_ms(self) -> int:
        """The period in milliseconds."""
        return round(self.per_s * 1000)


NEVER = 10**15
"""A wait that does not end (ms): the call is larger than the bucket."""


class Bucket(ABC):
    """What is left of one plan for one of those that have it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @abstractmethod
    def wait_ms(self, units: int, now_ms: int) -> int:
        """How long until so many units are admitted; 0: now."""

    @abstractmethod
    def take(self, units: int, now_ms: int) -> None:
        """Take what was admitted."""

    @abstractmethod
    def left(self, now_ms: int) -> int:
        """Whole units that a call may take now."""

    def refuse(self, now_ms: int) -> None:
        """A call was refused because of this bucket."""
        return None

    def give_back(self, units: int, now_ms: int) -> None:
        """A call cost less than was taken."""
        raise NotImplementedError(f"plan {self.plan.name}: only a token bucket takes anything back")

    def change(self, plan: Plan, now_ms: int) -> None:
        """Another plan of the same kind holds from now on."""
        self.plan = plan


class TokenBucket(Bucket):
    """Full at the beginning."""

    def __init__(self, plan: Plan, now_ms: int) -> None:
        super().__init__(plan)
        self._level = plan.capacity * plan.per_ms
        self._at = now_ms

    def _fill(self, now_ms: int) -> int:
        plan = self.plan
        self._level = min(plan.capacity * plan.per_ms, self._level + (now_ms - self._at) * plan.units)
        self._at = now_ms
        return self._level

    def wait_ms(self, units: int, now_ms: int) -> int:
        missing = units * self.plan.per_ms - self._fill(now_ms)
        if missing <= 0:
            return 0
        return NEVER if units > self.plan.capacity else -(-missing // self.plan.units)

    def take(self, units: int, now_ms: int) -> None:
        self._fill(now_ms)
        self._level -= units * self.plan.per_ms

    def give_back(self, units: int, now_ms: int) -> None:
        self._level += units * self.plan.per_ms
        self._fill(now_ms)

    def left(self, now_ms: int) -> int:
        return self._fill(now_ms) // self.plan.per_ms

    def change(self, plan: Plan, now_ms: int) -> None:
        level = (
            self._fill(now_ms) * plan.per_ms // self.plan.per_ms
        )  # rounded down: never more than there was
        self.plan = plan
        self._level = min(level, plan.capacity * plan.per_ms)


class FixedBucket(Bucket):
    """Empties its count at each multiple of the period (UTC), or so long after it as the plan says."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._window = -1
        self._used = 0
        self._blocked = False

    def _since(self, now_ms: int) -> int:
        return now_ms - round(self.plan.begins_s * 1000)

    def _turn(self, now_ms: int) -> None:
        window = self._since(now_ms) // self.plan.per_ms
        if window != self._window:
            self._window, self._used, self._blocked = window, 0, False

    def wait_ms(self, units: int, now_ms: int) -> int:
        self._turn(now_ms)
        if units > self.plan.units:
            return NEVER
        if not self._blocked and self._used + units <= self.plan.units:
            return 0
        return (self._window + 1) * self.plan.per_ms - self._since(now_ms)

    def take(self, units: int, now_ms: int) -> None:
        self._turn(now_ms)
        self._used += units

    def left(self, now_ms: int) -> int:
        self._turn(now_ms)
        return 0 if self._blocked else max(0, self.plan.units - self._used)

    def refuse(self, now_ms: int) -> None:
        self._blocked = self._blocked or self.plan.blocks

    def change(self, plan: Plan, now_ms: int) -> None:
        used = self._used if self._since(now_ms) // self.plan.per_ms == self._window else 0
        self.plan = plan
        self._window, self._used = self._since(now_ms) // plan.per_ms, used


class SlidingBucket(Bucket):
    """Remembers what each call of the last period took."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._taken: deque[tuple[int, int]] = deque()
        self._used = 0

    def _forget(self, now_ms: int) -> None:
        while self._taken and self._taken[0][0] + self.plan.per_ms <= now_ms:
            self._used -= self._taken.popleft()[1]

    def wait_ms(self, units: int, now_ms: int) -> int:
        self._forget(now_ms)
        if units > self.plan.units:
            return NEVER
        over = self._used + units - self.plan.units
        for at, each in self._taken:
            if over <= 0:
                break
            over -= each
            if over <= 0:
                return at + self.plan.per_ms - now_ms
        return 0

    def take(self, units: int, now_ms: int) -> None:
        self._taken.append((now_ms, units))
        self._used += units

    def left(self, now_ms: int) -> int:
        self._forget(now_ms)
        return max(0, self.plan.units - self._used)


class IntervalBucket(Bucket):
    """One call, then none for a period."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._last: int | None = None

    def wait_ms(self, units: int, now_ms: int) -> int:
        return 0 if self._last is None else max(0, self._last + self.plan.per_ms - now_ms)

    def take(self, units: int, now_ms: int) -> None:
        self._last = now_ms

    def left(self, now_ms: int) -> int:
        return 0 if self.wait_ms(1, now_ms) else 1


def bucket(plan: Plan, now_ms: int) -> Bucket:
    """An unused bucket of a plan."""
    match plan.kind:
        case Kind.TOKEN:
            return TokenBucket(plan, now_ms)
        case Kind.FIXED:
            return FixedBucket(plan)
        case Kind.SLIDING:
            return SlidingBucket(plan)
        case Kind.INTERVAL:
            return IntervalBucket(plan)
