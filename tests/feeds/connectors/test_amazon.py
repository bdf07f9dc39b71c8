"""Amazon: the contract, the bodies as they must be, and what is Amazon's own."""

import gzip
import json
from typing import Any
from urllib.parse import unquote

import pytest

from feeds.connector import Identity, Item
from feeds.connectors.amazon import Amazon
from feeds.exchange import Observed, Reply, Request
from feeds.outcomes import Fate, Trouble
from tests.feeds.connectors.answers import CREATED, TOKEN, answer, form_of
from tests.feeds.connectors.contract_bulk import BulkContract
from tests.feeds.connectors.contract_reads import ReadContract
from tests.feeds.connectors.market import NOW_MS, Market, hold
from tests.feeds.connectors.trial import INTENT

PATCH, FEED = Amazon.operations
OPTIONS = {"seller_id": "SELLER", "marketplace_ids": "MARKET-1,MARKET-2"}


class AmazonMarket(Market):
    """Patches and feeds of one seller."""

    token_s = 3600.0

    def __init__(self) -> None:
        super().__init__()
        self.documents: dict[str, Any] = {}
        self.feeds: list[dict[str, Any]] = []

    def reply(self, request: Request) -> Reply:
        path = request.path.split("/")
        match request.method, path[1:]:
            case "POST", ["auth", "o2", "token"]:
                assert form_of(request)["grant_type"] == "refresh_token"
                return answer(TOKEN)
            case "PATCH", ["listings", "2021-08-01", "items", "SELLER", sku]:
                return self.patched(unquote(sku), json.loads(request.body))
            case "GET", ["listings", "2021-08-01", "items", "SELLER"]:
                skus = request.query["identifiers"].split(",")
                return answer({"items": [self.listing(sku) for sku in skus if self.of(sku)]})
            case "GET", ["listings", "2021-08-01", "items", "SELLER", sku]:
                return answer(self.listing(unquote(sku))) if self.of(unquote(sku)) else Reply(404)
            case "POST", ["feeds", "2021-06-30", "documents"]:
                return answer({"feedDocumentId": "document-1", "url": "https://upload.example/1?signed"}, 201)
            case "PUT", ["", "upload.example", "1?signed"]:
                self.documents["document-1"] = json.loads(request.body)
                return Reply(200)
            case "POST", ["feeds", "2021-06-30", "feeds"]:
                assert json.loads(request.body)["inputFeedDocumentId"] == "document-1"
                self.feeds.append(
                    {"feedId": "feed-1", "createdTime": CREATED, "feedType": "JSON_LISTINGS_FEED"}
                )
                return answer({"feedId": "feed-1"}, 202)
            case "GET", ["feeds", "2021-06-30", "feeds"]:
                return answer(
                    {
                        "feeds": [
                            feed
                            for feed in self.feeds
                            if feed["createdTime"] >= request.query["createdSince"]
                        ]
                    }
                )
            case "GET", ["feeds", "2021-06-30", "feeds", "feed-1"]:
                state = {"open": "IN_PROGRESS", "closed": "DONE", "failed": "FATAL"}[self.stands]
                report = {"resultFeedDocumentId": "report-1"} if state == "DONE" else {}
                return answer({**self.feeds[0], "processingStatus": state, **report})
            case "GET", ["feeds", "2021-06-30", "documents", "report-1"]:
                return answer({"url": "https://upload.example/report", "compressionAlgorithm": "GZIP"})
            case "GET", ["", "upload.example", "report"]:
                return Reply(200, {}, gzip.compress(json.dumps(self.report()).encode()))
        raise AssertionError(f"Amazon has no {request.method} {request.path}")

    def of(self, sku: str) -> bool:
        return any(listing == sku for listing, _ in self.shows)

    def patched(self, sku: str, body: Any) -> Reply:
        (patch,) = body["patches"]
        (value,) = patch["value"]
        if sku in self.refuses:
            issue = {"code": "13013", "message": "unknown", "severity": "ERROR"}
            return answer({"sku": sku, "status": "INVALID", "issues": [{"severity": "WARNING"}, issue]})
        if sku in self.busy:
            issue = {"code": "99999", "message": "try again", "severity": "ERROR"}
            return answer({"sku": sku, "status": "INVALID", "issues": [issue]})
        channel = value["fulfillment_channel_code"]
        self.shows[sku, None if channel == "DEFAULT" else channel] = value["quantity"]
        return answer({"sku": sku, "status": "ACCEPTED", "submissionId": "1", "issues": []})

    def listing(self, sku: str) -> Any:
        entries = [
            {"fulfillmentChannelCode": location or "DEFAULT", "quantity": quantity}
            for (of, location), quantity in self.shows.items()
            if of == sku
        ]
        return {"sku": sku, "summaries": [], "fulfillmentAvailability": entries}

    def report(self) -> Any:
        messages = self.documents["document-1"]["messages"]
        results = [(message, self.patched(message["sku"], message).json()) for message in messages]
        wrong = [
            {"messageId": message["messageId"], "sku": message["sku"], **issue}
            for message, result in results
            for issue in result["issues"]
        ]
        invalid = sum(result["status"] == "INVALID" for _, result in results)
        summary = {"messagesAccepted": len(messages) - invalid, "messagesInvalid": invalid}
        return {"issues": wrong, "summary": summary}


