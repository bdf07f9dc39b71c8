"""`python -m loadtest replay`: real tills and their surroundings into the topics, at a pace."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from loadtest.pause import no_collection
from loadtest.retail import tills
from loadtest.retail.drafts import Encoder
from loadtest.retail.simulation import Simulation, simulate
from loadtest.sender import Sender, send_now
from runtime.settings import Settings
from wire.codec import Codec

UNPACED_LINES_PER_S = 20_000
"""The span that events are laid over where nothing is paced: the past, as fast as this."""

_SLEEP_S = 0.005
_SETTLE_MS = 200
_MOST_PIECES = 10


@dataclass
class Report:
    """What was sent. `late_ms`: how far sending fell behind its plan at the worst."""

    lines: int
    left_out: int
    kinds: Counter[str] = field(default_factory=Counter)
    topics: Counter[str] = field(default_factory=Counter)
    misplaced: int = 0
    prologue_s: float = 0.0
    live_s: float = 0.0
    live_messages: int = 0
    late_ms: int = 0

    @property
    def messages(self) -> int:
        """All messages."""
        return sum(self.kinds.values())


Progress = Callable[[int], None]
"""Hears of messages as they are sent, so many more each time."""


class Replay:
    """A simulation, written and sent. `span_ms` is how long its live part lasts; `fed`: see `retailer.found`.

    `lines_per_s` None: nothing is paced, everything lies in the past and is sent as fast as possible.
    """

    def __init__(
        self, codec: Codec, lines: int, seed: int, lines_per_s: float | None, fed: float = 0.0
    ) -> None:
        self._codec = codec
        self._lines_per_s = lines_per_s
        self._stopped = threading.Event()
        window = tills.load(lines)
        span = int(window.lines / (lines_per_s or UNPACED_LINES_PER_S) * 1000)
        self.simulation: Simulation = simulate(window, seed, max(span, 1_000), fed)
        self.report = Report(window.lines, window.left_out)
        with no_collection():
            self._live = self.simulation.live()
            self._prologue = list(self.simulation.prologue())

    @property
    def messages(self) -> int:
        """How many messages there are in all."""
        return len(self._prologue) + len(self._live)

    @property
    def prologue_messages(self) -> int:
        """How many messages `prologue` sends."""
        return len(self._prologue)

    @property
    def live_messages(self) -> int:
        """How many messages `live` sends."""
        return len(self._live)

    def stop(self) -> None:
        """Let a `live` that runs in another thread end soon; its report is of what was sent by then."""
        self._stopped.set()

    def prologue(self, settings: Settings, done: Progress | None = None) -> None:
        """Send the catalog and the opening counts, as fast as possible."""
        encoder = Encoder(self._codec, settings.partitions, int(time.time() * 1000))
        sender = Sender(settings, linger_ms=20)
        self.report.prologue_s = send_now(sender, map(encoder.encode, self._prologue), done)
        self._note(sender)

    def live(self, settings: Settings, done: Progress | None = None) -> None:
        """Send everything else at its pace."""
        start = int(time.time() * 1000) + _SETTLE_MS
        if self._lines_per_s is None:
            start -= self.simulation.span_ms + _SETTLE_MS
        encoder = Encoder(self._codec, settings.partitions, start)
        sender = Sender(settings, linger_ms=50)
        began = time.monotonic()
        if self._lines_per_s is None:
            send_now(sender, map(encoder.encode, self._live), done)
        else:
            self._send_paced(sender, encoder, start, done)
        self.report.live_s = time.monotonic() - began
        self.report.live_messages = sender.sent
        self.report.misplaced = sum(draft.legacy for draft in self._live)
        self._note(sender)

    def _send_paced(self, sender: Sender, encoder: Encoder, start: int, done: Progress | None) -> None:
        since = 0
        for draft in self._live:
            if self._stopped.is_set():
                break
            behind = _wait_until(start + draft.sends, sender)
            self.report.late_ms = max(self.report.late_ms, behind)
            sender.send(encoder.encode(draft))
            since += 1
            if done is not None and since == 500:
                done(since)
                since = 0
        sender.close()
        if done is not None:
            done(since)

    def _note(self, sender: Sender) -> None:
        self.report.kinds += sender.kinds
        self.report.topics += sender.topics

    def goods(self) -> list[str]:
        """What customers may want of the API: what sells most often, and bundles of it."""
        kits = [kit.sku for kit in self.simulation.retailer.kits[:-1]]
        return [*(sku for sku, _ in self.watched(2 * len(kits))), *kits]

    def fed(self) -> list[str]:
        """The skus that are listed at marketplaces."""
        retailer = self.simulation.retailer
        return [retailer.tills.products[product].sku for product in sorted(retailer.fed)]

    def watched(self, many: int) -> list[tuple[str, str]]:
        """(sku, what it is) of the products that sell most often in the window, but for those sold by weight."""
        window = self.simulation.retailer.tills
        sold = np.bincount(window.product)
        units = np.bincount(window.product, weights=window.quantity)
        by_piece = np.where(units < _MOST_PIECES * sold, sold, 0)
        best = [window.products[product] for product in np.argsort(-by_piece)[:many].tolist()]
        return [(product.sku, (product.kind or product.category or "").title()) for product in best]


def _wait_until(due_ms: int, sender: Sender) -> int:
    """Sleep until it is due; how many ms it is overdue."""
    while True:
        left = due_ms / 1000 - time.time()
        if left <= 0:
            return int(-left * 1000)
        sender.poll()
        time.sleep(min(left, _SLEEP_S))
