"""A receiver of CSV files: what it takes, and what it refuses as a whole."""

from base64 import b64encode
from typing import Any

import pytest

from feeds.simulator.csv_file import CsvFiles
from feeds.simulator.csv_settings import CsvSettings
from feeds.simulator.faults import Fault
from feeds.simulator.spread import Spread
from tests.feeds.simulator.sellers import CsvSeller


def _seller(**settings: Any) -> CsvSeller:
    market = CsvFiles(CsvSettings(**{"apply": Spread(), "plans": {}, **settings}), seed=5)
    market.add_listing("S", "a", quantity=5)
    market.add_listing("S", "b;1", "DC 1", quantity=5)
    return CsvSeller(market)


def _shown(seller: CsvSeller) -> list[int]:
    return [place.applied for place in seller.market.shelf.places.values()]


@pytest.mark.parametrize("path", ["/stock.csv", "/inbox/stock-17.csv"])
def test_a_file_is_taken(path: str) -> None:
    seller = _seller()
    given = seller.put("a;;9", '"b;1";DC 1;0', path=path)
    assert (given.status, given.body, _shown(seller)) == (200, b"", [9, 0])


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["a;;9", "a;;-1"], 400),
        (["a;;9", "a;;"], 400),
        (["a;;9", "a;;1.5"], 400),
        (["a;;9", "a;;²"], 400),
        (["a;;9", "b;1;DC 1;4"], 400),
        (["a;;9", '"a;;9'], 400),
        (["a;;9", "c;;9"], 422),
        (["a;;9", "a;DC 1;9"], 422),
        (["a;;9"] * 11, 413),
        (["a;;9", "x" * 2000 + ";;1"], 413),
    ],
)
def test_a_file_with_a_wrong_line_is_refused_as_a_whole(lines: list[str], status: int) -> None:
    seller = _seller(lines_most=10, bytes_most=1000)
    given = seller.put(*lines)
    assert (given.status, _shown(seller)) == (status, [5, 5])
    assert given.body


def test_a_file_of_other_columns_or_of_another_kind_is_refused() -> None:
    seller = _seller(columns=["sku", "place", "stock"])
    assert seller.put("a;;9").status == 400
    assert _seller(delimiter=",").put("a;;9").status == 400
    assert _seller().put("a;;9", content_type="application/json").status == 415
    token = {"authorization": "Bearer access-S", "content-type": "text/csv"}
    for content in (b"", b"\xff\xfe;", b"listing;location;quantity\r\na;;\x009"):
        assert _seller().ask("POST", "/stock.csv", {}, content, token).status == 400


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("Bearer access-S", 200),
        ("Basic " + b64encode(b"client-S:secret-S").decode(), 200),
        ("access-S", 401),
        ("Bearer access-T", 401),
        ("Basic " + b64encode(b"client-S:secret-T").decode(), 401),
        ("", 401),
    ],
)
def test_who_calls(value: str, status: int) -> None:
    seller = _seller()
    assert seller.put("a;;9", authorization=value).status == status
    assert _shown(seller)[0] == (9 if status == 200 else 5)


def test_a_header_of_its_own() -> None:
    seller = _seller(header="x-api-key")
    assert seller.put("a;;9").status == 401
    assert seller.put("a;;9", x_api_key="access-S").status == 200


def test_a_file_that_comes_again_does_nothing() -> None:
    seller = _seller()
    for line in ("a;;9", "a;;8"):
        assert seller.put(line, idempotency_key="k").status == 200
    assert _shown(seller)[0] == 9
    assert seller.put("a;;7", idempotency_key="l").status == 200
    assert _shown(seller)[0] == 7


@pytest.mark.parametrize(("fault", "status"), [("partial_items", 423), ("invalid_items", 422)])
def test_what_goes_wrong_with_a_line_goes_wrong_with_the_file(fault: str, status: int) -> None:
    seller = _seller()
    seller.market.faults.switch_on(Fault(fault, share=1.0))
    assert (seller.put("a;;9").status, _shown(seller)[0]) == (status, 5)


def test_a_file_a_second() -> None:
    seller = _seller(plans=CsvSettings().plans)
    given = [seller.put("a;;9") for _ in range(3)]
    assert [each.status for each in given] == [200, 200, 429]
    assert given[-1].header("retry-after") == "1"


def test_an_unknown_path() -> None:
    assert _seller().put("a;;9", path="/outbox/1.csv").status == 404
