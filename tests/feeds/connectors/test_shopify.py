"""Shopify: the contract, the bodies as they must be, and what is Shopify's own."""

import json
from math import inf
from typing import Any

import pytest

from feeds.connector import Identity, Item
from feeds.connectors.shopify import Shopify
from feeds.exchange import Observed, Reply, Request
from feeds.outcomes import Fate, Trouble
from tests.feeds.connectors.answers import answer
from tests.feeds.connectors.contract_reads import ReadContract
from tests.feeds.connectors.market import Market, hold

(SET,) = Shopify.operations


def cost(available: float = 1987.0, asked: int = 13) -> Any:
    status = {"maximumAvailable": 2000.0, "currentlyAvailable": available, "restoreRate": 100.0}
    return {"cost": {"requestedQueryCost": asked, "actualQueryCost": None, "throttleStatus": status}}


def graphql(body: Any, available: float = 1987.0) -> Reply:
    return answer({**body, "extensions": cost(available)})


def errors(code: str, message: str = "no") -> Reply:
    return graphql({"errors": [{"message": message, "extensions": {"code": code}}], "data": None})


def user_errors(*found: tuple[Any, str]) -> Reply:
    told = [{"field": field, "message": "no", "code": code} for field, code in found]
    result = {"inventoryAdjustmentGroup": None, "userErrors": told}
    return graphql({"data": {"inventorySetQuantities": result}})


def at(index: int, field: str = "inventoryItemId") -> list[str]:
    return ["input", "quantities", str(index), field]


DONE = graphql(
    {"data": {"inventorySetQuantities": {"inventoryAdjustmentGroup": {"id": "1"}, "userErrors": []}}}
)


def last(name: str) -> str:
    kind, _, number = name.removeprefix("gid://shopify/").partition("/")
    assert kind in ("InventoryItem", "Location")
    return number


class ShopifyMarket(Market):
    """Quantities of one shop."""

    def reply(self, request: Request) -> Reply:
        assert (request.method, request.path) == ("POST", "/admin/api/2026-07/graphql.json")
        body = json.loads(request.body)
        given = body["variables"]
        if body["query"].startswith("query"):
            return graphql(
                {"data": {"nodes": [self.node(name, last(given["location"])) for name in given["ids"]]}}
            )
        assert "inventorySetQuantities(input: $input) @idempotent(key: $key)" in body["query"]
        pairs = given["input"]["quantities"]
        wrong = [n for n, pair in enumerate(pairs) if last(pair["inventoryItemId"]) in self.refuses]
        if wrong:
            return user_errors(*((at(n), "INVALID_INVENTORY_ITEM") for n in wrong))
        for pair in pairs:
            self.shows[last(pair["inventoryItemId"]), last(pair["locationId"])] = pair["quantity"]
        return DONE

    def node(self, name: str, location: str) -> Any:
        units = self.shows.get((last(name), location))
        level = None if units is None else {"quantities": [{"name": "available", "quantity": units}]}
        return None if level is None else {"id": name, "inventoryLevel": level}

    def throttled(self, request: Request) -> Reply:
        return errors("THROTTLED", "Throttled")


class TestContract(ReadContract):
    connector_class = Shopify
    market_class = ShopifyMarket
    secrets = ("access_token",)
    locations = ("11", "12")
    never_busy = True

    def key(self, request: Request) -> str | None:
        key: str = json.loads(request.body)["variables"]["key"]
        return key


def shopify(**options: Any) -> Shopify:
    return Shopify(Identity("account", options))


ITEMS = [Item("1", "11", 4, 7), Item("2", "11", 5, 8), Item("3", "12", 6, 9)]


def written(*replies: Reply, items: list[Item] = ITEMS) -> Any:
    left = iter(replies)
    result = hold(shopify().write(SET, items, ""), lambda _: next(left)).result
    assert next(left, None) is None, "it has not asked as often"
    return result


def fates(told: Any) -> list[Fate]:
    return [outcome.fate for outcome in told.items]


def test_the_call() -> None:
    items = [
        Item("gid://shopify/InventoryItem/1", "gid://shopify/Location/2", 4, 7, shown=5),
        Item("3", None, 0, 8),
    ]
    ask = next(shopify(location="9", quantity_name="on_hand", version="2026-10").write(SET, items, ""))
    assert (ask.path, ask.points, ask.items) == ("/admin/api/2026-10/graphql.json", 13, 2)
    body = json.loads(ask.body)
    assert " ".join(body["query"].split()) == (
        "mutation setQuantities($input: InventorySetQuantitiesInput!, $key: String!) { "
        "inventorySetQuantities(input: $input) @idempotent(key: $key) { "
        "inventoryAdjustmentGroup { id } userErrors { field message code } } }"
    )
    assert body["variables"]["input"] == json.loads("""
        {"name": "on_hand", "reason": "correction", "quantities": [
          {"inventoryItemId": "gid://shopify/InventoryItem/1", "locationId": "gid://shopify/Location/2",
           "quantity": 4, "changeFromQuantity": 5},
          {"inventoryItemId": "gid://shopify/InventoryItem/3", "locationId": "gid://shopify/Location/9",
           "quantity": 0, "changeFromQuantity": null}]}""")


