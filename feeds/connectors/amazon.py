"""Amazon, the Selling Partner API: listings are patched one by one, or many in a JSON listings feed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from feeds.buckets import Bucket, Kind, Scope
from feeds.connector import Connector, Identity, Item, Operation
from feeds.connectors import amazon_replies as says
from feeds.connectors.bodies import JSON, as_json, post, segment
from feeds.connectors.options import option
from feeds.connectors.replies import Talk, texts
from feeds.connectors.tokens import refreshed
from feeds.exchange import Conversation, Request
from feeds.outcomes import Answer, Fate, Progress, Setback, Shown, whole

_LISTINGS, _FEEDS, _FEED = "/listings/2021-08-01/items", "/feeds/2021-06-30", "JSON_LISTINGS_FEED"
_DEFAULT = "DEFAULT"
_ASK_S = {"IN_QUEUE": 120.0, "IN_PROGRESS": 30.0}


def _plan(name: str, rate: float, burst: float) -> Sequence[Bucket]:
    return [Bucket(name, Kind.TOKEN, rate, 1, burst)]


_APPLICATION = Bucket("application", Kind.TOKEN, 500, 1, 500, scope=Scope.APPLICATION)


class Amazon(Connector):
    """A listing is a seller SKU, its location a fulfilment channel (None: DEFAULT). Options: `seller_id`;
    `marketplace_ids`, separated by commas; `product_type` of listings that name none; `locale`; `token_url`, where the
    token service has another host. Secrets: `client_id`, `client_secret`, `refresh_token`."""

    name = "amazon"
    operations = (
        Operation("patch", "patch", most=1, at_once=5),
        Operation(
            "feed", "document", 25_000, True, every_s=1200, least=1500, bytes_each=380, bytes_most=10 << 20
        ),
    )
    limits: ClassVar = {
        "patch": [*_plan("patch", 5, 5), _APPLICATION],
        "document": _plan("document", 0.5, 15),
        "feed": [*_plan("feed", 0.0083, 15), Bucket("feed-window", Kind.SLIDING, 5, 300)],
        "feed-status": _plan("feed-status", 2, 15),
        "feed-list": _plan("feed-list", 0.0222, 10),
        "report": _plan("report", 0.0222, 10),
        "read": _plan("read", 5, 5),
    }
    reads_most = 20

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self.seller = option(identity, "seller_id", "the seller's id at Amazon")
        self.query = {"marketplaceIds": option(identity, "marketplace_ids", "those that it sells in")}
        self.token_url = identity.options.get("token_url", "/auth/o2/token")
        self.kind = identity.options.get("product_type", "PRODUCT")
        self.locale = identity.options.get("locale", "en_US")

    def write(self, operation: Operation, items: Sequence[Item], intent: str) -> Conversation[Answer]:
        talk = Talk(says.observe)
        try:
            if operation.bulk:
                feed = yield from self._submit(talk, items)
                return talk.answer(whole(len(items), Fate.ACCEPTED), feed)
            path, body = self._path(items[0].listing), as_json(self._change(items[0]))
            ask = Request("PATCH", path, "patch", self.query, JSON, body)
            return talk.answer([(yield from talk.ask(ask, says.patched))])
        except Setback as setback:
            return talk.set_back(setback, len(items))

    def _submit(self, talk: Talk, items: Sequence[Item]) -> Conversation[str]:
        # Before the last of the three requests nothing has happened to any item.
        ask = post(f"{_FEEDS}/documents", "document", {"contentType": JSON["content-type"]})
        document, url = yield from talk.ask(ask, says.opened, carries=False)
        upload = Request("PUT", url, headers=JSON, body=self._document(items), items=len(items))
        yield from talk.ask(upload, lambda _: None, carries=False)
        sites = self.query["marketplaceIds"].split(",")
        order = {"feedType": _FEED, "inputFeedDocumentId": document, "marketplaceIds": sites}
        create = post(f"{_FEEDS}/feeds", "feed", order, len(items))
        return (yield from talk.ask(create, lambda reply: texts(reply, "feedId")[0]))

    def _change(self, item: Item) -> dict[str, Any]:
        # A merge leaves the handling time alone, which stands in the same attribute.
        value = {"fulfillment_channel_code": item.location or _DEFAULT, "quantity": item.quantity}
        patch = {"op": "merge", "path": "/attributes/fulfillment_availability", "value": [value]}
        return {"productType": item.attributes.get("product_type", self.kind), "patches": [patch]}

    def _document(self, items: Sequence[Item]) -> bytes:
        header = {"sellerId": self.seller, "version": "2.0", "issueLocale": self.locale}
        common = {"operationType": "PATCH"}
        named = ({"messageId": at, "sku": item.listing} for at, item in enumerate(items, 1))
        messages = [{**name, **common, **self._change(item)} for name, item in zip(named, items, strict=True)]
        return as_json({"header": header, "messages": messages})

    def follow(self, submission: str, items: Sequence[Item]) -> Conversation[Progress]:
        talk = Talk(says.observe)
        try:
            ask = Request("GET", f"{_FEEDS}/feeds/{segment(submission)}", "feed-status")
            state, document = yield from talk.ask(ask, says.stands)
            if state in _ASK_S:
                return Progress(None, _ASK_S[state], talk.observed)
            if state != "DONE" or document is None:
                # Of a feed that was cancelled nothing was applied; of a fatal one some, none or all of it.
                fate = Fate.RETURNED if state == "CANCELLED" else Fate.UNKNOWN
                return talk.failed(fate, f"the feed ended {state}", len(items))
            ask = Request("GET", f"{_FEEDS}/documents/{segment(document)}", "report")
            url, packed = yield from talk.ask(ask, says.place)
            found = yield from talk.ask(Request("GET", url), lambda reply: says.report(reply, packed))
            return talk.closed(found.of([item.listing for item in items]))
        except Setback as setback:
            return talk.still_open(setback, len(items), _ASK_S["IN_QUEUE"])

    def find(self, intent: str, since_ms: int) -> Conversation[str | None]:
        since = datetime.fromtimestamp(since_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {"feedTypes": _FEED, "createdSince": since, "pageSize": "100"}
        ask = Request("GET", f"{_FEEDS}/feeds", "feed-list", query)
        return (yield from Talk(says.observe).ask(ask, says.oldest))

    def read_back(self, listings: Sequence[tuple[str, str | None]]) -> Conversation[Shown]:
        talk, shows = Talk(says.observe), dict[tuple[str, str], int]()
        common = self.query | {"includedData": "summaries,fulfillmentAvailability"}
        # Amazon cannot tell a comma in a SKU from one between two: such a SKU is read alone.
        skus = sorted({sku for sku, _ in listings})
        alone, together = [sku for sku in skus if "," in sku], [sku for sku in skus if "," not in sku]
        try:
            if together:
                query = {"identifiersType": "SKU", "identifiers": ",".join(together), "pageSize": "20"}
                ask = Request("GET", f"{_LISTINGS}/{self.seller}", "read", common | query)
                shows |= yield from talk.ask(ask, says.quantities)
            for sku in alone:
                ask = Request("GET", self._path(sku), "read", common)
                shows |= yield from talk.ask(ask, says.quantity, unknown=dict[tuple[str, str], int]())
        except Setback as setback:
            return talk.unseen(setback)
        asked = (((sku, channel), (sku, channel or _DEFAULT)) for sku, channel in listings)
        return Shown({key: shows[of] for key, of in asked if of in shows}, observed=talk.observed)

    def authorise(self) -> Conversation[tuple[dict[str, str], float]]:
        token, seconds = yield from refreshed(self.token_url, self.identity)
        return {"x-amz-access-token": token}, seconds

    def _path(self, sku: str) -> str:
        return f"{_LISTINGS}/{self.seller}/{segment(sku)}"
