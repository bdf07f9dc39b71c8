"""Shopify's Admin GraphQL: quantities set by item and location, throttled by points within a 200.

A place's listing is the inventory item's id, its location the location's id. The token names the store; a path may
begin with the store's name.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from feeds.simulator.gate import Use, Verdict
from feeds.simulator.graphql_answer import Unselectable, cost, select
from feeds.simulator.graphql_text import Operation, SyntaxFault, parse, resolved
from feeds.simulator.marketplace import Marketplace
from feeds.simulator.messages import Given, Received, Refused, document
from feeds.simulator.places import Place
from feeds.simulator.routes import Call, Route
from feeds.simulator.shopify_quantities import FIELD, Quantities, TopLevel
from feeds.simulator.shopify_settings import ShopifySettings
from feeds.simulator.truth import Truth

_ITEM = "gid://shopify/InventoryItem/"


class Shopify(Marketplace):
    """Written quantities are shown at once. `parsed` operations are kept: clients send few different texts."""

    name: ClassVar[str] = "shopify"

    def __init__(
        self, settings: ShopifySettings | None = None, *, seed: int = 1, truth: Truth | None = None
    ) -> None:
        self.settings = settings or ShopifySettings()
        self.quantities = Quantities(self, self.settings)
        self._parsed: dict[str, Operation] = {}
        super().__init__(self.settings, seed=seed, truth=truth)

    def routes(self) -> Sequence[Route]:
        """One."""
        path = "/admin/api/{version}/graphql.json"
        return [
            Route("POST", path, "graphql", self._graphql, "graphql"),
            Route("POST", f"/{{store}}{path}", "graphql", self._graphql, "graphql"),
        ]

    def authorise(self, call: Call) -> str:
        """`X-Shopify-Access-Token`, which does not expire."""
        token = call.received.headers.get("x-shopify-access-token")
        for account, secrets in self.accounts.items():
            if secrets.access_token == token and call.parts.get("store", account) == account:
                return account
        raise Refused(_unauthorised())

    def expire(self, call: Call) -> None:
        """The token is not taken this time."""
        raise Refused(_unauthorised())

    # Points

    def _operation(self, call: Call) -> tuple[Operation, dict[str, Any]]:
        if call.parts["version"] not in self.settings.versions:
            raise Refused(document({"errors": "Not Found"}, 404))
        try:
            body = call.document()
        except ValueError:
            raise Refused(
                document({"errors": {"query": "Required parameter missing or invalid"}}, 400)
            ) from None
        text = body.get("query") if isinstance(body, dict) else None
        variables = body.get("variables") or {} if isinstance(body, dict) else {}
        if not isinstance(text, str) or not isinstance(variables, dict):
            raise Refused(document({"errors": {"query": "Required parameter missing or invalid"}}, 400))
        if text not in self._parsed:
            try:
                self._parsed[text] = parse(text)
            except SyntaxFault as error:
                raise Refused(_failure(str(error), "PARSE_ERROR")) from None
        operation = self._parsed[text]
        return operation, {**operation.defaults, **variables}

    def _asked(self, operation: Operation, variables: dict[str, Any]) -> int:
        if operation.kind == "mutation":
            return self.settings.asked * len(operation.selections)
        return max(1, cost(operation.selections, variables))

    def use(self, route: Route, call: Call) -> Use:
        """The points asked for."""
        operation, variables = self._operation(call)
        points = self._asked(operation, variables)
        if points > self.settings.cost_most:
            most = self.settings.cost_most
            message = f"Query cost is {points}, which exceeds the single query max cost limit ({most})."
            raise Refused(_failure(message, "MAX_COST_EXCEEDED"))
        return Use("graphql", call.owner, points=points)

    def throttled(self, call: Call, use: Use, verdict: Verdict) -> Given:
        """200, and the error within."""
        error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
        return document({"errors": [error], "extensions": self._extensions(call, use, None)})

    def _extensions(self, call: Call, use: Use, actual: int | None) -> dict[str, Any]:
        shown: dict[str, Any] = {"requestedQueryCost": use.points, "actualQueryCost": actual}
        if not self.faults.strikes("header_missing", call.now_ms, call.operation):
            kept, _ = self.gate.in_force.of(use, call.now_ms)[0]
            shown["throttleStatus"] = {
                "maximumAvailable": float(kept.plan.capacity),
                "currentlyAvailable": kept.left(call.now_ms),
                "restoreRate": kept.plan.units * 1000 / kept.plan.per_ms,
            }
        return {"cost": shown}

    def broken(self, status: int) -> Given:
        """Its pages of an error."""
        text = "Internal Server Error" if status == 500 else "Service Unavailable"
        return document({"errors": text}, status)

    def not_found(self, received: Received) -> Given:
        """An unknown path."""
        return document({"errors": "Not Found"}, 404)

    # Answering

    def _graphql(self, call: Call) -> Given:
        operation, variables = self._operation(call)
        use = Use("graphql", call.owner, points=self._asked(operation, variables))
        failed = False
        body: dict[str, Any]
        try:
            if operation.kind == "mutation":
                data, failed = self._mutate(call, operation, variables)
            else:
                data = select(self._root(call), operation.selections, variables, [operation.kind])
            body = {"data": data}
        except Unselectable as error:
            extensions = {"code": error.code}
            body = {"errors": [{"message": str(error), "path": error.path, "extensions": extensions}]}
            failed = True
        except TopLevel as error:
            body, failed = error.body(), True
        actual = use.points
        if operation.kind == "mutation":
            actual = min(use.points, self.settings.cost_failed if failed else self.settings.cost)
        self.gate.give_back(use, use.points - actual, call.now_ms)
        body["extensions"] = self._extensions(call, use, actual)
        return document(body)

    def _mutate(self, call: Call, operation: Operation, variables: dict[str, Any]) -> tuple[Any, bool]:
        if len(operation.selections) != 1 or operation.selections[0].name != FIELD:
            name = operation.selections[0].name
            raise Unselectable(f"Field '{name}' doesn't exist on type 'Mutation'", ["mutation", name])
        field = operation.selections[0]
        arguments = resolved(field.arguments, variables)
        directives = {name: resolved(each, variables) for name, each in field.directives.items()}
        payload = self.quantities.change(call, call.parts["version"], arguments, directives, field.alias)
        selected = select(payload, field.selections, variables, ["mutation", field.alias])
        return {field.alias: selected}, bool(payload["userErrors"])

    def _root(self, call: Call) -> dict[str, Any]:
        def item(arguments: dict[str, Any]) -> dict[str, Any] | None:
            return self._item(call.owner, arguments.get("id"))

        def items(arguments: dict[str, Any]) -> list[dict[str, Any] | None]:
            ids = arguments.get("ids")
            if not isinstance(ids, list) or len(ids) > self.settings.items_most:
                most = self.settings.items_most
                raise Unselectable(
                    f"ids must be a list of at most {most} ids", ["query", "nodes"], "MAX_INPUT_SIZE_EXCEEDED"
                )
            return [self._item(call.owner, each) for each in ids]

        return {"__typename": "QueryRoot", "inventoryItem": item, "node": item, "nodes": items}

    def _item(self, owner: str, item: Any) -> dict[str, Any] | None:
        places = self.shelf.locations(owner, item) if isinstance(item, str) else []
        if not places:
            return None

        def level(arguments: dict[str, Any]) -> dict[str, Any] | None:
            location = arguments.get("locationId")
            found = self.shelf.get(owner, item, location) if isinstance(location, str) else None
            return None if found is None else _level(found)

        def levels(arguments: dict[str, Any]) -> dict[str, Any]:
            first = arguments.get("first")
            if not isinstance(first, int) or not 1 <= first <= self.settings.items_most:
                raise Unselectable(
                    "you must provide one of first or last",
                    ["query", "inventoryLevels"],
                    "argumentNotAccepted",
                )
            page = [_level(place) for place in places[:first]]
            edges = [
                {"__typename": "InventoryLevelEdge", "node": each, "cursor": each["id"]} for each in page
            ]
            more = {"__typename": "PageInfo", "hasNextPage": len(places) > first}
            kind = "InventoryLevelConnection"
            return {"__typename": kind, "nodes": page, "edges": edges, "pageInfo": more}

        return {
            "__typename": "InventoryItem",
            "id": item,
            "legacyResourceId": item.removeprefix(_ITEM),
            "tracked": True,
            "inventoryLevel": level,
            "inventoryLevels": levels,
        }


def _level(place: Place) -> dict[str, Any]:
    def quantities(arguments: dict[str, Any]) -> list[dict[str, Any]]:
        known = {
            "available": place.applied,
            "on_hand": place.applied + place.reserved,
            "committed": place.reserved,
            "incoming": 0,
            "reserved": 0,
        }
        names = arguments.get("names")
        if not isinstance(names, list) or (unknown := [each for each in names if each not in known]):
            wrong = unknown if isinstance(names, list) else names
            raise Unselectable(
                f"The quantity names {wrong} are not valid", ["query", "quantities"], "INVALID_NAME"
            )
        return [{"__typename": "InventoryQuantity", "name": each, "quantity": known[each]} for each in names]

    number = place.listing.removeprefix(_ITEM)
    return {
        "__typename": "InventoryLevel",
        "id": f"gid://shopify/InventoryLevel/{abs(hash_of(place))}?inventory_item_id={number}",
        "location": {"__typename": "Location", "id": place.location},
        "item": {"__typename": "InventoryItem", "id": place.listing},
        "quantities": quantities,
    }


def hash_of(place: Place) -> int:
    """A number of the place that is the same in every run."""
    return int.from_bytes(place.name.encode()[-6:], "big")


def _unauthorised() -> Given:
    text = "[API] Invalid API key or access token (unrecognized login or wrong password)"
    return document({"errors": text}, 401)


def _failure(message: str, code: str) -> Given:
    return document({"errors": [{"message": message, "extensions": {"code": code}}]})
