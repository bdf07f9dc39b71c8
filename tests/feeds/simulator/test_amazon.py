import json

import pytest

from feeds.simulator.amazon import Amazon
from feeds.simulator.amazon_settings import AmazonSettings
from feeds.simulator.faults import Fault
from feeds.simulator.messages import Drop
from feeds.simulator.spread import Spread
from tests.feeds.simulator.sellers import MARKETPLACE, AmazonSeller, patch_of

DELAY = 60_000


@pytest.fixture
def seller() -> AmazonSeller:
    market = Amazon(AmazonSettings(apply=Spread(DELAY, DELAY)), seed=5)
    for sku in ("a", "b/ c", "d"):
        market.add_listing("S", sku, quantity=5)
    seller = AmazonSeller(market)
    seller.login()
    return seller


def test_a_patch_is_accepted_now_and_applied_later(seller: AmazonSeller) -> None:
    given = seller.patch("b/ c", 2)
    answer = given.json()
    assert (given.status, answer["sku"], answer["status"], answer["issues"]) == (200, "b/ c", "ACCEPTED", [])
    assert answer["submissionId"]
    assert given.header("x-amzn-RateLimit-Limit") == "5"
    assert given.header("x-amzn-RequestId")
    assert seller.shown("b/ c") == {"b/ c": 5}
    seller.now_ms = DELAY
    assert seller.shown("a", "b/ c", "unknown") == {"a": 5, "b/ c": 2}


@pytest.mark.parametrize("quantity", [-1, 2.5, "3", None, True, 2**31])
def test_a_quantity_that_cannot_be_is_invalid_in_a_200(seller: AmazonSeller, quantity: object) -> None:
    given = seller.patch("a", quantity)
    assert (given.status, given.json()["status"]) == (200, "INVALID")
    assert given.json()["issues"][0]["severity"] == "ERROR"
    assert given.json()["issues"][0]["attributeNames"] == ["fulfillment_availability"]
    seller.now_ms = DELAY
    assert seller.shown("a") == {"a": 5}


def test_an_unknown_sku_and_a_missing_channel_code_are_invalid(seller: AmazonSeller) -> None:
    assert seller.patch("nobody", 1).json()["status"] == "INVALID"
    path = "/listings/2021-08-01/items/S/a"
    given = seller.ask("PATCH", path, {"marketplaceIds": MARKETPLACE}, patch_of(1, code=None))
    assert given.json()["issues"][0]["code"] == "90220"


def test_another_channel_code_makes_a_second_entry(seller: AmazonSeller) -> None:
    seller.patch("a", 9, code="ELSEWHERE")
    seller.now_ms = DELAY
    given = seller.ask(
        "GET",
        "/listings/2021-08-01/items/S/a",
        {"marketplaceIds": MARKETPLACE, "includedData": "fulfillmentAvailability"},
    )
    shown = [
        (each["fulfillmentChannelCode"], each["quantity"]) for each in given.json()["fulfillmentAvailability"]
    ]
    assert shown == [("DEFAULT", 5), ("ELSEWHERE", 9)]


def test_a_replace_without_the_lead_time_forgets_it(seller: AmazonSeller) -> None:
    assert isinstance(seller.market, Amazon)
    seller.patch("a", 1, op="merge")
    assert seller.market.lead_times_reset.total() == 0
    seller.patch("a", 1)
    assert seller.market.lead_times_reset == {"S:a": 1}


def test_a_preview_changes_nothing(seller: AmazonSeller) -> None:
    assert seller.patch("a", 1, mode="VALIDATION_PREVIEW").json()["status"] == "VALID"
    seller.now_ms = 10**7
    assert seller.market.place("S", "a").applied == 5


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        {"patches": patch_of(1)["patches"]},
        {"productType": "P", "patches": []},
        {"productType": "P", "patches": [{"op": "set", "path": "/attributes/x", "value": []}]},
        {"productType": "P", "patches": [{"op": "replace", "path": "/attributes/x/y", "value": []}]},
        {"productType": "P", "patches": [{"op": "replace", "path": "/attributes/x", "value": 1}]},
    ],
)
def test_a_body_of_another_shape_is_a_400(seller: AmazonSeller, body: object) -> None:
    path = "/listings/2021-08-01/items/S/a"
    given = seller.ask("PATCH", path, {"marketplaceIds": MARKETPLACE}, body)
    assert given.status == 400
    assert given.json()["errors"][0]["code"] == "InvalidInput"
    assert given.header("x-amzn-RateLimit-Limit") == "5"


def test_marketplaces_must_be_named_and_known(seller: AmazonSeller) -> None:
    for query in ({}, {"marketplaceIds": "ATVPDKIKX0DER"}):
        assert seller.ask("PATCH", "/listings/2021-08-01/items/S/a", query, patch_of(1)).status == 400


