"""Google: the contract, the bodies as they must be, and what is Google's own."""

import json
from base64 import urlsafe_b64decode
from typing import Any, ClassVar

import pytest

from feeds.accounts import Account
from feeds.connector import Identity, Item
from feeds.connectors.google import Google
from feeds.exchange import Observed, Reply, Request
from feeds.outcomes import Fate, Trouble
from tests.feeds.connectors.answers import TOKEN, answer, form_of
from tests.feeds.connectors.contract_reads import ReadContract
from tests.feeds.connectors.market import Fault, Market, each_fault, hold

(INSERT,) = Google.operations
PRODUCTS = "/inventories/v1/accounts/77/products/"
UNITS = {"OUT_OF_STOCK": 0, "LIMITED_AVAILABILITY": 1, "IN_STOCK": 5}


def refusal(status: int, word: str, reason: str = "", message: str = "no") -> Reply:
    """An error as its guide shows it."""
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "domain": "merchantapi.googleapis.com"}
    details = [{**info, "metadata": {"REASON": reason}}] if reason else []
    return answer({"error": {"code": status, "message": message, "status": word, "details": details}}, status)


class GoogleMarket(Market):
    """The stores of one account, each listing with up to four units limited."""

    token_s = 3600.0
    many, place, few, words = "localInventories", "storeCode", "local", set(UNITS)

    def reply(self, request: Request) -> Reply:
        if request.path == "https://oauth2.googleapis.com/token":
            assert form_of(request)["grant_type"] == "refresh_token"
            return answer(TOKEN)
        assert request.path.startswith(PRODUCTS)
        product, many = request.path.removeprefix(PRODUCTS).split("/")
        name = urlsafe_b64decode(product + "=" * (-len(product) % 4)).decode()
        if request.method == "GET":
            assert many == self.many
            return self.listed(name, int(request.query.get("pageToken", 0)))
        assert (request.method, many) == ("POST", f"{self.many}:insert")
        return self.inserted(name, json.loads(request.body))

    def inserted(self, name: str, body: Any) -> Reply:
        if name in self.refuses:
            return refusal(400, "INVALID_ARGUMENT", "INVALID_VALUE", "The product cannot be changed.")
        if name in self.busy:
            return refusal(409, "ABORTED")
        attributes = body[f"{self.few}InventoryAttributes"]
        assert body.keys() == {self.place, f"{self.few}InventoryAttributes"}
        if attributes["availability"] not in self.words:
            attributes = {}
        else:
            self.shows[name, body[self.place]] = UNITS[attributes["availability"]]
        return answer({"name": "accounts/77/...", **body, f"{self.few}InventoryAttributes": attributes})

    def listed(self, name: str, first: int) -> Reply:
        """One entry a page."""
        said = {units: word for word, units in UNITS.items()}
        found = [(place, said[units]) for (of, place), units in self.shows.items() if of == name]
        if not found:
            return refusal(404, "NOT_FOUND")
        place, word = found[first]
        entry = {self.place: place, f"{self.few}InventoryAttributes": {"availability": word}}
        following = {"nextPageToken": str(first + 1)} if first + 1 < len(found) else {}
        return answer({self.many: [entry], **following})


class GoogleContract(ReadContract):
    connector_class = Google
    secrets = ("client_id", "client_secret", "refresh_token")
    locations = ("STORE 1", "STORE/2")
    awkward = tuple(f"local~de~DE~{offer}" for offer in ReadContract.awkward)
    keyless = True

    def listing(self, n: int) -> str:
        return f"de~DE~OFFER-{n}"

    def longest(self, n: int) -> str:
        return f"local~de~{n:020d}~{n:050d}"

    @each_fault
    def test_reading_fails(self, fault: Fault) -> None:
        if fault.name != "object":  # that is how Google says that there are none
            super().test_reading_fails(fault)


class TestContract(GoogleContract):
    market_class = GoogleMarket
    options: ClassVar = {"account": "77", "limited_up_to": 4}


