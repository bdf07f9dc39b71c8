"""A receiver of webhooks: what it verifies, what it drops, what it says."""

from typing import Any

import pytest

from feeds.simulator.channel_settings import AccountSettings
from feeds.simulator.faults import Fault
from feeds.simulator.webhook import Webhook, secret_of
from feeds.simulator.webhook_settings import WebhookSettings
from tests.feeds.simulator.sellers import WebhookSeller, called

NOW_MS = 1_790_000_000_000


def _seller(**settings: Any) -> WebhookSeller:
    market = Webhook(WebhookSettings(**settings), seed=5)
    for listing in ("a", "b"):
        market.add_listing("S", listing, quantity=5, now_ms=NOW_MS)
    return WebhookSeller(market, now_ms=NOW_MS)


def _statuses(given: Any) -> list[str]:
    return [each["status"] for each in given.json()["items"]]


def test_items_are_answered_one_by_one() -> None:
    seller = _seller()
    given = seller.post(called("b", 0, 8), called("a", 9, 7), called("c", 1, 9), called("a", 1, 9, "DC 1"))
    assert given.json()["items"][:2] == [
        {"listing": "b", "location": None, "status": "ok"},
        {"listing": "a", "location": None, "status": "ok"},
    ]
    assert _statuses(given) == ["ok", "ok", "rejected", "rejected"]
    assert seller.read("a", "b", "c") == {"a": 9, "b": 0}


def test_or_with_nothing() -> None:
    seller = _seller(results=False)
    assert (seller.post(called("a", 9, 7)).status, seller.post(called("a", 9, 7)).body) == (200, b"")
    assert seller.post(called("a", 1, 8), called("c", 1, 8)).status == 422
    seller.market.faults.switch_on(Fault("partial_items", share=1.0))
    assert seller.post(called("a", 1, 9)).status == 409
    assert seller.read("a") == {"a": 9}


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook_signature": ""},
        {"webhook_signature": "v1,AAAA"},
        {"webhook_signature": "é"},
        {"webhook_id": ""},
        {"webhook_timestamp": ""},
        {"webhook_timestamp": "now"},
        {"webhook_timestamp": "²"},
        {"webhook_timestamp": "1789999699"},
        {"webhook_timestamp": "1790000301"},
    ],
)
def test_what_is_not_signed_now_by_somebody_known_is_refused(headers: dict[str, str]) -> None:
    seller = _seller()
    assert seller.post(called("a", 9, 7), **headers).status == 401
    assert seller.market.shelf.get("S", "a").applied == 5  # type: ignore[union-attr]


def test_a_signature_is_of_this_body() -> None:
    seller = _seller()
    seen = []
    handle = seller.market.handle
    seller.market.handle = lambda received, now_ms: seen.append(received) or handle(received, now_ms)  # type: ignore[method-assign,func-returns-value]
    assert seller.post(called("a", 9, 7)).status == 200
    (received,) = seen
    forged = received._replace(body=received.body.replace(b'"quantity": 9', b'"quantity": 8'))
    assert forged.body != received.body
    assert handle(forged, NOW_MS).status == 401
    both = {**received.headers, "webhook-signature": "v1a,x v1,AA== " + received.headers["webhook-signature"]}
    assert handle(received._replace(headers=both), NOW_MS).status == 200


@pytest.mark.parametrize("stamp", ["1789999700", "1790000300"])
def test_five_minutes_are_tolerated(stamp: str) -> None:
    assert _seller().post(called("a", 9, 7), webhook_timestamp=stamp).status == 200


def test_each_account_has_its_key() -> None:
    key = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    seller = _seller(accounts={"T": AccountSettings(client_secret=f"whsec_{key}")})
    seller.market.add_listing("T", "a", quantity=1, now_ms=NOW_MS)
    other = WebhookSeller(seller.market, "T", NOW_MS)
    other.key = key
    assert _statuses(other.post(called("a", 7, 1))) == ["ok"]
    assert (other.read("a"), seller.read("a")) == ({"a": 7}, {"a": 5})
    other.key = secret_of("nobody").removeprefix("whsec_")
    assert other.post(called("a", 7, 1)).status == 401
    with pytest.raises(ValueError, match="account U: write client_secret as whsec_ and base64"):
        seller.market.add_account("U", AccountSettings(client_secret="whsec_ä or so"))


