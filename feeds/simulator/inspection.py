"""What is asked of the simulator itself, past the marketplaces' own interfaces: documents in, documents out.

`ask(method, path, query, body)`: the path after `/_simulator`. Raises Unknown (404) and ValueError (400), whose texts
say what to write.
"""

from typing import Any

from feeds.simulator.questions import QUESTIONS, Query, summary
from feeds.simulator.simulation import Simulation


class Unknown(Exception):
    """There is nothing at this path."""


class Inspection:
    """Of one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def ask(self, method: str, path: str, query: Query, body: Any) -> Any:
        """The answer to one question or command, all channels brought up to now before."""
        now_ms = self._simulation.advance()
        name, _, what = path.strip("/").partition("/")
        own = {("GET", ""): self._overview, ("GET", "truth"): self._truth, ("POST", "truth"): self._tell}
        own[("POST", "clock")] = self._clock
        if (method, name) in own and not what:
            return own[method, name](body, now_ms)
        channel = self._simulation.channels.get(name)
        answer = QUESTIONS.get((method, what))
        if channel is None or answer is None:
            there = [f"{verb} /{{channel}}/{each}" for verb, each in QUESTIONS]
            own_there = [f"{verb} /{each}" for verb, each in own]
            channels = ", ".join(self._simulation.channels)
            raise Unknown(
                f"no {method} {path}; there are {', '.join(own_there + there)}; channels: {channels}"
            )
        try:
            return answer(channel, query, body, now_ms)
        except KeyError as error:
            raise ValueError(f"{error.args[0]!s} is missing or unknown") from None
        except TypeError as error:
            raise ValueError(str(error)) from None

    def _overview(self, _: Any, now_ms: int) -> Any:
        channels = {name: summary(each, now_ms) for name, each in self._simulation.channels.items()}
        return {"now_ms": now_ms, "speed": self._simulation.clock.speed, "channels": channels}

    def _clock(self, body: Any, _: int) -> Any:
        clock = self._simulation.clock
        if "speed" in body:
            clock.change(body["speed"])
        clock.skip(body.get("skip_ms", 0))
        return {"now_ms": self._simulation.advance(), "speed": clock.speed}

    def _truth(self, _: Any, __: int) -> Any:
        truth = self._simulation.truth
        return {
            "stock": truth.stock,
            "oversold": {sku: units for sku, units in truth.oversold.items() if units},
            "times_to_zero": [each._asdict() for each in truth.times_to_zero],
            "already_zero": truth.already_zero,
            "still_open": [place.name for place in truth.open_places()],
        }

    def _tell(self, body: Any, now_ms: int) -> Any:
        """`set`: units by sku; `sold`: so many were sold elsewhere."""
        truth = self._simulation.truth
        for sku, units in body.get("set", {}).items():
            truth.set(sku, units, now_ms)
        beyond = {sku: truth.take(sku, units, now_ms) for sku, units in body.get("sold", {}).items()}
        return {"beyond": beyond}
