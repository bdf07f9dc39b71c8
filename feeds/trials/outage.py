"""A marketplace that nobody reaches for an hour, in simulated time: what the publisher keeps of it meanwhile, whom it
tells first when it is back, and whether the other marketplaces notice anything.

The same world is played with and without the outage: what the others were told must be the same, call for call.
"""

import asyncio
import random
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from redis import Redis

from feeds.clock import Clock
from feeds.harm import harm_of
from feeds.simulator.faults import Fault
from feeds.simulator.simulation import Simulation
from feeds.slots import Harm, Slot
from feeds.trials.seller import Opener, Shop, exceeded, list_sku, place_of, sku_of
from feeds.trials.world import advance, begin, raise_failures, stop
from runtime.settings import Settings
from wire.codec import Codec

_STEP_S = 1.0
_ASIDE_S = 0.371
"""Numbers never change at the instant at which a publisher looks: which comes first would be left to chance."""
_LOOK_STEPS = 60
_PARTS = 4
_PUBLISHER = Path(__file__).resolve().parents[1]
_UNITS = (0, 0, 0, 1, 2, 4, 10, 20, 40, 80, 160)
"""Whatever a number changes to: each as likely."""


@dataclass(frozen=True)
class Outage:
    """`skus`, each listed on all `markets`, of which `moves` change a second. `market` is out from `begins_s`
    on for `lasts_s` (0: never), and must show the right numbers within `most_s`. Simulated seconds. `traced`: also
    account for the publisher's memory (which takes its time)."""

    skus: int = 5_000
    moves: float = 5.0
    market: str = "amazon"
    markets: tuple[str, ...] = ("amazon", "walmart", "shopify", "zalando")
    begins_s: float = 300.0
    lasts_s: float = 3_600.0
    most_s: float = 14_400.0
    seed: int = 1
    traced: bool = True


