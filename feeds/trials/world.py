"""What all trials do with time and with publishers that run."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from feeds.clock import Clock
from feeds.simulator.clock import Clock as MarketClock
from feeds.simulator.settings import SimulatorSettings
from feeds.simulator.simulation import Simulation

_START_MS = 1_795_000_000_000


def begin(seed: int) -> tuple[Clock, Simulation]:
    """The publishers' clock, and marketplaces whose own stands until `advance` moves it to the same time."""
    settings = SimulatorSettings(seed=seed)
    return Clock(1.0, _START_MS), Simulation(settings, MarketClock(0.0, _START_MS))


def advance(simulation: Simulation, clock: Clock) -> int:
    """Let happen at the marketplaces what is due by now; the time (ms)."""
    now = clock.now_ms()
    simulation.clock.skip(now - simulation.clock.now_ms())
    simulation.advance()
    return now


def raise_failures(running: Iterable[asyncio.Task[None]]) -> None:
    """Raise what a publisher has raised."""
    for task in running:
        if task.done():
            task.result()


async def stop(task: asyncio.Task[None]) -> None:
    """End a publisher, wherever it is."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
