"""What a marketplace is to the publisher. A connector renders requests and reads replies; it holds no state of writes,
does no I/O, and knows neither slots nor Kafka. docs/connectors.md tells how to write one.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, ClassVar, NamedTuple

from feeds.buckets import Bucket
from feeds.exchange import Conversation, Request
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
    and the largest body. `patience_s`: a submission that has not closed after so long is given up, and what is in it is
    sent again: where there is no other way, its items would else wait for ever. `finds`: False where the marketplace
    lists no submissions, so that of one whose answer was lost nobody learns what became: the same is done then."""

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
    patience_s: float = inf
    finds: bool = True

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
    """One marketplace, as one account sees it. `operations`, `limits` and `reads_most` are plain attributes of the
    class where they are the marketplace's, and properties where the options of the account decide."""

    name: ClassVar[str]

    @property
    @abstractmethod
    def operations(self) -> Sequence[Operation]:
        """Those that write. At least one; at most one of them is `bulk`."""

    @property
    @abstractmethod
    def limits(self) -> Mapping[str, Sequence[Bucket]]:
        """Groups of buckets by name: all of a group must admit a request. Defaults that live answers correct."""

    @property
    def reads_most(self) -> int:
        """Listings in one `read_back`; 0: the marketplace cannot be read."""
        return 1

    quantity_most: ClassVar[int] = 1_000_000_000
    confirm_s: ClassVar[float] = 60.0
    grace_s: ClassVar[float] = 900.0
    """Of an account whose policy does not say: what was accepted is first read back after `confirm_s`, and may take
    `grace_s` to show."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity

    def tells(self, units: int) -> int:
        """How many units the marketplace is told of so many: the number itself, unless it knows only states; then one
        number for each state, and nothing is sent while the state stays. All that is written, shown and read back is
        told units. It falls when the units fall or stays, is never above them, 0 of 0, and itself of what is told."""
        return units

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

    def sign(self, request: Request, now_ms: int) -> Request:
        """A request as it is sent at this moment (ms since the epoch): with headers, or parts of the query, that are
        made from the time, where the marketplace wants such. It is asked again whenever a request is sent again."""
        return request