def test_beyond_the_burst_it_says_quota_exceeded_and_not_for_how_long(seller: AmazonSeller) -> None:
    assert [seller.patch("a", n).status for n in range(6)] == [200] * 5 + [429]
    given = seller.patch("a", 1)
    assert given.json()["errors"][0]["code"] == "QuotaExceeded"
    assert given.header("x-amzn-RateLimit-Limit") is None
    assert given.header("Retry-After") is None
    assert given.header("x-amzn-RequestId")
    assert seller.market.gate.refused["patch_item"] == seller.market.gate.exceeded["patch_item"] == 2
    seller.now_ms = 200
    assert seller.patch("a", 1).status == 200


def test_the_application_has_a_limit_over_its_sellers() -> None:
    market = Amazon(AmazonSettings(), seed=5)
    sellers = [AmazonSeller(market, f"S{n}") for n in range(101)]
    for seller in sellers:
        market.add_listing(seller.account, "a")
        seller.login()
    statuses = [seller.patch("a", 1) for seller in sellers for _ in range(5)]
    assert [given.status for given in statuses] == [200] * 500 + [429] * 5
    assert "application" in statuses[-1].json()["errors"][0]["message"]


def test_a_read_names_at_most_twenty_skus(seller: AmazonSeller) -> None:
    assert seller.shown(*[f"{n}" for n in range(20)]) == {}
    query = {
        "marketplaceIds": MARKETPLACE,
        "identifiers": ",".join("abcdefghijklmnopqrstu"),
        "identifiersType": "SKU",
    }
    assert seller.ask("GET", "/listings/2021-08-01/items/S", query).status == 400
    assert (
        seller.ask("GET", "/listings/2021-08-01/items/S/nobody", {"marketplaceIds": MARKETPLACE}).status
        == 404
    )


def test_what_was_found_comes_in_pages(seller: AmazonSeller) -> None:
    query = {"marketplaceIds": MARKETPLACE, "identifiers": "a,d", "identifiersType": "SKU", "pageSize": "1"}
    first = seller.ask("GET", "/listings/2021-08-01/items/S", query).json()
    assert [each["sku"] for each in first["items"]] == ["a"]
    token = first["pagination"]["nextToken"]
    second = seller.ask("GET", "/listings/2021-08-01/items/S", {**query, "pageToken": token}).json()
    assert [each["sku"] for each in second["items"]] == ["d"]
    assert "pagination" not in second


def test_tokens_expire_and_belong_to_a_seller(seller: AmazonSeller) -> None:
    assert seller.login().json()["expires_in"] == 3600
    seller.now_ms = 3_600_000
    given = seller.patch("a", 1)
    assert (given.status, given.json()["errors"][0]["code"]) == (403, "Unauthorized")
    seller.login()
    assert seller.patch("a", 1).status == 200
    given = seller.ask(
        "PATCH", "/listings/2021-08-01/items/OTHER/a", {"marketplaceIds": MARKETPLACE}, patch_of(1)
    )
    assert given.status == 403


def test_the_token_endpoint_knows_its_clients(seller: AmazonSeller) -> None:
    def error(body: str) -> tuple[int, str]:
        given = seller.ask("POST", "/auth/o2/token", {}, body.encode())
        return given.status, given.json()["error"]

    assert error("grant_type=password") == (400, "unsupported_grant_type")
    assert error("grant_type=refresh_token&refresh_token=x") == (400, "invalid_grant")
    assert error("grant_type=refresh_token&refresh_token=refresh-S&client_id=x") == (401, "invalid_client")


def test_the_fault_of_an_expired_token_is_cured_by_a_new_one(seller: AmazonSeller) -> None:
    seller.market.faults.switch_on(Fault("oauth_expired", until_ms=10))
    assert seller.patch("a", 1).status == 403
    seller.now_ms = 10
    assert seller.patch("a", 1).status == 403
    seller.login()
    assert seller.patch("a", 1).status == 200


def test_faults_of_a_patch(seller: AmazonSeller) -> None:
    faults = seller.market.faults
    faults.switch_on(Fault("invalid_items"))
    assert seller.patch("a", 1).json()["status"] == "INVALID"
    faults.switch_off("invalid_items")
    faults.switch_on(Fault("accepted_never_applied"))
    assert seller.patch("a", 1).json()["status"] == "ACCEPTED"
    faults.switch_off("accepted_never_applied")
    faults.switch_on(Fault("drop_after_apply", ms=30_000))
    lost = seller.patch("d", 1)
    assert (lost.dropped, lost.after_ms >= 30_000) == (Drop.AFTER, True)
    faults.switch_off("drop_after_apply")
    faults.switch_on(Fault("header_missing"))
    assert seller.patch("d", 1).header("x-amzn-RateLimit-Limit") is None
    seller.now_ms = 10**7
    seller.login()
    assert seller.shown("a", "d") == {"a": 5, "d": 1}


def test_an_unknown_path_is_a_404(seller: AmazonSeller) -> None:
    assert json.loads(seller.ask("GET", "/nowhere").body)["errors"][0]["code"] == "NotFound"
