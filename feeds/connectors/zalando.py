"""Zalando, partner fulfilment: stocks by EAN and sales channel, limited in calls and in items at once."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from feeds.buckets import Bucket, Kind, Weight
from feeds.connector import Connector, Identity, Item, Operation
from feeds.connectors.bodies import post, segment
from feeds.connectors.options import option, secret
from feeds.connectors.replies import Talk, moment_ms, retry_after_s
from feeds.connectors.tokens import basic, fetch_token
from feeds.exchange import Conversation, Observed, Reply, Request
from feeds.outcomes import Answer, Fate, ItemOutcome, Setback

_LATER_S = 300.0
_MINUTE_S = 60.0


class Zalando(Connector):
    """A listing is an EAN, its location a sales channel. Options: `merchant_id`; `sales_channel`, of listings without
    a location. Secrets: `client_id`, `client_secret`. Stocks cannot be read."""

    name = "zalando"
    operations = (Operation("stocks", "stocks", most=1000, every_s=1, at_once=2),)
    limits: ClassVar = {
        "stocks": [
            Bucket("calls", Kind.FIXED, 60, _MINUTE_S),
            Bucket("items", Kind.FIXED, 2000, _MINUTE_S, weight=Weight.ITEMS),
        ]
    }
    reads_most = 0

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self.merchant = segment(option(identity, "merchant_id", "the merchant's id at Zalando"))
        self.channel = option(identity, "sales_channel", "for listings without a location")

    def write(self, operation: Operation, items: Sequence[Item], intent: str) -> Conversation[Answer]:
        talk = Talk(_observe)
        stocks = [{**self._key(item), "quantity": item.quantity} for item in items]
        ask = post(f"/merchants/{self.merchant}/stocks", "stocks", {"items": stocks}, len(items))
        try:
            results = yield from talk.ask(ask, _results)
        except Setback as setback:
            return talk.set_back(setback, len(items))
        missing = ItemOutcome(Fate.UNKNOWN, "not in the reply")
        keys = (tuple(self._key(item).values()) for item in items)
        return talk.answer([results.get(key, missing) for key in keys])

    def authorise(self) -> Conversation[tuple[dict[str, str], float]]:
        user = basic(secret(self.identity, "client_id"), secret(self.identity, "client_secret"))
        form = {"grant_type": "client_credentials", "scope": "access_token_only"}
        token, seconds = yield from fetch_token("/auth/token", form, {"authorization": user})
        return {"authorization": f"Bearer {token}"}, seconds

    def _key(self, item: Item) -> dict[str, Any]:
        return {"sales_channel_id": item.location or self.channel, "ean": item.listing}


def _observe(_: Request, reply: Reply) -> Iterator[Observed]:
    """Whichever limit was hit, everything is refused until the minute ends."""
    if reply.status == 429:
        now_ms = moment_ms(reply.headers.get("date"))
        rest_s = None if now_ms is None else _MINUTE_S - now_ms / 1000 % _MINUTE_S
        wait_s = retry_after_s(reply) or rest_s
        yield Observed("calls", 0, wait_s)
        yield Observed("items", 0, wait_s)


def _results(reply: Reply) -> dict[tuple[Any, ...], ItemOutcome]:
    """The outcome of each item, by sales channel and EAN."""
    found = {}
    for line in reply.json()["items"]:
        item = line["item"]
        found[item["sales_channel_id"], item["ean"]] = _outcome(line["result"])
    return found


def _outcome(result: dict[str, Any]) -> ItemOutcome:
    code, told = str(result["code"]), result.get("description") or result["status"]
    match result["status"]:
        case "ACCEPTED" if code == "0":
            return ItemOutcome(Fate.APPLIED)
        case "ACCEPTED":  # held until the EAN is onboarded
            return ItemOutcome(Fate.ACCEPTED, f"{code}: {told}")
        case "REJECTED":
            return ItemOutcome(Fate.REJECTED, f"{code}: {told}")
    return ItemOutcome(Fate.LATER, f"{code}: {told}", _LATER_S)
