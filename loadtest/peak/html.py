"""The report of loads as one page that needs nothing beside itself."""

from collections.abc import Mapping, Sequence
from html import escape

from loadtest.peak.chart import chart
from loadtest.peak.rows import Row

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2em auto;padding:0 1em;color:#1e293b;background:#fff}
table{border-collapse:collapse;margin:1em 0;font-variant-numeric:tabular-nums}td,th{padding:.25em .8em;text-align:right;
border-bottom:1px solid #cbd5e1}td:first-child,th:first-child{text-align:left}figure{margin:1.2em 0}svg{width:100%}
figcaption span{margin-left:1em;white-space:nowrap}figcaption i{display:inline-block;width:.9em;height:.9em;
margin-right:.35em;vertical-align:-.1em}path{fill:none;stroke-width:1.6}.grid{stroke:#e2e8f0}.mark{stroke:#dc2626;
stroke-width:2;stroke-dasharray:4 4}text{font-size:11px;fill:#64748b}.wrong{color:#b91c1c;font-weight:bold}
.wide{overflow-x:auto}
"""


def page(title: str, said: Sequence[str], table: str, sections: Sequence[str]) -> str:
    """The whole page; `said` are paragraphs of plain text, `table` and `sections` are HTML."""
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in said)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f'{paragraphs}<div class="wide">{table}</div>{"".join(sections)}</body></html>\n'
    )


def html_table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table of texts."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in line) + "</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def section(name: str, said: Sequence[str], rows: Sequence[Row]) -> str:
    """A heading, what is to be said, and the plots of one load."""
    marks = {row.second: row.note for row in rows if row.note}
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in said)
    happened = "".join(f"<li>{second} s: {escape(note)}</li>" for second, note in marks.items())
    notes = f"<ul>{happened}</ul>" if happened else ""
    return f"<h2>{escape(name)}</h2>{paragraphs}{notes}" + "".join(plots(rows, marks))


def plots(rows: Sequence[Row], marks: Mapping[int, str]) -> list[str]:
    """Throughput, lag, latencies, memory and the ends of epochs over time."""
    kinds = sorted({kind for row in rows for kind in row.memory_mb})
    memory: dict[str, list[float | None]] = {
        kind: [row.memory_mb.get(kind) for row in rows] for kind in kinds
    }
    readers: list[float | None] = [row.reader_lag for row in rows]
    return [
        chart("Throughput", "messages a second", {
            "planned": [row.planned for row in rows], "sent": [row.sent_per_s for row in rows],
            "read by the engine": [row.folded_per_s for row in rows],
        }, marks),
        chart("Behind", "messages", {
            "lag of the engine": [row.lag for row in rows],
            "planned and not sent": [row.behind_plan for row in rows],
            "lag of the reader of availability": readers,
        }, marks),
        chart("Planned to visible through the API", "ms, by the second in which it was due", {
            "p50": [row.p50_ms for row in rows], "p99": [row.p99_ms for row in rows],
            "p99.9": [row.p999_ms for row in rows], "longest": [row.max_ms for row in rows],
        }, marks, log=True),
        chart("Lookups", "ms, by the second in which they were due", {
            "p50": [row.lookup_p50_ms for row in rows], "p99": [row.lookup_p99_ms for row in rows],
            "longest": [row.lookup_max_ms for row in rows],
        }, marks, log=True),
        chart("Memory that is resident", "MB", memory | {"Redis' own": [row.redis_mb for row in rows]}, marks),
        chart("Longest end of an epoch", "ms, upper bound", {"a lane": [row.stall_ms for row in rows]}, marks),
    ]  # fmt: skip
