"""The report of a reconciliation: a table for people who act (CSV), and a page for people who look for the pattern."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple, TextIO

from dataflows.causes import ACTIONS, Cause, time_of
from dataflows.findings import Finding, Findings
from dataflows.stock_list import NUMBERS

COLUMNS = (
    "class", "sku", "location", "category", "difference", "system_quantity", "basis", "engine_on_hand", "as_of",
    "last_counted_by", "system_sku", "system_location", "line", "evidence", "action",
)  # fmt: skip
_BASIS = {number: name for name, number in NUMBERS.items()}
_LARGEST, _GROUPS = 200, 25

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1c2430}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}p.note{background:#fff6dc;padding:.5rem .8rem;border-radius:4px}
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;padding:.25rem .6rem;
border-bottom:1px solid #dde2ea;vertical-align:top}th{background:#f3f5f8}td.n,th.n{text-align:right;
font-variant-numeric:tabular-nums;white-space:nowrap}
.bar{background:#5b7fb5;height:.7rem;margin-top:.35rem;display:block;min-width:1px}div.wide{overflow-x:auto}
dl{display:flex;flex-wrap:wrap;gap:1rem}dl div{background:#f3f5f8;padding:.6rem 1rem;border-radius:4px}
dt{font-size:.8rem;color:#5a6576}dd{margin:0;font-size:1.3rem}
@media(max-width:50rem){.bar{display:none}table{min-width:30rem}}
@media print{body{margin:0;max-width:none}tr{break-inside:avoid}}
"""


class Heading(NamedTuple):
    """What was compared: the file's name, the source, when (ms), and what the reader must know."""

    file: str
    source: str
    made_at: int
    notes: Sequence[str]


def write_csv(findings: Findings, file: TextIO) -> None:
    """One row a difference, most units first."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in findings.findings:
        found, listed = each.found, each.found.listed
        writer.writerow(
            (
                each.cause, found.sku, found.location, found.category, _number(each.difference),
                _number(found.quantity), "" if listed is None else _BASIS[listed.basis], _number(found.on_hand),
                time_of(found.at), each.counted_by, *(("", "", "") if listed is None else
                (listed.sku, listed.location, listed.line)), each.evidence, each.action,
            )
        )  # fmt: skip


def write_html(findings: Findings, heading: Heading, file: TextIO) -> None:
    """One page that needs nothing else: the sums, the pattern, the largest differences."""
    title = f"Reconciliation of {escape(heading.file)} ({escape(heading.source)})"
    file.write(f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>')
    file.write('<meta name="viewport" content="width=device-width,initial-scale=1">')
    file.write(f"<style>{_STYLE}</style><h1>{title}</h1>")
    file.write(
        f"<p>Made {time_of(heading.made_at)}. A difference is what the system has more than the engine, in "
    )
    file.write("physical units, as of the time that each row is of.</p>")
    for note in heading.notes:
        file.write(f'<p class="note">{escape(note)}</p>')
    comparison = findings.comparison
    file.write("<dl>")
    for name, value in (
        ("rows in the list", comparison.rows),
        ("places compared", comparison.places),
        ("agree", findings.agreeing),
        ("differences", len(findings.findings)),
        ("to act on", findings.to_act_on),
    ):
        file.write(f"<div><dt>{name}</dt><dd>{value}</dd></div>")
    file.write("</dl>")
    _classes(findings, file)
    for name, groups in (
        ("location", findings.by(lambda each: each.found.location)),
        ("category", findings.by(lambda each: each.found.category)),
        ("source of the last count", findings.by(lambda each: each.counted_by)),
    ):
        _pattern(name, groups, file)
    _largest(findings.findings, file)
    file.write("</html>\n")


def _classes(findings: Findings, file: TextIO) -> None:
    by_cause = findings.by_cause()
    rows = [
        (escape(cause), str(n), str(units), _bar(units, by_cause.values()), escape(ACTIONS[cause]))
        for cause, (n, units) in by_cause.items()
    ]
    _table("By class", ("class", "#differences", "#units", "", "what to do"), rows, file)


def _pattern(name: str, groups: Sequence[tuple[str, Mapping[Cause, int], int]], file: TextIO) -> None:
    all_units = [(0, units) for _, _, units in groups]
    rows = [
        (
            escape(group), str(sum(causes.values())), str(units), _bar(units, all_units),
            escape(", ".join(f"{n} {cause}" for cause, n in sorted(causes.items(), key=lambda item: -item[1]))),
        )
        for group, causes, units in groups[:_GROUPS]
    ]  # fmt: skip
    more = f" (the first {_GROUPS} of {len(groups)})" if len(groups) > _GROUPS else ""
    _table(f"By {name}{more}", (name, "#differences", "#units", "", "classes"), rows, file)


def _largest(findings: Sequence[Finding], file: TextIO) -> None:
    rows = [
        (
            escape(each.found.sku or (each.found.listed.sku if each.found.listed else "")),
            escape(each.found.location or (each.found.listed.location if each.found.listed else "")),
            _number(each.difference, signed=True), _number(each.found.quantity), _number(each.found.on_hand),
            escape(each.cause), escape(each.evidence),
        )
        for each in findings[:_LARGEST]
    ]  # fmt: skip
    names = ("sku", "location", "#difference", "#system", "#engine", "class", "evidence")
    title = "Largest differences" + (
        f" (the first {_LARGEST} of {len(findings)})" if len(findings) > _LARGEST else ""
    )
    _table(title, names, rows, file)


def _table(title: str, names: Sequence[str], rows: Iterable[Sequence[str]], file: TextIO) -> None:
    """A table of cells that are HTML already; a name with # heads a column of numbers."""
    numbers = [name.startswith("#") for name in names]
    file.write(f'<h2>{title}</h2><div class="wide"><table><thead><tr>')
    file.write(
        "".join(f"<th{_class(n)}>{name.lstrip('#')}</th>" for name, n in zip(names, numbers, strict=True))
    )
    file.write("</tr></thead>\n")
    for row in rows:
        cells = "".join(f"<td{_class(n)}>{cell}</td>" for cell, n in zip(row, numbers, strict=True))
        file.write(f"<tr>{cells}</tr>\n")
    file.write("</table></div>")


def _class(number: bool) -> str:
    return ' class="n"' if number else ""


def _bar(units: int, groups: Iterable[tuple[int, int]]) -> str:
    most = max((each for _, each in groups), default=0)
    return f'<span class="bar" style="width:{10 * units / most if most else 0:.2f}rem"></span>'


def _number(value: int | None, *, signed: bool = False) -> str:
    return "" if value is None else f"{value:+d}" if signed else str(value)
