"""A small history through real Kafka, Redis and HTTP: every number is the reference model's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from redis import Redis

from loadtest.verify.command import Verdict
from loadtest.verify.letters import read_letters
from loadtest.verify.rows import Places, read_rows
from runtime.readback import read_topic
from runtime.settings import Settings
from tests.dataflows.feed import HOUR, MINUTE, SECOND, Feed, Place
from tests.dataflows.house import api, engine, eventually
from wire.codec import Codec
from wire.rows_read import STATUS_NAMES, read_channel, read_header

Judge = Callable[..., Verdict]


REPORTED = {
    ("oversell", "SHORT"), ("negative_stock", "NEGATIVE"), ("conflicting_duplicate", "SHOE"),
    ("conflicting_version", "ACID"), ("over_release", "ACID"), ("shipped_after_cancel", "ACID"),
    ("count_too_late", "LATE"), ("unknown_channel", "ACID"), ("alias_conflict", "CROOK"),
}  # fmt: skip


def test_a_small_history_ends_in_the_numbers_of_the_model(
    ready: Settings,
    feed: Feed,
    redis: Redis,
    codec: Codec,
    caught_up: Callable[[], None],
    judged: Judge,
    tmp_path: Path,
) -> None:
    settings = ready.replace(exception_delay_ms=300)
    before = _history(feed)
    with engine(settings, tmp_path, "run", "--cells", "2") as running, api(settings) as url:
        running.says("lane opened", times=settings.partitions)
        poisoned = before + _more_history(feed)
        caught_up()
        feed.movement("ACID", "SHIP", 1, reservation_id="o6", ago=SECOND)  # of a line that is cancelled
        verdict = judged(url)
        assert verdict.truth.poisoned == len(poisoned)
        # Some of them by hand, so that two models cannot be wrong together.
        with httpx.Client(base_url=url) as client:
            # 100 counted, 5 shipped, 3 + 2 sold by tills of S001 (20 there); 4 safety stock at DC1, 1 at S001
            shoe = client.get("/v1/availability/SHOE?channel=web").json()
            assert shoe["available"] == (100 - 5 - 10 - 4) + (20 - 5 - 1)
            assert shoe["status"] == "IN_STOCK"
            # warehouses alone: 81 of DC1, halved, less the buffer of 1, at most 30
            assert client.get("/v1/availability/SHOE?channel=amazon").json()["available"] == 30
            assert client.get("/v1/availability/ACID?channel=amazon").json()["available"] == 0
            assert client.get("/v1/availability/NOSUCH?channel=web").status_code == 404
        eventually(lambda: _exceptions(settings, codec).keys() >= REPORTED, "what is wrong to be reported")
        assert running.stop() == 0

    exceptions = _exceptions(settings, codec)
    assert exceptions["oversell", "SHORT"]["status"] == "OPEN"
    assert exceptions["negative_stock", "NEGATIVE"]["location"] == "DC2"
    assert exceptions["conflicting_duplicate", "SHOE"]["events"] == ["twice"]
    _letters_hold_what_was_sent(settings, codec, poisoned)
    _the_topic_holds_the_view(settings, codec, redis, verdict)


def _history(feed: Feed) -> list[Place]:
    """Before the engine has ever run."""
    feed.item("SHOE", category="shoes", aliases=[{"source": "tills-S001", "identifier": "4711"}])
    feed.item("4711", category="hats")  # a sku of its own, which the tills of S001 mean otherwise
    feed.item("ACID", category="hazmat", style="acid", attributes={"brand": "X"})
    for sku in ("SHORT", "NEGATIVE", "LATE", "BACK"):
        feed.item(sku)
    feed.item("CROOK", aliases=[{"source": "tills-S001", "identifier": "4711"}])
    feed.item("SLEEPS", active=False)
    feed.count("SLEEPS", 9)
    feed.count("SHOE", 100)
    feed.count("SHOE", 20, location="S001")
    feed.count("4711", 50, misplaced=True)
    feed.count("ACID", 40)
    feed.count("ACID", 7, counter="DAMAGED")
    shipped = feed.movement("SHOE", "SHIP", 5)
    feed.put(shipped.topic, shipped.key, shipped.value)  # the same once more
    feed.movement("SHOE", "SHIP", 2, event_id="twice", source="wms")
    feed.movement("SHOE", "RECEIPT", 2, event_id="undo", source="wms")
    feed.movement("SHOE", "SHIP", 99, event_id="twice", source="wms")  # the first stays
    feed.sale("S001", ("4711", 3), source="tills-S001")
    return [
        feed.put("stock-movements", b"SHOE", b"\x7f\x00not avro at all", poison="undecodable"),
        feed.put("stock-movements", b"SHOE", shipped.value[:-3], poison="undecodable"),
        feed.put("stock-movements", b"SHOE", shipped.value + shipped.value[10:], poison="undecodable"),
        feed.put("reservations", b"SHOE", None, poison="undecodable"),
        feed.put("reservations", b"caf\xc3\xa9", b"", partition=1, poison="undecodable"),
        feed.count("SHOE", 1, ago=-HOUR, poison="from_the_future"),
        feed.movement("SHOE", "SHIP", 1, recorded_at=1_600_000_000_000, poison="beyond_horizon"),
        feed.movement("SHOE", "SHIP", 0, poison="invalid_quantity"),
        feed.movement("SHOE", "STATE_CHANGE", 1, poison="invalid_event"),
        feed.put("pos-sales", b"S001", b"\xc3\x01" + bytes(20), poison="undecodable"),
    ]


def _more_history(feed: Feed) -> list[Place]:
    """While it runs."""
    feed.sale("S001", ("4711", 2), source="tills-S001", misplaced=True)
    feed.line("SHOE", "o1", 1, 10)
    feed.line("SHOE", "o2", 2, 0, action="CANCEL")  # overtakes its place
    feed.line("SHOE", "o2", 1, 60, ago=2 * MINUTE)
    feed.line("SHOE", "o3", 1, 25, commitment="SOFT", ago=HOUR, expires_at=1_700_000_000_000)
    feed.line("ACID", "o4", 1, 2, source="amazon-orders", channel="AMZ_US", location=None)
    feed.line("ACID", "o5", 1, 3)
    feed.line("ACID", "o5", 0, 9, action="RELEASE")  # more than the line
    feed.line("ACID", "o6", 1, 1)
    feed.line("ACID", "o6", 2, 0, action="CANCEL", ago=30 * SECOND)
    feed.line("ACID", "o7", 1, 1)
    feed.line("ACID", "o7", 1, 2)  # the same version with other content
    feed.movement("ACID", "TRANSFER_IN", 6, location="SITE-77", source="3pl", misplaced=True)
    feed.movement("ACID", "STATE_CHANGE", 2, to_state="QUALITY_CONTROL")
    feed.movement("ACID", "SHIP", 1, channel="fax")
    feed.correction("ACID", -3, state="DAMAGED")
    feed.count("SHORT", 5)
    feed.line("SHORT", "o8", 1, 8)
    feed.movement("NEGATIVE", "SHIP", 4, location="DC2")
    feed.count("LATE", 7, ago=30 * HOUR)
    feed.count("LATE", 3, ago=HOUR)
    feed.count("LATE", 7, ago=30 * HOUR, location="DC2")  # where nobody counts again
    feed.movement("LATE", "RECEIPT", 5, ago=2 * HOUR)  # the count has seen it
    feed.movement("UNBORN", "RECEIPT", 11)  # waits for its catalog record
    feed.movement("UNBORN", "RECEIPT", 2, misplaced=True)
    partly = feed.sale("S001", ("UNBORN", 1), ("SHOE", 0), ("BACK", -2), poison="invalid_quantity")
    feed.item("UNBORN")
    feed.movement("GHOST", "RECEIPT", 1)  # waits for ever
    feed.sale("S999", ("SHOE", 1))  # an unknown place: waits
    return [partly, feed.line("SHOE", "o9", 1, -1, poison="invalid_quantity")]


def _exceptions(settings: Settings, codec: Codec) -> dict[tuple[str, str], dict[str, object]]:
    """The last exception of each code and sku."""
    told = [codec.decode(stored.value or b"")[1] for stored in read_topic(settings, "exceptions")]
    return {(exception["code"], exception["sku"]): exception for exception in told}


def _letters_hold_what_was_sent(settings: Settings, codec: Codec, poisoned: list[Place]) -> None:
    letters = read_letters(settings, codec)
    for topic, partition, offset, value, _ in poisoned:
        if (topic, partition, offset, None) in letters:
            _, original = letters[topic, partition, offset, None]
            assert original == value
        else:  # of the sale, one line
            _, original = letters[topic, partition, offset, "2"]
            assert [line["line"] for line in codec.decode(original)[1]["lines"]] == ["2"]
    keys = {
        (letter["topic"], letter["partition"], letter["offset"]): letter["key"]
        for stored in read_topic(settings, "dead-letters")
        for letter in [codec.decode(stored.value or b"")[1]]
    }
    for topic, partition, offset, _, key in poisoned:
        assert keys[topic, partition, offset] == key


def _the_topic_holds_the_view(settings: Settings, codec: Codec, redis: Redis, verdict: Verdict) -> None:
    latest: dict[str, dict[str, Any]] = {}
    for stored in read_topic(settings, "availability"):
        _, told = codec.decode(stored.value or b"")
        assert stored.key == told["sku"].encode()
        if told["version"] >= latest.get(told["sku"], told)["version"]:
            latest[told["sku"]] = told
    skus = verdict.truth.model.skus()
    assert set(latest) == set(skus)
    places = Places(redis, settings)
    for sku, row in read_rows(redis, settings, skus):
        told = latest[sku]
        assert told["version"] == int(row[b"v"]) == read_header(row[b"c"]).version
        for shown in told["channels"]:
            stored_channel = read_channel(row[b"c"], places.channels[shown["channel"]])
            assert stored_channel is not None
            assert STATUS_NAMES[stored_channel.status_code] == shown["status"]
            for term in ("available", "view", "pool", "grant", "shared", "shortage", "unmet"):
                assert getattr(stored_channel, term) == shown[term]
