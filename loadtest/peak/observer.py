"""The customers' side of a load in a process of its own: probes and lookups, by one event loop."""

import asyncio
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

from loadtest.child import SPAWN, Child
from loadtest.peak.lookups import Timed, look_up
from loadtest.peak.probes import Probes
from loadtest.probe_skus import Skus
from runtime.codec import codec_of
from runtime.settings import Settings


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


class Observer(Child):
    """The process."""

    def __init__(self, settings: Settings, watch: Watch) -> None:
        self._stop = SPAWN.Event()
        super().__init__("the observer", _child, settings, watch, self._stop)

    def observed(self) -> Observed:
        """Let no more come, wait for those that wait, and hear of all. Raises ProcessEnded."""
        self._stop.set()
        told = self.hear()
        assert isinstance(told, Observed)
        return told


def _child(settings: Settings, watch: Watch, stop: Event, told: Connection) -> None:
    told.send(asyncio.run(_observe(settings, watch, stop)))


async def _observe(settings: Settings, watch: Watch, stop: Event) -> Observed:
    probes = Probes(settings, codec_of(settings), watch.url, watch.probes)
    seen, answered = await asyncio.gather(
        probes.run(watch.start, watch.probes_per_s, stop.is_set),
        look_up(watch.url, watch.skus, watch.start, watch.lookups_per_s, stop.is_set),
    )
    return Observed(seen, answered)
