"""`python -m feeds report`: the same as `feeds status`, as one page that needs nothing beside itself."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from feeds.slots import Harm
from feeds.status import Line, Said, rows_of, title
from runtime.exit import Refusal

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2em auto;padding:0 1em;color:#1e293b;background:#fff}
table{border-collapse:collapse;margin:1em 0;font-variant-numeric:tabular-nums}td,th{padding:.25em .8em;text-align:left;
border-bottom:1px solid #cbd5e1;vertical-align:top}svg{width:100%;max-width:640px}text{font-size:12px;fill:#1e293b}
rect.is{fill:#2563eb}rect.over{fill:#dc2626}rect.all{fill:#e2e8f0}.wide{overflow-x:auto}
"""
_BAR, _LEFT, _WIDTH = 22, 150, 420


class NotWritten(Refusal):
    """The report cannot be written where it was asked for."""


def write(said: Said, path: Path) -> None:
    """Write the page. Raises NotWritten."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(said, datetime.now(UTC)), "utf-8")
    except OSError as error:
        raise NotWritten(f"{path}: {error.strerror}; name a file that can be written") from None


def page(said: Said, at: datetime) -> str:
    """The whole page."""
    heading = "Marketplace feeds"
    body = "".join(_section(said, labels["account"], title(labels), lines) for labels, lines in rows_of(said))
    when = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{heading}</title><style>{_STYLE}</style></head><body><h1>{heading}</h1>"
        f"<p>As of {when}: {said.one('skus'):.0f} skus published, {len(said.accounts())} accounts.</p>{body}"
        "</body></html>\n"
    )


def _section(said: Said, account: str, heading: str, lines: Sequence[Line]) -> str:
    rows = "".join(f"<tr><th>{escape(line.what)}</th><td>{escape(line.said)}</td></tr>" for line in lines)
    table = f'<div class="wide"><table>{rows}</table></div>'
    return f"<h2>{escape(heading)}</h2>{''.join(_plots(said, account))}{table}"


def _plots(said: Said, account: str) -> Iterator[str]:
    quotas = []
    for told in said.all("quota_used", account=account):
        plan = said.one("quota", account=account, bucket=told.labels["bucket"])
        quotas.append((told.labels["bucket"], told.value, plan))
    if quotas:
        yield "<h3>Units taken of each quota's plan</h3>" + _bars(quotas)
    waiting = [(harm.name, said.one("waiting", account=account, **{"class": harm.name})) for harm in Harm]
    most = max(many for _, many in waiting)
    if most:
        yield "<h3>Listings that wait</h3>" + _bars([(name, many, most) for name, many in waiting])


def _bars(rows: Sequence[tuple[str, float, float]]) -> str:
    """A bar for each (name, value, of)."""
    drawn = []
    for at, (name, value, of) in enumerate(rows):
        top = at * _BAR
        wide = _WIDTH * min(1.0, value / of) if of else 0.0
        kind = "over" if value > of else "is"
        drawn.append(
            f'<text x="0" y="{top + 15}">{escape(name)}</text>'
            f'<rect class="all" x="{_LEFT}" y="{top + 4}" width="{_WIDTH}" height="14"/>'
            f'<rect class="{kind}" x="{_LEFT}" y="{top + 4}" width="{wide:.1f}" height="14"/>'
            f'<text x="{_LEFT + _WIDTH + 8}" y="{top + 15}">{value:.0f} of {of:.0f}</text>'
        )
    return (
        f'<svg viewBox="0 0 {_LEFT + _WIDTH + 110} {len(rows) * _BAR + 4}" role="img">{"".join(drawn)}</svg>'
    )
