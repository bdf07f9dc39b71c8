"""A receiver of webhooks: whatever its author has made of it, so all but the signature is assumed."""

from dataclasses import dataclass, field

from feeds.simulator.channel_settings import ChannelSettings, token
from feeds.simulator.limits import Plan


def _plans() -> dict[str, list[Plan]]:
    return {"calls": token("calls", 5, 1, 5)}  # assumed


@dataclass(frozen=True)
class WebhookSettings(ChannelSettings):
    """An account's `client_secret` is `whsec_` and its key in base64; one that is not given: `secret_of`. `results`: a
    call is answered item by item; else with nothing, or a refusal of all of it. `tolerance_s`: so far from our clock
    may a call's time be. `remember_s`: for so long a call with the same id is dropped."""

    plans: dict[str, list[Plan]] = field(default_factory=_plans)
    results: bool = True  # assumed
    items_most: int = 100  # assumed
    tolerance_s: int = 300
    remember_s: int = 300  # assumed
    retry_after: bool = True  # assumed
    later_s: int = 60  # assumed
