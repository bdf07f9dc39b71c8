"""Mirakl: how often each operation may be called, and what its documentation leaves open."""

from dataclasses import dataclass, field

from feeds.simulator.channel_settings import ChannelSettings, token
from feeds.simulator.feeds_queue import FeedSettings
from feeds.simulator.limits import Kind, Plan, Scope
from feeds.simulator.spread import Spread


def _plans() -> dict[str, list[Plan]]:
    return {
        "sto01": [Plan("shop", Kind.INTERVAL, 1, 60)],
        "sto02": [Plan("import", Kind.INTERVAL, 1, 15, scope=Scope.LISTING)],  # of each import: assumed
        "sto03": [Plan("import", Kind.INTERVAL, 1, 60, scope=Scope.LISTING)],  # the same
        "of21": token("shop", 120, 60, 20),  # assumed: it says "at each view of the page"
    }


@dataclass(frozen=True)
class MiraklSettings(ChannelSettings):
    """Accounts with the same access token are shops of one user, whom `shop_id` tells apart (the first has the number
    `first_shop`, and is the one that is meant where none is named).

    `enforced`: calls beyond the plan are answered with 429; else they are only counted. `retry_after`: whether that
    says when. `in_order`: imports of a shop are processed one after the other; else all at the same time.
    `together`: lines of an offer that do not stand together are wrong. `whole_offers`: of an offer with a wrong line
    none is taken, and the report has them all. `warehouses`: the codes that there are; none: those of the listings.
    """

    plans: dict[str, list[Plan]] = field(default_factory=_plans)
    feed: FeedSettings = field(default=FeedSettings(service=Spread(60_000, 600_000)))  # assumed
    enforced: bool = True  # assumed: Mirakl documents no 429, some operators do
    retry_after: bool = True  # so say operators who do
    in_order: bool = True  # assumed
    together: bool = True  # assumed: it says "list them together"
    whole_offers: bool = True  # assumed: the report has lines of offers with "at least one" in error
    warehouses: list[str] = field(default_factory=list)
    lines_most: int = 100_000  # assumed
    page_most: int = 100
    first_shop: int = 2_000
