"""A publisher whose listings have limits of their own, at the simulated eBay, in simulated time: core, runner, line
and connector are the real ones."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest

from feeds.account import AccountFeed, Policy
from feeds.buckets import Bucket, Scope
from feeds.clock import Clock
from feeds.connector import Identity, Operation
from feeds.connectors.ebay import Ebay
from feeds.exchange import Lost, Reply, Request, Unsent
from feeds.limits import Admitted, Refused, Room
from feeds.line import Line
from feeds.outcomes import Answer, Fate, ItemOutcome, whole
from feeds.runner import AccountRunner
from feeds.simulator import ebay
from feeds.simulator.messages import Drop, Received
from feeds.slots import Slot
from feeds.trials import simulated

_START_MS = 1_795_000_000_000
_SINGLE = Operation("single", "single", 3)


class Limits:
    """Of one account, without Redis: token buckets of which a call takes one. `asked`: for writes; `refused`: how often
    a listing was."""

    def __init__(self, groups: Mapping[str, Sequence[Bucket]], now_ms: Callable[[], int]) -> None:
        self._groups, self._now_ms = groups, now_ms
        self.levels: dict[tuple[str, str], tuple[float, int]] = {}
        self.asked = 0
        self.refused = 0

    async def ask(self, request: Request) -> Admitted | Refused:
        self.asked += request.limit == "update"
        assert self.asked < 2_000, "it asks and asks"
        now, waits, taken = self._now_ms(), dict[str, int](), dict[tuple[str, str], float]()
        for bucket in self._groups[request.limit or ""]:
            for listing, to_zero in request.listings if bucket.scope is Scope.LISTING else [("", False)]:
                each_ms = bucket.units / bucket.per_s / 1000
                level, at = self.levels.get((bucket.name, listing), (bucket.capacity, now))
                level = min(bucket.capacity, level + (now - at) * each_ms)
                missing = 1 + (0 if to_zero else bucket.kept_for_zero) - level
                if missing > 0:
                    waits[listing] = int(missing / each_ms) + 1
                taken[bucket.name, listing] = level - 1
        assert "" not in waits, "a whole day's calls were used up"
        self.refused += len(waits)
        if waits:
            return Refused(max(waits.values()), 0, waits)
        self.levels |= {key: (level, now) for key, level in taken.items()}
        return Admitted(request, now, ())

    async def room(self, group: str, most: int, points: int = 0) -> Room:
        return Room(most, 0)

    async def observe(self, observed: Any, admitted: Admitted | None = None) -> None:
        assert not observed

    async def hold(self, group: str, seconds: float) -> None:
        raise AssertionError("nothing was throttled")

    async def give_back(self, admitted: Admitted) -> None:
        raise AssertionError("everything was sent")


class Shop:
    """A seller at eBay with the listings A and B, whose publisher runs."""

    def __init__(self) -> None:
        self.clock = Clock(1.0, _START_MS)
        self.market = ebay.Ebay(seed=3)
        self.shows: list[tuple[int, str]] = []
        self.slots = {}
        secrets = {"client_id": "client-S", "client_secret": "secret-S", "refresh_token": "refresh-S"}
        connector = Ebay(Identity("account", {}, secrets))
        self.feed = AccountFeed("account", connector.operations, Policy())
        for name in "AB":
            self.market.add_listing("S", name, now_ms=_START_MS)
            slot = Slot(name, None, name, {"offer_id": f"offer-{name}"})
            self.slots[name] = slot
            self.feed.add(slot, _START_MS)
        self.limits = Limits(Ebay.limits, self.clock.now_ms)
        line = Line(connector, self.limits, self._send, self.clock)
        self.runner = AccountRunner(self.feed, connector, line, self._write, self.clock)
        self._version = 0

    async def _write(self, records: Any) -> None:
        await asyncio.sleep(0)

    async def _send(self, request: Request) -> Reply:
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(request.method, request.path, request.query, headers, request.body)
        given = self.market.handle(received, self.clock.now_ms())
        await self.clock.sleep(given.after_ms / 1000)
        if given.dropped is not Drop.NONE:
            raise Unsent("refused") if given.dropped is Drop.BEFORE else Lost("silence")
        return Reply(given.status, {name.lower(): value for name, value in given.headers.items()}, given.body)

    def want(self, name: str, units: int) -> None:
        self._version += 1
        self.feed.change(self.slots[name], units, self._version, self.clock.now_ms())
        self.runner.changed.set()

    def shown(self, name: str) -> int:
        return self.market.place("S", name).applied

    def writes(self, name: str) -> int:
        """How often the number of a listing has changed."""
        return len(self.market.place("S", name).history) - 1

    async def use_up(self) -> None:
        """Let A change, and change again, until eBay would have it no more; 5 is wanted, and something else shown."""
        for n in range(80):
            self.want("A", 6 + n)
            await self.clock.sleep(2)
        self.want("A", 5)
        await self.clock.sleep(2)
        assert self.shown("A") != 5
        assert self.limits.refused

    async def seconds(self, holds: Callable[[], bool], most: float) -> float:
        """How long it takes until it holds."""
        began = self.clock.now_ms()
        while not holds():
            assert self.clock.now_ms() - began < most * 1000, "did not come about in time"
            await self.clock.sleep(0.25)
        return (self.clock.now_ms() - began) / 1000


def at_the_shop(story: Callable[[Shop], Awaitable[None]]) -> None:
    async def main() -> None:
        shop = Shop()
        running = asyncio.create_task(shop.runner.run())
        try:
            await story(shop)
            assert not running.done() or running.result() is None
            assert shop.market.gate.exceeded.total() == 0
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    simulated.run(main())


def test_a_0_is_sent_at_once_though_the_listing_has_used_up_what_is_not_kept_for_it() -> None:
    async def story(shop: Shop) -> None:
        await shop.use_up()
        assert shop.writes("A") <= 42
        shop.want("A", 0)
        assert await shop.seconds(lambda: shop.shown("A") == 0, 10) <= 8
        # And again; but for what is no 0 there is nothing left for a while.
        shop.want("A", 3)
        await shop.clock.sleep(60)
        assert shop.shown("A") == 0
        await shop.seconds(lambda: shop.shown("A") == 3, 1_200)

    at_the_shop(story)


def test_where_what_is_kept_for_0_is_used_up_as_well_a_0_waits_too() -> None:
    async def story(shop: Shop) -> None:
        shop.want("A", 5)
        await shop.seconds(lambda: shop.shown("A") == 5, 10)
        shop.limits.levels["revisions", "A"] = (0.0, shop.clock.now_ms())
        asked = shop.limits.asked
        shop.want("A", 0)
        took = await shop.seconds(lambda: shop.shown("A") == 0, 600)
        assert 470 < took < 490
        assert shop.limits.asked <= asked + 3

    at_the_shop(story)


def test_the_others_in_the_call_do_not_wait_for_a_listing_that_is_used_up() -> None:
    async def story(shop: Shop) -> None:
        await shop.use_up()
        for units in (4, 9, 2):
            shop.want("B", units)
            shop.want("A", units)
            await shop.seconds(lambda units=units: shop.shown("B") == units, 10)  # type: ignore[misc]

    at_the_shop(story)


def test_a_listing_that_is_used_up_is_not_asked_for_all_the_time() -> None:
    async def story(shop: Shop) -> None:
        await shop.use_up()
        asked = shop.limits.asked
        await shop.clock.sleep(100)
        assert shop.limits.asked == asked

    at_the_shop(story)


def test_hours_of_changes_stay_within_the_limit_and_end_right() -> None:
    async def story(shop: Shop) -> None:
        for n in range(240):
            shop.want("A", n % 7)
            shop.want("B", n % 5 + 1)
            await shop.clock.sleep(15)
        assert shop.writes("A") <= 60 + 190 * 3_600 / 90_000 + 1
        await shop.seconds(lambda: (shop.shown("A"), shop.shown("B")) == (239 % 7, 239 % 5 + 1), 1_200)

    at_the_shop(story)


def _feed(but_zero: bool) -> tuple[AccountFeed, Slot]:
    """A feed whose only listing was told to come back in a minute with its 5."""
    feed, slot = AccountFeed("a", [_SINGLE], Policy()), Slot("A", None, "A")
    feed.add(slot, 1_000)
    feed.change(slot, 5, 1, 1_000)
    call = feed.take(_SINGLE, 3, "", 1_000)
    assert call is not None
    feed.answered(call, Answer([ItemOutcome(Fate.LATER, "later", 60, but_zero=but_zero)]), 1_000)
    return feed, slot


@pytest.mark.parametrize("but_zero", [True, False])
def test_what_comes_later_comes_then_and_a_0_only_where_it_may_before(but_zero: bool) -> None:
    feed, slot = _feed(but_zero)
    feed.wake(60_999)
    assert feed.waiting == 0
    feed.change(slot, 0, 2, 2_000)
    assert feed.waiting == int(but_zero)
    feed.change(slot, 6, 3, 3_000)
    feed.wake(3_000)
    assert feed.waiting == 0
    feed.wake(61_000)
    assert feed.waiting == 1


def test_a_0_that_is_sent_meanwhile_does_not_let_the_rest_pass() -> None:
    feed, slot = _feed(True)
    feed.change(slot, 0, 2, 2_000)
    call = feed.take(_SINGLE, 3, "", 2_000)
    assert call is not None
    feed.answered(call, Answer(whole(1, Fate.APPLIED)), 2_000)
    feed.change(slot, 7, 3, 3_000)
    for now, waiting in ((3_000, 0), (60_999, 0), (61_000, 1)):
        feed.wake(now)
        assert feed.waiting == waiting
