from typing import Any

import pytest

from feeds.simulator.buyers import BuyerSettings
from feeds.simulator.faults import Fault
from feeds.simulator.shopify import Shopify
from feeds.simulator.shopify_settings import ShopifySettings
from tests.feeds.simulator.sellers import ITEM, LOCATION, SET, ShopifySeller, level

LEVELS = """query Levels($ids: [ID!]!) { nodes(ids: $ids) { ... on InventoryItem { id
  inventoryLevels(first: 10) { nodes { location { id } quantities(names: ["available", "on_hand"]) { name quantity } } }
} } }"""


def _seller(settings: ShopifySettings | None = None) -> ShopifySeller:
    market = Shopify(settings or ShopifySettings(), seed=5)
    for item in "12":
        market.add_listing("S", ITEM + item, LOCATION + "1", quantity=5)
    market.add_listing("S", ITEM + "1", LOCATION + "2", quantity=6)
    return ShopifySeller(market)


def _applied(seller: ShopifySeller) -> list[int]:
    places = (("1", "1"), ("2", "1"), ("1", "2"))
    return [seller.market.place("S", ITEM + item, LOCATION + where).applied for item, where in places]


def test_quantities_are_set_at_once() -> None:
    seller = _seller()
    given = seller.set(level("1", "1", 9, 5), level("2", "1", 0), level("1", "2", -3, 6))
    answer = given.json()
    payload = answer["data"]["inventorySetQuantities"]
    assert payload["userErrors"] == []
    assert [each["delta"] for each in payload["inventoryAdjustmentGroup"]["changes"]] == [4, -5, -9]
    assert _applied(seller) == [9, 0, -3]
    cost = answer["extensions"]["cost"]
    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (13, 13)
    status = {"maximumAvailable": 2000, "currentlyAvailable": 1987, "restoreRate": 100}
    assert cost["throttleStatus"] == status


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        (level("1", "1", 9, 4), "CHANGE_FROM_QUANTITY_STALE", "changeFromQuantity"),
        (level("9", "1", 9), "INVALID_INVENTORY_ITEM", "inventoryItemId"),
        (level("1", "9", 9), "INVALID_LOCATION", "locationId"),
        (level("2", "2", 9), "ITEM_NOT_STOCKED_AT_LOCATION", "locationId"),
        (level("1", "1", 10**9 + 1), "INVALID_QUANTITY_TOO_HIGH", "quantity"),
        (level("1", "1", -(10**9) - 1), "INVALID_QUANTITY_TOO_LOW", "quantity"),
        (level("1", "2", 9), "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", "locationId"),
    ],
)
def test_one_bad_quantity_refuses_the_whole_call_and_is_named(
    wrong: dict[str, Any], code: str, field: str
) -> None:
    seller = _seller()
    given = seller.set(level("1", "2", 1), wrong)
    assert given.status == 200
    assert seller.codes(given) == [(code, ["input", "quantities", "1", field])]
    assert given.json()["data"]["inventorySetQuantities"]["inventoryAdjustmentGroup"] is None
    assert given.json()["extensions"]["cost"]["actualQueryCost"] == 10
    assert _applied(seller) == [5, 5, 6]


def test_name_reason_and_reference_are_checked() -> None:
    seller = _seller()
    assert seller.codes(seller.set(level("1", "1", 1), name="incoming", key="1")) == [
        ("INVALID_NAME", ["input", "name"])
    ]
    assert seller.codes(seller.set(level("1", "1", 1), reason="x", key="2"))[0][0] == "INVALID_REASON"
    given = seller.set(level("1", "1", 1), referenceDocumentUri="here", key="3")
    assert seller.codes(given)[0][0] == "INVALID_REFERENCE_DOCUMENT"
    assert not seller.codes(seller.set(level("1", "1", 1), referenceDocumentUri="stocktide://x/1", key="4"))


def test_on_hand_is_what_is_available_and_what_is_committed() -> None:
    seller = _seller(ShopifySettings(buyers=BuyerSettings(reserved_ms=10**6)))
    seller.market.buyers.buy(seller.market.place("S", ITEM + "1", LOCATION + "1"), 2, 0)
    assert not seller.codes(seller.set(level("1", "1", 12, 5), name="on_hand"))
    assert _applied(seller)[0] == 10
    assert (
        seller.codes(seller.set(level("1", "1", -1), name="on_hand", key="2"))[0][0]
        == "INVALID_QUANTITY_NEGATIVE"
    )


def test_the_directive_is_needed_on_the_field() -> None:
    seller = _seller()
    missing = SET.replace("@idempotent(key: $key) ", "")
    elsewhere = missing.replace("$key: String!)", "$key: String!) @idempotent(key: $key)")
    for text in (missing, elsewhere):
        answer = seller.set(level("1", "1", 1), text=text).json()
        assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
        assert answer["data"] == {"inventorySetQuantities": None}
    seller.version = "2026-01"
    assert not seller.codes(seller.set(level("1", "1", 1), text=missing))


