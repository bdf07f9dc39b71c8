"""A broker, a Redis and a proxy before each, that live through many runs; every run has names of its own on them.

They are on loopback, or each on a host of its own (`loadtest.chaos.network`), where the cells are too.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException

from deploy.kafka_server import KafkaServer
from deploy.ports import HERE, HOST, Place
from deploy.redis_server import RedisServer
from deploy.server import LocalServer
from deploy.services import run_folder
from loadtest.chaos.network import Router, router
from loadtest.chaos.proxy import Proxy
from loadtest.processes import warm_up
from loadtest.world import delete_topics
from runtime import redis as redis_link
from runtime.settings import Settings

_TIDY_WITHIN_S = 30.0


@dataclass(frozen=True)
class House:
    """`settings` lead straight to the services; who is to feel the network comes through the proxies. `router`: behind
    which the hosts are, where there are any."""

    settings: Settings
    folder: Path
    kafka: KafkaServer
    redis: RedisServer
    kafka_proxy: Proxy
    redis_proxy: Proxy
    router: Router | None = None

    def through_proxies(self, settings: Settings, *, kafka: bool, redis: bool) -> Settings:
        """The same settings for somebody who is to feel the network."""
        changed = {}
        if kafka:
            changed["kafka_bootstrap"] = f"{HOST}:{self.kafka_proxy.port}"
        if redis:
            changed["redis_url"] = f"redis://{HOST}:{self.redis_proxy.port}/0"
        return settings.replace(**changed)

    def tidy(self, settings: Settings) -> None:
        """Whatever a run has left: services that are away, a proxy that misbehaves, topics, keys, a dump."""
        for proxy in (self.kafka_proxy, self.redis_proxy):
            proxy.heal()
        for server in (self.kafka, self.redis):
            resume(server)
            server.start()
        dump = self.redis.folder / "dump.rdb"
        dump.unlink(missing_ok=True)
        with redis_link.connect(settings) as redis:
            redis.flushall()
        deadline = time.monotonic() + _TIDY_WITHIN_S
        while True:
            try:
                return delete_topics(settings)
            except KafkaException:  # it has just come back
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)


def suspend(server: LocalServer) -> None:
    """The process stands still; its sockets stay."""
    if server.pid is not None:
        os.kill(server.pid, signal.SIGSTOP)


def resume(server: LocalServer) -> None:
    """The process goes on, if it stood still."""
    if server.running and server.pid is not None:
        os.kill(server.pid, signal.SIGCONT)


@contextmanager
def house(given: Settings, partitions: int, *, hosts: bool = False) -> Iterator[House]:
    """A cold house, and kernels that are compiled. Raises ServiceError, ProcessEnded, NetworkImpossible."""
    with cold_house(given, partitions, hosts=hosts) as found:
        warm_up(found.settings, found.folder)
        yield found


@contextmanager
def cold_house(given: Settings, partitions: int, *, hosts: bool = False) -> Iterator[House]:
    """Services until the block ends, with `hosts` each on one of its own. Raises ServiceError, NetworkImpossible.

    They are always its own: what stands in `given` of other services is not touched.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(run_folder())
        kafka_proxy, redis_proxy = Proxy(), Proxy()
        for proxy in (kafka_proxy, redis_proxy):
            stack.callback(proxy.close)
        behind = stack.enter_context(router()) if hosts else None
        kafka = KafkaServer(folder / "kafka", far=kafka_proxy.port, place=_place("kafka", behind))
        redis = RedisServer(folder / "redis", place=_place("redis", behind))
        for server in (redis, kafka):
            stack.callback(server.kill)
            server.start()
        kafka_proxy.lead(kafka.far_port, kafka.place.address)
        redis_proxy.lead(redis.port, redis.place.address)
        settings = given.replace(
            kafka_bootstrap=kafka.bootstrap, redis_url=redis.url, partitions=partitions, log_format="text"
        )
        yield House(settings, folder, kafka, redis, kafka_proxy, redis_proxy, behind)


def _place(name: str, behind: Router | None) -> Place:
    """A host of its own, where there are hosts."""
    if behind is None:
        return HERE
    host = behind.host(name)
    return Place(host.address, host.enter)
