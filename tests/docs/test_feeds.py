"""What docs/feeds.md says of the accounts file, the turns, metrics and commands holds; and docs/marketplaces.md."""

import re
from pathlib import Path

import pytest

from feeds import __main__ as command
from feeds.accounts import Account, PolicyEntry, TimeoutEntry
from feeds.connector import Connector
from feeds.connectors import CONNECTORS, connector_class
from feeds.connectors.google import Google
from feeds.slots import Harm
from feeds.turns import OLDEST, WEIGHTS

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_TEXT = (_DOCS / "feeds.md").read_text("utf-8")
_PLACES = (_DOCS / "marketplaces.md").read_text("utf-8")
_EXAMPLES = re.findall(r"^```yaml accounts\n(.*?)^```", _TEXT + _PLACES, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", _EXAMPLES)
def test_the_accounts_of_the_page_are_good(
    example: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "accounts.yaml"
    file.write_text(example, "utf-8")
    assert command.main(["check", str(file)]) == 0
    assert capsys.readouterr().out == "ok\n"


def test_the_page_says_when_what_was_accepted_is_read_back() -> None:
    for name in ("confirm_s", "grace_s"):
        usual, google = getattr(Connector, name), getattr(Google, name)
        assert f"`{name}` ({usual:g}; Google {google:g})" in _TEXT


def test_the_pages_name_every_connector_with_its_options_and_secrets() -> None:
    assert all(f"`{name}`" in _TEXT for name in CONNECTORS)
    rows = {row[0]: row[1] for row in re.findall(r"^\| \[?`([a-z]+)`\S* \|(.*)\|$", _PLACES, re.MULTILINE)}
    assert rows.keys() >= CONNECTORS.keys()
    for name in CONNECTORS:
        *_, options, secrets = rows[name].split("|")
        named = set(re.findall(r"`([a-z_]+)`", options + secrets))
        assert named <= set(re.findall(r"`([a-z_]+)`", connector_class(name).__doc__ or "")), name
        assert named & set(re.findall(r"`([a-z_]+)`", secrets)), name


def test_the_page_names_every_key() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|", _TEXT, re.MULTILINE)
    assert rows[: len(Account.model_fields)] == list(Account.model_fields)
    for name, field in {**PolicyEntry.model_fields, **TimeoutEntry.model_fields}.items():
        assert f"`{name}`" in _TEXT, name
        if field.default is not None:
            assert f"`{name}` ({field.default:g})" in _TEXT or f"({field.default:g})" in _TEXT, name


def test_the_page_names_the_turns() -> None:
    told = {
        name: int(turns) for name, turns in re.findall(r"^\| `([A-Z]+)` .*\| (\d+) \|$", _TEXT, re.MULTILINE)
    }
    assert told == {harm.name: WEIGHTS[harm] for harm in Harm}
    assert f"other {OLDEST} of a hundred turns" in _TEXT


def test_the_page_names_every_command() -> None:
    told = set(re.findall(r"^\| `python -m feeds (\w+)", _TEXT, re.MULTILINE))
    (choices,) = [each.choices for each in command._parser()._actions if each.dest == "command"]
    assert told == set(choices or ())
