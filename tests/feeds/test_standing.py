"""What is told of a marketplace that is in trouble, while it is."""

import asyncio
import logging
from contextlib import suppress

import pytest

from feeds.account import AccountFeed
from feeds.clock import Clock
from feeds.connector import Identity
from feeds.connectors.walmart import Walmart
from feeds.exchange import Reply, Request
from feeds.line import Line
from feeds.outcomes import Trouble
from feeds.runner import AccountRunner
from feeds.slots import Slot
from feeds.standing import Standing, Troubles
from feeds.trials import simulated
from tests.feeds.connectors.answers import TOKEN, answer
from tests.feeds.test_line import Limits

_STOPS_S = 1_000.0


def test_it_stands_until_it_goes_well() -> None:
    troubles = Troubles("acme")
    troubles.heard("put", Trouble.BROKEN, "503", 1_000)
    troubles.heard("put", Trouble.BROKEN, "no reply came", 2_000)
    troubles.heard("reading", Trouble.AUTH, None, 3_000)
    assert troubles.now == {
        "put": Standing(Trouble.BROKEN, "no reply came", 1_000),
        "reading": Standing(Trouble.AUTH, "", 3_000),
    }
    troubles.heard("put", Trouble.THROTTLED, "429", 4_000)
    assert troubles.now["put"] == Standing(Trouble.THROTTLED, "429", 4_000)
    troubles.heard("put", Trouble.NONE, None, 5_000)
    assert list(troubles.now) == ["reading"]


def test_what_comes_and_goes_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    troubles = Troubles("acme")
    for second in range(0, 120, 5):
        troubles.heard("put", Trouble.BROKEN, f"at {second} s", 1_000 * second)
        troubles.heard("put", Trouble.NONE, None, 1_000 * second + 1)
        troubles.heard("feed", Trouble.THROTTLED, "usual", 1_000 * second)
    assert [record.__dict__["reason"] for record in caplog.records] == ["at 0 s", "at 60 s"]


def test_a_submission_and_a_listing_that_cannot_be_asked_for(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would know why it never closes."""
    caplog.set_level(logging.CRITICAL)
    ill = True

    async def send(request: Request) -> Reply:
        if request.path == "/v3/token":
            return answer(TOKEN)
        if request.method == "POST":
            return answer({"feedId": "F@1"})
        if ill:
            return answer({"errors": [{"code": "DOWN", "description": "back at noon"}]}, 503)
        if request.path == "/v3/feeds/F%401":
            counts = {"itemsReceived": 1, "itemsSucceeded": 1, "itemsFailed": 0, "itemsProcessing": 0}
            return answer({"feedStatus": "PROCESSED", **counts})
        return answer({"sku": "SKU-1", "quantity": {"unit": "EACH", "amount": 5}})

    async def write(_: object) -> None:
        pass

    async def told() -> list[dict[str, Standing]]:
        nonlocal ill
        monkeypatch.setattr(Walmart, "operations", Walmart.operations[1:])  # only feeds
        connector = Walmart(Identity("acme", {}, {"client_id": "me", "client_secret": "hush"}))
        clock, feed = Clock(), AccountFeed("acme", connector.operations)
        line = Line(connector, Limits(), send, clock)
        runner = AccountRunner(feed, connector, line, write, clock)
        runner.feed.add(Slot("SKU-1", None, "SKU-1", wanted=5, version=1), clock.now_ms())
        task = asyncio.create_task(runner.run())
        found = []
        for each in (True, False):
            ill = each
            await clock.sleep(_STOPS_S)
            found.append(dict(runner.troubles.now))
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return found

    during, after = simulated.run(told())
    assert {asked: standing[:2] for asked, standing in during.items()} == {
        "following": (Trouble.BROKEN, "503 DOWN: back at noon"),
        "reading": (Trouble.BROKEN, "503 DOWN: back at noon"),
    }
    assert after == {}