@dataclass
class Endured:
    """What came of it. `waiting`: the most slots that waited at once; `held`: bytes that the publisher had taken since
    the beginning of the outage and not given back, at the end of each quarter. `back_s`: of each listing that showed
    something else than it should when the marketplace was back, how long it took, by the harm of it. `wrong`: those
    that were not right in the end. `told`: what each marketplace had been told, once a minute until the outage ends:
    its calls, and what it shows."""

    outage: Outage
    waiting: int = 0
    held: list[int] = field(default_factory=list)
    back_s: dict[Harm, list[float]] = field(default_factory=lambda: {harm: [] for harm in Harm})
    wrong: int = 0
    exceeded: int = 0
    told: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def median_s(self, harm: Harm) -> float | None:
        """Until half of the listings of a class were right again; None: there were none."""
        ordered = sorted(self.back_s[harm])
        return ordered[len(ordered) // 2] if ordered else None

    @property
    def in_order(self) -> bool:
        """Whether what oversells was right before what does not."""
        urgent = [self.median_s(harm) for harm in (Harm.ZERO, Harm.SCARCE)]
        others = [self.median_s(harm) for harm in (Harm.BACK, Harm.REST)]
        return max((s for s in urgent if s is not None), default=0.0) <= min(
            (s for s in others if s is not None), default=float("inf")
        )


@dataclass(frozen=True)
class Compared:
    """The outage, and the others without it."""

    endured: Endured
    touched: list[str]
    """Marketplaces that were not out, and were told anything else than without the outage."""


async def endure(outage: Outage, redis: Redis, settings: Settings) -> Endured:
    """Play it once; run it on a simulated loop."""
    clock, simulation = begin(outage.seed)
    opener = Opener(redis, settings, clock, Codec(), seed=outage.seed)
    shops = [opener.open(simulation.channels[name]) for name in outage.markets]
    world = _World(outage, simulation, shops, clock)
    try:
        await world.run()
    finally:
        await world.end()
    return world.endured


def without(outage: Outage) -> Outage:
    """The same world in which everybody answers."""
    return replace(outage, lasts_s=0.0, most_s=outage.lasts_s, traced=False)


def compared(with_it: Endured, without_it: Endured) -> Compared:
    """What the outage of one has done to the others."""
    out = with_it.outage.market
    touched = [name for name, told in with_it.told.items() if name != out and told != without_it.told[name]]
    return Compared(with_it, touched)


@contextmanager
def _traced(wanted: bool) -> Iterator[None]:
    """What is allocated until the block ends is accounted for."""
    if wanted:
        tracemalloc.start()
    try:
        yield
    finally:
        if wanted:
            tracemalloc.stop()


def _bytes_held() -> int:
    """What the publisher's own modules have allocated and not given back; 0 where nothing is accounted for."""
    if not tracemalloc.is_tracing():
        return 0
    folders = (_PUBLISHER, _PUBLISHER / "connectors")
    ours = [tracemalloc.Filter(True, str(file)) for folder in folders for file in folder.glob("*.py")]
    found = tracemalloc.take_snapshot().filter_traces(ours)
    return sum(trace.size for trace in found.traces)


class _World:
    def __init__(self, outage: Outage, simulation: Simulation, shops: list[Shop], clock: Clock) -> None:
        self.endured = Endured(outage, told={shop.market.name: [] for shop in shops})
        self._outage = outage
        self._simulation = simulation
        self._shops = shops
        self._out = next(shop for shop in shops if shop.market.name == outage.market)
        self._clock = clock
        self._dice = random.Random(f"{outage.seed} outage")
        self._version = 1
        self._steps = 0
        self._running: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        outage, endured = self._outage, self.endured
        for number in range(outage.skus):
            units = self._dice.choice(_UNITS)
            for shop in self._shops:
                list_sku(shop, number, units, self._clock.now_ms())
        self._running = [asyncio.create_task(shop.runner.run()) for shop in self._shops]
        await self._clock.sleep(_ASIDE_S)
        await self._pass(outage.begins_s)
        if outage.lasts_s == 0:
            return await self._pass(outage.most_s)
        self._out.market.faults.switch_on(Fault("outage"))
        with _traced(outage.traced):
            for _ in range(_PARTS):
                await self._pass(outage.lasts_s / _PARTS)
                endured.held.append(_bytes_held())
        self._out.market.faults.switch_off("outage")
        await self._recover()
        endured.exceeded = exceeded(self._shops)

    async def end(self) -> None:
        for task in self._running:
            await stop(task)

    async def _pass(self, seconds: float) -> None:
        """Let numbers change for so long."""
        for _ in range(round(seconds / _STEP_S)):
            due = self._outage.moves * _STEP_S
            many = int(due) + (self._dice.random() < due % 1)
            for _ in range(many):
                self._change(self._dice.randrange(self._outage.skus), self._dice.choice(_UNITS))
            await self._step()
            if self._steps % _LOOK_STEPS == 0:
                self._look()

    async def _recover(self) -> None:
        """Until everything shows what it should: nothing changes any more, so that each has one time it took."""
        began, shop = self._clock.now_ms(), self._out
        behind = {
            number: harm_of(slot, slot.wanted, shop.feed.policy.scarce)
            for number in range(self._outage.skus)
            if self._shown(number) != (slot := self._slot(number)).wanted
        }
        while behind and self._clock.now_ms() - began < self._outage.most_s * 1000:
            await self._step()
            for number in [each for each in behind if self._shown(each) == self._slot(each).wanted]:
                took_s = (self._clock.now_ms() - began) / 1000
                self.endured.back_s[behind.pop(number)].append(took_s)
        while self._wrong() and self._clock.now_ms() - began < self._outage.most_s * 1000:
            await self._step()
        self.endured.wrong = self._wrong()

    def _wrong(self) -> int:
        """How many listings, anywhere, do not show what they should."""
        return sum(
            place_of(shop, number).applied != shop.feed.of_sku(sku_of(number))[0].wanted
            for shop in self._shops
            for number in range(self._outage.skus)
        )

    async def _step(self) -> None:
        await self._clock.sleep(_STEP_S)
        advance(self._simulation, self._clock)
        raise_failures(self._running)
        self._steps += 1

    def _look(self) -> None:
        self.endured.waiting = max(self.endured.waiting, self._out.feed.waiting)
        for shop in self._shops:
            shows = sum(
                (number + 1) * (place_of(shop, number).applied + 1) for number in range(self._outage.skus)
            )
            self.endured.told[shop.market.name].append((sum(shop.market.gate.calls.values()), shows))

    def _change(self, number: int, units: int) -> None:
        if units != self._slot(number).wanted:
            self._version += 1
            for shop in self._shops:
                shop.wanted(sku_of(number), units, self._version, self._clock.now_ms())

    def _slot(self, number: int) -> Slot:
        return self._out.feed.of_sku(sku_of(number))[0]

    def _shown(self, number: int) -> int:
        return place_of(self._out, number).applied
