"""The contract once more, with the simulated eBay; and what goes wrong there."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from feeds.connector import Identity, Item
from feeds.connectors.ebay import Ebay
from feeds.outcomes import Fate, Trouble
from feeds.simulator import ebay
from feeds.simulator.channel_settings import AccountSettings
from feeds.simulator.ebay_settings import EbaySettings
from feeds.simulator.faults import Fault
from tests.feeds.connectors.contract_reads import ReadContract
from tests.feeds.connectors.market import hold
from tests.feeds.connectors.simulated import SELLER, USUAL, SimulatedMarket
from tests.feeds.connectors.trial import TAKEN

SECRETS = {name: f"hush-{name}-hush" for name in ("client_id", "client_secret", "refresh_token")}
(UPDATE,) = Ebay(Identity("account")).operations


class EbayMarket(SimulatedMarket):
    """`offers`: whether listings have one; else they have only a total."""

    token_s = 7200.0

    def __init__(self, *, offers: bool = False, **settings: Any) -> None:
        given = EbaySettings(accounts={SELLER: AccountSettings(**SECRETS)}, **settings)
        self.market = ebay.Ebay(given)
        self._offers = offers
        super().__init__(self.market)

    def headers(self) -> Mapping[str, str]:
        return {"authorization": "Bearer v^1.1#" + self.channel.tokens.issue(SELLER, self.now_ms)}

    def prepare(self, items: Sequence[Item]) -> None:
        for item in items:
            if item.listing not in self.refuses and (item.listing, None) not in self.known:
                self.known[item.listing, None] = None
                offers = None if self._offers else list[str]()
                self.market.add_listing(SELLER, item.listing, offers=offers, now_ms=self.now_ms)


class OffersMarket(EbayMarket):
    def __init__(self) -> None:
        super().__init__(offers=True)


class TestTotals(ReadContract):
    connector_class = Ebay
    market_class: ClassVar[type[EbayMarket]] = EbayMarket
    secrets = ("client_id", "client_secret", "refresh_token")
    keyless = True
    never_busy = True


class TestOffers(TestTotals):
    market_class = OffersMarket
    awkward: ClassVar = ()  # their offers are not known

    def items(self, many: int, quantity: int = 10, version: int = 1000) -> list[Item]:
        found = super().items(many, quantity, version)
        return [item._replace(attributes={"offer_id": f"offer-{item.listing}"}) for item in found]

    def test_a_full_call_is_not_too_large(self) -> None:
        """With totals alone it is tried above; with 25 offers each here."""
        offers = [f"{n:012d}" for n in range(25)]
        items = [Item(f"{n:050d}", None, 1, n, attributes={"offer_id": ",".join(offers)}) for n in range(25)]
        market = EbayMarket()
        for item in items:
            market.market.add_listing(SELLER, item.listing, offers=offers)
        told = hold(self.connector().write(UPDATE, items, ""), market.reply).result
        assert {outcome.fate for outcome in told.items} == {Fate.APPLIED}


class TestLinesOfTotals(TestOffers):
    class market_class(EbayMarket):
        def __init__(self) -> None:
            super().__init__(offers=True, total_line=True)


EACH = [TestTotals(), TestOffers(), TestLinesOfTotals()]
each = pytest.mark.parametrize("of", EACH, ids=lambda of: type(of).__name__)


@each
@pytest.mark.parametrize(
    ("fault", "trouble", "fate"),
    [
        *USUAL,
        (Fault("throttle_below_plan"), Trouble.THROTTLED, Fate.RETURNED),
        (Fault("partial_items", share=1), Trouble.NONE, Fate.LATER),
        (Fault("invalid_items", share=1), Trouble.NONE, Fate.REJECTED),
    ],
    ids=lambda of: of.name if isinstance(of, Fault) else None,
)
def test_a_fault(of: TestTotals, fault: Fault, trouble: Trouble, fate: Fate) -> None:
    market, items = of.market_class(), of.items(3)
    market.prepare(items)
    market.channel.faults.switch_on(fault)
    told = hold(of.connector().write(UPDATE, items, ""), market.answer).result
    assert told.trouble is trouble
    assert {outcome.fate for outcome in told.items} == {fate}
    taken = fault.name == "drop_after_apply"
    assert list(market.shows.values()) == [item.quantity if taken else 0 for item in items]


@each
def test_items_fail_for_a_while(of: TestTotals) -> None:
    market, items = of.market_class(), of.items(25)
    market.prepare(items)
    market.channel.faults.switch_on(Fault("partial_items", share=0.3))
    outcomes = of.outcomes(market, UPDATE, items).items
    assert {outcome.fate for outcome in outcomes} == {Fate.LATER, Fate.APPLIED}
    for item, outcome in zip(items, outcomes, strict=True):
        taken = outcome.fate is Fate.APPLIED
        assert market.shows[item.listing, None] == (item.quantity if taken else 0)


def test_more_skus_than_it_takes_are_refused_as_such() -> None:
    of, market = TestTotals(), EbayMarket(skus_most=1)
    items = of.items(2)
    market.prepare(items)
    told = hold(of.connector().write(UPDATE, items, ""), market.reply).result
    assert (told.trouble, {outcome.fate for outcome in told.items}) == (Trouble.REFUSED, {Fate.RETURNED})
    assert of.outcomes(market, UPDATE, items[:1]).items[0].fate is Fate.APPLIED


def test_a_listing_that_is_over_its_250_comes_later() -> None:
    of, market = TestOffers(), OffersMarket()
    items = of.items(2)
    market.prepare(items)
    for n in range(250):
        market.now_ms += 1
        told = hold(of.connector().write(UPDATE, [items[0]._replace(quantity=n)], ""), market.reply)
        assert told.result.items[0].fate is Fate.APPLIED
    told = hold(of.connector().write(UPDATE, items, ""), market.reply).result
    assert [outcome.fate for outcome in told.items] == [Fate.LATER, Fate.APPLIED]
    assert (told.trouble, told.items[0].after_s) == (Trouble.NONE, 3600)
    market.settle()
    assert of.outcomes(market, UPDATE, items[:1]).items[0].fate is Fate.APPLIED


def test_a_0_that_is_refused_is_found_to_be_taken() -> None:
    of, market = TestOffers(), EbayMarket(offers=True, zero_refused=True)
    item = of.items(1)[0]
    market.prepare([item])
    assert of.outcomes(market, UPDATE, [item]).items[0].fate is Fate.APPLIED
    assert of.outcomes(market, UPDATE, [of.later(item, quantity=0)]).items[0].fate is Fate.ACCEPTED
    assert of.read(market, [item]).result.units == {(item.listing, None): 0}


def test_without_its_offer_a_listing_falls_but_does_not_rise() -> None:
    of, market = TestTotals(), EbayMarket(offers=True)
    item = of.items(1)[0]
    market.market.add_listing(SELLER, item.listing, quantity=5)
    market.known[item.listing, None] = None
    for nth, (quantity, shown) in enumerate(((8, 5), (3, 3), (0, 0), (9, 5))):
        outcome = of.outcomes(market, UPDATE, [of.later(item, nth, quantity=quantity)]).items[0]
        assert outcome.fate in TAKEN
        assert market.shows[item.listing, None] == shown
        assert of.read(market, [item]).result.units == {(item.listing, None): shown}
