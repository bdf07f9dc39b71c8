from typing import Any

import pytest

from feeds.simulator.channel_settings import AccountSettings
from feeds.simulator.faults import Fault
from feeds.simulator.google import Google
from feeds.simulator.google_settings import GoogleSettings
from feeds.simulator.limits import Kind, Plan
from feeds.simulator.messages import Given
from feeds.simulator.spread import Spread
from tests.feeds.simulator.sellers import GoogleSeller

PEN = "de~DE~PEN/1"
_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000


def _seller(**settings: Any) -> GoogleSeller:
    market = Google(GoogleSettings(**{"apply": Spread(), "token_life_s": 10**6, **settings}), seed=5)
    market.add_listing("S", PEN, "S1", quantity=2)
    seller = GoogleSeller(market)
    seller.login()
    return seller


def _market(seller: GoogleSeller) -> Google:
    assert isinstance(seller.market, Google)
    return seller.market


def _reasons(given: Given) -> list[str]:
    return [each["reason"] for each in given.json()["error"].get("details", [])]


def test_a_state_is_set_and_listed() -> None:
    seller = _seller()
    given = seller.insert(PEN, "S1", "LIMITED_AVAILABILITY", quantity="7")
    assert given.status == 200
    assert given.json() == {
        "name": f"accounts/S/products/{PEN}/localInventories/S1",
        "account": "S",
        "storeCode": "S1",
        "localInventoryAttributes": {"availability": "LIMITED_AVAILABILITY", "quantity": "7"},
    }
    assert seller.shown(PEN) == {"S1": "LIMITED_AVAILABILITY"}
    assert seller.insert(PEN, "S2", "IN_STOCK").status == 200
    assert seller.shown(PEN) == {"S1": "LIMITED_AVAILABILITY", "S2": "IN_STOCK"}
    assert seller.shown(PEN, "regional") == {}


def test_a_region_has_two_states_and_no_quantity() -> None:
    seller = _seller()

    def insert(**own: Any) -> Given:
        body = {"region": "NORTH", "regionalInventoryAttributes": own}
        return seller.ask("POST", seller.path(PEN, "regional") + ":insert", {}, body)

    assert insert(availability="IN_STOCK").status == 200
    assert seller.shown(PEN, "regional") == {"NORTH": "IN_STOCK"}
    assert insert(availability="OUT_OF_STOCK", quantity="0").status == 400
    assert (
        "availability"
        not in insert(availability="LIMITED_AVAILABILITY").json()["regionalInventoryAttributes"]
    )
    assert seller.shown(PEN, "regional") == {"NORTH": "IN_STOCK"}
    assert seller.shown(PEN) == {"S1": "IN_STOCK"}


def test_an_entry_is_replaced_as_a_whole() -> None:
    seller = _seller()
    price = {"amountMicros": "5000000", "currencyCode": "EUR"}
    seller.insert(PEN, "S1", "IN_STOCK", price=price, pickupMethod="BUY")
    (entry,) = seller.ask("GET", seller.path(PEN)).json()["localInventories"]
    assert entry["localInventoryAttributes"] == {
        "availability": "IN_STOCK",
        "price": price,
        "pickupMethod": "BUY",
    }
    seller.insert(PEN, "S1", "OUT_OF_STOCK")
    (entry,) = seller.ask("GET", seller.path(PEN)).json()["localInventories"]
    assert entry["localInventoryAttributes"] == {"availability": "OUT_OF_STOCK"}


@pytest.mark.parametrize("said", ["in stock", "in_stock", None, 2])
def test_a_word_of_old_is_left_out_silently(said: Any) -> None:
    seller = _seller()
    given = seller.insert(PEN, "S1", said)
    assert given.status == 200
    assert "availability" not in given.json()["localInventoryAttributes"]
    assert seller.shown(PEN) == {"S1": "IN_STOCK"}
    strict = _seller(spelling_ignored=False)
    assert strict.insert(PEN, "S1", said).status == (200 if said is None else 400)


