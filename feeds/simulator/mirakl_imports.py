"""Mirakl's stock imports: a CSV file handed in (STO01), followed (STO02), and its lines in error (STO03)."""

import csv
import re
from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from feeds.simulator.feeds_queue import Job, State
from feeds.simulator.forms import file_of
from feeds.simulator.headers import utc
from feeds.simulator.messages import Given, Refused, document
from feeds.simulator.mirakl_settings import MiraklSettings
from feeds.simulator.places import Place
from feeds.simulator.routes import Call, Route

if TYPE_CHECKING:
    from feeds.simulator.mirakl import Mirakl

_COLUMNS = ("offer-sku", "quantity", "warehouse-code", "update-delete")
_NEEDED = _COLUMNS[:2]
_STATES = {
    State.QUEUED: "WAITING",
    State.RUNNING: "RUNNING",
    State.ENDLESS: "RUNNING",
    State.DONE: "COMPLETE",
    State.FAILED: "FAILED",
}
_QUANTITY_MOST = 1_000_000_000
_FILE = re.compile(rb'Content-Disposition: form-data; (?:filename="[^"]*"; )?name="file"[;\r]', re.IGNORECASE)
_ID = UUID("7d98c3c0-81fe-407d-9721-000000000000").int


class _Sent(NamedTuple):
    """What was handed in. `rows`: of the file, its header first; None: it is no CSV of the right kind."""

    owner: str
    rows: list[list[str]] | None


class _Line(NamedTuple):
    """One line of a file. `listing` is in it, whatever is `wrong` with it."""

    listing: str
    place: Place | None = None
    quantity: int = 0
    wrong: str = ""


def message(status: int, text: str) -> Given:
    """Its shape of an error."""
    return document({"message": text, "status": status}, status)


