"""The contract once more, with a simulated receiver of webhooks; and what goes wrong there."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from feeds.connectors.webhook import Webhook
from feeds.exchange import Reply, Request
from feeds.outcomes import Fate, Trouble
from feeds.simulator import webhook as simulated
from feeds.simulator.channel_settings import AccountSettings
from feeds.simulator.faults import Fault
from feeds.simulator.webhook_settings import WebhookSettings
from tests.feeds.connectors.contract import Contract
from tests.feeds.connectors.contract_reads import ReadContract
from tests.feeds.connectors.contract_whole import WholeContract
from tests.feeds.connectors.market import Fault as Spoilt
from tests.feeds.connectors.market import each_fault, hold
from tests.feeds.connectors.simulated import SELLER, USUAL, SimulatedMarket, check_fault
from tests.feeds.connectors.trial import INTENT

HUSH = "whsec_" + b64encode(b"hush-secret-hush-hush-hush").decode()
ACCOUNTS = {SELLER: AccountSettings(client_secret=HUSH)}


class WebhookMarket(SimulatedMarket):
    """Signs as the line does, `late_ms` ago."""

    def __init__(self, of: Contract, **settings: Any) -> None:
        # As many calls as a test likes.
        super().__init__(simulated.Webhook(WebhookSettings(accounts=ACCOUNTS, **{"plans": {}, **settings})))
        self.of = of
        self.late_ms = 0

    def headers(self) -> Mapping[str, str]:
        return {}

    def answer(self, request: Request) -> Reply | Exception:
        return super().answer(self.of.connector().sign(request, self.now_ms - self.late_ms))


class TestSilent(WholeContract):
    connector_class = Webhook
    market_class = SimulatedMarket
    options: ClassVar = {"path": "/stock"}
    secrets = ("secret",)
    locations = (None, "DC 1")
    never_busy = True

    def secret(self, name: str) -> str:
        return HUSH

    def key(self, request: Request) -> str | None:
        return request.headers.get("webhook-id")

    def market(self) -> WebhookMarket:
        return WebhookMarket(self, results=False)


class TestTalkative(ReadContract):
    connector_class = Webhook
    market_class = SimulatedMarket
    options: ClassVar = {"path": "/stock", "read_path": "/stock/read"}
    secrets = ("secret",)
    locations = (None, "DC 1")
    never_busy = True
    secret = TestSilent.secret
    key = TestSilent.key

    def market(self) -> WebhookMarket:
        return WebhookMarket(self)

    @each_fault
    def test_a_write_that_fails(self, fault: Spoilt) -> None:
        if fault.name != "empty":  # a call that is answered with nothing was applied
            super().test_a_write_that_fails(fault)


EACH = [TestSilent(), TestTalkative()]
each = pytest.mark.parametrize("of", EACH, ids=lambda of: type(of).__name__)


@each
@pytest.mark.parametrize(
    ("fault", "trouble", "fate"),
    [
        *USUAL,
        (Fault("outage", status=400), Trouble.NONE, Fate.REJECTED),
        (Fault("outage", status=410), Trouble.BROKEN, Fate.RETURNED),
        (Fault("partial_items", share=1.0), Trouble.NONE, Fate.LATER),
        (Fault("invalid_items", share=1.0), Trouble.NONE, Fate.REJECTED),
        (Fault("header_missing"), Trouble.NONE, Fate.APPLIED),
    ],
    ids=lambda of: f"{of.name}-{of.status}" if isinstance(of, Fault) else None,
)
def test_a_fault(of: Contract, fault: Fault, trouble: Trouble, fate: Fate) -> None:
    check_fault(of, fault, trouble, {fate})


@pytest.mark.parametrize(("late_ms", "believed"), [(300_000, True), (-300_000, True), (302_000, False)])
def test_a_call_that_was_signed_long_ago_is_not_believed(late_ms: int, believed: bool) -> None:
    of = TestTalkative()
    market, items = of.market(), of.items(2)
    market.now_ms = 1_790_000_000_000
    market.prepare(items)
    market.late_ms = late_ms
    (operation,) = of.operations()
    answer = hold(of.connector().write(operation, items, INTENT), market.answer).result
    assert answer.trouble is (Trouble.NONE if believed else Trouble.AUTH)
    assert {outcome.fate for outcome in answer.items} == {Fate.APPLIED if believed else Fate.RETURNED}


def test_a_call_that_comes_late_does_not_undo_a_newer_one() -> None:
    """Nobody answered the first; the second was sent and taken; then the first arrives after all, and once more."""
    for of in EACH:
        market, (item,) = of.market(), of.items(1)
        assert isinstance(market, SimulatedMarket)
        market.prepare([item])
        (operation,) = of.operations()
        lost = next(of.connector().write(operation, [item], INTENT))
        newer = of.later(item, quantity=3)
        assert of.outcomes(market, operation, [newer]).items[0].fate is Fate.APPLIED
        assert [market.reply(lost).status for _ in range(2)] == [200, 200]
        market.settle()
        assert market.shows[item.listing, item.location] == 3


def test_some_items_fail() -> None:
    of = TestTalkative()
    market, items = of.market(), of.items(100)
    market.prepare(items)
    market.channel.faults.switch_on(Fault("partial_items", share=0.3))
    market.channel.faults.switch_on(Fault("invalid_items", share=0.2))
    (operation,) = of.operations()
    outcomes = of.outcomes(market, operation, items).items
    assert {outcome.fate for outcome in outcomes} == {Fate.APPLIED, Fate.LATER, Fate.REJECTED}
    assert {outcome.after_s for outcome in outcomes if outcome.fate is Fate.LATER} == {60}
    market.settle()
    for item, outcome in zip(items, outcomes, strict=True):
        shown = market.shows[item.listing, item.location]
        assert shown == (item.quantity if outcome.fate is Fate.APPLIED else 0)


def test_a_limit_says_when() -> None:
    of = TestTalkative()
    market = WebhookMarket(of, plans=WebhookSettings().plans)
    (operation,) = of.operations()
    (item,) = of.items(1)
    market.prepare([item])
    answers = []
    for nth in range(6):
        market.now_ms = 1_790_000_000_000
        write = of.connector().write(operation, [of.later(item, nth)], INTENT)
        answers.append(hold(write, market.answer).result)
    assert [answer.trouble for answer in answers] == [Trouble.NONE] * 5 + [Trouble.THROTTLED]
    assert answers[-1].again_s == 1
