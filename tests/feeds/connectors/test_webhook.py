"""Webhooks: the contract, with all that a receiver may answer; the signature, and what options and secrets may be."""

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, ClassVar

import pytest

from feeds.buckets import Bucket, Kind, Weight
from feeds.connector import Identity, Item
from feeds.connectors.webhook import Webhook
from feeds.exchange import Reply, Request
from feeds.outcomes import Answer, Fate, ItemOutcome, Setback, Trouble
from tests.feeds.connectors.answers import answer
from tests.feeds.connectors.contract_reads import ReadContract
from tests.feeds.connectors.contract_whole import WholeContract
from tests.feeds.connectors.market import NOW_MS, Fault, Market, each_fault, hold

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + b64encode(b"another key of 26 bytes ok").decode()
HUSH = "whsec_" + b64encode(b"hush-secret-hush-hush-hush").decode()
OPTIONS = {"path": "/stock"}


def webhook(secrets: Mapping[str, str] | None = None, **options: Any) -> Webhook:
    return Webhook(Identity("shop", {**OPTIONS, **options}, secrets or {"secret": SECRET}))


class Silent(Market):
    """Verifies signatures, takes a call or refuses it, and says nothing. `sender` signs as the line does."""

    def __init__(self, sender: Webhook) -> None:
        super().__init__()
        self.sender = sender
        self.writes: dict[tuple[str, str | None], int] = {}
        self.answered: dict[str, Reply] = {}

    def reply(self, request: Request) -> Reply:
        body = self.verified(self.sender.sign(request, NOW_MS))
        if request.path == "/stock/read":
            return self.read(body["listings"])
        assert request.path == "/stock"
        key = request.headers["webhook-id"]
        if key not in self.answered:
            self.answered[key] = self.take(body["items"])
        return self.answered[key]

    def verified(self, request: Request) -> Any:
        headers = request.headers
        signed = b"%b.%b.%b" % (
            headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), request.body,
        )  # fmt: skip
        key = b64decode(HUSH.removeprefix("whsec_"))
        code = b64encode(hmac.new(key, signed, sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{code}"
        assert headers["webhook-timestamp"] == str(NOW_MS // 1000)
        return json.loads(request.body)

    def take(self, items: list[Any]) -> Reply:
        if len(items) > 100:
            return Reply(413)
        listings = {item["listing"] for item in items}
        if listings & self.refuses:
            return answer({"code": "items", "message": "some are unknown"}, 422)
        if listings & self.busy:
            return answer({"code": "items", "message": "some are locked"}, 409)
        for item in items:
            self.write(item)
        return Reply(204)

    def write(self, item: Any) -> bool:
        of = (item["listing"], item["location"])
        newer = bool(item["write"] >= self.writes.get(of, 0))
        if newer:
            self.writes[of], self.shows[of] = item["write"], item["quantity"]
        return newer

    def read(self, listings: list[Any]) -> Reply:
        asked = [(each["listing"], each["location"]) for each in listings]
        known = [of for of in reversed(asked) if of in self.shows]
        return answer(
            {"items": [{"listing": of[0], "location": of[1], "quantity": self.shows[of]} for of in known]}
        )


class Talkative(Silent):
    """Says what became of each item, in an order of its own."""

    def take(self, items: list[Any]) -> Reply:
        if len(items) > 100:
            return Reply(413)
        return answer({"items": [self.line(item) for item in reversed(items)]})

    def line(self, item: Any) -> Any:
        line = {"listing": item["listing"], "location": item["location"]}
        if item["listing"] in self.refuses:
            return {**line, "status": "rejected", "reason": "unknown"}
        if item["listing"] in self.busy:
            return {**line, "status": "later", "after_s": 20}
        return {**line, "status": "ok" if self.write(item) else "stale"}


class TestSilent(WholeContract):
    connector_class = Webhook
    market_class = Silent
    options: ClassVar = OPTIONS
    secrets = ("secret",)
    locations = (None, "1")

    def secret(self, name: str) -> str:
        return HUSH

    def market(self) -> Silent:
        return Silent(webhook({"secret": HUSH}))

    def key(self, request: Request) -> str | None:
        return request.headers.get("webhook-id")


class TestTalkative(ReadContract):
    connector_class = Webhook
    market_class = Talkative
    options: ClassVar = {**OPTIONS, "read_path": "/stock/read", "items_per_minute": 1000, "every_s": 2}
    secrets = ("secret",)
    locations = (None, "1")
    secret = TestSilent.secret
    key = TestSilent.key

    def market(self) -> Silent:
        return Talkative(webhook({"secret": HUSH}))

    @each_fault
    def test_a_write_that_fails(self, fault: Fault) -> None:
        if fault.name != "empty":  # a call that is answered with nothing was applied
            super().test_a_write_that_fails(fault)


ITEMS = [Item("PEN-BLUE", None, 4, 17, 1_790_000_000_123), Item("ä/1", "2", 0, 18, 1_790_000_000_124)]
POST = webhook().operations[0]


def posted(*replies: Reply, items: list[Item] | None = None) -> Answer:
    told = iter(replies)
    found = hold(webhook().write(POST, items or ITEMS, ""), lambda _: next(told)).result
    assert isinstance(found, Answer)
    return found


def test_the_call() -> None:
    ask = next(webhook().write(POST, ITEMS, ""))
    assert (ask.method, ask.path, ask.query, ask.items, ask.limit) == ("POST", "/stock", {}, 2, "post")
    assert (
        ask.body
        == (
            '{"account":"shop","items":['
            '{"listing":"PEN-BLUE","location":null,"quantity":4,"version":17,"write":1790000000123},'
            '{"listing":"ä/1","location":"2","quantity":0,"version":18,"write":1790000000124}]}'
        ).encode()
    )
    assert ask.headers["content-type"] == "application/json; charset=UTF-8"


def test_the_signature_is_that_of_the_specification() -> None:
    """The vector that its libraries are tried with."""
    ask = Request(
        "POST", "/stock", headers={"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek"}, body=b'{"test": 2432232314}'
    )
    assert webhook().sign(ask, 1_614_265_330_999).headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    bare = {"secret": SECRET.removeprefix("whsec_")}
    assert webhook(bare).sign(ask, 1_614_265_330_999) == webhook().sign(ask, 1_614_265_330_999)


def test_the_time_is_that_of_sending_and_not_of_the_write() -> None:
    """Numbers of writes run ahead of the clock, and a call waits for its limits."""
    ask = next(webhook().write(POST, ITEMS, ""))
    for now_ms in (ITEMS[0].write - 900_000, ITEMS[0].write + 3_600_000):
        assert webhook().sign(ask, now_ms).headers["webhook-timestamp"] == str(now_ms // 1000)


def test_while_a_secret_is_changed_both_sign() -> None:
    ask = next(webhook().write(POST, ITEMS, ""))
    both = webhook({"secret": SECRET, "former_secret": OTHER}).sign(ask, NOW_MS)
    each = [
        webhook({"secret": one}).sign(ask, NOW_MS).headers["webhook-signature"] for one in (SECRET, OTHER)
    ]
    assert both.headers["webhook-signature"].split(" ") == each
    assert each[0] != each[1]


@pytest.mark.parametrize(
    "secret",
    ["whsec_", "whsec_c2hvcnQ=", "whsec_not base64, not at all", "MfKQ9r8GKYqrTwjUPD8ILPZI-2LaLaSw", "é"],
)
@pytest.mark.parametrize("name", ["secret", "former_secret"])
def test_a_secret_that_is_none_is_told_before_anything_is_sent(name: str, secret: str) -> None:
    held = hold(webhook({"secret": SECRET, name: secret}).authorise(), lambda _: Reply(200))
    assert held.requests == []
    assert isinstance(held.result, Setback)
    assert held.result.trouble is Trouble.AUTH
    assert f"the secret {name} is no key: write whsec_" in str(held.result)
    assert secret not in str(held.result).replace("whsec_ and", "")


def test_no_secret() -> None:
    with pytest.raises(ValueError, match="give it the secret secret"):
        Webhook(Identity("shop", OPTIONS))


@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_nothing_is_a_yes(body: bytes) -> None:
    assert {outcome.fate for outcome in posted(Reply(202, {}, body)).items} == {Fate.APPLIED}


@pytest.mark.parametrize("body", [b"OK", b"<html>Log in</html>", b"null", b'{"success": true}', b"[]"])
def test_anything_else_is_not(body: bytes) -> None:
    """It may be a page of somebody else's."""
    told = posted(Reply(200, {}, body))
    assert ({outcome.fate for outcome in told.items}, told.trouble) == ({Fate.UNKNOWN}, Trouble.BROKEN)


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"status": "ok", "reason": "all is well"}, ItemOutcome(Fate.APPLIED)),
        ({"status": "rejected", "reason": "no such pen"}, ItemOutcome(Fate.REJECTED, "no such pen")),
        ({"status": "rejected"}, ItemOutcome(Fate.REJECTED, "rejected")),
        ({"status": "stale"}, ItemOutcome(Fate.STALE, "stale")),
        ({"status": "later", "after_s": 7.5}, ItemOutcome(Fate.LATER, "later", 7.5)),
        ({"status": "later"}, ItemOutcome(Fate.LATER, "later", 300)),
        ({"status": "later", "after_s": 0}, ItemOutcome(Fate.LATER, "later", 300)),
        ({"status": "later", "after_s": -5}, ItemOutcome(Fate.LATER, "later", 300)),
        ({"status": "later", "after_s": "soon"}, ItemOutcome(Fate.LATER, "later", 300)),
        ({"status": "later", "after_s": 86_400}, ItemOutcome(Fate.LATER, "later", 3600)),
        ({"status": "frozen", "after_s": 9}, ItemOutcome(Fate.LATER, "frozen", 9)),
        ({"status": "rejected", "reason": "x" * 900}, ItemOutcome(Fate.REJECTED, "x" * 300)),
    ],
)
def test_what_became_of_an_item(told: dict[str, Any], outcome: ItemOutcome) -> None:
    lines = [{"listing": "ä/1", "location": "2", "status": "ok"}, {"listing": "PEN-BLUE", **told}]
    assert list(posted(answer({"items": lines})).items) == [outcome, ItemOutcome(Fate.APPLIED)]


