"""Picks what a GraphQL operation selected out of objects, and reckons what it costs to ask."""

from collections.abc import Mapping
from typing import Any

from feeds.simulator.graphql_text import Field, resolved


class Unselectable(Exception):
    """A field that the type does not have; `path` leads to it."""

    def __init__(self, message: str, path: list[str], code: str = "undefinedField") -> None:
        super().__init__(message)
        self.path = path
        self.code = code


def select(source: Any, fields: list[Field], variables: dict[str, Any], path: list[str]) -> Any:
    """The selected part of an object (a mapping with `__typename`, its values plain or resolvers), of a list or None.
    Raises Unselectable."""
    if source is None:
        return None
    if isinstance(source, list):
        return [select(each, fields, variables, path) for each in source]
    kind = source["__typename"]
    result: dict[str, Any] = {}
    for field in fields:
        if field.only_on is not None:
            if field.only_on == kind:
                result |= select(source, field.selections, variables, path)
            continue
        here = [*path, field.alias]
        if field.name not in source:
            raise Unselectable(f"Field '{field.name}' doesn't exist on type '{kind}'", here)
        value = source[field.name]
        if callable(value):
            value = value(resolved(field.arguments, variables))
        result[field.alias] = _inner(value, field, variables, here)
    return result


def _inner(value: Any, field: Field, variables: dict[str, Any], path: list[str]) -> Any:
    first = next((each for each in value if each is not None), None) if isinstance(value, list) else value
    if isinstance(first, Mapping):
        if not field.selections:
            message = f"Field must have selections (field '{field.name}' returns {first['__typename']})"
            raise Unselectable(message, path, "selectionMismatch")
        return select(value, field.selections, variables, path)
    if field.selections and first is not None:
        message = f"Selections can't be made on scalars (field '{field.name}')"
        raise Unselectable(message, path, "selectionMismatch")
    return value


def cost(fields: list[Field], variables: dict[str, Any]) -> int:
    """Points a query asks for: 1 an object, those below a list once for each that may come, 2 more for a connection.
    (The published scheme; how it rounds is assumed.)"""
    total = 0
    for field in fields:
        if field.only_on is not None:
            total += cost(field.selections, variables)
            continue
        if not field.selections:
            continue
        arguments = resolved(field.arguments, variables)
        below = cost(field.selections, variables)
        size = arguments.get("first") or arguments.get("last")
        ids = arguments.get("ids")
        if isinstance(ids, list):
            total += len(ids) * (1 + below)
        elif isinstance(size, int):
            total += 2 + size * max(1, below)
        elif field.name in ("nodes", "edges", "quantities", "pageInfo"):
            total += below
        else:
            total += 1 + below
    return total