class RegionalMarket(GoogleMarket):
    many, place, few, words = "regionalInventories", "region", "regional", {"IN_STOCK", "OUT_OF_STOCK"}

    def listed(self, name: str, first: int) -> Reply:
        reply = super().listed(name, first)
        return Reply(reply.status, {}, reply.body.replace(b"LIMITED_AVAILABILITY", b"IN_STOCK"))

    def inserted(self, name: str, body: Any) -> Reply:
        reply = super().inserted(name, body)
        if (name, body["region"]) in self.shows:  # what is in stock there is one unit, not five
            self.shows[name, body["region"]] = min(1, self.shows[name, body["region"]])
        return reply


class TestRegions(GoogleContract):
    market_class = RegionalMarket
    options: ClassVar = {"account": "77", "kind": "regional", "limited_up_to": 4}


def google(**options: Any) -> Google:
    return Google(Identity("account", {"account": "77", **options}))


ITEM = Item("en~US~sku/123", "S1", 4, 7)


def insert(reply: Reply, item: Item = ITEM, **options: Any) -> Any:
    return hold(google(**options).write(INSERT, [item], ""), lambda _: reply).result


def body(item: Item, **options: Any) -> Any:
    return json.loads(next(google(**options).write(INSERT, [item], "")).body)


def test_the_call() -> None:
    ask = next(google().write(INSERT, [ITEM], ""))
    # The encoded name is the one of Google's own example.
    assert (ask.method, ask.path) == ("POST", f"{PRODUCTS}ZW5-VVN-c2t1LzEyMw/localInventories:insert")
    assert json.loads(ask.body) == json.loads("""
        {"storeCode": "S1", "localInventoryAttributes": {"availability": "IN_STOCK"}}""")


def test_the_call_of_a_region() -> None:
    ask = next(google(kind="regional").write(INSERT, [ITEM._replace(quantity=0, location="9043")], ""))
    assert ask.path == f"{PRODUCTS}ZW5-VVN-c2t1LzEyMw/regionalInventories:insert"
    assert json.loads(ask.body) == json.loads("""
        {"region": "9043", "regionalInventoryAttributes": {"availability": "OUT_OF_STOCK"}}""")


def test_what_an_entry_keeps() -> None:
    own = {
        "price": "19.99 EUR",
        "pickupMethod": "BUY",
        "pickupSla": "SAME_DAY",
        "instoreProductLocation": "Aisle 3",
    }
    item = ITEM._replace(quantity=1, attributes={**own, "product_type": "PEN"})
    assert (
        body(item)["localInventoryAttributes"]
        == json.loads("""
        {"availability": "LIMITED_AVAILABILITY", "pickupMethod": "BUY", "pickupSla": "SAME_DAY",
         "instoreProductLocation": "Aisle 3", "price": {"amountMicros": "19990000", "currencyCode": "EUR"}}""")
    )
    assert body(item, kind="regional")["regionalInventoryAttributes"] == json.loads("""
        {"availability": "IN_STOCK", "price": {"amountMicros": "19990000", "currencyCode": "EUR"}}""")


@pytest.mark.parametrize("price", ["19,99 EUR", "19.99", "EUR 19.99", "-1 EUR", "1e3 EUR", "1.1234567 EUR"])
def test_a_price_that_cannot_be_read(price: str) -> None:
    held = hold(
        google().write(INSERT, [ITEM._replace(attributes={"price": price})], ""), lambda _: Reply(200)
    )
    assert (held.requests, held.result.items[0].fate) == ([], Fate.REJECTED)
    assert "write it as 19.99 EUR" in held.result.items[0].reason


@pytest.mark.parametrize(
    ("limited_up_to", "told"),
    [(3, [0, 1, 1, 1, 4, 4, 4]), (1, [0, 1, 2, 2, 2, 2, 2]), (0, [0, 1, 1, 1, 1, 1, 1])],
)
def test_the_states(limited_up_to: int, told: list[int]) -> None:
    of = google(limited_up_to=limited_up_to)
    assert [of.tells(units) for units in range(7)] == told
    words = [
        json.loads(next(of.write(INSERT, [ITEM._replace(quantity=units)], "")).body)
        for units in (0, 1, told[-1])
    ]
    said = [word["localInventoryAttributes"]["availability"] for word in words]
    least = "LIMITED_AVAILABILITY" if limited_up_to else "IN_STOCK"
    assert said == ["OUT_OF_STOCK", least, "IN_STOCK"]


