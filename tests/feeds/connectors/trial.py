"""What a connector is tried with, and how."""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from feeds.buckets import Bucket, Scope
from feeds.connector import Connector, Identity, Item, Operation
from feeds.exchange import Conversation, Observed, Reply, Request
from feeds.outcomes import Answer, Fate, ItemOutcome, Progress
from feeds.plans import by_name
from tests.feeds.connectors.market import NOW_MS, UNREADABLE, Fault, Market, hold
from tests.feeds.connectors.words import in_other_words

INTENT = "0f3c5a7e9b1d4c6f8a0e2d4b6c8f0a1e"
TAKEN = {Fate.APPLIED, Fate.ACCEPTED}


class Trial:
    """Every attribute may be overridden, and so may `market`, `listing`, `longest`, `key` and `secret`."""

    connector_class: ClassVar[type[Connector]]
    market_class: ClassVar[type[Market]]
    options: ClassVar[Mapping[str, Any]] = {}
    secrets: ClassVar[Sequence[str]] = ()
    """Names; the values are made up."""
    locations: ClassVar[Sequence[str | None]] = (None,)
    awkward: ClassVar[Sequence[str]] = ("A/B", "50% off?", "ä ö&=#", 'say "hi"', "a,b", "..")
    """Listings with characters that mean something in a URL, JSON or CSV, as far as the marketplace allows them."""
    never_busy: ClassVar[bool] = False
    """Whether it has no word for a listing that cannot be written just now."""
    keyless: ClassVar[bool] = False
    """Whether it knows no idempotency keys, so that nothing that is written has one."""

    def listing(self, n: int) -> str:
        """An id of a listing as the marketplace has them."""
        return f"LISTING-{n}"

    def longest(self, n: int) -> str:
        """The longest id that a listing may have."""
        return f"{n:050d}"

    def key(self, request: Request) -> str | None:
        """The idempotency key of a request that writes."""
        return request.headers.get("idempotency-key")

    def secret(self, name: str) -> str:
        """The value of a secret; with `hush` in it, so that it is found where it must not be."""
        return f"hush-{name}-hush"

    def market(self) -> Market:
        return type(self).market_class()

    def connector(self, account: str = "account-1") -> Connector:
        secrets = {name: self.secret(name) for name in self.secrets}
        return self.connector_class(Identity(account, self.options, secrets))

    def items(self, many: int, quantity: int = 10, version: int = 1000) -> list[Item]:
        """Different listings, quantities (as the marketplace is told them), versions and writes."""
        places, tells = self.locations, self.connector().tells
        return [
            Item(self.listing(n), places[n % len(places)], tells(quantity + n), version + n, NOW_MS + n)
            for n in range(many)
        ]

    def later(self, item: Item, by: int = 1, **changes: Any) -> Item:
        """A later write of the same listing."""
        return item._replace(write=item.write + 1000 * by, **changes)

    def batch(self, operation: Operation, most: int = 5) -> list[Item]:
        """A small call, as the operation allows."""
        return self.items(min(operation.most, most))

    def operations(self) -> Iterator[Operation]:
        yield from self.connector().operations

    def written(self, market: Market, operation: Operation, items: Sequence[Item]) -> Answer:
        """Write, all being well."""
        market.prepare(items)
        held = hold(self.connector().write(operation, items, INTENT), market.reply)
        assert isinstance(held.result, Answer), held.result
        self.told(held.result, items)
        return held.result

    def told(self, answer: Answer, items: Sequence[Item]) -> None:
        """An answer has an outcome of each item, and sends nothing again without end."""
        assert len(answer.items) == len(items)
        for outcome in answer.items:
            assert outcome.fate is not Fate.LATER or (outcome.after_s or 0) > 0, (
                "it would be sent again at once"
            )
        self.know(answer.observed)

    def outcomes(self, market: Market, operation: Operation, items: Sequence[Item]) -> Answer:
        """Write, and follow a bulk operation until it closes."""
        answer = self.written(market, operation, items)
        if not operation.bulk:
            return answer
        assert answer.submission is not None
        market.settle()
        progress = hold(self.connector().follow(answer.submission, items), market.reply).result
        assert isinstance(progress, Progress)
        assert progress.answer is not None
        self.told(progress.answer, items)
        return progress.answer

    def refusing(
        self, operation: Operation, word: str | None = None
    ) -> tuple[list[ItemOutcome | None], list[Reply]]:
        """The outcomes of a few items of which the first is refused (None: still open), and the replies; in place of
        `word`, where one is given, the marketplace says another."""
        items = self.batch(operation)
        market = self.market()
        market.refuses = {items[0].listing}
        market.prepare(items)
        reply = market.reply if word is None else in_other_words(market.reply, word)
        held = hold(self.connector().write(operation, items, INTENT), reply)
        answer, replies = held.result, held.replies
        assert isinstance(answer, Answer), answer
        if answer.submission is None:
            return list(answer.items), replies
        market.settle()
        held = hold(self.connector().follow(answer.submission, items), reply)
        progress = held.result
        assert isinstance(progress, Progress), progress
        replies += held.replies
        if progress.answer is None:
            return [None] * len(items), replies
        return list(progress.answer.items), replies

    def declared(self) -> dict[str, Bucket]:
        """All buckets by name; two of one name are an error."""
        try:
            return by_name(self.connector().limits)
        except ValueError as error:
            raise AssertionError(error) from error

    def know(self, observed: Sequence[Observed]) -> None:
        """What replies say is of buckets that were declared, and possible."""
        buckets = self.declared()
        for said in observed:
            assert buckets[said.bucket].scope is not Scope.LISTING
            assert said.left is None or said.left >= 0
            assert said.wait_s is None or said.wait_s >= 0
            assert said.rate is None or said.rate > 0

    def requests(self) -> Iterator[Request]:
        """All that it asks when all is well."""
        for operation in self.operations():
            market, items = self.market(), self.batch(operation)
            market.prepare(items)
            held = hold(self.connector().write(operation, items, INTENT), market.reply)
            yield from held.requests
            if operation.bulk:
                yield from hold(self.connector().follow(held.result.submission, items), market.reply).requests
                if operation.finds:
                    yield from hold(self.connector().find(INTENT, NOW_MS), market.reply).requests
            market.settle()
            if self.connector().reads_most:
                asked = [(item.listing, item.location) for item in items][: self.connector().reads_most]
                yield from hold(self.connector().read_back(asked), market.reply).requests
        tokens = self.connector().authorise()
        if tokens is not None:
            yield from hold(tokens, self.market().reply).requests

    def spoilt(
        self, of: Callable[[Market], Conversation[Any]], fault: Fault
    ) -> Iterator[tuple[int, int, Any]]:
        """The same conversation as often as it has requests, each time with a fault in the place of one reply: which
        request, of how many, and the result."""
        market = self.market()
        market.prepare(self.items(5))
        good = hold(of(market), market.reply).replies
        many = len(good)
        for position in range(many):
            if fault in UNREADABLE and not good[position].body:
                continue  # nobody reads that body
            market, asked = self.market(), 0
            market.prepare(self.items(5))

            def answer(
                request: Request, market: Market = market, position: int = position
            ) -> Reply | Exception:
                nonlocal asked
                asked += 1
                return fault.reply if asked == position + 1 else market.reply(request)

            yield position, many, hold(of(market), answer).result

    def signs(self) -> bool:
        """Whether its requests are signed when they are sent."""
        return self.connector_class.sign is not Connector.sign

    def hushed(self) -> list[str]:
        values = [self.secret(name) for name in self.secrets]
        return [*values, "hush", *(b64encode(value.encode()).decode().rstrip("=")[:12] for value in values)]
