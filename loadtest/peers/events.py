"""The records of W1 as the Python peers decode them: fastavro, one dict an event."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastavro import parse_schema, schemaless_reader
from fastavro.schema import fingerprint, to_parsing_canonical_form

Event = dict[str, Any]

MOVEMENT, RESERVATION, COUNT = "StockMovement", "Reservation", "StockCount"
KIND = "kind"
"""The field of an event that says which of the three it is."""

_MARK = b"\xc3\x01"
_HEADER = 10


def decoder(schemas: Path) -> Callable[[bytes], Event]:
    """What makes an event of a message. Raises KeyError on a record that W1 does not have."""
    parsed = {}
    for kind in (MOVEMENT, RESERVATION, COUNT):
        schema = json.loads((schemas / f"{kind}.avsc").read_text("utf-8"))
        rabin = fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
        parsed[_MARK + bytes.fromhex(rabin)] = kind, parse_schema(_plain(schema))

    def decode(message: bytes) -> Event:
        kind, schema = parsed[message[:_HEADER]]
        event: Event = schemaless_reader(io.BytesIO(message[_HEADER:]), schema, None)  # type: ignore[assignment]
        event[KIND] = kind
        return event

    return decode


def _plain(schema: Any) -> Any:
    """Without logical types: times stay whole numbers, and need no `datetime` each."""
    if isinstance(schema, dict):
        return {name: _plain(part) for name, part in schema.items() if name != "logicalType"}
    return [_plain(part) for part in schema] if isinstance(schema, list) else schema
