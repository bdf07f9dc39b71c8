"""A wall clock that is set back ends the cell, which starts again: Bytewax plans its next look at a source by that
clock, and would look at none until it shows the same time again. Nothing is lost by it, as by any other crash.
"""

import logging
import os
import threading
import time
from collections.abc import Callable

from runtime.exit import ExitCode

_log = logging.getLogger(__name__)

_EVERY_S = 0.2
_TOLERATED_S = 0.5
"""What a stand-still of this length costs is less than a start."""


def watch_clock(
    end: Callable[[int], object] = os._exit, wall: Callable[[], float] = time.time
) -> threading.Thread:
    """Watch the wall clock from a thread of its own; `end` is called with the exit code once it is set back."""
    watching = threading.Thread(target=_watch, args=(end, wall), name="clock", daemon=True)
    watching.start()
    return watching


def _watch(end: Callable[[int], object], wall: Callable[[], float]) -> None:
    ahead = wall() - time.monotonic()
    while True:
        time.sleep(_EVERY_S)
        now = wall() - time.monotonic()
        if now < ahead - _TOLERATED_S:
            _log.error(
                "the clock was set back; the cell starts again", extra={"seconds": round(ahead - now, 3)}
            )
            end(ExitCode.TRY_AGAIN)
            return
        ahead = now
