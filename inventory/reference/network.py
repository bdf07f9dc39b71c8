"""Locations, channels, and which channel may sell from where."""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from inventory.reference.schema import Record


class Location(NamedTuple):
    id: str
    type: str | None
    region: str | None
    deleted: bool


class Channel(NamedTuple):
    """`selector`: location key -> the values of which one must hold; empty means every location."""

    id: str
    selector: Mapping[str, frozenset[str]]
    deleted: bool

    def selects(self, location: Location) -> bool:
        has = {"id": location.id, "type": location.type, "region": location.region}
        return all(has[key] in values for key, values in self.selector.items())


class Alias(NamedTuple):
    source: str
    identifier: str


def definition_of(record: Record) -> dict[str, Any]:
    """The JSON text of a master record; ValueError where it is not an object."""
    definition = json.loads(record["definition"], parse_float=Decimal)
    if not isinstance(definition, dict):
        raise ValueError("a definition is a JSON object")
    return definition


def read_location(record: Record) -> Location:
    """ValueError where the definition cannot be read."""
    definition = definition_of(record)
    return Location(
        record["id"],
        text_or_none(definition, "type"),
        text_or_none(definition, "region"),
        record["status"] == "DELETED",
    )


def read_channel(record: Record, known: Channel | None) -> Channel:
    """ValueError where the definition cannot be read.

    The demand of a deleted channel stays, so it must stay known where that channel sold from: a record that
    no longer says so leaves it as it was.
    """
    selector = definition_of(record).get("locations")
    deleted = record["status"] == "DELETED"
    if selector is None and deleted:
        return Channel(record["id"], known.selector if known else {}, deleted)
    return Channel(record["id"], read_selector(selector), deleted)


def read_selector(selector: Any) -> dict[str, frozenset[str]]:
    if not isinstance(selector, dict) or not selector.keys() <= {"id", "type", "region"}:
        raise ValueError("locations of a channel are chosen by id, type or region")
    return {key: one_or_many(value) for key, value in selector.items()}


def one_or_many(value: Any) -> frozenset[str]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in values):
        raise ValueError("locations are chosen by text, or a list of texts")
    return frozenset(values)


def read_aliases(record: Record) -> list[Alias]:
    """The aliases of a location or channel; ValueError where they cannot be read."""
    aliases = definition_of(record).get("aliases", [])
    try:
        return [Alias(str(alias["source"]), str(alias["identifier"])) for alias in aliases]
    except (TypeError, KeyError):
        raise ValueError("an alias has a source and an identifier") from None


def text_or_none(definition: Mapping[str, Any], key: str) -> str | None:
    value = definition.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{key} is text")
    return value


class Network:
    """The last record of each location and channel."""

    def __init__(self) -> None:
        self.locations: dict[str, Location] = {}
        self.channels: dict[str, Channel] = {}
        self._sells_from: dict[str, frozenset[Location]] = {}
        self._places: dict[str, frozenset[str]] = {}

    def put_location(self, location: Location) -> None:
        self.locations[location.id] = location
        self._forget()

    def put_channel(self, channel: Channel) -> None:
        self.channels[channel.id] = channel
        self._forget()

    def is_deleted(self, location: str) -> bool:
        return self.locations[location].deleted

    def sells_from(self, channel: str) -> frozenset[Location]:
        """The locations, none of them deleted, that the channel may sell from (of a deleted one: might)."""
        if channel not in self._sells_from:
            selects = self.channels[channel].selects
            self._sells_from[channel] = frozenset(
                location for location in self.locations.values() if not location.deleted and selects(location)
            )
        return self._sells_from[channel]

    def places_of(self, channel: str) -> frozenset[str]:
        """`sells_from`, by id."""
        if channel not in self._places:
            self._places[channel] = frozenset(location.id for location in self.sells_from(channel))
        return self._places[channel]

    def share(self, one: str, other: str) -> bool:
        """Do orders of one channel ask for stock of the other? Its own orders always do."""
        return one == other or not self.sells_from(one).isdisjoint(self.sells_from(other))

    def live_channels(self) -> Iterable[str]:
        return sorted(channel.id for channel in self.channels.values() if not channel.deleted)

    def _forget(self) -> None:
        self._sells_from.clear()
        self._places.clear()
