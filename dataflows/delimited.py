"""Delimited text as systems export it: every row with the line on which it begins, and one that cannot be read by
itself."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import NamedTuple

_SEPARATORS = ",;\t|"


class NoTable(ValueError):
    """There is no header, or the file is no text; the message says what to write."""


class Row(NamedTuple):
    """`line` on which it begins, from 1; its `cells`; `fault`: why they are not to be believed, "" if they are."""

    line: int
    cells: list[str]
    fault: str


def read_delimited(path: Path) -> tuple[list[str], list[Row]]:
    """Header and rows. Lines without anything on them are none. Raises `NoTable`, `OSError`."""
    lines = StringIO(_text(path.read_bytes()), newline="").readlines()  # "" ends none at a form feed
    first = next((line for line in lines if line.strip()), "")
    if not first:
        raise NoTable("it is empty: write CSV with one header line")
    rows = _rows(lines, max(_SEPARATORS, key=first.count))
    header = next(rows)
    if header.fault:
        raise NoTable(f"of its header {header.fault}: write CSV with one header line")
    many = len(header.cells)
    return header.cells, [
        row._replace(fault=f"the row has {len(row.cells)} fields and the header {many}")
        if len(row.cells) > many
        else row
        for row in rows
    ]


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise NoTable(f"line {line} is not UTF-8: write CSV in UTF-8") from None


def _rows(lines: Sequence[str], separator: str) -> Iterator[Row]:
    """All rows. Behind one that cannot be read it goes on with the next line: a quote that nobody closes costs its own
    line, and not those that follow."""
    at = 0
    while at < len(lines):
        rest = map(lines.__getitem__, range(at, len(lines)))
        reader = csv.reader(rest, delimiter=separator, strict=True)
        start = at
        try:
            for cells in reader:
                if len(cells) > 1 or "".join(cells).strip():
                    yield Row(start + 1, cells, "")
                start = at + reader.line_num
            return
        except csv.Error as error:
            yield Row(start + 1, [], f"not even the fields can be told apart ({error})")
            at = start + 1
