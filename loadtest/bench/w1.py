"""W1 drained with everything on, by one cell and by two, in turns with a consumer that does nothing."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import mkdtemp

from deploy.ports import free_port
from loadtest.bench.consume import consume_only
from loadtest.bench.drain import Drain, to_drain, watch
from loadtest.processes import Start, apply_rules, engine, warm_up
from loadtest.sender import preload, send_catalog
from loadtest.w1 import workload as w1
from loadtest.w1.check import mismatches
from loadtest.w1.draw import Size
from loadtest.w1.write import TOPIC_OF
from loadtest.world import World, fresh_outputs, world
from runtime import redis as redis_link
from runtime.settings import Settings
from wire.codec import Codec

_TIMEOUT_S = 300.0


@dataclass
class W1Bench:
    """All runs. `consume_only`: records a second of the consumer that does nothing, once a round."""

    records: int
    preload_s: float = 0.0
    drains: list[Drain] = field(default_factory=list)
    mismatches: list[int] = field(default_factory=list)
    consume_only: list[float] = field(default_factory=list)

    def of(self, cells: int) -> Drain:
        """The median run of the engine with so many cells."""
        runs = sorted((drain for drain in self.drains if drain.cells == cells), key=lambda drain: drain.per_s)
        return runs[(len(runs) - 1) // 2]

    @property
    def best(self) -> Drain:
        """The median run of the best number of cells."""
        return max(
            (self.of(cells) for cells in {drain.cells for drain in self.drains}), key=lambda d: d.per_s
        )

    @property
    def consumed_per_s(self) -> float:
        """The median of the consumer that does nothing."""
        return median(self.consume_only)


def measure(
    given: Settings, codec: Codec, events: int, cells: Sequence[int], runs: int, say: Callable[[str], None]
) -> W1Bench:
    """Preload W1 once, drain it `runs` times with each number of cells, every time from nothing."""
    with loaded(given, codec, events) as (place, workload, preload_s):
        settings = place.settings
        bench = W1Bench(workload.records, preload_s)
        say(f"W1: {workload.records:,} records preloaded in {preload_s:.1f} s")
        for number in range(runs):
            bench.consume_only.append(consume_only(settings, TOPIC_OF))
            say(f"run {number + 1}: consuming alone {bench.consume_only[-1]:,.0f} records/s")
            for many in cells:
                drain, wrong = drain_once(settings, place.folder, many, workload)
                bench.drains.append(drain)
                bench.mismatches.append(wrong)
                say(
                    f"run {number + 1}: {many} cell(s) {drain.per_s:,.0f} records/s, {drain.seconds:.1f} s, "
                    f"first fact after {drain.start_s:.1f} s, {wrong} mismatches"
                )
    return bench


@contextmanager
def loaded(given: Settings, codec: Codec, events: int) -> Iterator[tuple[World, w1.Workload, float]]:
    """A place with W1 in its topics, and how many seconds it took to get there."""
    size = Size(events=events)
    with world(given) as place:
        apply_rules(w1.rules(size), place.settings, place.folder)
        warm_up(place.settings, place.folder)
        send_catalog(place.settings, codec, w1.catalog(size))
        workload = w1.drain(size, int(time.time() * 1000), w1.headers(codec))
        yield place, workload, preload(place.settings, [workload.opening, workload.run])


def drain_once(
    settings: Settings, folder: Path, cells: int, workload: w1.Workload, start: Start = engine
) -> tuple[Drain, int]:
    """One drain from nothing: no state, empty outputs, an empty view. How it went, and how many numbers are wrong."""
    settings = settings.replace(state_dir=Path(mkdtemp(dir=folder)), metrics_port=free_port(), cells=cells)
    fresh_outputs(settings)
    redis = redis_link.connect(settings)
    try:
        with to_drain(settings, cells, folder, start) as running:
            drain = watch(running, redis, settings, cells, workload.records, _TIMEOUT_S)
        return drain, mismatches(redis, settings, workload)
    finally:
        redis.close()
