from typing import Any

import pytest

from feeds.simulator.ebay import Ebay
from feeds.simulator.ebay_settings import EbaySettings
from feeds.simulator.faults import Fault
from feeds.simulator.spread import Spread
from tests.feeds.simulator.ebay_seller import INVENTORY, READ, UPDATE, EbaySeller, change, codes, refusal

_DAY_MS = 86_400_000


def _seller(**settings: Any) -> EbaySeller:
    market = Ebay(EbaySettings(**{"token_life_s": 10**7, **settings}), seed=5)
    for sku in ("a", "b/1"):
        market.add_listing("S", sku, quantity=5)
    market.add_listing("S", "two", quantity=5, offers=["o1", "o2"])
    market.add_listing("S", "none", quantity=5, offers=[])
    seller = EbaySeller(market)
    seller.login()
    return seller


def test_what_is_shown_is_the_smaller_of_total_and_offer() -> None:
    seller = _seller()
    for total, offer, shown in ((9, 9, 9), (9, 4, 4), (3, 4, 3), (0, 4, 0), (7, 0, 0)):
        given = seller.update(change("a", total, {"offer-a": offer}))
        assert (given.status, given.json()) == (
            200,
            {"responses": [{"statusCode": 200, "offerId": "offer-a", "sku": "a"}]},
        )
        assert (seller.shown("a"), seller.total("a"), seller.offered("a")) == (
            shown,
            {"a": total},
            {"offer-a": offer},
        )


def test_what_is_left_out_stays() -> None:
    seller = _seller()
    given = seller.update(change("a", 9))
    assert given.json() == {"responses": [{"statusCode": 200, "sku": "a"}]}
    assert (seller.shown("a"), seller.total("a"), seller.offered("a")) == (5, {"a": 9}, {"offer-a": 5})
    seller.update(change("a", None, {"offer-a": 8}))
    assert (seller.shown("a"), seller.total("a"), seller.offered("a")) == (8, {"a": 9}, {"offer-a": 8})
    seller.update(change("none", 11))
    assert (seller.shown("none"), seller.total("none")) == (11, {"none": 11})


def test_of_several_offers_the_highest_is_shown() -> None:
    seller = _seller()
    given = seller.update(change("two", 9, {"o1": 2, "o2": 6}))
    assert [each["offerId"] for each in given.json()["responses"]] == ["o1", "o2"]
    assert (seller.shown("two"), seller.offered("two")) == (6, {"o1": 2, "o2": 6})


def test_sales_and_edits_lower_both() -> None:
    seller = _seller()
    seller.update(change("a", 9, {"offer-a": 6}))
    place = seller.market.place("S", "a")
    seller.market.buyers.buy(place, 2, 0)
    assert (seller.shown("a"), seller.total("a"), seller.offered("a")) == (4, {"a": 7}, {"offer-a": 4})
    seller.update(change("a", 3))
    assert (seller.shown("a"), seller.offered("a")) == (3, {"offer-a": 4})
    seller.market.edit(place, 1, 0)
    assert (seller.shown("a"), seller.total("a")) == (1, {"a": 1})


def test_a_total_alone_keeps_offers_whose_write_is_still_on_its_way() -> None:
    seller = _seller(apply=Spread(1_000, 1_000))
    seller.update(change("a", 9, {"offer-a": 9}))
    seller.update(change("a", 8))
    seller.market.advance(10_000)
    assert (seller.shown("a"), seller.offered("a")) == (8, {"offer-a": 9})


def test_lines_are_answered_one_by_one() -> None:
    seller = _seller()
    some = seller.update(
        change("a", 1), change("nobody", 1), change("b/1", 2, {"offer-b/1": 2, "offer-a": 9})
    )
    assert (some.status, codes(some)) == (207, [200, 25604, 200, 25604])
    assert [each.get("offerId") for each in some.json()["responses"]] == [None, None, "offer-b/1", "offer-a"]
    assert (seller.shown("a"), seller.shown("b/1")) == (1, 2)
    assert seller.offered("a") == {"offer-a": 5}
    none = seller.update(change("nobody", 1), change("nothing", 1))
    assert (none.status, codes(none)) == (400, [25604, 25604])