def test_an_older_write_is_dropped() -> None:
    seller = _seller()
    told = [
        _statuses(seller.post(called("a", quantity, write))) for quantity, write in ((1, 7), (2, 6), (3, 7))
    ]
    assert told == [["ok"], ["stale"], ["ok"]]
    assert seller.read("a") == {"a": 3}
    assert _statuses(seller.post(called("b", 1, 6))) == ["ok"]


def test_a_call_that_comes_again_does_nothing() -> None:
    seller = _seller()
    first = seller.post(called("a", 1, 7), called("c", 1, 7), webhook_id="x")
    again = seller.post(called("a", 2, 8), webhook_id="x")
    assert again.json() == first.json()
    assert seller.read("a") == {"a": 1}
    seller.now_ms += 299_999
    assert seller.post(called("a", 3, 9), webhook_id="x").json() == first.json()
    seller.now_ms += 1
    assert _statuses(seller.post(called("a", 3, 9), webhook_id="x")) == ["ok"]
    assert seller.read("a") == {"a": 3}


def test_a_call_that_was_refused_may_come_again() -> None:
    seller = _seller(results=False)
    seller.market.faults.switch_on(Fault("partial_items", share=1.0))
    assert seller.post(called("a", 1, 7), webhook_id="x").status == 409
    seller.market.faults.switch_off("partial_items")
    assert seller.post(called("a", 1, 7), webhook_id="x").status == 200
    assert seller.read("a") == {"a": 1}


@pytest.mark.parametrize(
    ("items", "status"),
    [
        ([], 400),
        (["a"], 400),
        ([called("a", -1, 1)], 400),
        ([called("a", 1.5, 1)], 400),
        ([called("a", True, 1)], 400),
        ([called("a", 1, "1")], 400),
        ([{"listing": "a", "quantity": 1, "version": 1, "write": 1}], 400),
        ([{**called("a", 1, 1), "location": 7}], 400),
        ([called("a", 1, 1)] * 101, 413),
    ],
)
def test_a_call_of_another_shape_is_refused_as_a_whole(items: list[Any], status: int) -> None:
    seller = _seller()
    assert seller.post(called("a", 9, 1)).status == 200
    assert seller.post(*items).status == status
    assert seller.read("a") == {"a": 9}


@pytest.mark.parametrize("content", [b"", b"[", [], {"listings": 7}, {"listings": ["a"]}, {}])
def test_a_question_of_another_shape(content: Any) -> None:
    seller = _seller()
    assert seller.ask("POST", "/stock/read", content=content).status == 400
    assert seller.ask("POST", "/stock", content=content).status == 400


def test_five_calls_a_second() -> None:
    seller = _seller()
    given = [seller.post(called("a", n, n)) for n in range(6)]
    assert [each.status for each in given] == [200] * 5 + [429]
    assert given[-1].header("Retry-After") == "1"
    quiet = _seller(retry_after=False)
    assert [quiet.post(called("a", n, n)).header("Retry-After") for n in range(6)] == [None] * 6
    seller.now_ms += 200
    assert seller.post(called("a", 9, 9)).status == 200
    assert seller.market.gate.exceeded["calls"] == 1


def test_it_may_be_gone() -> None:
    seller = _seller()
    seller.market.faults.switch_on(Fault("outage", status=410))
    assert seller.post(called("a", 9, 7)).status == 410
    assert seller.ask("POST", "/elsewhere").status == 404


def test_items_that_fail_have_a_reason() -> None:
    seller = _seller()
    for fault, status in (("partial_items", "later"), ("invalid_items", "rejected")):
        seller.market.faults.switch_on(Fault(fault, share=1.0))
        (told,) = seller.post(called("a", 9, 7)).json()["items"]
        assert told["status"] == status
        assert told["reason"]
        assert told.get("after_s") == (60 if status == "later" else None)
    assert seller.read("a") == {"a": 5}
