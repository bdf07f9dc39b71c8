"""Amazon: what it publishes of its limits, feeds and delays."""

from dataclasses import dataclass, field

from feeds.simulator.channel_settings import ChannelSettings, token
from feeds.simulator.feeds_queue import FeedSettings
from feeds.simulator.limits import Kind, Plan, Scope
from feeds.simulator.spread import Spread


def _plans() -> dict[str, list[Plan]]:
    application = Plan("application", Kind.TOKEN, 500, 1, 500, scope=Scope.APPLICATION)  # its burst: assumed
    return {
        "patch_item": [*token("account", 5, 1, 5), application],
        "get_item": token("account", 5, 1, 10),
        "search_items": token("account", 5, 1, 5),
        "create_feed_document": token("account", 1, 2, 15),
        "create_feed": [
            *token("account", 83, 10_000, 15),
            Plan("region", Kind.SLIDING, 5, 300),
        ],
        "get_feed": token("account", 2, 1, 15),
        "get_feeds": token("account", 222, 10_000, 10),
        "get_feed_document": token("account", 222, 10_000, 10),
        "cancel_feed": token("account", 2, 1, 15),
    }


@dataclass(frozen=True)
class AmazonSettings(ChannelSettings):
    """`failed_share`: of the messages of a FATAL feed so many are applied (some, none or all is all that is said)."""

    apply: Spread = field(default=Spread(60_000, 900_000))  # assumed
    plans: dict[str, list[Plan]] = field(default_factory=_plans)
    feed: FeedSettings = field(  # assumed; sellers report hours
        default=FeedSettings(service=Spread(300_000, 3_600_000, 43_200_000))
    )
    marketplaces: list[str] = field(default_factory=lambda: ["A1PA6795UKMFR9"])
    messages_most: int = 25_000
    bytes_most: int = 10 * 1024 * 1024
    failed_share: float = 0.5  # assumed
    gzip_reports: bool = False
    cancelled_most: float | None = 0.025
    cancelled_window_s: int = 7 * 86_400
    base_url: str = "https://amazon.simulated"
