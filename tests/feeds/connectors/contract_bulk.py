"""What a connector must do that has a bulk operation."""

from feeds.connector import Connector, Operation
from feeds.exchange import Conversation, Reply
from feeds.outcomes import Fate, Progress, Trouble
from tests.feeds.connectors.contract import Contract
from tests.feeds.connectors.market import NOW_MS, Fault, Market, each_fault, hold
from tests.feeds.connectors.trial import INTENT, TAKEN
from tests.feeds.connectors.words import in_other_words, words_of


class BulkContract(Contract):
    """For connectors one of whose operations is `bulk`."""

    bulk_is_tried = True

    def bulk(self) -> Operation:
        """The one that is answered by a submission."""
        return next(operation for operation in self.operations() if operation.bulk)

    def test_a_submission_is_followed(self) -> None:
        operation, market = self.bulk(), self.market()
        items = self.batch(operation)
        number = self.written(market, operation, items).submission or ""
        market.stands = "open"
        progress = hold(self.connector().follow(number, items), market.reply).result
        assert progress.answer is None
        assert progress.again_s is not None
        assert progress.again_s > 0
        assert market.poll_s in (None, progress.again_s), "ask when the marketplace says"
        market.stands = "closed"
        market.settle()
        progress = hold(self.connector().follow(number, items), market.reply).result
        assert {outcome.fate for outcome in progress.answer.items} <= TAKEN

    def test_a_state_that_it_does_not_know(self) -> None:
        """Of an open submission whose state has another name, nothing is taken for granted."""
        operation, market = self.bulk(), self.market()
        items = self.batch(operation)
        number = self.written(market, operation, items).submission or ""
        market.stands = "open"
        for word in words_of(hold(self.connector().follow(number, items), market.reply).replies):
            with_another = in_other_words(market.reply, word)
            progress = hold(self.connector().follow(number, items), with_another).result
            if progress.answer is not None:
                assert {outcome.fate for outcome in progress.answer.items} == {Fate.UNKNOWN}, word

    def test_a_submission_that_ended_badly(self) -> None:
        operation = self.bulk()
        items = self.batch(operation)
        for end in self.market_class.bad_ends:
            market = self.market()
            market.stands = end
            number = self.written(market, operation, items).submission or ""
            market.settle()
            progress = hold(self.connector().follow(number, items), market.reply).result
            assert progress.answer.trouble is Trouble.BROKEN
            for item, outcome in zip(items, progress.answer.items, strict=True):
                assert outcome.fate in (Fate.UNKNOWN, Fate.RETURNED)
                if outcome.fate is Fate.RETURNED:
                    shows = market.shows.get((item.listing, item.location))
                    assert shows != item.quantity, "it was taken all the same"

    def test_the_order_of_items_does_not_matter_afterwards(self) -> None:
        """After a restart they come from the ledger, in any order."""
        operation, market = self.bulk(), self.market()
        items = self.batch(operation)
        market.refuses = {items[0].listing}
        answer = self.written(market, operation, items)
        market.settle()
        for order in (items, items[::-1], items[:2]):
            progress = hold(self.connector().follow(answer.submission or "", order), market.reply).result
            fates = [outcome.fate is Fate.REJECTED for outcome in progress.answer.items]
            assert fates == [item.listing in market.refuses for item in order]

    @each_fault
    def test_following_fails(self, fault: Fault) -> None:
        """Also where there is more to be asked, because something was refused."""
        operation = self.bulk()
        items = self.batch(operation)

        def of(market: Market) -> Conversation[Progress]:
            market.refuses = {items[0].listing}
            number = self.written(market, operation, items).submission or ""
            market.settle()
            return self.connector().follow(number, items)

        for _, _, progress in self.spoilt(of, fault):
            if isinstance(progress, Exception):
                assert isinstance(progress, type(fault.reply))
                continue
            assert progress.answer is None, "a submission that cannot be asked about stays open"
            assert progress.again_s

    def test_a_submission_that_is_not_known(self) -> None:
        operation = self.bulk()
        items = self.batch(operation)
        progress = hold(self.connector().follow("1", items), lambda _: Reply(404, {}, b"{}")).result
        assert progress.answer is not None, "it would be asked about for ever"
        assert {outcome.fate for outcome in progress.answer.items} == {Fate.UNKNOWN}

    def test_what_was_sent_is_found(self) -> None:
        operation, market = self.bulk(), self.market()
        if not operation.finds:
            assert self.connector_class.find is Connector.find, "who can look for it says so: finds"
            return
        items = self.batch(operation)
        since = NOW_MS - 300
        assert hold(self.connector().find(INTENT, since), market.reply).result is None
        number = self.written(market, operation, items).submission
        assert hold(self.connector().find(INTENT, since), market.reply).result == number
        assert hold(self.connector().find("another", NOW_MS + 60_000), market.reply).result is None

    @each_fault
    def test_looking_fails(self, fault: Fault) -> None:
        if not self.bulk().finds:
            return
        for _, _, found in self.spoilt(lambda _: self.connector().find(INTENT, NOW_MS), fault):
            assert isinstance(found, Exception), "None would say that the marketplace never got it"
