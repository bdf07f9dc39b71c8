"""A foresight written down: tables for a person, CSV and JSON for a program."""

import sys
from collections.abc import Iterator, Mapping
from csv import writer as csv_writer
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import orjson
from rich.console import Console
from rich.table import Table

from rules.effects import Effect, Sum
from rules.foresight import Foresight

COLUMNS = (
    "sku",
    "channel",
    "before",
    "after",
    "change",
    "falls_to_zero",
    "status_before",
    "status_after",
    "causes",
)
OUTPUT = Path("-")
_CAUSES = 25
_SUMS = ("pairs", "units up", "units down", "to zero", "status only")


def write(foresight: Foresight, *, csv: Path | None, json: Path | None, most: int) -> None:
    """Into the files asked for, and the tables to the output, unless one of the files is the output (`-`)."""
    for path, write_as in ((csv, write_csv), (json, write_json)):
        if path == OUTPUT:
            write_as(foresight, sys.stdout)
        elif path is not None:
            with path.open("w", encoding="utf-8", newline="") as file:
                write_as(foresight, file)
    if OUTPUT not in (csv, json):
        print_tables(foresight, most, Console(markup=False, emoji=False, highlight=False))


def write_csv(foresight: Foresight, file: TextIO) -> None:
    """One row a pair that moves, the greatest change first. Empty `before`: the channel had no number of the sku."""
    writer = csv_writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in foresight.effects.sorted():
        writer.writerow(
            (
                each.sku, each.channel, "" if each.before is None else each.before, each.after, each.change,
                int(each.falls_to_zero), each.status_before or "", each.status_after, " ".join(each.causes),
            )
        )  # fmt: skip


def write_json(foresight: Foresight, file: TextIO) -> None:
    """One object, with all pairs in `changes`, the greatest change first."""
    effects = foresight.effects
    told = {
        "skus": foresight.skus,
        "pairs": foresight.pairs,
        "state_of": foresight.since,
        "total": effects.total()._asdict(),
        "by_channel": {name: each._asdict() for name, each in effects.by_channel().items()},
        "by_cause": {name: each._asdict() for name, each in effects.by_cause().items()},
        "published": [
            {"record": change.name, "id": change.record["id"], "act": change.act.value}
            for change in foresight.changes
        ],
        "notes": foresight.notes,
    }
    file.write(orjson.dumps(told).decode()[:-1])
    file.write(',"changes":[')
    for i, each in enumerate(effects.sorted()):
        file.write(("," if i else "") + "\n" + orjson.dumps(_as_object(each)).decode())
    file.write("]}\n")


def print_tables(foresight: Foresight, most: int, console: Console) -> None:
    """The summary, and the `most` greatest changes."""
    effects = foresight.effects
    by_cause = effects.by_cause()
    acts = {change.key: change.act.value for change in foresight.changes}
    if not len(effects):
        many = "record" if len(acts) == 1 else "records"
        what = f"{len(acts)} {many} would be published" if acts else "the file is what is live"
        console.print(f"{what}; none of {foresight.pairs} numbers would change")
    else:
        console.print(_sums("channel", effects.by_channel()))
        shown = dict(islice(by_cause.items(), _CAUSES))
        labels = {name: f"{name} ({acts[name]})" if name in acts else name for name in shown}
        console.print(_sums("because of", {labels[name]: each for name, each in shown.items()}))
        if len(by_cause) > _CAUSES:
            console.print(f"and {len(by_cause) - _CAUSES} more, with fewer units each")
        table = _table("sku", "channel", "#before", "#after", "#change", "", "because of")
        for each in islice(effects.sorted(), most):
            table.add_row(*_as_cells(each))
        if most:
            console.print(table)
        total = effects.total()
        console.print(
            f"{total.pairs} of {foresight.pairs} numbers would change (+{total.up} -{total.down} units), "
            f"{total.to_zero} fall to zero"
            + (f"; the {most} greatest are shown" if total.pairs > most else "")
        )
    rules = [change.key for change in foresight.changes if change.name == "Policy"]
    _print_idle([key for key in rules if key not in by_cause], console)
    for note in foresight.notes:
        console.print(f"note: {note}")


def _print_idle(rules: list[str], console: Console) -> None:
    if rules:
        more = f" and {len(rules) - _CAUSES} more" if len(rules) > _CAUSES else ""
        console.print(f"rules that change no number: {', '.join(rules[:_CAUSES])}{more}")


def _sums(what: str, sums: Mapping[str, Sum]) -> Table:
    table = _table(what, *(f"#{name}" for name in _SUMS))
    for name, each in sums.items():
        table.add_row(name, *map(str, each))
    return table


def _table(*names: str) -> Table:
    """A table; a name with # heads a column of numbers. Identifiers are wrapped, never cut: people copy them."""
    table = Table()
    for name in names:
        numbers = name.startswith("#")
        table.add_column(
            name.lstrip("#"), justify="right" if numbers else "left", overflow="fold", no_wrap=numbers
        )
    return table


def _as_cells(each: Effect) -> Iterator[str]:
    yield from (each.sku, each.channel, "-" if each.before is None else str(each.before), str(each.after))
    yield f"{each.change:+d}"
    yield "falls to zero" if each.falls_to_zero else "" if each.change else f"now {each.status_after}"
    yield " ".join(each.causes)


def _as_object(each: Effect) -> dict[str, Any]:
    return {**each._asdict(), "change": each.change, "falls_to_zero": each.falls_to_zero}
