"""Walmart: what it publishes of its limits and feeds."""

from dataclasses import dataclass, field

from feeds.simulator.channel_settings import ChannelSettings, token
from feeds.simulator.feeds_queue import FeedSettings
from feeds.simulator.limits import Plan
from feeds.simulator.spread import Spread


def _plans() -> dict[str, list[Plan]]:
    return {
        "put_inventory": token("account", 200, 60, 200),  # its burst: assumed
        "put_inventories": token("account", 200, 60, 200),  # assumed
        "feed_inventory": token("account", 10, 3600, 10),
        "feed_status": token("account", 5_000, 60, 5_000),  # assumed
        "get_inventory": token("account", 200, 60, 200),  # assumed
        "token": token("account", 1_000, 60, 1_000),  # assumed
    }


@dataclass(frozen=True)
class WalmartSettings(ChannelSettings):
    """`raw_feeds`: a feed may also be the bare body instead of a file in a form. Buyers' `reserved_ms`: what is sold is
    subtracted from the written quantity for so long; 0: the sale lowers the written quantity at once. `nodes`: the
    seller's ship nodes, where errors shall tell a wrong node from a wrong sku."""

    plans: dict[str, list[Plan]] = field(default_factory=_plans)
    token_life_s: int = 900
    feed: FeedSettings = field(
        default=FeedSettings(service=Spread(300_000, 1_800_000, 1_800_000))
    )  # the median: assumed
    items_most: int = 50_000  # assumed, as for suppliers
    bytes_most: int = 5 * 1024 * 1024
    page_most: int = 50
    raw_feeds: bool = True  # assumed
    retry_after: bool = True  # newer pages tell to use it, older do not know it
    nodes: list[str] = field(default_factory=list)
    cancelled_most: float | None = 0.02
