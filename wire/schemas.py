"""The contract's schemas: the current one of every record, and those of older and newer writers.

`avro/RECORD.avsc` is what this version reads and writes, `avro/history/NUMBER/RECORD.avsc` what earlier
versions wrote, `avro/writers/ANY-NAME.avsc` what other producers write by schemas of their own. A schema is
known on the wire by its fingerprint, CRC-64-AVRO of its canonical form.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fastavro import parse_schema
from fastavro.schema import SchemaParseException, fingerprint, to_parsing_canonical_form

from wire.check import certain_problems

NAMESPACE = "stocktide.v1"
AVRO_FOLDER = Path(__file__).resolve().parent.parent / "avro"


class SchemaError(Exception):
    """A schema cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """One version of one record; equal only to itself.

    `record` is its short name, `fingerprint` the 8 bytes of the wire (little-endian), `definition` the
    parsed JSON as written, `parsed` what fastavro works with: without logical types, so that times are
    integers (ms) both ways.
    """

    record: str
    fingerprint: bytes
    definition: dict[str, Any]
    parsed: Any

    @property
    def text(self) -> str:
        """The schema as JSON, as a schema registry is given it."""
        return json.dumps(self.definition)


def make_schema(definition: Mapping[str, Any] | str, origin: str = "a schema") -> Schema:
    """Parse a record's schema; `origin` names it in errors. Raises SchemaError."""
    try:
        data = json.loads(definition) if isinstance(definition, str) else dict(definition)
        if not isinstance(data, dict) or data.get("type") != "record":
            raise SchemaError(f"{origin} is not the schema of a record")
        canonical = to_parsing_canonical_form(data)
        parsed: Any = parse_schema(_without_logical_types(data))
    except (ValueError, KeyError, TypeError, SchemaParseException, RecursionError) as error:
        raise SchemaError(f"{origin} is not a valid Avro schema: {error}") from error
    name = str(parsed["name"])
    if not name.startswith(NAMESPACE + "."):
        raise SchemaError(f"{origin} describes {name}; records of the contract are in namespace {NAMESPACE}")
    crc = bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))
    return Schema(name.removeprefix(NAMESPACE + "."), crc, data, parsed)


def _without_logical_types(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: value if key == "default" else _without_logical_types(value)
            for key, value in node.items()
            if key != "logicalType"
        }
    if isinstance(node, list):
        return [_without_logical_types(item) for item in node]
    return node


class Schemas:
    """The current schema of each record, and every writer's schema by fingerprint."""

    def __init__(self, current: Mapping[str, Schema], known: Iterable[Schema] = ()) -> None:
        self.current = dict(current)
        self._by_fingerprint = {schema.fingerprint: schema for schema in self.current.values()}
        for schema in known:
            self._by_fingerprint.setdefault(schema.fingerprint, schema)

    def of(self, record: str) -> Schema:
        """The current schema of a record. Raises SchemaError for an unknown name."""
        schema = self.current.get(record)
        if schema is None:
            raise SchemaError(f"no record is called {record!r}; there are {', '.join(sorted(self.current))}")
        return schema

    def by_fingerprint(self, crc: bytes) -> Schema | None:
        """The schema with that fingerprint (8 bytes, little-endian), if it is known."""
        return self._by_fingerprint.get(crc)

    def register(self, definition: Mapping[str, Any] | str, origin: str = "the writer's schema") -> Schema:
        """Make another writer's schema known; its records are resolved to the current one.

        `origin` names it in errors. Raises SchemaError if the record is not of the contract, or if no record
        so written could be read.
        """
        schema = make_schema(definition, origin)
        problems = certain_problems(self.of(schema.record).definition, schema.definition)
        if problems:
            raise SchemaError(f"{origin}: its {schema.record} cannot be read: {'; '.join(problems)}")
        return self._by_fingerprint.setdefault(schema.fingerprint, schema)


def read_folder(folder: Path) -> dict[str, Schema]:
    """The schemas `*.avsc` of one folder by record; each is named as its record. Raises SchemaError."""
    found = {}
    for path in sorted(folder.glob("*.avsc")):
        schema = make_schema(path.read_text(encoding="utf-8"), str(path))
        if schema.record != path.stem:
            raise SchemaError(f"{path} holds {schema.record}: rename the file to {schema.record}.avsc")
        found[schema.record] = schema
    if not found:
        raise SchemaError(f"no schemas in {folder}: run Stocktide from its repository, with its folder avro/")
    return found


def read_history(folder: Path = AVRO_FOLDER) -> dict[int, dict[str, Schema]]:
    """The earlier versions, by the number of their folder, ascending."""
    numbers = sorted(int(path.name) for path in (folder / "history").iterdir() if path.name.isdigit())
    return {number: read_folder(folder / "history" / str(number)) for number in numbers}


def load(folder: Path = AVRO_FOLDER) -> Schemas:
    """Read the contract from a folder: a registry of its own, to which writers may be added."""
    earlier = (schema for version in read_history(folder).values() for schema in version.values())
    schemas = Schemas(read_folder(folder), earlier)
    for path in sorted((folder / "writers").glob("*.avsc")):
        schemas.register(path.read_text(encoding="utf-8"), str(path))
    return schemas


@cache
def contract() -> Schemas:
    """The contract this process shares, read once."""
    return load()