@pytest.mark.parametrize(
    ("listing", "location"),
    [("A", "S1"), ("de~A", "S1"), ("local~de~A", "S1"), ("de~~A", "S1"), ("de~DE~", "S1"), ("de~DE~A", None)],
)
def test_an_item_that_google_could_not_have(listing: str, location: str | None) -> None:
    held = hold(google().write(INSERT, [Item(listing, location, 4, 7)], ""), lambda _: Reply(200))
    assert (held.requests, held.result.items[0].fate) == ([], Fate.REJECTED)
    held = hold(google().read_back([(listing, location)]), lambda _: Reply(200))
    assert (held.requests, held.result.units, held.result.trouble) == ([], {}, Trouble.NONE)


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "lokal"},
        {"limited_up_to": -1},
        {"limited_up_to": "3"},
        {"limited_up_to": True},
        {"account": ""},
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="account account: "):
        google(**options)


def kept(said: str | None) -> Reply:
    own = {} if said is None else {"availability": said}
    return answer({"storeCode": "S1", "localInventoryAttributes": own})


def test_a_word_that_was_left_out_was_not_taken() -> None:
    assert insert(kept("IN_STOCK")).items[0].fate is Fate.ACCEPTED
    for said in (None, "OUT_OF_STOCK"):
        (outcome,) = insert(kept(said)).items
        assert (outcome.fate, outcome.after_s) == (Fate.LATER, 3600)
    assert insert(answer({"storeCode": "S1"})).items[0].fate is Fate.LATER
    assert insert(answer({"storeCode": "S2", "localInventoryAttributes": {}})).trouble is Trouble.BROKEN


DATED = {"date": "Mon, 21 Sep 2026 14:13:20 GMT"}


@pytest.mark.parametrize("status", [429, 403])
@pytest.mark.parametrize(
    "error",
    [
        {"message": "no", "details": [{"reason": "quota/%s"}]},
        {"message": "no", "details": [{"reason": "RATE", "metadata": {"REASON": "quota/%s"}}]},
        {"message": "[quota/%s] no"},
        {"message": "no", "errors": [{"domain": "global", "reason": "quota/%s", "message": "no"}]},
    ],
)
def test_which_quota_was_used_up(error: Any, status: int) -> None:
    def told(reason: str, headers: dict[str, str]) -> Any:
        text = json.dumps({"error": error}) % reason
        return insert(Reply(status, headers, text.encode()))

    minute = told("request_rate_too_high", DATED)
    assert (minute.trouble, minute.again_s) == (Trouble.THROTTLED, None)
    # A day ends at 12:00 UTC.
    day = told("daily_limit_exceeded", DATED)
    assert (day.trouble, day.again_s) == (Trouble.EXHAUSTED, 21 * 3600 + 46 * 60 + 40)
    early = told("daily_limit_exceeded", {"date": "Mon, 21 Sep 2026 11:59:00 GMT"})
    assert early.again_s == 60
    assert told("daily_limit_exceeded", {}).again_s is None
    assert told("daily_limit_exceeded", {"retry-after": "90"}).again_s == 90
    assert {outcome.fate for each in (minute, day) for outcome in each.items} == {Fate.RETURNED}
    assert minute.observed == ([Observed("insert", 0, None)] if status == 429 else [])


