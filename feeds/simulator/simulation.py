"""All channels together, on one clock and over one truth."""

import math
from collections.abc import Callable, Iterable

from feeds.simulator.amazon import Amazon
from feeds.simulator.clock import Clock
from feeds.simulator.csv_file import CsvFiles
from feeds.simulator.ebay import Ebay
from feeds.simulator.google import Google
from feeds.simulator.marketplace import Marketplace
from feeds.simulator.mirakl import Mirakl
from feeds.simulator.settings import SimulatorSettings
from feeds.simulator.shopify import Shopify
from feeds.simulator.truth import Truth
from feeds.simulator.walmart import Walmart
from feeds.simulator.webhook import Webhook
from feeds.simulator.zalando import Zalando

_MAKERS: dict[str, Callable[[SimulatorSettings, Truth], Marketplace]] = {
    "amazon": lambda given, truth: Amazon(given.amazon, seed=given.seed, truth=truth),
    "walmart": lambda given, truth: Walmart(given.walmart, seed=given.seed, truth=truth),
    "shopify": lambda given, truth: Shopify(given.shopify, seed=given.seed, truth=truth),
    "ebay": lambda given, truth: Ebay(given.ebay, seed=given.seed, truth=truth),
    "zalando": lambda given, truth: Zalando(given.zalando, seed=given.seed, truth=truth),
    "webhook": lambda given, truth: Webhook(given.webhook, seed=given.seed, truth=truth),
    "csv": lambda given, truth: CsvFiles(given.csv, seed=given.seed, truth=truth),
    "mirakl": lambda given, truth: Mirakl(given.mirakl, seed=given.seed, truth=truth),
    "google": lambda given, truth: Google(given.google, seed=given.seed, truth=truth),
}
"""A new channel: its module, its settings, a line here."""


class Simulation:
    """`channels` by name. A sku that listings of several channels share is one stock."""

    def __init__(self, settings: SimulatorSettings | None = None, clock: Clock | None = None) -> None:
        given = settings or SimulatorSettings()
        self.clock = clock or Clock()
        self.truth = Truth()
        self.channels = {name: make(given, self.truth) for name, make in _MAKERS.items()}
        for channel in self.channels.values():
            channel.gate.late_ms = given.late_ms
        self.advance()

    def advance(self) -> int:
        """Carry out what is due in all channels, in the order of time; returns the time."""
        now_ms = self.clock.now_ms()
        advance(self.channels.values(), now_ms)
        return now_ms


def advance(channels: Iterable[Marketplace], now_ms: int) -> None:
    """Carry out what is due in several marketplaces over one truth, in the order of time between them as well."""
    several = list(channels)
    while True:
        due = min(several, key=lambda each: _next(each))
        if _next(due) > now_ms:
            break
        due.advance(math.ceil(_next(due)))
    for each in several:
        each.advance(now_ms)


def _next(channel: Marketplace) -> float:
    found = channel.agenda.next_ms
    return float("inf") if found is None else found