@pytest.mark.parametrize(
    ("content", "number"),
    [
        (b"no", 25709),
        ([], 25709),
        ({"requests": []}, 25709),
        ({"requests": ["a"]}, 25709),
        ({"requests": [change(7, 1)]}, 25709),
        ({"requests": [change("x" * 51, 1)]}, 25707),
        ({"requests": [change("", 1)]}, 25707),
        ({"requests": [change("a", -1)]}, 25709),
        ({"requests": [change("a", "1")]}, 25709),
        ({"requests": [change("a", True)]}, 25709),
        ({"requests": [change("a", 2**31)]}, 25709),
        ({"requests": [{"sku": "a", "shipToLocationAvailability": 4}]}, 25709),
        ({"requests": [{"sku": "a", "offers": {"offerId": "offer-a"}}]}, 25709),
        ({"requests": [{"sku": "a", "offers": [{"availableQuantity": 4}]}]}, 25709),
        ({"requests": [{"sku": "a", "offers": change("a", 1, {"o": 1})["offers"] * 2}]}, 25709),
        ({"requests": [change("a", 1, {f"o{n}": 1 for n in range(26)})]}, 25709),
        ({"requests": [change("a", 1), change("a", 2)]}, 25734),
        ({"requests": [change(f"s{n}", 1) for n in range(26)]}, 25712),
    ],
)
def test_a_call_of_another_shape_is_refused_as_a_whole(content: Any, number: int) -> None:
    seller = _seller()
    body = content
    if isinstance(content, dict) and len(content["requests"]) == 1:
        body = {"requests": [change("b/1", 1), *content["requests"]]}
    assert refusal(seller.ask("POST", UPDATE, {}, body)) == (400, number)
    assert (seller.shown("a"), seller.shown("b/1")) == (5, 5)


def test_one_sku_in_a_call_where_it_is_set_so() -> None:
    seller = _seller(skus_most=1)
    assert refusal(seller.update(change("a", 1), change("b/1", 1))) == (400, 25712)
    assert seller.update(change("two", 1, {"o1": 1, "o2": 1})).status == 200
    assert [seller.shown(sku) for sku in ("a", "b/1", "two")] == [5, 5, 1]


def test_a_listing_is_revised_250_times_a_day() -> None:
    seller = _seller(day_begins_s=3_600)
    seller.now_ms = 3_600_000
    assert {seller.set("a", n).status for n in range(250)} == {200}
    seller.now_ms = 3_600_000 + _DAY_MS - 1
    given = seller.update(change("a", 7), change("none", 7))
    assert (given.status, codes(given)) == (207, [25019, 200])
    assert given.json()["responses"][0]["statusCode"] == 400
    assert codes(seller.set("a", 0)) == [25019]
    assert (seller.shown("a"), seller.shown("none")) == (249, 7)
    assert seller.market.gate.exceeded["revisions"] == 2
    seller.now_ms += 1
    assert seller.set("a", 0).status == 200


def test_the_error_of_a_listing_that_is_revised_too_often_is_a_setting() -> None:
    seller = _seller(revised_too_often=21919165)
    for n in range(251):
        given = seller.set("a", n)
    assert codes(given) == [21919165]


def test_a_429_has_no_headers_that_tell_anything() -> None:
    seller = _seller()
    seller.market.faults.switch_on(Fault("throttle_below_plan"))
    given = seller.set("a", 1)
    assert refusal(given) == (429, 2001)
    assert given.json()["errors"][0]["domain"] == "ACCESS"
    assert set(given.headers) == {"content-type"}
    assert seller.shown("a") == 5


def test_all_sellers_of_an_application_share_its_calls() -> None:
    market = Ebay(seed=5)
    for account in ("S", "T"):
        market.add_listing(account, "a", quantity=5)
    market.faults.switch_on(Fault("throttle_below_plan", share=0.001))
    one, other = EbaySeller(market), EbaySeller(market, "T")
    one.login()
    other.login()
    for _ in range(2_000):
        assert one.total("a") == {"a": 5}
    assert refusal(other.set("a", 1)) == (429, 2001)


def test_reading() -> None:
    seller = _seller()
    given = seller.ask("POST", READ, {}, {"requests": [{"sku": "a"}, {"sku": "nobody"}]})
    assert (given.status, [each["statusCode"] for each in given.json()["responses"]]) == (207, [200, 404])
    assert codes(given)[1] == 25702
    nothing = seller.ask("POST", READ, {}, {"requests": [{"sku": "nobody"}]})
    assert (nothing.status, codes(nothing)) == (400, [25702])
    found = seller.offer("offer-b/1").json()
    assert found == seller.ask("GET", f"{INVENTORY}/offer", {"sku": "b/1"}).json()["offers"][0]
    assert (found["sku"], found["availableQuantity"], found["status"]) == ("b/1", 5, "PUBLISHED")
    assert found["listing"]["listingStatus"] == "ACTIVE"


