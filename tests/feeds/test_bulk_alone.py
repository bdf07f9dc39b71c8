"""A marketplace whose only operation is bulk: what is urgent goes by it as well.

The real core, line, connector and send protocol against the simulated Mirakl, in simulated time. The limits are kept
here, without Redis.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from feeds.buckets import Bucket, Kind
from feeds.clock import Clock
from feeds.exchange import Request
from feeds.limits import Admitted, Refused, Room
from feeds.simulator.faults import Fault
from feeds.simulator.feeds_queue import FeedSettings, State
from feeds.simulator.mirakl import Mirakl
from feeds.simulator.mirakl_settings import MiraklSettings
from feeds.simulator.spread import Spread
from feeds.trials import crashes, seller, simulated
from feeds.trials.crashes import Ordeal, survive
from feeds.trials.seller import SELLER, Opener, Shop, list_sku, sku_of
from feeds.trials.world import stop
from runtime.settings import Settings
from wire.codec import Codec

_START_MS = 1_795_000_000_000


@dataclass
class Kept:
    """What is left of a bucket: of calls evenly refilled, or of one in an interval. Times are ms."""

    bucket: Bucket
    level: float = 0.0
    at_ms: int = 0

    def wait_ms(self, now_ms: int) -> int:
        return max(0, math.ceil((1 - self._level(now_ms)) * self.bucket.per_s * 1000 / self.bucket.units))

    def take(self, now_ms: int, units: int) -> None:
        self.level, self.at_ms = self._level(now_ms) - units, now_ms

    def _level(self, now_ms: int) -> float:
        assert self.bucket.kind in (Kind.TOKEN, Kind.INTERVAL)
        most = self.bucket.capacity if self.bucket.kind is Kind.TOKEN else 1.0
        came = (now_ms - self.at_ms) / 1000 * self.bucket.units / self.bucket.per_s
        return min(most, self.level + came)


class Limited:
    """Stands for `Limiter`. What is `known` of the buckets, and until when a group is held, is shared with those
    before."""

    def __init__(self, known: dict[str, Any], limits: Mapping[str, Sequence[Bucket]]) -> None:
        self._groups = {
            group: [known.setdefault(bucket.name, Kept(bucket)) for bucket in buckets]
            for group, buckets in limits.items()
        }
        self._held: dict[str, float] = known.setdefault("held until", {})

    def ask(self, request: Request, now_ms: int) -> Admitted | Refused:
        wait_ms = self.room(request.limit or "", 1, 0, now_ms).wait_ms
        if wait_ms:
            return Refused(wait_ms, wait_ms, {})
        for kept in self._groups[request.limit or ""]:
            kept.take(now_ms, 1)
        return Admitted(request, now_ms * 1000, ())

    def room(self, group: str, most: int, points: int, now_ms: int) -> Room:
        waits = [kept.wait_ms(now_ms) for kept in self._groups[group]]
        wait_ms = max(0, math.ceil(self._held.get(group, 0.0) - now_ms), *waits)
        return Room(0 if wait_ms else most, wait_ms)

    def observe(self, observed: Any, admitted: Any, now_ms: int) -> None:
        assert not list(observed)

    def hold(self, group: str, seconds: float, now_ms: int) -> None:
        self._held[group] = now_ms + seconds * 1000

    def give_back(self, admitted: Any, points: Any, now_ms: int) -> None:
        for kept in self._groups[admitted.request.limit]:
            kept.take(now_ms, -1)


@pytest.fixture(autouse=True)
def limited(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Shops that are opened have such limits; their state outlives a shop, as Redis does."""
    known: dict[str, Any] = {}
    monkeypatch.setattr(seller, "Limiter", lambda *given: Limited(known, given[-1]))
    caplog.set_level(logging.CRITICAL)


