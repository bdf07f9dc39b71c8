"""The model's own tables of fields against the contract, and its Avro against another's."""

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.reference.avro import content, encode, long
from inventory.reference.schema import (
    ENVELOPE,
    ENVELOPED,
    MASTER_DATA,
    Array,
    Enum,
    Field,
    Nested,
    Nullable,
    Record,
    complete,
)

CONTRACT = Path(__file__).parents[2] / "avro"
NAMES = sorted({*ENVELOPED, *MASTER_DATA})


def schema_of(record_name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((CONTRACT / f"{record_name}.avsc").read_text())
    return schema


def outline(fields: tuple[Field, ...]) -> list[Any]:
    """Names and defaults, with the symbols of enums and the fields of records in them."""

    def inside(kind: Any) -> Any:
        match kind:
            case Nullable():
                return ["null", inside(kind.of)]
            case Array():
                return inside(kind.items)
            case Nested():
                return outline(kind.fields)
            case Enum():
                return list(kind.symbols)
        return None

    required = Field("", Enum()).default
    return [
        (name, inside(kind), default is not required, None if default is required else default or None)
        for name, kind, default in fields
    ]


def contract_outline(fields: list[dict[str, Any]], enums: dict[str, list[str]]) -> list[Any]:
    def inside(kind: Any) -> Any:
        if isinstance(kind, list):
            return ["null", inside(kind[1])]
        if isinstance(kind, str):
            return enums.get(kind)
        match kind["type"]:
            case "enum":
                enums[kind["name"]] = kind["symbols"]
                return kind["symbols"]
            case "array":
                return inside(kind["items"])
            case "record":
                return contract_outline(kind["fields"], enums)
        return None

    return [
        (field["name"], inside(field["type"]), "default" in field, field.get("default") or None)
        for field in fields
    ]


@pytest.mark.parametrize("record_name", NAMES)
def test_the_fields_are_those_of_the_contract(record_name: str) -> None:
    fields = {**ENVELOPED, **MASTER_DATA}[record_name]
    assert outline(fields) == contract_outline(schema_of(record_name)["fields"], {})


longs = st.integers(-(2**63), 2**63 - 1)
text = st.text(max_size=8)
reservations = st.fixed_dictionaries(
    {
        "reservation_id": text,
        "line": text,
        "version": longs,
        "action": st.sampled_from(["PLACE", "UPDATE", "CONFIRM", "EXTEND", "SOURCE", "CANCEL", "RELEASE"]),
        "sku": text,
        "channel": text,
        "location": st.none() | text,
        "quantity": longs,
        "commitment": st.sampled_from(["SOFT", "HARD"]),
        "expires_at": st.none() | longs,
        "needed_at": st.none() | longs,
        "mode": st.sampled_from(["FACT", "CHECKED"]),
        "allow_partial": st.booleans(),
        "bundle": st.none() | text,
    }
)


@given(reservations)
def test_the_bytes_of_a_reservation_are_avro(reservation: Record) -> None:
    schema = schema_of("Reservation")
    envelope = [field.name for field in ENVELOPE]
    schema["fields"] = [field for field in schema["fields"] if field["name"] not in envelope]
    for field in schema["fields"]:  # times are plain numbers here
        if isinstance(field["type"], list):
            field["type"] = [kind["type"] if isinstance(kind, dict) else kind for kind in field["type"]]
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), reservation)
    assert content(reservation) == out.getvalue()


def test_numbers_as_the_specification_of_avro_has_them() -> None:
    said = {0: "00", -1: "01", 1: "02", -2: "03", 2: "04", -64: "7f", 64: "8001"}
    assert {number: long(number).hex() for number in said} == said


def test_only_a_reservation_is_ever_written() -> None:
    with pytest.raises(TypeError, match="no field of type Array"):
        encode(Array(Nested()), [])


def test_what_is_left_out_is_its_default() -> None:
    record = complete(MASTER_DATA["CatalogItem"], {"sku": "SKU-1", "more": "than the contract says"})
    assert record is not None
    assert (record["active"], record["style"], list(record["aliases"])) == (True, None, [])
    assert "more" not in record
