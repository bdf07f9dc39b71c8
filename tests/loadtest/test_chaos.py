"""Runs of the fault matrix: three faults in every test, all of them in the deep ones."""

from collections.abc import Iterator

import pytest
from redis.exceptions import ConnectionError

from loadtest.chaos.catalogue import FAULTS
from loadtest.chaos.house import House, cold_house
from loadtest.chaos.run import Options, moment_of, run
from runtime import redis as redis_link
from runtime.kafka import admin
from runtime.settings import Settings
from wire.codec import Codec

_SHORT = Options(seconds=8.0, rate=100.0)
_EVERY_TIME = ("one-of-two-cells-killed", "redis-emptied", "kafka-killed")


@pytest.fixture(scope="module")
def services() -> Iterator[House]:
    with cold_house(Settings(), 2) as services:
        yield services


@pytest.fixture(scope="module")
def apart() -> Iterator[House]:
    """With each service on a host of its own."""
    with cold_house(Settings(), 2, hosts=True) as services:
        yield services


@pytest.mark.usefixtures("compiled")  # so that no engine waits for kernels
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in _EVERY_TIME else pytest.mark.deep) for name in FAULTS]
)
def test_a_fault_leaves_no_wrong_number_no_backward_view_and_loses_nothing(
    request: pytest.FixtureRequest, name: str
) -> None:
    fault = FAULTS[name]
    if (why_not := fault.why_not()) is not None:
        pytest.skip(why_not)
    services = request.getfixturevalue("apart" if fault.hosts else "services")
    result = run(services, fault, 1, Codec(), _SHORT)
    assert result.right, "\n".join(result.differences()[:40])
    assert result.fresh_s is not None
    assert result.judged.compared > 10_000
    assert result.judged.account.facts > 500
    assert result.judged.account.letters > 40
    assert all(most > 50 << 20 for most in result.memory.values()), result.memory


def test_who_comes_to_kafka_through_the_proxy_is_sent_through_it_again(services: House) -> None:
    far = services.through_proxies(services.settings, kafka=True, redis=True)
    (broker,) = admin(far).list_topics(timeout=20).brokers.values()
    assert broker.port == services.kafka_proxy.port
    (broker,) = admin(services.settings).list_topics(timeout=20).brokers.values()
    assert broker.port == services.kafka.port
    with redis_link.connect(far) as redis:
        services.redis_proxy.refuse()
        with pytest.raises(ConnectionError):
            redis.ping()
        services.redis_proxy.heal()
        assert redis.ping()


def test_a_seed_gives_one_moment_and_another_seed_another() -> None:
    moments = {moment_of("cell-killed", seed, 16.0) for seed in (1, 1, 2, 3)}
    assert len(moments) == 3
    assert all(1.0 < moment < 9.0 for moment in moments)
