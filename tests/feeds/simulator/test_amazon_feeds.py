import gzip
import json

import pytest

from feeds.simulator.amazon import Amazon
from feeds.simulator.amazon_settings import AmazonSettings
from feeds.simulator.faults import Fault
from feeds.simulator.feeds_queue import FeedSettings
from feeds.simulator.messages import Drop
from feeds.simulator.spread import Spread
from tests.feeds.simulator.sellers import AmazonSeller, messages_of, patch_of

TAKES = 300_000


def _seller(listings: int = 10, **settings: object) -> AmazonSeller:
    feed = FeedSettings(service=Spread(TAKES, TAKES))
    given = AmazonSettings(**{"feed": feed, "apply": Spread(), "token_life_s": 10**6, **settings})  # type: ignore[arg-type]
    market = Amazon(given, seed=5)
    for n in range(listings):
        market.add_listing("S", f"s{n}", quantity=100)
    seller = AmazonSeller(market)
    seller.login()
    return seller


def test_a_feed_is_queued_processed_and_reported() -> None:
    seller = _seller()
    given = seller.feed({"s0": 1, "s1": 2, "nobody": 3, "s2": -1})
    assert given.status == 202
    first, second = given.json()["feedId"], seller.feed({"s0": 7}).json()["feedId"]
    assert seller.state(first)["processingStatus"] == "IN_PROGRESS"
    assert seller.state(second)["processingStatus"] == "IN_QUEUE"
    assert seller.shown("s0") == {"s0": 100}
    seller.now_ms = TAKES
    state = seller.state(first)
    assert (state["processingStatus"], state["processingEndTime"]) == ("DONE", "1970-01-01T00:05:00Z")
    report = seller.report(first).json()
    assert [(each["messageId"], each["sku"], each["code"]) for each in report["issues"]] == [
        (3, "nobody", "13013"),
        (4, "s2", "90244"),
    ]
    summary = {
        "errors": 2,
        "warnings": 0,
        "messagesProcessed": 4,
        "messagesAccepted": 2,
        "messagesInvalid": 2,
    }
    assert report["summary"] == summary
    assert seller.shown("s0", "s1", "s2") == {"s0": 1, "s1": 2, "s2": 100}
    seller.now_ms = 2 * TAKES
    assert seller.shown("s0") == {"s0": 7}


def test_a_feed_overwrites_what_was_patched_while_it_waited() -> None:
    seller = _seller()
    seller.feed({"s0": 50})
    seller.now_ms = TAKES // 2
    seller.patch("s0", 0)
    assert seller.shown("s0") == {"s0": 0}
    seller.now_ms = TAKES
    assert seller.shown("s0") == {"s0": 50}


def test_a_failed_feed_has_applied_some_of_its_messages() -> None:
    seller = _seller(400)
    seller.market.faults.switch_on(Fault("feed_fatal_partial", share=0.25))
    feed_id = seller.feed({f"s{n}": 1 for n in range(400)}).json()["feedId"]
    seller.now_ms = TAKES
    state = seller.state(feed_id)
    assert state["processingStatus"] == "FATAL"
    assert "resultFeedDocumentId" not in state
    applied = sum(seller.market.place("S", f"s{n}").applied == 1 for n in range(400))
    assert 60 < applied < 140


def test_some_messages_fail_and_the_report_names_them() -> None:
    seller = _seller(200)
    seller.market.faults.switch_on(Fault("partial_items", share=0.5))
    feed_id = seller.feed({f"s{n}": 1 for n in range(200)}).json()["feedId"]
    seller.now_ms = TAKES
    report = seller.report(feed_id).json()
    wrong = {each["sku"] for each in report["issues"]}
    assert 60 < len(wrong) < 140
    for n in range(200):
        assert seller.market.place("S", f"s{n}").applied == (100 if f"s{n}" in wrong else 1)


@pytest.mark.parametrize(
    "document",
    [
        b"not json",
        {"header": {"sellerId": "S", "version": "1.0"}, "messages": messages_of({"s0": 1})},
        {"header": {"sellerId": "OTHER", "version": "2.0"}, "messages": messages_of({"s0": 1})},
        {"header": {"sellerId": "S", "version": "2.0"}, "messages": []},
        {"header": {"sellerId": "S", "version": "2.0"}, "messages": [{}] * 26},
        b" " * 3_000,
    ],
)
def test_a_document_that_cannot_be_read_ends_fatal(document: object) -> None:
    seller = _seller(messages_most=25, bytes_most=2_900)
    feed_id = seller.hand_in(seller.document(document)).json()["feedId"]
    seller.now_ms = TAKES
    assert seller.state(feed_id)["processingStatus"] == "FATAL"
    assert seller.market.place("S", "s0").applied == 100