def test_one_that_is_wrong_keeps_all_from_being_written() -> None:
    told = written(user_errors((at(1, "locationId"), "ITEM_NOT_STOCKED_AT_LOCATION")))
    assert fates(told) == [Fate.RETURNED, Fate.REJECTED, Fate.RETURNED]
    assert told.items[1].reason == "ITEM_NOT_STOCKED_AT_LOCATION: no"
    told = written(user_errors((at(0), "CHANGE_FROM_QUANTITY_STALE"), (at(2), "INVALID_QUANTITY_NEGATIVE")))
    assert fates(told) == [Fate.STALE, Fate.RETURNED, Fate.REJECTED]
    assert told.trouble is Trouble.NONE


def test_an_error_of_none_of_them() -> None:
    told = written(user_errors((["input", "reason"], "INVALID_REASON")))
    assert fates(told) == [Fate.RETURNED] * 3
    assert (told.trouble, told.reason) == (Trouble.REFUSED, "INVALID_REASON: no")
    assert fates(written(user_errors((None, "INVALID_NAME")))) == [Fate.RETURNED] * 3


@pytest.mark.parametrize(
    "code", ["IDEMPOTENCY_KEY_PARAMETER_MISMATCH", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"]
)
def test_a_key_that_is_spent(code: str) -> None:
    """The buffer has changed, but not the version: another quantity, and the same key."""
    replies, keys = iter([user_errors((["input"], code)), DONE]), []

    def reply(request: Request) -> Reply:
        keys.append(json.loads(request.body)["variables"]["key"])
        return next(replies)

    assert fates(hold(shopify().write(SET, ITEMS, ""), reply).result) == [Fate.APPLIED] * 3
    assert len(set(keys)) == 2
    told = written(*[user_errors((["input"], code))] * 3)
    assert (fates(told), told.trouble) == ([Fate.RETURNED] * 3, Trouble.BROKEN)


def test_the_same_call_is_under_way() -> None:
    told = written(user_errors((["input"], "IDEMPOTENCY_CONCURRENT_REQUEST")))
    assert fates(told) == [Fate.LATER] * 3
    assert all(outcome.after_s for outcome in told.items)


def test_throttled_is_a_200() -> None:
    throttled = {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}
    told = written(answer({**throttled, "extensions": cost(available=3.0)}))
    assert (told.trouble, told.again_s) == (Trouble.THROTTLED, 0.1)
    assert fates(told) == [Fate.RETURNED] * 3
    assert told.observed == [Observed("points", 3.0, rate=100.0)]
    assert written(answer(throttled)).again_s is None


def test_the_points_that_are_left() -> None:
    assert written(DONE).observed == [Observed("points", 1987.0, rate=100.0)]


@pytest.mark.parametrize(
    ("code", "trouble", "fate"),
    [
        ("BAD_REQUEST", Trouble.REFUSED, Fate.RETURNED),
        ("INVALID_VARIABLE", Trouble.REFUSED, Fate.RETURNED),
        ("ACCESS_DENIED", Trouble.AUTH, Fate.RETURNED),
        ("INTERNAL_SERVER_ERROR", Trouble.BROKEN, Fate.UNKNOWN),
    ],
)
def test_errors_of_the_whole_call(code: str, trouble: Trouble, fate: Fate) -> None:
    told = written(errors(code))
    assert (told.trouble, fates(told)) == (trouble, [fate] * 3)
    body = {
        "errors": [{"message": "no", "extensions": {"code": code}}],
        "data": {"inventorySetQuantities": None},
    }
    assert fates(written(graphql(body))) == [fate] * 3


def test_without_a_location_nothing_is_sent() -> None:
    told = written(items=[ITEMS[0], Item("2", None, 5, 8)])
    assert fates(told) == [Fate.RETURNED, Fate.REJECTED]
    assert "option location" in told.items[1].reason


def test_the_key_of_a_batch() -> None:
    """It is of its items, one and all."""

    def key(*items: Item) -> Any:
        return json.loads(next(shopify().write(SET, items, "")).body)["variables"]["key"]

    first, second, third = ITEMS
    assert key(first, second) == key(first._replace(quantity=9, shown=1), second)
    others = [(first,), (first, third), (first, second, third), (first._replace(location="12"), second)]
    assert len({key(first, second), *(key(*items) for items in others)}) == 5


def test_each_location_is_read_by_itself() -> None:
    market = ShopifyMarket()
    market.shows = {("1", "11"): 4, ("1", "12"): 5}
    held = hold(shopify().read_back([("1", "11"), ("1", "12"), ("2", "12")]), market.reply)
    assert held.result.units == {("1", "11"): 4, ("1", "12"): 5}
    assert [ask.points for ask in held.requests] == [4, 8]


def test_the_token_never_ends() -> None:
    tokens = Shopify(Identity("account", {}, {"access_token": "t"})).authorise()
    assert hold(tokens, lambda _: Reply(500)).result == ({"X-Shopify-Access-Token": "t"}, inf)
