"""Redis dies, forgets, is out of reach, slow, or takes no writes."""

from collections.abc import Iterator
from contextlib import contextmanager

from deploy.ports import HOST
from loadtest.chaos.fault import Fault
from loadtest.chaos.house import resume, suspend
from loadtest.chaos.site import Site
from runtime import redis as redis_link

_AWAY_S = (1.0, 4.0)
_LONG_S = (11.0, 13.0)
_REDIS = frozenset({"redis"})


def emptied(site: Site) -> None:
    """SIGKILL, and started again with nothing."""
    site.house.redis.kill()
    site.last(_AWAY_S, site.house.redis.start)


def restored(site: Site) -> None:
    """A copy is made; later the server is killed, and comes back with that copy."""
    with redis_link.connect(site.settings) as redis:
        redis.save()
    site.rest(2.0, 4.0)
    emptied(site)


def paused(site: Site) -> None:
    """It stands still."""
    suspend(site.house.redis)
    site.last(_LONG_S, lambda: resume(site.house.redis))


def cut(site: Site) -> None:
    """Nothing arrives between engine and Redis, and nobody is told."""
    site.house.redis_proxy.stall()
    site.last(_LONG_S, site.house.redis_proxy.heal)


def resets(site: Site) -> None:
    """Connections between engine and Redis are reset, again and again."""
    for _ in range(8):
        site.house.redis_proxy.reset()
        site.rest(0.2, 1.0)


def unreachable(site: Site) -> None:
    """The engine finds nobody where Redis was."""
    site.house.redis_proxy.refuse()
    site.last(_AWAY_S, site.house.redis_proxy.heal)


def slow(site: Site) -> None:
    """Everything between engine and Redis takes 100 ms longer each way, and 500 kB/s is all there is."""
    site.house.redis_proxy.slow(0.1, 500_000)
    site.last(_LONG_S, site.house.redis_proxy.heal)


def out_of_memory(site: Site) -> None:
    """It has no memory for writes."""
    with _configured(site, "maxmemory", "1mb", "0"):
        site.rest(*_AWAY_S)


def too_few_replicas(site: Site) -> None:
    """It takes no writes, since nobody copies them."""
    with _configured(site, "min-replicas-to-write", "1", "0"):
        site.rest(*_AWAY_S)


def read_only(site: Site) -> None:
    """It has become the replica of a server that is not there."""
    with redis_link.connect(site.settings) as redis:
        redis.replicaof(HOST, site.house.kafka.port)
        try:
            site.rest(*_AWAY_S)
        finally:
            redis.replicaof("NO", "ONE")


@contextmanager
def _configured(site: Site, name: str, value: str, afterwards: str) -> Iterator[None]:
    with redis_link.connect(site.settings) as redis:
        redis.config_set(name, value)
        try:
            yield
        finally:
            redis.config_set(name, afterwards)


FAULTS = (
    Fault("redis-emptied", "SIGKILL of Redis, started again empty", emptied, tears=True),
    Fault("redis-restored", "Redis comes back with an old copy", restored, tears=True),
    Fault("redis-paused", "Redis stands still", paused),
    Fault("redis-unreachable", "the engine's connections to Redis are refused", unreachable, proxies=_REDIS),
    Fault(
        "redis-cut", "between engine and Redis nothing arrives, and nothing is closed", cut, proxies=_REDIS
    ),
    Fault("redis-resets", "connections to Redis are reset eight times", resets, proxies=_REDIS),
    Fault("redis-slow", "100 ms more each way, 500 kB/s", slow, proxies=_REDIS),
    Fault("redis-out-of-memory", "Redis refuses writes: OOM", out_of_memory),
    Fault("redis-read-only", "Redis refuses writes: it is a replica", read_only),
    Fault("redis-too-few-replicas", "Redis refuses writes: min-replicas-to-write", too_few_replicas),
)
