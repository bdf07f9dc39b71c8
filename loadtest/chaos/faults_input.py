"""Faults of what is sent: poison, whole topics once more, rules for everything."""

from collections.abc import Iterator

from inventory.murmur import shard_of
from loadtest.chaos.fault import Fault
from loadtest.chaos.site import Site
from loadtest.processes import apply_rules
from loadtest.retail.chance import HOUR
from loadtest.retail.drafts import POISON_HEADER, SPOILERS, Outgoing
from runtime import kafka
from runtime.codec import codec_of
from runtime.readback import read_topic

_FACTS = ("wms-adjustments", "stock-movements", "reservations", "pos-sales", "expected-supply")
_POISON = 400


def poison(site: Site) -> None:
    """Hundreds of messages in a row that nobody can read or may apply, in every lane's partition and topic."""
    site.traffic.send(_poison(site))


def _poison(site: Site) -> Iterator[Outgoing]:
    codec = codec_of(site.settings)
    sku = site.traffic.probes[site.dice.randrange(len(site.traffic.probes))]
    good = {
        "event_id": "poison", "source": "wms", "occurred_at": HOUR, "recorded_at": HOUR, "sku": sku,
        "location": "DC1", "movement": "SHIP", "quantity": 7,
    }  # fmt: skip
    value = codec.encode("StockMovement", good)
    for _ in range(_POISON):
        topic = site.dice.choice(_FACTS)
        spoil = SPOILERS[site.dice.choice(sorted(SPOILERS))]
        lane = shard_of(sku) % site.settings.partitions
        yield Outgoing(topic, lane, sku.encode(), spoil(value), "poison", "undecodable")


def everything_again(site: Site) -> None:
    """Whole topics of facts once more, to the byte."""
    for topic in _FACTS:
        site.traffic.send(list(_again(site, topic)))


def _again(site: Site, topic: str) -> Iterator[Outgoing]:
    for stored in read_topic(site.settings, topic):
        poisoned = stored.headers.get(POISON_HEADER)
        code = None if poisoned is None else poisoned.decode()
        yield Outgoing(topic, stored.partition, stored.key or b"", stored.value or b"", "sent again", code)


def routed_again(site: Site) -> None:
    """Every block that lanes have sent to lanes once more, as an engine that died before it could commit does."""
    producer = kafka.producer(site.settings)
    for stored in list(read_topic(site.settings, "routed")):
        name = site.settings.topic_prefix + "routed"
        kafka.send(producer, name, stored.value, stored.key, stored.partition)
    site.expect("blocks that were not sent again", producer.flush(60), 0)


def rules_changed(site: Site) -> None:
    """Rules that concern every sku change, and change again."""
    text = site.traffic.replay.simulation.rules
    for units in (site.dice.randint(2, 4), site.dice.randint(5, 9)):
        changed = text.replace("{id: ss-stores, units: 1,", f"{{id: ss-stores, units: {units},")
        changed = changed.replace("percent: 66.6", f"percent: {10 * units}")
        site.expect("the rules differ", changed != text, True)
        apply_rules(changed, site.settings, site.folder)
        site.rest(0.0, 2.0)


FAULTS = (
    Fault("poison", "400 poisoned messages in a row", poison),
    Fault("everything-again", "whole topics sent again", everything_again),
    Fault("routed-again", "all blocks of `routed` repeated", routed_again),
    Fault("rules-changed", "a rule over every sku changes at peak, twice", rules_changed),
)
