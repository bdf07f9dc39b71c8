"""The publisher as a process: what it publishes arrives, is written down, and survives its end."""

import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from runtime.settings import Settings
from tests.feeds.street import CHANNELS, Street, eventually, listing_of, street, wanted
from tests.nursery import environment

SKUS = [f"S{number:03}" for number in range(1, 25)]
Numbers = dict[str, tuple[int, int, int]]


@pytest.fixture
def market(settings: Settings, tmp_path: Path) -> Iterator[Street]:
    with street(settings, tmp_path) as made:
        made.list(SKUS)
        for sku in SKUS:
            made.catalog(sku)
        yield made


def _drawn(dice: random.Random) -> Numbers:
    return {sku: (dice.choice((0, 0, 3, 40)), dice.choice((0, 1, 5)), dice.choice((0, 2))) for sku in SKUS}


def _shows(market: Street, numbers: Mapping[str, tuple[int, int, int]]) -> bool:
    return all(
        {key: units for key, units in market.applied(channel).items() if key in wanted(channel, numbers)}
        == wanted(channel, numbers)
        for channel in CHANNELS
    )


def _agrees(market: Street, numbers: Numbers) -> bool:
    """Whether the ledger says of each listing that what is wanted was applied."""
    ledger = market.ledger()
    for channel in CHANNELS:
        for (listing, location), units in wanted(channel, numbers).items():
            told = ledger.get((f"{channel}-1", listing, None if channel == "zalando" else location))
            if told is None or (told["desired"], told["applied"], told["state"]) != (units, units, "APPLIED"):
                return False
    return True


def _feeds(market: Street, *arguments: str, **settings: int) -> str:
    command = [sys.executable, "-m", "feeds", *arguments]
    made = market.settings.replace(**settings)
    done = subprocess.run(command, env=environment(made), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_what_is_published_arrives_and_is_written_down(market: Street) -> None:
    dice = random.Random(1)
    numbers = _drawn(dice)
    market.publish(numbers)
    market.flush()
    with market.publisher() as (process, port):
        eventually(lambda: _shows(market, numbers), 60)
        for _ in range(3):
            numbers = _drawn(dice)
            market.publish(numbers)
        market.flush()
        eventually(lambda: _shows(market, numbers), 60)
        eventually(lambda: _agrees(market, numbers))
        assert market.exceeded() == 0

        # An alias that goes, and one that moves.
        first, second, third = SKUS[:3]
        market.catalog(first, ())
        market.catalog(third, ("walmart",), listing_of("walmart", second))
        market.catalog(second, ())
        market.publish({first: (9, 9, 9), second: (8, 8, 8), third: (7, 0, 0)})
        market.flush()
        moved = listing_of("walmart", second)
        eventually(lambda: market.applied("walmart")[moved, None] == 7)
        assert market.applied("walmart")[listing_of("walmart", first), None] == sum(numbers[first])
        eventually(lambda: ("walmart-1", listing_of("walmart", first), None) not in market.ledger())
        assert market.ledger()["walmart-1", moved, None]["sku"] == third

        status = _feeds(market, "status", feeds_metrics_port=port)
        for channel in CHANNELS:
            assert f"{channel}-1: channel to-{channel}, {channel}, sandbox" in status
        assert "feeding" in status
        assert "time to zero" in status
        report = market.folder / "report.html"
        _feeds(market, "report", "--out", str(report), feeds_metrics_port=port)
        assert "<h2>amazon-1: channel to-amazon" in report.read_text()
        eventually(lambda: market.ledger()["walmart-1", moved, None]["state"] == "APPLIED")
        told = _feeds(market, "ledger", "walmart-1", moved)
        assert f"{moved}, sku {third}: APPLIED" in told
        assert "  applied   7 of version" in told
        told = _feeds(market, "ledger", "walmart-1", "--state", "APPLIED")
        assert told.count(": APPLIED as of") == told.count(" as of ") > 0
        assert _feeds(market, "ledger", "walmart-1", "--state", "REJECTED") == ""

        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0
    logs = "".join(file.read_text() for file in market.folder.glob("*.log"))
    assert not any(secret in logs for secret in ("secret-seller", "refresh-seller", "access-seller"))


def test_a_process_that_is_killed_goes_on_where_it_was(market: Street) -> None:
    dice = random.Random(2)
    numbers = _drawn(dice)
    market.publish(numbers)
    market.flush()
    for _ in range(4):
        with market.publisher() as (process, _):
            until = market.calls() + dice.randrange(1, 30)
            eventually(lambda until=until: market.calls() >= until, 60)  # type: ignore[misc]
            process.kill()
            process.wait(10)
            numbers = _drawn(dice)
            market.publish(numbers)
            market.flush()
    with market.publisher():
        eventually(lambda: _shows(market, numbers), 60)
        eventually(lambda: _agrees(market, numbers))
    assert market.exceeded() == 0


def test_a_second_process_stands_by_and_takes_over(market: Street) -> None:
    dice = random.Random(3)
    numbers = _drawn(dice)
    market.publish(numbers)
    market.flush()
    with market.publisher() as (first, _):
        eventually(lambda: _shows(market, numbers), 60)
        with market.publisher() as (second, port):
            eventually(lambda: _stages(market, port) == {"standing by"}, 60)
            first.send_signal(signal.SIGTERM)
            assert first.wait(40) == 0
            numbers = _drawn(dice)
            market.publish(numbers)
            market.flush()
            eventually(lambda: _shows(market, numbers), 60)
            assert _stages(market, port) == {"feeding"}
            second.send_signal(signal.SIGTERM)
            assert second.wait(40) == 0
    assert market.exceeded() == 0


def _stages(market: Street, port: int) -> set[str]:
    from feeds.status import NotRunning, ask

    try:
        said = ask(market.settings, port)
    except NotRunning:
        return set()
    return {said.which("stage", "stage", account=labels["account"]) for labels in said.accounts()}
