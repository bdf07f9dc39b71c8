"""The demo's view of the terminal: alive where there is one, else a plain line now and then."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from loadtest.demo.pulse import Beat

_LINE_EVERY_S = 5.0


class Screen:
    """Shows beats of a replay of `messages` messages. `watched`: (sku, what it is)."""

    def __init__(self, console: Console, messages: int, watched: list[tuple[str, str]]) -> None:
        self._console = console
        self._messages = messages
        self._watched = watched
        self._first: dict[str, int] = {}
        self._live: Live | None = None
        self._spoke = 0.0

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While the block runs, the view is on the terminal."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, refresh_per_second=8, transient=False) as self._live:
            yield

    def show(self, beat: Beat, sent: int) -> None:
        """The newest look, after so many messages."""
        for sku, number in beat.numbers.items():
            self._first.setdefault(sku, number)
        if self._live is not None:
            self._live.update(
                Panel(self._body(beat, sent), title="Stocktide: replaying real tills", width=92)
            )
        elif time.monotonic() - self._spoke >= _LINE_EVERY_S:
            self._spoke = time.monotonic()
            self._console.print(self._line(beat, sent), highlight=False, soft_wrap=True)

    def _line(self, beat: Beat, sent: int) -> str:
        numbers = ", ".join(
            f"{sku} {beat.numbers[sku]:,}" for sku, _ in self._watched[:3] if sku in beat.numbers
        )
        return (
            f"  {sent:,} of {self._messages:,} sent · {beat.per_s:,.0f} events/s · lag {beat.lag:,} · "
            f"event to view {_latency(beat)} · {numbers}"
        )

    def _body(self, beat: Beat, sent: int) -> Group:
        facts = Table.grid(padding=(0, 3))
        facts.add_row("sent", f"{sent:,} of {self._messages:,}", ProgressBar(self._messages, sent, width=40))
        facts.add_row("engine", f"{beat.per_s:,.0f} events/s", f"lag {beat.lag:,} records")
        facts.add_row("event to view", _latency(beat), "")
        numbers = Table("sku", "what it is", "may be sold on the web", "since the start", box=None)
        for sku, what in self._watched:
            now = beat.numbers.get(sku)
            if now is not None:
                moved = now - self._first[sku]
                style = "red" if moved < 0 else "green" if moved > 0 else "dim"
                numbers.add_row(sku, what, f"{now:,}", Text(f"{moved:+,}", style=style))
        return Group(facts, Text(), numbers)


def _latency(beat: Beat) -> str:
    if beat.p50_ms is None or beat.p99_ms is None:
        return "-"
    return f"p50 ≤ {beat.p50_ms:.0f} ms, p99 ≤ {beat.p99_ms:.0f} ms"
