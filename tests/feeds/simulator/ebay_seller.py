"""A seller who speaks to the simulated eBay as its documentation says."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from feeds.simulator.messages import Given
from tests.feeds.simulator.sellers import Seller

INVENTORY = "/sell/inventory/v1"
UPDATE, READ = f"{INVENTORY}/bulk_update_price_quantity", f"{INVENTORY}/bulk_get_inventory_item"


class EbaySeller(Seller):
    def mint(self, **changed: str) -> Given:
        given = {"grant_type": "refresh_token", "refresh_token": f"refresh-{self.account}", **changed}
        client = given.pop("client", f"client-{self.account}:secret-{self.account}")
        form = {"content-type": "application/x-www-form-urlencoded"}
        form["authorization"] = f"Basic {b64encode(client.encode()).decode()}"
        return self.ask("POST", "/identity/v1/oauth2/token", {}, urlencode(given).encode(), form)

    def login(self) -> Given:
        given = self.mint()
        self.headers |= {
            "authorization": f"Bearer {given.json()['access_token']}",
            "accept-language": "en-US",
        }
        return given

    def update(self, *requests: Any) -> Given:
        return self.ask("POST", UPDATE, {}, {"requests": list(requests)})

    def set(self, sku: str, units: Any) -> Given:
        """Total and offer, as it should be done."""
        return self.update(change(sku, units, {f"offer-{sku}": units}))

    def shown(self, sku: str) -> int:
        return self.market.place(self.account, sku).applied

    def total(self, *skus: str) -> dict[str, int]:
        given = self.ask("POST", READ, {}, {"requests": [{"sku": sku} for sku in skus]})
        items = [each["inventoryItem"] for each in given.json()["responses"] if each["statusCode"] == 200]
        return {item["sku"]: item["availability"]["shipToLocationAvailability"]["quantity"] for item in items}

    def offered(self, sku: str) -> dict[str, int]:
        given = self.ask("GET", f"{INVENTORY}/offer", {"sku": sku})
        return {each["offerId"]: each["availableQuantity"] for each in given.json()["offers"]}

    def offer(self, offer: str) -> Given:
        return self.ask("GET", f"{INVENTORY}/offer/{quote(offer, safe='')}")


def change(sku: Any, total: Any = None, offers: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """One of `requests`."""
    found: dict[str, Any] = {"sku": sku}
    if total is not None:
        found["shipToLocationAvailability"] = {"quantity": total}
    if offers is not None:
        found["offers"] = [{"offerId": each, "availableQuantity": units} for each, units in offers.items()]
    return found


def codes(given: Given) -> list[Any]:
    """What became of each line: its status, or the number of its error."""
    lines = given.json()["responses"]
    return [each["errors"][0]["errorId"] if "errors" in each else each["statusCode"] for each in lines]


def refusal(given: Given) -> tuple[int, int]:
    """Status and error of a call that was refused as a whole."""
    return given.status, given.json()["errors"][0]["errorId"]
