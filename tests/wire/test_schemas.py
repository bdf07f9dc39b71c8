"""The contract's files: documented, unambiguous, readable by every later version."""

import json
import shutil
from pathlib import Path

import pytest

from inventory.columns import LONG_FIELDS, RECORD_NAMES, TEXT_FIELDS, Kind
from wire.check import ambiguous_names, clashes, incompatible, undocumented
from wire.plan import Op, compile_program
from wire.schemas import (
    AVRO_FOLDER,
    Schema,
    SchemaError,
    contract,
    load,
    make_schema,
    read_folder,
    read_history,
)

CURRENT = contract().current
HISTORY = read_history()

# What the first version wrote, for ever: messages with these fingerprints are in topics.
FIRST_VERSION = {
    "Allocation": "566a309f199294d8",
    "AuditEntry": "9556c79452f90e07",
    "Availability": "7d85d4aaa2a33136",
    "CatalogItem": "5b53565e5c6a2034",
    "Channel": "58663ae836273dda",
    "DeadLetter": "126cd9d5aeaa57e2",
    "Exception": "3d6c9c63fe2155e5",
    "ExpectedSupply": "cffd7d678098bb15",
    "FeedResult": "6c19fa76a0b1ab0c",
    "Location": "ad7e433939412f91",
    "Policy": "8ac6fc902209168c",
    "PosTransaction": "44770ebcba103d6c",
    "Reservation": "83e38b19c2235cf7",
    "ReservationDecision": "ffe6b575e1a35e06",
    "SnapshotMarker": "8fefe95fe3c8e4c8",
    "StockCorrection": "3c927d3bd54ed8b1",
    "StockCount": "e04c41c77561dda2",
    "StockMovement": "952ef6accb9490b3",
}


def newest(record: str) -> Schema:
    return next(version[record] for version in reversed(HISTORY.values()) if record in version)


def test_the_first_version_is_as_it_was() -> None:
    assert {name: schema.fingerprint.hex() for name, schema in HISTORY[1].items()} == FIRST_VERSION


@pytest.mark.parametrize("record", CURRENT)
def test_everything_is_documented(record: str) -> None:
    assert undocumented(CURRENT[record].definition) == []


@pytest.mark.parametrize("record", CURRENT)
def test_every_earlier_writer_can_be_read(record: str) -> None:
    for number, version in HISTORY.items():
        if record in version:
            problems = incompatible(CURRENT[record].definition, version[record].definition)
            assert problems == [], f"avro/{record}.avsc cannot read version {number}"


@pytest.mark.parametrize("record", CURRENT)
def test_what_is_written_is_in_the_history(record: str) -> None:
    pair = [("avro", CURRENT[record]), ("the newest in avro/history", newest(record))]
    same = pair[0][1].fingerprint == pair[1][1].fingerprint
    assert same, f"avro/{record}.avsc changed: copy it to a new folder avro/history/{max(HISTORY) + 1}/"
    assert clashes((label, schema.fingerprint, schema.definition) for label, schema in pair) == []


def test_no_two_schemas_have_one_fingerprint() -> None:
    versions = [
        (f"{number}/{name}", schema.fingerprint, schema.definition)
        for number, version in HISTORY.items()
        for name, schema in version.items()
    ]
    assert clashes([*versions, *((name, s.fingerprint, s.definition) for name, s in CURRENT.items())]) == []


def test_no_record_was_dropped_and_no_name_means_two_things() -> None:
    assert {name for version in HISTORY.values() for name in version} == set(CURRENT)
    assert ambiguous_names(schema.definition for schema in CURRENT.values()) == []


def test_a_time_is_a_time_everywhere() -> None:
    for schema in CURRENT.values():
        for field in schema.definition["fields"]:
            if field["name"].endswith("_at") or field["name"] == "log_time":
                assert "timestamp-millis" in json.dumps(field["type"]), f"{schema.record}.{field['name']}"


