"""The state folder of a former version, stored for the tests, and how it was made.

`stored/state-1.tar.gz` was written by the engine of commit 36d883e (state format 1: a Bytewax recovery store beside the
lanes' folders knew their offsets), and `stored/state-1.json` says what is in it. With this file in that commit's tree:

    python -m tests.dataflows.former_state tests/dataflows/stored/state-1
"""

import json
import sys
import tarfile
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from confluent_kafka import TopicPartition

from dataflows.intake import READ
from deploy.services import local_services
from loadtest.processes import apply_rules
from loadtest.verify.freshness import wait_caught_up
from runtime import redis as redis_link
from runtime.kafka import consumer
from runtime.settings import Settings
from runtime.states import look_at_lanes
from runtime.topics import create_topics
from tests.dataflows.feed import Feed
from tests.dataflows.house import engine
from wire.codec import Codec
from wire.topics import TOPICS

STORED = Path(__file__).parent / "stored" / "state-1"
LANES = 2
RULES = """
locations: [{id: DC1, type: warehouse}, {id: S001, type: store}]
channels: [{id: web, locations: {}}]
safety_stock: [{id: ss, percent: 10, match: {location_type: warehouse}}]
"""
SKUS = [f"S{number}" for number in range(12)]


def numbers(settings: Settings) -> dict[str, dict[str, list[int]]]:
    """Units on hand and open demand (soft, hard) of each sku and place, as the lanes' files have them."""
    found: dict[str, dict[str, list[int]]] = {}
    for looked in look_at_lanes(settings):
        lane = looked.lane
        skus = {row: lane.sku(row) for row in range(len(lane.memory.stores["skus"]))}
        for row in lane.memory.stores["positions"].used():
            key = int(row["key"])
            place = found.setdefault(skus[key >> 32], {})
            place[lane.place(key & 0xFFFFFFFF)] = [int(row["on_hand"]), int(row["soft"]), int(row["hard"])]
    return found


def _ends(settings: Settings, lane: int) -> dict[str, int]:
    client = consumer(settings)
    places = {n: TopicPartition(settings.topic_prefix + n, 0 if TOPICS[n].single else lane) for n in READ}
    ends = {name: client.get_watermark_offsets(place, timeout=10)[1] for name, place in places.items()}
    client.close()
    return ends


def _write(stem: Path) -> None:
    with TemporaryDirectory() as scratch, local_services(Settings(partitions=LANES)) as here:
        folder = Path(scratch)
        settings = here.settings.replace(state_dir=folder / "state")
        create_topics(settings)
        apply_rules(RULES, settings, folder)
        feed = Feed(settings, Codec())
        for number, sku in enumerate(SKUS):
            feed.item(sku, aliases=[{"source": "tills-S001", "identifier": f"PLU {number}"}])
            feed.count(sku, 20 + number)
            feed.line(sku, f"o{number}", 1, 2)
        with redis_link.connect(settings) as redis:
            with engine(settings, folder) as running:
                wait_caught_up(redis, settings, int(time.time() * 1000), 60.0)
                assert running.stop() == 0
            with engine(settings, folder, "cell", "0") as running:
                feed.sale(
                    "S001",
                    *((f"PLU {number}", 1 + number) for number in range(len(SKUS))),
                    source="tills-S001",
                )
                feed.movement("nobody knows it", "RECEIPT", 1)
                for sku in SKUS[::2]:
                    feed.movement(sku, "SHIP", 3)
                wait_caught_up(redis, settings, int(time.time() * 1000), 60.0)
                time.sleep(2.5 * settings.epoch_ms / 1000)
                running.kill()
        told: dict[str, Any] = {
            "numbers": numbers(settings),
            "next": [_ends(settings, lane) for lane in range(LANES)],
        }
        stem.with_suffix(".json").write_text(json.dumps(told, indent=1) + "\n")
        with tarfile.open(stem.with_suffix(".tar.gz"), "w:gz") as packed:
            packed.add(settings.state_dir, "state")


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