class MiraklImports:
    """The part of the marketplace that handles stock imports."""

    def __init__(self, mirakl: "Mirakl", settings: MiraklSettings) -> None:
        self._mirakl = mirakl
        self._settings = settings

    def routes(self) -> Sequence[Route]:
        """Their operations."""
        path = "/api/offers/stock/imports"
        return [
            Route("POST", path, "sto01", self._submit, "sto01", submits=True),
            Route("GET", f"{path}/{{import_id}}/status", "sto02", self._status, "sto02"),
            Route("GET", f"{path}/{{import_id}}/error_report", "sto03", self._report, "sto03"),
        ]

    def _submit(self, call: Call) -> Given:
        received = call.received
        file = file_of(received.headers.get("content-type", ""), received.body)
        if file is None or _FILE.search(received.body) is None:
            raise Refused(message(400, "Required part 'file' is not present."))
        import_id = str(UUID(int=_ID + self._mirakl.number()))
        rows = _rows(file.content)
        if rows is not None and len(rows) - 1 > self._settings.lines_most:
            raise Refused(message(413, f"A file has at most {self._settings.lines_most} lines."))
        account = call.owner if self._settings.in_order else f"{call.owner} {import_id}"
        job = Job(import_id, account, "sto01", call.now_ms, _Sent(call.owner, rows))
        job.outcome.update(shop=self._mirakl.shop_of(call.account), success=0, error=0, report=[])
        self._mirakl.queue.submit(job, len(rows or ()), call.now_ms)
        where = f"{self._settings.base_url}/api/offers/stock/imports/{import_id}/status"
        return document({"import_id": import_id}, 201, {"Location": where})

    # Following

    def _job(self, call: Call) -> Job:
        job = self._mirakl.queue.jobs.get(call.parts["import_id"])
        if job is None or job.content.owner != call.owner:
            raise Refused(message(404, f"Import {call.parts['import_id']} not found."))
        return job

    def _status(self, call: Call) -> Given:
        job = self._job(call)
        told: dict[str, Any] = {
            "date_created": utc(job.submitted_ms),
            "has_error_report": bool(job.outcome["report"]),
            "import_id": job.feed_id,
            "shop_id": job.outcome["shop"],
            "status": _STATES[job.state],
        }
        if job.state is not State.FAILED:
            told |= {"lines_in_success": job.outcome["success"], "lines_in_error": job.outcome["error"]}
        return document(told)

    def _report(self, call: Call) -> Given:
        job = self._job(call)
        if not job.outcome["report"]:
            raise Refused(message(404, f"Import {job.feed_id} has no error report."))
        text = StringIO()
        writer = csv.writer(text, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(["error-line", "error-message", *job.content.rows[0]])
        writer.writerows(job.outcome["report"])
        return Given(200, {"content-type": "text/csv;charset=UTF-8"}, text.getvalue().encode())

    # Processing

    def finish(self, job: Job, failed: bool, now_ms: int) -> None:
        """Judge every line and apply the good ones; of an import that fails, some, and nobody says which."""
        rows = job.content.rows
        if rows is None:
            job.state = State.FAILED
            return
        passing = self._mirakl.failing("partial_items", job, len(rows) - 1, now_ms)
        for_good = self._mirakl.failing("invalid_items", job, len(rows) - 1, now_ms)
        lines = self._read(rows, job.content.owner)
        for n in passing | for_good:
            reason = "A technical error has occurred" if n in passing else "The offer cannot be updated"
            lines[n] = lines[n]._replace(wrong=reason)
        bad = {line.listing for line in lines if line.wrong} if self._settings.whole_offers else set()
        taken = [line for line in lines if not line.wrong and line.listing not in bad]
        if failed:
            applied = self._mirakl.failing("feed_fatal_partial", job, len(taken), now_ms)
            taken = [line for n, line in enumerate(taken) if n in applied]
        for line in taken:
            self._apply(line, job, now_ms)
        if not failed:
            report = [
                [str(n + 2) if line.wrong else "", line.wrong, *rows[n + 1]]
                for n, line in enumerate(lines)
                if line.wrong or line.listing in bad
            ]
            job.outcome.update(success=len(taken), error=len(report), report=report)

    def _apply(self, line: _Line, job: Job, now_ms: int) -> None:
        faults = self._mirakl.faults
        assert line.place is not None
        self._mirakl.shelf.write(
            line.place,
            line.quantity,
            now_ms,
            in_order=faults.strikes("out_of_order_apply", now_ms, job.feed_type) is None,
            lost=faults.strikes("accepted_never_applied", now_ms, job.feed_type) is not None,
        )

    def _read(self, rows: list[list[str]], owner: str) -> list[_Line]:
        at = {name: n for n, name in enumerate(rows[0])}
        found, ended, last = list[_Line](), set[str](), None
        for row in rows[1:]:
            cells = {name: row[n] if n < len(row) else "" for name, n in at.items()}
            line = self._judge(cells, owner)
            if line.listing != last:
                ended |= set() if last is None else {last}
                last = line.listing
            if self._settings.together and line.listing in ended and not line.wrong:
                line = line._replace(wrong="The lines of an offer must be listed together")
            found.append(line)
        return found

    def _judge(self, cells: dict[str, str], owner: str) -> _Line:
        listing, text = cells["offer-sku"].strip(), cells["quantity"].strip()
        warehouse = cells.get("warehouse-code", "").strip() or None
        what = cells.get("update-delete", "").strip() or "update"
        shelf, known = self._mirakl.shelf, self._settings.warehouses
        place = shelf.get(owner, listing, warehouse)
        if place is None and not shelf.locations(owner, listing):
            return _Line(listing, wrong="The offer does not exist")
        if place is None or (warehouse is not None and known and warehouse not in known):
            return _Line(listing, wrong="The warehouse code is unknown")
        if what not in ("update", "delete"):
            return _Line(listing, wrong="The field update-delete is not valid")
        if what == "delete":
            return _Line(listing, place, 0)
        if not (text.isascii() and text.isdecimal() and len(text) <= 10) or int(text) > _QUANTITY_MOST:
            return _Line(listing, wrong="The quantity is not valid")
        return _Line(listing, place, int(text))


def _rows(content: bytes) -> list[list[str]] | None:
    try:
        text = content.decode("utf-8-sig")
        rows = list(csv.reader(StringIO(text, newline=""), delimiter=";", strict=True))
    except (UnicodeDecodeError, csv.Error):
        return None
    rows = [row for row in rows if row]
    return rows if rows and set(_NEEDED) <= set(rows[0]) <= set(_COLUMNS) else None
