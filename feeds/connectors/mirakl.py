"""Mirakl, the software of many operators: stock imports, the one operation that leaves the rest of an offer alone."""

import csv
from collections.abc import Sequence
from io import StringIO
from typing import ClassVar

from feeds.buckets import Bucket, Kind
from feeds.connector import Connector, Identity, Item, Operation
from feeds.connectors import mirakl_replies as says
from feeds.connectors.bodies import as_file, segment
from feeds.connectors.options import secret
from feeds.connectors.replies import Talk
from feeds.exchange import Conversation, Request
from feeds.outcomes import Answer, Fate, Progress, Setback, Shown, Trouble, whole

_IMPORTS, _OFFERS = "/api/offers/stock/imports", "/api/offers"
_COLUMNS = ("offer-sku", "quantity", "warehouse-code", "update-delete")
_ASK_S = 20.0


class Mirakl(Connector):
    """A listing is the SKU of an offer, its location a warehouse code (None: the offer's one quantity). The URL is the
    operator's. Option: `shop_id`, of a user who has several shops. Secret: `api_key`.

    What is urgent goes by import as well, so nothing is gathered beyond the minute that Mirakl allows: the five minutes
    that it recommends would be added to each fall to zero. (`every_s` is for when nobody answers the connection: then
    the minute is given back.) An offer whose number moves while it is in an open import waits until that closes; others
    do not, hence several at once, and half an hour of patience. The intervals are longer than those of Mirakl, which
    may count them from its answer.

    Mirakl lists no stock imports, and keeps neither the name of a file nor an id of ours: one whose answer was lost
    cannot be found. The highest number counts then, and the newest is sent again with the next import. If the lost one
    did arrive, it was there a minute before that: a shop's imports are taken to be processed in their order, so the
    newest number is what stands in the end. Where they are not, an old one may come last, and stands until the listing
    is read back as a sample, or moves.

    What an import took is APPLIED: nothing more is said of it, offers are read one a call, and what a buyer sees after
    the operator's own synchronisation no seller can read.
    """

    name = "mirakl"
    operations = (
        Operation(
            "import", "import", most=10_000, bulk=True, every_s=5, at_once=4, patience_s=1800, finds=False
        ),
    )
    limits: ClassVar = {
        "import": [Bucket("import", Kind.INTERVAL, 1, 65)],
        "status": [Bucket("status", Kind.INTERVAL, 1, 16)],
        "report": [Bucket("report", Kind.INTERVAL, 1, 65)],
        "read": [Bucket("read", Kind.TOKEN, 60, 60, 10)],
    }
    reads_most = 10

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        shop = identity.options.get("shop_id")
        self.query = {} if shop is None else {"shop_id": str(shop)}

    def write(self, operation: Operation, items: Sequence[Item], intent: str) -> Conversation[Answer]:
        talk, sent = Talk(), [item for item in items if says.is_possible(item)]
        if not sent:
            return talk.answer([says.IMPOSSIBLE] * len(items))
        headers, body = as_file(intent, _lines(sent), "text/csv")
        ask = Request("POST", _IMPORTS, "import", self.query, headers, body, len(sent))
        try:
            number = yield from talk.ask(ask, says.import_id)
        except Setback as setback:
            if setback.fate is Fate.REJECTED and len(items) == 1:
                # Lines are judged later: this is of the file, or of the shop, and not for good.
                setback = Setback(Fate.RETURNED, Trouble.BROKEN, setback.reason)
            return talk.set_back(setback, len(items))
        # Those that are not in the file are told when it closes; the others do not wait for it.
        return talk.answer(whole(len(items), Fate.ACCEPTED), number)

    def follow(self, submission: str, items: Sequence[Item]) -> Conversation[Progress]:
        talk, path, report = Talk(), f"{_IMPORTS}/{segment(submission)}", says.CLEAN
        try:
            standing = yield from talk.ask(self._get(f"{path}/status", "status"), says.stands)
            if standing.state not in (says.COMPLETE, says.FAILED):
                return Progress(None, _ASK_S, talk.observed)
            if standing.has_report or standing.in_error:
                ask = self._get(f"{path}/error_report", "report", accept="text/csv")
                report = yield from talk.ask(ask, says.report, unknown=says.MISSING)
        except Setback as setback:
            return talk.still_open(setback, len(items), _ASK_S)
        outcomes = says.outcomes(standing, report, items)
        if standing.state == says.FAILED:
            return Progress(Answer(outcomes, Trouble.BROKEN, "the import failed"), observed=talk.observed)
        return talk.closed(outcomes)

    def read_back(self, listings: Sequence[tuple[str, str | None]]) -> Conversation[Shown]:
        talk, shows = Talk(), dict[tuple[str, str | None], int]()
        try:
            for sku in dict.fromkeys(sku for sku, _ in listings):
                ask = self._get(_OFFERS, "read", sku=sku)
                shows |= yield from talk.ask(ask, lambda reply: dict(says.shown(reply)))
        except Setback as setback:
            return talk.unseen(setback)
        return Shown({key: shows[key] for key in listings if key in shows}, observed=talk.observed)

    def authorise(self) -> Conversation[tuple[dict[str, str], float]]:
        yield from ()  # the key does not end
        return {"authorization": secret(self.identity, "api_key")}, float("inf")

    def _get(self, path: str, limit: str, accept: str = "application/json", **query: str) -> Request:
        return Request("GET", path, limit, {**self.query, **query}, {"accept": accept})


def _lines(items: Sequence[Item]) -> bytes:
    """The file. All lines of an offer stand together, where its first item does."""
    of_offer = dict[str, list[Item]]()
    for item in items:
        of_offer.setdefault(item.listing, []).append(item)
    text = StringIO(newline="")
    writer = csv.writer(text, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for sku, its in of_offer.items():
        writer.writerows([sku, item.quantity, item.location or "", "update"] for item in its)
    return text.getvalue().encode()
