"""How far the engine is, as the view itself says it."""

import time
from collections.abc import Callable
from typing import NamedTuple

from redis import Redis

from loadtest.errors import NotCaughtUp
from runtime.settings import Settings
from wire.viewkeys import freshness_key, meta_key

_ROUNDS = 2


class Freshness(NamedTuple):
    """`lag` (records not folded yet, over all lanes), `committed_at` (ms, of the lane that is
    furthest behind), `lanes` that have said something, those of them that have offered all rows."""

    lag: int
    committed_at: int
    lanes: int
    complete: int


def read_freshness(redis: Redis, settings: Settings) -> Freshness:
    """What the lanes last said of themselves."""
    prefix = settings.redis_prefix.encode()
    pipeline = redis.pipeline(transaction=False)
    for lane in range(settings.partitions):
        pipeline.hmget(freshness_key(prefix, lane), ["lag", "committed_at", "offered"])
    pipeline.hget(meta_key(prefix).decode(), "id")
    *lanes, view = pipeline.execute()
    said = [
        (int(lag), int(at), view is not None and offered == view)
        for lag, at, offered in lanes
        if lag is not None and at is not None
    ]
    if not said:
        return Freshness(0, 0, 0, 0)
    lags, times, complete = zip(*said, strict=True)
    return Freshness(sum(lags), min(times), len(said), sum(complete))


def caught_up(redis: Redis, settings: Settings, since: int) -> bool:
    """Whether every lane has committed after `since` (ms), had nothing left then, and has offered all rows."""
    state = read_freshness(redis, settings)
    return state.complete == settings.partitions and state.lag == 0 and state.committed_at > since


def wait_caught_up(
    redis: Redis,
    settings: Settings,
    since: int,
    timeout_s: float,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Return when all lanes have caught up, twice in a row. Raises NotCaughtUp, and what `check` raises."""
    deadline = time.monotonic() + timeout_s
    rounds = 0
    while rounds < _ROUNDS:
        check()
        if caught_up(redis, settings, since):
            since = max(since, read_freshness(redis, settings).committed_at)
            rounds += 1
        elif time.monotonic() > deadline:
            state = read_freshness(redis, settings)
            raise NotCaughtUp(
                f"the engine did not catch up within {timeout_s:g} s: {state.lanes} of {settings.partitions} "
                f"lanes report, {state.complete} have offered all rows, {state.lag} records left, last commit "
                f"{_age(state.committed_at)}; is `python -m dataflows run` running with the same settings?"
            )
        time.sleep(0.1)


def _age(committed_at: int) -> str:
    return f"{time.time() - committed_at / 1000:.1f} s ago" if committed_at else "never"
