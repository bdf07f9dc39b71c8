"""The contract once more, with the simulated Mirakl; and what goes wrong there."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from feeds.connector import Identity, Item
from feeds.connectors.mirakl import Mirakl
from feeds.outcomes import Fate, Trouble
from feeds.simulator import mirakl
from feeds.simulator.channel_settings import AccountSettings
from feeds.simulator.faults import Fault
from feeds.simulator.mirakl_settings import MiraklSettings
from tests.feeds.connectors.market import hold
from tests.feeds.connectors.simulated import SELLER, USUAL, SimulatedMarket
from tests.feeds.connectors.test_mirakl import TestContract as MiraklContract
from tests.feeds.connectors.trial import INTENT

KEY = "hush-api_key-hush"
(IMPORT,) = Mirakl.operations


class MiraklMarket(SimulatedMarket):
    """The contract asks as often as it likes, as some operators let it."""

    def __init__(self, **settings: Any) -> None:
        accounts = {"OTHER": AccountSettings(access_token=KEY), SELLER: AccountSettings(access_token=KEY)}
        super().__init__(mirakl.Mirakl(MiraklSettings(accounts=accounts, enforced=False, **settings)))

    def headers(self) -> Mapping[str, str]:
        return {"authorization": KEY}


class TestMirakl(MiraklContract):
    market_class = MiraklMarket
    options: ClassVar[Mapping[str, Any]] = {"shop_id": 2001}

    def fates(self, market: SimulatedMarket, items: Sequence[Item]) -> dict[tuple[str, str | None], Fate]:
        """What became of an import, by listing and location."""
        outcomes = self.outcomes(market, IMPORT, items).items
        return {(item.listing, item.location): told.fate for item, told in zip(items, outcomes, strict=True)}


class TestMiraklWarehouses(TestMirakl):
    locations = ("WAREHOUSE_001", "west; the large one")


OF = TestMirakl()


@pytest.mark.parametrize(
    ("fault", "trouble", "fate"),
    [
        *USUAL,
        (Fault("lost_ack"), Trouble.BROKEN, Fate.UNKNOWN),
        (Fault("throttle_below_plan", ms=37_000), Trouble.THROTTLED, Fate.RETURNED),
    ],
    ids=lambda of: of.name if isinstance(of, Fault) else None,
)
def test_a_fault(fault: Fault, trouble: Trouble, fate: Fate) -> None:
    market, items = MiraklMarket(), OF.items(3)
    market.prepare(items)
    market.channel.faults.switch_on(fault)
    answer = hold(OF.connector().write(IMPORT, items, INTENT), market.answer).result
    assert (answer.trouble, {outcome.fate for outcome in answer.items}) == (trouble, {fate})
    assert answer.again_s == (37 if trouble is Trouble.THROTTLED else None)
    market.settle()
    arrived = fault.name in ("drop_after_apply", "lost_ack")
    # Where it says that nothing was taken, nothing was.
    assert list(market.shows.values()) == [item.quantity if arrived else 0 for item in items]


@pytest.mark.parametrize("whole_offers", [True, False])
def test_one_wrong_warehouse(whole_offers: bool) -> None:
    """What was not taken is told apart, and taken when it comes without the wrong one."""
    of = TestMiraklWarehouses()
    market = MiraklMarket(whole_offers=whole_offers, warehouses=["W1", "W2"])
    items = [Item(sku, place, 4, 7) for place in ("W1", "W2") for sku in "AB"]
    outcomes = of.fates(market, [*items, Item("A", "W9", 4, 7)])
    assert (outcomes["B", "W1"], outcomes["B", "W2"]) == (Fate.APPLIED, Fate.APPLIED)
    assert outcomes["A", "W9"] is Fate.REJECTED
    other = Fate.UNKNOWN if whole_offers else Fate.APPLIED
    assert (outcomes["A", "W1"], outcomes["A", "W2"]) == (other, other)
    for key, fate in outcomes.items():
        if fate is not Fate.REJECTED:
            assert market.shows[key] == (4 if fate is Fate.APPLIED else 0)
    again = [item for item in items if outcomes[item.listing, item.location] is Fate.UNKNOWN]
    if again:
        assert set(of.fates(market, again).values()) == {Fate.APPLIED}


def test_what_an_import_that_failed_has_applied_is_not_known() -> None:
    market, items = MiraklMarket(), OF.items(60)
    market.prepare(items)
    market.channel.faults.switch_on(Fault("feed_fatal_partial", share=0.5))
    assert {outcome.fate for outcome in OF.outcomes(market, IMPORT, items).items} == {Fate.UNKNOWN}
    assert 0 < list(market.shows.values()).count(0) < 60


def test_lines_that_fail() -> None:
    market, items = MiraklMarket(), OF.items(120)
    market.prepare(items)
    market.channel.faults.switch_on(Fault("partial_items", share=0.3))
    outcomes = OF.outcomes(market, IMPORT, items).items
    for item, outcome in zip(items, outcomes, strict=True):
        assert outcome.fate in (Fate.REJECTED, Fate.APPLIED)
        shown = market.shows[item.listing, item.location]
        assert shown == (item.quantity if outcome.fate is Fate.APPLIED else 0)
    assert 0 < sum(outcome.fate is Fate.REJECTED for outcome in outcomes) < 120


def test_a_key_without_the_shop() -> None:
    market, items = MiraklMarket(), OF.items(1)
    connector = Mirakl(Identity("account", {"shop_id": 1}, {"api_key": KEY}))
    answer = hold(connector.write(IMPORT, items, INTENT), market.answer).result
    assert (answer.trouble, answer.items[0].fate) == (Trouble.AUTH, Fate.RETURNED)
