"""What every connector must do, as tests. For a new one, in a test module:

    class TestMine(BulkContract, ReadContract):
        connector_class = Mine
        market_class = MyMarket
        options = {"shop": "1"}
        secrets = ("token",)

`MyMarket` is a small stand-in of the marketplace, and a `Market`. Without a bulk operation, or where nothing can be
read, the contract is only one of these, or `Contract`. docs/connectors.md has a whole example.
"""

import copy
from dataclasses import replace
from typing import Any, ClassVar

from feeds.buckets import Scope, Weight
from feeds.connector import Item
from feeds.exchange import Conversation
from feeds.outcomes import Answer, Fate, Trouble
from feeds.plans import plan
from tests.feeds.connectors.contract_faults import FaultContract
from tests.feeds.connectors.market import NOW_MS, hold
from tests.feeds.connectors.trial import INTENT, TAKEN
from tests.feeds.connectors.words import words_of


class Contract(FaultContract):
    """Ordinary pytest tests."""

    bulk_is_tried: ClassVar = False
    reading_is_tried: ClassVar = False

    # -- what it declares ----------------------------------------------------------------------------------------

    def test_it_says_who_it_is(self) -> None:
        assert self.connector_class.name == self.connector_class.name.lower() != ""
        assert (self.connector_class.__doc__ or "").strip()

    def test_all_of_it_is_tried(self) -> None:
        bulk = any(operation.bulk for operation in self.operations())
        assert bulk is self.bulk_is_tried, "a bulk operation is tried by BulkContract"
        reads = self.connector().reads_most > 0
        assert reads is self.reading_is_tried, (
            "what reads back is tried by ReadContract; else say reads_most = 0"
        )

    def test_its_operations_make_sense(self) -> None:
        operations = list(self.operations())
        assert operations
        assert len({operation.name for operation in operations}) == len(operations)
        assert sum(operation.bulk for operation in operations) <= 1
        for operation in operations:
            assert 1 <= operation.least <= operation.most
            assert operation.at_once >= 1
            if operation.bytes_most:
                assert operation.bytes_each, "say how large an item is, or batches cannot be cut"

    def test_its_limits_make_sense(self) -> None:
        limits = self.connector().limits
        assert all(limits.values()), "a group without buckets limits nothing"
        for bucket in self.declared().values():
            plan(bucket)  # the limiter can keep it
        for operation in self.operations():
            assert operation.limit in self.connector().limits
            for bucket in self.connector().limits[operation.limit]:
                if bucket.weight is Weight.POINTS:
                    assert 0 < operation.points <= max(bucket.capacity, bucket.units)
                if bucket.weight is Weight.ITEMS:
                    assert operation.most <= max(bucket.capacity, bucket.units), (
                        "such a call is never admitted"
                    )

    def test_it_tells_no_more_than_there_is(self) -> None:
        """Of more units it is not told less, of none none, and what it was told is told as it is."""
        tells = self.connector().tells
        told = [tells(units) for units in range(2_000)]
        assert told[0] == 0
        assert told == sorted(told)
        assert all(0 <= each <= units for units, each in enumerate(told))
        assert all(tells(each) == each for each in told)
        most = self.connector_class.quantity_most
        assert told[-1] <= tells(most) == tells(tells(most)) <= most

    # -- what it asks --------------------------------------------------------------------------------------------

    def test_the_first_request_takes_what_was_declared(self) -> None:
        for operation in self.operations():
            items = self.batch(operation)
            first = next(self.connector().write(operation, items, INTENT))
            assert first.limit == operation.limit
            for bucket in self.connector().limits[operation.limit]:
                if bucket.weight is Weight.ITEMS:
                    assert first.items == len(items)
                if bucket.weight is Weight.POINTS:
                    assert first.points == operation.points
                if bucket.scope is Scope.LISTING:
                    assert first.listings == tuple((item.listing, item.quantity == 0) for item in items)

    def test_every_request_is_limited(self) -> None:
        for request in self.requests():
            assert request.path.startswith(("/", "http://", "https://"))
            assert not set(request.path) & set(' "<>\n'), "the path must be percent-encoded"
            if request.limit is None:
                # A token, or a document at an address of its own.
                assert request.secret or not request.path.startswith("/")
                continue
            for bucket in self.connector().limits[request.limit]:
                assert bucket.weight is not Weight.POINTS or request.points > 0

    def test_a_full_call_is_not_too_large(self) -> None:
        for operation in self.operations():
            fits = operation.bytes_most // operation.bytes_each if operation.bytes_most else operation.most
            many = min(fits, operation.most)
            place = max(self.locations, key=lambda location: len(location or ""))
            most = self.connector_class.quantity_most
            told = self.connector().tells(most)
            items = [Item(self.longest(n), place, told, NOW_MS, NOW_MS + n) for n in range(many)]
            market = self.market()
            market.prepare(items)
            held = hold(self.connector().write(operation, items, INTENT), market.reply)
            assert {outcome.fate for outcome in held.result.items} <= TAKEN, held.result.reason
            assert max(request.items for request in held.requests) <= operation.most
            if operation.bytes_most:
                assert max(len(request.body) for request in held.requests) <= operation.bytes_most

    # -- what it understands -------------------------------------------------------------------------------------

    def test_all_is_well(self) -> None:
        for operation in self.operations():
            market, items = self.market(), self.batch(operation)
            answer = self.written(market, operation, items)
            assert answer.trouble is Trouble.NONE
            assert (answer.submission is not None) is operation.bulk
            assert {outcome.fate for outcome in answer.items} <= (
                {Fate.ACCEPTED} if operation.bulk else TAKEN
            )
            market.settle()
            if operation.bulk:
                progress = hold(self.connector().follow(answer.submission or "", items), market.reply).result
                assert {outcome.fate for outcome in progress.answer.items} <= TAKEN
            for item in items:
                assert market.shows[item.listing, item.location] == item.quantity

    def test_zero_is_a_quantity(self) -> None:
        for operation in self.operations():
            market, item = self.market(), self.items(1)[0]
            for nth, quantity in enumerate((3, 0)):
                told = self.connector().tells(quantity)
                self.outcomes(market, operation, [self.later(item, nth, quantity=told)])
                market.settle()
                assert market.shows[item.listing, item.location] == told

    def test_five_then_four_then_five(self) -> None:
        """Of one version: a key that is made from the quantity would swallow the third, a revision that is made from
        the version all but the first."""
        for operation in self.operations():
            market, item = self.market(), self.items(1)[0]
            for nth, quantity in enumerate((5, 4, 5)):
                told = self.connector().tells(quantity)
                answer = self.outcomes(market, operation, [self.later(item, nth, quantity=told)])
                assert answer.items[0].fate in TAKEN
                market.settle()
                assert market.shows[item.listing, item.location] == told

    def test_operations_take_turns(self) -> None:
        """What is urgent goes by one of them, the rest by another, and whatever was written last is shown."""
        market, item = self.market(), self.items(1)[0]
        for nth, operation in enumerate([*self.operations(), *self.operations()]):
            told = self.connector().tells(7 + nth)
            answer = self.outcomes(market, operation, [self.later(item, nth, quantity=told)])
            assert answer.items[0].fate in TAKEN
            market.settle()
            assert market.shows[item.listing, item.location] == told

    def test_awkward_listings(self) -> None:
        place, tells = self.locations[0], self.connector().tells
        for operation in self.operations():
            market = self.market()
            for at, listing in enumerate(self.awkward):
                answer = self.outcomes(market, operation, [Item(listing, place, tells(at), NOW_MS, NOW_MS)])
                assert answer.items[0].fate in TAKEN
                market.settle()
                assert market.shows[listing, place] == tells(at)
        if self.connector().reads_most:
            for at, listing in enumerate(self.awkward):
                held = hold(self.connector().read_back([(listing, place)]), market.reply)
                assert held.result.units == {(listing, place): tells(at)}

    def test_a_listing_stays_in_its_place(self) -> None:
        """A slash in it does not make another path."""
        place = self.locations[0]

        def paths(listing: str) -> list[str]:
            asked: list[Conversation[Any]] = [
                self.connector().write(each, [Item(listing, place, 1, NOW_MS, NOW_MS)], INTENT)
                for each in self.operations()
            ]
            if self.connector().reads_most:
                asked.append(self.connector().read_back([(listing, place)]))
            return [next(each).path for each in asked]

        for listing in self.awkward:
            for path, usual in zip(paths(listing), paths(listing.replace("/", "-")), strict=True):
                assert not set(path) & set("?#")
                assert not {".", ".."} & set(path.split("/")), "it would be another path"
                assert path.count("/") == usual.count("/")

    def test_what_is_refused_is_told_apart(self) -> None:
        for operation in self.operations():
            market, items = self.market(), self.batch(operation)
            poisoned = min(1, len(items) - 1)
            market.refuses = {items[poisoned].listing}
            answer = self.outcomes(market, operation, items)
            for at, outcome in enumerate(answer.items):
                if items[at].listing in market.refuses:
                    assert outcome.fate is Fate.REJECTED
                    assert outcome.reason
                else:
                    assert outcome.fate in TAKEN | {Fate.RETURNED}
            market.settle()
            for item, outcome in zip(items, answer.items, strict=True):
                if outcome.fate in TAKEN:
                    assert market.shows[item.listing, item.location] == item.quantity
            # What was returned is taken without the poisoned one.
            rest = [items[at] for at, outcome in enumerate(answer.items) if outcome.fate is Fate.RETURNED]
            if rest:
                again = self.outcomes(market, operation, [self.later(item) for item in rest])
                assert {outcome.fate for outcome in again.items} <= TAKEN

    def test_what_is_busy_comes_later(self) -> None:
        """A listing that is rejected for good while it should fall to zero goes on selling."""
        for operation in self.operations():
            market, items = self.market(), self.batch(operation)
            if self.never_busy:
                continue
            market.busy = {items[0].listing}
            first, *rest = self.outcomes(market, operation, items).items
            assert first.fate in (Fate.LATER, Fate.STALE, Fate.RETURNED)
            assert {outcome.fate for outcome in rest} <= TAKEN | {Fate.RETURNED}
            market.settle()
            assert market.shows.get((items[0].listing, items[0].location)) != items[0].quantity, (
                "the stand-in takes what is `busy`: let it say that this is not now, or say `never_busy`"
            )

    def test_a_word_that_it_does_not_know(self) -> None:
        """Marketplaces add words. A new one must not pass for a yes, and must not reject for good what is well."""
        for operation in self.operations():
            _, replies = self.refusing(operation)
            listings = {item.listing for item in self.batch(operation)}
            for word in set(words_of(replies)) - listings:
                outcomes, _ = self.refusing(operation, word)
                refused, rest = outcomes[0], outcomes[1:]
                assert refused is None or refused.fate not in TAKEN, word
                assert not [each for each in rest if each is not None and each.fate is Fate.REJECTED], word

    def test_what_is_signed_is_the_same_request(self) -> None:
        """A signature is added, each time anew; nothing else changes, and no secret is in it."""
        signing, differ = self.connector(), 0
        for request in self.requests():
            signed = signing.sign(request, NOW_MS)
            differ += signed != signing.sign(request, NOW_MS + 600_000)
            assert signed.headers.items() >= request.headers.items()
            assert signed.query.items() >= request.query.items()
            assert replace(signed, headers=request.headers, query=request.query) == request
            told = f"{signed!r} {signed.query} {signed.headers}"
            assert request.secret or not [each for each in self.hushed() if each in told]
        assert (differ > 0) is self.signs()

    # -- what it must not do -------------------------------------------------------------------------------------

    def test_it_keeps_nothing(self) -> None:
        for operation in self.operations():
            connector, items = self.connector(), self.batch(operation)
            before = copy.deepcopy(vars(connector))
            sent = []
            for _ in range(2):
                market = self.market()
                market.prepare(items)
                held = hold(connector.write(operation, items, INTENT), market.reply)
                sent.append([(each.method, each.path, each.query, each.body) for each in held.requests])
            assert vars(connector) == before
            assert sent[0] == sent[1]

    def test_conversations_do_not_disturb_one_another(self) -> None:
        operation = next(iter(self.operations()))
        connector, market, items = self.connector(), self.market(), self.items(2)
        market.prepare(items)
        one, other = (connector.write(operation, [item], INTENT) for item in items)
        first, second = next(one), next(other)
        assert first.body != second.body or first.path != second.path
        replies = [market.reply(request) for request in (second, first)]
        for conversation, reply in ((other, replies[0]), (one, replies[1])):
            result: Answer | None = None
            try:
                request = conversation.send(reply)
                while True:
                    request = conversation.send(market.reply(request))
            except StopIteration as end:
                result = end.value
            assert result is not None
            assert result.items[0].fate in TAKEN

    def test_the_idempotency_key(self) -> None:
        """5, then 4, then 5 again: a key that is made from the quantity would swallow the third."""
        operation = next(iter(self.operations()))
        item = self.items(1)[0]

        def key(item: Item, account: str = "account-1") -> str | None:
            return self.key(next(self.connector(account).write(operation, [item], INTENT)))

        assert (key(item) is None) is self.keyless, "say whether it is keyless, or what its `key` is"
        if self.keyless:
            return
        assert key(item) == key(item)
        assert key(item) == key(item._replace(quantity=item.quantity + 1))
        assert key(item) != key(item._replace(version=item.version + 1))
        assert key(item) != key(item._replace(write=item.write + 1))
        assert key(item) != key(item._replace(listing=self.listing(99)))
        assert key(item) != key(item, "account-2")

    def test_a_token(self) -> None:
        tokens = self.connector().authorise()
        if tokens is None:
            assert not self.secrets or self.signs(), "who has secrets says how they are used"
            return
        headers, seconds = hold(tokens, self.market().reply).result
        assert headers or self.signs()
        assert all(isinstance(value, str) and value for value in headers.values())
        assert seconds == self.market_class.token_s
