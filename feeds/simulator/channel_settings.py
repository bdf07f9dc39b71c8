"""What every marketplace has to be told."""

from dataclasses import dataclass, field

from pydantic import ConfigDict

from feeds.simulator.buyers import BuyerSettings
from feeds.simulator.feeds_queue import FeedSettings
from feeds.simulator.limits import Kind, Plan, Scope
from feeds.simulator.spread import Spread


def token(name: str, units: int, per_s: float, capacity: int, scope: Scope = Scope.ACCOUNT) -> list[Plan]:
    """One token bucket: `units` in `per_s`, up to `capacity` at once."""
    return [Plan(name, Kind.TOKEN, units, per_s, capacity, scope=scope)]


@dataclass(frozen=True)
class AccountSettings:
    """A seller. Secrets that are not given are derived from the account's name: `client-NAME`, `secret-NAME`,
    `refresh-NAME`, `access-NAME` (the last for channels whose token never expires). `merchant`: whose listings and
    quota these are, where several accounts share them; not given: the account's own name."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    client_id: str | None = None
    client_secret: str | None = None
    refresh_token: str | None = None
    access_token: str | None = None
    merchant: str | None = None


@dataclass(frozen=True)
class ChannelSettings:
    """What every marketplace has. `answer`: how long an answer takes. `apply`: from accepting a single write until
    buyers see it. `plans`: groups of limits. `base_url`: where it is reached, for answers that name a whole URL."""

    accounts: dict[str, AccountSettings] = field(default_factory=dict)
    answer: Spread = field(default=Spread(80, 300, 5_000))  # assumed
    apply: Spread = field(default=Spread())
    plans: dict[str, list[Plan]] = field(default_factory=dict)
    token_life_s: int = 3_600
    feed: FeedSettings = field(default=FeedSettings())
    buyers: BuyerSettings = field(default=BuyerSettings())
    base_url: str = ""
    cancelled_most: float | None = None
    """The share of orders a seller may cancel; None: the channel names none."""
    cancelled_window_s: int = 30 * 86_400
