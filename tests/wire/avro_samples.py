"""Random records of any schema, and an encoder of the tests' own that may split arrays as Avro allows."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from fastavro.schema import expand_schema
from hypothesis import strategies as st

from inventory.columns import LONG_FIELDS, NULL, TEXT_FIELDS, Columns, Kind, Records
from wire.schemas import Schema

TEXTS = st.one_of(st.text(max_size=8), st.text("aé漢🛒", max_size=40), st.just("x" * 200))
LONGS = st.one_of(st.integers(-200, 200), st.integers(int(NULL) + 1, 2**63 - 1), st.just(2**63 - 1))


def values(schema: Schema) -> st.SearchStrategy[Any]:
    """Random values of a record."""
    return _values(expand_schema(schema.parsed))


def _values(node: Any) -> st.SearchStrategy[Any]:
    if isinstance(node, list):
        return st.one_of([_values(branch) for branch in node])
    kind = node if isinstance(node, str) else node["type"]
    if kind == "record":
        return st.fixed_dictionaries({field["name"]: _values(field["type"]) for field in node["fields"]})
    if kind == "array":
        return st.lists(_values(node["items"]), max_size=4)
    if kind == "map":
        return st.dictionaries(TEXTS, _values(node["values"]), max_size=3)
    if kind == "enum":
        return st.sampled_from(node["symbols"])
    plain: dict[str, st.SearchStrategy[Any]] = {
        "null": st.none(), "string": TEXTS, "long": LONGS, "boolean": st.booleans(),
        "int": st.integers(-(2**31), 2**31 - 1), "bytes": st.binary(max_size=20),
    }  # fmt: skip
    return _values(kind) if isinstance(kind, dict | list) else plain[kind]


def zigzag(value: int) -> bytes:
    """A number as Avro writes it."""
    rest = ((value << 1) ^ (value >> 63)) & 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    return bytes([*out, rest])


def encode(schema: Schema, value: Any, blocks: Sequence[int] = ()) -> bytes:
    """A framed message. `blocks`: how many items go into each block of an array, in turn; negative = with its
    size in bytes."""
    body = _encode(expand_schema(schema.parsed), value, blocks)
    return b"\xc3\x01" + schema.fingerprint + body


def _encode(node: Any, value: Any, blocks: Sequence[int]) -> bytes:
    if isinstance(node, list):
        number = next(i for i, branch in enumerate(node) if (branch == "null") == (value is None))
        return zigzag(number) + _encode(node[number], value, blocks)
    kind = node if isinstance(node, str) else node["type"]
    if kind == "record":
        return b"".join(_encode(field["type"], value[field["name"]], blocks) for field in node["fields"])
    if kind == "array":
        return _blocks([_encode(node["items"], item, blocks) for item in value], blocks)
    if kind == "map":
        items = [
            zigzag(len(k.encode())) + k.encode() + _encode(node["values"], v, ()) for k, v in value.items()
        ]
        return _blocks(items, blocks)
    if kind == "enum":
        return zigzag(node["symbols"].index(value))
    if kind in ("string", "bytes"):
        data = value.encode() if isinstance(value, str) else value
        return zigzag(len(data)) + data
    if kind == "boolean":
        return struct.pack("?", value)
    if kind in ("long", "int"):
        return zigzag(value)
    return b"" if kind == "null" else _encode(kind, value, blocks)


def _blocks(items: list[bytes], blocks: Sequence[int]) -> bytes:
    out = b""
    for size in [*blocks, len(items)]:
        block, items = items[: abs(size)], items[abs(size) :]
        if block:
            data = b"".join(block)
            out += zigzag(-len(block)) + zigzag(len(data)) if size < 0 else zigzag(len(block))
            out += data
    return out + b"\x00"


def join(messages: Sequence[bytes | None]) -> Records:
    """Messages as the decoder takes them."""
    sizes = np.array([len(message or b"") for message in messages], np.int64)
    end = np.cumsum(sizes)
    start = end - sizes
    end[[message is None for message in messages]] = -1
    return Records(np.frombuffer(bytearray(b"".join(m or b"" for m in messages)), np.uint8), start, end)


def row(kind: Kind, columns: Columns, number: int) -> dict[str, Any]:
    """A row of columns by field: numbers, texts, None."""
    found: dict[str, Any] = {}
    for slot, name in enumerate(LONG_FIELDS[kind]):
        number_there = int(columns.longs[slot, number])
        found[name] = None if number_there == NULL else number_there
    for slot, name in enumerate(TEXT_FIELDS[kind]):
        at, length = int(columns.text_at[slot, number]), int(columns.text_len[slot, number])
        found[name] = None if length < 0 else columns.buf[at : at + length].tobytes().decode()
    return found


def rows_of(kind: Kind, schema: Schema, value: dict[str, Any]) -> list[dict[str, Any]]:
    """What `row` should say of a record as fastavro reads it."""
    if kind is Kind.POS_LINE:
        return [_row(kind, schema, {**value, "lines": line}) for line in value["lines"]]
    return [_row(kind, schema, value)]


def _row(kind: Kind, schema: Schema, value: dict[str, Any]) -> dict[str, Any]:
    symbols = _symbols(expand_schema(schema.parsed), "")
    found: dict[str, Any] = {}
    for name in (*LONG_FIELDS[kind], *TEXT_FIELDS[kind]):
        item: Any = value
        for part in name.split("."):
            item = item[part] if item is not None else None
        found[name] = symbols[name].index(item) if name in symbols else int(item) if item is True else item
        if item is False:
            found[name] = 0
    return found


def _symbols(node: Any, path: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for field in node["fields"]:
        kind, name = field["type"], path + field["name"]
        inner = kind["items"] if isinstance(kind, dict) and kind["type"] == "array" else kind
        if isinstance(inner, dict) and inner["type"] == "enum":
            found[name] = inner["symbols"]
        if isinstance(inner, dict) and inner["type"] == "record":
            found |= _symbols(inner, name + ".")
    return found
