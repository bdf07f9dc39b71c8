import json

import pytest

from feeds.simulator.faults import Fault
from feeds.simulator.feeds_queue import FeedSettings
from feeds.simulator.forms import file_of
from feeds.simulator.spread import Spread
from feeds.simulator.walmart import Walmart
from feeds.simulator.walmart_settings import WalmartSettings
from tests.feeds.simulator.sellers import WalmartSeller, line

TAKES = 300_000


def _seller(listings: int = 3, **settings: object) -> WalmartSeller:
    feed = FeedSettings(service=Spread(TAKES, TAKES))
    market = Walmart(WalmartSettings(**{"feed": feed, "token_life_s": 10**6, **settings}), seed=5)  # type: ignore[arg-type]
    for n in range(listings):
        market.add_listing("S", f"s{n}", quantity=100)
        market.add_listing("S", f"s{n}", "n1", quantity=100)
    seller = WalmartSeller(market)
    seller.login()
    return seller


def test_a_feed_is_received_processed_and_read_item_by_item() -> None:
    seller = _seller()
    given = seller.feed([line("s0", 1), line("nobody", 1), line("s1", -1), line("s2", 4)])
    feed_id = given.json()["feedId"]
    assert "@" in feed_id
    waiting = seller.feed([line("s0", 9)]).json()["feedId"]
    counts = ("feedStatus", "itemsReceived", "itemsSucceeded", "itemsFailed", "itemsProcessing")
    state = seller.state(feed_id).json()
    assert [state[name] for name in counts] == ["INPROGRESS", 4, 0, 0, 4]
    assert state["itemDetails"]["itemIngestionStatus"] == []
    assert seller.state(waiting).json()["feedStatus"] == "RECEIVED"
    seller.now_ms = TAKES
    state = seller.state(feed_id).json()
    assert [state[name] for name in counts] == ["PROCESSED", 4, 2, 2, 0]
    details = state["itemDetails"]["itemIngestionStatus"]
    assert [(each["index"], each["sku"], each["ingestionStatus"]) for each in details] == [
        (0, "s0", "SUCCESS"),
        (1, "nobody", "DATA_ERROR"),
        (2, "s1", "DATA_ERROR"),
        (3, "s2", "SUCCESS"),
    ]
    assert details[1]["ingestionErrors"]["ingestionError"][0]["type"] == "DATA_ERROR"
    assert [seller.market.place("S", f"s{n}").applied for n in range(3)] == [1, 100, 4]


def test_the_feed_for_several_nodes_needs_a_node() -> None:
    seller = _seller()
    nodes = [{"shipNode": "n1", "quantity": {"unit": "EACH", "amount": 7}}]
    items = [{"sku": "s0", "shipNodes": nodes}, line("s1", 7), {"sku": "s2", "shipNodes": [line("x", 1)]}]
    feed_id = seller.feed(items, "MP_INVENTORY").json()["feedId"]
    seller.now_ms = TAKES
    details = seller.state(feed_id).json()["itemDetails"]["itemIngestionStatus"]
    assert [each["ingestionStatus"] for each in details] == ["SUCCESS", "DATA_ERROR", "DATA_ERROR"]
    assert seller.market.place("S", "s0", "n1").applied == 7


def test_items_are_read_in_pages_of_fifty() -> None:
    seller = _seller(120)
    feed_id = seller.feed([line(f"s{n}", n) for n in range(120)]).json()["feedId"]
    seller.now_ms = TAKES
    indices = []
    for offset in (0, 50, 100, 150):
        page = seller.state(feed_id, offset=str(offset), limit="50").json()["itemDetails"][
            "itemIngestionStatus"
        ]
        indices.append([each["index"] for each in page])
    assert indices == [list(range(50)), list(range(50, 100)), list(range(100, 120)), []]
    assert seller.state(feed_id, limit="51").status == 400
    assert seller.state(feed_id, offset="-1").status == 400


