"""From the published view to the number of each slot.

An account without locations has one number a listing: what its channel may sell. One with locations has a number for
each of the marketplace's: what stands at those of ours that make it up, in the order of the accounts file, and
altogether never more than the channel may sell.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from wire.codec import WireError
from wire.rows_read import read_header, read_nodes, read_parts

_log = logging.getLogger("stocktide.feeds")


class Published(NamedTuple):
    """What was published last of a sku: units by channel, of those that are asked for, in their order."""

    version: int
    available: tuple[int, ...]


class Numbers:
    """The last published numbers of every sku in some channels. The greatest version wins. A record is kept as it came
    until somebody asks for it; then `decode` is called, which raises WireError."""

    def __init__(self, channels: Sequence[str], decode: Callable[[bytes], Mapping[str, Any]]) -> None:
        self._at = {channel: at for at, channel in enumerate(dict.fromkeys(channels))}
        self._decode = decode
        self._last: dict[str, Published] = {}
        self._kept: dict[str, tuple[int, bytes]] = {}
        self._unnamed: set[str] = set()

    def keep(self, sku: str, version: int, record: bytes) -> bool:
        """A record; whether it is news."""
        known = self._kept.get(sku) or self._last.get(sku)
        if known is not None and version <= known[0]:
            return False
        self._last.pop(sku, None)
        self._kept[sku] = version, record
        return True

    def delete(self, sku: str) -> bool:
        """The view has no number of a sku any more: there is nothing to sell. Whether that is news."""
        known = self._known(sku)
        if known is None or not any(known.available):
            return False
        self._last[sku] = Published(known.version + 1, (0,) * len(self._at))
        return True

    def place(self, channel: str) -> int:
        """Where a channel's units stand in `Published`."""
        return self._at[channel]

    def of(self, sku: str) -> Published | None:
        """What was published last; None: nothing was."""
        return self._known(sku)

    def __len__(self) -> int:
        return len(self._last) + len(self._kept)

    def _known(self, sku: str) -> Published | None:
        kept = self._kept.pop(sku, None)
        if kept is not None:
            try:
                self._last[sku] = Published(kept[0], self._units(sku, self._decode(kept[1])))
            except WireError as error:
                _log.error(
                    "a record cannot be read, and is passed over", extra={"sku": sku, "reason": str(error)}
                )
        return self._last.get(sku)

    def _units(self, sku: str, record: Mapping[str, Any]) -> tuple[int, ...]:
        """Of a record, by our channels."""
        found = [-1] * len(self._at)
        for each in record["channels"]:
            at = self._at.get(each["channel"])
            if at is not None:
                found[at] = each["available"]
        if -1 in found:
            self._warn(sku, found)
            return tuple(max(0, units) for units in found)
        return tuple(found)

    def _warn(self, sku: str, found: Sequence[int]) -> None:
        for channel, at in self._at.items():
            if found[at] < 0 and channel not in self._unnamed:
                self._unnamed.add(channel)
                _log.warning(
                    "the view names no such channel, which counts as 0: look at the accounts file and the network",
                    extra={"channel": channel, "sku": sku},
                )


class Places:
    """Our locations by their ordinals in rows, as the network (`view:network`) last said."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = dict.fromkeys(wanted)
        self._unknown: set[str] = set()
        self.ordinals: Mapping[str, int] = {}

    def learn(self, document: bytes | None) -> None:
        """The document that is there now; None: none is. Locations that were deleted hold nothing."""
        told = {} if document is None else json.loads(document)["locations"]
        self.ordinals = {
            name: place["ordinal"] for name, place in told.items() if place["status"] == "ACTIVE"
        }
        missing = [name for name in self._wanted if document and name not in self.ordinals]
        for name in missing:
            if name not in self._unknown:
                _log.warning(
                    "the network has no such location, which counts as 0: look at the accounts file",
                    extra={"location": name},
                )
        self._unknown = set(missing)


class Row(NamedTuple):
    """What a row says of a sku: the units at each of our locations (by ordinal). `bundle`: it has no positions."""

    version: int
    units: Mapping[int, int]
    bundle: bool


def read_row(fields: Mapping[bytes, bytes]) -> Row | None:
    """A row as HGETALL gives it; None: there is none. Raises RowFormatError."""
    if b"c" not in fields:
        return None
    header = read_header(fields[b"c"])
    nodes = read_nodes(dict(fields)) if header.active else []
    parts = read_parts(fields.get(b"k"))
    return Row(header.version, {node.ordinal: node.node_ats for node in nodes}, bool(parts))


def spread(
    locations: Mapping[str, Sequence[str]],
    ordinals: Mapping[str, int],
    units: Mapping[int, int],
    available: int,
) -> dict[str, int]:
    """The number of each of the marketplace's locations: what is at ours, in order, until `available` is used up."""
    left = max(0, available)
    found = {}
    for there, ours in locations.items():
        stands = sum(units.get(ordinals[here], 0) for here in ours if here in ordinals)
        found[there] = min(stands, left)
        left -= found[there]
    return found
