"""Mirakl: the contract, the file as it must be, and what is Mirakl's own."""

import csv
import json
from collections.abc import Mapping
from io import StringIO
from itertools import pairwise
from typing import Any, ClassVar

import pytest

from feeds.buckets import Kind
from feeds.connector import Identity, Item
from feeds.connectors.mirakl import Mirakl
from feeds.exchange import Lost, Reply, Request
from feeds.outcomes import Fate, Trouble
from tests.feeds.connectors.answers import answer
from tests.feeds.connectors.contract_bulk import BulkContract
from tests.feeds.connectors.contract_reads import ReadContract
from tests.feeds.connectors.market import Market, hold
from tests.feeds.connectors.trial import INTENT

(IMPORT,) = Mirakl.operations
IMPORT_ID = "7d98c3c0-81fe-407d-9721-d4b01951c8d8"
PATH = f"/api/offers/stock/imports/{IMPORT_ID}"
HEADER = ["offer-sku", "quantity", "warehouse-code", "update-delete"]


def file_of(request: Request) -> tuple[list[str], str]:
    """The head and the content of the one file of a form."""
    boundary = request.headers["content-type"].partition('boundary="')[2].rstrip('"')
    before, part, after = request.body.split(f"--{boundary}".encode())
    assert (before, after) == (b"", b"--\r\n")
    head, _, content = part.removeprefix(b"\r\n").removesuffix(b"\r\n").partition(b"\r\n\r\n")
    return head.decode().splitlines(), content.decode()


class MiraklMarket(Market):
    """One shop. Lines of an offer that do not stand together are refused, as is a file with a line too many."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []

    def reply(self, request: Request) -> Reply:
        assert request.query.get("shop_id") == "2000"
        match request.method, request.path:
            case "POST", "/api/offers/stock/imports":
                header, *self.rows = csv.reader(StringIO(file_of(request)[1], newline=""), delimiter=";")
                assert header == HEADER
                assert len(self.rows) <= 10_000
                skus = [row[0] for row in self.rows]
                changes = sum(one != other for one, other in pairwise(skus))
                assert changes == len(set(skus)) - 1, "lines of an offer are listed together"
                return answer({"import_id": IMPORT_ID}, 201)
            case "GET", path if path == f"{PATH}/status":
                return self.status()
            case "GET", path if path == f"{PATH}/error_report":
                return report(*([*row, self.wrong(row)] for row in self.rows if self.wrong(row)))
            case "GET", "/api/offers":
                return self.offers(request.query["sku"])
        raise AssertionError(f"Mirakl has no {request.method} {request.path}")

    def wrong(self, row: list[str]) -> str:
        return "The offer does not exist" if row[0] in self.refuses else ""

    def status(self) -> Reply:
        state = {"open": "RUNNING", "closed": "COMPLETE", "failed": "FAILED"}[self.stands]
        if state != "COMPLETE":
            return status(state)
        wrong = [row for row in self.rows if self.wrong(row)]
        for row in self.rows:
            if row not in wrong:
                assert row[3] == "update"
                self.shows[row[0], row[2] or None] = int(row[1])
        return status(state, len(self.rows) - len(wrong), len(wrong))

    def offers(self, sku: str) -> Reply:
        of = {code: units for (listing, code), units in self.shows.items() if listing == sku}
        found = []
        if of:
            warehouses = [{"code": code, "quantity": units} for code, units in of.items() if code]
            found = [{"shop_sku": sku, "quantity": sum(of.values()), "warehouses": warehouses}]
        return answer({"offers": found, "total_count": len(found)})


def status(state: str, success: int | None = 0, error: int | None = 0, report: bool | None = None) -> Reply:
    counts = {"lines_in_success": success, "lines_in_error": error}
    told: dict[str, Any] = {name: many for name, many in counts.items() if many is not None}
    told |= {"import_id": IMPORT_ID, "shop_id": 2000, "date_created": "2026-09-21T14:13:20Z"}
    return answer({**told, "status": state, "has_error_report": bool(error) if report is None else report})


def report(*rows: list[str]) -> Reply:
    """Each row: the four fields, then what is wrong."""
    text = StringIO()
    writer = csv.writer(text, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["line-number", "reason", *HEADER])
    writer.writerows([n, row[4], *row[:4]] for n, row in enumerate(rows, 2))
    return Reply(200, {"content-type": "text/csv"}, text.getvalue().encode())


class TestContract(BulkContract, ReadContract):
    connector_class = Mirakl
    market_class: ClassVar[type[Market]] = MiraklMarket
    options: ClassVar[Mapping[str, Any]] = {"shop_id": 2000}
    secrets = ("api_key",)
    awkward = ("A/B", "50% off?", "ä ö&=#", 'say "hi"', "a,b", "..", "a;b", '";"')
    keyless = True
    never_busy = True


class TestWarehouses(TestContract):
    """Offers that lie in several warehouses."""

    locations = ("WAREHOUSE_001", "west; the large one")


def mirakl(**options: Any) -> Mirakl:
    return Mirakl(Identity("account", options))


def test_the_file() -> None:
    items = [Item("A", "W1", 4, 7), Item('B;"', "W1", 1, 8), Item("A", "W2", 0, 9)]
    ask = next(mirakl().write(IMPORT, items, INTENT))
    assert (ask.method, ask.path, ask.query, ask.items) == ("POST", "/api/offers/stock/imports", {}, 3)
    head, content = file_of(ask)
    assert head == [
        f'Content-Disposition: form-data; name="file"; filename="{INTENT}.csv"',
        "Content-Type: text/csv",
    ]
    assert content == (
        '"offer-sku";"quantity";"warehouse-code";"update-delete"\n'
        '"A";"4";"W1";"update"\n'
        '"A";"0";"W2";"update"\n'
        '"B;""";"1";"W1";"update"\n'
    )