def test_what_was_taken_is_shown_within_half_an_hour_and_in_order() -> None:
    seller = _seller(apply=GoogleSettings().apply)
    for _ in range(20):
        seller.insert(PEN, "S1", "OUT_OF_STOCK")
        seller.insert(PEN, "S1", "LIMITED_AVAILABILITY")
    assert seller.shown(PEN) == {"S1": "IN_STOCK"}
    seller.now_ms = 1_800_000
    assert seller.shown(PEN) == {"S1": "LIMITED_AVAILABILITY"}
    eager = _seller(apply=GoogleSettings().apply, list_shows_taken=True)
    eager.insert(PEN, "S1", "OUT_OF_STOCK")
    assert (eager.shown(PEN), eager.market.place("S", PEN, "S1").applied) == ({"S1": "OUT_OF_STOCK"}, 2)


def test_a_sale_changes_no_state() -> None:
    seller = _seller()
    place = seller.market.place("S", PEN, "S1")
    seller.market.truth.set(place.sku, 1, 0)
    orders = [seller.market.buyers.buy(place, 1, 0) for _ in range(3)]
    assert [order.oversold for order in orders] == [0, 1, 1]
    assert seller.shown(PEN) == {"S1": "IN_STOCK"}
    seller.insert(PEN, "S1", "OUT_OF_STOCK")
    with pytest.raises(ValueError, match="shows 0 units"):
        seller.market.buyers.buy(place, 1, 0)


def test_the_quota_of_a_minute_and_of_a_day_that_ends_at_noon() -> None:
    plans = [Plan("minute", Kind.FIXED, 2, 60), Plan("day", Kind.FIXED, 3, 86_400, begins_s=43_200)]
    seller = _seller(plans={"local_insert": plans})
    told = []
    for at_ms in (0, 1, 2, 60_000, 120_000, 12 * _HOUR_MS - 1, 12 * _HOUR_MS, 12 * _HOUR_MS + 1):
        seller.now_ms = at_ms
        given = seller.insert(PEN, "S1", "IN_STOCK")
        told.append(given.status if given.status == 200 else _reasons(given)[0])
    minute, day = "quota/request_rate_too_high", "quota/daily_limit_exceeded"
    assert told == [200, 200, minute, 200, day, day, 200, 200]
    assert seller.market.gate.exceeded["local_insert"] == 3
    assert given.header("retry-after") is None


@pytest.mark.parametrize(("settings", "status", "header"), [({}, 429, None), ({"retry_after": True}, 429, "60"),
                                                            ({"throttled_status": 403}, 403, None)])  # fmt: skip
def test_how_a_refused_call_is_answered(settings: dict[str, Any], status: int, header: str | None) -> None:
    seller = _seller(plans={"local_insert": [Plan("minute", Kind.FIXED, 1, 60)]}, **settings)
    seller.insert(PEN, "S1", "IN_STOCK")
    given = seller.insert(PEN, "S1", "IN_STOCK")
    assert (given.status, given.header("Retry-After")) == (status, header)
    assert given.json()["error"]["status"] == "RESOURCE_EXHAUSTED"


def test_methods_have_quotas_of_their_own() -> None:
    seller = _seller(plans={"local_insert": [Plan("minute", Kind.FIXED, 1, 60)]})
    assert [seller.insert(PEN, "S1", "IN_STOCK").status for _ in range(2)] == [200, 429]
    assert seller.ask("GET", seller.path(PEN)).status == 200


def test_more_than_two_updates_of_a_product_in_a_day_are_counted() -> None:
    seller = _seller()
    seller.market.add_listing("S", "de~DE~INK", "S1")
    stores = ("S1", "S2", "S1")  # of whichever store
    assert [seller.insert(PEN, store, "IN_STOCK").status for store in stores] == [200] * 3
    seller.insert("de~DE~INK", "S1", "IN_STOCK")
    assert _market(seller).too_often == {("S", PEN): 1}
    seller.now_ms = 12 * _HOUR_MS
    assert seller.insert(PEN, "S1", "IN_STOCK").status == 200
    assert _market(seller).too_often == {("S", PEN): 1}
    assert seller.market.gate.exceeded.total() == 0
    strict = _seller(updates_enforced=True)
    given = [strict.insert(PEN, "S1", said) for said in ("OUT_OF_STOCK", "IN_STOCK", "OUT_OF_STOCK")]
    assert [each.status for each in given] == [200, 200, 400]
    assert given[2].json()["error"]["status"] == "FAILED_PRECONDITION"
    assert strict.shown(PEN) == {"S1": "IN_STOCK"}


