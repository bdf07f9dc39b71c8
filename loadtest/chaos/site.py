"""One run while it lasts: what a fault may touch."""

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from loadtest.chaos.engine import Engine
from loadtest.chaos.house import House
from loadtest.chaos.network import Host
from loadtest.chaos.traffic import CHANNEL, Traffic
from loadtest.chaos.waiting import until
from runtime.exit import ExitCode
from runtime.settings import Settings
from runtime.state_files import StateFiles

_FRESH_WITHIN_S = 180.0
_MOVES_WITHIN_S = 60.0
_CHECKPOINT_EVERY_MS = 1_000


@dataclass
class Site:
    """`settings` lead straight to the services, `engine.settings` as the engine goes. `dice`: of the fault, by seed.

    `environment`: variables that engines get beside the settings. `engines`: all that were ever started; `serving`:
    those that must have the view in the end, by cell where each is on a host of its own. `surprises`: what a fault saw
    that should not be.
    """

    house: House
    settings: Settings
    folder: Path
    traffic: Traffic
    dice: random.Random
    environment: dict[str, str] = field(default_factory=dict)
    engines: list[Engine] = field(default_factory=list)
    serving: dict[int, Engine] = field(default_factory=dict)
    hosts: list[Host] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    api: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=5.0))
    """Of the HTTP API, once it runs: it has a base URL then."""

    @property
    def engine(self) -> Engine:
        """The one that was started last; it must have the view in the end."""
        return self.engines[-1]

    def start_engine(self, settings: Settings) -> Engine:
        """Another engine, which has the view from now on."""
        self.engines.append(Engine(self._next_name(), settings, self.folder, self.environment))
        self.serving = {0: self.engine}
        return self.engine

    def start_apart(self, cells: int) -> None:
        """Every cell on a host of its own, with checkpoints where all hosts find them."""
        for cell in range(cells):
            self.start_cell(cell)

    def start_cell(self, cell: int) -> Engine:
        """A cell on a new host, with an empty disk; it has the lanes of the cell from now on."""
        assert self.house.router is not None
        name = self._next_name()
        self.hosts.append(self.house.router.host(name))
        own = self.settings.replace(
            state_dir=self.folder / name / "state",
            checkpoint_dir=self.folder / "checkpoints",
            checkpoint_every_ms=_CHECKPOINT_EVERY_MS,
        )
        started = Engine(name, own, self.folder, self.environment, host=self.hosts[-1], only=cell)
        self.engines.append(started)
        self.serving[cell] = started
        return started

    def _next_name(self) -> str:
        return f"engine-{len(self.engines) + 1}"

    def check(self) -> None:
        """Raise ProcessEnded if one that must have the view has ended by itself."""
        for engine in self.serving.values():
            engine.check()

    def stop(self) -> None:
        """SIGTERM to all that have the view; each must drain."""
        for engine in self.serving.values():
            self.expect(f"how {engine.name} ends", engine.stop(), int(ExitCode.DRAINED))

    def lanes(self) -> list[StateFiles]:
        """The files of every lane, where the engine that has it keeps them."""
        number = self.settings.partitions
        folders = [self.serving[lane % len(self.serving)].settings.state_dir for lane in range(number)]
        return [StateFiles(folder, lane, number) for lane, folder in enumerate(folders)]

    def leave(self) -> None:
        """End every engine for good."""
        for engine in self.engines:
            engine.leave()

    def remove_hosts(self) -> None:
        """Those of the cells; the engines have left."""
        while self.hosts:
            self.hosts.pop().remove()

    def rest(self, least_s: float, most_s: float) -> None:
        """Let so much time pass, by the seed."""
        time.sleep(self.dice.uniform(least_s, most_s))

    def last(self, span_s: tuple[float, float], lift: Callable[[], object]) -> None:
        """Let a fault last so long, by the seed, and lift it."""
        try:
            self.rest(*span_s)
        finally:
            lift()

    def expect(self, what: str, found: object, wanted: object) -> None:
        """Note a surprise."""
        if found != wanted:
            self.surprises.append(f"{what}: {found}, not {wanted}")

    def numbers(self, *, stale: bool = False) -> dict[str, int]:
        """What the API says of the probe skus; those that it does not tell, or that are stale, are left out."""
        asked = {"channel": CHANNEL, "skus": self.traffic.probes}
        try:
            answer = self.api.post("/v1/availability/batch", json=asked)
        except httpx.TransportError:
            return {}
        items = answer.json()["items"] if answer.status_code == 200 else []
        return {item["sku"]: item["available"] for item in items if stale or not item["stale"]}

    def moves(self, lanes: Iterable[int] | None = None) -> None:
        """Send probes, and return when every one of these lanes (of all) is visible, however stale. Raises
        NotCaughtUp."""
        before = self.numbers(stale=True)
        self.traffic.probe()
        probes = self.traffic.probes
        watched = probes if lanes is None else [probes[lane] for lane in lanes]

        def visible() -> bool:
            now = self.numbers(stale=True)
            return all(now.get(sku, -1) > before.get(sku, -1) for sku in watched)

        until(visible, "the probes to be visible while the fault lasts", _MOVES_WITHIN_S)

    def fresh_again(self, before: dict[str, int]) -> None:
        """Send probes, and return when every one of them is visible, in answers that are not stale. Raises NotCaughtUp.

        `before`: the numbers before the first probe.
        """
        earlier = self.traffic.probe()

        def visible() -> bool:
            now = self.numbers()
            return all(now.get(sku, -1) > before[sku] + earlier for sku in self.traffic.probes)

        until(visible, "the probes to be visible", _FRESH_WITHIN_S)
