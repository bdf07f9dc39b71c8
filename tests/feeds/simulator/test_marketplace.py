"""What holds for every channel: the faults on the way of a call, the account's quota, the counts, the determinism."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import feeds.simulator
from feeds.simulator.amazon import Amazon
from feeds.simulator.csv_file import CsvFiles
from feeds.simulator.ebay import Ebay
from feeds.simulator.faults import MENU, Fault, Faults
from feeds.simulator.google import Google
from feeds.simulator.marketplace import Marketplace
from feeds.simulator.messages import Drop, Given
from feeds.simulator.mirakl import Mirakl
from feeds.simulator.shopify import Shopify
from feeds.simulator.walmart import Walmart
from feeds.simulator.webhook import Webhook
from feeds.simulator.zalando import Zalando
from tests.feeds.simulator.ebay_seller import READ, UPDATE, EbaySeller
from tests.feeds.simulator.sellers import (
    ITEM,
    LOCATION,
    AmazonSeller,
    CsvSeller,
    GoogleSeller,
    MiraklSeller,
    ShopifySeller,
    WalmartSeller,
    WebhookSeller,
    ZalandoSeller,
    called,
    level,
    stock,
)


class One:
    """A channel with one listing of account S, showing 5; `write` sets it to so many."""

    def __init__(self, market: Marketplace, seller: Any, listing: str, location: str | None) -> None:
        self.market, self.seller = market, seller
        self.place = market.add_listing("S", listing, location, quantity=5)
        self._written = 0
        if hasattr(seller, "login"):
            seller.login()

    def write(self, quantity: int) -> Given:
        self._written += 1
        match self.seller:
            case AmazonSeller() as amazon:
                return amazon.patch("x", quantity)
            case WalmartSeller() as walmart:
                return walmart.put("x", quantity)
            case ShopifySeller() as shopify:
                return shopify.set(level("1", "1", quantity), key=str(self._written))
            case ZalandoSeller() as zalando:
                return zalando.post(stock("x", quantity))
            case WebhookSeller() as webhook:
                return webhook.post(called("x", quantity, self._written))
            case CsvSeller() as file:
                return file.put(f"x;;{quantity}")
            case MiraklSeller() as mirakl:
                return mirakl.stock(f"x;{quantity}")
            case GoogleSeller() as google:
                said = ("OUT_OF_STOCK", "LIMITED_AVAILABILITY", "IN_STOCK")[min(quantity, 2)]
                return google.insert("de~DE~x", "S1", said)
            case EbaySeller() as ebay:
                return ebay.set("x", quantity)
        raise AssertionError(self.seller)

    def applied_later(self) -> int:
        self.seller.now_ms += 10**8
        self.market.advance(self.seller.now_ms)
        return self.place.applied


def _amazon() -> One:
    market = Amazon(seed=2)
    return One(market, AmazonSeller(market), "x", None)


def _walmart() -> One:
    market = Walmart(seed=2)
    return One(market, WalmartSeller(market), "x", None)


def _shopify() -> One:
    market = Shopify(seed=2)
    return One(market, ShopifySeller(market), ITEM + "1", LOCATION + "1")


def _zalando() -> One:
    market = Zalando(seed=2)
    return One(market, ZalandoSeller(market), "x", "zalando-de")


def _webhook() -> One:
    market = Webhook(seed=2)
    return One(market, WebhookSeller(market), "x", None)


def _csv() -> One:
    market = CsvFiles(seed=2)
    return One(market, CsvSeller(market), "x", None)


def _mirakl() -> One:
    market = Mirakl(seed=2)
    return One(market, MiraklSeller(market), "x", None)


def _google() -> One:
    market = Google(seed=2)
    return One(market, GoogleSeller(market), "de~DE~x", "S1")


def _ebay() -> One:
    market = Ebay(seed=2)
    return One(market, EbaySeller(market), "x", None)


_NAMES = [
    "productType", "patches", "op", "path", "value", "quantity", "fulfillment_channel_code", "sku", "unit", "amount",
    "inventories", "nodes", "shipNode", "inputQty", "InventoryHeader", "Inventory", "version", "items", "ean",
    "sales_channel_id", "query", "variables", "input", "feedType", "marketplaceIds", "inputFeedDocumentId", "offset",
    "requests", "offers", "offerId", "availableQuantity", "shipToLocationAvailability",
    "limit", "pageSize", "pageToken", "nextToken", "identifiers", "identifiersType", "feedTypes", "contentType",
    "listing", "location", "write", "listings",
    "storeCode", "localInventoryAttributes", "regionalInventoryAttributes", "availability", "region", "price",
]  # fmt: skip
_KINDS = ("inventory", "MP_INVENTORY")
_TARGETS = [
    (
        _amazon(),
        [
            ("PATCH", "/listings/2021-08-01/items/S/x"),
            ("GET", "/listings/2021-08-01/items/S"),
            ("GET", "/listings/2021-08-01/items/S/x"),
            ("POST", "/feeds/2021-06-30/documents"),
            ("POST", "/feeds/2021-06-30/feeds"),
            ("GET", "/feeds/2021-06-30/feeds"),
            ("POST", "/auth/o2/token"),
        ],
    ),
    (
        _walmart(),
        [
            ("PUT", "/v3/inventory"),
            ("GET", "/v3/inventory"),
            ("PUT", "/v3/inventories/x"),
            ("GET", "/v3/inventories/x"),
            ("POST", "/v3/feeds"),
            ("GET", "/v3/feeds"),
        ],
    ),
    (_shopify(), [("POST", "/admin/api/2026-07/graphql.json")]),
    (_zalando(), [("POST", "/merchants/S/stocks"), ("GET", "/merchants/S/stocks")]),
    (_webhook(), [("POST", "/stock"), ("POST", "/stock/read")]),
    (_csv(), [("POST", "/stock.csv"), ("PUT", "/inbox/x")]),
    (
        _mirakl(),
        [
            ("POST", "/api/offers/stock/imports"),
            ("GET", "/api/offers/stock/imports/1/status"),
            ("GET", "/api/offers/stock/imports/1/error_report"),
            ("GET", "/api/offers"),
        ],
    ),
    (
        _google(),
        [
            (method, f"/inventories/v1/accounts/S/products/de~DE~x/{kind}Inventories{action}")
            for kind in ("local", "regional")
            for method, action in (("POST", ":insert"), ("GET", ""))
        ],
    ),
    (
        _ebay(),
        [
            ("POST", UPDATE),
            ("POST", READ),
            ("GET", "/sell/inventory/v1/offer"),
            ("POST", "/identity/v1/oauth2/token"),
        ],
    ),
]

_QUICK = [_amazon, _walmart, _shopify, _zalando, _webhook, _csv, _google, _ebay]
every_channel = pytest.mark.parametrize("make", [*_QUICK, _mirakl])
every_quick_channel = pytest.mark.parametrize("make", _QUICK)
"""Those that may be written more than once a minute."""
Make = Callable[[], One]


@every_channel
def test_a_connection_that_breaks_before_or_after_the_effect(make: Make) -> None:
    one = make()
    one.market.faults.switch_on(Fault("drop_before_apply"))
    assert one.write(1).dropped is Drop.BEFORE
    assert one.applied_later() == 5
    one = make()
    one.market.faults.switch_on(Fault("drop_after_apply"))
    assert one.write(1).dropped is Drop.AFTER
    assert one.applied_later() == 1


@every_channel
def test_5xx_and_an_outage_have_no_effect(make: Make) -> None:
    one = make()
    for fault, status in (
        (Fault("http_500"), 500),
        (Fault("http_503"), 503),
        (Fault("outage", status=503), 503),
    ):
        one.market.faults.switch_on(fault)
        assert one.write(1).status == status
        one.market.faults.switch_off(fault.name)
        one.seller.now_ms += 60_000
    one.market.faults.switch_on(Fault("outage"))
    assert one.write(1).dropped is Drop.BEFORE
    assert one.applied_later() == 5


@every_channel
def test_an_outage_ends_with_its_span(make: Make) -> None:
    one = make()
    one.market.faults.switch_on(Fault("outage", until_ms=60_000))
    one.seller.now_ms = 59_999
    assert one.write(1).dropped is Drop.BEFORE
    one.seller.now_ms = 60_000
    assert one.write(1).dropped is Drop.NONE
    assert one.applied_later() == 1


@every_channel
def test_answers_take_their_time_and_longer_when_it_is_slow(make: Make) -> None:
    one = make()
    assert one.write(1).after_ms > 0
    one.market.faults.switch_on(Fault("slow", ms=30_000))
    assert one.write(1).after_ms > 30_000


@every_quick_channel
def test_calls_are_refused_below_the_published_plan_without_exceeding_it(make: Make) -> None:
    for fault in (Fault("throttle_below_plan", share=0.001), Fault("throttle_below_plan", 0.5)):
        one = make()
        one.market.faults.switch_on(fault)
        for n in range(4):
            one.write(n)
            one.seller.now_ms += 1_000
        for n in range(4):
            one.write(n)
            one.seller.now_ms += 1_000
        assert one.market.gate.refused.total() > 0
        assert one.market.gate.exceeded.total() == 0


@every_channel
def test_a_forgotten_write_is_accepted(make: Make) -> None:
    one = make()
    one.market.faults.switch_on(Fault("accepted_never_applied"))
    assert one.write(1).status in (200, 201)
    assert (one.applied_later(), one.place.accepted) == (5, 1)


@every_channel
def test_the_same_seed_gives_the_same_answers_and_history(make: Make) -> None:
    def run() -> tuple[list[Given], list[tuple[int, int]], int]:
        one = make()
        one.market.buyers.come(one.place, 0.05, 0)
        for name in ("http_500", "drop_after_apply", "slow", "out_of_order_apply", "duplicate_orders"):
            one.market.faults.switch_on(Fault(name, 0.3, ms=50))
        answers = []
        for n in range(120):
            one.seller.now_ms += 7_000
            if n % 100 == 99 and hasattr(one.seller, "login"):
                one.market.faults.switch_off("http_500")
                one.market.faults.switch_off("drop_after_apply")
                one.seller.login()
            answers.append(one.write(n % 9))
        one.applied_later()
        return answers, one.place.history, len(one.market.orders())

    assert run() == run()


@every_channel
def test_every_answer_is_counted(make: Make) -> None:
    one = make()
    one.market.faults.switch_on(Fault("outage", until_ms=1))
    one.write(1)
    one.seller.now_ms = 1
    one.write(1)
    writes = {
        "patch_item", "put_inventory", "graphql", "post_stocks", "post_stock", "put_file", "sto01", "local_insert",
        "bulk_update_price_quantity",
    }  # fmt: skip
    statuses = [status for (operation, status), many in one.market.answers.items() if operation in writes]
    assert sorted(statuses) in ([0, 200], [0, 201])


@every_channel
def test_an_account_that_nobody_added_is_named(make: Make) -> None:
    one = make()
    with pytest.raises(KeyError, match="no account nobody"):
        one.market.place("nobody", "x")
    with pytest.raises(KeyError, match="no listing y"):
        one.market.place("S", "y")


def test_a_fault_strikes_as_often_as_it_says_and_only_where_it_should() -> None:
    faults = Faults("1")
    faults.switch_on(Fault("slow", 0.3, from_ms=10, until_ms=20, operations=("a",)))
    assert sum(faults.strikes("slow", 15, "a") is not None for _ in range(10_000)) == pytest.approx(
        3_000, rel=0.1
    )
    assert faults.struck["slow"] == pytest.approx(3_000, rel=0.1)
    assert not any(faults.strikes("slow", 15, "b") for _ in range(100))
    assert not any(faults.strikes("slow", at, "a") for at in (9, 20) for _ in range(100))
    faults.switch_off("slow")
    assert not any(faults.strikes("slow", 15, "a") for _ in range(100))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "gremlins"},
        {"name": "slow", "probability": 1.5},
        {"name": "slow", "share": 2.0},
        {"name": "throttle_below_plan", "share": 0.0},
    ],
)
def test_a_fault_that_is_not_on_the_menu_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="fault"):
        Fault(**wrong)
    with pytest.raises(ValueError, match="there are"):
        Faults("1").switch_off("gremlins")


def test_every_fault_of_the_menu_is_drawn_somewhere() -> None:
    folder = Path(feeds.simulator.__file__).parent
    code = "".join(path.read_text() for path in folder.glob("*.py") if path.name != "faults.py")
    assert [name for name in MENU if f'"{name}"' not in code] == []


def test_the_whole_plan_is_in_force_again_from_the_end_of_the_fault_on() -> None:
    one = _amazon()
    one.market.faults.switch_on(Fault("throttle_below_plan", share=0.2, until_ms=10_000))
    for n in range(50):
        one.seller.now_ms = n * 200
        one.write(1)
    assert one.market.gate.refused["patch_item"] == 50 - 10
    one.seller.now_ms = 11_000
    assert [one.write(1).status for _ in range(6)] == [200] * 5 + [429]
    assert one.market.gate.exceeded["patch_item"] == 1


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**10) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150)
@given(
    content=_values,
    query=st.dictionaries(st.sampled_from(_NAMES), st.sampled_from(["", "-1", "2", "x", "SKU"])),
)
def test_whatever_is_sent_is_answered(content: Any, query: dict[str, str]) -> None:
    for one, paths in _TARGETS:
        one.seller.now_ms += 1_000
        for method, path in paths:
            reply = one.seller.ask(method, path, query, content, {"x-shopify-access-token": "access-S"})
            assert reply.status in (200, 201, 202, 400, 401, 403, 404, 413, 429), (method, path, reply)


@settings(max_examples=100)
@given(
    st.lists(
        st.dictionaries(st.sampled_from([*_NAMES, "messageId", "operationType", "shipNodes"]), _values),
        min_size=1,
    )
)
def test_whatever_is_in_a_feed_is_reported(items: list[dict[str, Any]]) -> None:
    amazon, walmart = _TARGETS[0][0], _TARGETS[1][0]
    for one in (amazon, walmart):
        one.seller.now_ms += 50_000_000
        one.seller.login()
    feed_id = amazon.seller.feed([{**each, "sku": "x"} for each in items]).json()["feedId"]
    ids = [
        walmart.seller.feed([{**each, "sku": "x"} for each in items], kind).json()["feedId"]
        for kind in _KINDS
    ]
    for one in (amazon, walmart):
        one.seller.now_ms += 50_000_000
        one.seller.login()
    assert amazon.seller.report(feed_id).json()["summary"]["messagesProcessed"] == len(items)
    for each in ids:
        assert walmart.seller.state(each).json()["itemsProcessing"] == 0
