"""One run while it lasts: what a fault may touch."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from loadtest.chaos.engine import Engine
from loadtest.chaos.house import House
from loadtest.chaos.traffic import CHANNEL, Traffic
from loadtest.chaos.waiting import until
from runtime.settings import Settings

_FRESH_WITHIN_S = 180.0
_MOVES_WITHIN_S = 60.0


@dataclass
class Site:
    """`settings` lead straight to the services, `engine.settings` as the engine goes. `dice`: of the fault, by seed.

    `environment`: variables that engines get beside the settings. `surprises`: what a fault saw that should not be.
    """

    house: House
    settings: Settings
    folder: Path
    traffic: Traffic
    dice: random.Random
    environment: dict[str, str] = field(default_factory=dict)
    engines: list[Engine] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    api: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=5.0))
    """Of the HTTP API, once it runs: it has a base URL then."""

    @property
    def engine(self) -> Engine:
        """The one that must have the view in the end."""
        return self.engines[-1]

    def start_engine(self, settings: Settings) -> Engine:
        """Another engine, which is `engine` from now on."""
        name = f"engine-{len(self.engines) + 1}"
        self.engines.append(Engine(name, settings, self.folder, self.environment))
        return self.engine

    def leave(self) -> None:
        """End every engine for good."""
        for engine in self.engines:
            engine.leave()

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

    def moves(self) -> None:
        """Send probes, and return when every one of them is visible, however stale. Raises NotCaughtUp."""
        before = self.numbers(stale=True)
        self.traffic.probe()

        def visible() -> bool:
            now = self.numbers(stale=True)
            return all(now.get(sku, -1) > units for sku, units in before.items())

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
