"""The simulated marketplaces as the contract's stand-ins."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from feeds.connector import Item
from feeds.exchange import Lost, Reply, Request, Unsent
from feeds.outcomes import Fate, Trouble
from feeds.simulator.faults import Fault
from feeds.simulator.marketplace import Marketplace
from feeds.simulator.messages import Drop, Received
from tests.feeds.connectors.market import NOW_MS, Market, hold
from tests.feeds.connectors.trial import INTENT, TAKEN, Trial

SELLER = "SELLER"
USUAL = [
    (Fault("http_500"), Trouble.BROKEN, Fate.UNKNOWN),
    (Fault("http_503"), Trouble.BROKEN, Fate.UNKNOWN),
    (Fault("drop_before_apply"), Trouble.BROKEN, Fate.RETURNED),
    (Fault("drop_after_apply"), Trouble.BROKEN, Fate.UNKNOWN),
    (Fault("oauth_expired"), Trouble.AUTH, Fate.RETURNED),
    (Fault("outage", status=503), Trouble.BROKEN, Fate.UNKNOWN),
]
"""What goes wrong everywhere, and what is to be made of it."""
_DAY_MS = 86_400_000


class SimulatedMarket(Market):
    """One seller of a channel. `home`: the location of listings without one. `throttles`: the limits are those of the
    channel; else a test may ask as often as it likes."""

    def __init__(self, channel: Marketplace, home: str | None = None) -> None:
        super().__init__()
        self.channel = channel
        self.now_ms = NOW_MS
        self.known: dict[tuple[str, str | None], str | None] = {}
        self._home = home
        self.stands = "closed"

    def headers(self) -> Mapping[str, str]:
        """What an account carries; a new token each time, since days pass."""
        raise NotImplementedError

    def reply(self, request: Request) -> Reply:
        told = self.answer(request)
        assert isinstance(told, Reply)
        return told

    def answer(self, request: Request) -> Reply | Exception:
        """The same, where the connection may break."""
        if self.stands == "failed":
            self.channel.faults.switch_on(Fault("feed_fatal_partial", share=0.5))
        own = {name.lower(): value for name, value in request.headers.items()}
        whole = not request.path.startswith("/")
        headers = own if whole or request.secret else {**self.headers(), **own}
        received = Received(request.method, request.path, request.query, headers, request.body)
        given = self.channel.handle(received, self.now_ms)
        self.now_ms += given.after_ms
        if given.dropped is not Drop.NONE:
            return Unsent() if given.dropped is Drop.BEFORE else Lost()
        return Reply(given.status, {name.lower(): value for name, value in given.headers.items()}, given.body)

    def prepare(self, items: Sequence[Item]) -> None:
        for item in items:
            if item.listing not in self.refuses and (item.listing, item.location) not in self.known:
                location = item.location or self._home
                self.known[item.listing, item.location] = location
                self.channel.add_listing(SELLER, item.listing, location, now_ms=self.now_ms)

    def settle(self) -> None:
        self.now_ms += _DAY_MS
        self.channel.advance(self.now_ms)

    @property
    def shows(self) -> dict[tuple[str, str | None], int]:
        found = ((key, self.channel.place(SELLER, key[0], location)) for key, location in self.known.items())
        return {key: place.applied for key, place in found}

    @shows.setter
    def shows(self, _: object) -> None:
        pass


def check_fault(of: Trial, fault: Fault, trouble: Trouble, fates: AbstractSet[Fate]) -> None:
    """One item is written by the first operation, while a fault lasts. Where it is said that nothing was taken, nothing
    was."""
    market, items = of.market(), of.items(1)
    assert isinstance(market, SimulatedMarket)
    market.prepare(items)
    market.channel.faults.switch_on(fault)
    operation = next(iter(of.operations()))
    answer = hold(of.connector().write(operation, items, INTENT), market.answer).result
    assert answer.trouble is trouble
    assert answer.items[0].fate in fates
    market.settle()
    taken = fault.name == "drop_after_apply" or not TAKEN.isdisjoint(fates)
    assert market.shows[items[0].listing, items[0].location] == (items[0].quantity if taken else 0)
