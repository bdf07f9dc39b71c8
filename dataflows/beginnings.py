"""Where the topics begin: what retention has removed is missing from a lane that has to read them from there.

A record that is gone came before the first one that is left of its partition, and is dated at most the clock tolerance
after the broker got it: else it was a dead letter. So a lane without state has all facts dated after a certain instant.
Tills write by location, and any producer may have written a record into another lane's partition: of the topics that
change counters the partitions of all lanes are looked at, of `routed` the lane's own.
"""

import time
from collections.abc import Mapping
from typing import NamedTuple

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from dataflows.intake import CARRIERS
from runtime.kafka import KafkaUnavailable, admin
from runtime.offsets import FIRST, list_offsets
from runtime.settings import Settings

COUNTED = ("stock-movements", "wms-adjustments", "pos-sales")
"""The topics whose records change counters."""

_FROM_THE_FIRST = 0


class Beginnings(NamedTuple):
    """By topic and partition, of those that no longer begin at offset 0: the first offset that is left; and of topics
    that change counters, and of `routed`, the log time (ms) of its record."""

    offsets: Mapping[tuple[str, int], int]
    log_times: Mapping[tuple[str, int], int]

    def of_lane(self, lane: int) -> dict[int, int]:
        """The first offsets of the lane's own partitions, by version slot."""
        return {
            CARRIERS[name]: offset
            for (name, partition), offset in self.offsets.items()
            if partition == lane and name in CARRIERS
        }

    def lost_before(self, lane: int, tolerance: int) -> int | None:
        """Facts dated before this instant (ms) may be missing from what a lane reads; None: none are."""
        concern = [
            at for (name, partition), at in self.log_times.items() if name != "routed" or partition == lane
        ]
        return max(concern) + tolerance if concern else None


def beginnings(settings: Settings, counts: Mapping[str, int]) -> Beginnings:
    """Of partitions whose first records are gone; `counts`: how many each topic has. One that is left empty begins now.

    Raises `KafkaUnavailable`.
    """
    client = admin(settings)
    names = {settings.topic(name): name for name in (*CARRIERS, "pos-sales")}
    places = [TopicPartition(topic, at) for topic, name in names.items() for at in range(counts[name])]
    try:
        first = list_offsets(client, places, FIRST)
        cut = {at: found.offset for at, found in first.items() if found.offset > 0}
        dated = [TopicPartition(*at) for at in cut if names[at[0]] in (*COUNTED, "routed")]
        left = list_offsets(client, dated, OffsetSpec.for_timestamp(_FROM_THE_FIRST))
    except KafkaException as error:
        raise KafkaUnavailable(f"where the topics begin cannot be read: {error.args[0].str()}") from None
    now = int(time.time() * 1000)
    log_times = {at: found.timestamp if found.offset >= 0 else now for at, found in left.items()}
    return Beginnings(
        {(names[topic], partition): offset for (topic, partition), offset in cut.items()},
        {(names[topic], partition): at for (topic, partition), at in log_times.items()},
    )