class TestContract(BulkContract, ReadContract):
    connector_class = Amazon
    market_class = AmazonMarket
    options = OPTIONS
    secrets = ("client_id", "client_secret", "refresh_token")
    keyless = True


class TestOtherChannel(TestContract):
    """Listings that another fulfilment channel keeps."""

    locations = ("AMAZON_NA",)


def amazon() -> Amazon:
    return Amazon(Identity("account", OPTIONS))


def patched(reply: Reply) -> Any:
    return hold(amazon().write(PATCH, [Item("SKU", None, 4, 7)], ""), lambda _: reply).result


def test_the_patch() -> None:
    item = Item("A/1 ü", None, 4, 7, attributes={"product_type": "SHIRT"})
    ask = next(amazon().write(PATCH, [item], ""))
    assert (ask.method, ask.path) == ("PATCH", "/listings/2021-08-01/items/SELLER/A%2F1%20%C3%BC")
    assert ask.query == {"marketplaceIds": "MARKET-1,MARKET-2"}
    assert json.loads(ask.body) == json.loads("""
        {"productType": "SHIRT", "patches": [{"op": "merge", "path": "/attributes/fulfillment_availability",
         "value": [{"fulfillment_channel_code": "DEFAULT", "quantity": 4}]}]}""")


def test_the_feed() -> None:
    market = AmazonMarket()
    items = [Item("A", None, 4, 7), Item("B", "AMAZON_EU", 0, 8)]
    held = hold(amazon().write(FEED, items, INTENT), market.reply)
    assert [(ask.method, ask.path, ask.limit) for ask in held.requests] == [
        ("POST", "/feeds/2021-06-30/documents", "document"),
        ("PUT", "https://upload.example/1?signed", None),
        ("POST", "/feeds/2021-06-30/feeds", "feed"),
    ]
    # What the document was announced as it must be sent as.
    announced = json.loads(held.requests[0].body)["contentType"]
    assert held.requests[1].headers["content-type"] == announced
    assert market.documents["document-1"] == json.loads("""
        {"header": {"sellerId": "SELLER", "version": "2.0", "issueLocale": "en_US"}, "messages": [
          {"messageId": 1, "sku": "A", "operationType": "PATCH", "productType": "PRODUCT", "patches": [
            {"op": "merge", "path": "/attributes/fulfillment_availability",
             "value": [{"fulfillment_channel_code": "DEFAULT", "quantity": 4}]}]},
          {"messageId": 2, "sku": "B", "operationType": "PATCH", "productType": "PRODUCT", "patches": [
            {"op": "merge", "path": "/attributes/fulfillment_availability",
             "value": [{"fulfillment_channel_code": "AMAZON_EU", "quantity": 0}]}]}]}""")
    assert json.loads(held.requests[2].body) == {
        "feedType": "JSON_LISTINGS_FEED",
        "marketplaceIds": ["MARKET-1", "MARKET-2"],
        "inputFeedDocumentId": "document-1",
    }


def test_invalid_is_a_200() -> None:
    issues = [
        {"code": "8", "message": "no", "severity": "WARNING"},
        {"code": "9", "message": "bad", "severity": "ERROR"},
    ]
    told = patched(answer({"sku": "SKU", "status": "INVALID", "issues": issues}))
    assert (told.items[0].fate, told.items[0].reason) == (Fate.REJECTED, "9: bad")
    assert patched(answer({"sku": "SKU", "status": "INVALID"})).items[0].fate is Fate.REJECTED
    # A preview changes nothing; we never ask for one.
    assert patched(answer({"sku": "SKU", "status": "VALID"})).items[0].fate is Fate.UNKNOWN


