"""A flash sale on four marketplaces, in simulated time: the same buyers and the same stock for each scheme of turns.

A retailer sells the same units on a web shop and on every marketplace. Stock moves all the time; some minutes into it
a store reports a large batch of counts, and right after that a sale begins on a few hundred skus, which are gone
within minutes. How many units are sold that nobody has depends on who is told first.
"""

import asyncio
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from redis import Redis

from feeds.clock import Clock
from feeds.simulator.simulation import Simulation
from feeds.trials.seller import Opener, Shop, exceeded, list_sku, place_of, sku_of
from feeds.trials.world import advance, begin, raise_failures, stop
from feeds.turns import FirstCome, Strict, Turns, Weighted
from runtime.settings import Settings
from wire.codec import Codec

SCHEMES: dict[str, Callable[[], Turns]] = {"ours": Weighted, "fcfs": FirstCome, "strict": Strict}
_STEP_S = 0.1
_HEARD_S = 5.0


@dataclass(frozen=True)
class Sale:
    """`skus`, each listed on every marketplace. `moves`: changes of stock a second, of skus drawn evenly, half of them
    up. `batch` skus are counted anew at `batch_s`. The sale of `hot` skus begins at `sale_s`: each has `stock` units,
    and so many buyers a second (`web` of them in the web shop, `each` on every marketplace). Times are simulated
    seconds."""

    skus: int = 25_000
    moves: float = 20.0
    batch: int = 10_000
    batch_s: float = 120.0
    hot: int = 300
    sale_s: float = 180.0
    stock: int = 120
    web: float = 0.3
    each: float = 0.05
    seconds: float = 2_400.0
    seed: int = 1
    markets: tuple[str, ...] = ("amazon", "walmart", "shopify", "zalando")


@dataclass
class Outcome:
    """`to_zero_ms`: of each (sku, marketplace) that showed units when its stock had ended, until it showed 0 or the
    end. `oldest_ms`: the longest that any change had waited at any time, by marketplace. `exceeded`: calls beyond a
    published plan."""

    scheme: str
    sold: int = 0
    oversold: int = 0
    to_zero_ms: list[int] = field(default_factory=list)
    exceeded: int = 0
    oldest_ms: dict[str, int] = field(default_factory=dict)
    oversold_by: dict[str, int] = field(default_factory=dict)


async def sell(sale: Sale, scheme: str, redis: Redis, settings: Settings) -> Outcome:
    """One flash sale; run it on a simulated loop."""
    clock, simulation = begin(sale.seed)
    opener = Opener(redis, settings, clock, Codec(), turns=SCHEMES[scheme], seed=sale.seed)
    shops = [opener.open(simulation.channels[name]) for name in sale.markets]
    world = _World(sale, simulation, shops, clock)
    world.list_all()
    running = [asyncio.create_task(shop.runner.run()) for shop in shops]
    try:
        await world.run(running)
    finally:
        for task in running:
            await stop(task)
    return world.outcome(scheme)


