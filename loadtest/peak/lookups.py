"""Lookups as customers make them: each comes when it is due, however long those before it wait (open loop)."""

import asyncio
import itertools
import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import quote

from loadtest.peak.http import Connections, get

CHANNEL = "web"
_CONNECTIONS = 256


class Timed(NamedTuple):
    """One thing that was waited for: when it was due (seconds after the start), and how long it took from *then* on;
    None: there was no answer, or it was lost."""

    due: float
    took: float | None


class Ends:
    """When a plan ends: at the moment at which its stop was noticed. All that was due before is still done, however
    late that is."""

    def __init__(self) -> None:
        self._at: float | None = None

    def __call__(self, stopped: Callable[[], bool], start: float) -> float:
        """Seconds after `start`; infinite while nobody has stopped it."""
        if self._at is None and stopped():
            self._at = time.time() - start
        return math.inf if self._at is None else self._at


async def look_up(
    url: str, skus: Sequence[str], start: float, per_s: float, stopped: Callable[[], bool]
) -> list[Timed]:
    """Ask the API at `url` for the number of one sku after the other, `per_s` a second from `start` (epoch seconds) on,
    until `stopped`; then wait for the answers to what was due by then. Only a number is an answer."""
    requests = itertools.cycle(
        [get(f"/v1/availability/{quote(sku, safe='')}?channel={CHANNEL}") for sku in skus]
    )
    connections = Connections(url, _CONNECTIONS)
    done, waiting = list[Timed](), set[asyncio.Task[None]]()

    async def one(request: bytes, due: float) -> None:
        answer = await connections.ask(request)
        good = answer is not None and answer[0] == 200
        done.append(Timed(due, time.time() - start - due if good else None))

    ends = Ends()
    for number in itertools.count():
        due = number / per_s
        if (left := start + due - time.time()) > 0:
            await asyncio.sleep(left)
        elif number % 100 == 0:
            await asyncio.sleep(0)  # what is overdue is asked at once, but the answers must be heard
        if due >= ends(stopped, start):
            break
        task = asyncio.create_task(one(next(requests), due))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    await asyncio.gather(*waiting)
    await connections.close()
    return done
