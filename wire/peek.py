"""What a record of `availability` is about, without decoding it: for readers that need few of many."""

from wire.codec import Codec
from wire.framing import undecodable

_RECORD = "Availability"
_FIRST = ["sku", "version"]


def sku_and_version(codec: Codec, data: bytes) -> tuple[str, int]:
    """Of one message. Raises WireError (`undecodable`), RegistryUnavailable."""
    schema, at = codec.framing.writer(data)
    if schema.record != _RECORD or [each["name"] for each in schema.parsed["fields"][:2]] != _FIRST:
        raise undecodable(f"{schema.record} is not an {_RECORD}")
    try:
        length, at = _long(data, at)
        version, _ = _long(data, at + length)
        return data[at : at + length].decode(), version
    except (IndexError, UnicodeDecodeError) as error:
        raise undecodable(f"{_RECORD} cannot be read: {error}") from error


def _long(data: bytes, at: int) -> tuple[int, int]:
    """A zigzag variable-length long, and the byte behind it."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7