@pytest.mark.parametrize("kind", RECORD_NAMES)
def test_every_column_has_its_field(kind: Kind) -> None:
    schema = CURRENT[RECORD_NAMES[kind]]
    program = compile_program(schema, LONG_FIELDS[kind], TEXT_FIELDS[kind])
    stored = sorted(
        (path, int(a))
        for path, (op, a, _) in zip(program.paths, program.code, strict=True)
        if op <= Op.INT and a >= 0
    )
    slots = [*enumerate(LONG_FIELDS[kind]), *enumerate(TEXT_FIELDS[kind])]
    assert [(path, slot) for path, slot in stored if path] == sorted((name, slot) for slot, name in slots)


def test_the_fingerprint_is_the_avro_specification_s() -> None:
    # An independent computation, from the specification's own lines.
    table = []
    for i in range(256):
        crc = i
        for _ in range(8):
            crc = (crc >> 1) ^ (0xC15D213AA4D7A795 & -(crc & 1) & 0xFFFF_FFFF_FFFF_FFFF)
        table.append(crc)
    canonical = (
        '{"name":"stocktide.v1.Mini","type":"record","fields":[{"name":"a","type":"long"},'
        '{"name":"b","type":["null","string"]}]}'
    )
    crc = 0xC15D213AA4D7A795
    for byte in canonical.encode():
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    schema = make_schema({
        "type": "record", "name": "Mini", "namespace": "stocktide.v1", "doc": "x", "fields": [
            {"name": "a", "type": {"type": "long", "logicalType": "timestamp-millis"}, "default": 0},
            {"name": "b", "type": ["null", "string"], "default": None},
        ],
    })  # fmt: skip
    assert schema.fingerprint == crc.to_bytes(8, "little")


def test_register_makes_a_writer_known_and_names_what_cannot_be_read() -> None:
    schemas = load()
    definition = json.loads(CURRENT["StockCorrection"].text)
    other = {**definition, "fields": [*definition["fields"], {"name": "shelf", "type": "string"}]}
    assert schemas.by_fingerprint(schemas.register(other).fingerprint) is not None
    assert schemas.register(definition) is schemas.of("StockCorrection")
    for broken, words in (
        ({**definition, "fields": definition["fields"][:-1]}, "reason: not written"),
        ({**definition, "name": "Unheard"}, "no record is called 'Unheard'"),
        ({**definition, "namespace": "other"}, "namespace stocktide.v1"),
        ("{", "not a valid Avro schema"),
        ('"string"', "not the schema of a record"),
    ):
        with pytest.raises(SchemaError, match=words):
            schemas.register(broken)


def test_schemas_of_other_producers_are_read_from_their_folder(tmp_path: Path) -> None:
    shutil.copytree(AVRO_FOLDER, tmp_path / "avro")
    definition = json.loads(CURRENT["Policy"].text)
    definition["fields"] = [field for field in definition["fields"] if field["name"] != "author"]
    (tmp_path / "avro" / "writers").mkdir()
    (tmp_path / "avro" / "writers" / "pricing-team.avsc").write_text(json.dumps(definition))
    known = load(tmp_path / "avro").by_fingerprint(make_schema(definition).fingerprint)
    assert known is not None
    assert known.record == "Policy"
    definition["fields"] = definition["fields"][1:]
    (tmp_path / "avro" / "writers" / "pricing-team.avsc").write_text(json.dumps(definition))
    with pytest.raises(SchemaError, match=r"pricing-team\.avsc: its Policy cannot be read: Policy\.id: not"):
        load(tmp_path / "avro")


def test_a_folder_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="no schemas in"):
        read_folder(tmp_path)
    (tmp_path / "Other.avsc").write_text((AVRO_FOLDER / "Policy.avsc").read_text())
    with pytest.raises(SchemaError, match=r"rename the file to Policy\.avsc"):
        read_folder(tmp_path)
    (tmp_path / "Other.avsc").write_text('{"type": "record"}')
    with pytest.raises(SchemaError, match=r"Other\.avsc is not a valid"):
        read_folder(tmp_path)
