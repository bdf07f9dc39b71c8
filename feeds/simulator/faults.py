"""What can go wrong at a marketplace: a menu, each switched on for a span with a probability."""

from collections import Counter
from dataclasses import dataclass
from random import Random

MENU = {
    "throttle_below_plan": "only `share` of every plan is in force; without a share, calls are refused at random",
    "http_500": "500 instead of the answer, without effect",
    "http_503": "503 instead of the answer, without effect",
    "drop_before_apply": "the connection breaks, and nothing happened",
    "drop_after_apply": "the connection breaks after `ms`, and the call has had its effect",
    "lost_ack": "the same, of calls that hand in a bulk submission only: its id is lost",
    "slow": "the answer takes `ms` longer",
    "partial_items": "`share` of the items of a call or feed fail, for a passing reason where the channel has such",
    "invalid_items": "an item is refused for good, although nothing is wrong with it",
    "accepted_never_applied": "a write is accepted and then forgotten",
    "out_of_order_apply": "an accepted write may be applied before an earlier one",
    "slow_feed": "processing takes `factor` times as long",
    "endless_feed": "a feed is never done; those behind it go on",
    "feed_fatal_partial": "a feed ends as failed, with `share` of its items applied where the channel does so",
    "oauth_expired": "the token of the call has expired",
    "header_missing": "answers carry no header about limits",
    "header_lying": "headers about limits say ten times as long",
    "header_date": "Retry-After as an HTTP date",
    "header_spelling": "the other spelling of a header about limits",
    "duplicate_orders": "an order is told twice",
    "outage": "nobody answers; with `status`, everything is answered so",
}
"""Every fault, and what it does."""


@dataclass(frozen=True)
class Fault:
    """`probability` of each call, item or feed that it concerns; from `from_ms` until before `until_ms` (None: until it
    is switched off). `operations`: of these only; none: of all."""

    name: str
    probability: float = 1.0
    from_ms: int = 0
    until_ms: int | None = None
    operations: tuple[str, ...] = ()
    share: float | None = None
    factor: float = 10.0
    ms: int = 0
    status: int | None = None

    def __post_init__(self) -> None:
        if self.name not in MENU:
            raise ValueError(f"no fault {self.name!r}; there are {', '.join(MENU)}")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"fault {self.name}: a probability of {self.probability}; write 0 to 1")
        if self.share is not None and not 0 <= self.share <= 1:
            raise ValueError(f"fault {self.name}: a share of {self.share}; write 0 to 1")
        if self.name == "throttle_below_plan" and self.share == 0:
            raise ValueError("fault throttle_below_plan: a share of 0 is an outage; write more than 0")


class Faults:
    """Those switched on; of each name the last. `struck` counts."""

    def __init__(self, seed: str) -> None:
        self.struck: Counter[str] = Counter()
        self._seed = seed
        self._on: dict[str, Fault] = {}
        self._randoms: dict[str, Random] = {}

    def switch_on(self, fault: Fault) -> None:
        """Replace what was on under this name."""
        self._on[fault.name] = fault

    def switch_off(self, name: str) -> None:
        """Nothing where it is off already."""
        if name not in MENU:
            raise ValueError(f"no fault {name!r}; there are {', '.join(MENU)}")
        self._on.pop(name, None)

    def on(self) -> list[Fault]:
        """All that are switched on, also those whose span has not begun or has ended."""
        return list(self._on.values())

    def active(self, name: str, now_ms: int) -> Fault | None:
        """A fault within its span, without drawing."""
        fault = self._on.get(name)
        if fault is None or now_ms < fault.from_ms:
            return None
        return None if fault.until_ms is not None and now_ms >= fault.until_ms else fault

    def ended(self, name: str, now_ms: int) -> int | None:
        """When the span of a fault ended; None: it is not on, or has not ended."""
        fault = self._on.get(name)
        if fault is None or fault.until_ms is None or now_ms < fault.until_ms:
            return None
        return fault.until_ms

    def strikes(self, name: str, now_ms: int, operation: str | None = None) -> Fault | None:
        """Draw: the fault where it strikes this time."""
        if not self._on or (fault := self.active(name, now_ms)) is None:
            return None
        if fault.operations and operation is not None and operation not in fault.operations:
            return None
        if fault.probability < 1 and self.random(name).random() >= fault.probability:
            return None
        self.struck[name] += 1
        return fault

    def random(self, name: str) -> Random:
        """The draws of one fault: its own, so that switching another changes nothing of it."""
        if name not in self._randoms:
            self._randoms[name] = Random(f"{self._seed} {name}")
        return self._randoms[name]
