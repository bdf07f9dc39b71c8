"""The checks themselves: each finds what it is for."""

from typing import Any

import pytest

from wire.check import ambiguous_names, certain_problems, clashes, incompatible, undocumented


def record(*fields: dict[str, Any], name: str = "R") -> dict[str, Any]:
    return {"type": "record", "name": name, "namespace": "stocktide.v1", "doc": "x", "fields": list(fields)}


def field(kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": "a", "type": kind, "doc": "x", **more}


def enum(*symbols: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": "E", "doc": "x", "symbols": list(symbols), **more}


MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}


@pytest.mark.parametrize(
    ("reader", "writer"),
    [
        (field("long"), field("int")),
        (field("double"), field("long")),
        (field("bytes"), field("string")),
        (field(["null", "string"]), field("string")),
        (field(["null", "long"]), field("int")),
        (field(["null", "string"]), field(["string", "null"])),
        (field("long", default=1), {"name": "b", "type": "string"}),
        (field("long", aliases=["b"]), {"name": "b", "type": "long"}),
        (field(enum("X", "Y")), field(enum("X"))),
        (field(enum("X", default="X")), field(enum("X", "Y"))),
        (field({"type": "array", "items": "long"}), field({"type": "array", "items": "int"})),
        (field(MILLIS), field("long")),
        (field(record(field("long"), name="S")), field(record(field("int"), name="S"))),
    ],
)
def test_these_can_be_read(reader: dict[str, Any], writer: dict[str, Any]) -> None:
    assert incompatible(record(reader), record(writer)) == []


@pytest.mark.parametrize(
    ("reader", "writer", "words"),
    [
        (field("int"), field("long"), "R.a: long cannot be read as int"),
        (field("string"), field("long"), "R.a: long cannot be read as string"),
        (field("long"), {"name": "b", "type": "long"}, "R.a: not written"),
        (field(["null", "string"]), field("long"), "none of the types"),
        (field(MILLIS), field(MICROS), "timestamp-micros is not timestamp-millis"),
        (field(record(field("long"), name="S")), field(record(field("long"), name="T")), "T is not"),
        (field({"type": "map", "values": "long"}), field({"type": "map", "values": "string"}), "R.a{}"),
        (field({"type": "array", "items": "long"}), field({"type": "array", "items": "string"}), r"R.a[]"),
        (
            field({"type": "fixed", "name": "F", "size": 2}),
            field({"type": "fixed", "name": "F", "size": 3}),
            "3",
        ),
    ],
)
def test_these_can_never_be_read(reader: dict[str, Any], writer: dict[str, Any], words: str) -> None:
    (problem,) = incompatible(record(reader), record(writer))
    assert words in problem
    assert certain_problems(record(reader), record(writer)) == [problem]


@pytest.mark.parametrize(
    ("reader", "writer"),
    [
        (field(enum("X")), field(enum("X", "Y"))),
        (field("string"), field(["null", "string"])),
    ],
)
def test_these_can_be_read_sometimes(reader: dict[str, Any], writer: dict[str, Any]) -> None:
    assert len(incompatible(record(reader), record(writer))) == 1
    assert certain_problems(record(reader), record(writer)) == []


def test_what_is_not_documented_is_named() -> None:
    nested = {"type": "record", "name": "S", "fields": [{"name": "b", "type": ["null", enum("X", doc=" ")]}]}
    definition = record(
        field("long", doc=""), {"name": "c", "type": {"type": "array", "items": nested}, "doc": "x"}
    )
    assert undocumented(definition) == ["R.a", "R.c:S", "R.c:S.b", "R.c:S.b:E"]


def test_schemas_that_differ_in_a_default_alone_clash() -> None:
    one, same, other = record(field("long")), record(field("long", doc="y")), record(field("long", default=1))
    assert clashes([("one", b"f", one), ("same", b"f", same), ("apart", b"g", other)]) == []
    assert len(clashes([("one", b"f", one), ("other", b"f", other)])) == 1


def test_a_name_with_two_meanings_is_found() -> None:
    one, other = record(field(enum("X"))), record(field(enum("X", "Y")), name="Q")
    assert ambiguous_names([one, record(field(enum("X", doc="z")), name="Q")]) == []
    assert len(ambiguous_names([one, other])) == 1
