"""What a connector must do that can read a marketplace."""

from collections.abc import Sequence

from feeds.connector import Item
from feeds.exchange import Lost
from feeds.outcomes import Trouble
from tests.feeds.connectors.contract import Contract
from tests.feeds.connectors.market import Fault, Held, Market, each_fault, hold


class ReadContract(Contract):
    """For connectors with `reads_most` above 0."""

    reading_is_tried = True

    def read(self, market: Market, items: Sequence[Item]) -> Held:
        """Read them back, all being well."""
        asked = [(item.listing, item.location) for item in items]
        return hold(self.connector().read_back(asked), market.reply)

    def test_it_reads_what_it_wrote(self) -> None:
        operation = next(iter(self.operations()))
        market, items = self.market(), self.items(min(200, self.connector().reads_most))
        for item in items:
            self.outcomes(market, operation, [item])
            market.settle()
        shown = self.read(market, items).result
        assert shown.trouble is Trouble.NONE
        assert shown.units == {(item.listing, item.location): item.quantity for item in items}

    def test_what_it_does_not_know_is_left_out(self) -> None:
        shown = self.read(self.market(), self.items(3)).result
        assert shown.units == {}
        assert shown.trouble is Trouble.NONE

    @each_fault
    def test_reading_fails(self, fault: Fault) -> None:
        asked = [(item.listing, item.location) for item in self.items(1)]
        for _, _, shown in self.spoilt(lambda _: self.connector().read_back(asked), fault):
            if isinstance(shown, Lost):
                continue
            assert shown.trouble is fault.trouble
            assert shown.reason
            assert shown.units == {}
