"""A seller in simulated time: one account on each of several simulated marketplaces, each fed by the real publisher.

The limits are kept in a real Redis, by the time of the simulation. The ledger is a dictionary.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis import Redis

from feeds.account import AccountFeed, Policy
from feeds.buckets import DELAY_S, guarded
from feeds.clock import Clock
from feeds.connector import Identity
from feeds.connectors import connector_class
from feeds.exchange import Lost, Reply, Request
from feeds.ledger import key, restore
from feeds.limiter import Limiter
from feeds.line import Line
from feeds.runner import AccountRunner, Reading
from feeds.simulator.marketplace import Marketplace
from feeds.simulator.messages import Drop, Received
from feeds.simulator.places import Place
from feeds.simulator.webhook import secret_of
from feeds.slots import Fact, Slot
from feeds.turns import Turns, Weighted
from runtime.settings import Settings
from wire.codec import Codec

SELLER = "SELLER"
ACCOUNTS: Mapping[str, Mapping[str, Any]] = {
    "amazon": {"seller_id": SELLER, "marketplace_ids": "A1PA6795UKMFR9"},
    "walmart": {},
    "shopify": {"location": "gid://shopify/Location/1"},
    "zalando": {"merchant_id": SELLER, "sales_channel": "zalando-de"},
    "mirakl": {},
    "webhook": {"path": "/stock", "read_path": "/stock/read"},
    "csv": {"path": "/stock.csv", "columns": "listing,location,quantity"},
}
"""The options of the account on each marketplace."""
_HOME = {"shopify": "gid://shopify/Location/1", "zalando": "zalando-de"}
"""Where the marketplace keeps what has no location of ours."""
SECRETS = {
    "client_id": f"client-{SELLER}",
    "client_secret": f"secret-{SELLER}",
    "refresh_token": f"refresh-{SELLER}",
    "access_token": f"access-{SELLER}",
    "api_key": f"access-{SELLER}",
    "secret": secret_of(SELLER),
    "token": f"access-{SELLER}",
}


class _Limits:
    """A blocking limiter, asked by the time of the simulation."""

    def __init__(self, limiter: Limiter, clock: Clock) -> None:
        self._limiter = limiter
        self._clock = clock

    async def ask(self, request: Request) -> Any:
        return self._limiter.ask(request, self._clock.now_ms())

    async def room(self, group: str, most: int, points: int = 0) -> Any:
        return self._limiter.room(group, most, points, self._clock.now_ms())

    async def observe(self, observed: Iterable[Any], admitted: Any = None) -> None:
        self._limiter.observe(observed, admitted, self._clock.now_ms())

    async def hold(self, group: str, seconds: float) -> None:
        self._limiter.hold(group, seconds, self._clock.now_ms())

    async def give_back(self, admitted: Any) -> None:
        self._limiter.give_back(admitted, None, self._clock.now_ms())


@dataclass
class Shop:
    """One account: its marketplace, its publisher, and the ledger by key: the records as they lie in the topic.
    `reads`: whether the marketplace can be read."""

    market: Marketplace
    feed: AccountFeed
    runner: AccountRunner
    ledger: dict[bytes, bytes]
    reads: bool

    def wanted(self, sku: str, units: int, version: int, now_ms: int) -> None:
        """The engine has published another number."""
        for slot in self.feed.of_sku(sku):
            self.feed.change(slot, units, version, now_ms)
        self.runner.changed.set()


@dataclass(frozen=True)
class Opener:
    """Opens shops: each begins with a new publisher, as a process does that has just been started. `redis` has the
    limits. `ledger_s`: how long the ledger takes to have records on disk."""

    redis: Redis
    settings: Settings
    clock: Clock
    codec: Codec
    turns: Callable[[], Turns] = Weighted
    policy: Policy = field(default_factory=Policy)
    reading: Reading = field(default_factory=Reading)
    seed: int = 1
    ledger_s: float = 0.005

    def open(self, market: Marketplace, ledger: dict[bytes, bytes] | None = None) -> Shop:
        """An account on a marketplace, without listings."""
        if SELLER not in market.accounts:
            market.add_account(SELLER)
        name, clock = market.name, self.clock
        kept = {} if ledger is None else ledger
        connector = connector_class(name)(Identity(name, ACCOUNTS[name], SECRETS))
        limits = guarded(connector.limits, DELAY_S)
        limiter = Limiter(self.redis, self.settings, "stocktide", name, limits)
        line = Line(connector, _Limits(limiter, clock), _sender(market, clock), clock)
        feed = AccountFeed(
            name,
            connector.operations,
            self.policy,
            self.turns(),
            reads=connector.reads_most > 0,
            tells=connector.tells,
        )

        async def write(records: Sequence[tuple[bytes, dict[str, Any]]]) -> None:
            encoded = {key: self.codec.encode("FeedResult", fields) for key, fields in records}
            await clock.sleep(self.ledger_s)
            kept.update(encoded)

        dice = random.Random(f"{self.seed} {name}")
        runner = AccountRunner(feed, connector, line, write, clock, self.reading, dice)
        return Shop(market, feed, runner, kept, connector.reads_most > 0)

    def open_again(self, died: Shop, now_ms: int) -> Shop:
        """Another process takes over from one that died: from the ledger, and the view as it is now."""
        shop = self.open(died.market, died.ledger)
        restored = []
        for slot in died.feed.slots.values():
            value = died.ledger.get(key(shop.feed.account, slot.listing, slot.location))
            again = (
                Slot(slot.listing, slot.location, slot.sku)
                if value is None
                else restore(self.codec.decode(value)[1])
            )
            restored.append(again)
            shop.feed.add(again, now_ms)
            shop.feed.change(again, slot.wanted, slot.version, now_ms)
        shop.feed.resume(restored, now_ms)
        return shop


def listing_of(shop: Shop, number: int) -> str:
    """What the marketplace calls the n-th sku."""
    return f"gid://shopify/InventoryItem/{number}" if shop.market.name == "shopify" else sku_of(number)


def sku_of(number: int) -> str:
    """What we call it."""
    return f"SKU-{number:06d}"


def place_of(shop: Shop, number: int) -> Place:
    """Where the marketplace shows it."""
    return shop.market.place(SELLER, listing_of(shop, number), _HOME.get(shop.market.name))


def list_sku(shop: Shop, number: int, units: int, now_ms: int) -> None:
    """The n-th sku is on sale there and shows so many units, and the publisher knows it."""
    listing, sku = listing_of(shop, number), sku_of(number)
    place = shop.market.add_listing(
        SELLER, listing, _HOME.get(shop.market.name), quantity=units, sku=sku, now_ms=now_ms
    )
    slot = Slot(listing, None, sku, believed=units, wanted=units, version=1)
    slot.applied = slot.accepted = slot.sent = Fact(place.applied, 1, now_ms)
    shop.feed.add(slot, now_ms)


def exceeded(shops: Iterable[Shop]) -> int:
    """Calls beyond a published plan."""
    return sum(shop.market.gate.exceeded.total() for shop in shops)


def _sender(market: Marketplace, clock: Clock) -> Callable[[Request], Any]:
    async def send(request: Request) -> Reply:
        headers = {name.lower(): value for name, value in request.headers.items()}
        given = market.handle(
            Received(request.method, request.path, request.query, headers, request.body), clock.now_ms()
        )
        await clock.sleep(given.after_ms / 1000)
        if given.dropped is not Drop.NONE:
            raise Lost("the connection broke")
        return Reply(given.status, {name.lower(): value for name, value in given.headers.items()}, given.body)

    return send