def test_feeds_are_listed_with_the_name_of_their_file() -> None:
    seller = _seller()
    ids = [seller.feed([line("s0", n)], name=f"{n}.json").json()["feedId"] for n in range(3)]
    given = seller.ask("GET", "/v3/feeds", {"limit": "2"}).json()
    assert given["totalResults"] == 3
    assert [(each["feedId"], each["fileName"]) for each in given["results"]["feed"]] == [
        (ids[2], "2.json"),
        (ids[1], "1.json"),
    ]
    one = seller.ask("GET", "/v3/feeds", {"feedId": ids[0]}).json()["results"]["feed"]
    assert [each["feedId"] for each in one] == [ids[0]]


def test_a_feed_that_errs_has_done_nothing() -> None:
    seller = _seller()
    seller.market.faults.switch_on(Fault("feed_fatal_partial"))
    feed_id = seller.feed([line("s0", 1)]).json()["feedId"]
    seller.now_ms = TAKES
    state = seller.state(feed_id).json()
    assert (state["feedStatus"], state["itemsFailed"]) == ("ERROR", 1)
    assert seller.market.place("S", "s0").applied == 100


def test_some_items_fail_for_a_passing_reason() -> None:
    seller = _seller(40)
    seller.market.faults.switch_on(Fault("partial_items", share=0.5))
    feed_id = seller.feed([line(f"s{n}", 1) for n in range(40)]).json()["feedId"]
    seller.now_ms = TAKES
    details = seller.state(feed_id).json()["itemDetails"]["itemIngestionStatus"]
    assert {each["ingestionStatus"] for each in details} == {"SUCCESS", "SYSTEM_ERROR", "TIMEOUT_ERROR"}
    for each in details:
        applied = seller.market.place("S", each["sku"]).applied
        assert applied == (1 if each["ingestionStatus"] == "SUCCESS" else 100)


def test_ten_feeds_an_hour() -> None:
    seller = _seller()
    assert [seller.feed([line("s0", 1)]).status for _ in range(11)] == [200] * 10 + [429]
    seller.now_ms = 360_000
    assert seller.feed([line("s0", 1)]).status == 200


def test_a_feed_too_large_is_a_413() -> None:
    seller = _seller()
    assert seller.send_file(b" " * (5 * 1024 * 1024)).status == 413


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        json.dumps({"InventoryHeader": {"version": "1.5"}, "Inventory": [line("s0", 1)]}).encode(),
        json.dumps({"InventoryHeader": {"version": "1.4"}, "Inventory": []}).encode(),
        json.dumps({"inventoryHeader": {"version": "1.4"}, "inventory": [line("s0", 1)]}).encode(),
        json.dumps([]).encode(),
    ],
)
def test_a_file_of_another_shape_is_refused(content: bytes) -> None:
    assert _seller().send_file(content).status == 400


def test_a_feed_needs_its_type_and_a_file() -> None:
    seller = _seller(raw_feeds=False)
    assert seller.feed([line("s0", 1)], "item").status == 400
    body = {"InventoryHeader": {"version": "1.4"}, "Inventory": [line("s0", 1)]}
    assert seller.ask("POST", "/v3/feeds", {"feedType": "inventory"}, body).status == 400
    assert _seller().ask("POST", "/v3/feeds", {"feedType": "inventory"}, body).status == 200
    assert seller.state("nobody@1").status == 404


def test_a_form_is_read_to_the_last_byte() -> None:
    content = b"\r\n--x\r\n\x00 tail\r\n"
    body = (
        b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nfield\r\n'
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="f.json"\r\n'
        b"Content-Type: application/json\r\n\r\n" + content + b"\r\n--B--\r\n"
    )
    assert file_of('multipart/form-data; boundary="B"', body) == ("f.json", content)
    assert file_of("application/json", body) is None
    assert file_of("multipart/form-data", body) is None
    assert file_of("multipart/form-data; boundary=C", body) is None