@pytest.mark.parametrize(
    ("method", "path", "query", "content", "status", "number"),
    [
        ("POST", READ, {}, {"requests": []}, 400, 25709),
        ("POST", READ, {}, {"requests": ["a"]}, 400, 25707),
        ("POST", READ, {}, {"requests": [{"sku": "x" * 51}]}, 400, 25707),
        ("POST", READ, {}, {"requests": [{"sku": "a"}, {"sku": "a"}]}, 400, 25734),
        ("POST", READ, {}, {"requests": [{"sku": str(n)} for n in range(26)]}, 400, 25727),
        ("GET", f"{INVENTORY}/offer", {}, None, 400, 25707),
        ("GET", f"{INVENTORY}/offer", {"sku": "nobody"}, None, 404, 25713),
        ("GET", f"{INVENTORY}/offer", {"sku": "none"}, None, 404, 25713),
        ("GET", f"{INVENTORY}/offer/17", {}, None, 404, 25713),
        ("GET", f"{INVENTORY}/nothing", {}, None, 404, 2002),
    ],
)
def test_what_cannot_be_read(
    method: str, path: str, query: dict[str, str], content: Any, status: int, number: int
) -> None:
    assert refusal(_seller().ask(method, path, query, content)) == (status, number)


def test_who_reads_names_a_language_unless_it_is_set_otherwise() -> None:
    for needed in (True, False):
        seller = _seller(language_needed=needed)
        del seller.headers["accept-language"]
        given = seller.ask("POST", READ, {}, {"requests": [{"sku": "a"}]})
        assert given.status == (400 if needed else 200)


def test_a_0_may_be_refused_and_is_taken_all_the_same() -> None:
    seller = _seller(zero_refused=True)
    assert codes(seller.set("a", 0)) == [25004]
    assert (seller.shown("a"), seller.offered("a")) == (0, {"offer-a": 0})
    assert seller.offer("offer-a").json()["listing"]["listingStatus"] == "OUT_OF_STOCK"
    assert codes(seller.set("a", 1)) == [200]


def test_the_total_may_have_a_line_of_its_own() -> None:
    seller = _seller(total_line=True)
    lines = seller.set("a", 1).json()["responses"]
    assert [each.get("offerId") for each in lines] == [None, "offer-a"]


def test_some_lines_fail() -> None:
    seller = _seller()
    for fault, number in (("partial_items", 25001), ("invalid_items", 25604)):
        seller.market.faults.switch_on(Fault(fault, share=0.5))
        given = [codes(seller.set("a", n))[0] for n in range(40)]
        assert 8 < given.count(number) < 32
        assert set(given) == {200, number}
        seller.market.faults.switch_off(fault)


def test_what_was_accepted_and_never_applied_is_read_as_it_is() -> None:
    seller = _seller()
    seller.market.faults.switch_on(Fault("accepted_never_applied"))
    assert seller.set("a", 9).status == 200
    assert (seller.shown("a"), seller.total("a"), seller.offered("a")) == (5, {"a": 5}, {"offer-a": 5})


def test_the_token_is_minted_and_expires() -> None:
    seller = _seller(token_life_s=7_200)
    given = seller.login().json()
    assert (given["expires_in"], given["token_type"]) == (7200, "User Access Token")
    seller.now_ms = 7_200_000
    assert refusal(seller.set("a", 1)) == (401, 1001)
    seller.login()
    assert seller.set("a", 1).status == 200


@pytest.mark.parametrize(
    ("changed", "status", "why"),
    [
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ({"refresh_token": "another"}, 400, "invalid_grant"),
        ({"client": "client-S:wrong"}, 401, "invalid_client"),
    ],
)
def test_who_gets_no_token(changed: dict[str, str], status: int, why: str) -> None:
    given = _seller().mint(**changed)
    assert (given.status, given.json()["error"]) == (status, why)


def test_it_knows_no_locations() -> None:
    with pytest.raises(ValueError, match="eBay knows no locations"):
        _seller().market.add_listing("S", "c", "DC1")
