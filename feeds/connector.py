"""What a marketplace is to the publisher. A connector renders requests and reads replies; it holds no state of writes,
does no I/O, and knows neither slots nor Kafka. docs/connectors.md tells how to write one.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from feeds.buckets import Bucket
from feeds.exchange import Conversation
from feeds.outcomes import Answer, Progress, Shown


class Item(NamedTuple):
    """One write: a listing (in a location of the marketplace, where it keeps several) is to show so many units.

    `version`: of the view that the number was taken from; `write`: our number of this write, which grows with each of
    the account, also of the same number sent again, and is at least the time (ms since the epoch), so that it grows
    though all that we know were lost. Both, with account and listing, make the idempotency key. `shown`: what we
    believe it shows now, for marketplaces that compare; None: not known. `attributes`: of the listing, from the
    accounts file (a product type, an inventory item id).
    """

    listing: str
    location: str | None
    quantity: int
    version: int
    write: int = 0
    shown: int | None = None
    attributes: Mapping[str, str] = {}


class Operation(NamedTuple):
    """A way of writing. `limit`: the group of buckets of its first request. `most`: items in a call. `bulk`: answered
    by a submission that is followed until it closes; the urgent do not wait for it. `every_s`: not more often than
    that: so more gathers for each, and a limit of calls a minute is not used up in its first seconds. `at_once`: calls
    under way at the same time. `points`: what a call is reckoned to cost. `least`: do not bother with fewer items,
    unless they have waited for `every_s` already. `bytes_each`, `bytes_most`: about how large an item is in the body,
    and the largest body."""

    name: str
    limit: str
    most: int
    bulk: bool = False
    every_s: float = 0.0
    at_once: int = 1
    points: int = 0
    least: int = 1
    bytes_each: int = 0
    bytes_most: int = 0

    @property
    def fits(self) -> int:
        """Items that fit into a call."""
        return min(self.most, self.bytes_most // self.bytes_each) if self.bytes_each else self.most


@dataclass(frozen=True)
class Identity:
    """Who writes: the `account` of the accounts file, its options and its secrets (already read; never logged)."""

    account: str
    options: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


class Connector(ABC):
    """One marketplace, as one account sees it."""

    name: ClassVar[str]
    operations: Sequence[Operation]
    """Those that write. At least one; at most one of them is `bulk`. An account's options may change them."""
    limits: ClassVar[Mapping[str, Sequence[Bucket]]]
    """Groups of buckets by name: all of a group must admit a request. Defaults that live answers correct."""
    reads_most: ClassVar[int] = 1
    """Listings in one `read_back`; 0: the marketplace cannot be read."""
    quantity_most: ClassVar[int] = 1_000_000_000

    def __init__(self, identity: Identity) -> None:
        self.identity = identity

    @abstractmethod
    def write(self, operation: Operation, items: Sequence[Item], intent: str) -> Conversation[Answer]:
        """Send these items. `intent`: our id of a bulk submission, new for each; for marketplaces that keep one."""

    def follow(self, submission: str, items: Sequence[Item]) -> Conversation[Progress]:
        """Ask how a bulk submission stands; of one that has closed, what became of each item."""
        raise NotImplementedError

    def find(self, intent: str, since_ms: int) -> Conversation[str | None]:
        """The submission of an intent that was written down before a crash, if the marketplace got it: it was sent at
        `since_ms` or later, and nobody else writes for this account. None: it never arrived."""
        raise NotImplementedError

    def read_back(self, listings: Sequence[tuple[str, str | None]]) -> Conversation[Shown]:
        """What the marketplace shows of these (listing, location)."""
        raise NotImplementedError

    def authorise(self) -> Conversation[tuple[dict[str, str], float]] | None:
        """Fetch a token: the headers that every request then carries, and for how long (seconds). None: needs none."""
        return None