def test_ids_may_come_back_as_numbers() -> None:
    told = answer({"items": [{"listing": 17, "location": 2, "status": "ok"}]})
    assert posted(told, items=[Item("17", "2", 1, 1, 1)]).items[0].fate is Fate.APPLIED


def test_an_item_without_a_result() -> None:
    """The same listing at another location is another item."""
    told = posted(answer({"items": [{"listing": "PEN-BLUE", "location": "2", "status": "ok"}]}))
    assert [outcome.fate for outcome in told.items] == [Fate.UNKNOWN] * 2


@pytest.mark.parametrize(("status", "again_s"), [(404, 300), (405, 300), (410, 3600)])
def test_where_nobody_is_no_listing_is_rejected(status: int, again_s: float) -> None:
    for items in (ITEMS, ITEMS[:1]):
        told = posted(Reply(status, {}, b'{"code": "gone"}'), items=items)
        assert {outcome.fate for outcome in told.items} == {Fate.RETURNED}
        assert (told.trouble, told.again_s) == (Trouble.BROKEN, again_s)
        assert told.reason == f"{status} gone: nobody takes calls at this path"


def test_a_signature_that_is_not_believed() -> None:
    told = posted(Reply(401))
    assert ({outcome.fate for outcome in told.items}, told.trouble) == ({Fate.RETURNED}, Trouble.AUTH)


