"""eBay, the Sell Inventory API: totals of SKUs and what their offers have, written many in a call and answered line by
line. A place's listing is the SKU; it has no locations."""

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qs

from feeds.simulator import ebay_errors as errors
from feeds.simulator.channel_settings import AccountSettings
from feeds.simulator.credentials import basic
from feeds.simulator.ebay_settings import EbaySettings
from feeds.simulator.ebay_stock import Stock
from feeds.simulator.ebay_write import Change, changes, requests_of
from feeds.simulator.gate import Use, Verdict
from feeds.simulator.marketplace import Marketplace
from feeds.simulator.messages import Given, Received, Refused, document
from feeds.simulator.places import Place
from feeds.simulator.routes import Call, Route
from feeds.simulator.truth import Truth

_INVENTORY = "/sell/inventory/v1"


class Ebay(Marketplace):
    """A SKU that is put on sale has one offer, `offer-SKU`, if no others are named."""

    name: ClassVar[str] = "ebay"

    def __init__(
        self, settings: EbaySettings | None = None, *, seed: int = 1, truth: Truth | None = None
    ) -> None:
        self.settings = settings or EbaySettings()
        self.stocks: dict[tuple[str, str], Stock] = {}
        super().__init__(self.settings, seed=seed, truth=truth)

    def routes(self) -> Sequence[Route]:
        """Token, inventory items, offers."""
        token = "/identity/v1/oauth2/token"
        update, read = "bulk_update_price_quantity", "bulk_get_inventory_item"
        return [
            Route("POST", f"{_INVENTORY}/{update}", update, self._update, "inventory"),
            Route("POST", f"{_INVENTORY}/{read}", read, self._items, "inventory"),
            Route("GET", f"{_INVENTORY}/offer", "get_offers", self._offers, "inventory"),
            Route("GET", f"{_INVENTORY}/offer/{{offer}}", "get_offer", self._offer, "inventory"),
            Route("POST", token, "token", self._token, "token", open=True),
        ]

    def add_listing(
        self,
        account: str,
        listing: str,
        location: str | None = None,
        *,
        quantity: int = 0,
        velocity: float = 0.0,
        sku: str | None = None,
        onboarded: bool = True,
        now_ms: int = 0,
        offers: Sequence[str] | None = None,
    ) -> Place:
        """As every marketplace. `offers`: the ids of those that are published; [] for none."""
        if location is not None:
            raise ValueError(f"listing {listing}: eBay knows no locations; leave {location} out")
        place = super().add_listing(
            account,
            listing,
            quantity=quantity,
            velocity=velocity,
            sku=sku,
            onboarded=onboarded,
            now_ms=now_ms,
        )
        named = [f"offer-{listing}"] if offers is None else offers
        number = str(110_000_000_000 + self.number())
        stock = Stock(place, number, quantity, dict.fromkeys(named, quantity), quantity)
        self.stocks[place.account, listing] = stock
        return place

    # Who calls

    def _token(self, call: Call) -> Given:
        fields = parse_qs(call.received.body.decode("utf-8", "replace"))
        if fields.get("grant_type") != ["refresh_token"]:
            return _oauth(400, "unsupported_grant_type", "grant type in request is not supported")
        client = basic(call.received.headers.get("authorization", ""))
        asked = fields.get("refresh_token", [""])[0]
        for account, secrets in self.accounts.items():
            if client == (secrets.client_id, secrets.client_secret) and asked == secrets.refresh_token:
                life_s = self.tokens.life_ms // 1000
                token = "v^1.1#" + self.tokens.issue(account, call.now_ms)
                return document(
                    {"access_token": token, "expires_in": life_s, "token_type": "User Access Token"}
                )
        if not any(client == (each.client_id, each.client_secret) for each in self._sellers()):
            return _oauth(401, "invalid_client", "client authentication failed")
        why = "the provided authorization refresh token is invalid or was issued to another client"
        return _oauth(400, "invalid_grant", why)

    def _sellers(self) -> Sequence[AccountSettings]:
        return list(self.accounts.values())

    def authorise(self, call: Call) -> str:
        """`Authorization: Bearer`."""
        account = self.tokens.owner(_bearer(call), call.now_ms)
        if account is None:
            raise Refused(errors.refusal(401, 1001, "Invalid access token", domain="OAuth"))
        return account

    def expire(self, call: Call) -> None:
        """The token is valid no more."""
        self.tokens.revoke(_bearer(call))

    # What it says of itself

    def throttled(self, call: Call, use: Use, verdict: Verdict) -> Given:
        """429, and not a word about how long."""
        return errors.refusal(429, 2001, "Too many requests.", domain="ACCESS")

    def broken(self, status: int) -> Given:
        """An error of the system."""
        message = "A system error has occurred."
        return errors.refusal(status, errors.SYSTEM, message, category="APPLICATION")

    def not_found(self, received: Received) -> Given:
        """An unknown path."""
        return errors.refusal(404, 2002, "Resource not found", domain="ACCESS")

    # Writing

    def _update(self, call: Call) -> Given:
        asked = changes(call, self.settings)
        failing = self.failing("partial_items", call, len(asked), call.now_ms)
        refused = self.failing("invalid_items", call, len(asked), call.now_ms)
        lines = []
        for n, change in enumerate(asked):
            if n in failing:
                lines += change.lines(
                    errors.error(errors.SYSTEM, "A system error has occurred.", "APPLICATION")
                )
            elif n in refused:
                lines += change.lines(errors.error(errors.TAKEN_FOR_INPUT, "Input error."))
            else:
                lines += self._change(call, change)
        return errors.several(lines)

    def _change(self, call: Call, change: Change) -> list[dict[str, Any]]:
        stock = self.stocks.get((call.owner, change.sku))
        if stock is None:
            return change.lines(errors.error(errors.TAKEN_FOR_INPUT, "Input error. SKU not found."))
        if self._revised_too_often(call, change.sku):
            why = "Cannot revise listing. It has been revised too many times today."
            return change.lines(errors.error(self.settings.revised_too_often, why))
        known = {offer: units for offer, units in change.offers.items() if offer in stock.offers}
        self.write(call, stock.place, stock.written(change.total, known, call.now_ms))
        return change.lines(None, stock.offers, self.settings)

    def _revised_too_often(self, call: Call, sku: str) -> bool:
        use = Use("revisions", call.owner, listing=sku)
        return self.gate.ask(use, call.now_ms - self.settings.day_begins_s * 1000).plan is not None

    # Reading

    def _items(self, call: Call) -> Given:
        if self.settings.language_needed and not call.received.headers.get("accept-language"):
            raise errors.invalid("header Accept-Language")
        asked = requests_of(call)
        if len(asked) > self.settings.read_most:
            message = f"The number of InventoryItems in the request cannot exceed {self.settings.read_most}."
            raise errors.refused(errors.TOO_MANY_READ, message)
        skus = [each.get("sku") if isinstance(each, dict) else None for each in asked]
        if not all(isinstance(sku, str) and 0 < len(sku) <= self.settings.sku_longest for sku in skus):
            raise errors.refused(errors.BAD_SKU, "Invalid sku.")
        if len(set(skus)) < len(skus):
            raise errors.refused(errors.TWICE, "SKU should be unique in the request.")
        return errors.several([self._item(call, str(sku)) for sku in skus])

    def _item(self, call: Call, sku: str) -> dict[str, Any]:
        stock = self.stocks.get((call.owner, sku))
        if stock is None:
            why = errors.error(errors.UNKNOWN_SKU, f"SKU {sku} is not available in the system")
            return {"statusCode": 404, "sku": sku, "errors": [why]}
        availability = {"shipToLocationAvailability": {"quantity": stock.totals()}}
        item = {"sku": sku, "locale": "en_US", "condition": "NEW", "availability": availability}
        return {"statusCode": 200, "sku": sku, "inventoryItem": item}

    def _offers(self, call: Call) -> Given:
        sku = call.received.query.get("sku", "")
        if not 0 < len(sku) <= self.settings.sku_longest:
            raise errors.refused(errors.BAD_SKU, "This is an invalid value for a SKU.")
        stock = self.stocks.get((call.owner, sku))
        if stock is None or not stock.offers:
            raise errors.refused(errors.NO_OFFER, "This Offer is not available.", 404)
        found = [_offer(stock, offer) for offer in stock.offers]
        return document({"total": len(found), "size": len(found), "limit": 25, "offers": found})

    def _offer(self, call: Call) -> Given:
        offer = call.parts["offer"]
        for (owner, _), stock in self.stocks.items():
            if owner == call.owner and offer in stock.offers:
                return document(_offer(stock, offer))
        raise errors.refused(errors.NO_OFFER, "This Offer is not available.", 404)


def _offer(stock: Stock, offer: str) -> dict[str, Any]:
    units = stock.offered(offer)
    status = "ACTIVE" if stock.place.applied > 0 else "OUT_OF_STOCK"
    return {
        "offerId": offer,
        "sku": stock.place.listing,
        "marketplaceId": "EBAY_US",
        "format": "FIXED_PRICE",
        "availableQuantity": units,
        "listing": {"listingId": stock.listing_id, "listingStatus": status},
        "status": "PUBLISHED",
    }


def _bearer(call: Call) -> str:
    return call.received.headers.get("authorization", "").removeprefix("Bearer ").removeprefix("v^1.1#")


def _oauth(status: int, what: str, why: str) -> Given:
    return document({"error": what, "error_description": why}, status)
