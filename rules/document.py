"""A rules file, read: plain values, each entry with its place in the file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from inventory.layers import Layer


class Place(NamedTuple):
    """Where something stands in the file; both count from 1."""

    line: int
    column: int


class Problem(NamedTuple):
    """What is wrong at a place, and what to write instead."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place.line}:{self.place.column}: {self.message}"


class Named(NamedTuple):
    """A text that names something else (a channel, a location, a type), and where it stands."""

    text: str
    place: Place


class Alias(NamedTuple):
    """What one source calls a location or channel."""

    source: str
    identifier: str
    place: Place


@dataclass(frozen=True)
class LocationEntry:
    """One of `locations`."""

    id: str
    type: str
    region: str | None
    aliases: tuple[Alias, ...]
    place: Place


@dataclass(frozen=True)
class ChannelEntry:
    """One of `channels`. `selector` maps id, type or region to the values that may be; all must hold."""

    id: str
    selector: Mapping[str, tuple[Named, ...]]
    aliases: tuple[Alias, ...]
    place: Place


@dataclass(frozen=True)
class RuleEntry:
    """One rule. `values`: whole numbers and instants (ms) as int, decimals as text without needless zeros.

    `conditions` are those of `match` but the attributes. `fields` says where each key of the rule stands.
    """

    id: str
    layer: Layer
    values: Mapping[str, int | str]
    conditions: Mapping[str, Named]
    attributes: Mapping[str, str]
    channel: Named | None
    valid_from: int | None
    valid_to: int | None
    place: Place
    fields: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True)
class Document:
    """A whole file, in its order."""

    locations: tuple[LocationEntry, ...]
    channels: tuple[ChannelEntry, ...]
    rules: tuple[RuleEntry, ...]
