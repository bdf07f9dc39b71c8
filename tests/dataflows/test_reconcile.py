"""The command as it is typed: a list, a state folder, two reports and an exit code."""

import csv
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dataflows.__main__ import main
from dataflows.causes import time_of
from runtime import exit as exits
from tests.dataflows.state_folder import at_hand, journal_in
from tests.inventory.shop import Shop
from tests.reference.shop import HOUR, MINUTE, NOW

T = -HOUR
AS_OF = time_of(NOW + T).replace(" ", "T")


@pytest.fixture
def shop() -> Shop:
    made = Shop(2, skus=("SKU-1", "SKU-2", "SKU-3", "<b>"))
    made.item("SKU-1", ("ERP", "4711"), category="shoes")
    for sku in ("SKU-1", "SKU-2", "SKU-3", "<b>"):
        made.count(10, at=-24 * HOUR, sku=sku, source="wms")
    made.movement("SHIP", 3, at=T - HOUR, log_time=NOW + T + MINUTE, sku="SKU-2")
    return made.run()


@pytest.fixture
def folder(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return at_hand(shop.cluster, tmp_path, monkeypatch)


def run(text: str, *options: str) -> int:
    Path("erp.csv").write_text("sku,location,quantity\n" + text)
    return exits.run(
        lambda: main(["reconcile", "--file", "erp.csv", "--source", "ERP", "--as-of", AS_OF, *options])
    )


def rows() -> list[dict[str, str]]:
    with Path("reconcile.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


class Page(HTMLParser):
    """The text of a page, and what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [f"{tag} {value}" for name, value in attrs if name in ("src", "href") and value]
        assert tag != "b", "an identifier was taken for markup"

    def handle_data(self, data: str) -> None:
        self.text.append(data.strip())


def test_a_list_and_its_reports(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert run("4711,DC1,17\nSKU-2,DC1,10\nSKU-3,DC1,10\n<b>,DC1,9\nSKU-9,DC1,4\n") == 3
    told = {row["sku"] or row["system_sku"]: row for row in rows()}
    assert {sku: (row["class"], row["difference"]) for sku, row in told.items()} == {
        "SKU-1": ("drift", "7"),
        "SKU-9": ("unknown_sku", ""),
        "SKU-2": ("in_flight", "3"),
        "<b>": ("drift", "-1"),
    }
    first = rows()[0]
    assert (first["system_sku"], first["line"], first["category"]) == ("4711", "2", "shoes")
    assert (first["system_quantity"], first["engine_on_hand"], first["basis"]) == ("17", "10", "GROSS")
    assert (first["last_counted_by"], first["as_of"]) == ("wms", time_of(NOW + T))
    assert first["action"].startswith("count the place")
    said = capsys.readouterr().out
    assert "4 places compared, 1 agree" in said
    assert "2 drift: 8 units" in said
    page = Page()
    page.feed(Path("reconcile.html").read_text("utf-8"))
    assert page.loads == []
    assert {"<b>", "SKU-1", "shoes", "drift", "in_flight", "By location", "+7"} <= set(page.text)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_what_is_in_flight_alone_ends_with_0(folder: Path) -> None:
    assert run("4711,DC1,10\nSKU-2,DC1,10\nSKU-3,DC1,10\n<b>,DC1,10\n") == 0
    assert [row["class"] for row in rows()] == ["in_flight"]
    assert run("4711,DC1,10\nSKU-2,DC1,7\nSKU-3,DC1,10\n", "--partial") == 0
    assert rows() == []


def test_while_an_engine_holds_the_lock(shop: Shop, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = [journal_in(folder, number, 2) for number in range(2)]
    assert run("4711,DC1,10\n", "--partial") == 0
    for journal in held:
        journal.close()
    assert "1 places compared, 1 agree" in capsys.readouterr().out


def test_a_list_newer_than_the_engine_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    later = time_of(NOW + HOUR).replace(" ", "T")
    assert run("4711,DC1,10\n", "--partial", "--as-of", later) == 0
    assert f"had read everything up to {time_of(NOW)} only" in capsys.readouterr().out


def test_without_a_time_the_file_s_own_is_taken_and_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("erp.csv").write_text("sku,location,quantity\n4711,DC1,10\n")
    assert main(["reconcile", "--file", "erp.csv", "--source", "ERP", "--partial", "--report", "other"]) == 0
    assert "when the file was last written" in capsys.readouterr().out
    assert Path("other.html").exists()


def test_what_is_missing_is_said(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exits.run(lambda: main(["reconcile", "--file", "none.csv", "--source", "ERP"])) == 2
    assert "none.csv: No such file" in capsys.readouterr().err
    assert run("4711,DC1,10\n", "--report", "nowhere/report") == 2
    assert "write a --report PREFIX" in capsys.readouterr().err
    monkeypatch.setenv("STOCKTIDE_STATE_DIR", str(tmp_path / "elsewhere"))
    assert run("4711,DC1,10\n") == 2
    assert "set STOCKTIDE_STATE_DIR" in capsys.readouterr().err


@pytest.mark.parametrize("window", ["-5", "soon", "1.5"])
def test_a_window_that_is_none_is_refused(
    window: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run("4711,DC1,10\n", f"--window-s={window}")
    assert ended.value.code == 2
    assert f"'{window}' is no whole number from 0 on" in capsys.readouterr().err


def test_a_row_that_cannot_be_read_is_told_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("4711,DC1,ten\nSKU-2,DC1,7\nSKU-3,DC1,10\n<b>,DC1,10\n") == 3
    assert [(row["class"], row["system_sku"]) for row in rows()] == [("unreadable", "4711")]
    said = capsys.readouterr().out
    assert "3 places compared, 3 agree" in said
    assert "not even the place" not in said


def test_a_row_of_which_not_even_the_place_can_be_read_is_noted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = ",DC1,10\nSKU-2,DC1,7\nSKU-3,DC1,10\n<b>,DC1,10\n"
    assert run(text) == 3
    assert {row["class"] for row in rows()} == {"unreadable", "not_listed"}
    note = "of 1 unreadable row not even the place can be read: what is not_listed may be there"
    assert note in capsys.readouterr().out
    assert run(text, "--partial") == 3
    assert note not in capsys.readouterr().out
