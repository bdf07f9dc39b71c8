"""A system's own stock list, read from CSV or Parquet: each row checked, none guessed."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

import polars
from polars.exceptions import PolarsError

from dataflows.reconcile_options import BASES, NEEDED, OPTIONAL
from inventory.counting import AVAILABLE, GROSS, NET
from runtime.exit import Refusal

NUMBERS = dict(zip(BASES, (GROSS, NET, AVAILABLE), strict=True))
"""Of the bases' names."""
_SEPARATORS = ",;\t|"
_MOST = 10**15
_LONGEST = 128


class ListUnusable(Refusal):
    """The file is no stock list; the message says what to write."""


class Listed(NamedTuple):
    """One row. `line` of the file (of Parquet the row, both from 1); `basis` of `NUMBERS`; `at` (ms) when the number
    was taken; `withheld` units that an AVAILABLE number leaves out. `fault`: why it cannot be used, "" if it can."""

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
    frame = _frame(path)
    found = {name.strip().lstrip("\ufeff"): name for name in frame.columns}
    values: dict[str, list[Any]] = {}
    for field in (*NEEDED, *OPTIONAL):
        name = columns.get(field, field)
        if name in found:
            values[field] = frame.get_column(found[name]).to_list()
        elif field in NEEDED or field in columns:
            raise ListUnusable(
                f"{path} has no column {name!r} for the {field}; it has {', '.join(found)}: "
                f"write --columns {field}=NAME"
            )
    n = frame.height
    if n == 0:
        raise ListUnusable(f"{path} has no row but its header: nothing could be compared; export it again")
    first = 1 if path.suffix == ".parquet" else 2
    every = {field: values.get(field, [None] * n) for field in (*NEEDED, *OPTIONAL)}
    return [
        _row(first + i, dict(zip(every, row, strict=True)), basis, at)
        for i, row in enumerate(zip(*every.values(), strict=True))
    ]


def _frame(path: Path) -> polars.DataFrame:
    try:
        if path.suffix == ".parquet":
            return polars.read_parquet(path)
        with path.open(encoding="utf-8-sig") as file:
            head = file.readline()
        separator = max(_SEPARATORS, key=head.count)
        return polars.read_csv(path, separator=separator, infer_schema=False)
    except OSError as error:
        raise ListUnusable(
            f"{path}: {error.strerror or error}; write the path of a list that you may read"
        ) from None
    except (PolarsError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ListUnusable(
            f"{path} cannot be read ({first}): write CSV in UTF-8 with one header line, or Parquet (.parquet)"
        ) from None


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
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError("is not a whole number") from None
    if not number.is_finite() or number != number.to_integral_value() or abs(number) > _MOST:
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
