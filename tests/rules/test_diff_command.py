"""`rules diff` as it is typed: against a state folder, without Kafka and Redis."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from dataflows.causes import time_of
from rules import __main__ as command
from rules.__main__ import main
from runtime import exit as exits
from tests.dataflows.state_folder import at_hand, journal_in, keep
from tests.inventory.shop import Shop
from tests.reference.shop import DAY, HOUR, NOW

PLACES = """
locations: [{id: DC1, type: warehouse}, {id: S1, type: store}]
channels: [{id: web, locations: {}}, {id: pickup, locations: {type: store}}]
"""


@pytest.fixture
def shop() -> Shop:
    """40 of SKU-1 and 8 of SKU-2 in the warehouse, 5 of SKU-1 in the store."""
    made = Shop(2, skus=("SKU-1", "SKU-2"))
    made.count(40)
    made.count(5, location="S1")
    made.count(8, sku="SKU-2")
    return made.run()


@pytest.fixture
def folder(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(command, "_now", lambda: NOW)
    return at_hand(shop.cluster, tmp_path, monkeypatch)


def run(rules: str, *options: str, places: str = PLACES) -> int:
    Path("rules.yaml").write_text(places + rules)
    return exits.run(lambda: main(["diff", "rules.yaml", *options]))


def changes(path: str = "out.csv") -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_what_would_change_the_greatest_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = """
safety_stock: [{id: ss, units: 3}]
exclusions: [{id: ex, channel: pickup}]
caps: [{id: cap, channel: web, units: 20, match: {sku: SKU-1}}, {id: cap-9, channel: web, units: 9999}]
low_stock: [{id: ls, channel: web, units: 6}]
"""
    assert run(rules, "--csv", "out.csv", "--json", "out.json") == 3
    told = [
        (r["sku"], r["channel"], r["before"], r["after"], r["change"], r["falls_to_zero"]) for r in changes()
    ]
    assert told == [
        ("SKU-1", "web", "45", "20", "-25", "0"),
        ("SKU-1", "pickup", "5", "0", "-5", "1"),
        ("SKU-2", "web", "8", "5", "-3", "0"),
    ]
    assert [row["causes"] for row in changes()] == ["cap ss", "ex ss", "cap-9 ss"]
    assert changes()[2]["status_after"] == "LOW"
    whole = json.loads(Path("out.json").read_text())
    assert [(each["sku"], each["change"]) for each in whole["changes"]] == [(t[0], int(t[4])) for t in told]
    assert whole["by_channel"]["web"] == {"pairs": 2, "up": 0, "down": 28, "to_zero": 0, "status_only": 0}
    assert whole["by_cause"]["ss"] == {"pairs": 3, "up": 0, "down": 33, "to_zero": 1, "status_only": 0}
    said = capsys.readouterr().out
    assert "3 of 4 numbers would change (+0 -33 units), 1 fall to zero" in said
    assert "falls to zero" in said


def test_the_tables_of_a_summary(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("buffers: [{id: bu, channel: web, units: 1}, {id: bu-9, channel: pickup, units: 1, match: {sku: SKU-9}}]",
        "--top", "1")  # fmt: skip
    rows = [line.replace("│", " ").split() for line in capsys.readouterr().out.splitlines()]
    assert ["web", "2", "0", "2", "0", "0"] in rows
    assert ["bu", "(new)", "2", "0", "2", "0", "0"] in rows
    assert ["rules", "that", "change", "no", "number:", "bu-9"] in rows
    assert ["SKU-1", "web", "45", "44", "-1", "bu"] in rows
    assert not any(row[:2] == ["SKU-2", "web"] for row in rows)


def test_nothing_changes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("caps: [{id: cap, channel: web, units: 9999}]", "--csv", "out.csv") == 0
    assert changes() == []
    assert "1 record would be published; none of 4 numbers would change" in capsys.readouterr().out


def test_the_live_file_itself(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("") == 0
    assert "the file is what is live; none of 4 numbers would change" in capsys.readouterr().out


def test_a_status_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("low_stock: [{id: ls, channel: pickup, units: 6}]", "--csv", "out.csv") == 3
    (row,) = changes()
    assert (row["change"], row["status_before"], row["status_after"]) == ("0", "IN_STOCK", "LOW")
    assert "now LOW" in capsys.readouterr().out


def test_a_new_channel_and_a_new_location(folder: Path) -> None:
    places = """
