"""Walmart Marketplace: inventory by single calls, or many listings in an inventory feed."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import uuid4

from feeds.buckets import Bucket, Kind
from feeds.connector import Connector, Item, Operation
from feeds.connectors.bodies import JSON, as_file, as_json, segment
from feeds.connectors.keys import key_of
from feeds.connectors.options import secret
from feeds.connectors.replies import Talk, texts
from feeds.connectors.tokens import basic, fetch_token
from feeds.connectors.walmart_replies import amount, details, feeds, inputs, observe, written
from feeds.exchange import Conversation, Request
from feeds.outcomes import Answer, Fate, ItemOutcome, Progress, Setback, Shown, whole

_PAGE = 50
_ASK_S = 120.0
_NOWHERE: dict[str | None, int] = {}


class Walmart(Connector):
    """A listing is a seller SKU, its location a ship node (None: the account's only one). What is written is the input
    quantity, of which Walmart itself subtracts what its open orders reserve. Options: `ship_node`, for listings
    without a location in an account that has several; `service`. Secrets: `client_id`, `client_secret`."""

    name = "walmart"
    operations = (
        Operation("put", "put", most=1, at_once=4),
        Operation(
            "feed", "feed", most=50_000, bulk=True, every_s=360, least=200, bytes_each=180, bytes_most=5 << 20
        ),
    )
    limits: ClassVar = {
        "put": [Bucket("put", Kind.TOKEN, 200, 60, 200)],
        "feed": [Bucket("feed", Kind.TOKEN, 10, 3600, 10)],
        "feed-status": [Bucket("feed-status", Kind.TOKEN, 5000, 60, 5000)],
        "read": [Bucket("read", Kind.TOKEN, 200, 60, 200)],
    }

    def write(self, operation: Operation, items: Sequence[Item], intent: str) -> Conversation[Answer]:
        talk = Talk(observe)
        try:
            if operation.bulk:
                (feed,) = yield from talk.ask(self._feed(items, intent), lambda reply: texts(reply, "feedId"))
                return talk.answer(whole(len(items), Fate.ACCEPTED), feed)
            return talk.answer([(yield from talk.ask(self._single(items[0]), written))])
        except Setback as setback:
            return talk.set_back(setback, len(items))

    def _single(self, item: Item) -> Request:
        headers = _headers(key_of(self.identity.account, [item]))
        if item.location is None:
            body = as_json({"sku": item.listing, "quantity": _each(item)})
            return Request("PUT", "/v3/inventory", "put", {"sku": item.listing}, headers, body)
        nodes = [{"shipNode": item.location, "inputQty": _each(item)}]
        path = f"/v3/inventories/{segment(item.listing)}"
        return Request("PUT", path, "put", {}, headers, as_json({"inventories": {"nodes": nodes}}))

    def _feed(self, items: Sequence[Item], intent: str) -> Request:
        content: dict[str, Any]
        if all(item.location is None for item in items):
            kind, singles = "inventory", [{"sku": item.listing, "quantity": _each(item)} for item in items]
            content = {"InventoryHeader": {"version": "1.4"}, "Inventory": singles}
        else:
            nodes = dict[str, list[dict[str, Any]]]()
            for item in items:
                node = item.location or self.identity.options.get("ship_node")
                nodes.setdefault(item.listing, []).append({"shipNode": node, "quantity": _each(item)})
            kind, lines = "MP_INVENTORY", [{"sku": sku, "shipNodes": of} for sku, of in nodes.items()]
            content = {"inventoryHeader": {"version": "1.5"}, "inventory": lines}
        headers, body = as_file(intent, as_json(content))
        headers = _headers(intent) | headers
        return Request("POST", "/v3/feeds", "feed", {"feedType": kind}, headers, body, len(items))

    def follow(self, submission: str, items: Sequence[Item]) -> Conversation[Progress]:
        talk, path = Talk(observe), f"/v3/feeds/{segment(submission)}"
        failed, offset, told = dict[str, ItemOutcome](), 0, dict[str, Any]()
        try:
            # PROCESSED says nothing of the items; their counters say when there are no more failures to be found.
            while not told or (len(failed) < told["itemsFailed"] and offset < told["itemsReceived"]):
                query = {"includeDetails": "true", "offset": str(offset), "limit": str(_PAGE)}
                ask = Request("GET", path, "feed-status", query, _headers())
                told, page = yield from talk.ask(ask, details)
                if told["feedStatus"] == "ERROR":
                    return talk.failed(Fate.RETURNED, "the whole feed failed", len(items))
                if told["feedStatus"] != "PROCESSED" or told["itemsProcessing"]:
                    return Progress(None, _ASK_S, talk.observed)
                failed |= page
                offset += _PAGE
        except Setback as setback:
            return talk.still_open(setback, len(items), _ASK_S)
        complete = len(failed) >= told["itemsFailed"]
        rest = ItemOutcome(Fate.APPLIED) if complete else ItemOutcome(Fate.UNKNOWN, "not in the details")
        return talk.closed([failed.get(item.listing, rest) for item in items])

    def find(self, intent: str, since_ms: int) -> Conversation[str | None]:
        talk, offset, oldest = Talk(observe), 0, None
        while True:  # the newest come first
            query = {"offset": str(offset), "limit": str(_PAGE)}
            ask = Request("GET", "/v3/feeds", "feed-status", query, _headers())
            dates, many = yield from talk.ask(ask, feeds)
            found = [(date, feed) for date, feed in dates if date >= since_ms // 1000 * 1000]
            oldest = min(found, default=oldest)
            offset += _PAGE
            if len(found) < len(dates) or offset >= many:
                return None if oldest is None else oldest[1]

    def read_back(self, listings: Sequence[tuple[str, str | None]]) -> Conversation[Shown]:
        talk, units = Talk(observe), dict[tuple[str, str | None], int]()
        try:
            for sku, node in listings:
                if node is None:
                    ask = Request("GET", "/v3/inventory", "read", {"sku": sku}, _headers())
                    shows = yield from talk.ask(ask, amount, unknown=_NOWHERE)
                else:
                    path = f"/v3/inventories/{segment(sku)}"
                    ask = Request("GET", path, "read", {"shipNode": node}, _headers())
                    shows = yield from talk.ask(ask, inputs, unknown=_NOWHERE)
                units |= {(sku, node): shows[node]} if node in shows else {}
        except Setback as setback:
            return talk.unseen(setback)
        return Shown(units, observed=talk.observed)

    def authorise(self) -> Conversation[tuple[dict[str, str], float]]:
        service = str(self.identity.options.get("service", "Walmart Marketplace"))
        user = basic(secret(self.identity, "client_id"), secret(self.identity, "client_secret"))
        headers = {"authorization": user, "WM_SVC.NAME": service, **_headers()}
        token, seconds = yield from fetch_token("/v3/token", {"grant_type": "client_credentials"}, headers)
        return {"WM_SEC.ACCESS_TOKEN": token, "WM_SVC.NAME": service}, seconds


def _each(item: Item) -> Mapping[str, Any]:
    return {"unit": "EACH", "amount": item.quantity}


def _headers(correlation: str | None = None) -> dict[str, str]:
    # The same id again says that it is the same call again.
    return {**JSON, "WM_QOS.CORRELATION_ID": correlation or str(uuid4())}
