"""`python -m feeds try`, against simulated marketplaces over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from feeds.__main__ import main
from runtime.exit import Refusal
from tests.feeds.street import SECRETS, SELLER, accounts, simulator


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An accounts file at marketplaces that have the listing A (zalando knows no others)."""
    folder = tmp_path_factory.mktemp("shop")
    with simulator(folder) as url:
        for channel, location in (("walmart", None), ("zalando", "zalando-de")):
            row = {"account": SELLER, "listing": "A", "location": location, "quantity": 7}
            told = httpx.post(f"{url}/_simulator/{channel}/listings", json={"listings": [row]}, timeout=10)
            told.raise_for_status()
        file = folder / "accounts.yaml"
        file.write_text(yaml.safe_dump(accounts(url)))
        yield file


@pytest.fixture
def tried(shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Tried":
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return Tried(shop, capsys)


class Tried:
    def __init__(self, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.shop, self._capsys = shop, capsys

    def __call__(self, *arguments: str) -> tuple[int, str]:
        """The command's exit code and what it printed, in which no secret is."""
        code = main(["try", str(self.shop), *arguments])
        told = self._capsys.readouterr().out
        assert not [secret for secret in SECRETS.values() if secret in told]
        return code, told


def test_a_listing_is_written_and_read_back(tried: Tried) -> None:
    assert tried("walmart-1", "A")[0] == 0
    code, told = tried("walmart-1", "A", "--quantity", "3")
    assert code == 0
    assert "> PUT /v3/inventory?sku=A  [limit put]" in told
    assert "content-type: application/json" in told.split("> PUT")[0], "of the token"
    assert "= A shows 3" in told
    code, told = tried("walmart-1", "A")
    assert told.endswith("= A shows 3\n")


def test_a_submission_is_followed_and_found_by_its_intent(tried: Tried) -> None:
    code, told = tried("walmart-1", "A", "--quantity", "0", "--operation", "feed", "--wait", "3600")
    assert code == 0, told
    assert "= ACCEPTED" in told
    assert "another one!" not in told
    assert told.endswith("= A shows 0\n")


def test_a_submission_that_takes_long_is_not_waited_for(tried: Tried) -> None:
    code, told = tried("walmart-1", "A", "--quantity", "2", "--operation", "feed", "--wait", "0")
    assert code == 3
    assert "not waited for" in told


def test_what_cannot_be_read_is_done_when_it_was_taken(tried: Tried) -> None:
    code, told = tried("zalando-1", "A", "--quantity", "4")
    assert (code, told.count("= APPLIED")) == (0, 1)
    with pytest.raises(Refusal, match="cannot be read: give a --quantity"):
        tried("zalando-1", "A")


def test_a_listing_that_is_not_there_is_told(tried: Tried) -> None:
    assert tried("walmart-1", "NONE", "--quantity", "4")[0] == 3
    assert "is not known there" in tried("walmart-1", "NONE")[1]


def test_what_was_typed_wrongly_says_what_there_is(tried: Tried) -> None:
    with pytest.raises(Refusal, match="no account 'walmart'; write one of amazon-1, walmart-1"):
        tried("walmart", "A")
    with pytest.raises(Refusal, match="no operation 'bulk'; write one of put, feed"):
        tried("walmart-1", "A", "--quantity", "1", "--operation", "bulk")
    with pytest.raises(Refusal, match="operation feed writes: give the --quantity"):
        tried("walmart-1", "A", "--operation", "feed")
    with pytest.raises(Refusal, match="-1 units cannot be shown"):
        tried("walmart-1", "A", "--quantity", "-1")


def test_a_live_account_is_written_only_if_that_is_meant(tried: Tried, tmp_path: Path) -> None:
    entries = yaml.safe_load(tried.shop.read_text())
    for entry in entries["accounts"]:
        entry |= {"mode": "live", "url": "https://127.0.0.1:1", "clock_speed": 1}
    tried.shop = tmp_path / "live.yaml"
    tried.shop.write_text(yaml.safe_dump(entries))
    with pytest.raises(Refusal, match="buyers would see 1: add --live"):
        tried("walmart-1", "A", "--quantity", "1")
    code, told = tried("walmart-1", "A", "--quantity", "1", "--live")
    assert (code, "cannot be reached" in told) == (3, True)
