"""Whole lanes without Kafka and Redis: a simulated log, a simulated clock, and a view that keeps the guard.

Nothing of the engine is replaced: messages are Avro, go through `Intake` and the decoder, and what lanes tell
one another is packed into `routed` as the publisher packs it. Restarts load the sections of a checkpoint.
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from dataflows import decisions, records
from dataflows.intake import CARRIERS, DECISIONS, FACTS, MASTERS, READ, Intake, Raw
from inventory.batch import Clock, DeadLetter, Forward, Incident, Outputs
from inventory.lane import Lane, LaneConfig
from inventory.murmur import shard_of
from inventory.section import Section
from inventory.sections import dump, load
from inventory.views import STATUS, STATUS_NAMES, Views
from wire.codec import Codec
from wire.decode import Decoder
from wire.explosion import component_message
from wire.routed import pack_rows, pack_word
from wire.topics import TOPICS

CODEC = Codec()
TOPIC_OF = {record: topic.name for topic in TOPICS.values() for record in topic.records}

CHANNEL_TERMS = ("available", "status", "view", "pool", "grant", "shared", "shortage", "unmet", "demand")
NODE_TERMS = ("on_hand", "damaged", "quality_control", "blocked", "soft", "hard", "safety_stock")


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as the broker keeps it, with the accessors of the client library."""

    at_partition: int
    at_offset: int
    log_time: int
    at_key: bytes | None
    payload: bytes | None
    at_headers: tuple[tuple[str, bytes], ...] = ()

    def value(self) -> bytes | None:
        return self.payload

    def key(self) -> bytes | None:
        return self.at_key

    def offset(self) -> int:
        return self.at_offset

    def timestamp(self) -> tuple[int, int]:
        return 2, self.log_time

    def partition(self) -> int:
        return self.at_partition

    def headers(self) -> list[tuple[str, bytes]] | None:
        return list(self.at_headers) or None


class Row(NamedTuple):
    """What a reader sees of one sku. Terms by channel and by location; `dated` as in `Views`, in order. `incomplete`:
    locations, `uncertain`: channels."""

    version: int
    as_of: int
    active: bool
    channels: dict[str, dict[str, Any]]
    nodes: dict[str, dict[str, int]]
    dated: tuple[tuple[int, ...], ...]
    parts: dict[str, int]
    incomplete: tuple[str, ...]
    uncertain: tuple[str, ...]

    @property
    def numbers(self) -> tuple[Any, ...]:
        return self[1:]


