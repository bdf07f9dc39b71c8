"""W1 on stock Bytewax, as its documentation suggests: the built-in Kafka connector, fastavro, `stateful_map` on plain
state, recovery, a batched sink. Positions are keyed by sku and location, so that a snapshot has only what has changed.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.operators import KeyedStream
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from loadtest.peers.arithmetic import Line, Position, line_name, numbers
from loadtest.peers.events import COUNT, KIND, MOVEMENT, Event, decoder
from loadtest.peers.given import OUTPUT, TOPICS, Given
from loadtest.peers.view_writer import View, ViewWriter

_BATCH = 2_000
_HOUR_MS = 3_600_000
_MEMORY_MS = 24 * _HOUR_MS
_BETWEEN = "|"

given = Given.load()
decode = decoder(Path(given.schemas))


@dataclass
class Stock:
    """The state of a sku at a location. `seen`: event ids with their times; `forgot_at`: when old ones went."""

    position: Position = field(default_factory=Position)
    lines: dict[str, Line] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    forgot_at: int = 0
    events: int = 0
    recorded_at: int = 0

    def is_new(self, event: Event) -> bool:
        """False for an event that was seen before."""
        name, at = event["event_id"], event["occurred_at"]
        if name in self.seen:
            return False
        self.seen[name] = at
        if at > self.forgot_at + _HOUR_MS:
            self.seen = {name: seen_at for name, seen_at in self.seen.items() if seen_at > at - _MEMORY_MS}
            self.forgot_at = at
        return True

    def fold(self, event: Event) -> None:
        """Fold an event that is new."""
        self.events += 1
        if event[KIND] == MOVEMENT:
            self.position.move(event)
            self.recorded_at = max(self.recorded_at, event["recorded_at"])
        elif event[KIND] == COUNT:
            self.position.take_count(event)
        else:
            line = line_name(event)
            now = self.position.reserve(event, self.lines.get(line))
            if now is not None:
                self.lines[line] = now


@dataclass(frozen=True)
class Node:
    """What a sku has at one location: its net, and how far that is."""

    location: str
    net: int
    events: int
    recorded_at: int


@cache
def _writer() -> ViewWriter:
    writer = ViewWriter(given)
    writer.tell_first()
    return writer


def by_position(message: KafkaSourceMessage[bytes | None, bytes | None]) -> tuple[str, Event]:
    """The event of a message, keyed by sku and location."""
    _writer()
    assert message.value is not None  # W1 has no tombstones
    event = decode(message.value)
    return event["sku"] + _BETWEEN + event["location"], event


def fold(stock: Stock | None, event: Event) -> tuple[Stock, Node | None]:
    """The stock after an event, and what the sku should know of it (None: nothing has changed)."""
    stock = stock or Stock()
    if not stock.is_new(event):
        return stock, None
    stock.fold(event)
    return stock, Node(event["location"], stock.position.net, stock.events, stock.recorded_at)


def last_by_sku(batch: list[tuple[str, Node | None]]) -> list[tuple[str, Node]]:
    """Of each position in a batch the last word, keyed by sku."""
    last = {key: node for key, node in batch if node is not None}
    return [(key.partition(_BETWEEN)[0], node) for key, node in last.items()]


def gather(nodes: dict[str, Node] | None, node: Node) -> tuple[dict[str, Node], tuple[Node, ...]]:
    """All nodes of a sku after one has changed."""
    nodes = nodes or {}
    nodes[node.location] = node
    return nodes, tuple(nodes.values())


def views(batch: list[tuple[str, tuple[Node, ...]]]) -> list[tuple[str, View]]:
    """Of each sku in a batch the last view."""
    return [(sku, _view(nodes)) for sku, nodes in dict(batch).items()]


def _view(nodes: tuple[Node, ...]) -> View:
    version = sum(node.events for node in nodes)
    recorded_at = max(node.recorded_at for node in nodes)
    return View(version, *numbers({node.location: node.net for node in nodes}), recorded_at)


class RedisPartition(StatelessSinkPartition[tuple[str, View]]):
    """Writes batches of views."""

    def write_batch(self, items: list[tuple[str, View]]) -> None:
        """Of each sku the last one counts."""
        _writer().write(dict(items).items())


class RedisSink(DynamicSink[tuple[str, View]]):
    """Redis, from every worker."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> RedisPartition:
        """The partition of a worker."""
        return RedisPartition()


def message(item: tuple[str, View]) -> KafkaSinkMessage[bytes, bytes]:
    """What the topic gets."""
    return KafkaSinkMessage(item[0].encode(), item[1].message())


flow = Dataflow("w1")
source = kop.input(
    "events",
    flow,
    brokers=[given.bootstrap],
    topics=[given.topic_prefix + topic for topic in TOPICS],
    tail=True,
    batch_size=_BATCH,
    add_config={"fetch.wait.max.ms": "50", "queued.min.messages": "20000"},
)
events: KeyedStream[Event] = op.map("decode", source.oks, by_position)
folded = op.stateful_map("position", events, fold)
nodes: KeyedStream[Node] = op.flat_map_batch("by_sku", folded, last_by_sku)
gathered = op.stateful_map("sku", nodes, gather)
published = op.flat_map_batch("views", gathered, views)
op.output("redis", published, RedisSink())
kop.output(
    "kafka",
    op.map("message", published, message),
    brokers=[given.bootstrap],
    topic=given.topic_prefix + OUTPUT,
    add_config={"linger.ms": "20", "compression.type": "lz4"},
)