def test_a_key_works_once() -> None:
    seller = _seller()
    first = seller.set(level("1", "1", 9, 5), key="k")
    seller.market.edit(seller.market.place("S", ITEM + "1", LOCATION + "1"), 3, 0)
    again = seller.set(level("1", "1", 9, 5), key="k")
    assert again.json()["data"] == first.json()["data"]
    assert _applied(seller)[0] == 3
    other = seller.set(level("1", "1", 8, 3), key="k")
    assert seller.codes(other) == [("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", None)]
    seller.now_ms = 86_400_000
    assert not seller.codes(seller.set(level("1", "1", 8, 3), key="k"))


def test_a_key_whose_attempt_failed_is_spent() -> None:
    seller = _seller()
    for code in ("CHANGE_FROM_QUANTITY_STALE", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"):
        assert seller.codes(seller.set(level("1", "1", 9, 4)))[0][0] == code
    seller = _seller(ShopifySettings(key_spent_by_failure=False))
    for _ in range(2):
        assert seller.codes(seller.set(level("1", "1", 9, 4)))[0][0] == "CHANGE_FROM_QUANTITY_STALE"


def test_what_the_schema_does_not_know_is_refused_before_anything_is_done() -> None:
    seller = _seller()

    def code(given: Any) -> str:
        return str(given.json()["errors"][0]["extensions"]["code"])

    without = level("1", "1", 1)
    del without["changeFromQuantity"]
    assert code(seller.set(without)) == "INVALID_FIELD_ARGUMENTS"
    assert code(seller.set({**level("1", "1", 1), "compareQuantity": 5})) == "INVALID_VARIABLE"
    assert code(seller.set(level("1", "1", 1), ignoreCompareQuantity=True)) == "INVALID_VARIABLE"
    assert code(seller.set(level("1", "1", 1.5))) == "INVALID_VARIABLE"
    assert code(seller.set(*[level("1", "1", 1)] * 251)) == "MAX_INPUT_SIZE_EXCEEDED"
    assert code(seller.query("mutation { other { id } }")) == "undefinedField"
    assert code(seller.query("query { shop { id } }")) == "undefinedField"
    assert code(seller.query("query {")) == "PARSE_ERROR"
    assert _applied(seller) == [5, 5, 6]


def test_without_points_it_is_throttled_in_a_200() -> None:
    seller = _seller()
    for n in range(153):
        given = seller.set(level("1", "1", n), key=str(n))
    assert given.json()["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"] == 2000 - 153 * 13
    given = seller.set(level("1", "1", 1), key="last")
    assert given.status == 200
    assert given.json()["errors"][0]["extensions"]["code"] == "THROTTLED"
    cost = given.json()["extensions"]["cost"]
    assert (cost["actualQueryCost"], cost["throttleStatus"]["currentlyAvailable"]) == (None, 11)
    assert seller.market.gate.refused["graphql"] == 1
    seller.now_ms = 20
    assert not seller.codes(seller.set(level("1", "1", 1), key="last"))


def test_levels_are_read() -> None:
    seller = _seller()
    answer = seller.query(LEVELS, ids=[ITEM + "1", ITEM + "9"]).json()
    item, unknown = answer["data"]["nodes"]
    assert unknown is None
    assert item == {
        "id": ITEM + "1",
        "inventoryLevels": {
            "nodes": [
                {
                    "location": {"id": LOCATION + where},
                    "quantities": [
                        {"name": "available", "quantity": units},
                        {"name": "on_hand", "quantity": units},
                    ],
                }
                for where, units in (("1", 5), ("2", 6))
            ]
        },
    }
    one = f'{{ a: inventoryItem(id: "{ITEM}2") {{ inventoryLevel(locationId: "{LOCATION}1") {{ id }} }} }}'
    assert seller.query(one).json()["data"]["a"]["inventoryLevel"]["id"]
    turned = seller.query(LEVELS, ids=[ITEM + "9", ITEM + "1"]).json()["data"]["nodes"]
    assert turned == [None, item]
    wide = LEVELS.replace("first: 10", "first: 250")
    answer = seller.query(wide, ids=[ITEM + "1"] * 50).json()
    assert answer["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"


def test_the_token_names_the_store() -> None:
    seller = _seller()
    path = "/admin/api/2026-07/graphql.json"
    body = {"query": LEVELS, "variables": {"ids": []}}
    good = {"x-shopify-access-token": "access-S"}
    assert seller.ask("POST", path, {}, body).status == 401
    assert seller.ask("POST", "/S" + path, {}, body, good).status == 200
    assert seller.ask("POST", "/other" + path, {}, body, good).status == 401
    assert seller.ask("POST", path.replace("2026-07", "2024-01"), {}, body, good).status == 404
    assert seller.ask("POST", path, {}, b"no", good).status == 400
    seller.market.faults.switch_on(Fault("oauth_expired"))
    assert seller.ask("POST", path, {}, body, good).status == 401


def test_somebody_changed_the_quantity_meanwhile() -> None:
    seller = _seller()
    place = seller.market.place("S", ITEM + "1", LOCATION + "1")
    seller.market.buyers.buy(place, 1, 0)
    assert seller.codes(seller.set(level("1", "1", 9, 5)))[0][0] == "CHANGE_FROM_QUANTITY_STALE"
    assert not seller.codes(seller.set(level("1", "1", 9, 4), key="2"))
