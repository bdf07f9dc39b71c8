"""From a schema to a flat program: one instruction a value, for the loop in `wire.walk`.

An instruction is (operation, a, b). `a` is the slot that the value is stored in (-1: read and checked, not
stored), or a place in the program.
"""

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from fastavro.schema import expand_schema

from inventory.columns import Ints
from wire.schemas import Schema, SchemaError

MAX_DEPTH = 16
"""Arrays and maps within one another, at most."""


class Op(IntEnum):
    """What an instruction reads. b: of ENUM the number of symbols, of OPTIONAL_* which branch is null."""

    END = 0
    TEXT = 1
    LONG = 2
    OPTIONAL_TEXT = 3
    OPTIONAL_LONG = 4
    ENUM = 5
    BOOLEAN = 6
    INT = 7
    BYTES = 8
    FIXED = 9  # b: bytes
    UNION = 10  # a: first of b entries of `jumps`
    JUMP = 11  # a: where to
    NULL_LONG = 12
    NULL_TEXT = 13
    BLOCK = 14  # of an array or map; a: behind it
    NEXT = 15  # after an item; a: its first instruction
    ROW = 16  # an item that is a row of its own begins
    ROW_END = 17


class Program(NamedTuple):
    """`code` (k, 3) and `jumps` are the program, `paths` (k) the field each instruction reads.

    `rows_within`: whether a row is an item of an array (PosTransaction), not the message.
    """

    code: Ints
    jumps: Ints
    paths: tuple[str, ...]
    rows_within: bool


def compile_program(schema: Schema, longs: Sequence[str] = (), texts: Sequence[str] = ()) -> Program:
    """The program that reads records of a schema and stores the named fields.

    `longs[i]` goes to row i of the long columns, `texts[i]` to row i of the text columns. "a.b" is field b of
    the record, or of the items of the array, in field a. Raises SchemaError where that cannot be.
    """
    return _Compiler(schema, longs, texts).program()


_PLAIN = {
    "string": Op.TEXT,
    "long": Op.LONG,
    "int": Op.INT,
    "boolean": Op.BOOLEAN,
    "bytes": Op.BYTES,
}
_FIXED_SIZES = {"null": 0, "float": 4, "double": 8}
_OPTIONAL = {"string": Op.OPTIONAL_TEXT, "long": Op.OPTIONAL_LONG}


class _Compiler:
    def __init__(self, schema: Schema, longs: Sequence[str], texts: Sequence[str]) -> None:
        self._schema = schema
        self._longs = {path: slot for slot, path in enumerate(longs)}
        self._texts = {path: slot for slot, path in enumerate(texts)}
        self._code: list[tuple[int, int, int]] = []
        self._paths: list[str] = []
        self._jumps: list[int] = []
        self._stored: set[str] = set()
        self._row_arrays: list[str] = []

    def program(self) -> Program:
        root: Any = expand_schema(self._schema.parsed)
        self._record(root, "", 0)
        self._emit(Op.END, "")
        missing = (self._longs.keys() | self._texts.keys()) - self._stored
        if missing:
            raise self._error(f"lacks {', '.join(sorted(missing))}, or they are of another type")
        if self._row_arrays and root["fields"][-1]["name"] != self._row_arrays[0]:
            raise self._error(f"must keep {self._row_arrays[0]} as its last field")
        return Program(
            np.array(self._code, np.int32).reshape(-1, 3),
            np.array(self._jumps, np.int32),
            tuple(self._paths),
            bool(self._row_arrays),
        )

    def _error(self, text: str) -> SchemaError:
        return SchemaError(f"the schema of {self._schema.record} {text}")

    def _emit(self, op: Op, path: str, a: int = 0, b: int = 0) -> int:
        self._code.append((op, a, b))
        self._paths.append(path)
        return len(self._code) - 1

    def _aim(self, instruction: int, target: int) -> None:
        op, _, b = self._code[instruction]
        self._code[instruction] = (op, target, b)

    def _slot(self, path: str, kind: str) -> int:
        columns = self._texts if kind == "string" else self._longs
        if kind not in ("string", "long", "int", "boolean", "enum") or path not in columns:
            return -1
        self._stored.add(path)
        return columns[path]

    def _value(self, node: Any, path: str, depth: int) -> None:
        if isinstance(node, list):
            self._union(node, path, depth)
            return
        kind = node if isinstance(node, str) else node["type"]
        if isinstance(kind, dict | list):
            self._value(kind, path, depth)
        elif kind in _PLAIN:
            self._emit(_PLAIN[kind], path, self._slot(path, kind))
        elif kind in _FIXED_SIZES:
            self._emit(Op.FIXED, path, -1, _FIXED_SIZES[kind])
        elif kind == "fixed":
            self._emit(Op.FIXED, path, -1, node["size"])
        elif kind == "enum":
            self._emit(Op.ENUM, path, self._slot(path, kind), len(node["symbols"]))
        elif kind == "record":
            self._record(node, path, depth)
        elif kind == "array":
            self._block(node["items"], path, depth, keyed=False)
        elif kind == "map":
            self._block(node["values"], path, depth, keyed=True)
        else:
            raise self._error(f"refers to {kind} within itself, which is not supported")

    def _record(self, node: Any, path: str, depth: int) -> None:
        for field in node["fields"]:
            self._value(field["type"], f"{path}.{field['name']}" if path else field["name"], depth)

    def _union(self, branches: list[Any], path: str, depth: int) -> None:
        kinds = [branch if isinstance(branch, str) else branch["type"] for branch in branches]
        other = kinds[1 - kinds.index("null")] if len(kinds) == 2 and "null" in kinds else None
        if isinstance(other, str) and other in _OPTIONAL:
            self._emit(_OPTIONAL[other], path, self._slot(path, other), kinds.index("null"))
            return
        first = len(self._jumps)
        self._emit(Op.UNION, path, first, len(branches))
        self._jumps.extend([0] * len(branches))
        leave = []
        for number, branch in enumerate(branches):
            self._jumps[first + number] = len(self._code)
            self._value(branch, path, depth)
            self._null_out(path, {p for b in branches if b is not branch for p in _paths(b, path)})
            leave.append(self._emit(Op.JUMP, path))
        for jump in leave:
            self._aim(jump, len(self._code))

    def _null_out(self, path: str, absent: set[str]) -> None:
        for field in sorted(absent):
            if field in self._longs:
                self._emit(Op.NULL_LONG, path, self._longs[field])
            if field in self._texts:
                self._emit(Op.NULL_TEXT, path, self._texts[field])

    def _block(self, items: Any, path: str, depth: int, *, keyed: bool) -> None:
        if depth == MAX_DEPTH:
            raise self._error(f"nests more than {MAX_DEPTH} arrays and maps")
        is_row = any(stored.startswith(path + ".") for stored in (*self._longs, *self._texts))
        begin = self._emit(Op.BLOCK, path)
        body = len(self._code)
        if is_row:
            if depth or keyed or self._row_arrays:
                raise self._error("may hold rows in one array of its own fields only")
            self._row_arrays.append(path)
            self._emit(Op.ROW, path)
        if keyed:
            self._emit(Op.TEXT, path, -1)
        self._value(items, path, depth + 1)
        if is_row:
            self._emit(Op.ROW_END, path)
        self._emit(Op.NEXT, path, body)
        self._aim(begin, len(self._code))


def _paths(node: Any, path: str) -> Iterator[str]:
    yield path
    if isinstance(node, dict) and node["type"] == "record":
        for field in node["fields"]:
            yield from _paths(field["type"], f"{path}.{field['name']}")
