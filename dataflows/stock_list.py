"""A system's own stock list, read from CSV or Parquet: each row checked, none guessed."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import polars
from polars.exceptions import PolarsError

from dataflows.delimited import NoTable, read_delimited
from dataflows.reconcile_options import BASES, NEEDED, OPTIONAL
from inventory.counting import AVAILABLE, GROSS, NET
from runtime.exit import Refusal

NUMBERS = dict(zip(BASES, (GROSS, NET, AVAILABLE), strict=True))
"""Of the bases' names."""
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_MOST = 10**15
_LONGEST = 128


class ListUnusable(Refusal):
    """The file is no stock list; the message says what to write."""


class Listed(NamedTuple):
    """One row. `line` of the file on which it begins (of Parquet the row, both from 1); `basis` of `NUMBERS`; `at` (ms)
    when the number was taken; `withheld` units that an AVAILABLE number leaves out. `fault`: why it cannot be used, ""
    if it can."""

    line: int
    sku: str
    location: str
    quantity: int
    basis: int
    at: int
    withheld: int
    fault: str


def read_list(path: Path, columns: Mapping[str, str], basis: str, at: int) -> list[Listed]:
    """The rows of a file. `columns`: what the file calls each of `NEEDED` and `OPTIONAL`, where it is called otherwise;
    `basis` and `at` hold for rows that say nothing themselves. Raises `ListUnusable`."""
    table = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    names = [name.strip() for name in table.names]
    found: dict[str, int] = {}
    for field in (*NEEDED, *OPTIONAL):
        name = columns.get(field, field)
        if names.count(name) > 1:
            raise ListUnusable(
                f"{path} has {names.count(name)} columns {name!r}: let one of them be so called"
            )
        if name in names:
            found[field] = names.index(name)
        elif field in NEEDED or field in columns:
            raise ListUnusable(
                f"{path} has no column {name!r} for the {field}; it has {', '.join(names)}: "
                f"write --columns {field}=NAME"
            )
    if not table.rows:
        raise ListUnusable(f"{path} has no row but its header: nothing could be compared; export it again")
    return [_listed(each, found, basis, at) for each in table.rows]


class _Table(NamedTuple):
    """A file: the `names` of its columns, and for each row its line, its values (where it is short the last are
    missing) and why they are not to be believed."""

    names: Sequence[str]
    rows: Sequence[tuple[int, Sequence[Any], str]]


def _parquet(path: Path) -> _Table:
    try:
        frame = polars.read_parquet(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    except PolarsError as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ListUnusable(
            f"{path} cannot be read as Parquet ({first}): export it again, or write CSV under another ending"
        ) from None
    return _Table(frame.columns, [(i, row, "") for i, row in enumerate(frame.iter_rows(), 1)])


def _csv(path: Path) -> _Table:
    try:
        return _Table(*read_delimited(path))
    except OSError as error:
        raise _unreadable(path, error) from None
    except NoTable as error:
        raise ListUnusable(f"{path} cannot be read: {error}, or Parquet (.parquet)") from None


def _unreadable(path: Path, error: OSError) -> ListUnusable:
    return ListUnusable(f"{path}: {error.strerror or error}; write the path of a list that you may read")


def _listed(each: tuple[int, Sequence[Any], str], found: Mapping[str, int], basis: str, at: int) -> Listed:
    line, values, fault = each
    every = {
        field: values[found[field]] if field in found and found[field] < len(values) else None
        for field in (*NEEDED, *OPTIONAL)
    }
    row = _row(line, every, basis, at)
    return row._replace(fault=fault) if fault else row


def _row(line: int, row: Mapping[str, Any], basis: str, at: int) -> Listed:
    faults: list[str] = []

    def read(field: str, as_: Callable[[Any], Any], missing: Any) -> Any:
        value = row[field]
        if value is None or value == "":
            return missing
        try:
            return as_(value)
        except ValueError as error:
            faults.append(f"{field} {value!r} {error}")
            return missing

    sku, location = (read(field, _identifier, "") for field in ("sku", "location"))
    faults += [f"the {field} is missing" for field in NEEDED if row[field] in (None, "")]
    told = Listed(
        line, sku, location, read("quantity", _whole, 0), read("basis", _basis, NUMBERS[basis]),
        read("as_of", instant_of, at), read("withheld", _whole, 0), "",
    )  # fmt: skip
    if told.withheld and told.basis != AVAILABLE:
        faults.append("withheld goes with the basis AVAILABLE alone")
    return told._replace(fault="; ".join(faults))


def _identifier(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    if len(text.encode()) > _LONGEST:
        raise ValueError(f"is longer than {_LONGEST} bytes")
    return text


def _whole(value: Any) -> int:
    text = str(value).strip()
    number = Decimal(text) if _NUMBER.fullmatch(text) else None
    if number is None or number != number.to_integral_value() or abs(number) > _MOST:
        raise ValueError("is not a whole number")
    return int(number)


def _basis(value: Any) -> int:
    name = str(value).strip().upper()
    if name not in NUMBERS:
        raise ValueError(f"is not one of {', '.join(BASES)}")
    return NUMBERS[name]


def instant_of(value: Any) -> int:
    """An instant (ms) from a text or a date and time. Raises `ValueError` where it has no zone."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            value = None
    if isinstance(value, datetime) and value.tzinfo is not None:
        return int(value.astimezone(UTC).timestamp() * 1000)
    what = "has no zone" if isinstance(value, date) else "is no date and time"
    raise ValueError(f"{what}; write it as 2026-12-24T00:00:00Z")
