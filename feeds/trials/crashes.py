"""A publisher that dies at any step of the send protocol, again and again, while its marketplaces misbehave.

Dying is being cancelled at whatever the process waits for: the limits, the ledger, an answer. What the marketplace has
received by then it has received; what the ledger has on disk is all that the next process knows beside the view.
"""

import asyncio
import random
from dataclasses import dataclass, field

from redis import Redis

from feeds.clock import Clock
from feeds.runner import Reading
from feeds.simulator.faults import Fault
from feeds.simulator.simulation import Simulation
from feeds.trials.seller import ACCOUNTS, Opener, Shop, exceeded, list_sku, place_of, sku_of
from feeds.trials.world import advance, begin, raise_failures, stop
from runtime.settings import Settings
from wire.codec import Codec

_STEP_S, _SETTLING_STEP_S = 0.5, 60.0
_FAULTS = {
    "http_500": 0.05,
    "http_503": 0.05,
    "drop_before_apply": 0.05,
    "drop_after_apply": 0.05,
    "lost_ack": 0.3,
    "partial_items": 0.1,
    "feed_fatal_partial": 0.2,
    "oauth_expired": 0.05,
    "accepted_never_applied": 0.03,
}
"""How likely each is, while faults last."""


@dataclass(frozen=True)
class Ordeal:
    """`skus` on every marketplace; `changes` of the view a second for `seconds`, and a death every `dies_s` on
    average. Then everything is well, and every listing must show what is wanted within `settles_s`, which is long:
    the simulated Amazon has no bound for how long it takes to show what it has accepted. Simulated seconds. `markets`:
    none that shows a state and no number by which it could be judged."""

    skus: int = 40
    changes: float = 2.0
    seconds: float = 300.0
    dies_s: float = 8.0
    settles_s: float = 259_200.0
    faults: bool = True
    markets: tuple[str, ...] = tuple(ACCOUNTS)


@dataclass
class Survived:
    """What came of it. `wrong`: listings that show something else in the end, a line each; `exceeded`: calls beyond a
    published plan. `at`: how often it died while it waited for what."""

    seed: int
    deaths: int = 0
    calls: int = 0
    exceeded: int = 0
    settled_s: float = 0.0
    wrong: list[str] = field(default_factory=list)
    at: dict[str, int] = field(default_factory=dict)


async def survive(ordeal: Ordeal, seed: int, redis: Redis, settings: Settings) -> Survived:
    """One ordeal; run it on a simulated loop."""
    clock, simulation = begin(seed)
    reading = Reading(confirm_s=30.0, grace_s=3_600.0, sample_s=60.0)
    opener = Opener(redis, settings, clock, Codec(), reading=reading, seed=seed)
    ordeals = _Ordeal(ordeal, seed, simulation, opener, clock)
    try:
        await ordeals.run()
    finally:
        await ordeals.end()
    return ordeals.survived


class _Ordeal:
    def __init__(
        self, ordeal: Ordeal, seed: int, simulation: Simulation, opener: Opener, clock: Clock
    ) -> None:
        self.survived = Survived(seed)
        self._ordeal = ordeal
        self._simulation = simulation
        self._opener = opener
        self._clock = clock
        self._dice = random.Random(f"{seed} ordeal")
        self._shops = [opener.open(simulation.channels[name]) for name in ordeal.markets]
        self._wanted: dict[int, int] = {}
        self._version = 1
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        ordeal, dice = self._ordeal, self._dice
        for number in range(ordeal.skus):
            self._wanted[number] = dice.randrange(0, 50)
            for shop in self._shops:
                list_sku(shop, number, self._wanted[number], self._clock.now_ms())
        for shop in self._shops:
            self._start(shop)
            if ordeal.faults:
                _misbehave(shop, dice)
        for _ in range(int(ordeal.seconds / _STEP_S)):
            await self._step()
            if dice.random() < ordeal.changes * _STEP_S:
                self._change(dice.randrange(ordeal.skus), dice.choice((0, 0, 1, 2, 10, 40)))
            if dice.random() < _STEP_S / ordeal.dies_s:
                await self._clock.sleep(dice.random() * _STEP_S)
                await self._die(dice.randrange(len(self._shops)))
        for shop in self._shops:
            for fault in list(shop.market.faults.on()):
                shop.market.faults.switch_off(fault.name)
        began = self._clock.now_ms()
        while self._differences() and self._clock.now_ms() - began < ordeal.settles_s * 1000:
            await self._step(_SETTLING_STEP_S)
        self.survived.settled_s = (self._clock.now_ms() - began) / 1000
        self.survived.wrong = self._differences()
        self.survived.calls = sum(sum(shop.market.gate.calls.values()) for shop in self._shops)
        self.survived.exceeded = exceeded(self._shops)

    async def end(self) -> None:
        for task in self._running.values():
            await stop(task)

    async def _step(self, seconds: float = _STEP_S) -> None:
        await self._clock.sleep(seconds)
        advance(self._simulation, self._clock)
        raise_failures(self._running.values())

    def _change(self, number: int, units: int) -> None:
        if units != self._wanted[number]:
            self._wanted[number] = units
            self._version += 1
            for shop in self._shops:
                shop.wanted(sku_of(number), units, self._version, self._clock.now_ms())

    def _start(self, shop: Shop) -> None:
        self._running[shop.market.name] = asyncio.create_task(shop.runner.run())

    async def _die(self, at: int) -> None:
        died = self._shops[at]
        await stop(self._running[died.market.name])
        self.survived.deaths += 1
        for write in {write.stage.value for slot in died.feed.slots.values() for write in slot.writes}:
            self.survived.at[write] = self.survived.at.get(write, 0) + 1
        await self._clock.sleep(self._dice.random() * 3)
        self._shops[at] = self._opener.open_again(died, self._clock.now_ms())
        self._start(self._shops[at])

    def _differences(self) -> list[str]:
        """Listings that show something else than is wanted, or of which the ledger says something else."""
        found = []
        for shop in self._shops:
            for number, units in self._wanted.items():
                place = place_of(shop, number)
                slot = shop.feed.of_sku(sku_of(number))[0]
                if (
                    place.applied != units
                    or slot.applied is None
                    or slot.applied.quantity != units
                    or slot.writes
                ):
                    told = None if slot.applied is None else slot.applied.quantity
                    found.append(
                        f"{shop.market.name} {place.listing}: shows {place.applied}, wanted {units}, the ledger says "
                        f"{told}, {len(slot.writes)} writes open, waits {slot.queued > 0}"
                    )
        return found


def _misbehave(shop: Shop, dice: random.Random) -> None:
    for name, probability in _FAULTS.items():
        if name == "accepted_never_applied" and not shop.reads:
            continue  # nobody could ever notice
        if dice.random() < 0.7:
            shop.market.faults.switch_on(Fault(name, probability, share=0.3))