class View:
    """Rows by sku. A write that is not greater is refused, as in Redis, and none may be smaller or contradict."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.writes = 0
        self.folded: dict[int, dict[str, int]] = {}

    def write(self, sku: str, row: Row) -> None:
        self.writes += 1
        for name, told in row.channels.items():
            assert 0 <= told["view"] <= told["pool"], f"I4: {sku} {name}: {told}"
            others = told["pool"] - told["grant"] - told["shared"]
            assert min(told["grant"], told["shared"], others) >= 0, f"I5: {sku} {name}: {told}"
        stored = self.rows.get(sku)
        if stored is not None:
            assert row.version >= stored.version, f"{sku}: {row.version} after {stored.version}"
            if row.version == stored.version:
                assert row.numbers == stored.numbers, f"{sku}: moved without a greater version"
                return
        self.rows[sku] = row


class Running:
    """One lane, its place in its partitions, and its last checkpoint."""

    def __init__(self, cluster: "Cluster", number: int) -> None:
        self.cluster = cluster
        self.number = number
        self.intake = Intake(Decoder(CODEC), number, cluster.lanes)
        self.saved: list[Section] = []
        self.saved_offsets: dict[str, int] = {}
        self.starts = 0
        self.start()

    def start(self) -> None:
        """From the last checkpoint, or from nothing."""
        cluster = self.cluster
        self.starts += 1
        nonce = f"{self.number}-{self.starts}"
        self.lane = Lane(self.number, cluster.lanes, cluster.config, cluster.generation, nonce)
        if self.saved:
            load(self.lane, iter(self.saved))
            self.next = dict(self.saved_offsets)
        else:
            begins = {
                CARRIERS[topic]: offset for topic, offset in cluster.begins.items() if topic in CARRIERS
            }
            self.lane.begin(cluster.since, begins)
            self.next = dict(cluster.begins)
        self.reached: dict[str, int] = {}
        self.needed = dict(cluster.view.folded.get(self.number, {}))
        self.wanted = {name: len(self.messages(name)) for name in (*MASTERS, DECISIONS)}
        self.reading_facts = bool(self.saved)
        self.masters_ready = False

    def checkpoint(self, *, whole: bool) -> None:
        """Keep the state, or what changed since the last time, as sections; a lane that is not live has none."""
        if not self.lane.live:
            return
        sections = list(dump(self.lane, everything=whole))
        self.saved = sections if whole else self.saved + sections
        self.saved_offsets = dict(self.next)

    def messages(self, topic: str) -> list[Stored]:
        return self.cluster.log[topic, 0 if TOPICS[topic].single else self.number]

    @property
    def reading(self) -> tuple[str, ...]:
        return READ if self.reading_facts else (*MASTERS, "routed", DECISIONS)

    def unread(self) -> int:
        return sum(len(self.messages(t)) - self.next.get(t, 0) for t in READ)

    def poll(self, now: int, most: int) -> Raw:
        """At most `most` messages of each partition."""
        self.reading_facts = self.reading_facts or self.lane.live
        messages = {}
        for topic in self.reading:
            first = self.next.get(topic, 0)
            found = self.messages(topic)[first : first + most]
            if found:
                messages[topic] = found
                self.next[topic] = first + len(found)
                self.reached[topic] = found[-1].log_time
        at_end = {t: self.next.get(t, 0) == len(self.messages(t)) for t in self.reading}
        self.masters_ready = self.masters_ready or all(
            self.next.get(t, 0) >= end for t, end in self.wanted.items()
        )
        log_clock = min(now if at_end[t] else self.reached.get(t, 0) for t in self.reading)
        lag = self.unread()
        return Raw(self.number, messages, dict(self.next), log_clock, self.masters_ready, lag == 0, lag, {})

    def step(self, now: int, most: int) -> Outputs:
        """Read and fold, and send what comes of it."""
        raw = self.poll(now, most)
        batch, unreadable = self.intake.batch(raw)
        self.needed = {t: o for t, o in self.needed.items() if raw.next_offsets.get(t, 0) < o}
        batch.publish = raw.masters_ready and not self.needed
        out = self.lane.step(batch, Clock(now, raw.log_clock))
        self.cluster.publish(self, out, unreadable, now)
        return out


class Cluster:
    """`lanes` lanes over one log. `seed` decides who reads when. `since` (ms): what was dated before may be missing
    from the log; `begins`: first offsets left, by topic, of all partitions. `made`: how many there were in this
    process."""

    made = 0

    def __init__(
        self, lanes: int, *, config: LaneConfig | None = None, generation: int = 1, seed: int = 0,
        since: int | None = None,
    ) -> None:  # fmt: skip
        Cluster.made += 1
        self.since = since
        self.begins: dict[str, int] = {}
        self.lanes = lanes
        self.config = config or LaneConfig()
        self.generation = generation
        self.random = random.Random(seed)
        self.log: defaultdict[tuple[str, int], list[Stored]] = defaultdict(list)
        self.view = View()
        self.letters: dict[tuple[int, int, int, str | None], DeadLetter] = {}
        self.incidents: list[Incident] = []
        self.answers: list[dict[str, Any]] = []
        self.duplicates = 0
        self.running = [Running(self, number) for number in range(lanes)]

    # -- writing the log -----------------------------------------------------------------------------------------

    def append(
        self, topic: str, partition: int, value: bytes | None, key: bytes | None, log_time: int,
        headers: Iterable[tuple[str, Any]] = (),
    ) -> Stored:  # fmt: skip
        messages = self.log[topic, partition]
        messages.append(Stored(partition, len(messages), log_time, key, value, tuple(headers)))
        return messages[-1]

    def tell(
        self, record: str, value: Mapping[str, Any] | None, log_time: int, *, key: str | None = None,
        partition: int | None = None, headers: Iterable[tuple[str, Any]] = (),
    ) -> Stored:  # fmt: skip
        """Write a record where its producer would; `partition` says that the producer was mistaken."""
        key = key_of(record, value) if key is None else key
        if partition is None:
            partition = 0 if TOPICS[TOPIC_OF[record]].single else shard_of(key) % self.lanes
        encoded = None if value is None else CODEC.encode(record, value)
        return self.append(TOPIC_OF[record], partition, encoded, key.encode(), log_time, headers)

    # -- running -------------------------------------------------------------------------------------------------

    def run(self, now: int, most: int = 10_000) -> None:
        """Let every lane read to the end, in random order, until nobody has anything left to say."""
        quiet = 0
        rounds = 0
        while quiet < 2:  # one round more, in which time alone passes
            rounds += 1
            assert rounds < 2000, "the lanes do not come to rest: is one of them waiting for another?"
            busy = False
            for lane in self.random.sample(self.running, self.lanes):
                out = lane.step(now, most)
                busy = busy or bool(
                    out.forwards or out.released or out.controls or out.exploded or out.waiting
                )
            quiet = 0 if busy or any(lane.unread() for lane in self.running) else quiet + 1

    def steps(self, now: int, most: int, count: int) -> None:
        """Some steps of lanes drawn by chance."""
        for _ in range(count):
            self.random.choice(self.running).step(now, most)

    def publish(self, running: Running, out: Outputs, unreadable: list[DeadLetter], now: int) -> None:
        """Outputs, as the publisher sends them."""
        for letter in (*unreadable, *out.dead_letters):
            m = letter.message
            self.letters[m.topic, m.partition, m.offset, records.line_of(letter)] = letter
        self.incidents += out.incidents
        for answer in out.decisions:
            value = decisions.record(answer)
            encoded = CODEC.encode("ReservationDecision", value)
            self.append(DECISIONS, running.number, encoded, value["sku"].encode(), now)
            self.answers.append(value)
        self.duplicates += out.duplicates
        for forward in out.forwards:
            for lane, block in blocks_of(forward):
                self.append("routed", lane, block, None, now)
        for lane, message in out.released:
            origin, packed = records.one_row(message)
            for block in pack_rows(origin, packed, np.zeros(1, np.int64)):
                self.append("routed", lane, block, None, now)
        for lane, control in out.controls:
            word = {"kind": str(control.kind), **control.payload}
            self.append("routed", lane, pack_word(word), None, now)
        for each in out.exploded:
            exploded = component_message(CODEC, each.message.value or b"", each.sku, each.each, each.bundle)
            origin, packed = records.one_row(replace(each.message, value=exploded))
            for block in pack_rows(origin, packed, np.zeros(1, np.int64)):
                self.append("routed", each.lane, block, None, now)
        if out.views is not None:
            self.view.folded[running.number] = dict(running.next)
            for sku, row in rows_of(out.views, running.lane):
                self.view.write(sku, row)

    def parked(self) -> int:
        return sum(len(running.lane.parking) for running in self.running)


def key_of(record: str, value: Mapping[str, Any] | None) -> str:
    assert value is not None
    if record in ("Location", "Channel"):
        return f"{record.lower()}:{value['id']}"
    if record == "SnapshotMarker":
        return str(value["source"])
    return str(value["id" if record == "Policy" else "location" if record == "PosTransaction" else "sku"])


def blocks_of(forward: Forward) -> Iterator[tuple[int, bytes]]:
    for lane in np.unique(forward.lanes).tolist():
        rows = forward.rows[forward.lanes == lane]
        for block in pack_rows(forward.slice.origin, forward.slice.records, rows):
            yield lane, block


def rows_of(views: Views, lane: Lane) -> Iterator[tuple[str, Row]]:
    """The rows of a publication, by sku."""
    network = lane.masters.network
    for i in range(len(views.version)):
        at = int(views.name_at[i])
        sku = views.names[at : at + int(views.name_len[i])].tobytes().decode()
        channels = {}
        for c, ordinal in enumerate(views.channel_ordinal.tolist()):
            terms: dict[str, Any] = dict(zip(CHANNEL_TERMS, views.channels[i, c].tolist(), strict=True))
            terms["status"] = STATUS_NAMES[int(views.channels[i, c, STATUS])]
            channels[network.id_of_channel(ordinal)] = terms
        nodes = {}
        for n in range(int(views.node_start[i]), int(views.node_start[i + 1])):
            location = network.id_of_location(int(views.node_ordinal[n]))
            nodes[location] = dict(zip(NODE_TERMS, views.nodes[n].tolist(), strict=True))
        dated = views.dated[int(views.dated_start[i]) : int(views.dated_start[i + 1])].tolist()
        parts = views.parts[int(views.parts_start[i]) : int(views.parts_start[i + 1])].tobytes()
        in_order = tuple(sorted(map(tuple, dated)))
        made_of = json.loads(parts) if parts else {}
        version, as_of, active = int(views.version[i]), int(views.as_of[i]), bool(views.active[i])
        ordinals = views.incomplete[int(views.incomplete_start[i]) : int(views.incomplete_start[i + 1])]
        assert (np.diff(ordinals) > 0).all(), "ascending"
        incomplete = tuple(map(network.id_of_location, ordinals.tolist()))
        unsure = views.channel_ordinal[views.uncertain[i] != 0].tolist()
        uncertain = tuple(map(network.id_of_channel, unsure))
        yield (
            sku,
            Row(version, as_of, active, channels, nodes, in_order, made_of, incomplete, uncertain),
        )


def location(name: str, ordinal: int, **definition: Any) -> dict[str, Any]:
    """A Location record; `aliases` are (source, identifier) pairs."""
    return _place(name, {"type": "store", "region": None, **definition}, ordinal)


def channel(name: str, ordinal: int, **definition: Any) -> dict[str, Any]:
    """A Channel record."""
    return _place(name, {"locations": {}, **definition}, ordinal)


def _place(name: str, definition: dict[str, Any], ordinal: int) -> dict[str, Any]:
    status = "DELETED" if definition.pop("deleted", False) else "ACTIVE"
    aliases = aliases_of(definition.pop("aliases", ()))
    return {
        "id": name,
        "status": status,
        "definition": json.dumps({**definition, "ordinal": ordinal, "aliases": aliases}),
    }


def aliases_of(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"source": source, "identifier": identifier} for source, identifier in pairs]


__all__ = ["FACTS", "Cluster", "Row", "Running", "Stored", "View", "aliases_of", "channel", "location"]
