"""A marketplace that is out for a while; all four, for an hour, by `python -m feeds.trials outage`."""

import logging
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from feeds.slots import Harm
from feeds.trials import simulated
from feeds.trials.outage import Compared, Endured, Outage, compared, endure, without
from feeds.trials.outage_report import BYTES, BYTES_A_LISTING, is_right
from runtime.settings import Settings

_SHORT = Outage(
    skus=200, moves=2.0, market="shopify", markets=("shopify", "zalando"), begins_s=30.0, lasts_s=240.0
)

_MOST = BYTES + BYTES_A_LISTING * _SHORT.skus


def _endured(outage: Outage, redis: Redis, settings: Settings) -> Compared:
    found = []
    for each in (outage, without(outage)):
        redis.flushall()
        found.append(simulated.run(endure(each, redis, settings)))
    return compared(*found)


def test_it_costs_nothing_but_the_time(
    limits_settings: Settings, limits_redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    found = _endured(_SHORT, limits_redis, limits_settings)
    assert is_right(found), found
    assert found.endured.waiting > 100
    assert all(found.endured.back_s[harm] for harm in Harm)


def _told(**changed: Any) -> Endured:
    return replace(Endured(_SHORT, waiting=200, held=[_MOST]), **changed)


def test_what_would_not_be_right() -> None:
    assert is_right(Compared(_told(), []))
    assert not is_right(Compared(_told(), ["zalando"]))
    times = {Harm.ZERO: [30.0], Harm.SCARCE: [], Harm.BACK: [], Harm.REST: [20.0]}
    for changed in (
        {"wrong": 1},
        {"exceeded": 1},
        {"waiting": 201},
        {"held": [_MOST + 1]},
        {"back_s": times},
    ):
        assert not is_right(Compared(_told(**changed), [])), changed
