"""Shopify: points, versions and idempotency keys, as it publishes or was recorded."""

from dataclasses import dataclass, field

from feeds.simulator.channel_settings import ChannelSettings
from feeds.simulator.limits import Kind, Plan, Weight


def _plans() -> dict[str, list[Plan]]:
    return {"graphql": [Plan("points", Kind.TOKEN, 100, 1, 2000, Weight.POINTS)]}


@dataclass(frozen=True)
class ShopifySettings(ChannelSettings):
    """Points as recorded: a mutation asks for `asked` and costs `cost`, or `cost_failed` when it is refused."""

    plans: dict[str, list[Plan]] = field(default_factory=_plans)
    asked: int = 13
    cost: int = 13
    cost_failed: int = 10
    cost_most: int = 1_000
    items_most: int = 250
    idempotent_from: str = "2026-04"
    key_kept_s: int = 86_400  # assumed
    key_spent_by_failure: bool = (
        True  # assumed: after user errors the same key is answered with PREVIOUS_ATTEMPT_FAILED
    )
    versions: list[str] = field(default_factory=lambda: ["2026-01", "2026-04", "2026-07", "2026-10"])
