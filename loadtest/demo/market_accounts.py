"""Accounts at simulated marketplaces: what the publisher is told of them, and what they call a product."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MARKETS = ("amazon", "walmart", "shopify", "zalando")
_PLACES = {"shopify": "gid://shopify/Location/1", "zalando": "zalando-de"}
_PAIR = {"client_id": "client", "client_secret": "secret"}
_SECRETS = {
    "amazon": {**_PAIR, "refresh_token": "refresh"}, "walmart": _PAIR, "shopify": {"access_token": "access"},
    "zalando": _PAIR,
}  # fmt: skip
"""By the names that connectors have for them; the simulator puts the seller's name behind each."""


@dataclass(frozen=True)
class MarketAccount:
    """`name` is also the source of its aliases in the catalog; `channel` the channel whose numbers it gets; `seller`
    who it is at the marketplace."""

    name: str
    market: str
    channel: str
    seller: str = "seller"

    @property
    def place(self) -> str | None:
        """Where the marketplace keeps what has no location of ours."""
        return _PLACES.get(self.market)

    def listing(self, sku: str) -> str:
        """What the marketplace calls a product."""
        match self.market:
            case "amazon":
                return f"AMZ-{sku}"
            case "walmart":
                return f"WM{sku:0>8}"
            case "zalando":
                return f"{sku:0>13}"
        return f"gid://shopify/InventoryItem/{sku}"

    def described(self, url: str, speed: float) -> dict[str, Any]:
        """For the accounts file."""
        options = {
            "amazon": {"seller_id": self.seller, "marketplace_ids": "A1PA6795UKMFR9"},
            "shopify": {"location": self.place},
            "zalando": {"merchant_id": self.seller, "sales_channel": self.place},
        }
        return {
            "id": self.name, "connector": self.market, "channel": self.channel, "mode": "sandbox",
            "url": f"{url}/{self.market}", "clock_speed": speed, "options": options.get(self.market, {}),
            "secrets": {name: f"env:{self._variable(name)}" for name in _SECRETS[self.market]},
        }  # fmt: skip

    def secrets(self) -> dict[str, str]:
        """Variables with what the simulator takes for this seller's secrets."""
        return {self._variable(name): f"{word}-{self.seller}" for name, word in _SECRETS[self.market].items()}

    def _variable(self, secret: str) -> str:
        return f"{self.seller}_{secret}".upper()


FED = (
    MarketAccount("amazon-1", "amazon", "amazon"),
    MarketAccount("walmart-1", "walmart", "walmart"),
    MarketAccount("shopify-1", "shopify", "web"),
    MarketAccount("zalando-1", "zalando", "zalando"),
)
"""Those of the replayed chain, which the demo feeds."""


def aliases(accounts: Sequence[MarketAccount], sku: str) -> list[dict[str, str]]:
    """For the catalog."""
    return [{"source": account.name, "identifier": account.listing(sku)} for account in accounts]


def secrets(accounts: Sequence[MarketAccount]) -> Mapping[str, str]:
    """Variables of all of them."""
    return {name: value for account in accounts for name, value in account.secrets().items()}