@pytest.mark.parametrize(
    ("status", "word", "fate", "trouble"),
    [
        (400, "INVALID_ARGUMENT", Fate.REJECTED, Trouble.NONE),
        (400, "FAILED_PRECONDITION", Fate.LATER, Trouble.NONE),
        (404, "NOT_FOUND", Fate.REJECTED, Trouble.NONE),
        (409, "ABORTED", Fate.LATER, Trouble.NONE),
        (401, "UNAUTHENTICATED", Fate.RETURNED, Trouble.AUTH),
        (403, "PERMISSION_DENIED", Fate.RETURNED, Trouble.AUTH),
        (429, "RESOURCE_EXHAUSTED", Fate.RETURNED, Trouble.THROTTLED),
        (503, "UNAVAILABLE", Fate.UNKNOWN, Trouble.BROKEN),
    ],
)
def test_errors(status: int, word: str, fate: Fate, trouble: Trouble) -> None:
    told = insert(refusal(status, word, "WHY", "in words"))
    assert (told.items[0].fate, told.trouble) == (fate, trouble)
    if status < 500:
        assert f"{status} {word}: WHY: in words" == (told.reason or told.items[0].reason)


def read(*pages: Reply, **options: Any) -> Any:
    left = iter(pages)
    asked: list[tuple[str, str | None]] = [("de~DE~A", place) for place in ("S1", "S2", "S3", "S4")]
    held = hold(google(**options).read_back(asked), lambda _: next(left))
    assert next(left, None) is None, "it has not read all pages"
    return held


def entry(place: str, said: str | None) -> Any:
    return {"storeCode": place, "localInventoryAttributes": {} if said is None else {"availability": said}}


def test_the_places_of_a_product_are_read_together() -> None:
    one = [entry("S1", "OUT_OF_STOCK"), entry("OTHER", "IN_STOCK")]
    other = [entry("S2", "LIMITED_AVAILABILITY"), entry("S3", "IN_STOCK"), entry("S4", None)]
    held = read(answer({"localInventories": one, "nextPageToken": "x"}), answer({"localInventories": other}))
    assert held.result.units == {("de~DE~A", "S1"): 0, ("de~DE~A", "S2"): 1, ("de~DE~A", "S3"): 4}
    assert [ask.query for ask in held.requests] == [
        {"pageSize": "1000"},
        {"pageSize": "1000", "pageToken": "x"},
    ]
    assert {ask.limit for ask in held.requests} == {"list"}


def test_a_product_without_entries_is_no_trouble() -> None:
    told = read(answer({})).result
    assert (told.units, told.trouble) == ({}, Trouble.NONE)


def test_a_state_that_is_none_of_ours_counts_as_the_most() -> None:
    told = read(answer({"localInventories": [entry("S1", "ON_DISPLAY_TO_ORDER")]})).result
    assert told.units == {("de~DE~A", "S1"): 4}


def test_it_is_late_and_says_so() -> None:
    """Half an hour passes before a number shows, which a quarter of an hour of grace would take for a drift."""
    plain: dict[str, Any] = {
        "id": "g",
        "connector": "google",
        "channel": "web",
        "mode": "live",
        "url": "https://g.example",
    }
    assert Account(**plain).reading().grace_s > 1800
    assert Account(**plain).reading().confirm_s == 300
    asked = Account(**{**plain, "policy": {"confirm_s": 60.0, "grace_s": 900.0}}).reading()
    assert (asked.confirm_s, asked.grace_s) == (60, 900)
    other = Account(**{**plain, "connector": "walmart"}).reading()
    assert (other.confirm_s, other.grace_s) == (60, 900)


def test_the_token() -> None:
    secrets = {"client_id": "me", "client_secret": "hush", "refresh_token": "again"}
    for options, url in (({}, "https://oauth2.googleapis.com/token"), ({"token_url": "/token"}, "/token")):
        tokens = Google(Identity("account", {"account": "77", **options}, secrets)).authorise()
        ask = next(tokens)
        assert (ask.method, ask.path, ask.secret) == ("POST", url, True)
        assert form_of(ask) == {"grant_type": "refresh_token", **secrets}
        with pytest.raises(StopIteration) as end:
            tokens.send(answer(TOKEN))
        assert end.value.value == ({"authorization": "Bearer a-token"}, 3600.0)
