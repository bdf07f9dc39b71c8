"""The Avro bytes of an event, which break the last tie between two equal versions of a line."""

from typing import Any

from inventory.reference.schema import BOOLEAN, EVENTS, LONG, TEXT, Enum, Nullable, Record, Type


def content(event: Record, record_name: str = "Reservation") -> bytes:
    """The fields after the envelope, in the order of the schema, identifiers as the source wrote them."""
    return b"".join(encode(field.type, event[field.name]) for field in EVENTS[record_name])


def encode(kind: Type, value: Any) -> bytes:
    if isinstance(kind, Nullable):
        return b"\x00" if value is None else b"\x02" + encode(kind.of, value)
    if isinstance(kind, Enum):
        return long(kind.symbols.index(value))
    if kind is TEXT:
        text: bytes = value.encode()
        return long(len(text)) + text
    if kind is LONG:
        return long(value)
    if kind is BOOLEAN:
        return b"\x01" if value else b"\x00"
    raise TypeError(f"a reservation has no field of type {type(kind).__name__}")


def long(number: int) -> bytes:
    """Zigzag, then seven bits a byte, the least significant first."""
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)