def test_the_file_of_offers_with_one_quantity() -> None:
    ask = next(mirakl(shop_id="17").write(IMPORT, [Item("Ä-1", None, 1_000_000_000, 7)], INTENT))
    assert ask.query == {"shop_id": "17"}
    assert file_of(ask)[1].splitlines()[1:] == ['"Ä-1";"1000000000";"";"update"']


def written(items: list[Item], reply: Reply | Exception) -> Any:
    return hold(mirakl().write(IMPORT, items, INTENT), lambda _: reply)


TWO = [Item("A", None, 4, 7), Item("B", None, 5, 8)]


def test_the_id_of_an_import() -> None:
    where = {"location": f"https://operator.example{PATH}/status"}
    for reply in (answer({"import_id": IMPORT_ID}, 201), answer({"import_id": None}, 201, where)):
        assert written(TWO, reply).result.submission == IMPORT_ID
    assert written(TWO, answer({"import_id": 2035}, 201)).result.submission == "2035"
    assert written(TWO, answer({}, 201)).result.trouble is Trouble.BROKEN


@pytest.mark.parametrize("never", ["", "A\nB", "A\r", "\x00", "A\x85", " A", "A ", "\ud800"])
def test_an_id_that_mirakl_never_gave(never: str) -> None:
    """It is not in the file; what is, does not wait for it."""
    items = [TWO[0], Item(never, None, 3, 9), TWO[1]]
    held = written(items, answer({"import_id": IMPORT_ID}, 201))
    assert [line.split(";")[0] for line in file_of(held.requests[0])[1].splitlines()[1:]] == ['"A"', '"B"']
    assert held.result.submission == IMPORT_ID
    told = followed(items, status("COMPLETE", 2))
    assert [outcome.fate for outcome in told.answer.items] == [Fate.APPLIED, Fate.REJECTED, Fate.APPLIED]
    held = written(items[1:2], Lost())
    assert held.requests == []
    assert [outcome.fate for outcome in held.result.items] == [Fate.REJECTED]
    assert not written([Item("A", never, 3, 9)], Lost()).requests


