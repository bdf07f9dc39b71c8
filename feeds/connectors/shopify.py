"""Shopify, the Admin GraphQL API: quantities of up to 250 pairs of inventory item and location in one mutation."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, ClassVar

from feeds.buckets import Bucket, Kind, Weight
from feeds.connector import Connector, Identity, Item, Operation
from feeds.connectors.bodies import post
from feeds.connectors.keys import key_of
from feeds.connectors.options import secret
from feeds.connectors.replies import Talk
from feeds.connectors.shopify_replies import SPENT_KEY, judged, observe, quantities, user_errors, without
from feeds.exchange import Conversation, Request
from feeds.outcomes import Answer, Fate, ItemOutcome, Setback, Shown, Trouble

_SET = """mutation setQuantities($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { field message code }
  }
}"""
_READ = """query quantities($ids: [ID!]!, $location: ID!, $name: String!) {
  nodes(ids: $ids) {
    ... on InventoryItem {
      id
      inventoryLevel(locationId: $location) { quantities(names: [$name]) { name quantity } }
    }
  }
}"""
_WRITE_POINTS, _READ_POINTS = 13, 4
_ATTEMPTS = 3
_BUSY_S = 5.0
_NOWHERE = ItemOutcome(Fate.REJECTED, "it has no location: give it one, or its account the option location")


class Shopify(Connector):
    """A listing is an inventory item, its location a location, both as their global id or its last part. Options:
    `location`, of listings without one; `quantity_name` (`available`, or `on_hand` for all of the account); `version`
    of the API. Secret: `access_token`."""

    name = "shopify"
    operations = (Operation("set", "points", most=250, at_once=4, points=_WRITE_POINTS),)
    limits: ClassVar = {"points": [Bucket("points", Kind.TOKEN, 100, 1, 2000, weight=Weight.POINTS)]}
    reads_most = 50

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self.location = identity.options.get("location")
        self.quantity = str(identity.options.get("quantity_name", "available"))
        self.path = f"/admin/api/{identity.options.get('version', '2026-07')}/graphql.json"

    def write(self, operation: Operation, items: Sequence[Item], intent: str) -> Conversation[Answer]:
        talk = Talk(observe)
        nowhere = {at: _NOWHERE for at, item in enumerate(items) if not (item.location or self.location)}
        if nowhere:
            return talk.answer(without(nowhere, len(items)))
        try:
            for attempt in range(_ATTEMPTS):
                errors = yield from talk.ask(self._set(items, attempt), user_errors)
                codes = {str(error["code"]) for error in errors}
                if "IDEMPOTENCY_CONCURRENT_REQUEST" in codes:
                    return talk.answer(
                        [ItemOutcome(Fate.LATER, "the same call is being processed", _BUSY_S)] * len(items)
                    )
                if not codes & SPENT_KEY:
                    return talk.answer(judged(errors, len(items)))
            raise Setback(Fate.RETURNED, Trouble.BROKEN, f"{_ATTEMPTS} idempotency keys were refused")
        except Setback as setback:
            return talk.set_back(setback, len(items))

    def _set(self, items: Sequence[Item], attempt: int) -> Request:
        pairs = [
            {
                "inventoryItemId": _global("InventoryItem", item.listing),
                "locationId": self._place(item.location),
                "quantity": item.quantity,
                "changeFromQuantity": item.shown,
            }
            for item in items
        ]
        given = {"name": self.quantity, "reason": "correction", "quantities": pairs}
        key = key_of(self.identity.account, items, attempt)
        return self._ask(_SET, {"input": given, "key": key}, _WRITE_POINTS, len(items))

    def read_back(self, listings: Sequence[tuple[str, str | None]]) -> Conversation[Shown]:
        talk, units = Talk(observe), dict[tuple[str, str | None], int]()
        by_place = dict[str, dict[str, tuple[str, str | None]]]()
        for listing, location in listings:
            asked = by_place.setdefault(self._place(location), {})
            asked[_global("InventoryItem", listing)] = (listing, location)
        try:
            for place, asked in by_place.items():
                given = {"ids": list(asked), "location": place, "name": self.quantity}
                ask = self._ask(_READ, given, _READ_POINTS * len(asked))
                shows = yield from talk.ask(ask, quantities)
                units |= {asked[name]: shown for name, shown in shows.items()}
        except Setback as setback:
            return talk.unseen(setback)
        return Shown(units, observed=talk.observed)

    def authorise(self) -> Conversation[tuple[dict[str, str], float]]:
        yield from ()  # the token never ends
        return {"X-Shopify-Access-Token": secret(self.identity, "access_token")}, inf

    def _ask(self, document: str, variables: Mapping[str, Any], points: int, items: int = 1) -> Request:
        return post(self.path, "points", {"query": document, "variables": variables}, items, points)

    def _place(self, location: str | None) -> str:
        return _global("Location", str(location or self.location))


def _global(kind: str, name: str) -> str:
    return name if name.startswith("gid://") else f"gid://shopify/{kind}/{name}"