locations: [{id: DC1, type: warehouse}, {id: S1, type: store}, {id: S2, type: store}]
channels: [{id: web, locations: {}}, {id: pickup, locations: {type: store}}, {id: amazon, locations: {id: DC1}}]
"""
    assert run("", "--csv", "out.csv", "--json", "out.json", places=places) == 3
    told = [(r["sku"], r["channel"], r["before"], r["after"], r["causes"]) for r in changes()]
    assert told == [
        ("SKU-1", "amazon", "", "40", "channel:amazon"),
        ("SKU-2", "amazon", "", "8", "channel:amazon"),
    ]
    assert json.loads(Path("out.json").read_text())["changes"][0]["before"] is None


def test_a_location_that_leaves_the_file(folder: Path) -> None:
    places = """
locations: [{id: DC1, type: warehouse}, {id: S9, type: store}]
channels: [{id: web, locations: {}}, {id: pickup, locations: {type: store}}]
"""
    assert run("", "--csv", "out.csv", places=places) == 3
    assert [(r["channel"], r["before"], r["after"], r["causes"]) for r in changes()] == [
        ("pickup", "5", "0", "(locations)"),
        ("web", "45", "40", "(locations)"),
    ]


def test_what_waits_for_a_new_place_is_said(
    shop: Shop,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop.movement("RECEIPT", 7, location="S2")
    shop.run()
    keep(shop.cluster, tmp_path / "again", final=True)
    monkeypatch.setenv("STOCKTIDE_STATE_DIR", str(tmp_path / "again"))
    run("", places=PLACES.replace("{id: S1,", "{id: S2, type: store}, {id: S1,"))
    assert "1 event waits for a location" in capsys.readouterr().out


def test_a_percentage_fence_is_said_to_wait_for_rebalance(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("ring_fences: [{id: rf, channel: web, percent: 20}]") == 0
    assert "rf is a percentage: it asks nothing until `rules rebalance rf`" in " ".join(
        capsys.readouterr().out.split()
    )


def test_a_rule_for_what_no_bundle_has_is_said_to_change_nothing(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its units could never be held: a bundle is held by its components."""
    shop.item("KIT", bundle=[{"sku": "SKU-1", "quantity": 1}, {"sku": "SKU-2", "quantity": 2}])
    shop.run()
    shop.run()
    monkeypatch.setattr(command, "_now", lambda: NOW)
    at_hand(shop.cluster, tmp_path, monkeypatch)
    rules = """
backorders:
  - {id: bo, channel: web, units: 5, match: {sku: KIT}}
  - {id: other, channel: web, units: 5, match: {sku: SKU-9}}
caps: [{id: cap, channel: web, units: 99, match: {sku: KIT}}]
"""
    assert run(rules) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "rule bo changes nothing of KIT: a bundle has no backorder of its own" in said
    assert said.count("note:") == 1


