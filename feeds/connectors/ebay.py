"""eBay, the Sell Inventory API: quantities of up to 25 SKUs in a call, each with the offers that sell it."""

from collections.abc import Sequence
from typing import Any, ClassVar

from feeds.buckets import Bucket, Kind, Scope
from feeds.connector import Connector, Identity, Item, Operation
from feeds.connectors import ebay_replies as says
from feeds.connectors.bodies import JSON, as_json
from feeds.connectors.options import secret, whole_number
from feeds.connectors.replies import Talk
from feeds.connectors.tokens import basic, fetch_token
from feeds.exchange import Conversation, Request
from feeds.outcomes import Answer, Fate, ItemOutcome, Setback, Shown

_INVENTORY = "/sell/inventory/v1"
_ITEMS_MOST, _OFFERS_MOST, _SKU_MOST = 25, 25, 50
# Nobody says whose midnight begins a day of its limits, and one day of the year has 25 hours. A token bucket admits
# in any such day its capacity and what comes in it, which add up to the limit; and it leaves no listing alone for long.
_DAY_S = 90_000.0
_CALLS = Bucket("calls", Kind.TOKEN, 1_900_000, _DAY_S, 100_000, scope=Scope.APPLICATION)
_REVISIONS = Bucket("revisions", Kind.TOKEN, 190, _DAY_S, 60, scope=Scope.LISTING, kept_for_zero=20)
_TOKENS = Bucket("tokens", Kind.TOKEN, 45_000, _DAY_S, 5_000, scope=Scope.APPLICATION)


class Ebay(Connector):
    """A listing is a SKU of the inventory; there are no locations. Buyers see the smaller of its total and of what its
    offer has. Options: `items_per_call`, SKUs in a call (25; 1, where eBay takes no more); `language` (en-US).
    Secrets: `client_id`, `client_secret`, `refresh_token`. Attribute of a listing: `offer_id`, its offer, or several
    separated by commas; without it only the total is written."""

    name = "ebay"
    limits: ClassVar = {"update": [_CALLS, _REVISIONS], "read": [_CALLS], "token": [_TOKENS]}
    reads_most = 25
    quantity_most = 2**31 - 1

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self.most = whole_number(identity, "items_per_call", _ITEMS_MOST, 1, _ITEMS_MOST)
        # Its sandbox refuses to read without a language, of which the documentation says nothing.
        language = str(identity.options.get("language", "en-US"))
        self.headers = {**JSON, "accept-language": language, "content-language": language}

    @property
    def operations(self) -> Sequence[Operation]:
        return (Operation("update", "update", most=self.most, at_once=4),)

    def write(self, operation: Operation, items: Sequence[Item], intent: str) -> Conversation[Answer]:
        talk, offers = Talk(), [_offers(item) for item in items]
        odd = [_oddity(item, of) for item, of in zip(items, offers, strict=True)]
        if any(odd):
            rest = ItemOutcome(Fate.RETURNED)
            return talk.answer([ItemOutcome(Fate.REJECTED, why) if why else rest for why in odd])
        changes = [_change(item, of) for item, of in zip(items, offers, strict=True)]
        ask = self._post("bulk_update_price_quantity", "update", changes, items)
        try:
            lines = yield from talk.ask(ask, says.lines, refused=says.refused)
        except Setback as setback:
            return talk.set_back(setback, len(items))
        outcomes = (says.outcome(item, of, lines) for item, of in zip(items, offers, strict=True))
        return talk.answer(list(outcomes))

    def read_back(self, listings: Sequence[tuple[str, str | None]]) -> Conversation[Shown]:
        talk, units = Talk(), dict[tuple[str, str | None], int]()
        skus = [sku for sku, location in listings if location is None and 0 < len(sku) <= _SKU_MOST]
        try:
            totals = dict[str, int]()
            if skus:
                ask = self._post("bulk_get_inventory_item", "read", [{"sku": sku} for sku in skus])
                totals = yield from talk.ask(ask, says.totals, refused=says.some_totals)
            for sku, total in totals.items():
                ask = Request("GET", f"{_INVENTORY}/offer", "read", {"sku": sku}, self.headers)
                offered = yield from talk.ask(ask, says.offered, unknown=list[int]())
                # Several offers are written alike. If one of them has more than the others, it is that which does harm.
                units[sku, None] = min(total, max(offered, default=total))
        except Setback as setback:
            return talk.unseen(setback)
        return Shown(units, observed=talk.observed)

    def authorise(self) -> Conversation[tuple[dict[str, str], float]]:
        user = basic(secret(self.identity, "client_id"), secret(self.identity, "client_secret"))
        form = {"grant_type": "refresh_token", "refresh_token": secret(self.identity, "refresh_token")}
        token, seconds = yield from fetch_token(
            "/identity/v1/oauth2/token", form, {"authorization": user}, limit="token"
        )
        return {"authorization": f"Bearer {token}"}, seconds

    def _post(self, method: str, limit: str, requests: Sequence[Any], items: Sequence[Item] = ()) -> Request:
        listings = tuple((item.listing, item.quantity == 0) for item in items)
        body = as_json({"requests": requests})
        many = len(requests)
        return Request(
            "POST", f"{_INVENTORY}/{method}", limit, {}, self.headers, body, many, listings=listings
        )


def _offers(item: Item) -> list[str]:
    named = (each.strip() for each in item.attributes.get("offer_id", "").split(","))
    return list(dict.fromkeys(each for each in named if each))


def _oddity(item: Item, offers: Sequence[str]) -> str | None:
    """Why eBay could not know such an item."""
    if item.location is not None:
        return "eBay knows no locations: the account is to have none"
    if not 0 < len(item.listing) <= _SKU_MOST:
        return f"no SKU of eBay's: one has 1 to {_SKU_MOST} characters"
    return f"it names more than {_OFFERS_MOST} offers" if len(offers) > _OFFERS_MOST else None


def _change(item: Item, offers: Sequence[str]) -> dict[str, Any]:
    total = {"sku": item.listing, "shipToLocationAvailability": {"quantity": item.quantity}}
    if not offers:
        return total
    return {**total, "offers": [{"offerId": each, "availableQuantity": item.quantity} for each in offers]}