def test_it_can_be_read_where_it_says_so() -> None:
    assert webhook().reads_most == 0
    reads = webhook(read_path="/read", most=7)
    assert reads.reads_most == 7
    asks = [next(reads.read_back([("PEN-BLUE", None), ("ä/1", "2")])) for _ in range(2)]
    assert [(ask.method, ask.path, ask.limit, ask.items) for ask in asks] == [
        ("POST", "/read", "read", 1)
    ] * 2
    assert (
        asks[0].body
        == (
            '{"account":"shop","listings":[{"listing":"PEN-BLUE","location":null},{"listing":"ä/1","location":"2"}]}'
        ).encode()
    )
    # Whoever drops ids that he knows must not answer the second question with what he said to the first.
    assert asks[0].headers["webhook-id"] != asks[1].headers["webhook-id"]


def test_an_account_says_what_its_receiver_bears() -> None:
    plain = webhook()
    assert plain.limits == {name: [Bucket("calls", Kind.TOKEN, 5, 1, 5)] for name in ("post", "read")}
    assert (plain.operations[0].most, plain.operations[0].every_s, plain.operations[0].at_once) == (100, 0, 2)
    own = webhook(calls_per_s=0.2, burst=1, items_per_minute=600, most=20, every_s=30, at_once=1)
    calls = Bucket("calls", Kind.TOKEN, 0.2, 1, 1)
    items = Bucket("items", Kind.SLIDING, 600, 60, weight=Weight.ITEMS)
    assert own.limits == {"post": [calls, items], "read": [calls]}
    assert (own.operations[0].most, own.operations[0].every_s, own.operations[0].at_once) == (20, 30, 1)


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("path", "", "give it the option path"),
        ("path", "stock", "write /part/part"),
        ("path", "/a/../b", "write /part/part"),
        ("path", "/..", "write /part/part"),
        ("path", "/a/%2e%2E/b", "write /part/part"),
        ("path", "/a//b", "write /part/part"),
        ("path", "//host/b", "write /part/part"),
        ("path", "/a?token=x", "without query"),
        ("path", "/a b", "percent-encoded"),
        ("path", "/a\r\nx: y", "percent-encoded"),
        ("path", "/a%2", "percent-encoded"),
        ("path", "/ä", "percent-encoded"),
        ("path", "/{account}", "without query, braces"),
        ("read_path", "read", "option read_path: 'read'"),
        ("most", 0, "option most: 0: write a whole number from 1 to 10,000"),
        ("most", "100", "option most: '100'"),
        ("most", True, "option most: True"),
        ("most", 2.5, "option most: 2.5"),
        ("calls_per_s", 0, "write a number from 0.001 to 1000"),
        ("calls_per_s", float("nan"), "write a number from 0.001 to 1000"),
        ("calls_per_s", "5", "option calls_per_s: '5'"),
        ("burst", 0, "option burst: 0"),
        ("at_once", 0, "option at_once: 0"),
        ("every_s", -1, "option every_s: -1"),
        ("items_per_minute", 99, "write a whole number from 100"),
    ],
)
def test_an_option_that_will_not_do(option: str, value: Any, says: str) -> None:
    with pytest.raises(ValueError, match="account shop: ") as error:
        webhook(**{option: value})
    assert says in str(error.value)


@pytest.mark.parametrize("path", ["/", "/stock", "/a/b.c/", "/a%20b/.well-known/...", "/x;y=1,2/@z"])
def test_a_path_that_will_do(path: str) -> None:
    assert next(webhook(path=path).write(POST, ITEMS, "")).path == path
