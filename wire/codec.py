"""Records to messages and back, one at a time: exact, in both framings. (Batches: `wire.decode`.)"""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from fastavro import schemaless_reader, schemaless_writer
from fastavro.validation import validate

from wire.framing import Framing, RegistryClient, RegistryUnavailable, WireError, undecodable
from wire.schemas import Schema, Schemas, contract
from wire.strict import check

__all__ = ["Codec", "RegistryUnavailable", "WireError"]


class Codec:
    """Encodes with the current schema of a record, decodes what any known writer wrote.

    Times are integers (ms since the epoch, UTC) both ways, enumerations their symbols, bytes `bytes`.
    `registry` is a `confluent_kafka.schema_registry` client, for Confluent framing.
    """

    def __init__(self, schemas: Schemas | None = None, registry: RegistryClient | None = None) -> None:
        self.schemas = schemas if schemas is not None else contract()
        self.framing = Framing(self.schemas, registry)
        self._prefixes: dict[str, bytes] = {}

    def encode_prefix(self, record: str) -> bytes:
        """The framing header of a record's messages: 10 bytes, or 5 with a registry.

        For writers that build the body themselves. Raises SchemaError, RegistryUnavailable.
        """
        prefix = self._prefixes.get(record)
        if prefix is None:
            prefix = self._prefixes[record] = self.framing.header(self.schemas.of(record))
        return prefix

    def encode(self, record: str, value: Mapping[str, Any]) -> bytes:
        """A whole message. Fields with a default may be left out, fields the schema lacks are refused.

        Raises WireError (`invalid_event`) if the value does not fit, SchemaError for an unknown record,
        RegistryUnavailable.
        """
        return self.encode_prefix(record) + self.body(record, value)

    def body(self, record: str, value: Mapping[str, Any]) -> bytes:
        """As `encode`, without the framing header."""
        schema = self.schemas.of(record)
        out = BytesIO()
        try:
            if not validate(value, schema.parsed, raise_errors=False):  # much the cheaper of both
                validate(value, schema.parsed, raise_errors=True)
            schemaless_writer(out, schema.parsed, value, strict_allow_default=True)
        except Exception as error:  # fastavro raises what the odd value led to: KeyError, OverflowError, ...
            raise WireError("invalid_event", f"not a valid {record}: {error}") from error
        return out.getvalue()

    def decode(self, data: bytes) -> tuple[str, dict[str, Any]]:
        """The record's name and its value, as the current schema has it.

        The whole message must be one record. Raises WireError (`undecodable`), RegistryUnavailable.
        """
        schema, at = self.framing.writer(data)
        return schema.record, self.read(schema, data, at)

    def decode_own(self, data: bytes) -> dict[str, Any]:
        """The value of a message that the engine has written: its bytes are not looked through before they are read.
        Raises WireError, RegistryUnavailable."""
        return self._value(*self.framing.writer(data), data)

    def read(self, writer: Schema, data: bytes, at: int) -> dict[str, Any]:
        """The value of a message that `framing.writer` has found the schema of. Raises WireError."""
        check(writer, data)
        return self._value(writer, at, data)

    def _value(self, writer: Schema, at: int, data: bytes) -> dict[str, Any]:
        body = data[at:]
        current = self.schemas.of(writer.record)
        source = BytesIO(body)
        try:
            value = schemaless_reader(source, writer.parsed, None if writer is current else current.parsed)
        except Exception as error:  # whatever it stumbles over, the message is at fault
            raise undecodable(f"{writer.record} cannot be read: {type(error).__name__}: {error}") from error
        if source.tell() != len(body):
            raise undecodable(f"{len(body) - source.tell()} bytes follow the {writer.record}")
        if not isinstance(value, dict):
            raise undecodable(f"{writer.record} is not a record")
        return value