def test_a_file_that_is_refused_blames_nobody_for_good() -> None:
    """Lines are judged later: a 400 is of the file or of the shop."""
    refused = answer({"message": "The shop is suspended", "status": 400}, 400)
    told = written(TWO, refused).result
    assert (told.trouble, {each.fate for each in told.items}) == (Trouble.REFUSED, {Fate.RETURNED})
    told = written(TWO[:1], refused).result
    assert (told.trouble, told.items[0].fate) == (Trouble.BROKEN, Fate.RETURNED)
    assert told.reason == "400 The shop is suspended"


def test_a_limit_says_when() -> None:
    told = written(TWO, Reply(429, {"retry-after": "37"})).result
    assert (told.trouble, told.again_s) == (Trouble.THROTTLED, 37)


def followed(items: list[Item], *replies: Reply) -> Any:
    left = iter(replies)
    held = hold(mirakl(shop_id=5).follow(IMPORT_ID, items), lambda _: next(left))
    assert next(left, None) is None, "it has not asked for all"
    assert [ask.path for ask in held.requests] == [f"{PATH}/status", f"{PATH}/error_report"][: len(replies)]
    assert all(ask.query == {"shop_id": "5"} for ask in held.requests)
    assert [ask.limit for ask in held.requests] == ["status", "report"][: len(replies)]
    return held.result


def fates(progress: Any) -> list[Fate]:
    return [outcome.fate for outcome in progress.answer.items]


WRONG = ["A", "4", "", "update", "The offer does not exist"]


@pytest.mark.parametrize("state", ["WAITING", "RUNNING", "WAITING_SYNCHRONIZATION_PRODUCT", "QUEUED"])
def test_an_import_that_is_open(state: str) -> None:
    progress = followed(TWO, status(state))
    assert (progress.answer, progress.again_s) == (None, 20)


def test_an_import_without_errors() -> None:
    for counts in ((2, 0), (None, None), (2, None)):
        progress = followed(TWO, status("COMPLETE", *counts))
        assert (fates(progress), progress.answer.trouble) == ([Fate.APPLIED] * 2, Trouble.NONE)


def test_a_line_in_error() -> None:
    progress = followed(TWO, status("COMPLETE", 1, 1), report(WRONG))
    assert fates(progress) == [Fate.REJECTED, Fate.APPLIED]
    assert progress.answer.items[0].reason == "The offer does not exist"


def test_a_line_in_error_at_one_warehouse() -> None:
    items = [Item(sku, place, 4, 7) for sku in "AB" for place in ("W1", "W2")]
    row = ["A", "4", "W1", "update", "unknown warehouse"]
    progress = followed(items, status("COMPLETE", 3, 1), report(row))
    assert fates(progress) == [Fate.REJECTED, Fate.APPLIED, Fate.APPLIED, Fate.APPLIED]
    # With all the lines of the offer, and a reason at one of them.
    other = ["A", "4", "W2", "update", ""]
    progress = followed(items, status("COMPLETE", 2, 2), report(row, other))
    assert fates(progress) == [Fate.REJECTED, Fate.UNKNOWN, Fate.APPLIED, Fate.APPLIED]
    # A report without warehouses is of the offer.
    text = b'"line";"reason";"offer-sku"\n"2";"no";"A"\n'
    progress = followed(items, status("COMPLETE", 2, 2, True), Reply(200, {}, text))
    assert (
        fates(progress) == [Fate.REJECTED] * 2 + [Fate.UNKNOWN] * 2
    )  # it names one line, and two are in error


def test_a_report_with_its_own_columns_at_the_end() -> None:
    text = '"offer-sku";"quantity";"error-line";"error-message"\n"A";"4";"2";"no such offer"\n'
    progress = followed(TWO, status("COMPLETE", 1, 1), Reply(200, {}, b"\xef\xbb\xbf" + text.encode()))
    assert (fates(progress), progress.answer.items[0].reason) == (
        [Fate.REJECTED, Fate.APPLIED],
        "no such offer",
    )


