"""What comes in by the topics, beyond what a well-behaved source sends."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

from confluent_kafka.schema_registry import SchemaRegistryClient

from dataflows.__main__ import main
from inventory.murmur import shard_of
from loadtest.verify.command import Verdict
from loadtest.verify.letters import read_letters
from runtime import kafka
from runtime.readback import end_offsets, read_topic
from runtime.settings import Settings
from runtime.topics import create_topics
from tests.dataflows.conftest import RULES
from tests.dataflows.feed import Feed, Place
from tests.dataflows.house import apply_rules, engine, eventually, typed
from wire.codec import Codec

Judge = Callable[..., Verdict]


def test_create_makes_what_check_accepts(settings: Settings) -> None:
    for action, code, says in (
        ("check", 2, "missing"),
        ("create", 0, "created"),
        ("check", 0, ""),
        ("create", 0, ""),
    ):
        ended, said = typed(main, settings, "topics", action)
        assert ended == code
        assert says in said
        assert says or not said


def test_records_of_another_schema_are_dead_letters_and_nothing_else_is(
    ready: Settings, feed: Feed, codec: Codec, judged: Judge, tmp_path: Path
) -> None:
    feed.item("A")
    feed.count("A", 10)
    stray = [
        # a schema of nobody, a framing that nobody has set up, and no Avro at all
        feed.put("stock-movements", b"A", b"\xc3\x01" + b"\xee" * 8 + b"\x02A"),
        feed.put(
            "stock-movements", b"A", b"\x00\x00\x00\x00\x07\x02A"
        ),  # Confluent framing without a registry
        feed.put("reservations", b"A", b"{}"),
        _as_large_as_a_broker_takes(ready),
    ]
    feed.movement("A", "SHIP", 2)
    with engine(ready, tmp_path):
        judged()
        stray.append(feed.send("stock-movements", "CatalogItem", "A", {"sku": "A"}))  # a good record, misled
        eventually(lambda: len(read_letters(ready, codec)) >= len(stray), "the dead letters")
    letters = read_letters(ready, codec)
    assert letters == {
        (place.topic, place.partition, place.offset, None): ("undecodable", place.value) for place in stray
    }


def _as_large_as_a_broker_takes(settings: Settings) -> Place:
    """Its letter is larger than what a topic takes by default."""
    noise = Random(1).randbytes(1_048_400)
    large = kafka.producer(settings, message_max_bytes=2_000_000)
    large.produce(settings.topic_prefix + "pos-sales", noise, b"A", 0)
    assert large.flush(30) == 0
    return Place("pos-sales", 0, 0, noise, b"A")


def test_transactional_producers(
    ready: Settings, feed: Feed, codec: Codec, judged: Judge, tmp_path: Path
) -> None:
    """Their markers take offsets that no message has: a lane must not wait for them."""
    writer = kafka.producer(ready, transactional_id=f"{ready.topic_prefix}x")
    writer.init_transactions(30)
    for units, commit in ((5, True), (99, False), (7, True)):
        writer.begin_transaction()
        for sku in ("A", "B", "C", "D", "E", "F"):
            lane = shard_of(sku) % ready.partitions
            item = codec.encode("CatalogItem", {"sku": sku})
            writer.produce(ready.topic_prefix + "catalog", item, sku.encode(), lane)
        writer.flush(10)
        writer.commit_transaction(30) if commit else writer.abort_transaction(30)
        assert units
    feed.count("A", 5)
    with engine(ready, tmp_path) as running:
        judged()
        assert running.stop() == 0


def test_records_framed_for_a_schema_registry(
    settings: Settings, caught_up: Callable[[], None], tmp_path: Path
) -> None:
    create_topics(settings)
    with _registry() as url:
        framed = settings.replace(schema_registry_url=url)
        apply_rules(RULES, framed, tmp_path)
        codec = Codec(registry=SchemaRegistryClient({"url": url}))
        feed = Feed(framed, codec)
        for place in (feed.item("A"), feed.count("A", 10), feed.movement("A", "SHIP", 4)):
            assert place.value[:1] == b"\x00"
        Feed(settings, Codec()).movement("A", "SHIP", 1)  # the other framing is read as well
        with engine(framed, tmp_path) as running:
            caught_up()
            assert running.stop() == 0
        told = [stored.value or b"" for stored in read_topic(settings, "availability")]
        assert all(value[:1] == b"\x00" for value in told)
        _, last = codec.decode(told[-1])
    assert [shown["pool"] for shown in last["channels"] if shown["channel"] == "web"] == [5 - 1]
    assert sum(end_offsets(settings, ["dead-letters"]).values()) == 0


@contextmanager
def _registry() -> Iterator[str]:
    """As much of a schema registry as its client asks for."""
    schemas: list[dict[str, object]] = []
    guard = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0].split("/")
            self._answer(schemas[int(path[3]) - 1] if path[:3] == ["", "schemas", "ids"] else {})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            schema = {"schema": asked["schema"], "schemaType": "AVRO"}
            with guard:
                if schema not in schemas:
                    schemas.append(schema)
                number = schemas.index(schema) + 1
            self._answer({"id": number, "version": 1, "subject": self.path.split("/")[2], **schema})

        def _answer(self, document: dict[str, object]) -> None:
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("content-type", "application/vnd.schemaregistry.v1+json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
