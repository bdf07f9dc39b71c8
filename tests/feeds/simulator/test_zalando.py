from typing import Any

import pytest

from feeds.simulator.channel_settings import AccountSettings
from feeds.simulator.faults import Fault
from feeds.simulator.spread import Spread
from feeds.simulator.zalando import Zalando
from feeds.simulator.zalando_settings import ZalandoSettings
from tests.feeds.simulator.sellers import ZalandoSeller, stock


def _seller(**settings: Any) -> ZalandoSeller:
    market = Zalando(ZalandoSettings(**{"apply": Spread(), **settings}), seed=5)
    for ean in ("e1", "e2"):
        market.add_listing("S", ean, "zalando-de", quantity=5)
    seller = ZalandoSeller(market)
    seller.login()
    return seller


def test_items_are_answered_one_by_one() -> None:
    seller = _seller()
    items = [stock("e1", 9), stock("e2", -1), stock("e2", 4, "zalando-xx")]
    given = seller.post(*items)
    assert given.status == 200
    answers = given.json()["items"]
    assert [each["item"] for each in answers] == items
    assert answers[0]["result"] == {"status": "ACCEPTED", "code": "0"}
    assert [each["result"]["status"] for each in answers] == ["ACCEPTED", "REJECTED", "REJECTED"]
    assert seller.shown("e1", "e2", "e3") == {"e1": 9, "e2": 5}


@pytest.mark.parametrize(
    "items",
    [
        [],
        [stock("e1", 1), stock("e1", 2)],
        [{"ean": "e1", "quantity": 1}],
        [stock("e1", "1")],
        [stock("e1", True)],
        [{**stock("e1", 1), "ean": 7}],
        ["e1"],
        [stock(str(n), 1) for n in range(1001)],
    ],
)
def test_a_batch_of_another_shape_is_refused_as_a_whole(items: list[Any]) -> None:
    seller = _seller()
    given = seller.post(*items)
    assert given.status == 400
    assert given.header("content-type") == "application/problem+json"
    assert seller.shown("e1") == {"e1": 5}


def test_sixty_calls_a_minute_of_the_clock() -> None:
    seller = _seller()
    seller.now_ms = 30_000
    assert [seller.post(stock("e1", n)).status for n in range(61)] == [200] * 60 + [429]
    seller.now_ms = 59_999
    assert seller.post(stock("e1", 1)).status == 429
    seller.now_ms = 60_000
    assert seller.post(stock("e1", 1)).status == 200
    assert seller.market.gate.exceeded["post_stocks"] == 2


def test_two_thousand_items_a_minute_and_then_nothing_until_it_ends() -> None:
    seller = _seller()
    many = [stock(f"x{n}", 1) for n in range(900)]
    assert [seller.post(*many).status for _ in range(3)] == [200, 200, 429]
    assert seller.post(stock("e1", 1)).status == 429
    seller.now_ms = 60_000
    assert seller.post(stock("e1", 1)).status == 200


def test_an_unknown_article_is_taken_and_released_late_over_what_is_newer() -> None:
    seller = _seller()
    assert seller.post(stock("new", 9)).json()["items"][0]["result"]["status"] == "ACCEPTED"
    place = seller.market.place("S", "new", "zalando-de")
    assert (place.applied, place.accepted, seller.shown("new")) == (0, 9, {})
    seller.market.onboard(place, 1_000)
    seller.now_ms = 2_000
    seller.post(stock("new", 0))
    assert seller.shown("new") == {"new": 0}
    seller.now_ms = 601_000
    assert seller.shown("new") == {"new": 9}


def test_accounts_of_one_merchant_share_its_listings_and_its_quota() -> None:
    accounts = {name: AccountSettings(merchant="M") for name in ("a", "b")}
    market = Zalando(ZalandoSettings(accounts=accounts, apply=Spread()), seed=5)
    market.add_listing("a", "e1", "zalando-de")
    one, other = ZalandoSeller(market, "a"), ZalandoSeller(market, "b")
    for seller in (one, other):
        seller.merchant = "M"
        seller.login()
    assert [one.post(stock("e1", n)).status for n in range(40)] == [200] * 40
    assert [other.post(stock("e1", n)).status for n in range(21)] == [200] * 20 + [429]
    assert one.shown("e1") == {"e1": 19}
    one.merchant = "S"
    assert one.post(stock("e1", 1)).status == 403


def test_a_429_says_when_only_where_it_is_set_so() -> None:
    for says, header in ((False, None), (True, "60")):
        seller = _seller(retry_after=says)
        for _ in range(61):
            given = seller.post(stock("e1", 1))
        assert (given.status, given.header("Retry-After")) == (429, header)


def test_the_token_is_fetched_and_expires() -> None:
    seller = _seller()
    seller.now_ms = 7_200_000
    assert seller.post(stock("e1", 1)).status == 401
    seller.login()
    assert seller.post(stock("e1", 1)).status == 200
    assert seller.ask("POST", "/auth/token", {}, b"grant_type=client_credentials").status == 401


def test_some_items_of_a_batch_fail() -> None:
    seller = _seller()
    seller.market.faults.switch_on(Fault("partial_items", share=0.5))
    items = [stock(f"x{n}", 1) for n in range(100)]
    statuses = [each["result"]["status"] for each in seller.post(*items).json()["items"]]
    assert 25 < statuses.count("ERROR") < 75
    assert set(statuses) == {"ERROR", "ACCEPTED"}


def test_reading_names_its_articles() -> None:
    seller = _seller()
    assert seller.ask("GET", "/merchants/S/stocks").status == 400
