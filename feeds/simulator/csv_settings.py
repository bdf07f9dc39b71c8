"""A receiver of CSV files: whatever its author has made of it, so all of it is assumed."""

from dataclasses import dataclass, field

from feeds.simulator.channel_settings import ChannelSettings, token
from feeds.simulator.limits import Plan
from feeds.simulator.spread import Spread


def _plans() -> dict[str, list[Plan]]:
    return {"files": token("files", 60, 60, 2)}  # assumed


@dataclass(frozen=True)
class CsvSettings(ChannelSettings):
    """`columns`: the headings of listing, location and quantity, in this order. `header`: of an account's
    `access_token`, after `Bearer` where it is `authorization`; else `client_id` and `client_secret` say who calls.
    `remember_s`: for so long a file with the same `Idempotency-Key` is dropped."""

    plans: dict[str, list[Plan]] = field(default_factory=_plans)
    apply: Spread = field(default=Spread(1_000, 10_000))  # assumed
    columns: list[str] = field(default_factory=lambda: ["listing", "location", "quantity"])
    delimiter: str = ";"
    header: str = "authorization"
    lines_most: int = 10_000
    bytes_most: int = 1 << 20
    remember_s: int = 300
    retry_after: bool = True
