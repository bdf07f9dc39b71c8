"""Time that is simulated: an event loop on which nothing ever sleeps. When all tasks wait, its time jumps to the next
instant that one of them waits for. What runs on it is the real thing; only the time is not.
"""

import asyncio
import math
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class NothingToWaitFor(Exception):
    """Every task waits for another: time would stand still for ever."""


class _Jump(selectors.SelectSelector):
    """Waits for no file: the loop's time passes instead."""

    loop: "SimulatedLoop"

    def select(self, timeout: float | None = None) -> list[Any]:
        """What is ready now; else let so many seconds pass."""
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise NothingToWaitFor("every task waits for another")
            # Whole microseconds: what one task sees does not depend on how many jumps others have made.
            self.loop.passed_s = math.ceil((self.loop.passed_s + timeout) * 1e6 - 1e-3) / 1e6
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop with a time of its own, `passed_s` seconds since it began."""

    def __init__(self) -> None:
        selector = _Jump()
        selector.loop = self
        self.passed_s = 0.0
        super().__init__(selector)

    def time(self) -> float:
        return self.passed_s


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, in simulated time."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(main)