@dataclass
class World:
    """A shop with some skus, which show 50 units each. `now_s`: since the beginning."""

    shop: Shop
    opener: Opener
    clock: Clock
    version: int = 1
    wanted: dict[int, int] = field(default_factory=dict)
    running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """A publisher begins."""
        self.running = asyncio.create_task(self.shop.runner.run())

    async def die(self) -> None:
        """It ends, wherever it is."""
        assert self.running is not None
        await stop(self.running)

    @property
    def market(self) -> Mirakl:
        assert isinstance(self.shop.market, Mirakl)
        return self.shop.market

    @property
    def now_s(self) -> float:
        return (self.clock.now_ms() - _START_MS) / 1000

    def want(self, number: int, units: int) -> None:
        self.version += 1
        self.wanted[number] = units
        self.shop.wanted(sku_of(number), units, self.version, self.clock.now_ms())

    async def pass_(self, seconds: float) -> None:
        """Let time pass, here and there."""
        until = self.now_s + seconds
        while self.now_s < until:
            await self.clock.sleep(1)
            self.market.advance(self.clock.now_ms())

    async def until(self, check: Callable[[], bool], seconds: float) -> float:
        """How long it takes until something holds (s)."""
        began = self.now_s
        while not check():
            assert self.now_s - began < seconds, "did not come about in time"
            await self.pass_(1)
        return self.now_s - began

    def shows(self, number: int) -> int:
        return self.market.place(SELLER, sku_of(number)).applied

    def all_is_right(self) -> bool:
        slots = self.shop.feed.slots.values()
        return all(self.shows(number) == units for number, units in self.wanted.items()) and not any(
            slot.writes for slot in slots
        )


def lived(story: Callable[[World], Coroutine[Any, Any, None]], skus: int = 20, **settings: Any) -> None:
    """Let something happen to a shop that is being fed."""

    async def main() -> None:
        clock = Clock(1.0, _START_MS)
        feed = FeedSettings(service=settings.pop("service", Spread(30_000, 30_000)))
        market = Mirakl(MiraklSettings(**{"feed": feed, **settings}), seed=3)
        opener = Opener(None, Settings(), clock, Codec())  # type: ignore[arg-type]
        world = World(opener.open(market), opener, clock)
        for number in range(skus):
            list_sku(world.shop, number, 50, clock.now_ms())
        world.start()
        try:
            await story(world)
        finally:
            await world.die()
        assert market.gate.exceeded.total() == 0

    simulated.run(main())


def test_a_fall_to_zero_goes_at_once_and_the_next_one_a_minute_later() -> None:
    async def story(world: World) -> None:
        world.want(1, 0)
        assert await world.until(lambda: world.market.gate.calls["sto01"] == 1, 5) <= 3
        world.want(2, 0)
        assert 60 <= await world.until(lambda: world.market.gate.calls["sto01"] == 2, 90) <= 70
        assert await world.until(world.all_is_right, 120) <= 90

    lived(story)


