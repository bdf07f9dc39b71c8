"""The contract once more, with the simulated Google; and what goes wrong there."""

from collections.abc import Mapping
from typing import ClassVar

import pytest

from feeds.connector import Item
from feeds.exchange import Reply
from feeds.outcomes import Fate, Trouble
from feeds.simulator import google
from feeds.simulator.channel_settings import AccountSettings
from feeds.simulator.faults import Fault
from feeds.simulator.google_settings import GoogleSettings
from feeds.simulator.limits import Kind, Plan
from tests.feeds.connectors.market import NOW_MS, hold
from tests.feeds.connectors.simulated import SELLER, USUAL, SimulatedMarket
from tests.feeds.connectors.test_google import INSERT, GoogleContract
from tests.feeds.connectors.trial import TAKEN

SECRETS = {name: f"hush-{name}-hush" for name in ("client_id", "client_secret", "refresh_token")}


class GoogleMarket(SimulatedMarket):
    token_s = 3600.0
    units: ClassVar = {0: 0, 1: 1, 2: 5}

    def __init__(self, **settings: object) -> None:
        accounts = {SELLER: AccountSettings(**SECRETS)}
        super().__init__(google.Google(GoogleSettings(accounts=accounts, **settings)))  # type: ignore[arg-type]

    def headers(self) -> Mapping[str, str]:
        return {"authorization": "Bearer " + self.channel.tokens.issue(SELLER, self.now_ms)}

    @property
    def shows(self) -> dict[tuple[str, str | None], int]:
        """In the units that the connector tells: the simulator has states."""
        found = ((key, self.channel.place(SELLER, key[0], place)) for key, place in self.known.items())
        return {key: self.units[place.applied] for key, place in found}

    @shows.setter
    def shows(self, _: object) -> None:
        pass


class TestGoogle(GoogleContract):
    market_class = GoogleMarket
    never_busy = True
    options: ClassVar = {"account": SELLER, "limited_up_to": 4, "token_url": "/token"}


class RegionalMarket(GoogleMarket):
    units: ClassVar = {0: 0, 2: 1}


class TestRegions(TestGoogle):
    market_class = RegionalMarket
    options: ClassVar = {"account": SELLER, "kind": "regional", "token_url": "/token"}
    locations = ("NORTH", "SOUTH")


OF = TestGoogle()


def write(market: GoogleMarket, item: Item | None = None, of: TestGoogle = OF) -> object:
    (known,) = of.items(1)
    market.prepare([known])
    return hold(of.connector().write(INSERT, [item or known], ""), market.answer).result


@pytest.mark.parametrize("of", [OF, TestRegions()], ids=["stores", "regions"])
@pytest.mark.parametrize(
    ("fault", "trouble", "fate"),
    [
        *USUAL,
        (Fault("throttle_below_plan"), Trouble.THROTTLED, Fate.RETURNED),
        (Fault("invalid_items"), Trouble.NONE, Fate.REJECTED),
        (Fault("partial_items", share=1.0), Trouble.BROKEN, Fate.UNKNOWN),
        (Fault("slow", ms=20_000), Trouble.NONE, Fate.ACCEPTED),
    ],
    ids=lambda of: of.name if isinstance(of, Fault) else None,
)
def test_a_fault(of: TestGoogle, fault: Fault, trouble: Trouble, fate: Fate) -> None:
    market = of.market()
    assert isinstance(market, GoogleMarket)
    (item,) = of.items(1)
    market.channel.faults.switch_on(fault)
    answer = write(market, of=of)
    assert (answer.trouble, answer.items[0].fate) == (trouble, fate)  # type: ignore[attr-defined]
    market.settle()
    taken = fate in TAKEN or fault.name == "drop_after_apply"
    assert list(market.shows.values()) == [item.quantity if taken else 0]


@pytest.mark.parametrize(
    ("plan", "trouble"),
    [
        (Plan("minute", Kind.FIXED, 1, 60), Trouble.THROTTLED),
        (Plan("day", Kind.FIXED, 1, 86_400, begins_s=43_200), Trouble.EXHAUSTED),
    ],
)
@pytest.mark.parametrize("status", [429, 403])
def test_the_quotas(plan: Plan, trouble: Trouble, status: int) -> None:
    market = GoogleMarket(plans={"local_insert": [plan]}, throttled_status=status)
    assert write(market).trouble is Trouble.NONE  # type: ignore[attr-defined]
    answer = write(market)
    assert (answer.trouble, answer.items[0].fate) == (trouble, Fate.RETURNED)  # type: ignore[attr-defined]


def test_what_is_taken_shows_half_an_hour_later_at_most() -> None:
    market, (item,) = GoogleMarket(), OF.items(1)
    assert write(market).items[0].fate is Fate.ACCEPTED  # type: ignore[attr-defined]

    def shown() -> object:
        return hold(OF.connector().read_back([(item.listing, item.location)]), market.reply).result.units

    assert shown() == {(item.listing, item.location): 0}
    market.now_ms = NOW_MS + 1_900_000
    assert shown() == {(item.listing, item.location): item.quantity}


def test_a_product_that_was_updated_too_often_comes_later() -> None:
    market = GoogleMarket(updates_enforced=True)
    fates = [write(market).items[0].fate for _ in range(3)]  # type: ignore[attr-defined]
    assert fates == [Fate.ACCEPTED, Fate.ACCEPTED, Fate.LATER]


@pytest.mark.parametrize(("ignored", "fate"), [(True, Fate.LATER), (False, Fate.REJECTED)])
def test_an_old_spelling_is_noticed(ignored: bool, fate: Fate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.connectors.google.IN_STOCK", "in stock")
    market = GoogleMarket(spelling_ignored=ignored)
    assert write(market).items[0].fate is fate  # type: ignore[attr-defined]
    market.settle()
    assert list(market.shows.values()) == [0]


def test_a_price_is_kept_only_where_it_is_given() -> None:
    market, (item,) = GoogleMarket(), OF.items(1)
    assert isinstance(market.channel, google.Google)
    for attributes, kept in (
        ({"price": "5 EUR"}, {"amountMicros": "5000000", "currencyCode": "EUR"}),
        ({}, None),
    ):
        write(market, item._replace(attributes=attributes))
        place = market.channel.place(SELLER, item.listing, item.location)
        assert market.channel.kept[place].get("price") == kept


def test_an_unknown_product_is_rejected() -> None:
    market = GoogleMarket()
    answer = write(market, Item("de~DE~NONE", "S1", 5, 7))
    assert answer.items[0].fate is Fate.REJECTED  # type: ignore[attr-defined]
    assert "NOT_FOUND" in answer.items[0].reason  # type: ignore[attr-defined]


def test_a_token_that_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    market = GoogleMarket()

    def told(request: object) -> Reply:
        reply = market.reply(request)  # type: ignore[arg-type]
        assert reply.status == 400
        return reply

    market.channel.accounts.clear()
    tokens = OF.connector().authorise()
    assert tokens is not None
    held = hold(tokens, told)
    assert isinstance(held.result, Exception)
    assert "hush" not in str(held.result)