def test_a_report_that_does_not_name_all() -> None:
    for counts in ((1, 2), (0, 1)):
        progress = followed(TWO, status("COMPLETE", *counts), report(WRONG))
        assert fates(progress) == [Fate.REJECTED, Fate.UNKNOWN]
    # Lines that got lost on the way.
    assert fates(followed(TWO, status("COMPLETE", 1, 0))) == [Fate.UNKNOWN] * 2
    # It names somebody else's, too.
    other = ["C", "1", "", "update", "no"]
    progress = followed(TWO, status("COMPLETE", 1, 2), report(WRONG, other))
    assert fates(progress) == [Fate.REJECTED, Fate.APPLIED]


def test_errors_without_a_report() -> None:
    nothing = answer({"message": "no report", "status": 404}, 404)
    for counts in ((1, 1, False), (None, None, True), (1, 1, True)):
        assert fates(followed(TWO, status("COMPLETE", *counts), nothing)) == [Fate.UNKNOWN] * 2
    # It is asked for though it is said not to be there.
    progress = followed(TWO, status("COMPLETE", 1, 1, False), report(WRONG))
    assert fates(progress) == [Fate.REJECTED, Fate.APPLIED]
    assert fates(followed(TWO, status("COMPLETE", 1, 1), report())) == [Fate.UNKNOWN] * 2


@pytest.mark.parametrize(
    "text",
    [
        '"line";"reason";"offer-sku"\n"2";"no";"A',
        '"2";"no"\n',
        "line;reason;offer-sku\n2",
        "line;reason;sku\n2;no;A",
    ],
)
def test_a_report_that_cannot_be_read_is_asked_for_again(text: str) -> None:
    progress = followed(TWO, status("COMPLETE", 1, 1), Reply(200, {}, text.encode()))
    assert (progress.answer, progress.again_s) == (None, 20)


def test_an_import_that_failed() -> None:
    progress = followed(TWO, status("FAILED", None, None))
    assert (fates(progress), progress.answer.trouble) == ([Fate.UNKNOWN] * 2, Trouble.BROKEN)
    progress = followed(TWO, status("FAILED", 1, 1), report(WRONG))
    assert (fates(progress), progress.answer.trouble) == ([Fate.REJECTED, Fate.UNKNOWN], Trouble.BROKEN)


def test_an_offer_is_read_by_its_sku() -> None:
    warehouses = [{"code": "W1", "quantity": 3}, {"code": "W2", "quantity": 4}]
    offers = [
        {"shop_sku": "A-1", "quantity": 9, "active": False},
        {"shop_sku": "A", "quantity": 7, "warehouses": warehouses},
    ]
    asked = [("A", None), ("A", "W2"), ("A", "W3")]
    held = hold(mirakl().read_back(asked), lambda _: answer({"offers": offers, "total_count": 2}))
    assert [(ask.path, ask.query) for ask in held.requests] == [("/api/offers", {"sku": "A"})]
    assert held.result.units == {("A", None): 7, ("A", "W2"): 4}


def test_the_key() -> None:
    tokens = Mirakl(Identity("account", {}, {"api_key": "hush"})).authorise()
    assert hold(tokens, lambda _: Reply(500)).result == ({"authorization": "hush"}, float("inf"))


def test_its_intervals_are_longer_than_those_of_mirakl() -> None:
    """Which may be counted from the answer. What is urgent waits for nothing else."""
    published = {"import": 60, "status": 15, "report": 60}
    for name, per_s in published.items():
        (bucket,) = Mirakl.limits[name]
        assert (bucket.kind, bucket.per_s > per_s) == (Kind.INTERVAL, True)
    assert IMPORT.every_s < 60
    assert IMPORT.least == 1


def test_nothing_resets_what_it_does_not_name() -> None:
    """OF01 and OF24 do."""
    asked = {(ask.method, ask.path) for ask in TestContract().requests()}
    assert ("POST", "/api/offers") not in asked
    assert not [path for _, path in asked if path.startswith("/api/offers/imports")]
    assert json.dumps(sorted(asked)).count("POST") == 1
