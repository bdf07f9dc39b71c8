"""The two headers a message may begin with, and whose schema each names.

Avro single-object encoding: C3 01 and the schema's fingerprint. Confluent framing: 00 and the schema's id in
a registry (4 bytes, big-endian), which is asked once an id.
"""

import time
from typing import Any, Protocol

from inventory.reasons import UNDECODABLE
from wire.schemas import Schema, SchemaError, Schemas

SINGLE_OBJECT = b"\xc3\x01"
SINGLE_OBJECT_SIZE = 10
CONFLUENT_SIZE = 5

_ASK_AGAIN_AFTER_S = 30.0


class WireError(Exception):
    """A message is not what the contract says. `code` is a dead-letter code, `reason` is for people."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class RegistryUnavailable(Exception):
    """The schema registry did not answer: wait and try again, nothing is wrong with the message."""


class RegistryClient(Protocol):
    """What is used of `confluent_kafka.schema_registry.SchemaRegistryClient`."""

    def get_schema(self, schema_id: int) -> Any: ...
    def register_schema(self, subject_name: str, schema: Any) -> int: ...


def undecodable(reason: str) -> WireError:
    """The error of a message that cannot be read."""
    return WireError(UNDECODABLE, reason)


class Framing:
    """Finds the writer's schema of a message, and the header for what is written.

    Without a registry client, messages are written in single-object encoding, and Confluent framing cannot
    be read. With one they are written in Confluent framing (subject = the record's full name), and both are
    read.
    """

    def __init__(self, schemas: Schemas, registry: RegistryClient | None = None) -> None:
        self._schemas = schemas
        self._registry = registry
        self._by_id: dict[int, Schema] = {}
        self._refused: dict[int, tuple[float, str]] = {}

    def header(self, schema: Schema) -> bytes:
        """The first bytes of every message written with that schema. Raises RegistryUnavailable."""
        if self._registry is None:
            return SINGLE_OBJECT + schema.fingerprint
        from confluent_kafka.schema_registry import Schema as RegistrySchema

        subject = str(schema.parsed["name"])
        try:
            number = self._registry.register_schema(subject, RegistrySchema(schema.text, "AVRO"))
        except Exception as error:
            raise RegistryUnavailable(f"the schema registry did not accept {subject}: {error}") from error
        self._by_id[number] = schema
        return b"\x00" + number.to_bytes(4, "big")

    def writer(self, message: bytes | memoryview) -> tuple[Schema, int]:
        """The schema that a message was written with, and where its body begins.

        Only the first 10 bytes are looked at. Raises WireError, RegistryUnavailable.
        """
        head = bytes(message[:SINGLE_OBJECT_SIZE])
        if head[:2] == SINGLE_OBJECT:
            if len(head) < SINGLE_OBJECT_SIZE:
                raise undecodable(f"the message ends within its header, after {len(head)} bytes")
            schema = self._schemas.by_fingerprint(head[2:])
            if schema is None:
                crc = head[2:].hex()
                raise undecodable(
                    f"no known schema has fingerprint {crc}: put the writer's into avro/writers"
                )
            return schema, SINGLE_OBJECT_SIZE
        if head[:1] == b"\x00":
            if len(head) < CONFLUENT_SIZE:
                raise undecodable(f"the message ends within its header, after {len(head)} bytes")
            return self._registered(int.from_bytes(head[1:CONFLUENT_SIZE], "big")), CONFLUENT_SIZE
        if not head:
            raise undecodable("the message is empty")
        raise undecodable(
            f"the message begins with {head[:2].hex(' ')}: expected c3 01 (Avro single-object encoding) "
            "or 00 (Confluent framing)"
        )

    def _registered(self, number: int) -> Schema:
        known = self._by_id.get(number)
        if known is not None:
            return known
        if self._registry is None:
            raise undecodable(
                f"the message names schema id {number}, but STOCKTIDE_SCHEMA_REGISTRY_URL is not set"
            )
        asked_at, reason = self._refused.get(number, (0.0, ""))
        if reason and time.monotonic() - asked_at < _ASK_AGAIN_AFTER_S:
            raise undecodable(reason)
        try:
            schema = self._ask(self._registry, number)
        except WireError as error:
            self._refused[number] = (time.monotonic(), error.reason)
            raise
        self._by_id[number] = schema
        return schema

    def _ask(self, registry: RegistryClient, number: int) -> Schema:
        try:
            answer = registry.get_schema(number)
        except Exception as error:
            if getattr(error, "http_status_code", None) == 404:
                raise undecodable(f"the schema registry has no schema with id {number}") from error
            raise RegistryUnavailable(
                f"the schema registry did not answer for id {number}: {error}"
            ) from error
        if answer.schema_type not in (None, "AVRO"):
            raise undecodable(f"schema id {number} is {answer.schema_type}; records of the contract are Avro")
        if answer.references:
            raise undecodable(f"schema id {number} refers to other schemas: register it as one")
        try:
            return self._schemas.register(str(answer.schema_str))
        except SchemaError as error:
            raise undecodable(f"schema id {number}: {error}") from error
