"""What parked events would do to `on_hand`, if what they wait for were known."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from dataflows.causes import Waiting
from inventory.lane import Lane
from wire.codec import Codec, WireError

_SIGN = {
    "RECEIPT": 1,
    "RETURN": 1,
    "TRANSFER_IN": 1,
    "ADJUST": 1,
    "SHIP": -1,
    "TRANSFER_OUT": -1,
    "STATE_CHANGE": 0,
}

AtPlace = dict[str, list[tuple[str | None, Waiting]]]
"""By location: (canonical sku, None where nobody knows it; the event)."""


def waiting_at(lane: Lane, codec: Codec) -> AtPlace:
    """The parked movements of a lane, by the location that they name, as it is known."""
    found: AtPlace = defaultdict(list)
    for _, parked in lane.parking.all():
        try:
            record, value = codec.decode(parked.message.value or b"")
        except WireError:
            continue  # it will be told as a dead letter when it is judged
        for name, quantity in _effects(record, value, parked.line):
            if quantity:
                waiting = Waiting(quantity, parked.what, parked.identifier, int(value["occurred_at"]))
                sku = None if parked.what == "sku" else lane.masters.owner(str(value["source"]), name) or name
                found[_location(lane, value)].append((sku, waiting))
    return found


def _effects(record: str, value: Mapping[str, Any], line: str | None) -> Iterator[tuple[str, int]]:
    if record == "StockMovement":
        yield str(value["sku"]), _SIGN[value["movement"]] * int(value["quantity"])
    elif record == "StockCorrection":
        yield str(value["sku"]), int(value["quantity"])
    elif record == "PosTransaction":
        for sold in value["lines"]:
            if line is None or sold["line"] == line:
                yield str(sold["sku"]), -int(sold["quantity"])


def _location(lane: Lane, value: Mapping[str, Any]) -> str:
    network, name = lane.masters.network, str(value["location"])
    ordinal = network.location_alias.get((str(value["source"]), name), network.location_ordinal.get(name))
    return name if ordinal is None else network.id_of_location(ordinal)
