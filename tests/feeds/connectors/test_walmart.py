"""Walmart: the contract, the bodies as they must be, and what is Walmart's own."""

import json
from typing import Any
from urllib.parse import unquote

import pytest

from feeds.connector import Identity, Item
from feeds.connectors.walmart import Walmart
from feeds.exchange import Observed, Reply, Request
from feeds.outcomes import Fate, Trouble
from tests.feeds.connectors.answers import TOKEN, answer, form_of
from tests.feeds.connectors.contract_bulk import BulkContract
from tests.feeds.connectors.contract_reads import ReadContract
from tests.feeds.connectors.market import NOW_MS, Market, hold
from tests.feeds.connectors.trial import INTENT

PUT, FEED = Walmart.operations
FEED_ID = "0F3C@AQMBAQA"


def file_of(request: Request) -> tuple[str, Any]:
    """The name and the content of the one file of a form."""
    boundary = request.headers["content-type"].partition('boundary="')[2].rstrip('"')
    before, part, after = request.body.split(f"--{boundary}".encode())
    assert (before, after) == (b"", b"--\r\n")
    head, _, content = part.strip(b"\r\n").partition(b"\r\n\r\n")
    return head.decode(), json.loads(content)


class WalmartMarket(Market):
    """Single writes and feeds of one seller; a page of details has fifty items."""

    token_s = 900.0

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str | None, int]] = []
        self.handed_in = False

    def reply(self, request: Request) -> Reply:
        path = [unquote(part) for part in request.path.split("/")[1:]]
        match request.method, path:
            case "POST", ["v3", "token"]:
                assert form_of(request) == {"grant_type": "client_credentials"}
                return answer({**TOKEN, "expires_in": 900})
            case "PUT", ["v3", "inventory"]:
                body = json.loads(request.body)
                assert body["sku"] == request.query["sku"]
                return self.put(body["sku"], None, body["quantity"]["amount"], body)
            case "PUT", ["v3", "inventories", sku]:
                (node,) = json.loads(request.body)["inventories"]["nodes"]
                told = {"sku": sku, "nodes": [{"shipNode": node["shipNode"], "status": "Success"}]}
                return self.put(sku, node["shipNode"], node["inputQty"]["amount"], told)
            case "POST", ["v3", "feeds"]:
                return self.hand_in(request)
            case "GET", ["v3", "feeds", feed] if feed == FEED_ID:
                return self.details(int(request.query["offset"]))
            case "GET", ["v3", "feeds"]:
                ours = {"feedId": FEED_ID, "feedType": "inventory", "feedDate": NOW_MS}
                other = {"feedId": "other", "feedType": "item", "feedDate": NOW_MS + 5}
                feeds = [other, *([ours] if self.handed_in else [])]
                return answer({"totalResults": len(feeds), "results": {"feed": feeds}})
            case "GET", ["v3", "inventory"]:
                return self.read(request.query["sku"], None)
            case "GET", ["v3", "inventories", sku]:
                return self.read(sku, request.query["shipNode"])
        raise AssertionError(f"Walmart has no {request.method} {request.path}")

    def put(self, sku: str, node: str | None, units: int, told: Any) -> Reply:
        if sku in self.refuses:
            error = {
                "code": "CONTENT_NOT_FOUND",
                "description": "no",
                "severity": "ERROR",
                "category": "DATA",
            }
            return answer({"errors": [error]}, 404)
        if sku in self.busy:
            return answer({"errors": [{"code": "BUSY", "severity": "ERROR", "category": "SYSTEM"}]})
        self.shows[sku, node] = units
        return answer(told, headers={"x-current-token-count": "199"})

    def hand_in(self, request: Request) -> Reply:
        _, content = file_of(request)
        if request.query["feedType"] == "inventory":
            assert content["InventoryHeader"] == {"version": "1.4"}
            self.lines = [(line["sku"], None, line["quantity"]["amount"]) for line in content["Inventory"]]
        else:
            assert request.query["feedType"] == "MP_INVENTORY"
            assert content["inventoryHeader"] == {"version": "1.5"}
            self.lines = [
                (line["sku"], node["shipNode"], node["quantity"]["amount"])
                for line in content["inventory"]
                for node in line["shipNodes"]
            ]
        self.handed_in = True
        return answer({"feedId": FEED_ID}, 202)

    def details(self, offset: int) -> Reply:
        state = {"open": "INPROGRESS", "closed": "PROCESSED", "failed": "ERROR"}[self.stands]
        if state != "PROCESSED":
            counts = {
                "itemsReceived": len(self.lines),
                "itemsFailed": 0,
                "itemsProcessing": 0,
                "itemsSucceeded": 0,
            }
            return answer({"feedStatus": state, **counts, "itemDetails": {"itemIngestionStatus": []}})
        found = []
        for sku, node, units in self.lines:
            if sku in self.refuses:
                error = {"ingestionError": [{"type": "DATA_ERROR", "code": "ERR_1", "description": "no"}]}
                found.append({"sku": sku, "ingestionStatus": "DATA_ERROR", "ingestionErrors": error})
            elif sku in self.busy:
                found.append({"sku": sku, "ingestionStatus": "SYSTEM_ERROR", "ingestionErrors": {}})
            else:
                self.shows[sku, node] = units
                found.append({"sku": sku, "ingestionStatus": "SUCCESS", "ingestionErrors": {}})
        failed = sum(line["ingestionStatus"] != "SUCCESS" for line in found)
        page = {"itemIngestionStatus": found[offset : offset + 50]}
        counts = {"itemsReceived": len(found), "itemsFailed": failed, "itemsProcessing": 0}
        return answer({"feedStatus": "PROCESSED", **counts, "itemDetails": page})

    def read(self, sku: str, node: str | None) -> Reply:
        units = self.shows.get((sku, node))
        if units is None:
            return answer({"errors": [{"code": "CONTENT_NOT_FOUND"}]}, 404)
        amount = {"unit": "EACH", "amount": units}
        if node is None:
            return answer({"sku": sku, "quantity": amount})
        less = {"unit": "EACH", "amount": max(0, units - 1)}
        return answer({"sku": sku, "nodes": [{"shipNode": node, "inputQty": amount, "availToSellQty": less}]})


