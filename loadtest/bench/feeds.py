"""`python -m loadtest feeds`: how many changes a publisher takes in while it feeds eight accounts as fast as they let.

A publisher of its own process reads `availability` from a real broker; the marketplaces are simulated in real time. A
record has a number for each of eight channels, and an account sells each: a record is eight changes. Sending goes on
all the time, since far more changes than any marketplace takes.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console

from loadtest.cpu import Stolen, cpu_seconds, resident_bytes, stolen_words
from loadtest.demo.market_accounts import MARKETS, MarketAccount, aliases
from loadtest.demo.marketplaces import Fed, Marketplaces, fed, simulated
from loadtest.metrics import Samples, scrape_port, total
from loadtest.reporting import REPORTS, made, markdown_table, timed
from loadtest.retail.drafts import Outgoing, partition_of
from loadtest.sender import Sender
from loadtest.world import world
from runtime.settings import Settings
from wire.codec import Codec

ACCOUNTS = tuple(
    MarketAccount(f"{market}-{number}", market, f"{market}-{number}", f"seller{number}")
    for market in MARKETS
    for number in (1, 2)
)
_MOST = 60
_READY_WITHIN_S = 300.0
_SLEEP_S = 0.005
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True)
class Options:
    """`skus`, each on sale in eight accounts; so many changes a second for so long."""

    skus: int = 10_000
    rate: int = 20_000
    seconds: int = 60
    seed: int = 1


@dataclass(frozen=True)
class Taken:
    """`changes_per_s` that were taken in, from the first sent to the last taken; `behind_s`: how long that took after
    the last was sent. `cpu`: cores that the publisher used meanwhile; `calls_per_s` to marketplaces, and
    `items_per_s` in them."""

    changes_per_s: float
    behind_s: float
    cpu: float
    memory_mb: float
    calls_per_s: float
    items_per_s: float
    beyond_quota: int
    stolen: float

    @property
    def changes_a_core(self) -> float:
        """Changes a second, for each core that was used; sending is in it."""
        return self.changes_per_s / self.cpu if self.cpu else 0.0


def bench(given: Settings, codec: Codec, options: Options, console: Console) -> int:
    """Measure it, print it, write reports/feeds-intake.json; 1 if it fell behind or exceeded a quota."""
    say = timed(console)
    skus = [f"SKU-{number:06d}" for number in range(options.skus)]
    with world(given) as place:
        say(f"{len(ACCOUNTS)} accounts at simulated marketplaces, {options.skus:,} skus in each")
        with simulated(place.settings, place.folder, ACCOUNTS, skus, 1.0) as there:
            stock = _Stock(place.settings, codec, skus, options.seed)
            stock.open()
            with fed(place.settings, place.folder, codec, there, 1.0) as publisher:
                _wait(publisher, lambda said: _slots(said) == len(skus) * len(ACCOUNTS))
                say(f"all listings are known; {options.rate:,} changes/s for {options.seconds} s")
                taken = _measure(publisher, there, stock, options)
    lines = [[name.replace("_", " "), f"{value:,.2f}"] for name, value in asdict(taken).items()]
    lines.append(["changes a core and second", f"{taken.changes_a_core:,.0f}"])
    console.print(
        markdown_table(("of the publisher", ""), lines, numbers=True), highlight=False, markup=False
    )
    report = made() | {"options": asdict(options), **asdict(taken), "changes_a_core": taken.changes_a_core}
    REPORTS.mkdir(exist_ok=True)
    (REPORTS / "feeds-intake.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    say(f"written to {REPORTS}: feeds-intake.json{stolen_words(taken.stolen)}")
    return 1 if taken.beyond_quota or taken.changes_per_s < 0.95 * options.rate else 0


def _measure(publisher: Fed, there: Marketplaces, stock: "_Stock", options: Options) -> Taken:
    records = options.rate * options.seconds // len(ACCOUNTS)
    prepared = list(stock.changes(records))
    before = _scrape(publisher)
    cpu, stolen, began = cpu_seconds(publisher.publisher.pid), Stolen(), time.monotonic()
    stock.send(prepared, options.rate / len(ACCOUNTS))
    sent = time.monotonic()
    wanted = total(before, "stocktide_feeds_changes_total") + records * len(ACCOUNTS)
    after = _wait(publisher, lambda said: total(said, "stocktide_feeds_changes_total") >= wanted)
    ended = time.monotonic()
    took = ended - began

    def more(name: str) -> float:
        return (total(after, name) - total(before, name)) / took

    return Taken(
        records * len(ACCOUNTS) / took, ended - sent, (cpu_seconds(publisher.publisher.pid) - cpu) / took,
        resident_bytes(publisher.publisher.pid) / 1e6, more("stocktide_feeds_calls_total"),
        more("stocktide_feeds_items_total"), sum(each["beyond_published"] for each in there.counted().values()),
        stolen.share,
    )  # fmt: skip


def _slots(said: Samples) -> float:
    return total(said, "stocktide_feeds_slots")


def _scrape(publisher: Fed) -> Samples:
    return scrape_port(publisher.settings.feeds_metrics_port)


def _wait(publisher: Fed, done: Callable[[Samples], bool], within_s: float = _READY_WITHIN_S) -> Samples:
    """What it says once something is so. Raises ProcessEnded, TimeoutError."""
    deadline = time.monotonic() + within_s
    while not done(said := _scrape(publisher)):
        publisher.publisher.check()
        if time.monotonic() > deadline:
            words = publisher.publisher.last_words()
            raise TimeoutError(f"the publisher has not come so far within {within_s:g} s:\n{words}")
        time.sleep(_LOOK_EVERY_S)
    return said


class _Stock:
    """What the engine would publish."""

    def __init__(self, settings: Settings, codec: Codec, skus: Sequence[str], seed: int) -> None:
        self._settings = settings
        self._codec = codec
        self._skus = skus
        self._dice = random.Random(seed)
        self._version = 1
        self._shown = dict.fromkeys(skus, 0)

    def open(self) -> None:
        """The catalog, and a first number of each sku."""
        sender = Sender(self._settings, linger_ms=20)
        for sku in self._skus:
            item = {"sku": sku, "aliases": aliases(ACCOUNTS, sku)}
            sender.send(self._outgoing("catalog", sku, self._codec.encode("CatalogItem", item)))
            sender.send(self._record(sku))
        sender.close()

    def changes(self, many: int) -> Iterator[Outgoing]:
        """Records of skus that are drawn evenly; every number in them differs from the last."""
        for _ in range(many):
            yield self._record(self._dice.choice(self._skus))

    def send(self, records: Sequence[Outgoing], per_s: float) -> None:
        """Evenly."""
        sender, began = Sender(self._settings), time.monotonic()
        for number, record in enumerate(records):
            while (ahead := number / per_s - (time.monotonic() - began)) > 0:
                sender.poll()
                time.sleep(min(ahead, _SLEEP_S))
            sender.send(record)
        sender.close()

    def _record(self, sku: str) -> Outgoing:
        self._version += 1
        units = (self._shown[sku] + self._dice.randrange(1, _MOST)) % _MOST
        self._shown[sku] = units
        channels: list[dict[str, Any]] = [
            {
                "channel": account.channel, "available": units, "status": "IN_STOCK", "view": units, "pool": units,
                "grant": 0, "shared": units, "shortage": 0, "unmet": 0, "rules": ["ss-default"],
            }
            for account in ACCOUNTS
        ]  # fmt: skip
        fields = {
            "sku": sku, "version": self._version, "generation": 1, "computed_at": 1, "as_of": 1, "active": True,
            "channels": channels,
        }  # fmt: skip
        return self._outgoing("availability", sku, self._codec.encode("Availability", fields))

    def _outgoing(self, topic: str, sku: str, value: bytes) -> Outgoing:
        return Outgoing(topic, partition_of(sku, self._settings.partitions), sku.encode(), value, topic, None)
