"""Waiting for what a fault or its lifting must bring about."""

import time
from collections.abc import Callable

from loadtest.errors import NotCaughtUp

_LOOK_EVERY_S = 0.02
_WAIT_S = 120.0


def until(holds: Callable[[], bool], what: str, within_s: float = _WAIT_S) -> None:
    """Return when it holds. Raises NotCaughtUp."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise NotCaughtUp(f"waited {within_s:g} s in vain for {what}")
        time.sleep(_LOOK_EVERY_S)