class TestContract(BulkContract, ReadContract):
    connector_class = Walmart
    market_class = WalmartMarket
    secrets = ("client_id", "client_secret")

    def key(self, request: Request) -> str | None:
        return request.headers["WM_QOS.CORRELATION_ID"]


class TestNodes(TestContract):
    """Listings that lie in several nodes."""

    locations = ("NODE-1", "a node with a long name")


def walmart(**options: Any) -> Walmart:
    return Walmart(Identity("account", options))


ITEM = Item("SKU", None, 4, 7)


def put(reply: Reply, item: Item = ITEM) -> Any:
    return hold(walmart().write(PUT, [item], ""), lambda _: reply).result


def test_the_single_call() -> None:
    ask = next(walmart().write(PUT, [Item("A/1", None, 4, 7)], ""))
    assert (ask.method, ask.path, ask.query) == ("PUT", "/v3/inventory", {"sku": "A/1"})
    assert json.loads(ask.body) == {"sku": "A/1", "quantity": {"unit": "EACH", "amount": 4}}


def test_the_single_call_to_a_node() -> None:
    ask = next(walmart().write(PUT, [Item("A/1", "N1", 0, 7)], ""))
    assert (ask.method, ask.path, ask.query) == ("PUT", "/v3/inventories/A%2F1", {})
    assert json.loads(ask.body) == {
        "inventories": {"nodes": [{"shipNode": "N1", "inputQty": {"unit": "EACH", "amount": 0}}]}
    }


