"""Severity and owner of exceptions: one table, of which a file may change rows."""

import os
import re
from pathlib import Path

import pytest

from dataflows.__main__ import main
from dataflows.duties import DUTIES, SEVERITIES, Duty, read_duties
from dataflows.records import exception
from inventory.batch import Incident
from runtime import exit as exits
from runtime.settings import SettingsError
from wire.codec import Codec

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def test_every_exception_has_a_severity_and_an_owner_and_the_page_says_which() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([\w-]+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert {code: Duty(severity, owner) for code, severity, owner in rows} == DUTIES
    assert {duty.severity for duty in DUTIES.values()} <= set(SEVERITIES)


def test_a_file_changes_rows(tmp_path: Path) -> None:
    file = tmp_path / "owners.toml"
    file.write_text('[oversell]\nowner = "trading"\n[drift]\nseverity = "INFO"\n')
    duties = read_duties(file)
    assert duties["oversell"] == Duty("CRITICAL", "trading")
    assert duties["drift"] == DUTIES["drift"]._replace(severity="INFO")
    assert {c: d for c, d in duties.items() if c not in ("oversell", "drift")} == {
        c: d for c, d in DUTIES.items() if c not in ("oversell", "drift")
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[overselling]\n", "overselling is no exception"),
        ("oversell = 1\n", "oversell is no table"),
        ('[oversell]\nwho = "x"\n', "oversell.who is not known"),
        ('[oversell]\nseverity = "HIGH"\n', "write one of CRITICAL, WARNING, INFO"),
        ('[oversell]\nowner = " "\n', "write who looks after it"),
        ("[oversell\n", "is not TOML"),
    ],
)
def test_a_file_that_is_wrong_is_refused(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "owners.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=said):
        read_duties(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read_duties(tmp_path / "none.toml")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe):
        with pytest.raises(SettingsError, match="is no file; write the path of a TOML file"):
            read_duties(path)


@pytest.mark.parametrize(
    "command",
    [
        ("run",),
        ("cell", "0"),
        ("topics", "check"),
        ("replay", "--all", "--dry-run"),
        ("reconcile", "--file", "list.csv", "--source", "ERP"),
    ],
)
def test_every_command_refuses_a_wrong_table_before_it_waits_for_anything(
    command: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def waits(*_: object) -> None:
        raise AssertionError("it waits, or compiles")

    for name in ("wait_for_kafka", "_warm"):
        monkeypatch.setattr(f"dataflows.__main__.{name}", waits)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.csv").write_text("sku,location,quantity\n")
    for name, value in (("KAFKA_BOOTSTRAP", "127.0.0.1:1"), ("REDIS_URL", "redis://127.0.0.1:1/0")):
        monkeypatch.setenv(f"STOCKTIDE_{name}", value)
    monkeypatch.setenv("STOCKTIDE_EXCEPTION_OWNERS", "owners.toml")
    assert exits.run(lambda: main([*command])) == exits.ExitCode.BAD_CONFIGURATION
    assert "STOCKTIDE_EXCEPTION_OWNERS=owners.toml: No such file" in capsys.readouterr().err


def test_a_record_names_both_and_keeps_its_id() -> None:
    opened = Incident("oversell", "SKU-1", "DC1", "position", 1, events=("e",), detail={"units": 2})
    closed = Incident("oversell", "SKU-1", "DC1", "position", 1, 5, events=("e",), detail={"units": 2})
    record, later = (exception(each, DUTIES["oversell"]) for each in (opened, closed))
    assert (record["severity"], record["owner"], record["status"]) == ("CRITICAL", "order-management", "OPEN")
    assert (later["exception_id"], later["status"], later["closed_at"]) == (
        record["exception_id"],
        "CLOSED",
        5,
    )
    other = exception(
        Incident("oversell", "SKU-1", None, "channel web", 1, channel="web"), DUTIES["oversell"]
    )
    assert other["exception_id"] != record["exception_id"]
    codec = Codec()
    assert codec.decode(codec.encode("Exception", record))[1]["owner"] == "order-management"