def test_the_plan_and_whose_limit_it_was() -> None:
    told = patched(answer({"sku": "SKU", "status": "ACCEPTED"}, headers={"x-amzn-ratelimit-limit": "2.5"}))
    assert told.observed == [Observed("patch", rate=2.5)]
    for lie in ("0", "-1", "nan", "fast"):
        assert patched(answer({"status": "ACCEPTED"}, headers={"x-amzn-ratelimit-limit": lie})).observed == []
    for level, bucket in (("the account", "patch"), ("Application level", "application")):
        body = {
            "errors": [
                {"code": "QuotaExceeded", "message": f"You exceeded the quota of {level}", "details": ""}
            ]
        }
        told = patched(answer(body, 429))
        assert told.trouble is Trouble.THROTTLED
        assert "QuotaExceeded" in told.reason
        assert told.observed == [Observed(bucket, left=0)]


def followed(*replies: Reply) -> Any:
    left = iter(replies)
    return hold(
        amazon().follow("1", [Item("A", None, 4, 7), Item("B", None, 5, 8)]), lambda _: next(left)
    ).result


@pytest.mark.parametrize(
    ("state", "fate"), [("FATAL", Fate.UNKNOWN), ("CANCELLED", Fate.RETURNED), ("DONE", Fate.UNKNOWN)]
)
def test_a_feed_without_a_report(state: str, fate: Fate) -> None:
    progress = followed(answer({"processingStatus": state}))
    assert [outcome.fate for outcome in progress.answer.items] == [fate, fate]
    assert progress.answer.trouble is Trouble.BROKEN


def test_a_fatal_feed_is_unknown_whatever_its_report_says() -> None:
    progress = followed(answer({"processingStatus": "FATAL", "resultFeedDocumentId": "report"}))
    assert [outcome.fate for outcome in progress.answer.items] == [Fate.UNKNOWN, Fate.UNKNOWN]


def test_the_report() -> None:
    done, place = (
        answer({"processingStatus": "DONE", "resultFeedDocumentId": "r"}),
        answer({"url": "https://r.example"}),
    )

    def fates(accepted: int, *issues: Any) -> list[Fate]:
        report = {"issues": list(issues), "summary": {"messagesAccepted": accepted}}
        return [outcome.fate for outcome in followed(done, place, answer(report)).answer.items]

    bad = {"messageId": 2, "sku": "B", "code": "1", "severity": "ERROR", "message": "no"}
    assert fates(2) == [Fate.APPLIED, Fate.APPLIED]
    assert fates(2, bad | {"severity": "WARNING"}) == [Fate.APPLIED, Fate.APPLIED]
    assert fates(1, bad) == [Fate.APPLIED, Fate.REJECTED]
    assert fates(1, bad | {"code": "99999"}) == [Fate.APPLIED, Fate.LATER]
    # One was neither accepted nor objected to.
    assert fates(1) == [Fate.UNKNOWN, Fate.UNKNOWN]
    damaged = followed(
        done, answer({"url": "https://r.example", "compressionAlgorithm": "GZIP"}), Reply(200, {}, b"x")
    )
    assert damaged.answer is None


def test_several_feeds_since() -> None:
    """Ours is the first: nothing else is sent before it was looked for."""
    feeds = [
        {"feedId": "2", "createdTime": "2026-09-21T14:13:21Z"},
        {"feedId": "1", "createdTime": "2026-09-21T14:13:20Z"},
    ]
    held = hold(amazon().find(INTENT, NOW_MS + 999), lambda _: answer({"feeds": feeds}))
    assert held.result == "1"
    assert held.requests[0].query == {
        "feedTypes": "JSON_LISTINGS_FEED",
        "createdSince": "2026-09-21T14:13:20Z",
        "pageSize": "100",
    }


def test_the_token_service_may_have_another_host() -> None:
    secrets = {name: name for name in ("client_id", "client_secret", "refresh_token")}
    tokens = Amazon(
        Identity("account", {**OPTIONS, "token_url": "https://login.example/t"}, secrets)
    ).authorise()
    ask = next(tokens)
    assert (ask.path, ask.secret) == ("https://login.example/t", True)
    assert form_of(ask) == {"grant_type": "refresh_token", **secrets}
    with pytest.raises(StopIteration) as end:
        tokens.send(answer(TOKEN))
    assert end.value.value == ({"x-amz-access-token": "a-token"}, 3600.0)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match="account a: give it the option seller_id"):
        Amazon(Identity("a"))
    with pytest.raises(ValueError, match="account a: give it the secret client_id"):
        next(Amazon(Identity("a", OPTIONS)).authorise())
