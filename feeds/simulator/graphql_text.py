"""Reads the text of a GraphQL operation: fields, arguments, directives; no schema, no fragments by name."""

import re
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r'[\s,\ufeff]+|#[^\n\r]*|(?P<text>"(?:[^"\\\n]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)'
    r"|(?P<name>[A-Za-z_]\w*)|(?P<mark>\.\.\.|[!$()\[\]{}:=@|&])"
)


class SyntaxFault(Exception):
    """The text is no GraphQL."""


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`, until it is resolved."""

    name: str


@dataclass(slots=True)
class Field:
    """`only_on`: of an inline fragment, the type it is for; its `name` is then "..."."""

    name: str
    alias: str
    arguments: dict[str, Any] = field(default_factory=dict)
    directives: dict[str, dict[str, Any]] = field(default_factory=dict)
    selections: list["Field"] = field(default_factory=list)
    only_on: str | None = None


@dataclass(slots=True)
class Operation:
    """`kind`: query or mutation."""

    kind: str
    name: str | None
    defaults: dict[str, Any]
    directives: dict[str, dict[str, Any]]
    selections: list[Field]


def parse(text: str) -> Operation:
    """The one operation of a text. Raises SyntaxFault."""
    return _Reader(text).operation()


def resolved(value: Any, variables: dict[str, Any]) -> Any:
    """A value with its variables filled in; one that is not given is None."""
    if isinstance(value, Variable):
        return variables.get(value.name)
    if isinstance(value, list):
        return [resolved(each, variables) for each in value]
    if isinstance(value, dict):
        # What names a variable that is not given is as if it were not there.
        return {
            name: resolved(each, variables)
            for name, each in value.items()
            if not isinstance(each, Variable) or each.name in variables
        }
    return value


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise SyntaxFault(f"syntax error, unexpected {text[at]!r} at {at}")
            at = found.end()
            if found.lastgroup:
                self._tokens.append((found.lastgroup, found.group()))
        self._tokens.append(("end", "end of file"))
        self._at = 0

    def _next(self) -> tuple[str, str]:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _sees(self, mark: str) -> bool:
        return self._tokens[self._at] == ("mark", mark)

    def _eat(self, mark: str) -> bool:
        seen = self._sees(mark)
        self._at += seen
        return seen

    def _need(self, mark: str) -> None:
        if not self._eat(mark):
            raise SyntaxFault(f"syntax error, unexpected {self._tokens[self._at][1]}, expecting {mark}")

    def _name(self) -> str:
        kind, text = self._next()
        if kind != "name":
            raise SyntaxFault(f"syntax error, unexpected {text}, expecting a name")
        return text

    def operation(self) -> Operation:
        kind, name, defaults, directives = "query", None, {}, {}
        if not self._sees("{"):
            kind = self._name()
            if kind not in ("query", "mutation"):
                raise SyntaxFault(f"syntax error, unexpected {kind}")
            if self._tokens[self._at][0] == "name":
                name = self._name()
            if self._eat("("):
                defaults = self._variables()
            directives = self._directives()
        selections = self._selections()
        if self._next()[0] != "end":
            raise SyntaxFault("syntax error, one operation is expected")
        return Operation(kind, name, defaults, directives, selections)

    def _variables(self) -> dict[str, Any]:
        defaults = {}
        while not self._eat(")"):
            self._need("$")
            name = self._name()
            self._need(":")
            self._type()
            if self._eat("="):
                defaults[name] = self._value()
        return defaults

    def _type(self) -> None:
        if self._eat("["):
            self._type()
            self._need("]")
        else:
            self._name()
        self._eat("!")

    def _directives(self) -> dict[str, dict[str, Any]]:
        found = {}
        while self._eat("@"):
            name = self._name()
            found[name] = self._arguments()
        return found

    def _arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._eat("("):
            while not self._eat(")"):
                name = self._name()
                self._need(":")
                found[name] = self._value()
        return found

    def _value(self) -> Any:
        if self._eat("$"):
            return Variable(self._name())
        if self._eat("["):
            values = []
            while not self._eat("]"):
                values.append(self._value())
            return values
        if self._eat("{"):
            fields = {}
            while not self._eat("}"):
                name = self._name()
                self._need(":")
                fields[name] = self._value()
            return fields
        kind, text = self._next()
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "name":
            return {"true": True, "false": False, "null": None}.get(text, text)
        raise SyntaxFault(f"syntax error, unexpected {text}")

    def _selections(self) -> list[Field]:
        self._need("{")
        found = []
        while not self._eat("}"):
            found.append(self._field())
        if not found:
            raise SyntaxFault("syntax error, unexpected }")
        return found

    def _field(self) -> Field:
        if self._eat("..."):
            if self._name() != "on":
                raise SyntaxFault("syntax error, this simulator knows inline fragments only")
            only_on = self._name()
            directives = self._directives()
            return Field("...", "...", {}, directives, self._selections(), only_on)
        alias = name = self._name()
        if self._eat(":"):
            name = self._name()
        arguments, directives = self._arguments(), self._directives()
        return Field(name, alias, arguments, directives, self._selections() if self._sees("{") else [])
