"""Zalando: its two limits of a minute, and what is held until it is onboarded."""

from dataclasses import dataclass, field

from feeds.simulator.channel_settings import ChannelSettings
from feeds.simulator.limits import Kind, Plan, Weight
from feeds.simulator.spread import Spread


def _plans() -> dict[str, list[Plan]]:
    return {
        "post_stocks": [
            Plan("calls", Kind.FIXED, 60, 60, blocks=True),
            Plan("items", Kind.FIXED, 2_000, 60, weight=Weight.ITEMS, blocks=True),
        ],
        "get_stocks": [Plan("calls", Kind.FIXED, 60, 60)],  # assumed
        "token": [Plan("calls", Kind.FIXED, 60, 60)],  # assumed
    }


@dataclass(frozen=True)
class ZalandoSettings(ChannelSettings):
    """`release_ms`: from onboarding an EAN until what was held is shown. `retry_after`: whether a 429 says when."""

    plans: dict[str, list[Plan]] = field(default_factory=_plans)
    apply: Spread = field(default=Spread(2_000, 30_000))  # assumed
    token_life_s: int = 7_200  # assumed
    items_most: int = 1_000
    sales_channels: list[str] = field(default_factory=lambda: ["zalando-de"])
    release_ms: int = 600_000  # assumed
    retry_after: bool = False  # assumed
    page_most: int = 1_000  # assumed
