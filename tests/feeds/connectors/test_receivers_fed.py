"""A whole publisher, in simulated time, feeds receivers that refuse all of a call for one wrong item, go away and come
back, or lose answers."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pytest

from feeds.account import AccountFeed
from feeds.clock import Clock
from feeds.connector import Connector, Identity
from feeds.connectors.csv_file import CsvFile
from feeds.connectors.webhook import Webhook
from feeds.exchange import Lost, Reply, Request
from feeds.limits import Room
from feeds.line import Line
from feeds.runner import AccountRunner
from feeds.simulator import csv_file, webhook
from feeds.simulator.channel_settings import AccountSettings
from feeds.simulator.csv_settings import CsvSettings
from feeds.simulator.faults import Fault
from feeds.simulator.marketplace import Marketplace
from feeds.simulator.messages import Drop, Received
from feeds.simulator.webhook_settings import WebhookSettings
from feeds.slots import Slot
from feeds.trials import simulated
from tests.feeds.test_line import Limits

START_MS = 1_790_000_000_000
SECRET = webhook.secret_of("S")
ACCOUNTS = {"S": AccountSettings()}
MANY, UNKNOWN = 300, {"L17", "L200"}


class Holding(Limits):
    """Admits everything but what is held."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._until: dict[str, float] = {}

    async def room(self, group: str, most: int, points: int = 0) -> Room:
        wait_ms = self._until.get(group, 0) - self._clock.now_ms()
        return Room(most, 0) if wait_ms <= 0 else Room(0, int(wait_ms) + 1)

    async def hold(self, group: str, seconds: float) -> None:
        await super().hold(group, seconds)
        self._until[group] = self._clock.now_ms() + 1000 * seconds


class Fed:
    """A receiver that knows all listings but two, and its publisher. `faults` begin with it."""

    def __init__(self, market: Marketplace, connector: Connector, *faults: Fault) -> None:
        self.market, self.connector = market, connector
        self.held: list[tuple[str, float]] = []
        for fault in faults:
            market.faults.switch_on(fault)
        for name in self.names():
            if name not in UNKNOWN:
                market.add_listing("S", name, quantity=1_000, now_ms=START_MS)

    @staticmethod
    def names() -> list[str]:
        return [f"L{n}" for n in range(MANY)]

    def run(self, seconds: float) -> dict[str, Slot]:
        """Every listing is to show its own number; a minute later another. The slots after so long."""
        return simulated.run(self._run(seconds))

    async def _run(self, seconds: float) -> dict[str, Slot]:
        clock = Clock(1.0, START_MS)
        feed = AccountFeed("S", self.connector.operations, reads=self.connector.reads_most > 0)
        limits = Holding(clock)

        async def send(request: Request) -> Reply:
            headers = {name.lower(): value for name, value in request.headers.items()}
            received = Received(request.method, request.path, request.query, headers, request.body)
            given = self.market.handle(received, clock.now_ms())
            await clock.sleep(given.after_ms / 1000)
            if given.dropped is not Drop.NONE:
                raise Lost("the connection broke")
            return Reply(
                given.status, {name.lower(): value for name, value in given.headers.items()}, given.body
            )

        async def write(records: Sequence[tuple[bytes, dict[str, Any]]]) -> None:
            await clock.sleep(0.005)

        line = Line(self.connector, limits, send, clock)
        runner = AccountRunner(feed, self.connector, line, write, clock, dice=random.Random(1))
        slots = {name: Slot(name, None, name) for name in self.names()}
        for slot in slots.values():
            feed.add(slot, clock.now_ms())
        running = asyncio.create_task(runner.run())
        for version, pause_s in ((1, 60.0), (2, seconds)):
            for n, slot in enumerate(slots.values()):
                feed.change(slot, (n + version) % 7, version, clock.now_ms())
            runner.changed.set()
            await clock.sleep(pause_s)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        self.market.advance(clock.now_ms() + 100_000)
        self.held = limits.held
        return slots

    def right(self) -> int:
        """How many show what they should."""
        shown = [self.market.shelf.get("S", name) for name in self.names()]
        return sum(place is not None and place.applied == (n + 2) % 7 for n, place in enumerate(shown))


def by_webhook(*faults: Fault, results: bool = True, **options: Any) -> Fed:
    settings = WebhookSettings(accounts=ACCOUNTS, results=results, plans={})
    connector = Webhook(Identity("shop", {"path": "/stock", **options}, {"secret": SECRET}))
    return Fed(webhook.Webhook(settings), connector, *faults)


def by_csv(*faults: Fault) -> Fed:
    connector = CsvFile(Identity("erp", {"path": "/stock.csv"}, {"token": "access-S"}))
    return Fed(csv_file.CsvFiles(CsvSettings(accounts=ACCOUNTS, plans={})), connector, *faults)


def rejected(slots: dict[str, Slot]) -> set[str]:
    return {name for name, slot in slots.items() if slot.stands_rejected}


@pytest.mark.parametrize(
    ("fed", "within_s"),
    [(by_webhook(), 10), (by_webhook(results=False), 60), (by_csv(), 3_000)],
    ids=["webhook", "silent", "csv"],
)
def test_one_wrong_item_keeps_none_of_the_others(fed: Fed, within_s: float) -> None:
    """Of a call that is refused as a whole who is to blame is found by halves."""
    slots = fed.run(within_s)
    assert rejected(slots) == UNKNOWN
    assert fed.right() == MANY - len(UNKNOWN)


@pytest.mark.parametrize(("make", "within_s"), [(by_webhook, 4_200), (by_csv, 7_200)])
def test_a_receiver_that_was_gone_comes_back(make: Any, within_s: float) -> None:
    """Nobody was rejected for it, and it was hardly asked: it said 410, so it is left alone for an hour."""
    fed = make(Fault("outage", status=410, until_ms=START_MS + 1_800_000))
    slots = fed.run(within_s)
    assert [seconds for _, seconds in fed.held][:1] == [3_600]
    assert fed.market.answers[next(op for op, status in fed.market.answers if status == 410), 410] <= 4
    assert rejected(slots) == UNKNOWN
    assert fed.right() == MANY - len(UNKNOWN)


def test_answers_that_are_lost_or_late_do_no_harm() -> None:
    """For two minutes many calls have an effect and no answer, some have neither, and items are busy."""
    until_ms = START_MS + 120_000
    fed = by_webhook(
        Fault("drop_after_apply", 0.4, until_ms=until_ms), Fault("http_503", 0.1, until_ms=until_ms),
        Fault("partial_items", 0.5, until_ms=until_ms, share=0.2), most=20,
    )  # fmt: skip
    slots = fed.run(1_800)
    assert fed.market.faults.struck.keys() >= {"drop_after_apply", "http_503", "partial_items"}
    assert rejected(slots) == UNKNOWN
    assert fed.right() == MANY - len(UNKNOWN)
