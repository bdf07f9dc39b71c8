"""eBay: the contract, the bodies as they must be, and what is eBay's own."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from feeds.account import AccountFeed, Policy
from feeds.buckets import Bucket, Kind, Scope
from feeds.connector import Identity, Item
from feeds.connectors.ebay import Ebay
from feeds.exchange import Reply, Request
from feeds.outcomes import Fate, ItemOutcome, Trouble
from feeds.slots import Slot
from tests.feeds.connectors.answers import answer, form_of
from tests.feeds.connectors.contract_reads import ReadContract
from tests.feeds.connectors.market import Market, hold

WRITE, READ = "/sell/inventory/v1/bulk_update_price_quantity", "/sell/inventory/v1/bulk_get_inventory_item"
TOKEN = {"access_token": "v^1.1#t", "expires_in": 7200, "token_type": "User Access Token"}


def error(number: int, message: str = "no", category: str = "REQUEST") -> dict[str, Any]:
    return {"errorId": number, "domain": "API_INVENTORY", "category": category, "message": message}


def line(sku: str | None, offer: str | None = None, *numbers: int, status: int | None = None) -> Any:
    told: dict[str, Any] = {"statusCode": status or (400 if numbers else 200)}
    told |= {} if sku is None else {"sku": sku}
    told |= {} if offer is None else {"offerId": offer}
    return {**told, "errors": [error(each) for each in numbers]} if numbers else told


def lines(*told: Any) -> Reply:
    well = sum(each["statusCode"] == 200 for each in told)
    return answer({"responses": told}, 200 if well == len(told) else 207 if well else 400)


class EbayMarket(Market):
    """Totals and offers of one seller: an offer has 0 until it is written. Several offers are of different
    marketplaces, which show different numbers; here it is the lowest that is looked at."""

    token_s = 7200.0
    most = 25

    def __init__(self) -> None:
        super().__init__()
        self.totals: dict[str, int] = {}
        self.offers: dict[str, dict[str, int]] = {}

    def prepare(self, items: Sequence[Item]) -> None:
        for item in items:
            named = item.attributes.get("offer_id", "").replace(" ", "")
            for offer in named.split(",") if named else ():
                self.offers.setdefault(item.listing, {}).setdefault(offer, 0)

    def reply(self, request: Request) -> Reply:
        if request.path == "/identity/v1/oauth2/token":
            assert request.headers["authorization"].startswith("Basic ")
            assert form_of(request).keys() == {"grant_type", "refresh_token"}
            return answer(TOKEN)
        assert request.headers["accept-language"]
        if request.method == "GET":
            assert request.path == "/sell/inventory/v1/offer"
            return self.offered(request.query["sku"])
        requests = json.loads(request.body)["requests"]
        if len(requests) > self.most:
            return answer({"errors": [error(25712, f"The maximum size allowed is {self.most}.")]}, 400)
        if request.path == READ:
            return lines(*(self.item(each["sku"]) for each in requests))
        assert request.path == WRITE
        return lines(*(told for each in reversed(requests) for told in self.write(each)))

    def write(self, asked: Any) -> list[Any]:
        sku, offers = asked["sku"], {each["offerId"]: each for each in asked.get("offers", ())}
        named: list[str | None] = [*offers] or [None]
        if sku in self.refuses:
            return [line(sku, offer, 25702) for offer in named]
        if sku in self.busy:
            return [line(sku, offer, 25001, status=500) for offer in named]
        self.totals[sku] = asked["shipToLocationAvailability"]["quantity"]
        for offer in offers:
            self.offers[sku][offer] = offers[offer]["availableQuantity"]
        self.shows[sku, None] = min(self.totals[sku], *self.offers.get(sku, {"": self.totals[sku]}).values())
        return [line(sku, offer) for offer in named]

    def item(self, sku: str) -> Any:
        if sku not in self.totals:
            return line(sku, None, 25702)
        availability = {"shipToLocationAvailability": {"quantity": self.totals[sku]}}
        return {"statusCode": 200, "sku": sku, "inventoryItem": {"sku": sku, "availability": availability}}

    def offered(self, sku: str) -> Reply:
        if sku not in self.offers:
            return answer({"errors": [error(25713)]}, 404)
        found = [
            {"offerId": offer, "sku": sku, "status": "PUBLISHED", "availableQuantity": units}
            for offer, units in self.offers[sku].items()
        ]
        return answer({"total": len(found), "size": len(found), "offers": found})


class TestContract(ReadContract):
    connector_class = Ebay
    market_class = EbayMarket
    secrets = ("client_id", "client_secret", "refresh_token")
    keyless = True


class TestOffers(TestContract):
    """Listings whose offers are known: one, or two."""

    def items(self, many: int, quantity: int = 10, version: int = 1000) -> list[Item]:
        found = super().items(many, quantity, version)
        ids = [f"9{n}, 8{n}" if n % 2 else f"9{n}" for n in range(many)]
        return [item._replace(attributes={"offer_id": each}) for item, each in zip(found, ids, strict=True)]


class TestSingles(TestContract):
    """Where eBay takes one SKU in a call, as the page of the method has it."""

    options: ClassVar = {"items_per_call": 1}

    class market_class(EbayMarket):
        most = 1

        def reply(self, request: Request) -> Reply:
            self.most = 25 if request.path == READ else 1
            return super().reply(request)

    def operations(self) -> Any:
        yield from self.connector().operations


def ebay(**options: Any) -> Ebay:
    return Ebay(Identity("account", options, {"client_id": "me", "client_secret": "x", "refresh_token": "r"}))


(UPDATE,) = ebay().operations


ITEM = Item("A", None, 4, 7, attributes={"offer_id": "91"})
ZERO = ITEM._replace(quantity=0)


def written(reply: Reply, *items: Item) -> Any:
    return hold(ebay().write(UPDATE, items or [ITEM], ""), lambda _: reply).result


def outcome(reply: Reply, item: Item = ITEM) -> ItemOutcome:
    told = written(reply, item)
    assert told.trouble is Trouble.NONE
    (found,) = told.items
    assert isinstance(found, ItemOutcome)
    return found


def test_the_call() -> None:
    items = [
        Item("A/1", None, 4, 7, attributes={"offer_id": "5121, 5122,5121"}),
        Item("ä", None, 0, 8),
    ]
    ask = next(ebay().write(UPDATE, items, ""))
    assert (ask.method, ask.path, ask.limit, ask.items) == ("POST", WRITE, "update", 2)
    assert ask.headers["content-type"].startswith("application/json")
    assert ask.listings == (("A/1", False), ("ä", True))
    assert json.loads(ask.body) == json.loads("""
        {"requests": [
          {"sku": "A/1", "shipToLocationAvailability": {"quantity": 4},
           "offers": [{"offerId": "5121", "availableQuantity": 4}, {"offerId": "5122", "availableQuantity": 4}]},
          {"sku": "ä", "shipToLocationAvailability": {"quantity": 0}}]}""")


def test_what_ebay_could_never_have_given_is_not_asked_for() -> None:
    offers = ",".join(str(n) for n in range(26))
    odd = [
        ITEM._replace(location="DC1"),
        ITEM._replace(listing="x" * 51),
        ITEM._replace(listing=""),
        ITEM._replace(attributes={"offer_id": offers}),
    ]
    held = hold(ebay().write(UPDATE, [ITEM, *odd], ""), lambda _: Reply(500))
    assert held.requests == []
    assert [each.fate for each in held.result.items] == [Fate.RETURNED] + [Fate.REJECTED] * 4
    assert all(each.reason for each in held.result.items[1:])
    held = hold(ebay().read_back([("A", "DC1"), ("x" * 51, None)]), lambda _: Reply(500))
    assert (held.requests, held.result.units, held.result.trouble) == ([], {}, Trouble.NONE)


@pytest.mark.parametrize(
    ("number", "fate", "after_s"),
    [
        (25001, Fate.LATER, 300),
        (25025, Fate.LATER, 300),
        (25002, Fate.LATER, 3600),
        (25019, Fate.LATER, 3600),
        (25759, Fate.LATER, 3600),
        (29999, Fate.LATER, 3600),
        (25004, Fate.REJECTED, None),
        (25604, Fate.REJECTED, None),
        (25702, Fate.REJECTED, None),
        (25713, Fate.REJECTED, None),
    ],
)
def test_errors(number: int, fate: Fate, after_s: float | None) -> None:
    assert outcome(lines(line("A", "91", number))) == ItemOutcome(fate, f"{number}: no", after_s)
    told = written(lines(line("A", "91", number), line("B")), ITEM, Item("B", None, 1, 1))
    assert [each.fate for each in told.items] == [fate, Fate.APPLIED]
    assert (told.trouble, told.reason) == (Trouble.NONE, None)


def test_a_listing_that_was_revised_too_often_is_not_rejected() -> None:
    """Nobody has seen the error that says so: whatever it is, the listing comes again in the hours until midnight."""
    for number in (25002, 25019, 21919165):
        told = outcome(lines(line("A", "91", number)))
        assert (told.fate, told.after_s, told.but_zero) == (Fate.LATER, 3600, False)


def test_a_status_without_an_error() -> None:
    assert outcome(lines(line("A", "91", status=503))) == ItemOutcome(Fate.LATER, "503", 3600)
    assert outcome(lines(line("A", "91", status=204))).fate is Fate.APPLIED


def test_warnings_are_none() -> None:
    told = {**line("A", "91"), "warnings": [error(25402, "System warning.", "APPLICATION")], "errors": []}
    assert outcome(lines(told)) == ItemOutcome(Fate.APPLIED)


TWO = ITEM._replace(attributes={"offer_id": "91,92"})


@pytest.mark.parametrize(
    ("told", "fate"),
    [
        ([line("A", "91"), line("A", "92")], Fate.APPLIED),
        ([line("A"), line("A", "91"), line("A", "92")], Fate.APPLIED),
        ([line("A", "91")], Fate.ACCEPTED),
        ([line("A")], Fate.ACCEPTED),
        ([line("A", "91"), line("A", "92", 25713)], Fate.REJECTED),
        ([line("A", "91"), line(None, "92", 25604)], Fate.REJECTED),
        ([line("A", "91", 25713), line("A", "92", 25001)], Fate.LATER),
        ([line("A", "91", 25001), line("A", "92", 25713)], Fate.LATER),
        ([line("B", "93")], Fate.UNKNOWN),
        ([line("A"), line("A", "91", 25713), line("A", "92")], Fate.REJECTED),
    ],
)
def test_the_lines_of_an_item(told: list[Any], fate: Fate) -> None:
    assert outcome(lines(*told), TWO).fate is fate


def test_with_a_total_of_0_nothing_is_sold_whatever_the_offers_have() -> None:
    told = lines(line("A"), line("A", "91", 25713))
    assert outcome(told, ZERO).fate is Fate.APPLIED
    assert outcome(told).fate is Fate.REJECTED
    assert outcome(lines(line("A", None, 25702)), ZERO).fate is Fate.REJECTED


def test_a_0_that_is_refused_and_taken_all_the_same_is_read_back() -> None:
    told = lines(line("A", "91", 25004))
    assert outcome(told, ZERO) == ItemOutcome(Fate.ACCEPTED, "25004: no")
    assert outcome(told).fate is Fate.REJECTED
    two = ZERO._replace(attributes={"offer_id": "91,92"})
    assert outcome(lines(line("A", "91", 25004), line("A", "92", 25713)), two).fate is Fate.REJECTED


def test_a_call_that_is_refused_as_a_whole() -> None:
    whole = answer({"errors": [error(25709, "Invalid value for offers.")]}, 400)
    told = written(whole, ITEM, Item("B", None, 1, 1))
    assert {each.fate for each in told.items} == {Fate.RETURNED}
    assert (told.trouble, told.reason) == (Trouble.REFUSED, "400 25709: Invalid value for offers.")
    assert outcome(whole) == ItemOutcome(Fate.REJECTED, "400 25709: Invalid value for offers.")
    unclear = answer({"errors": [error(25002)]}, 400)
    assert outcome(unclear) == ItemOutcome(Fate.LATER, "400 25002: no", 3600)
    assert written(unclear, ITEM, Item("B", None, 1, 1)).trouble is Trouble.REFUSED


def test_too_many_skus_in_a_call_are_halved_until_it_is_one() -> None:
    """By the core, from what the connector answers: then all of them are taken."""
    market, feed = EbayMarket(), AccountFeed("a", ebay().operations, Policy())
    asked: list[int] = []
    market.most = 1
    for n in range(6):
        slot = Slot(f"S{n}", None, f"S{n}")
        feed.add(slot, 1)
        feed.change(slot, n + 1, 1, 1)
    while feed.waiting and len(asked) < 50:
        call = feed.take(UPDATE, 25, "", 1)
        assert call is not None
        asked.append(len(call.items))
        feed.answered(call, hold(ebay().write(UPDATE, call.items, ""), market.reply).result, 1)
    assert asked[:4] == [6, 3, 1, 2]
    assert market.shows == {(f"S{n}", None): n + 1 for n in range(6)}


@pytest.mark.parametrize("wrong", [0, 26, "many", 2.5, -1, "", True, "1"])
def test_items_per_call(wrong: Any) -> None:
    assert [each.most for each in ebay(items_per_call=7).operations] == [7]
    assert UPDATE.most == 25
    with pytest.raises(
        ValueError, match=r"account: option items_per_call: .*: write a whole number from 1 to 25"
    ):
        ebay(items_per_call=wrong)


def test_throttled_without_a_word_about_how_long() -> None:
    told = written(answer({"errors": [error(2001, "Too many requests.")]}, 429))
    assert (told.trouble, told.again_s, told.observed) == (Trouble.THROTTLED, None, [])
    assert told.reason == "429 2001: Too many requests."


def read(*replies: Reply, skus: Sequence[str] = ("A",)) -> Any:
    left = iter(replies)
    held = hold(ebay().read_back([(sku, None) for sku in skus]), lambda _: next(left))
    assert next(left, None) is None, "it has not asked as often"
    return held


def total(sku: str, units: int | None) -> Any:
    availability = {} if units is None else {"shipToLocationAvailability": {"quantity": units}}
    return {"sku": sku, "statusCode": 200, "inventoryItem": {"sku": sku, "availability": availability}}


def offers(*told: Any) -> Reply:
    return answer({"total": len(told), "offers": [{"status": "PUBLISHED", **each} for each in told]})


NO_OFFER = answer({"errors": [error(25713, "This Offer is not available.")]}, 404)


def test_reading() -> None:
    held = read(
        lines(total("A", 9), line("B", None, 25702), total("C", 3), total("D", None)),
        offers({"offerId": "91", "availableQuantity": 4}),
        NO_OFFER,
        skus="ABCD",
    )
    assert held.result.units == {("A", None): 4, ("C", None): 3}
    first, second, third = held.requests
    assert (first.method, first.path, first.limit) == ("POST", READ, "read")
    assert json.loads(first.body) == {"requests": [{"sku": "A"}, {"sku": "B"}, {"sku": "C"}, {"sku": "D"}]}
    assert [(ask.method, ask.path, ask.query) for ask in (second, third)] == [
        ("GET", "/sell/inventory/v1/offer", {"sku": "A"}),
        ("GET", "/sell/inventory/v1/offer", {"sku": "C"}),
    ]


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ([], 9),
        ([{"availableQuantity": 0}], 0),
        ([{"availableQuantity": 12}], 9),
        ([{"availableQuantity": 2}, {"availableQuantity": 5}], 5),
        ([{"availableQuantity": 2}, {"availableQuantity": 5, "status": "UNPUBLISHED"}], 2),
        ([{"availableQuantity": 2}, {"availableQuantity": 5, "format": "AUCTION"}], 2),
        ([{"format": "FIXED_PRICE"}], 9),
    ],
)
def test_what_buyers_see(told: list[Any], shown: int) -> None:
    assert read(lines(total("A", 9)), offers(*told)).result.units == {("A", None): shown}


def test_reading_what_it_does_not_know_at_all() -> None:
    assert read(lines(line("A", None, 25702))).result.units == {}
    refused = read(answer({"errors": [error(25709)]}, 400)).result
    assert (refused.trouble, refused.reason) == (Trouble.BROKEN, "400 25709: no")


def test_the_token() -> None:
    tokens = ebay().authorise()
    assert tokens is not None
    ask = next(tokens)
    assert (ask.method, ask.path, ask.limit) == ("POST", "/identity/v1/oauth2/token", "token")
    assert ask.headers["authorization"] == "Basic bWU6eA=="
    assert form_of(ask) == {"grant_type": "refresh_token", "refresh_token": "r"}
    with pytest.raises(StopIteration) as end:
        tokens.send(answer(TOKEN))
    assert end.value.value == ({"authorization": "Bearer v^1.1#t"}, 7200.0)


@pytest.mark.parametrize(
    ("group", "name", "units", "scope"),
    [
        ("update", "calls", 2_000_000, Scope.APPLICATION),
        ("read", "calls", 2_000_000, Scope.APPLICATION),
        ("update", "revisions", 250, Scope.LISTING),
        ("token", "tokens", 50_000, Scope.APPLICATION),
    ],
)
def test_no_day_however_it_begins_has_more_than_its_limit(
    group: str, name: str, units: int, scope: Scope
) -> None:
    bucket: Bucket = next(each for each in Ebay.limits[group] if each.name == name)
    assert (bucket.kind, bucket.scope) == (Kind.TOKEN, scope)
    assert bucket.capacity + bucket.units * 25 * 3600 / bucket.per_s == units
