"""The real tills drained: every line of the year (or fewer) as transactions, the stock counted before."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from redis import Redis

from deploy.ports import free_port
from loadtest.bench.drain import Drain, to_drain, watch
from loadtest.pause import no_collection
from loadtest.processes import apply_rules, engine, warm_up
from loadtest.retail import baskets, stock, tills
from loadtest.retail.chance import OPENED_AT
from loadtest.retail.drafts import Draft, Encoder, Outgoing
from loadtest.retail.simulation import Simulation, simulate
from loadtest.retail.tills import Longs
from loadtest.sender import Sender, send_now
from loadtest.verify.freshness import wait_caught_up
from loadtest.verify.rows import Places, chunks, read_rows
from loadtest.world import world
from runtime import redis as redis_link
from runtime.settings import Settings
from wire.codec import Codec
from wire.rows_read import read_nodes

_SPAN_MS = 60_000
_SEED = 1
_TIMEOUT_S = 300.0


@dataclass
class TillsBench:
    """`drains` count till lines. `opening` records were drained before; `mismatches`: wrong positions."""

    lines: int
    drains: list[Drain] = field(default_factory=list)
    transactions: int = 0
    opening: int = 0
    mismatches: int = 0

    @property
    def median(self) -> Drain:
        """The median run."""
        runs = sorted(self.drains, key=lambda drain: drain.per_s)
        return runs[(len(runs) - 1) // 2]


class _Stock(NamedTuple):
    """What every position of the stores must have at the end (n): store, product, units."""

    store: Longs
    product: Longs
    units: Longs


def measure(
    given: Settings, codec: Codec, lines: int, cells: int, runs: int, say: Callable[[str], None]
) -> TillsBench:
    """Drain catalog and opening counts; then, `runs` times, stop the engine, preload a part of the tills, and
    drain it with an engine that resumes from its state."""
    simulation = simulate(tills.load(lines), _SEED, _SPAN_MS)
    bench = TillsBench(simulation.retailer.tills.lines)
    with world(given) as place:
        settings = place.settings.replace(metrics_port=free_port(), cells=cells)
        apply_rules(simulation.rules, settings, place.folder)
        warm_up(settings, place.folder)
        encoder = Encoder(codec, settings.partitions, int(time.time() * 1000) - _SPAN_MS)
        redis = redis_link.connect(settings)
        with no_collection():
            bench.opening = _preload(settings, map(encoder.encode, _prologue(simulation)))
            sold = list(baskets.plain_sales(simulation.retailer, _SPAN_MS))
        say(f"tills: {bench.opening:,} catalog records and opening counts preloaded")
        with engine(settings, cells, place.folder) as running:
            wait_caught_up(redis, settings, int(time.time() * 1000), _TIMEOUT_S, running.check)
        for number, part in enumerate(chunks(sold, -(-len(sold) // runs)), 1):
            with no_collection():
                bench.transactions += _preload(settings, map(encoder.encode, part))
            many = sum(len(draft.fields["lines"]) for draft in part)
            with to_drain(settings, cells, place.folder) as running:
                bench.drains.append(watch(running, redis, settings, cells, many, _TIMEOUT_S))
            drain = bench.drains[-1]
            say(f"tills, run {number}: {many:,} lines, {drain.per_s:,.0f} lines/s with {cells} cell(s)")
        bench.mismatches = _mismatches(redis, settings, simulation)
        redis.close()
    return bench


def _prologue(simulation: Simulation) -> Iterator[Draft]:
    """The whole catalog, late launches included, and the opening counts."""
    yield from simulation.prologue()
    for product in sorted(simulation.retailer.launches):
        item = simulation.retailer.catalog_item(product)
        yield Draft(OPENED_AT, "catalog", "catalog", str(item["sku"]), "CatalogItem", item)


def _preload(settings: Settings, messages: Iterable[Outgoing]) -> int:
    sender = Sender(settings, linger_ms=20)
    send_now(sender, messages)
    return sender.sent


def _expected(simulation: Simulation) -> _Stock:
    window = simulation.retailer.tills
    store, product, units = stock.opening_units(window, simulation.seed)
    many = len(window.products)
    key, inverse = np.unique(window.store_of_lines() * many + window.product, return_inverse=True)
    sold = np.bincount(inverse, weights=window.quantity).astype(np.int64)
    assert (key == store * many + product).all()
    return _Stock(store, product, units - sold)


def _mismatches(redis: Redis, settings: Settings, simulation: Simulation) -> int:
    """Positions whose `on_hand` in the view is not what was counted less what was sold."""
    window = simulation.retailer.tills
    stock = _expected(simulation)
    wanted: dict[str, dict[str, int]] = {}
    for store, product, units in zip(*(column.tolist() for column in stock), strict=True):
        wanted.setdefault(window.products[product].sku, {})[window.stores[store]] = units
    places = Places(redis, settings)
    wrong = 0
    for sku, row in read_rows(redis, settings, list(wanted)):
        there = {places.locations[node.ordinal]: node.on_hand for node in read_nodes(row)} if row else {}
        wrong += sum(there.get(place, 0) != units for place, units in wanted[sku].items())
    return wrong
