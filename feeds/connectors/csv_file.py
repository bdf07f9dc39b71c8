"""A receiver of somebody's own making that takes files: CSV, by PUT or POST."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from math import inf

from feeds.buckets import Bucket, Kind
from feeds.connector import Connector, Identity, Item, Operation
from feeds.connectors.bodies import segment
from feeds.connectors.keys import key_of
from feeds.connectors.options import amount, choice, flag, secret, whole_number
from feeds.connectors.receivers import path_of, refused
from feeds.connectors.replies import Talk
from feeds.connectors.tokens import basic
from feeds.exchange import Conversation, Request
from feeds.outcomes import Answer, Fate, ItemOutcome, Setback, Trouble, whole

_FIELDS = ("listing", "location", "quantity", "version", "write", "account")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = ("content-type", "content-length", "connection", "host", "idempotency-key", "transfer-encoding")
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class CsvFile(Connector):
    """A file of what has changed; a listing and its location are whatever the receiver calls them. Options: `path`, in
    which {account} and {write} may stand, the latter greater from file to file; `method` (POST, or PUT); `columns`
    (listing,location,quantity), perhaps with headings of their own: sku=listing,stock=quantity; `delimiter` (;);
    `heading` (true); `most` lines (10000), `every_s` seconds at the earliest (60), and the `interval_s` that the
    receiver wants between two files (10); `header` of the token (authorization). Secrets: `token`, or `user` and
    `password`."""

    name = "csv"
    reads_most = 0

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        path = path_of(
            identity, "path", "where the receiver takes files, such as /stock.csv", "account", "write"
        )
        self.path = path.replace("{account}", segment(identity.account))
        self.method = choice(identity, "method", "POST", ("POST", "PUT"))
        self.columns = _columns(identity)
        self.delimiter = choice(identity, "delimiter", ";", (";", ",", "\t", "|"))
        self.heading = flag(identity, "heading", True)
        self.header = _header(identity)
        most = whole_number(identity, "most", 10_000, 1, 1_000_000)
        every_s = amount(identity, "every_s", 60, 0, 86_400)
        self._operations = (Operation("file", "file", most, every_s=every_s),)
        interval_s = amount(identity, "interval_s", 10, 0.001, 86_400)
        self._limits = {"file": [Bucket("files", Kind.INTERVAL, 1, interval_s)]}

    @property
    def operations(self) -> Sequence[Operation]:
        return self._operations

    @property
    def limits(self) -> Mapping[str, Sequence[Bucket]]:
        return self._limits

    def write(self, operation: Operation, items: Sequence[Item], intent: str) -> Conversation[Answer]:
        talk, faults = Talk(), [self._fault(item) for item in items]
        if any(faults):
            good = ItemOutcome(Fate.RETURNED)
            return talk.answer([ItemOutcome(Fate.REJECTED, each) if each else good for each in faults])
        path = self.path.replace("{write}", str(max(item.write for item in items)))
        kind = f"text/csv; charset=utf-8; header={'present' if self.heading else 'absent'}"
        headers = {"content-type": kind, "idempotency-key": key_of(self.identity.account, items)}
        ask = Request(self.method, path, "file", {}, headers, self._file(items), len(items))
        try:
            yield from talk.ask(ask, lambda _: None, refused=refused)
        except Setback as setback:
            return talk.set_back(setback, len(items))
        return talk.answer(whole(len(items), Fate.APPLIED))

    def authorise(self) -> Conversation[tuple[dict[str, str], float]]:
        yield from ()  # the token never ends
        names = ("token",) if "token" in self.identity.secrets else ("user", "password")
        told = [secret(self.identity, name) for name in names]
        if not all(map(_VALUE.fullmatch, told)):
            reason = f"{' and '.join(names)} must be printable ASCII, without a line break"
            raise Setback(Fate.RETURNED, Trouble.AUTH, reason)
        if names != ("token",):
            return {"authorization": basic(*told)}, inf
        bare = self.header == "authorization" and " " not in told[0]
        return {self.header: f"Bearer {told[0]}" if bare else told[0]}, inf

    def _file(self, items: Sequence[Item]) -> bytes:
        file = io.StringIO(newline="")
        lines = csv.writer(file, delimiter=self.delimiter)
        if self.heading:
            lines.writerow(self.columns)
        for item in items:
            told = {**item._asdict(), "account": self.identity.account}
            lines.writerow([told[field] for field in self.columns.values()])
        return file.getvalue().encode()

    def _fault(self, item: Item) -> str | None:
        """Why an item cannot be in a file. Everything else that an id may have in it is quoted, and never changed."""
        if _CONTROL.search(item.listing + (item.location or "")):
            return "an id with a control character: whoever reads line by line would see two"
        if item.location is not None and "location" not in self.columns.values():
            return "it has a location, and the files have no column for it"
        return None


def _columns(identity: Identity) -> dict[str, str]:
    """What stands in each column, by its heading."""
    told, found = str(identity.options.get("columns", "listing,location,quantity")), dict[str, str]()
    for each in told.split(","):
        heading, _, field = each.strip().rpartition("=")
        found[heading.strip() or field.strip()] = field.strip()
    fields, twice = set(found.values()), len(found) <= told.count(",")
    if twice or fields - set(_FIELDS) or not {"listing", "quantity"} <= fields:
        wanted = f"write HEADING=COLUMN,... with listing, quantity, and what you want of {', '.join(_FIELDS)}"
        raise ValueError(f"account {identity.account}: option columns: {told!r}: {wanted}, no heading twice")
    return found


def _header(identity: Identity) -> str:
    """The header with the token, in lower case. Raises ValueError, also where nobody says who we are."""
    secrets = identity.secrets.keys()
    if ("token" in secrets) == ({"user", "password"} <= secrets):
        raise ValueError(f"account {identity.account}: give it the secret token, or user and password")
    name = str(identity.options.get("header", "authorization")).lower()
    if not _HEADER.fullmatch(name) or name in _OURS:
        raise ValueError(f"account {identity.account}: option header: {name!r} is no header for a token")
    return name
