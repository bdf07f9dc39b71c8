"""The contract once more, with the simulated marketplaces; and what goes wrong there."""

from collections.abc import Mapping
from email.utils import formatdate
from typing import ClassVar

import pytest

from feeds.connector import Item
from feeds.connectors.amazon import Amazon
from feeds.connectors.shopify import Shopify
from feeds.connectors.walmart import Walmart
from feeds.connectors.zalando import Zalando
from feeds.exchange import Reply
from feeds.outcomes import Fate, Trouble
from feeds.simulator import amazon, shopify, walmart, zalando
from feeds.simulator.amazon_settings import AmazonSettings
from feeds.simulator.channel_settings import AccountSettings
from feeds.simulator.faults import Fault
from feeds.simulator.shopify_settings import ShopifySettings
from feeds.simulator.walmart_settings import WalmartSettings
from feeds.simulator.zalando_settings import ZalandoSettings
from tests.feeds.connectors.contract import Contract
from tests.feeds.connectors.contract_bulk import BulkContract
from tests.feeds.connectors.contract_reads import ReadContract
from tests.feeds.connectors.market import hold
from tests.feeds.connectors.simulated import SELLER, USUAL, SimulatedMarket, check_fault
from tests.feeds.connectors.test_shopify import TestContract as ShopifyContract
from tests.feeds.connectors.test_walmart import TestContract as WalmartContract
from tests.feeds.connectors.trial import INTENT, TAKEN

SECRETS = {
    name: f"hush-{name}-hush" for name in ("client_id", "client_secret", "refresh_token", "access_token")
}
ACCOUNTS = {SELLER: AccountSettings(**SECRETS)}


class AmazonMarket(SimulatedMarket):
    token_s = 3600.0

    def __init__(self) -> None:
        super().__init__(amazon.Amazon(AmazonSettings(accounts=ACCOUNTS, gzip_reports=True)))

    def headers(self) -> Mapping[str, str]:
        return {"x-amz-access-token": "Atza|" + self.channel.tokens.issue(SELLER, self.now_ms)}


class TestAmazon(BulkContract, ReadContract):
    connector_class = Amazon
    market_class = AmazonMarket
    never_busy = True
    options: ClassVar = {"seller_id": SELLER, "marketplace_ids": "A1PA6795UKMFR9"}
    secrets = ("client_id", "client_secret", "refresh_token")
    keyless = True


class WalmartMarket(SimulatedMarket):
    token_s = 900.0

    def __init__(self) -> None:
        super().__init__(walmart.Walmart(WalmartSettings(accounts=ACCOUNTS, nodes=["NODE-1", "NODE-2"])))

    def headers(self) -> Mapping[str, str]:
        token = self.channel.tokens.issue(SELLER, self.now_ms)
        return {"wm_sec.access_token": token, "wm_svc.name": "Walmart Marketplace"}


class TestWalmart(BulkContract, ReadContract):
    connector_class = Walmart
    market_class = WalmartMarket
    never_busy = True
    secrets = ("client_id", "client_secret")
    key = WalmartContract.key


class TestWalmartNodes(TestWalmart):
    locations = ("NODE-1", "NODE-2")


class ShopifyMarket(SimulatedMarket):
    def __init__(self) -> None:
        super().__init__(shopify.Shopify(ShopifySettings(accounts=ACCOUNTS)))

    def headers(self) -> Mapping[str, str]:
        return {"x-shopify-access-token": SECRETS["access_token"]}


class TestShopify(ReadContract):
    connector_class = Shopify
    market_class = ShopifyMarket
    never_busy = True
    secrets = ("access_token",)
    locations = ("gid://shopify/Location/11", "gid://shopify/Location/12")
    awkward = ("gid://shopify/InventoryItem/9007199254740993",)
    key = ShopifyContract.key

    def listing(self, n: int) -> str:
        return f"gid://shopify/InventoryItem/{n}"

    def longest(self, n: int) -> str:
        return self.listing(9007199254740000 + n)


class ZalandoMarket(SimulatedMarket):
    token_s = 7200.0

    def __init__(self) -> None:
        settings = ZalandoSettings(accounts=ACCOUNTS, sales_channels=["zalando-de", "zalando-at"])
        super().__init__(zalando.Zalando(settings), home="zalando-de")

    def headers(self) -> Mapping[str, str]:
        return {"authorization": "Bearer " + self.channel.tokens.issue(SELLER, self.now_ms)}


class TestZalando(Contract):
    connector_class = Zalando
    market_class = ZalandoMarket
    never_busy = True
    options: ClassVar = {"merchant_id": SELLER, "sales_channel": "zalando-de"}
    secrets = ("client_id", "client_secret")
    locations = (None, "zalando-at")
    keyless = True

    def test_what_is_refused_is_told_apart(self) -> None:
        """An EAN that it does not know is held; a sales channel that it does not have is refused."""
        market = ZalandoMarket()
        items = [Item("1", None, 4, 7), Item("2", "zalando-xx", 5, 8), Item("3", "zalando-at", 6, 9)]
        (operation,) = self.operations()
        answer = hold(self.connector().write(operation, items, INTENT), market.reply).result
        assert [outcome.fate for outcome in answer.items] == [Fate.APPLIED, Fate.REJECTED, Fate.APPLIED]


EACH = [TestAmazon(), TestWalmart(), TestWalmartNodes(), TestShopify(), TestZalando()]
each = pytest.mark.parametrize("of", EACH, ids=lambda of: type(of).__name__)