class _World:
    """Stock, web shop and engine. What a marketplace sells is heard of some seconds later."""

    def __init__(self, sale: Sale, simulation: Simulation, shops: Sequence[Shop], clock: Clock) -> None:
        self._sale = sale
        self._simulation = simulation
        self._truth = simulation.truth
        self._shops = shops
        self._clock = clock
        self._dice = random.Random(f"{sale.seed} world")
        self._known: dict[str, int] = {}
        self._version = 1
        self._heard = [0] * len(shops)
        self._oldest = {shop.market.name: 0 for shop in shops}

    def list_all(self) -> None:
        sale, now = self._sale, self._clock.now_ms()
        for number in range(sale.skus):
            sku = sku_of(number)
            units = sale.stock if number < sale.hot else self._dice.randrange(20, 200)
            self._known[sku] = units
            self._truth.set(sku, units, now)
            for shop in self._shops:
                list_sku(shop, number, units, now)

    async def run(self, running: Sequence[asyncio.Task[None]]) -> None:
        sale, began = self._sale, self._clock.now_ms()
        batch, sold = self._batch(), False
        while (passed := (self._clock.now_ms() - began) / 1000) < sale.seconds:
            now = advance(self._simulation, self._clock)
            for _ in range(_poisson(self._dice, sale.moves * _STEP_S)):
                self._move(sku_of(self._dice.randrange(sale.hot, sale.skus)), now)
            if passed >= sale.batch_s:
                for _, sku in zip(range(int(sale.batch / 10)), batch, strict=False):
                    self._count(sku, now)
            if passed >= sale.sale_s:
                if not sold:
                    sold = True
                    self._open_sale(now)
                for _ in range(_poisson(self._dice, sale.hot * sale.web * _STEP_S)):
                    self._buy(sku_of(self._dice.randrange(sale.hot)), now)
            self._hear(now)
            for shop in self._shops:
                name = shop.market.name
                self._oldest[name] = max(self._oldest[name], shop.feed.oldest_ms(now))
            raise_failures(running)
            await self._clock.sleep(_STEP_S)
        advance(self._simulation, self._clock)

    def outcome(self, scheme: str) -> Outcome:
        now = self._clock.now_ms()
        truth, found = self._truth, Outcome(scheme)
        found.sold = sum(shop.market.buyers.sold for shop in self._shops)
        found.oversold = sum(truth.oversold.values())
        found.oversold_by = {shop.market.name: shop.market.buyers.oversold for shop in self._shops}
        found.to_zero_ms = sorted(
            [each.took_ms for each in truth.times_to_zero if each.took_ms is not None and not each.again]
            + [now - (place.empty_since or now) for place in truth.open_places()]
        )
        found.exceeded = exceeded(self._shops)
        found.oldest_ms = self._oldest
        return found

    def _open_sale(self, now: int) -> None:
        for shop in self._shops:
            for number in range(self._sale.hot):
                shop.market.buyers.come(place_of(shop, number), self._sale.each, now)

    def _batch(self) -> Iterator[str]:
        """Who is counted anew: each once."""
        numbers = self._dice.sample(range(self._sale.hot, self._sale.skus), self._sale.batch)
        return map(sku_of, numbers)

    def _count(self, sku: str, now: int) -> None:
        units = max(1, self._known[sku] + self._dice.randrange(-9, 10))
        self._truth.set(sku, units, now)
        self._publish(sku, units, now)

    def _move(self, sku: str, now: int) -> None:
        if self._known[sku] == 0 or self._dice.random() < 0.5:
            units = self._truth.stock[sku] + self._dice.randrange(1, 5)
            self._truth.set(sku, units, now)
            self._publish(sku, units, now)
        else:
            self._buy(sku, now)

    def _buy(self, sku: str, now: int) -> None:
        """Somebody buys in the web shop, where only what is there is sold."""
        if self._known[sku] > 0 and self._truth.stock[sku] > 0:
            self._truth.take(sku, 1, now)
            self._publish(sku, self._known[sku] - 1, now)

    def _hear(self, now: int) -> None:
        """Orders of the marketplaces that are old enough to have arrived."""
        for at, shop in enumerate(self._shops):
            orders = shop.market.buyers.orders
            while self._heard[at] < len(orders) and orders[self._heard[at]].at_ms <= now - _HEARD_S * 1000:
                order = orders[self._heard[at]]
                self._heard[at] += 1
                self._publish(order.sku, max(0, self._known[order.sku] - order.units), now)

    def _publish(self, sku: str, units: int, now: int) -> None:
        if units == self._known[sku]:
            return
        self._known[sku] = units
        self._version += 1
        for shop in self._shops:
            shop.wanted(sku, units, self._version, now)


def _poisson(dice: random.Random, mean: float) -> int:
    """How many events of a Poisson process came (Knuth's way: the means are small)."""
    if mean > 30:
        return max(0, round(dice.gauss(mean, math.sqrt(mean))))
    least, product, count = math.exp(-mean), dice.random(), 0
    while product > least:
        product *= dice.random()
        count += 1
    return count