def test_the_feed() -> None:
    ask = next(walmart().write(FEED, [Item("A", None, 4, 7), Item("B", None, 0, 8)], INTENT))
    assert (ask.method, ask.path, ask.query, ask.items) == ("POST", "/v3/feeds", {"feedType": "inventory"}, 2)
    head, content = file_of(ask)
    assert head.splitlines() == [
        f'Content-Disposition: form-data; name="file"; filename="{INTENT}.json"',
        "Content-Type: application/json",
    ]
    assert content == json.loads("""
        {"InventoryHeader": {"version": "1.4"}, "Inventory": [
          {"sku": "A", "quantity": {"unit": "EACH", "amount": 4}},
          {"sku": "B", "quantity": {"unit": "EACH", "amount": 0}}]}""")


def test_the_feed_of_nodes() -> None:
    items = [Item("A", "N1", 4, 7), Item("B", None, 1, 8), Item("A", "N2", 0, 9)]
    ask = next(walmart(ship_node="N9").write(FEED, items, INTENT))
    assert ask.query == {"feedType": "MP_INVENTORY"}
    assert file_of(ask)[1] == json.loads("""
        {"inventoryHeader": {"version": "1.5"}, "inventory": [
          {"sku": "A", "shipNodes": [{"shipNode": "N1", "quantity": {"unit": "EACH", "amount": 4}},
                                     {"shipNode": "N2", "quantity": {"unit": "EACH", "amount": 0}}]},
          {"sku": "B", "shipNodes": [{"shipNode": "N9", "quantity": {"unit": "EACH", "amount": 1}}]}]}""")


def test_a_node_that_failed() -> None:
    item = Item("A", "N1", 4, 7)
    told: Any = {
        "sku": "A",
        "nodes": [{"shipNode": "N1", "status": "Failure", "errors": [{"code": "E", "description": "d"}]}],
    }
    assert put(answer(told), item).items[0].fate is Fate.REJECTED
    assert put(answer(told), item).items[0].reason == "E: d"
    told["nodes"][0]["errors"] = [{"description": "Please try again."}]
    assert put(answer(told), item).items[0].fate is Fate.LATER


def test_errors_in_a_200() -> None:
    def fate(**error: Any) -> Fate:
        found: Fate = put(answer({"sku": "SKU", "errors": [{"code": "E", **error}]})).items[0].fate
        return found

    assert fate(severity="INFO") is Fate.APPLIED
    assert fate(severity="ERROR", category="DATA") is Fate.REJECTED
    assert fate(severity="ERROR", category="SYSTEM") is Fate.LATER


@pytest.mark.parametrize("spelling", ["replenish", "replenishment"])
def test_the_tokens_that_are_left(spelling: str) -> None:
    date = {"date": "Mon, 21 Sep 2026 14:13:20 GMT"}
    told = put(answer({"sku": "SKU"}, headers={"x-current-token-count": "12"}))
    assert told.observed == [Observed("put", left=12)]
    body = {"errors": [{"code": "REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API", "description": "slow"}]}
    for moment in ("1790000004500", "2026-09-21T14:13:24.500Z", "4.5"):
        headers = {f"x-next-{spelling}-time": moment, **date}
        told = put(answer(body, 429, headers))
        assert told.trouble is Trouble.THROTTLED
        assert told.reason == "429 REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API: slow"
        assert told.observed == [Observed("put", 0, 4.5)]
    assert put(answer(body, 429)).observed == [Observed("put", 0, None)]
    # An instant says nothing where nobody tells what time it is there.
    assert put(answer(body, 429, {f"x-next-{spelling}-time": "1790000004500"})).observed == [
        Observed("put", 0, None)
    ]


def test_a_body_that_is_too_large() -> None:
    items = [Item("A", None, 4, 7), Item("B", None, 0, 8)]
    told = hold(walmart().write(FEED, items, INTENT), lambda _: Reply(413)).result
    assert [outcome.fate for outcome in told.items] == [Fate.RETURNED, Fate.RETURNED]
    assert told.trouble is Trouble.REFUSED


def page(lines: list[tuple[str, str]], **counters: Any) -> Reply:
    details = [{"sku": sku, "ingestionStatus": state} for sku, state in lines]
    known = {"feedStatus": "PROCESSED", "itemsProcessing": 0, **counters}
    return answer({**known, "itemDetails": {"itemIngestionStatus": details}})


