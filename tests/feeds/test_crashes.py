"""Publishers that die anywhere, against all four marketplaces with faults; many more seeds by
`python -m feeds.trials crashes`."""

import logging

import pytest
from redis import Redis

from feeds.trials import simulated
from feeds.trials.crashes import Ordeal, survive
from runtime.settings import Settings

_SHORT = Ordeal(skus=6, seconds=60.0, dies_s=3.0)


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_and_no_quota_is_exceeded(
    seed: int, limits_settings: Settings, limits_redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    survived = simulated.run(survive(_SHORT, seed, limits_redis, limits_settings))
    assert survived.deaths > 10
    assert survived.wrong == []
    assert survived.exceeded == 0
