"""How settings speak to people: the table for `--help`, the line of an error, the nearest name."""

import difflib
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic.fields import FieldInfo

from runtime.redaction import redact


def table(fields: Mapping[str, FieldInfo], prefix: str, config_variable: str, default_file: str) -> str:
    """All settings, one entry a setting: variable, default with unit, meaning."""
    rows = [
        (prefix + name.upper(), _default(field), field.description or "") for name, field in fields.items()
    ]
    name_width = max(len(row[0]) for row in rows)
    default_width = max(len(row[1]) for row in rows)
    indent = " " * (name_width + default_width + 4)
    lines = [
        f"Settings: variables, or keys (lower case, without {prefix}) of the TOML file that",
        f"{config_variable} names, else of ./{default_file}. Variables win.",
        "",
    ]
    for name, default, description in rows:
        head = f"{name:<{name_width}}  {default:<{default_width}}  "
        lines += textwrap.wrap(description, width=110, initial_indent=head, subsequent_indent=indent)
    return "\n".join(lines)


def fault(name: str, field: FieldInfo | None, value: object, message: str, prefix: str) -> str:
    """One line for one wrong value: name, value, what is wrong, what to write."""
    variable = prefix + name.upper()
    if field is None:
        return f"{variable}: {message}"
    message = message.replace("Input should be", "should be").replace("String should", "should")
    return (
        f"{variable}={redact(str(value))}: {message.split(' pattern ')[0]}; write {_extra(field, 'write')}"
        f" (default: {_default(field)})"
    )


def closest(name: str, known: Iterable[str]) -> str:
    """`did you mean X?`, or where to find all names."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else "`--help` of every command lists all settings"


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or value == "":
        return "not set"
    text = value.as_posix() if isinstance(value, Path) else str(value)
    unit = _extra(field, "unit")
    return f"{text} {unit}" if unit else text


def _extra(field: FieldInfo, key: str) -> str:
    extra = field.json_schema_extra
    return str(extra.get(key, "")) if isinstance(extra, dict) else ""
