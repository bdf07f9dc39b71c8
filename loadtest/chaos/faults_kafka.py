"""Kafka dies, is out of reach, or is slow."""

from loadtest.chaos.fault import Fault
from loadtest.chaos.house import resume, suspend
from loadtest.chaos.site import Site
from loadtest.chaos.waiting import until

_AWAY_S = (3.0, 6.0)
_LONG_S = (11.0, 13.0)
_KAFKA = frozenset({"kafka"})


def killed(site: Site) -> None:
    """SIGKILL, and started again with what it had."""
    site.house.kafka.kill()
    site.last(_AWAY_S, site.house.kafka.start)


def paused(site: Site) -> None:
    """It stands still, beyond time-outs: for everybody."""
    suspend(site.house.kafka)
    site.last(_LONG_S, lambda: resume(site.house.kafka))


def unreachable(site: Site) -> None:
    """The engine finds nobody where Kafka was; everybody else does."""
    site.house.kafka_proxy.refuse()
    site.last(_LONG_S, site.house.kafka_proxy.heal)


def cut(site: Site) -> None:
    """Nothing arrives between engine and Kafka, and nobody is told; nothing that is shown is called fresh then."""
    site.house.kafka_proxy.stall()
    try:
        site.rest(*_LONG_S)
        until(lambda: not site.numbers(), "every number to be stale")
        site.expect(
            "numbers that are shown all the same", len(site.numbers(stale=True)), len(site.traffic.probes)
        )
    finally:
        site.house.kafka_proxy.heal()


def resets(site: Site) -> None:
    """Connections between engine and Kafka are reset, again and again."""
    for _ in range(8):
        site.house.kafka_proxy.reset()
        site.rest(0.2, 1.0)


def slow(site: Site) -> None:
    """Everything between engine and Kafka takes 150 ms longer each way, and 200 kB/s is all there is."""
    site.house.kafka_proxy.slow(0.15, 200_000)
    site.last(_LONG_S, site.house.kafka_proxy.heal)


FAULTS = (
    Fault("kafka-killed", "SIGKILL of Kafka, started again", killed, tears=True),
    Fault("kafka-paused", "Kafka stands still", paused),
    Fault("kafka-unreachable", "the engine's connections to Kafka are refused", unreachable, proxies=_KAFKA),
    Fault(
        "kafka-cut", "between engine and Kafka nothing arrives, and nothing is closed", cut, proxies=_KAFKA
    ),
    Fault("kafka-resets", "connections to Kafka are reset eight times", resets, proxies=_KAFKA),
    Fault("kafka-slow", "150 ms more each way, 200 kB/s", slow, proxies=_KAFKA),
)
