"""The customers' side of a load in a process of its own: probes and lookups, by one event loop."""

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

from loadtest.errors import ProcessEnded
from loadtest.peak_lookups import Timed, look_up
from loadtest.peak_probes import Probes
from loadtest.probe_skus import Skus
from runtime.codec import codec_of
from runtime.settings import Settings

_LEAVE_S = 10.0


@dataclass(frozen=True)
class Watch:
    """What to do, from `start` (epoch seconds) on; rates are a second."""

    url: str
    start: float
    probes: Skus
    probes_per_s: float
    skus: list[str]
    lookups_per_s: float


@dataclass(frozen=True)
class Observed:
    """How long each probe and each lookup took from when it was due."""

    probes: list[Timed]
    lookups: list[Timed]


class Observer:
    """The process."""

    def __init__(self, settings: Settings, watch: Watch) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._stop = context.Event()
        self._process = context.Process(
            target=_child, args=(settings, watch, self._stop, theirs), daemon=True
        )
        self._process.start()
        theirs.close()

    def observed(self) -> Observed:
        """Let no more come, wait for those that wait, and hear of all. Raises ProcessEnded."""
        self._stop.set()
        try:
            told = self._ours.recv()
        except EOFError:
            raise ProcessEnded("the observer's process ended by itself; its error stands above") from None
        assert isinstance(told, Observed)
        return told

    def leave(self) -> None:
        """End the process."""
        self._process.join(0.1 if self._process.is_alive() else None)
        self._process.kill()
        self._process.join(_LEAVE_S)


@contextmanager
def observing(settings: Settings, watch: Watch) -> Iterator[Observer]:
    """An observer, until the block ends."""
    observer = Observer(settings, watch)
    try:
        yield observer
    finally:
        observer.leave()


def _child(settings: Settings, watch: Watch, stop: Event, told: Connection) -> None:
    told.send(asyncio.run(_observe(settings, watch, stop)))


async def _observe(settings: Settings, watch: Watch, stop: Event) -> Observed:
    probes = Probes(settings, codec_of(settings), watch.url, watch.probes)
    seen, answered = await asyncio.gather(
        probes.run(watch.start, watch.probes_per_s, stop.is_set),
        look_up(watch.url, watch.skus, watch.start, watch.lookups_per_s, stop.is_set),
    )
    return Observed(seen, answered)
