"""How many changes one core takes in: from records of `availability`, as Kafka has them, to slots that wait."""

import random
import time
from dataclasses import dataclass
from typing import NamedTuple

from feeds.account import AccountFeed
from feeds.connector import Operation
from feeds.slots import Slot
from wire.codec import Codec


@dataclass(frozen=True)
class Intake:
    """`skus`, each in so many `channels`, an account each; so many `records` of the topic, a number of each channel
    moves in each of them."""

    skus: int = 20_000
    channels: int = 8
    records: int = 20_000
    seed: int = 1


class Taken(NamedTuple):
    """(sku, channel) changes a second of one core."""

    changes_per_s: float


def take_in(intake: Intake) -> Taken:
    """Decode the records and tell the accounts."""
    dice, codec = random.Random(intake.seed), Codec()
    names = [f"channel-{number}" for number in range(intake.channels)]
    single = Operation("single", "single", 1)
    feeds = {name: AccountFeed(name, [single]) for name in names}
    for name, feed in feeds.items():
        for number in range(intake.skus):
            feed.add(Slot(f"{name}-{number}", None, f"SKU-{number}"), 1)
    values = [
        _record(codec, dice.randrange(intake.skus), version, names, dice)
        for version in range(1, intake.records + 1)
    ]
    began = time.perf_counter()
    now = 2
    for value in values:
        fields = codec.decode(value)[1]
        now += 1
        for channel in fields["channels"]:
            feed = feeds[channel["channel"]]
            for slot in feed.of_sku(fields["sku"]):
                feed.change(slot, channel["available"], fields["version"], now)
    took = time.perf_counter() - began
    return Taken(intake.records * intake.channels / took)


def _record(codec: Codec, number: int, version: int, names: list[str], dice: random.Random) -> bytes:
    channels = [
        {
            "channel": name, "available": dice.randrange(0, 60), "status": "IN_STOCK", "view": 9, "pool": 9, "grant": 0,
            "shared": 9, "shortage": 0, "unmet": 0, "rules": ["ss-default"],
        }
        for name in names
    ]  # fmt: skip
    return codec.encode(
        "Availability",
        {
            "sku": f"SKU-{number}", "version": version, "generation": 1, "computed_at": version, "as_of": version,
            "active": True, "channels": channels,
        },
    )  # fmt: skip