def followed(items: list[Item], *pages: Reply) -> Any:
    left = iter(pages)
    held = hold(walmart().follow(FEED_ID, items), lambda _: next(left))
    assert next(left, None) is None, "it has not read all pages"
    assert {ask.path for ask in held.requests} == {"/v3/feeds/0F3C%40AQMBAQA"}
    assert [ask.query["offset"] for ask in held.requests] == [str(50 * n) for n in range(len(pages))]
    return held.result


def test_what_became_of_each() -> None:
    items = [Item(sku, None, 4, 7) for sku in "ABCD"]
    lines = [("A", "SUCCESS"), ("B", "DATA_ERROR"), ("C", "SYSTEM_ERROR"), ("D", "TIMEOUT_ERROR")]
    progress = followed(items, page(lines, itemsReceived=4, itemsFailed=3))
    told = [(outcome.fate, outcome.after_s) for outcome in progress.answer.items]
    assert told == [(Fate.APPLIED, None), (Fate.REJECTED, None), (Fate.LATER, 3600), (Fate.LATER, 3600)]


def test_processed_says_nothing_of_the_items() -> None:
    progress = followed([Item("A", None, 4, 7)], page([], itemsReceived=1, itemsFailed=0, itemsProcessing=1))
    assert progress.answer is None


def test_pages() -> None:
    items = [Item(f"S{n}", None, n, 7) for n in range(120)]
    lines = [(item.listing, "DATA_ERROR" if item.listing == "S70" else "SUCCESS") for item in items]
    counters = {"itemsReceived": 120, "itemsFailed": 1}
    # The third page is not asked for: there is no more failure to be found.
    progress = followed(items, page(lines[:50], **counters), page(lines[50:100], **counters))
    assert [n for n, outcome in enumerate(progress.answer.items) if outcome.fate is Fate.REJECTED] == [70]
    assert sum(outcome.fate is Fate.APPLIED for outcome in progress.answer.items) == 119
    # Nobody says which one has failed.
    counters["itemsFailed"] = 2
    progress = followed(items, *(page(lines[n : n + 50], **counters) for n in (0, 50, 100)))
    assert sum(outcome.fate is Fate.UNKNOWN for outcome in progress.answer.items) == 119


def test_looking_through_pages() -> None:
    def listed(*feeds: tuple[str, int, str]) -> Reply:
        found = [{"feedId": feed, "feedDate": at, "feedType": kind} for feed, at, kind in feeds]
        return answer({"totalResults": 120, "results": {"feed": found}})

    newer = listed(
        ("3", NOW_MS + 9, "item"), ("2", NOW_MS + 5, "MP_INVENTORY"), ("1", NOW_MS + 2, "inventory")
    )
    older = listed(("0", NOW_MS - 5000, "inventory"))
    pages = iter([newer, older])
    held = hold(walmart().find(INTENT, NOW_MS), lambda _: next(pages))
    assert held.result == "1"
    assert [ask.query["offset"] for ask in held.requests] == ["0", "50"]


def test_each_call_has_its_own_correlation() -> None:
    asks = [next(walmart().follow(FEED_ID, [])).headers["WM_QOS.CORRELATION_ID"] for _ in range(2)]
    assert asks[0] != asks[1]


def test_the_token() -> None:
    secrets = {"client_id": "me", "client_secret": "hush"}
    tokens = Walmart(Identity("account", {}, secrets)).authorise()
    ask = next(tokens)
    assert (ask.method, ask.path, ask.secret) == ("POST", "/v3/token", True)
    assert ask.headers["authorization"] == "Basic bWU6aHVzaA=="
    with pytest.raises(StopIteration) as end:
        tokens.send(answer({"access_token": "t", "expires_in": 900}))
    assert end.value.value == ({"WM_SEC.ACCESS_TOKEN": "t", "WM_SVC.NAME": "Walmart Marketplace"}, 900.0)
