"""Stock lists as systems export them: read as written, or told what is wrong with which row."""

from datetime import UTC, datetime
from pathlib import Path

import polars
import pytest

from dataflows.stock_list import NUMBERS, ListUnusable, read_list
from tests.reference.shop import NOW

NET, GROSS, AVAILABLE = NUMBERS["NET"], NUMBERS["GROSS"], NUMBERS["AVAILABLE"]


def listed(tmp_path: Path, text: str, **columns: str) -> list[tuple[object, ...]]:
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode())
    return [tuple(row) for row in read_list(path, columns, "GROSS", NOW)]


def test_the_plain_list(tmp_path: Path) -> None:
    assert listed(tmp_path, "sku,location,quantity\n007,S1,12\nétui,S2,-3.0\n") == [
        (2, "007", "S1", 12, GROSS, NOW, 0, ""),
        (3, "étui", "S2", -3, GROSS, NOW, 0, ""),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_columns_of_other_names_and_separators(tmp_path: Path, separator: str) -> None:
    lines = [("\ufeffArtikel", "Lager", "Bestand", "Stand"), ("A", "1", "5", "2026-12-24T01:00:00+01:00")]
    text = "\r\n".join(separator.join(cells) for cells in lines)
    names = {"sku": "Artikel", "location": "Lager", "quantity": "Bestand", "as_of": "Stand"}
    at = int(datetime(2026, 12, 24, tzinfo=UTC).timestamp() * 1000)
    assert listed(tmp_path, text, **names) == [(2, "A", "1", 5, GROSS, at, 0, "")]


def test_a_basis_of_each_row(tmp_path: Path) -> None:
    rows = listed(
        tmp_path,
        "sku,location,quantity,basis,withheld\nA,1,5,net,\nA,2,5,,\nA,3,5,AVAILABLE,4\nA,4,5,NET,4\n",
    )
    assert [(row[4], row[6]) for row in rows] == [(NET, 0), (GROSS, 0), (AVAILABLE, 4), (NET, 4)]
    assert [row[7] for row in rows] == ["", "", "", "withheld goes with the basis AVAILABLE alone"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("A,1,", "the quantity is missing"),
        (",1,4", "the sku is missing"),
        ("A,1,4.5", "quantity '4.5' is not a whole number"),
        ('A,1,"1,000"', "quantity '1,000' is not a whole number"),
        ("A,1,NaN", "quantity 'NaN' is not a whole number"),
        ("A,1,1e30", "quantity '1e30' is not a whole number"),
        ("A,1,1_0", "quantity '1_0' is not a whole number"),
        ("A,1,١٠", "quantity '١٠' is not a whole number"),
        ("A,1,4,gros", "basis 'gros' is not one of GROSS, NET, AVAILABLE"),
        ("A,1,4,,2026-12-24", "as_of '2026-12-24' has no zone; write it as 2026-12-24T00:00:00Z"),
        ("A,1,4,,soon", "as_of 'soon' is no date and time; write it as 2026-12-24T00:00:00Z"),
        ("A" * 129 + ",1,4", "sku '" + "A" * 129 + "' is longer than 128 bytes"),
    ],
)
def test_a_fault_is_told_with_its_row(tmp_path: Path, line: str, fault: str) -> None:
    cells = line.count(",") + 1 if '"' not in line else 3
    (row,) = listed(tmp_path, f"sku,location,quantity,basis,as_of\n{line}{',' * (5 - cells)}\n")
    assert str(row[7]).startswith(fault)
    assert row[0] == 2


def test_a_row_that_cannot_be_read_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    rows = listed(tmp_path, 'sku,location,quantity\nA,1,5\nB,1,30,extra\nC,"1"x,7\nD,1,"8\nE,1,9\n')
    assert [(row[0], row[1], row[2], row[3], row[7]) for row in rows] == [
        (2, "A", "1", 5, ""),
        (3, "B", "1", 30, "the row has 4 fields and the header 3"),
        (4, "", "", 0, "not even the fields can be told apart (',' expected after '\"')"),
        (5, "", "", 0, "not even the fields can be told apart (unexpected end of data)"),
        (6, "E", "1", 9, ""),
    ]


def test_a_row_that_is_short_lacks_its_last_fields(tmp_path: Path) -> None:
    first, second = listed(tmp_path, "sku,location,quantity,basis\nA,1,5\nB,1\n")
    assert (first[3], first[4], first[7]) == (5, GROSS, "")
    assert second[7] == "the quantity is missing"


def test_blank_lines_are_no_rows_and_lines_are_those_of_the_file(tmp_path: Path) -> None:
    text = '\nsku,note,location,quantity\n\nA,"two\nlines",1,5\r\n \nB,a\u2028b\x0c,1,6\n,,,\n\n'
    rows = listed(tmp_path, text)
    assert [(row[0], row[1], row[3]) for row in rows] == [(4, "A", 5), (7, "B", 6), (8, "", 0)]
    assert rows[2][7] == "the sku is missing; the location is missing; the quantity is missing"


def test_text_that_is_not_utf_8_is_refused_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes("sku,location,quantity\nA,1,5\nétui,1,5\n".encode("latin-1"))
    with pytest.raises(ListUnusable, match="line 3 is not UTF-8: write CSV in UTF-8"):
        read_list(path, {}, "GROSS", NOW)


@pytest.mark.parametrize("ending", ["parquet", "PARQUET"])
def test_parquet(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"list.{ending}"
    frame = polars.DataFrame(
        {
            "sku": ["A", "B"],
            "location": [1, 2],
            "quantity": [5.0, 6.5],
            "as_of": [datetime(2026, 12, 24, tzinfo=UTC), None],
        }
    )
    frame.write_parquet(path)
    at = int(datetime(2026, 12, 24, tzinfo=UTC).timestamp() * 1000)
    first, second = read_list(path, {}, "NET", NOW)
    assert tuple(first) == (1, "A", "1", 5, NET, at, 0, "")
    assert (second.line, second.at, second.fault) == (2, NOW, "quantity 6.5 is not a whole number")


def test_a_parquet_time_without_zone_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "list.parquet"
    polars.DataFrame(
        {"sku": ["A"], "location": ["1"], "quantity": [5], "as_of": [datetime(2026, 12, 24)]}
    ).write_parquet(path)
    assert "has no zone" in read_list(path, {}, "NET", NOW)[0].fault


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (
            "list.csv",
            "article,location,quantity\nA,1,5\n",
            "no column 'sku' for the sku; it has article, location",
        ),
        ("list.csv", "", "cannot be read: it is empty"),
        ("list.csv", "\n \n", "cannot be read: it is empty"),
        ("list.csv", '"sku,location\nA,1\n', "cannot be read: of its header not even the fields"),
        ("list.csv", "sku,sku,location,quantity\n", "2 columns 'sku'"),
        ("list.parquet", "sku,location,quantity\n", "cannot be read as Parquet"),
        ("list.PARQUET", "sku,location,quantity\n", "cannot be read as Parquet"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, name: str, text: str, told: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ListUnusable, match=told):
        read_list(path, {}, "GROSS", NOW)


def test_a_named_column_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ListUnusable, match="no column 'Stand' for the as_of"):
        listed(tmp_path, "sku,location,quantity\nA,1,5\n", as_of="Stand")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ListUnusable, match="No such file"):
        read_list(tmp_path / "list.csv", {}, "GROSS", NOW)