def test_a_rule_for_later_can_be_looked_at(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begins = time_of(NOW + DAY).replace(" ", "T")
    rule = f"exclusions: [{{id: ex, channel: pickup, valid_from: {begins}}}]"
    assert run(rule) == 0
    assert "rule ex begins later" in capsys.readouterr().out
    assert run(rule, "--at", begins, "--csv", "out.csv") == 3
    assert [(r["channel"], r["after"]) for r in changes()] == [("pickup", "0")]
    assert run(rule, "--at", time_of(NOW - HOUR).replace(" ", "T")) == 2
    assert "--at is past" in capsys.readouterr().err


def test_a_program_reads_the_output(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("buffers: [{id: bu, channel: web, units: 1}]", "--json", "-", "--timing")
    out, err = capsys.readouterr()
    told: dict[str, Any] = json.loads(out)
    assert [each["after"] for each in told["changes"]] == [44, 7]
    assert told["published"][-1] == {"record": "Policy", "id": "bu", "act": "new"}
    assert err.startswith("4 numbers of 2 skus: read ")


def test_where_nothing_can_be_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("", "--csv", "nowhere/out.csv") == 2
    assert "nowhere/out.csv: No such file" in capsys.readouterr().err
    assert run("", "--csv", "-", "--json", "-") == 2
    assert "give one of them a path" in capsys.readouterr().err


def test_a_new_fence_counts_nothing_of_what_was_sold(shop: Shop, folder: Path, tmp_path: Path) -> None:
    """Nor of what the engine reads while the command runs."""
    shop.line("o1", 1, 6, at=5)
    shop.run(10_000)  # ahead of the command's clock
    for number in range(2):
        for path in (folder / f"lane-{number:03d}").glob("*"):
            path.unlink()
    keep(shop.cluster, folder, final=True)
    run("ring_fences: [{id: rf, channel: pickup, units: 5}]", "--csv", "out.csv")
    fenced = {(row["sku"], row["channel"]): int(row["change"]) for row in changes()}
    assert fenced == {("SKU-1", "web"): -5}
    run("ring_fences: [{id: rf, channel: web, units: 6, match: {sku: SKU-1}}]", "--csv", "out.csv")
    assert [(row["channel"], row["change"]) for row in changes()] == [("pickup", "-5")]


def test_a_running_engine_is_not_disturbed(folder: Path) -> None:
    held = [journal_in(folder, number, 2) for number in range(2)]
    before = {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()
    }
    assert run("caps: [{id: cap, channel: web, units: 1}]") == 3
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before
    assert {path for path in folder.rglob("*") if path.is_file()} == before.keys()
    for journal in held:
        journal.close()


def test_a_state_that_cannot_be_written_is_read(folder: Path) -> None:
    for path in folder.rglob("*"):
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        assert run("caps: [{id: cap, channel: web, units: 1}]") == 3
    finally:
        for path in folder.rglob("*"):
            path.chmod(0o700)


def test_problems_of_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("caps: [{id: cap, channel: wep, units: 1}]") == 1
    assert "there is no channel wep" in capsys.readouterr().err


def test_what_the_live_state_speaks_against(
    shop: Shop,
    tmp_path: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shop.location("S1", 1, aliases=[("till", "0001")])
    shop.run()
    keep(shop.cluster, tmp_path / "again", final=True)
    monkeypatch.setenv("STOCKTIDE_STATE_DIR", str(tmp_path / "again"))
    alias = "{id: DC1, type: warehouse, aliases: [{source: till, identifier: '0001'}]}"
    assert run("", places=PLACES.replace("{id: DC1, type: warehouse}", alias)) == 1
    assert "alias 0001 of till belongs to another location for ever" in capsys.readouterr().err


def test_states_that_are_not_there(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STOCKTIDE_STATE_DIR", str(tmp_path / "none"))
    assert run("") == 2
    assert (
        "set STOCKTIDE_STATE_DIR to the folder in which the engine keeps its lanes" in capsys.readouterr().err
    )
    monkeypatch.setenv("STOCKTIDE_STATE_DIR", str(folder))
    monkeypatch.setenv("STOCKTIDE_PARTITIONS", "1")
    assert run("") == 2
    assert "holds a lane 1, and STOCKTIDE_PARTITIONS=1" in capsys.readouterr().err
    monkeypatch.setenv("STOCKTIDE_PARTITIONS", "4")
    assert run("") == 2
    assert "holds no state of the lanes 2, 3" in capsys.readouterr().err


def test_names_are_shown_whole_and_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sku, rule = "[red]:eye:[/red]", "a-rule-with-a-name-" * 5
    shop = Shop(2, skus=(sku,))
    shop.count(40, sku=sku)
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.setattr(command, "_now", lambda: NOW)
    at_hand(shop.run().cluster, tmp_path, monkeypatch)
    assert run(f"safety_stock: [{{id: {rule}, units: 3}}]") == 3
    rows = [line.split("│")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    named = [row for row in rows if len(row) == 7]
    assert "".join(row[0].strip() for row in named) == sku
    assert "".join(row[-1].strip() for row in named) == rule
