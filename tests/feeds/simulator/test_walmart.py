import pytest

from feeds.simulator.buyers import BuyerSettings
from feeds.simulator.faults import Fault
from feeds.simulator.walmart import Walmart
from feeds.simulator.walmart_settings import WalmartSettings
from tests.feeds.simulator.sellers import WalmartSeller


def _seller(settings: WalmartSettings | None = None) -> WalmartSeller:
    market = Walmart(settings or WalmartSettings(token_life_s=10**6), seed=5)
    market.add_listing("S", "a/1", quantity=5)
    for node in ("n1", "n2"):
        market.add_listing("S", "many", node, quantity=5)
    seller = WalmartSeller(market)
    seller.login()
    return seller


def test_a_single_update_is_echoed_and_applied() -> None:
    seller = _seller()
    given = seller.put("a/1", 9)
    assert (given.status, given.json()) == (200, {"sku": "a/1", "quantity": {"unit": "EACH", "amount": 9}})
    assert seller.ask("GET", "/v3/inventory", {"sku": "a/1"}).json()["quantity"]["amount"] == 9
    assert given.header("x-current-token-count") == "199"
    assert seller.put("many", 3, "n2").status == 200
    assert [seller.market.place("S", "many", node).applied for node in ("n1", "n2")] == [5, 3]


def test_several_nodes_are_answered_one_by_one() -> None:
    seller = _seller()
    nodes = [{"shipNode": node, "inputQty": {"unit": "EACH", "amount": 8}} for node in ("n1", "n9", "n2")]
    given = seller.ask("PUT", "/v3/inventories/many", {}, {"inventories": {"nodes": nodes}})
    assert [each["status"] for each in given.json()["nodes"]] == ["Success", "Failure", "Success"]
    assert [seller.market.place("S", "many", node).applied for node in ("n1", "n2")] == [8, 8]


def test_what_is_written_is_the_input_and_what_is_reserved_is_subtracted() -> None:
    seller = _seller(WalmartSettings(buyers=BuyerSettings(reserved_ms=60_000)))
    place = seller.market.place("S", "many", "n1")
    seller.market.buyers.buy(place, 2, 0)
    nodes = [{"shipNode": "n1", "inputQty": {"unit": "EACH", "amount": 5}}]
    seller.ask("PUT", "/v3/inventories/many", {}, {"inventories": {"nodes": nodes}})
    shown = seller.ask("GET", "/v3/inventories/many", {"shipNode": "n1"}).json()["nodes"][0]
    assert [shown[name]["amount"] for name in ("inputQty", "availToSellQty", "reservedQty")] == [5, 3, 2]


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [
        ({}, {"sku": "a/1", "quantity": {"unit": "EACH", "amount": 1}}, 400),
        ({"sku": "a/1"}, b"no", 400),
        ({"sku": "a/1"}, {"sku": "b", "quantity": {"unit": "EACH", "amount": 1}}, 400),
        ({"sku": "a/1"}, {"sku": "a/1", "quantity": {"unit": "BOX", "amount": 1}}, 400),
        ({"sku": "a/1"}, {"sku": "a/1", "quantity": {"unit": "EACH", "amount": -1}}, 400),
        ({"sku": "a/1"}, {"sku": "a/1", "quantity": {"unit": "EACH", "amount": "1"}}, 400),
        ({"sku": "no"}, {"sku": "no", "quantity": {"unit": "EACH", "amount": 1}}, 404),
        ({"sku": "a/1", "shipNode": "n1"}, {"sku": "a/1", "quantity": {"unit": "EACH", "amount": 1}}, 404),
    ],
)
def test_a_wrong_update_gets_its_own_error(query: dict[str, str], body: object, status: int) -> None:
    seller = _seller()
    given = seller.ask("PUT", "/v3/inventory", query, body)
    assert given.status == status
    error = given.json()["errors"][0]
    assert error["code"].endswith(".GMP_GATEWAY_API")
    assert {"field", "description", "info", "severity", "category", "causes"} <= set(error)
    assert seller.market.place("S", "a/1").applied == 5


def test_beyond_the_limit_it_says_when_to_come_again() -> None:
    seller = _seller()
    assert [seller.put("a/1", n % 7).status for n in range(201)] == [200] * 200 + [429]
    given = seller.put("a/1", 1)
    assert given.json()["errors"][0]["code"] == "REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API"
    assert given.header("x-current-token-count") == "0"
    assert given.header("x-next-replenish-time") == "300"
    assert given.header("Retry-After") == "1"
    seller.now_ms = 300
    assert seller.put("a/1", 1).status == 200


def test_headers_are_missing_lie_or_are_spelt_otherwise() -> None:
    seller = _seller()
    seller.now_ms = 1_000_000_000_000
    seller.login()
    for n in range(200):
        seller.put("a/1", n)
    faults = seller.market.faults
    faults.switch_on(Fault("header_spelling"))
    assert seller.put("a/1", 1).header("x-next-replenishment-time") == "1000000000300"
    faults.switch_on(Fault("header_lying"))
    assert seller.put("a/1", 1).header("Retry-After") == "3"
    faults.switch_on(Fault("header_date"))
    assert seller.put("a/1", 1).header("Retry-After") == "Sun, 09 Sep 2001 01:46:43 GMT"
    faults.switch_on(Fault("header_missing"))
    given = seller.put("a/1", 1)
    assert given.status == 429
    assert {name.lower() for name in given.headers} == {"content-type"}


def test_the_token_lives_a_quarter_of_an_hour_and_every_call_names_itself() -> None:
    seller = _seller(WalmartSettings())
    assert seller.login().json()["expires_in"] == 900
    correlation = seller.headers.pop("wm_qos.correlation_id")
    assert seller.put("a/1", 1).status == 400
    seller.headers["wm_qos.correlation_id"] = correlation
    seller.now_ms = 900_000
    given = seller.put("a/1", 1)
    assert (given.status, given.json()["errors"][0]["code"]) == (401, "UNAUTHORIZED.GMP_GATEWAY_API")
    seller.login()
    assert seller.put("a/1", 1).status == 200


def test_the_token_endpoint_wants_its_clients_credentials() -> None:
    seller = _seller()
    wrong = {"authorization": "Basic bm8="}
    assert seller.ask("POST", "/v3/token", {}, b"grant_type=client_credentials", wrong).status == 401
    assert seller.ask("POST", "/v3/token", {}, b"grant_type=password", wrong).status == 400


def test_an_item_refused_for_good_and_a_5xx_change_nothing() -> None:
    seller = _seller()
    seller.market.faults.switch_on(Fault("invalid_items"))
    given = seller.put("a/1", 1)
    assert (given.status, given.json()["errors"][0]["category"]) == (400, "DATA")
    seller.market.faults.switch_off("invalid_items")
    for name, status in (("http_500", 500), ("http_503", 503)):
        seller.market.faults.switch_on(Fault(name))
        assert seller.put("a/1", 1).status == status
        seller.market.faults.switch_off(name)
    assert seller.market.place("S", "a/1").applied == 5


def test_a_wrong_node_is_told_from_a_wrong_sku_where_the_nodes_are_known() -> None:
    seller = _seller(WalmartSettings(nodes=["n1", "n2"]))
    fields = [
        seller.put(sku, 1, node).json()["errors"][0]["field"] for sku, node in (("many", "n9"), ("no", "n1"))
    ]
    assert fields == ["shipNode", "sku"]
