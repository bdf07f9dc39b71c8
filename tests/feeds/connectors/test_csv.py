"""CSV files: the contract, files as they must be, and what options and secrets may be."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from feeds.buckets import Bucket, Kind
from feeds.connector import Identity, Item
from feeds.connectors.csv_file import CsvFile
from feeds.exchange import Reply, Request
from feeds.outcomes import Answer, Fate, Setback, Trouble
from tests.feeds.connectors.contract_whole import WholeContract
from tests.feeds.connectors.market import NOW_MS, Market, hold

OPTIONS = {"path": "/stock.csv"}
TOKEN = {"token": "hunter2"}
ITEMS = [Item("PEN-BLUE", None, 4, 17, NOW_MS + 9), Item("PEN-RED", "DC 1", 0, 18, NOW_MS + 10)]


def files(secrets: Mapping[str, str] | None = None, account: str = "shop", **options: Any) -> CsvFile:
    return CsvFile(Identity(account, {**OPTIONS, **options}, TOKEN if secrets is None else secrets))


def sent(items: list[Item] | None = None, **options: Any) -> Request:
    to = files(**options)
    return next(to.write(to.operations[0], items or ITEMS, ""))


def answered(items: list[Item], *replies: Reply, **options: Any) -> Answer:
    told, to = iter(replies), files(**options)
    found = hold(to.write(to.operations[0], items, ""), lambda _: next(told)).result
    assert isinstance(found, Answer)
    return found


class CsvMarket(Market):
    """Takes a file, or refuses it."""

    def reply(self, request: Request) -> Reply:
        assert (request.method, request.path) == ("POST", "/stock.csv")
        assert request.headers["content-type"].startswith("text/csv")
        heading, *lines = csv.reader(
            io.StringIO(request.body.decode("utf-8"), newline=""), delimiter=";", strict=True
        )
        assert heading == ["listing", "location", "quantity"]
        if len(lines) > 10_000:
            return Reply(413)
        listings = {listing for listing, _, _ in lines}
        if listings & self.refuses:
            return Reply(422, {}, b"a line is wrong")
        if listings & self.busy:
            return Reply(423)
        self.shows |= {(listing, location or None): int(quantity) for listing, location, quantity in lines}
        return Reply(201)


class TestContract(WholeContract):
    connector_class = CsvFile
    market_class = CsvMarket
    options: ClassVar = OPTIONS
    secrets: ClassVar[Sequence[str]] = ("token",)
    locations = (None, "DC 1; the old one")
    awkward = (*WholeContract.awkward, "a;b", "=1+2", "@x", " y ", "-", '"', "'", "\ufeffA", "0012", "🖊")


class TestPassword(TestContract):
    secrets = ("user", "password")


def test_a_file() -> None:
    ask = sent([*ITEMS, Item('the "best"; pen', None, 1, 1, 1)])
    assert (ask.method, ask.path, ask.query, ask.items, ask.limit) == ("POST", "/stock.csv", {}, 3, "file")
    assert ask.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert ask.body == (
        b'listing;location;quantity\r\nPEN-BLUE;;4\r\nPEN-RED;DC 1;0\r\n"the ""best""; pen";;1\r\n'
    )


def test_a_file_of_other_columns() -> None:
    ask = sent(
        method="PUT", path="/in/{account}/stock-{write}.csv", account="shop/1 of 2", delimiter=",", heading=False,
        columns="Lager = location, SKU=listing ,Bestand=quantity,write,version,account",
    )  # fmt: skip
    assert (ask.method, ask.path) == ("PUT", "/in/shop%2F1%20of%202/stock-1790000000010.csv")
    assert ask.headers["content-type"] == "text/csv; charset=utf-8; header=absent"
    first = b",PEN-BLUE,4,1790000000009,17,shop/1 of 2\r\n"
    assert ask.body == first + b"DC 1,PEN-RED,0,1790000000010,18,shop/1 of 2\r\n"
    with_heading = sent(delimiter="\t", columns="SKU=listing,Bestand=quantity,location")
    assert with_heading.body == b"SKU\tBestand\tlocation\r\nPEN-BLUE\t4\t\r\nPEN-RED\t0\tDC 1\r\n"


def test_the_name_of_an_account_is_one_part_of_the_path() -> None:
    assert sent(path="/in/{account}", account="..").path == "/in/%2E%2E"
    assert sent(path="/in/{account}", account="{write}").path == "/in/%7Bwrite%7D"


def test_files_have_names_that_grow() -> None:
    later = [item._replace(write=item.write + 5) for item in ITEMS]
    names = [sent(items, path="/in/{write}.csv").path for items in (ITEMS, later[::-1])]
    assert names == sorted(names)
    assert len(set(names)) == 2


def test_an_id_that_no_file_can_have() -> None:
    """It is rejected, and the others go without it."""
    for bad in ("A\nB;;9", "A\rB", "A\0", "A\tB"):
        told = answered([ITEMS[0], Item(bad, None, 1, 1, 1)], delimiter=",")
        assert [outcome.fate for outcome in told.items] == [Fate.RETURNED, Fate.REJECTED]
        assert "control character" in str(told.items[1].reason)
    assert answered([Item("A", "1\n2", 1, 1, 1)]).items[0].fate is Fate.REJECTED


def test_a_location_without_a_column() -> None:
    told = answered(ITEMS, columns="listing,quantity")
    assert [outcome.fate for outcome in told.items] == [Fate.RETURNED, Fate.REJECTED]
    assert "no column" in str(told.items[1].reason)
    assert sent(ITEMS[:1], columns="listing,quantity").body == b"listing;quantity\r\nPEN-BLUE;4\r\n"


@pytest.mark.parametrize("reply", [Reply(200), Reply(201, {}, b"thanks"), Reply(202, {}, b"{}"), Reply(204)])
def test_a_file_that_was_taken(reply: Reply) -> None:
    """Nothing more will ever be said of it."""
    assert [outcome.fate for outcome in answered(ITEMS, reply).items] == [Fate.APPLIED] * 2


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_file_that_was_refused(status: int) -> None:
    told = answered(ITEMS, Reply(status, {}, b"line 2"))
    assert ({outcome.fate for outcome in told.items}, told.trouble) == ({Fate.RETURNED}, Trouble.REFUSED)
    assert answered(ITEMS[:1], Reply(status)).items[0].fate is Fate.REJECTED


@pytest.mark.parametrize(("status", "again_s"), [(404, 300), (405, 300), (410, 3600)])
def test_where_nobody_is_no_listing_is_rejected(status: int, again_s: float) -> None:
    told = answered(ITEMS[:1], Reply(status))
    assert (told.items[0].fate, told.trouble, told.again_s) == (Fate.RETURNED, Trouble.BROKEN, again_s)


@pytest.mark.parametrize(
    ("secrets", "header", "carries"),
    [
        ({"token": "hunter2"}, None, {"authorization": "Bearer hunter2"}),
        ({"token": "Token hunter2"}, "Authorization", {"authorization": "Token hunter2"}),
        ({"token": "hunter2"}, "X-Api-Key", {"x-api-key": "hunter2"}),
        ({"token": "a b"}, "X-Api-Key", {"x-api-key": "a b"}),
        ({"user": "me", "password": "hush"}, None, {"authorization": "Basic bWU6aHVzaA=="}),
    ],
)
def test_who_we_are(secrets: dict[str, str], header: str | None, carries: dict[str, str]) -> None:
    of = files(secrets) if header is None else files(secrets, header=header)
    assert hold(of.authorise(), lambda _: Reply(200)).result == (carries, float("inf"))


@pytest.mark.parametrize(
    "value", ["hunter2\r\nx: y", "hunter2\n", "hünter2", " hunter2", "\x7fhunter2", "h\0"]
)
@pytest.mark.parametrize("name", ["token", "password"])
def test_a_secret_that_no_header_can_carry(name: str, value: str) -> None:
    secrets = {"token": value} if name == "token" else {"user": "me", "password": value}
    found = hold(files(secrets).authorise(), lambda _: Reply(200)).result
    assert isinstance(found, Setback)
    assert (found.fate, found.trouble) == (Fate.RETURNED, Trouble.AUTH)
    assert "unter" not in str(found)
    assert name in str(found)


@pytest.mark.parametrize("secrets", [{}, {"user": "me"}, {"token": "x", "user": "me", "password": "y"}])
def test_who_we_are_is_said_in_one_way(secrets: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="account shop: give it the secret token, or user and password"):
        files(secrets)


def test_an_account_says_what_its_receiver_bears() -> None:
    plain, own = files(), files(most=50, every_s=0.5, interval_s=600)
    (operation,) = plain.operations
    assert (operation.most, operation.every_s, operation.at_once, operation.bulk) == (10_000, 60, 1, False)
    assert plain.limits == {"file": [Bucket("files", Kind.INTERVAL, 1, 10)]}
    assert (own.operations[0].most, own.operations[0].every_s) == (50, 0.5)
    assert own.limits == {"file": [Bucket("files", Kind.INTERVAL, 1, 600)]}


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("path", "", "give it the option path"),
        ("path", "/../{account}", "write /part/part"),
        ("path", "/{intent}", "or {account}, or {write}"),
        ("method", "DELETE", "write one of 'POST', 'PUT'"),
        ("delimiter", "::", "write one of ';', ','"),
        ("delimiter", '"', "write one of"),
        ("heading", "yes", "write true or false"),
        ("columns", "listing", "with listing, quantity"),
        ("columns", "listing,quantity,", "write HEADING=COLUMN"),
        ("columns", "listing,quantity,stock", "write HEADING=COLUMN"),
        ("columns", "listing=sku,quantity", "write HEADING=COLUMN"),
        ("columns", "a=version,a=listing,quantity", "no heading twice"),
        ("most", 0, "write a whole number"),
        ("every_s", -1, "write a number"),
        ("interval_s", 0, "write a number"),
        ("header", "x: y", "is no header for a token"),
        ("header", "x\r\ny", "is no header for a token"),
        ("header", "Content-Length", "is no header for a token"),
        ("header", "", "is no header for a token"),
    ],
)
def test_an_option_that_will_not_do(option: str, value: Any, says: str) -> None:
    with pytest.raises(ValueError, match="account shop: ") as error:
        files(**{option: value})
    assert says in str(error.value)
