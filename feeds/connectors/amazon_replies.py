"""What Amazon's replies say."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from feeds.connectors.replies import number, texts, words
from feeds.exchange import Observed, Reply, Request
from feeds.outcomes import Fate, ItemOutcome

_ITSELF = {"99999", "InternalFailure"}
"""Codes of trouble that is Amazon's own, and passes."""
_LATER_S = 600.0


def observe(request: Request, reply: Reply) -> Iterator[Observed]:
    """The rate of the plan, which is said of calls that were taken; of one that was throttled, whose limit it was.

    The buckets have the names of their groups, but for the one that all sellers of an application share.
    """
    if request.limit is None:
        return
    if reply.status == 429:
        shared = request.limit == "patch" and "application" in words(reply).lower()
        yield Observed("application" if shared else request.limit, left=0)
    elif rate := number(reply.headers.get("x-amzn-ratelimit-limit")):
        yield Observed(request.limit, rate=rate)


def patched(reply: Reply) -> ItemOutcome:
    """What became of a patch. A 200 may say INVALID; ACCEPTED is not shown yet."""
    told = reply.json()
    if told["status"] == "ACCEPTED":
        return ItemOutcome(Fate.ACCEPTED)
    if told["status"] == "INVALID":
        errors = [issue for issue in told.get("issues", ()) if issue.get("severity") == "ERROR"]
        return _objection(errors[0] if errors else {"code": "INVALID", "message": "no issue was named"})
    raise ValueError(told["status"])


def opened(reply: Reply) -> tuple[str, str]:
    """A document to be filled: its id, and the URL that takes it."""
    document, url = texts(reply, "feedDocumentId", "url")
    return document, url


def stands(reply: Reply) -> tuple[str, str | None]:
    """The state of a feed, and the document with its report once there is one."""
    told = reply.json()
    document = told.get("resultFeedDocumentId")
    return str(told["processingStatus"]), None if document is None else str(document)


def place(reply: Reply) -> tuple[str, str | None]:
    """Where a document lies, and how it is compressed."""
    told = reply.json()
    return str(told["url"]), told.get("compressionAlgorithm")


class Report(NamedTuple):
    """Of a feed that was processed: what was `wrong`, by SKU, and how many messages were `accepted`."""

    wrong: Mapping[str, ItemOutcome]
    accepted: int

    def of(self, skus: list[str]) -> list[ItemOutcome]:
        """The outcome of each. Where fewer messages were accepted than had no error, nobody can say which."""
        complete = self.accepted >= sum(sku not in self.wrong for sku in skus)
        rest = ItemOutcome(Fate.APPLIED) if complete else ItemOutcome(Fate.UNKNOWN, "not in the report")
        return [self.wrong.get(sku, rest) for sku in skus]


def report(reply: Reply, compression: str | None) -> Report:
    """Reads the processing report of a feed. Raises ValueError, LookupError, TypeError."""
    try:
        body = gzip.decompress(reply.body) if compression == "GZIP" else reply.body
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"the report is damaged: {error}") from None
    told = json.loads(body)
    errors = [issue for issue in told.get("issues", ()) if issue["severity"] == "ERROR"]
    wrong = {issue["sku"]: _objection(issue) for issue in reversed(errors)}
    return Report(wrong, int(told["summary"]["messagesAccepted"]))


def oldest(reply: Reply) -> str | None:
    """The feed of a list that was created first."""
    feeds = [(feed["createdTime"], str(feed["feedId"])) for feed in reply.json()["feeds"]]
    return min(feeds)[1] if feeds else None


def quantities(reply: Reply) -> dict[tuple[str, str], int]:
    """What the listings of a page show, by SKU and fulfilment channel."""
    return {of: units for listing in reply.json()["items"] for of, units in _shown(listing)}


def quantity(reply: Reply) -> dict[tuple[str, str], int]:
    """The same of a single listing."""
    return dict(_shown(reply.json()))


def _shown(listing: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], int]]:
    sku = str(listing["sku"])
    for entry in listing.get("fulfillmentAvailability", ()):
        if "quantity" in entry:
            yield (sku, entry["fulfillmentChannelCode"]), int(entry["quantity"])


def _objection(issue: Mapping[str, Any]) -> ItemOutcome:
    reason = f"{issue.get('code')}: {issue.get('message')}"
    if str(issue.get("code")) in _ITSELF:
        return ItemOutcome(Fate.LATER, reason, _LATER_S)
    return ItemOutcome(Fate.REJECTED, reason)
