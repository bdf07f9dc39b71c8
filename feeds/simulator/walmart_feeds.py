"""Walmart's feeds: handed in as a file, followed, and read item by item."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from feeds.simulator.feeds_queue import Job, State
from feeds.simulator.forms import file_of
from feeds.simulator.headers import utc
from feeds.simulator.messages import Given, Refused, document
from feeds.simulator.places import Place
from feeds.simulator.routes import Call, Route
from feeds.simulator.walmart_errors import error, refused
from feeds.simulator.walmart_settings import WalmartSettings

if TYPE_CHECKING:
    from feeds.simulator.walmart import Walmart

_TYPES = ("inventory", "MP_INVENTORY")
_STATES = {
    State.QUEUED: "RECEIVED",
    State.RUNNING: "INPROGRESS",
    State.ENDLESS: "INPROGRESS",
    State.DONE: "PROCESSED",
    State.FAILED: "ERROR",
}
_AMOUNT_MOST = 2**31 - 1


class _Failure(NamedTuple):
    status: str
    code: str
    description: str


class _Sent(NamedTuple):
    """What was handed in. `name`: of the file."""

    name: str
    items: list[Any]


def quantity_of(given: Any) -> tuple[int | None, str]:
    """The amount of `{"unit": "EACH", "amount": n}`, or None and what is wrong."""
    if not isinstance(given, dict):
        return None, "quantity is missing."
    if given.get("unit") != "EACH":
        return None, "quantity.unit must be EACH."
    amount = given.get("amount")
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 <= amount <= _AMOUNT_MOST:
        return None, f"quantity.amount must be a whole number from 0 to {_AMOUNT_MOST}."
    return amount, ""


class WalmartFeeds:
    """The part of the marketplace that handles feeds."""

    def __init__(self, walmart: "Walmart", settings: WalmartSettings) -> None:
        self._walmart = walmart
        self._settings = settings

    def routes(self) -> Sequence[Route]:
        """Their operations."""
        return [
            Route("POST", "/v3/feeds", "feed_inventory", self._submit, "feed_inventory", submits=True),
            Route("GET", "/v3/feeds", "feeds", self._list, "feed_status"),
            Route("GET", "/v3/feeds/{feed}", "feed_status", self._get, "feed_status"),
        ]

    def _submit(self, call: Call) -> Given:
        feed_type = call.received.query.get("feedType", "")
        if feed_type not in _TYPES:
            raise refused(
                "INVALID_REQUEST_PARAM", f"feedType must be one of {', '.join(_TYPES)}.", "feedType"
            )
        content_type = call.received.headers.get("content-type", "")
        if len(call.received.body) > self._settings.bytes_most:
            raise Refused(
                error(413, "PAYLOAD_TOO_LARGE", f"A feed has at most {self._settings.bytes_most} bytes.")
            )
        file = file_of(content_type, call.received.body)
        if file is None and not (self._settings.raw_feeds and content_type.startswith("application/json")):
            raise refused("INVALID_REQUEST_CONTENT", "The feed must be a file of a form.", "file")
        content = call.received.body if file is None else file.content
        items = self._items(feed_type, content)
        feed_id = f"{self._walmart.number():032X}@AQ{call.now_ms % 1000:03d}"
        job = Job(feed_id, call.owner, feed_type, call.now_ms, _Sent(file.name if file else "", items))
        job.outcome.update(received=len(items), name=file.name if file else "", results=None)
        self._walmart.queue.submit(job, len(items), call.now_ms)
        return document({"feedId": feed_id})

    def _items(self, feed_type: str, content: bytes) -> list[Any]:
        single = feed_type == "inventory"
        header_name, items_name = (
            ("InventoryHeader", "Inventory") if single else ("inventoryHeader", "inventory")
        )
        version = "1.4" if single else "1.5"
        try:
            body = orjson.loads(content)
        except ValueError:
            raise refused("INVALID_REQUEST_CONTENT", "The file is not JSON.", "file") from None
        header, items = (
            (body.get(header_name), body.get(items_name)) if isinstance(body, dict) else (None, None)
        )
        if not isinstance(header, dict) or header.get("version") != version:
            raise refused("INVALID_REQUEST_CONTENT", f"{header_name}.version must be {version}.", header_name)
        if not isinstance(items, list) or not 1 <= len(items) <= self._settings.items_most:
            allowed = f"1 to {self._settings.items_most}"
            raise refused("INVALID_REQUEST_CONTENT", f"{items_name} must have {allowed} items.", items_name)
        return items

    # Following

    def _list(self, call: Call) -> Given:
        query = call.received.query
        offset, limit = self._page(query)
        jobs = list(reversed(self._walmart.queue.of_account.get(call.owner, [])))
        if (wanted := query.get("feedId")) is not None:
            jobs = [job for job in jobs if job.feed_id == wanted]
        if (kind := query.get("feedType")) is not None:
            jobs = [job for job in jobs if job.feed_type == kind]
        page = [_shown(job) for job in jobs[offset : offset + limit]]
        return document(
            {"totalResults": len(jobs), "offset": offset, "limit": limit, "results": {"feed": page}}
        )

    def _get(self, call: Call) -> Given:
        query = call.received.query
        job = self._walmart.queue.jobs.get(call.parts["feed"])
        if job is None or job.account != call.owner:
            raise Refused(error(404, "CONTENT_NOT_FOUND", "There is no such feed.", field="feedId"))
        offset, limit = self._page(query)
        answer = {**_shown(job), "offset": offset, "limit": limit}
        if query.get("includeDetails", "false").lower() == "true":
            results = job.outcome["results"] or []
            details = list(_details(job, results, offset, limit))
            answer["itemDetails"] = {"itemIngestionStatus": details}
        return document(answer)

    def _page(self, query: Any) -> tuple[int, int]:
        offset, limit = query.get("offset", "0"), query.get("limit", str(self._settings.page_most))
        if not offset.isdecimal():
            raise refused("INVALID_REQUEST_PARAM", "offset must be a whole number from 0 on.", "offset")
        if not limit.isdecimal() or not 1 <= int(limit) <= self._settings.page_most:
            most = self._settings.page_most
            raise refused("INVALID_REQUEST_PARAM", f"limit must be from 1 to {most}.", "limit")
        return int(offset), int(limit)

    def is_strange(self, node: Any) -> bool:
        """Whether it is no ship node of the sellers."""
        return node is not None and bool(self._settings.nodes) and node not in self._settings.nodes

    def missing(self, sku: str, node: Any) -> str:
        """Why there is nothing to write to."""
        if self.is_strange(node):
            return f"There is no ship node {node}."
        return f"There is no sku {sku}" + ("." if node is None else f" at ship node {node}.")

    # Processing

    def finish(self, job: Job, failed: bool, now_ms: int) -> None:
        """Judge every item and apply the good ones; of a feed that fails, none."""
        items = job.content.items
        if failed:
            return
        passing = self._walmart.failing("partial_items", job, len(items), now_ms)
        for_good = self._walmart.failing("invalid_items", job, len(items), now_ms)
        lines: list[tuple[Place, int]] = []
        results: list[_Failure | None] = []
        for n, item in enumerate(items):
            if n in passing:
                timed_out = self._walmart.faults.random("partial_items").random() < 0.5
                status = "TIMEOUT_ERROR" if timed_out else "SYSTEM_ERROR"
                results.append(_Failure(status, "ERR_INT_INV_0000", "Please try again later."))
            elif n in for_good:
                results.append(_Failure("DATA_ERROR", "ERR_INT_INV_9999", "The item cannot be changed."))
            else:
                found = self._read(item, job)
                results.append(found if isinstance(found, _Failure) else None)
                if not isinstance(found, _Failure):
                    lines += found
        self._walmart.shelf.write_all(lines, now_ms)
        job.outcome["results"] = results

    def _read(self, item: Any, job: Job) -> list[tuple[Place, int]] | _Failure:
        sku = item.get("sku") if isinstance(item, dict) else None
        if not isinstance(sku, str):
            return _Failure("DATA_ERROR", "ERR_INT_INV_0001", "sku is missing.")
        if job.feed_type == "inventory":
            wanted: list[tuple[Any, Any]] = [(item.get("shipNode"), item.get("quantity"))]
        else:
            nodes = item.get("shipNodes")
            if not isinstance(nodes, list) or not nodes or not all(isinstance(each, dict) for each in nodes):
                return _Failure("DATA_ERROR", "ERR_INT_INV_0002", "shipNodes is missing.")
            if any(not isinstance(each.get("shipNode"), str) for each in nodes):
                return _Failure("DATA_ERROR", "ERR_INT_INV_0002", "shipNode is missing.")
            wanted = [(each["shipNode"], each.get("quantity")) for each in nodes]
        found = []
        for node, quantity in wanted:
            if node is not None and not isinstance(node, str):
                return _Failure("DATA_ERROR", "ERR_INT_INV_0002", "shipNode is no text.")
            amount, wrong = quantity_of(quantity)
            place = self._walmart.shelf.get(job.account, sku, node)
            if amount is None:
                return _Failure("DATA_ERROR", "ERR_INT_INV_0003", wrong)
            if place is None:
                return _Failure("DATA_ERROR", "ERR_INT_INV_0004", self.missing(sku, node))
            found.append((place, amount))
        return found


def _shown(job: Job) -> dict[str, Any]:
    results, received = job.outcome["results"], job.outcome["received"]
    failed = 0 if results is None else sum(each is not None for each in results)
    whole_failed = received if job.state is State.FAILED else failed
    succeeded = 0 if results is None else len(results) - failed
    return {
        "feedId": job.feed_id,
        "feedSource": "SELLER_ITEM",
        "feedType": job.feed_type,
        "partnerId": job.account,
        "feedStatus": _STATES[job.state],
        "feedDate": utc(job.submitted_ms),
        "feedSubmissionDate": job.submitted_ms,
        "modifiedDtm": utc(job.ended_ms or job.started_ms or job.submitted_ms),
        "fileName": job.outcome["name"],
        "itemsReceived": received,
        "itemsSucceeded": succeeded,
        "itemsFailed": whole_failed,
        "itemsProcessing": received - succeeded - whole_failed,
    }


def _details(
    job: Job, results: Sequence[_Failure | None], offset: int, limit: int
) -> Iterator[dict[str, Any]]:
    items = job.content.items
    for n in range(offset, min(offset + limit, len(results))):
        failure = results[n]
        errors: list[dict[str, str]] = []
        if failure is not None:
            kind = "DATA_ERROR" if failure.status == "DATA_ERROR" else "SYSTEM_ERROR"
            errors = [{"type": kind, "code": failure.code, "description": failure.description}]
        sku = items[n].get("sku", "") if isinstance(items[n], dict) else ""
        yield {
            "martId": 0,
            "sku": sku,
            "wpid": "",
            "index": n,
            "ingestionStatus": "SUCCESS" if failure is None else failure.status,
            "ingestionErrors": {"ingestionError": errors},
        }
