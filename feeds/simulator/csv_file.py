"""A receiver of CSV files: one is taken, or refused, as a whole."""

import csv
import io
from collections.abc import Sequence
from typing import ClassVar

from feeds.simulator.answered import Answered
from feeds.simulator.credentials import basic
from feeds.simulator.csv_settings import CsvSettings
from feeds.simulator.gate import Use, Verdict
from feeds.simulator.headers import retry_after
from feeds.simulator.marketplace import Marketplace
from feeds.simulator.messages import Given, Received, Refused
from feeds.simulator.places import Place
from feeds.simulator.routes import Call, Route
from feeds.simulator.truth import Truth


class CsvFiles(Marketplace):
    """Whatever the name of a file, its lines are what counts."""

    name: ClassVar[str] = "csv"

    def __init__(
        self, settings: CsvSettings | None = None, *, seed: int = 1, truth: Truth | None = None
    ) -> None:
        self.settings = settings or CsvSettings()
        self.answered = Answered(self.settings.remember_s * 1000)
        super().__init__(self.settings, seed=seed, truth=truth)

    def routes(self) -> Sequence[Route]:
        """A script that takes files, and a folder that they are put into."""
        return [
            Route("POST", "/stock.csv", "post_file", self._file, "files"),
            Route("PUT", "/inbox/{file}", "put_file", self._file, "files"),
        ]

    # Who calls

    def authorise(self, call: Call) -> str:
        """A token in the header of the settings, or a user with a password."""
        told = call.received.headers.get(self.settings.header, "")
        bearer = "Bearer " if self.settings.header == "authorization" else ""
        pair = basic(call.received.headers.get("authorization", ""))
        for account, secrets in self.accounts.items():
            if told == f"{bearer}{secrets.access_token}" or pair == (
                secrets.client_id,
                secrets.client_secret,
            ):
                return account
        raise Refused(text(401, "Who are you?"))

    def expire(self, call: Call) -> None:
        """The token or password is not taken this time."""
        raise Refused(text(401, "Who are you?"))

    # What it says of itself

    def use(self, route: Route, call: Call) -> Use:
        """Lines are counted, though nothing limits them."""
        return Use("files", call.owner, max(1, call.received.body.count(b"\n")))

    def throttled(self, call: Call, use: Use, verdict: Verdict) -> Given:
        """429."""
        given = text(429, "Too many files.")
        if not self.settings.retry_after:
            return given
        told = retry_after(self.faults, verdict.wait_ms, call.now_ms)
        return given._replace(headers={**given.headers, **told})

    def broken(self, status: int) -> Given:
        """A page without reason."""
        return text(status, "Something went wrong.")

    def not_found(self, received: Received) -> Given:
        """An unknown path."""
        return text(404, f"There is no {received.path}.")

    # Files

    def _file(self, call: Call) -> Given:
        name = call.received.headers.get("idempotency-key")
        before = None if name is None else self.answered.before(call.owner, name, call.now_ms)
        if before is not None:
            return before
        lines = self._lines(call)
        if self.failing("partial_items", call, len(lines), call.now_ms):
            raise Refused(text(423, "Another file is being read."))
        if wrong := self.failing("invalid_items", call, len(lines), call.now_ms):
            raise Refused(text(422, f"Line {min(wrong) + 2}: not for sale."))
        for place, quantity in lines:
            self.write(call, place, quantity)
        if name is not None:
            self.answered.note(call.owner, name, Given(), call.now_ms)
        return Given()

    def _lines(self, call: Call) -> list[tuple[Place, int]]:
        received, settings = call.received, self.settings
        if received.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/csv":
            raise Refused(text(415, "This is not text/csv."))
        if len(received.body) > settings.bytes_most:
            raise Refused(text(413, f"At most {settings.bytes_most} bytes."))
        try:
            written = io.StringIO(received.body.decode(), newline="")
            heading, *rows = csv.reader(written, delimiter=settings.delimiter, strict=True)
        except (ValueError, csv.Error):
            raise Refused(text(400, "This is no CSV.")) from None
        if heading != settings.columns:
            raise Refused(text(400, f"The columns are {settings.delimiter.join(settings.columns)}."))
        if len(rows) > settings.lines_most:
            raise Refused(text(413, f"At most {settings.lines_most} lines."))
        return [self._line(call, n, row) for n, row in enumerate(rows, 2)]

    def _line(self, call: Call, n: int, row: list[str]) -> tuple[Place, int]:
        if len(row) != len(self.settings.columns) or not (row[2].isascii() and row[2].isdecimal()):
            raise Refused(text(400, f"Line {n} cannot be read."))
        place = self.shelf.get(call.owner, row[0], row[1] or None)
        if place is None:
            raise Refused(text(422, f"Line {n}: no such listing."))
        return place, int(row[2])


def text(status: int, words: str) -> Given:
    """An answer in words."""
    return Given(status, {"content-type": "text/plain; charset=utf-8"}, words.encode())
