"""What the published network document says: which channels and locations there are."""

from typing import Any, NamedTuple
from urllib.parse import quote

import orjson


class NetworkError(ValueError):
    """The document in Redis cannot be read."""


class Channel(NamedTuple):
    """A channel that numbers are published for. `sells_from`: ids of its locations by their ordinal. `near`: the
    ordinals of the channels, deleted ones too, that have a location in common with it, and its own."""

    id: str
    ordinal: int
    sells_from: dict[int, str]
    near: frozenset[int]


class Network(NamedTuple):
    """The channels that are not deleted, by id and by the query string that names them. The ids of all locations and
    channels by ordinal, deleted ones too."""

    channels: dict[str, Channel]
    by_query: dict[bytes, Channel]
    location_names: dict[int, str]
    channel_names: dict[int, str]


def read_network(document: bytes) -> Network:
    """Read `view:network`. Raises NetworkError."""
    try:
        told = orjson.loads(document)
        ordinals = {
            name: place["ordinal"] for name, place in told["locations"].items() if place["status"] == "ACTIVE"
        }
        places = {
            channel["ordinal"]: frozenset(channel["locations"]) for channel in told["channels"].values()
        }
        channels = {
            name: _channel(name, channel, ordinals, places)
            for name, channel in told["channels"].items()
            if channel["status"] == "ACTIVE"
        }
        location_names = {place["ordinal"]: name for name, place in told["locations"].items()}
        channel_names = {channel["ordinal"]: name for name, channel in told["channels"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NetworkError(
            f"view:network cannot be read ({type(error).__name__}: {error}): is another version's engine "
            "writing it?"
        ) from None
    by_query = {f"channel={quote(name, safe='')}".encode(): channel for name, channel in channels.items()}
    return Network(channels, by_query, location_names, channel_names)


def _channel(
    name: str, channel: dict[str, Any], ordinals: dict[str, int], places: dict[int, frozenset[str]]
) -> Channel:
    own = channel["ordinal"]
    sells_from = {ordinals[place]: place for place in channel["locations"] if place in ordinals}
    near = frozenset(other for other, there in places.items() if other == own or there & places[own])
    return Channel(name, own, sells_from, near)
