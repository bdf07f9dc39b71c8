"""Amazon's feeds: a document is made and filled, a feed of it handed in, followed, and its report fetched."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from feeds.simulator.amazon_body import TRY_AGAIN, UNCHANGEABLE, UNKNOWN_SKU, Write
from feeds.simulator.amazon_messages import read_document, read_message
from feeds.simulator.amazon_settings import AmazonSettings
from feeds.simulator.feeds_queue import Job, State
from feeds.simulator.headers import utc
from feeds.simulator.messages import Given, Refused, document
from feeds.simulator.places import Place
from feeds.simulator.routes import Call, Route

if TYPE_CHECKING:
    from feeds.simulator.amazon import Amazon

_FEEDS = "/feeds/2021-06-30"
_TYPE = "JSON_LISTINGS_FEED"
_STATES = {
    State.QUEUED: "IN_QUEUE",
    State.RUNNING: "IN_PROGRESS",
    State.ENDLESS: "IN_PROGRESS",
    State.DONE: "DONE",
    State.FAILED: "FATAL",
    State.CANCELLED: "CANCELLED",
}
_PAGE_MOST = 100


@dataclass(slots=True)
class _Document:
    owner: str
    body: bytes | None = None
    packed: bool = False


class AmazonFeeds:
    """The part of the marketplace that handles feeds."""

    def __init__(self, amazon: "Amazon", settings: AmazonSettings) -> None:
        self._amazon = amazon
        self._settings = settings
        self._documents: dict[str, _Document] = {}

    def routes(self) -> Sequence[Route]:
        """Their operations."""
        one, document_of = f"{_FEEDS}/feeds/{{feed}}", f"{_FEEDS}/documents/{{document}}"
        return [
            Route(
                "POST",
                f"{_FEEDS}/documents",
                "create_feed_document",
                self._create_document,
                "create_feed_document",
            ),
            Route("PUT", "/documents/{document}", "put_document", self._put, open=True),
            Route("GET", "/documents/{document}", "download_document", self._download, open=True),
            Route("POST", f"{_FEEDS}/feeds", "create_feed", self._create, "create_feed", submits=True),
            Route("GET", f"{_FEEDS}/feeds", "get_feeds", self._list, "get_feeds"),
            Route("GET", one, "get_feed", self._get, "get_feed"),
            Route("DELETE", one, "cancel_feed", self._cancel, "cancel_feed"),
            Route("GET", document_of, "get_feed_document", self._get_document, "get_feed_document"),
        ]

    def _create_document(self, call: Call) -> Given:
        content = _body(call).get("contentType")
        if not isinstance(content, str) or not content.startswith("application/json"):
            raise _invalid("contentType must be application/json; charset=UTF-8.")
        name = self._new(_Document(call.owner))
        return document({"feedDocumentId": name, "url": self._url(name)}, 201)

    def _new(self, content: _Document) -> str:
        name = f"amzn1.tortuga.4.eu.{self._amazon.number():08x}"
        self._documents[name] = content
        return name

    def _url(self, name: str) -> str:
        return f"{self._settings.base_url}/documents/{name}"

    def _put(self, call: Call) -> Given:
        kept = self._documents.get(call.parts["document"])
        if kept is None:
            return Given(404, {}, b"<Error><Code>NoSuchKey</Code></Error>")
        kept.body = call.received.body
        return Given(200, {}, b"")

    def _download(self, call: Call) -> Given:
        kept = self._documents.get(call.parts["document"])
        if kept is None or kept.body is None:
            return Given(404, {}, b"<Error><Code>NoSuchKey</Code></Error>")
        return Given(200, {"content-type": "application/octet-stream"}, kept.body)

    def _create(self, call: Call) -> Given:
        body = _body(call)
        if body.get("feedType") != _TYPE:
            raise _invalid(
                f"feedType {body.get('feedType')} is not supported; inventory files ended in 2025."
            )
        marketplaces = body.get("marketplaceIds")
        if not isinstance(marketplaces, list) or not marketplaces:
            raise _invalid("marketplaceIds is missing.")
        if unknown := [each for each in marketplaces if each not in self._settings.marketplaces]:
            raise _invalid(f"{unknown[0]} is not a marketplace of this seller.")
        kept = self._documents.get(str(body.get("inputFeedDocumentId")))
        if kept is None or kept.owner != call.owner:
            raise _invalid("inputFeedDocumentId names no document of this seller.")
        feed_id = f"{50_000_000_000 + self._amazon.number()}"
        job = Job(feed_id, call.owner, _TYPE, call.now_ms, kept)
        job.outcome["marketplaceIds"] = marketplaces
        items = (kept.body or b"").count(b'"messageId"')  # how long it takes, not what is in it
        self._amazon.queue.submit(job, items, call.now_ms)
        return document({"feedId": feed_id}, 202)

    def _list(self, call: Call) -> Given:
        query = call.received.query
        size = query.get("pageSize", "10")
        if not size.isdecimal() or not 1 <= int(size) <= _PAGE_MOST:
            raise _invalid(f"pageSize must be from 1 to {_PAGE_MOST}.")
        if "feedTypes" not in query and "nextToken" not in query:
            raise _invalid("feedTypes is missing.")
        since, states = query.get("createdSince", ""), query.get("processingStatuses")
        wanted = states.split(",") if states else None
        found = [
            job
            for job in reversed(self._amazon.queue.of_account.get(call.owner, []))
            if utc(job.submitted_ms) >= since and (wanted is None or _STATES[job.state] in wanted)
        ]
        begin = int(query["nextToken"]) if query.get("nextToken", "").isdecimal() else 0
        answer: dict[str, Any] = {"feeds": [_shown(job) for job in found[begin : begin + int(size)]]}
        if begin + int(size) < len(found):
            answer["nextToken"] = str(begin + int(size))
        return document(answer)

    def _job(self, call: Call) -> Job:
        job = self._amazon.queue.jobs.get(call.parts["feed"])
        if job is None or job.account != call.owner:
            raise Refused(_error(404, "NotFound", f"Feed {call.parts['feed']} does not exist."))
        return job

    def _get(self, call: Call) -> Given:
        return document(_shown(self._job(call)))

    def _cancel(self, call: Call) -> Given:
        if not self._amazon.queue.cancel(self._job(call)):
            raise _invalid("The feed has begun and cannot be cancelled.")
        return document({})

    def _get_document(self, call: Call) -> Given:
        name = call.parts["document"]
        kept = self._documents.get(name)
        if kept is None or kept.owner != call.owner:
            return _error(404, "NotFound", f"Document {name} does not exist.")
        packed = {"compressionAlgorithm": "GZIP"} if kept.packed else {}
        return document({"feedDocumentId": name, "url": self._url(name), **packed})

    # Processing

    def finish(self, job: Job, failed: bool, now_ms: int) -> None:
        """Judge every message and apply the good ones; of a feed that fails, some."""
        kept: _Document = job.content
        job.content = None
        messages, fatal = read_document(kept.body or b"", job.account, self._settings)
        kept.body = None  # nobody reads what was handed in again
        if fatal is not None:
            job.state = State.FAILED
            job.outcome["fatal"] = fatal.message
            return
        issues: list[dict[str, Any]] = []
        lines: list[tuple[Place, Write]] = []
        invalid = 0
        hit = {
            TRY_AGAIN: self._amazon.failing("partial_items", job, len(messages), now_ms),
            UNCHANGEABLE: self._amazon.failing("invalid_items", job, len(messages), now_ms),
        }
        seen: set[int] = set()
        for n, message in enumerate(messages):
            found, wrong = read_message(message, seen)
            sku = message.get("sku")
            place = self._amazon.shelf.get(job.account, sku) if isinstance(sku, str) else None
            if place is None and not wrong:
                wrong = [UNKNOWN_SKU]
            wrong = [*wrong, *(issue for issue, which in hit.items() if n in which)]
            if wrong:
                invalid += 1
                number = message.get("messageId")
                issues += [
                    each.reported(number if isinstance(number, int) else 0, str(sku)) for each in wrong
                ]
            elif place is not None:
                lines += [(place, each) for each in found]
        if failed:
            fault = self._amazon.faults.active("feed_fatal_partial", now_ms)
            given = fault.share if fault is not None else None
            share = self._settings.failed_share if given is None else given
            random = self._amazon.faults.random("feed_fatal_partial")
            lines = [line for line in lines if random.random() < share]
        applied = [(self._amazon.entry(place, each, now_ms), each.quantity) for place, each in lines]
        self._amazon.shelf.write_all(applied, now_ms)
        job.outcome["applied"] = len(applied)
        if not failed:
            job.outcome["report"] = self._report(job, issues, len(messages), invalid)

    def _report(self, job: Job, issues: list[dict[str, Any]], messages: int, invalid: int) -> str:
        summary = {
            "errors": sum(each["severity"] == "ERROR" for each in issues),
            "warnings": sum(each["severity"] == "WARNING" for each in issues),
            "messagesProcessed": messages,
            "messagesAccepted": messages - invalid,
            "messagesInvalid": invalid,
        }
        header = {"sellerId": job.account, "version": "2.0", "feedId": job.feed_id}
        body = orjson.dumps({"header": header, "issues": issues, "summary": summary})
        packed = self._settings.gzip_reports
        return self._new(_Document(job.account, gzip.compress(body, mtime=0) if packed else body, packed))


def _shown(job: Job) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "feedId": job.feed_id,
        "feedType": job.feed_type,
        "marketplaceIds": job.outcome["marketplaceIds"],
        "createdTime": utc(job.submitted_ms),
        "processingStatus": _STATES[job.state],
    }
    if job.started_ms is not None:
        shown["processingStartTime"] = utc(job.started_ms)
    if job.ended_ms is not None:
        shown["processingEndTime"] = utc(job.ended_ms)
    if "report" in job.outcome:
        shown["resultFeedDocumentId"] = job.outcome["report"]
    return shown


def _body(call: Call) -> dict[str, Any]:
    try:
        body = call.document()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise _invalid("The body is not a JSON object.")
    return body


def _error(status: int, code: str, message: str) -> Given:
    return document({"errors": [{"code": code, "message": message, "details": ""}]}, status)


def _invalid(message: str) -> Refused:
    return Refused(_error(400, "InvalidInput", message))
