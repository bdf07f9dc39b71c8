"""What a connector must do whose receiver takes a call or refuses it, and names no item."""

from feeds.outcomes import Fate, Trouble
from tests.feeds.connectors.contract import Contract
from tests.feeds.connectors.trial import TAKEN


class WholeContract(Contract):
    """Who is to blame is found by halves: the publisher sends half of the items until one is alone."""

    def test_what_is_refused_is_told_apart(self) -> None:
        for operation in self.operations():
            market, items = self.market(), self.batch(operation)
            good, poisoned, *_ = items
            market.refuses = {poisoned.listing}
            answer = self.outcomes(market, operation, items)
            assert answer.trouble is Trouble.REFUSED
            assert {outcome.fate for outcome in answer.items} == {Fate.RETURNED}
            assert market.shows.get((good.listing, good.location)) != good.quantity
            (alone,) = self.outcomes(market, operation, [self.later(poisoned)]).items
            assert alone.fate is Fate.REJECTED
            assert alone.reason
            rest = [self.later(item) for item in items if item is not poisoned]
            assert {outcome.fate for outcome in self.outcomes(market, operation, rest).items} <= TAKEN
