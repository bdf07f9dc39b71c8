"""A small flash sale by each scheme: what is compared is what was meant to be."""

from redis import Redis

from feeds.trials import simulated
from feeds.trials.flash import Outcome, Sale, sell
from runtime.settings import Settings

_SMALL = Sale(
    skus=700, moves=0.0, batch=600, batch_s=10.0, hot=10, sale_s=20.0, stock=8, web=0.5, each=0.2, seconds=150.0,
    markets=("walmart",),
)  # fmt: skip


def _sold(scheme: str, redis: Redis, settings: Settings) -> Outcome:
    return simulated.run(sell(_SMALL, scheme, redis, settings))


def test_who_is_urgent_is_told_first(limits_settings: Settings, limits_redis: Redis) -> None:
    ours, first_come = (_sold(scheme, limits_redis, limits_settings) for scheme in ("ours", "fcfs"))
    assert ours.exceeded == first_come.exceeded == 0
    assert first_come.oversold > 5 * max(1, ours.oversold)
    assert max(ours.oldest_ms.values()) < 150_000