def test_messages_of_another_shape_are_reported_one_by_one() -> None:
    seller = _seller()
    good = {"messageId": 1, "sku": "s0", "operationType": "PATCH", **patch_of(1)}
    messages = [
        good,
        good,
        {**good, "messageId": 0},
        {**good, "messageId": 4, "operationType": "SET"},
        {**good, "messageId": 5, "operationType": "UPDATE"},
        {**good, "messageId": 6, "patches": []},
    ]
    feed_id = seller.feed(messages).json()["feedId"]
    seller.now_ms = TAKES
    report = seller.report(feed_id).json()
    assert [each["code"] for each in report["issues"]] == ["4003", "4003", "4004", "4005", "4006"]
    assert report["summary"]["messagesAccepted"] == 1


def test_creating_feeds_is_limited_by_the_region_before_the_burst() -> None:
    seller = _seller()
    names = [seller.document({}) for _ in range(7)]
    assert [seller.hand_in(name).status for name in names] == [202] * 5 + [429] * 2
    seller.now_ms = 300_000
    assert seller.hand_in(names[0]).status == 202


def test_a_feed_must_name_what_there_is() -> None:
    seller = _seller()
    assert seller.hand_in("nothing").status == 400
    body = {
        "feedType": "POST_INVENTORY_AVAILABILITY_DATA",
        "marketplaceIds": ["x"],
        "inputFeedDocumentId": "x",
    }
    assert seller.ask("POST", "/feeds/2021-06-30/feeds", {}, body).status == 400
    assert seller.ask("POST", "/feeds/2021-06-30/documents", {}, {"contentType": "text/xml"}).status == 400
    assert seller.ask("GET", "/feeds/2021-06-30/feeds/1").status == 404


def test_feeds_are_listed_newest_first_by_type_time_and_state() -> None:
    seller = _seller()
    ids = []
    for n in range(3):
        seller.now_ms = n * 1_000
        ids.append(seller.feed({"s0": n}).json()["feedId"])
    query = {"feedTypes": "JSON_LISTINGS_FEED"}

    def listed(**more: str) -> list[str]:
        given = seller.ask("GET", "/feeds/2021-06-30/feeds", {**query, **more}).json()
        return [each["feedId"] for each in given["feeds"]]

    assert listed() == ids[::-1]
    assert listed(createdSince="1970-01-01T00:00:01Z") == [ids[2], ids[1]]
    assert listed(processingStatuses="IN_PROGRESS") == [ids[0]]
    first = seller.ask("GET", "/feeds/2021-06-30/feeds", {**query, "pageSize": "2"}).json()
    second = seller.ask(
        "GET", "/feeds/2021-06-30/feeds", {"nextToken": first["nextToken"], "pageSize": "2"}
    ).json()
    assert [each["feedId"] for each in first["feeds"] + second["feeds"]] == ids[::-1]


def test_the_id_of_a_feed_is_lost_and_the_feed_is_found_again() -> None:
    seller = _seller()
    seller.market.faults.switch_on(Fault("lost_ack", until_ms=1))
    assert seller.feed({"s0": 3}).dropped is Drop.AFTER
    found = seller.ask("GET", "/feeds/2021-06-30/feeds", {"feedTypes": "JSON_LISTINGS_FEED"}).json()["feeds"]
    assert len(found) == 1
    seller.now_ms = TAKES
    assert seller.shown("s0") == {"s0": 3}


def test_a_feed_is_cancelled_before_it_begins() -> None:
    seller = _seller()
    first, second = (seller.feed({"s0": n}).json()["feedId"] for n in (1, 2))
    assert seller.ask("DELETE", f"/feeds/2021-06-30/feeds/{first}").status == 400
    assert seller.ask("DELETE", f"/feeds/2021-06-30/feeds/{second}").status == 200
    assert seller.state(second)["processingStatus"] == "CANCELLED"


def test_reports_may_be_packed() -> None:
    seller = _seller(gzip_reports=True)
    feed_id = seller.feed({"s0": 1}).json()["feedId"]
    seller.now_ms = TAKES
    assert json.loads(gzip.decompress(seller.report(feed_id).body))["summary"]["messagesAccepted"] == 1


def test_a_feed_of_the_largest_size() -> None:
    seller = _seller(25_000)
    feed_id = seller.feed({f"s{n}": n for n in range(25_000)}).json()["feedId"]
    seller.now_ms = TAKES
    assert seller.report(feed_id).json()["summary"]["messagesAccepted"] == 25_000
    assert seller.market.place("S", "s24999").applied == 24_999