@pytest.mark.parametrize(
    ("product", "status"),
    [("de~DE~NONE", 404), ("de~DE", 400), ("local~de~DE", 400), ("!!", 400), ("Zm9v", 400), ("de~DE~", 400)],
)
def test_a_product_that_is_not_there(product: str, status: int) -> None:
    seller = _seller()
    given = seller.insert(product, "S1", "IN_STOCK")
    assert (given.status, given.json()["error"]["code"]) == (status, status)
    assert seller.ask("GET", seller.path(product)).status == status


def test_a_plain_name_will_do_where_nothing_in_it_means_something() -> None:
    seller = _seller()
    seller.market.add_listing("S", "local~de~DE~A.1", "S1", quantity=1)
    base = "/inventories/v1/accounts/S/products"
    assert seller.ask("GET", f"{base}/local~de~DE~A.1/localInventories").status == 200
    assert seller.ask("GET", f"{base}/de~DE~PEN%2F1/localInventories").status == 400


@pytest.mark.parametrize(
    "body",
    [
        [],
        b"{",
        {},
        {"storeCode": 7, "localInventoryAttributes": {}},
        {"storeCode": "", "localInventoryAttributes": {}},
        {"storeCode": "NORTH", "localInventoryAttributes": {}},
        {"storeCode": "S1", "localInventoryAttributes": []},
        {"storeCode": "S1", "availability": "IN_STOCK"},
        {"storeCode": "S1", "localInventoryAttributes": {"availability": "IN_STOCK", "units": 3}},
        {"storeCode": "S1", "localInventoryAttributes": {"availability": "IN_STOCK", "quantity": "-1"}},
        {"storeCode": "S1", "localInventoryAttributes": {"availability": "IN_STOCK", "quantity": True}},
    ],
)
def test_a_body_of_another_shape_is_refused(body: Any) -> None:
    seller = _seller()
    given = seller.ask("POST", f"{seller.path(PEN)}:insert", {}, body)
    assert (given.status, given.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert seller.shown(PEN) == {"S1": "IN_STOCK"}


def test_a_store_that_is_not_there_where_they_are_named() -> None:
    seller = _seller(stores=["S1"])
    assert [seller.insert(PEN, store, "IN_STOCK").status for store in ("S1", "S9")] == [200, 400]


def test_pages() -> None:
    seller = _seller(page_most=2)
    for store in ("S2", "S3"):
        seller.insert(PEN, store, "IN_STOCK")
    page = seller.ask("GET", seller.path(PEN), {"pageSize": "9"}).json()
    assert [each["storeCode"] for each in page["localInventories"]] == ["S1", "S2"]
    rest = seller.ask("GET", seller.path(PEN), {"pageToken": page["nextPageToken"]}).json()
    assert [each["storeCode"] for each in rest["localInventories"]] == ["S3"]
    assert "nextPageToken" not in rest
    assert seller.ask("GET", seller.path(PEN), {"pageSize": "many"}).status == 400
    assert seller.ask("GET", seller.path(PEN, "regional")).json() == {}


def test_the_token_expires_and_is_of_one_account() -> None:
    seller = _seller(token_life_s=3_600, accounts={"T": AccountSettings()})
    assert seller.login().json()["expires_in"] == 3_600
    other = GoogleSeller(seller.market, "T")
    other.login()
    assert other.ask("GET", seller.path(PEN)).status == 403
    seller.now_ms = 3_600_000
    assert seller.insert(PEN, "S1", "IN_STOCK").status == 401
    seller.login()
    seller.market.faults.switch_on(Fault("oauth_expired"))
    assert seller.insert(PEN, "S1", "IN_STOCK").status == 401


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        (b"grant_type=client_credentials", 400, "unsupported_grant_type"),
        (b"grant_type=refresh_token&refresh_token=x", 400, "invalid_grant"),
        (b"grant_type=refresh_token&refresh_token=refresh-S&client_id=x", 401, "invalid_client"),
    ],
)
def test_a_token_that_is_refused(form: bytes, status: int, code: str) -> None:
    given = _seller().ask("POST", "/token", {}, form)
    assert (given.status, given.json()["error"]) == (status, code)
