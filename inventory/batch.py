"""What goes into `Lane.step`, and what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import Columns, Ints, Kind, Longs, Records
from inventory.decisions import Answer, Standing
from inventory.folding import Carried
from inventory.views import Views

OWN_POS_SALES = -1
"""Carrier of till lines read from this lane's `pos-sales` partition: they are not folded but routed."""


class Clock(NamedTuple):
    """`now`: wall time; `log`: the least log time that all partitions of the lane have reached. Both ms."""

    now: int
    log: int


class Origin(NamedTuple):
    """Where n records were first read: topic code, partition, offset, log time (ms), flags (`admission`)."""

    topic: npt.NDArray[np.uint8]
    partition: Ints
    offset: Longs
    log_time: Longs
    flags: npt.NDArray[np.uint8]


def rows_of(origin: Origin, rows: npt.NDArray[np.int64]) -> Origin:
    """Some rows of an origin."""
    return Origin(
        origin.topic[rows],
        origin.partition[rows],
        origin.offset[rows],
        origin.log_time[rows],
        origin.flags[rows],
    )


class Slice(NamedTuple):
    """n records of one kind. `records[i]` is the whole message to forward, park or dead-letter for row i."""

    kind: Kind
    columns: Columns
    records: Records
    origin: Origin
    carried: Carried


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it was read: master data, parked or dead. `value` None is a tombstone."""

    topic: int
    partition: int
    offset: int
    log_time: int
    flags: int
    value: bytes | None
    key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Master:
    """One master record. `carrier` (-1 none) and `carrier_offset`: the version term that it raises."""

    record: str
    key: str
    value: Mapping[str, Any] | None
    message: Message
    carrier: int
    carrier_offset: int


@dataclass(frozen=True, slots=True)
class Marker:
    """One SnapshotMarker."""

    value: Mapping[str, Any]
    message: Message


class ControlKind(StrEnum):
    """What lanes tell one another beside facts."""

    HELLO = "hello"
    MARKER = "marker"
    CLAIMS = "claims"
    """To the arbiter of aliases: what catalog records claim."""
    ALIASES = "aliases"
    """Aliases that are bound."""
    ITEMS = "items"
    """To the lane of a snapshot batch's marker: items of it that have arrived."""
    COMPLETE = "complete"
    """A snapshot batch is complete."""
    RETIRED = "retired"
    """A tombstone (of a catalog or allocation record) that lay in another lane's partition. It comes back as a
    master record."""
    SUBSCRIBE = "subscribe"
    """To the lanes of a bundle's components: tell what they offer."""
    COMPONENTS = "components"
    """To the lanes of bundles: what their components offer."""


@dataclass(frozen=True, slots=True)
class Control:
    """One word between lanes. `offset` is that of the block that carried it, `carrier` the version term that it
    raises (0 and -1 on the way out)."""

    kind: ControlKind
    payload: Mapping[str, Any]
    offset: int = 0
    carrier: int = -1


@dataclass(slots=True)
class Batch:
    """One micro-batch. `decisions`: what the lane's partition of `reservation-decisions` told. `next_offsets`: of
    `network` and `policies`, by topic name. `masters_ready`: master topics were read to the ends they had at start.
    `caught_up`: nothing more was waiting. `publish`: no gate is closed, and what the lane had decided is read."""

    slices: list[Slice] = field(default_factory=list)
    masters: list[Master] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)
    decisions: list[Standing] = field(default_factory=list)
    markers: list[Marker] = field(default_factory=list)
    next_offsets: dict[str, int] = field(default_factory=dict)
    masters_ready: bool = True
    caught_up: bool = True
    publish: bool = True


class Forward(NamedTuple):
    """Rows of a slice to send on: `rows[j]` goes to lane `lanes[j]`."""

    slice: Slice
    rows: npt.NDArray[np.int64]
    lanes: Ints


class Exploded(NamedTuple):
    """A message of a bundle's sku (of a transaction one line) that lane `lane` is to have as one of a component:
    `sku`, with `each` times the quantity, and `bundle` named in a reservation."""

    message: Message
    lane: int
    sku: str
    each: int
    bundle: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message (or one line of it) of which nothing was applied; `code` of the closed list."""

    code: str
    reason: str
    message: Message
    line: str | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """A business incident, opened or closed. `cause` tells two of one code, sku and location apart."""

    code: str
    sku: str | None
    location: str | None
    cause: str
    opened_at: int
    closed_at: int | None = None
    channel: str | None = None
    source: str | None = None
    correlation_id: str | None = None
    events: tuple[str, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Outputs:
    """`views`: numbers to publish (None: none moved). `decisions`: answers to publish; `standing`: decisions that are
    known to stand, with what their line holds now. `folded`: records folded by kind name. `exploded` is sent after
    `controls`, which say what the bundles are."""

    views: Views | None = None
    forwards: list[Forward] = field(default_factory=list)
    released: list[tuple[int, Message]] = field(default_factory=list)
    controls: list[tuple[int, Control]] = field(default_factory=list)
    exploded: list[Exploded] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    decisions: list[Answer] = field(default_factory=list)
    standing: list[Answer] = field(default_factory=list)
    network_changed: bool = False
    folded: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    parked: int = 0
    waiting: int = 0