def test_the_urgent_come_first_where_a_file_does_not_hold_all(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        world.shop.feed._most["import"] = 4
        for number in range(18):
            world.want(number, 60)
        for number in (18, 19):
            world.want(number, 0)
        await world.until(lambda: world.market.gate.calls["sto01"] == 1, 5)
        await world.pass_(45)
        assert (world.shows(18), world.shows(19)) == (0, 0)
        await world.until(world.all_is_right, 900)

    lived(story)


def test_an_offer_that_is_on_its_way_waits_and_the_others_do_not() -> None:
    async def story(world: World) -> None:
        world.want(1, 3)
        await world.pass_(5)
        world.want(1, 0)
        world.want(2, 0)
        await world.pass_(70)
        jobs = list(world.market.queue.jobs.values())
        assert [[row[0] for row in job.content.rows[1:]] for job in jobs] == [[sku_of(1)], [sku_of(2)]]
        assert jobs[0].state is State.RUNNING
        await world.until(world.all_is_right, 900)
        # A number never went before the one before it had closed.
        assert [units for _, units in world.market.place(SELLER, sku_of(1)).history] == [50, 3, 0]

    lived(story, service=Spread(200_000, 200_000))


def test_an_import_that_never_ends_is_given_up() -> None:
    async def story(world: World) -> None:
        world.market.faults.switch_on(Fault("endless_feed"))
        world.want(1, 0)
        await world.pass_(5)
        world.market.faults.switch_off("endless_feed")
        world.want(2, 0)
        await world.pass_(180)
        assert (world.shows(1), world.shows(2)) == (50, 0)
        slot = world.shop.feed.slots[sku_of(1), None]
        assert slot.submitted
        assert slot.highest == 50
        assert 1500 < await world.until(world.all_is_right, 2100) < 1900

    lived(story)


def test_four_imports_that_never_end_stop_the_account_for_half_an_hour_at_most() -> None:
    async def story(world: World) -> None:
        world.market.faults.switch_on(Fault("endless_feed"))
        for number in range(4):
            world.want(number, 0)
            await world.pass_(70)
        assert world.market.gate.calls["sto01"] == 4
        world.market.faults.switch_off("endless_feed")
        world.want(9, 0)
        await world.until(world.all_is_right, 2400)

    lived(story)


@pytest.mark.parametrize("fault", ["lost_ack", "drop_after_apply"])
def test_an_import_whose_id_is_lost_is_sent_again_with_the_newest_number(fault: str) -> None:
    async def story(world: World) -> None:
        world.market.faults.switch_on(Fault(fault, operations=("sto01",)))
        world.want(1, 40)
        await world.pass_(5)
        world.market.faults.switch_off(fault)
        slot = world.shop.feed.slots[sku_of(1), None]
        assert not slot.submitted
        assert slot.highest == 50
        world.want(1, 0)
        await world.until(world.all_is_right, 300)
        await world.pass_(600)
        assert [units for _, units in world.market.place(SELLER, sku_of(1)).history] == [50, 40, 0]

    lived(story)


def test_what_may_have_arrived_counts_as_live() -> None:
    """0 is shown, 40 was perhaps taken: a fall to 0 is the worst that can be late, and goes first."""

    async def story(world: World) -> None:
        world.want(1, 0)
        await world.until(world.all_is_right, 300)
        world.market.faults.switch_on(Fault("lost_ack"))
        world.want(1, 40)
        await world.pass_(70)
        slot = world.shop.feed.slots[sku_of(1), None]
        assert (slot.submitted, slot.highest) == (False, 40)

    lived(story)


def test_whoever_takes_over_sends_what_is_on_its_way_again() -> None:
    async def story(world: World) -> None:
        for number in range(5):
            world.want(number, number)
        await world.pass_(10)
        await world.die()
        world.shop = world.opener.open_again(world.shop, world.clock.now_ms())
        world.start()
        world.want(0, 7)
        await world.until(world.all_is_right, 600)
        first, second = (job.content.rows for job in world.market.queue.jobs.values())
        assert {row[0] for row in first} <= {row[0] for row in second}
        assert [units for _, units in world.market.place(SELLER, sku_of(0)).history] == [50, 0, 7]

    lived(story, service=Spread(100_000, 100_000))


def test_wrong_lines_are_told_and_the_rest_is_right() -> None:
    async def story(world: World) -> None:
        world.market.shelf.by_listing.pop((SELLER, sku_of(1)))
        world.market.shelf.places.pop((SELLER, sku_of(1), None))
        for number in (1, 2):
            world.want(number, 0)
        await world.pass_(120)
        slot = world.shop.feed.slots[sku_of(1), None]
        assert (slot.stands_rejected, slot.reason) == (True, "The offer does not exist")
        assert world.shows(2) == 0
        calls = world.market.gate.calls["sto01"]
        await world.pass_(600)
        assert world.market.gate.calls["sto01"] == calls == 1

    lived(story)


def test_an_operator_who_only_counts_finds_nothing_to_count() -> None:
    async def story(world: World) -> None:
        for nth in range(30):
            world.want(nth % 20, nth % 7)
            await world.pass_(20)
        await world.until(world.all_is_right, 900)

    lived(story, enforced=False)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_publishers_that_die_anywhere_lose_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(crashes._FAULTS, "endless_feed", 0.1)
    ordeal = Ordeal(skus=8, seconds=900.0, changes=1.0, dies_s=40.0, markets=("mirakl",))
    survived = simulated.run(survive(ordeal, seed, None, Settings()))  # type: ignore[arg-type]
    assert survived.deaths > 5
    assert survived.wrong == []
    assert survived.exceeded == 0
