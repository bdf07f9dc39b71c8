"""What docs/feeds.md says of the accounts file, the turns, the metrics and the commands holds."""

import re
from pathlib import Path

import pytest

from feeds import __main__ as command
from feeds.accounts import Account, PolicyEntry, TimeoutEntry
from feeds.slots import Harm
from feeds.turns import OLDEST, WEIGHTS

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "feeds.md"
_TEXT = _PAGE.read_text("utf-8")


_EXAMPLES = re.findall(r"^```yaml accounts\n(.*?)^```", _TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", _EXAMPLES)
def test_the_accounts_of_the_page_are_good(
    example: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "accounts.yaml"
    file.write_text(example, "utf-8")
    assert command.main(["check", str(file)]) == 0
    assert capsys.readouterr().out == "ok\n"


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