@each
@pytest.mark.parametrize(
    ("fault", "trouble", "fate"),
    [
        *USUAL,
        (Fault("throttle_below_plan"), Trouble.THROTTLED, Fate.RETURNED),
        (Fault("header_missing"), Trouble.NONE, Fate.APPLIED),
    ],
    ids=lambda of: of.name if isinstance(of, Fault) else None,
)
def test_a_fault(of: Contract, fault: Fault, trouble: Trouble, fate: Fate) -> None:
    """Of a single call, or of the only way to write."""
    check_fault(of, fault, trouble, {fate} if fate is not Fate.APPLIED else TAKEN)


@pytest.mark.parametrize("of", EACH[:3], ids=lambda of: type(of).__name__)
def test_a_lost_submission_is_found(of: BulkContract) -> None:
    market = of.market()
    assert isinstance(market, SimulatedMarket)
    items = of.items(4)
    market.prepare(items)
    market.channel.faults.switch_on(Fault("lost_ack"))
    since = market.now_ms
    answer = hold(of.connector().write(of.bulk(), items, INTENT), market.answer).result
    assert {outcome.fate for outcome in answer.items} == {Fate.UNKNOWN}
    number = hold(of.connector().find(INTENT, since), market.answer).result
    market.settle()
    progress = hold(of.connector().follow(number, items), market.answer).result
    assert {outcome.fate for outcome in progress.answer.items} == {Fate.APPLIED}
    assert list(market.shows.values()) == [item.quantity for item in items]


@pytest.mark.parametrize("of", EACH[:3], ids=lambda of: type(of).__name__)
def test_items_fail_for_a_while(of: BulkContract) -> None:
    market = of.market()
    assert isinstance(market, SimulatedMarket)
    items = of.items(120)
    market.prepare(items)
    market.channel.faults.switch_on(Fault("partial_items", share=0.3))
    outcomes = of.outcomes(market, of.bulk(), items).items
    later = [outcome for outcome in outcomes if outcome.fate is Fate.LATER]
    assert 0 < len(later) < len(items)
    assert all(outcome.after_s for outcome in later)
    for item, outcome in zip(items, outcomes, strict=True):
        assert outcome.fate in (Fate.LATER, Fate.APPLIED)
        shown = market.shows[item.listing, item.location]
        assert shown == (item.quantity if outcome.fate is Fate.APPLIED else 0)


def test_somebody_else_has_changed_it() -> None:
    of, market = TestShopify(), ShopifyMarket()
    items = of.items(3)
    market.prepare(items)
    (operation,) = of.operations()
    believed = [items[0], items[1]._replace(shown=99), items[2]._replace(shown=0)]
    answer = hold(of.connector().write(operation, believed, ""), market.reply).result
    assert [outcome.fate for outcome in answer.items] == [Fate.RETURNED, Fate.STALE, Fate.RETURNED]
    # The same version once more, without the belief: the key is spent, and another is taken.
    answer = hold(of.connector().write(operation, items, ""), market.reply).result
    assert [outcome.fate for outcome in answer.items] == [Fate.APPLIED] * 3
    assert list(market.shows.values()) == [item.quantity for item in items]


def test_there_and_back_again() -> None:
    of, market = TestShopify(), ShopifyMarket()
    (item,) = of.items(1)
    market.prepare([item])
    (operation,) = of.operations()
    for version, quantity in enumerate((5, 4, 5)):
        write = of.connector().write(operation, [item._replace(quantity=quantity, version=version)], "")
        answer = hold(write, market.reply).result
        assert answer.items[0].fate is Fate.APPLIED
        assert list(market.shows.values()) == [quantity]


def test_there_and_back_again_with_one_version() -> None:
    """The buffer grows and shrinks, and the view has not moved."""
    of, market = TestShopify(), ShopifyMarket()
    (item,) = of.items(1)
    market.prepare([item])
    (operation,) = of.operations()
    for write, quantity in enumerate((5, 4, 5)):
        again = item._replace(quantity=quantity, write=write)
        hold(of.connector().write(operation, [again], ""), market.reply)
    assert list(market.shows.values()) == [5]


def test_points_are_reckoned_as_they_cost() -> None:
    """What a call is said to cost is what the shop asks for, or more."""
    of, market = TestShopify(), ShopifyMarket()
    items = of.items(50)
    market.prepare(items)
    for request in of.requests():
        if request.points:
            reply = market.reply(request)
            assert reply.json()["extensions"]["cost"]["requestedQueryCost"] <= request.points


def test_a_retry_after_as_a_date() -> None:
    of, market = TestWalmart(), WalmartMarket()
    market.prepare(of.items(1))
    for fault in ("throttle_below_plan", "header_date", "header_spelling"):
        market.channel.faults.switch_on(Fault(fault, ms=5000))
    put = next(iter(of.operations()))

    def dated(answer: Reply | Exception) -> Reply | Exception:
        # The HTTP server adds it.
        assert isinstance(answer, Reply)
        return Reply(
            answer.status,
            {**answer.headers, "date": formatdate(market.now_ms / 1000, usegmt=True)},
            answer.body,
        )

    answer = hold(of.connector().write(put, of.items(1), ""), lambda ask: dated(market.answer(ask))).result
    assert answer.trouble is Trouble.THROTTLED
    assert 1 <= answer.again_s <= 7
    assert answer.observed[0].left == 0
    assert answer.observed[0].wait_s is not None
