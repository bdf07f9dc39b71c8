"""eBay: the limits of the Inventory API, and what its documentation leaves open."""

from dataclasses import dataclass, field

from feeds.simulator.channel_settings import ChannelSettings
from feeds.simulator.limits import Kind, Plan, Scope
from feeds.simulator.spread import Spread

_DAY_S = 86_400


def _plans() -> dict[str, list[Plan]]:
    return {
        "inventory": [Plan("application", Kind.FIXED, 2_000_000, _DAY_S, scope=Scope.APPLICATION)],
        "revisions": [Plan("listing", Kind.FIXED, 250, _DAY_S, scope=Scope.LISTING)],
        "token": [Plan("application", Kind.FIXED, 50_000, _DAY_S, scope=Scope.APPLICATION)],
    }


@dataclass(frozen=True)
class EbaySettings(ChannelSettings):
    """`skus_most`: in a write. The guide says 25, the page of the method 1 (with its offers). `day_begins_s`: after
    midnight UTC, when a day of revisions begins. `revised_too_often`: the error of a listing that has used its day up.
    `zero_refused`: a write of 0 is answered with an error, and taken. `total_line`: the total of a SKU has a line in
    the answer though its offers have theirs. `language_needed`: who reads names a language."""

    plans: dict[str, list[Plan]] = field(default_factory=_plans)
    apply: Spread = field(default=Spread())  # assumed
    token_life_s: int = 7_200
    skus_most: int = 25
    offers_most: int = 25
    read_most: int = 25
    sku_longest: int = 50
    day_begins_s: int = 8 * 3_600  # assumed: midnight in California, as other limits have it
    revised_too_often: int = 25_019  # assumed
    zero_refused: bool = False  # seen in its sandbox
    total_line: bool = False  # assumed
    language_needed: bool = True  # seen in its sandbox
    cancelled_most: float | None = 0.02
