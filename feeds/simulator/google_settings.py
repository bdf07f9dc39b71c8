"""Google Merchant Center: its quotas of a minute and a day, and how late it shows what it has taken."""

from dataclasses import dataclass, field

from feeds.simulator.channel_settings import ChannelSettings
from feeds.simulator.limits import Kind, Plan
from feeds.simulator.spread import Spread

MIDDAY_S = 43_200


def _plans() -> dict[str, list[Plan]]:
    return {
        method: [
            Plan("minute", Kind.FIXED, 600, 60),  # assumed: Google adjusts them to the account
            Plan("day", Kind.FIXED, 200_000, 86_400, begins_s=MIDDAY_S),  # assumed, but for when a day begins
        ]
        for method in ("local_insert", "regional_insert", "local_list", "regional_list")
    }


@dataclass(frozen=True)
class GoogleSettings(ChannelSettings):
    """`regions`: the ids of regions; any other location is a store code. `stores`: the store codes there are; none:
    all. `updates_most`: so often a day may a product be updated; what goes beyond is counted, and refused only with
    `updates_enforced`. `throttled_status`: of a call beyond a quota. `spelling_ignored`: a word for the availability
    that is not known is left out, and the rest taken; else the call is refused. `list_shows_taken`: the list of a
    product's inventories has what was taken last; else what buyers see."""

    plans: dict[str, list[Plan]] = field(default_factory=_plans)
    apply: Spread = field(
        default=Spread(600_000, 1_500_000, 1_800_000)
    )  # up to 30 minutes; the rest: assumed
    regions: list[str] = field(default_factory=lambda: ["NORTH", "SOUTH"])
    stores: list[str] = field(default_factory=list)
    updates_most: int = 2
    updates_enforced: bool = False  # assumed: whether stores and regions count is not said either
    throttled_status: int = 429  # assumed
    retry_after: bool = False  # assumed
    spelling_ignored: bool = True  # assumed
    list_shows_taken: bool = False  # assumed
    page_most: int = 25_000
