"""What the contract promises about its schemas, as functions that list what breaks the promise.

An empty list is a kept promise. Definitions are the parsed JSON of `.avsc` files.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from fastavro.schema import expand_schema

_PROMOTIONS = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}


class Problem(NamedTuple):
    """`certain`: no record can be read; else only those that hold the value in question."""

    text: str
    certain: bool


def incompatible(reader: Mapping[str, Any], writer: Mapping[str, Any]) -> list[str]:
    """Why records of schema `writer` cannot all be read with schema `reader`; empty if they can."""
    return [problem.text for problem in _compare(_expanded(reader), _expanded(writer), str(reader["name"]))]


def certain_problems(reader: Mapping[str, Any], writer: Mapping[str, Any]) -> list[str]:
    """As `incompatible`, without what concerns only some values, such as a symbol the reader lacks."""
    found = _compare(_expanded(reader), _expanded(writer), str(reader["name"]))
    return [problem.text for problem in found if problem.certain]


def undocumented(definition: Mapping[str, Any]) -> list[str]:
    """The records, fields and enumerations of a schema that have no `doc`."""
    nodes = _documented_nodes(dict(definition), "")
    return [where for where, node in nodes if not str(node.get("doc", "")).strip()]


def clashes(versions: Iterable[tuple[str, bytes, Mapping[str, Any]]]) -> list[str]:
    """Pairs of (label, fingerprint, definition) that differ and yet have one fingerprint.

    A fingerprint does not cover defaults, logical types and aliases; a reader could not tell the two apart.
    """
    first: dict[bytes, tuple[str, Any]] = {}
    found = []
    for label, crc, definition in versions:
        bare = _without_docs(definition)
        other, known = first.setdefault(crc, (label, bare))
        if known != bare:
            found.append(f"{label} and {other} differ but have one fingerprint: rename or add a field too")
    return found


def ambiguous_names(definitions: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of nested types that mean different things in different places."""
    meaning: dict[str, Any] = {}
    found = []
    for definition in definitions:
        for node in _named_types(dict(definition)):
            shape = (node["type"], node.get("symbols"), _without_docs(node.get("fields")))
            if meaning.setdefault(node["name"], shape) != shape:
                found.append(f"{node['name']} has two meanings; one of them is in {definition['name']}")
    return found


def _expanded(definition: Mapping[str, Any]) -> Any:
    return expand_schema(dict(definition))


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _type(node: Any) -> str:
    if isinstance(node, list):
        return "union"
    kind = node["type"] if isinstance(node, dict) else node
    return _type(kind) if isinstance(kind, dict | list) else str(kind)


def _compare(reader: Any, writer: Any, where: str) -> Iterator[Problem]:
    kinds = _type(reader), _type(writer)
    if kinds[1] == "union":
        yield from _compare_writer_union(reader, _branches(writer), where)
    elif kinds[0] == "union":
        if not any(_readable(branch, writer) for branch in _branches(reader)):
            yield Problem(f"{where}: {kinds[1]} is none of the types it may be", True)
    elif kinds[0] != kinds[1]:
        if kinds[0] not in _PROMOTIONS.get(kinds[1], ()):
            yield Problem(f"{where}: {kinds[1]} cannot be read as {kinds[0]}", True)
    elif kinds[0] == "record":
        yield from _compare_records(reader, writer, where)
    elif kinds[0] == "enum":
        yield from _compare_enums(reader, writer, where)
    elif kinds[0] == "array":
        yield from _compare(reader["items"], writer["items"], where + "[]")
    elif kinds[0] == "map":
        yield from _compare(reader["values"], writer["values"], where + "{}")
    elif kinds[0] == "fixed" and reader["size"] != writer["size"]:
        yield Problem(f"{where}: fixed of {writer['size']} bytes, expected {reader['size']}", True)
    yield from _compare_logical_types(reader, writer, where)


def _branches(node: Any) -> list[Any]:
    branches = node if isinstance(node, list) else node["type"]
    return list(branches)


def _readable(reader: Any, writer: Any) -> bool:
    return not list(_compare(reader, writer, ""))


def _compare_writer_union(reader: Any, branches: list[Any], where: str) -> Iterator[Problem]:
    unreadable = [branch for branch in branches if not _readable(reader, branch)]
    for branch in unreadable:
        yield Problem(f"{where}: {_type(branch)} cannot be read here", len(unreadable) == len(branches))


def _compare_records(reader: Any, writer: Any, where: str) -> Iterator[Problem]:
    if _short(reader["name"]) not in {_short(writer["name"])}:
        yield Problem(f"{where}: record {writer['name']} is not {reader['name']}", True)
        return
    written = {field["name"]: field for field in writer["fields"]}
    for field in reader["fields"]:
        names = [field["name"], *field.get("aliases", ())]
        source = next((written[name] for name in names if name in written), None)
        path = f"{where}.{field['name']}"
        if source is not None:
            yield from _compare(field["type"], source["type"], path)
        elif "default" not in field:
            yield Problem(f"{path}: not written, and it has no default", True)


def _compare_enums(reader: Any, writer: Any, where: str) -> Iterator[Problem]:
    unknown = set(writer["symbols"]) - set(reader["symbols"])
    if unknown and "default" not in reader:
        certain = unknown == set(writer["symbols"])
        yield Problem(f"{where}: {', '.join(sorted(unknown))} of {writer['name']} is unknown here", certain)


def _compare_logical_types(reader: Any, writer: Any, where: str) -> Iterator[Problem]:
    written = writer.get("logicalType") if isinstance(writer, dict) else None
    expected = reader.get("logicalType") if isinstance(reader, dict) else None
    if written is not None and expected is not None and written != expected:
        yield Problem(f"{where}: {written} is not {expected}", True)


def _documented_nodes(node: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(node, list):
        for branch in node:
            yield from _documented_nodes(branch, where)
    elif isinstance(node, dict):
        kind = node["type"]
        if kind in ("record", "enum"):
            where = f"{where}:{node['name']}" if where else node["name"]
            yield where, node
        for field in node.get("fields", ()):
            yield f"{where}.{field['name']}", field
            yield from _documented_nodes(field["type"], f"{where}.{field['name']}")
        for inner in ("items", "values"):
            yield from _documented_nodes(node.get(inner), where)


def _named_types(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        if node.get("type") in ("record", "enum", "fixed"):
            yield node
        for key in ("type", "items", "values", "fields"):
            yield from _named_types(node.get(key))
    elif isinstance(node, list):
        for item in node:
            yield from _named_types(item)


def _without_docs(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: _without_docs(value) for key, value in node.items() if key != "doc"}
    if isinstance(node, list):
        return [_without_docs(item) for item in node]
    return node
