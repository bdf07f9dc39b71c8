"""Zalando: the contract, the body as it must be, and what is Zalando's own."""

import json
from typing import Any

import pytest

from feeds.connector import Identity, Item
from feeds.connectors.zalando import Zalando
from feeds.exchange import Observed, Reply, Request
from feeds.outcomes import Fate
from tests.feeds.connectors.answers import TOKEN, answer, form_of
from tests.feeds.connectors.contract import Contract
from tests.feeds.connectors.market import Market, hold

(STOCKS,) = Zalando.operations
OPTIONS = {"merchant_id": "M1", "sales_channel": "DE"}


class ZalandoMarket(Market):
    """Stocks of one merchant."""

    token_s = 3600.0

    def reply(self, request: Request) -> Reply:
        if request.path == "/auth/token":
            assert form_of(request)["grant_type"] == "client_credentials"
            return answer(TOKEN)
        assert (request.method, request.path) == ("POST", "/merchants/M1/stocks")
        items = json.loads(request.body)["items"]
        keys = [(item["sales_channel_id"], item["ean"]) for item in items]
        assert len(set(keys)) == len(keys) <= 1000
        return answer({"items": [{"item": item, "result": self.result(item)} for item in reversed(items)]})

    def result(self, item: Any) -> Any:
        if item["ean"] in self.refuses:
            return {"status": "REJECTED", "code": "2", "description": "unknown"}
        if item["ean"] in self.busy:
            return {"status": "ERROR", "code": "5", "description": "try again"}
        channel = item["sales_channel_id"]
        self.shows[item["ean"], None if channel == "DE" else channel] = item["quantity"]
        return {"status": "ACCEPTED", "code": "0"}


class TestContract(Contract):
    connector_class = Zalando
    market_class = ZalandoMarket
    options = OPTIONS
    secrets = ("client_id", "client_secret")
    locations = (None, "AT")
    keyless = True


def stocks(items: list[Item], reply: Reply) -> Any:
    return hold(Zalando(Identity("account", OPTIONS)).write(STOCKS, items, ""), lambda _: reply).result


def test_the_call() -> None:
    items = [Item("4006381333931", None, 4, 7), Item("4006381333931", "AT", 0, 8)]
    ask = next(Zalando(Identity("account", OPTIONS)).write(STOCKS, items, ""))
    assert (ask.method, ask.path, ask.items) == ("POST", "/merchants/M1/stocks", 2)
    assert json.loads(ask.body) == json.loads("""
        {"items": [{"sales_channel_id": "DE", "ean": "4006381333931", "quantity": 4},
                   {"sales_channel_id": "AT", "ean": "4006381333931", "quantity": 0}]}""")


@pytest.mark.parametrize(
    ("status", "code", "fate"),
    [
        ("ACCEPTED", "0", Fate.APPLIED),
        ("ACCEPTED", "7", Fate.ACCEPTED),
        ("REJECTED", "2", Fate.REJECTED),
        ("ERROR", "5", Fate.LATER),
    ],
)
def test_what_became_of_an_item(status: str, code: str, fate: Fate) -> None:
    item = {"sales_channel_id": "DE", "ean": "1", "quantity": 4}
    told = stocks(
        [Item("1", None, 4, 7)],
        answer({"items": [{"item": item, "result": {"status": status, "code": code}}]}),
    )
    assert told.items[0].fate is fate


def test_an_item_without_a_result() -> None:
    item = {"sales_channel_id": "DE", "ean": "1", "quantity": 4}
    told = stocks(
        [Item("1", None, 4, 7), Item("2", None, 4, 7)],
        answer({"items": [{"item": item, "result": {"status": "ACCEPTED", "code": "0"}}]}),
    )
    assert [outcome.fate for outcome in told.items] == [Fate.APPLIED, Fate.UNKNOWN]


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"date": "Mon, 21 Sep 2026 14:13:20 GMT"}, 40),
        ({"date": "Mon, 21 Sep 2026 14:13:20 GMT", "retry-after": "7"}, 7),
    ],
)
def test_a_limit_blocks_until_the_minute_ends(headers: dict[str, str], wait_s: float | None) -> None:
    told = stocks([Item("1", None, 4, 7)], Reply(429, headers))
    assert told.observed == [Observed("calls", 0, wait_s), Observed("items", 0, wait_s)]


def test_the_token() -> None:
    tokens = Zalando(Identity("account", OPTIONS, {"client_id": "me", "client_secret": "hush"})).authorise()
    assert next(tokens).headers["authorization"] == "Basic bWU6aHVzaA=="
    with pytest.raises(StopIteration) as end:
        tokens.send(answer(TOKEN))
    assert end.value.value == ({"authorization": "Bearer a-token"}, 3600.0)
