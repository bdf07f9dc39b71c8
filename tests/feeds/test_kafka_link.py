"""What is read from Kafka, and what is written to the ledger there."""

import asyncio
import os
import signal
from collections.abc import Sequence

import pytest

from deploy.kafka_server import KafkaServer
from feeds import ledger
from feeds.kafka_link import Heard, Inflow, Undecoded
from feeds.ledger_link import LedgerReader, LedgerWriter, decoded, last_records
from feeds.slots import Fact, Harm, Slot, Stage, Write
from runtime.kafka import producer, send
from runtime.readback import TopicUnreadable, read_topic
from runtime.settings import Settings
from runtime.topics import create_topics
from wire.codec import Codec
from wire.topics import TOPICS

CODEC = Codec()


@pytest.fixture
def ready(settings: Settings) -> Settings:
    create_topics(settings, {name: TOPICS[name] for name in ("catalog", "availability", "feed-results")})
    return settings


def _slot(listing: str, quantity: int, newest: int = 1) -> Slot:
    write = Write(newest, quantity, 9, 0, 1_000, 1_000, Harm.REST, "single", Stage.SENT)
    return Slot(
        listing, None, "SKU", wanted=quantity, version=9, sent=Fact(quantity, 9, 1_000), newest=newest,
        writes=[write], rejected=Fact(1, 2, 3), reason="no such listing ü", buffer=2,
    )  # fmt: skip


def test_everything_is_read_and_then_what_comes(ready: Settings) -> None:
    client = producer(ready)
    for number in range(300):
        value = CODEC.encode("CatalogItem", {"sku": f"S{number}"})
        send(client, ready.topic("catalog"), value, f"S{number}".encode())
    send(client, ready.topic("catalog"), b"\x00\x01 nonsense", b"S1")
    send(client, ready.topic("catalog"), None, b"S2")
    client.flush(20)

    async def read() -> tuple[int, list[Heard], int]:
        heard: list[Heard] = []

        def take(batch: Sequence[Heard]) -> None:
            heard.extend(batch)

        inflow = Inflow(ready, CODEC, take)
        inflow.start()
        async with asyncio.timeout(20):
            await inflow.caught_up.wait()
            at_start = len(heard)
            value = CODEC.encode("CatalogItem", {"sku": "late"})
            send(client, ready.topic("catalog"), value, b"late")
            client.flush(20)
            while len(heard) == at_start:
                await asyncio.sleep(0.01)
        await inflow.close()
        return at_start, heard, inflow.unreadable

    at_start, heard, unreadable = asyncio.run(read())
    assert (at_start, unreadable) == (301, 1)
    assert {each.key for each in heard[:301]} == {f"S{number}" for number in range(300)}
    assert [each for each in heard if each.fields is None] == [Heard("catalog", "S2", None)]
    assert heard[-1].key == "late"


def test_records_of_the_view_come_undecoded(ready: Settings) -> None:
    client = producer(ready)
    fields = {"version": 7, "generation": 1, "computed_at": 1, "as_of": 1, "active": True, "channels": []}
    value = CODEC.encode("Availability", {"sku": "S", **fields})
    send(client, ready.topic("availability"), value, b"S")
    client.flush(20)
    heard: list[Heard] = []

    async def read() -> None:
        inflow = Inflow(ready, CODEC, heard.extend)
        inflow.start()
        async with asyncio.timeout(20):
            await inflow.caught_up.wait()
        await inflow.close()

    asyncio.run(read())
    assert heard == [Heard("availability", "S", Undecoded(7, value))]


def test_topics_that_are_missing_end_the_reading(settings: Settings) -> None:
    async def read() -> None:
        inflow = Inflow(settings, CODEC, lambda _: None)
        inflow.start()
        try:
            await asyncio.wait_for(inflow.failed, 20)
        finally:
            await inflow.close()

    with pytest.raises(TopicUnreadable, match="dataflows topics create"):
        asyncio.run(read())


def test_nothing_is_written_while_kafka_is_away(ready: Settings, kafka: KafkaServer) -> None:
    assert kafka.pid is not None
    pid = kafka.pid

    async def write() -> None:
        writer = LedgerWriter(ready, CODEC)
        await writer.write([(b"acme:a:", ledger.record("acme", _slot("a", 1), 1))])
        os.kill(pid, signal.SIGSTOP)
        try:
            writing = asyncio.create_task(
                writer.write([(b"acme:a:", ledger.record("acme", _slot("a", 2), 2))])
            )
            await asyncio.sleep(0.5)
            assert not writing.done()
            assert writer.waiting == 1
        finally:
            os.kill(pid, signal.SIGCONT)
        async with asyncio.timeout(20):
            await writing
        await writer.close()

    asyncio.run(write())
    (fields,) = decoded(CODEC, last_records(ready, ["acme"])["acme"])
    assert fields["desired"] == 2


def test_the_last_that_was_given_stands(ready: Settings) -> None:
    key = ledger.key("acme", "a:b", None)

    async def write() -> list[Slot]:
        writer = LedgerWriter(ready, CODEC)
        give = [
            writer.write([(key, ledger.record("acme", _slot("a:b", units), units))]) for units in range(50)
        ]
        await asyncio.gather(*give)
        await writer.write([])
        gone = ledger.key("acme", "gone", None)
        await writer.write([(gone, ledger.record("acme", _slot("gone", 1), 1)), (gone, None)])
        other = ledger.key("acme:2", "x", None)
        await writer.write([(other, ledger.record("acme:2", _slot("x", 1), 1))])
        await writer.settle()
        assert writer.waiting == 0
        reader = LedgerReader(ready, CODEC)
        slots, nothing, others = await asyncio.gather(
            reader.of("acme"), reader.of("nobody"), reader.of("acme:2")
        )
        assert (nothing, [slot.listing for slot in others]) == ([], ["x"])
        await writer.close()
        return slots

    (slot,) = asyncio.run(write())
    assert (slot.listing, slot.sent) == ("a:b", Fact(49, 9, 1_000))
    assert slot.writes[0].stage is Stage.UNKNOWN
    (fields,) = decoded(CODEC, last_records(ready, ["acme"])["acme"])
    assert fields["desired"] == 49
    whole = ledger.record("acme", _slot("a:b", 49), 49)
    assert CODEC.encode("FeedResult", whole) in [stored.value for stored in read_topic(ready, "feed-results")]
