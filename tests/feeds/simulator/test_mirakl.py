from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.simulator.channel_settings import AccountSettings
from feeds.simulator.faults import Fault
from feeds.simulator.feeds_queue import FeedSettings
from feeds.simulator.mirakl import Mirakl
from feeds.simulator.mirakl_settings import MiraklSettings
from feeds.simulator.spread import Spread
from tests.feeds.simulator.sellers import MiraklSeller

TAKES = 60_000
_HEADER = '"error-line";"error-message";"offer-sku";"quantity";"warehouse-code";"update-delete"'


def _seller(**settings: Any) -> MiraklSeller:
    feed = FeedSettings(service=Spread(TAKES, TAKES))
    market = Mirakl(MiraklSettings(**{"feed": feed, **settings}), seed=5)
    for sku in ("a", "b", "c"):
        market.add_listing("S", sku, quantity=100)
    for warehouse in ("W1", "W2"):
        market.add_listing("S", "w", warehouse, quantity=50)
    seller = MiraklSeller(market)
    seller.login()
    return seller


def _imported(seller: MiraklSeller, *lines: str) -> str:
    given = seller.stock(*lines)
    assert given.status == 201
    return str(given.json()["import_id"])


def _applied(seller: MiraklSeller) -> list[int]:
    return [place.applied for place in seller.market.shelf.places.values()]


def test_an_import_is_taken_followed_and_applied() -> None:
    seller = _seller(base_url="http://there/mirakl")
    given = seller.stock("a;7;;update", '"b";"0"', "w;3;W2")
    import_id = given.json()["import_id"]
    assert given.header("location") == f"http://there/mirakl/api/offers/stock/imports/{import_id}/status"
    seller.now_ms = 1_000
    told = seller.status(import_id).json()
    assert told == {
        "date_created": "1970-01-01T00:00:00Z",
        "has_error_report": False,
        "import_id": import_id,
        "lines_in_error": 0,
        "lines_in_success": 0,
        "shop_id": 2000,
        "status": "RUNNING",
    }
    assert _applied(seller) == [100, 100, 100, 50, 50]
    seller.now_ms = TAKES
    told = seller.status(import_id).json()
    assert (told["status"], told["lines_in_success"], told["lines_in_error"]) == ("COMPLETE", 3, 0)
    assert seller.report(import_id).status == 404
    assert _applied(seller) == [7, 0, 100, 50, 3]


def test_imports_of_a_shop_are_processed_one_after_the_other_or_all_at_once() -> None:
    for in_order, states in ((True, ["RUNNING", "WAITING"]), (False, ["RUNNING", "RUNNING"])):
        seller = _seller(in_order=in_order, plans={})
        imports = [_imported(seller, "a;1"), _imported(seller, "a;2")]
        assert [seller.status(each).json()["status"] for each in imports] == states
        seller.now_ms = 3 * TAKES
        assert [seller.status(each).json()["status"] for each in imports] == ["COMPLETE", "COMPLETE"]
        assert _applied(seller)[0] == 2


def test_a_lost_import_may_overtake_only_where_they_have_no_order() -> None:
    for in_order, shows in ((True, 2), (False, 1)):
        seller = _seller(in_order=in_order, plans={})
        seller.market.faults.switch_on(Fault("slow_feed", factor=10))
        _imported(seller, "a;1")
        seller.market.faults.switch_off("slow_feed")
        _imported(seller, "a;2")
        seller.now_ms = 20 * TAKES
        seller.market.advance(seller.now_ms)
        assert _applied(seller)[0] == shows


def test_lines_in_error_are_reported_and_the_others_taken() -> None:
    seller = _seller(whole_offers=False)
    import_id = _imported(
        seller, "a;1", "nobody;1", "b;-1", "c;1;;remove", "w;1;W1", "w;1;W9", "a;2", '"x;""y"";";5'
    )
    seller.now_ms = TAKES
    told = seller.status(import_id).json()
    assert (told["lines_in_success"], told["lines_in_error"], told["has_error_report"]) == (2, 6, True)
    assert seller.report(import_id).body.decode().splitlines() == [
        _HEADER,
        '"3";"The offer does not exist";"nobody";"1"',
        '"4";"The quantity is not valid";"b";"-1"',
        '"5";"The field update-delete is not valid";"c";"1";"";"remove"',
        '"7";"The warehouse code is unknown";"w";"1";"W9"',
        '"8";"The lines of an offer must be listed together";"a";"2"',
        '"9";"The offer does not exist";"x;""y"";";"5"',
    ]
    assert _applied(seller) == [1, 100, 100, 1, 50]


def test_of_an_offer_with_a_wrong_line_none_is_taken() -> None:
    seller = _seller()
    import_id = _imported(seller, "w;1;W1", "w;1;W9", "a;1")
    seller.now_ms = TAKES
    told = seller.status(import_id).json()
    assert (told["lines_in_success"], told["lines_in_error"]) == (1, 2)
    assert seller.report(import_id).body.decode().splitlines()[1:] == [
        '"";"";"w";"1";"W1"',
        '"3";"The warehouse code is unknown";"w";"1";"W9"',
    ]
    assert _applied(seller) == [1, 100, 100, 50, 50]


def test_a_report_can_be_imported_again_once_it_is_mended() -> None:
    seller = _seller()
    import_id = _imported(seller, "a;1", "nobody;2")
    seller.now_ms = TAKES
    lines = seller.report(import_id).body.decode().replace("nobody", "b").splitlines()
    lines = [line.split(";", 2)[2] for line in lines]
    assert seller.send("\n".join(lines)).status == 201
    seller.now_ms = 3 * TAKES
    seller.market.advance(seller.now_ms)
    assert _applied(seller)[:2] == [1, 2]


def test_a_field_may_delete_what_is_in_a_warehouse() -> None:
    seller = _seller()
    _imported(seller, "w;;W1;delete")
    seller.now_ms = TAKES
    seller.market.advance(seller.now_ms)
    assert _applied(seller)[3:] == [0, 50]


@pytest.mark.parametrize(
    "content", [b"\xff", b"sku;quantity\na;1\n", b"offer-sku\na\n", b'offer-sku;quantity\n"a', b"", b"{}"]
)
def test_a_file_of_another_shape_fails_as_a_whole(content: bytes) -> None:
    seller = _seller()
    given = seller.send(content)
    assert given.status == 201
    seller.now_ms = TAKES
    told = seller.status(given.json()["import_id"]).json()
    assert (told["status"], told["has_error_report"], "lines_in_error" in told) == ("FAILED", False, False)


def test_what_is_no_file_is_refused() -> None:
    seller = _seller(plans={}, lines_most=1)
    assert seller.send("offer-sku;quantity\na;1\n", field="import").status == 400
    assert seller.ask("POST", "/api/offers/stock/imports", {}, b"offer-sku;quantity\na;1\n").status == 400
    assert seller.stock("a;1", "b;1").status == 413
    assert seller.stock("a;1").status == 201
    assert seller.status("7d98c3c0").status == 404


def test_an_import_a_minute_and_the_status_of_each_every_quarter() -> None:
    seller = _seller()
    first = _imported(seller, "a;1")
    seller.now_ms = 59_999
    given = seller.stock("a;2")
    assert (given.status, given.header("Retry-After")) == (429, "1")
    assert given.json() == {"message": "Too Many Requests", "status": 429}
    seller.now_ms = 60_000
    second = _imported(seller, "a;2", "nobody;1")
    assert [seller.status(each).status for each in (first, second, first)] == [200, 200, 429]
    seller.now_ms = 75_000
    assert seller.status(first).status == 200
    seller.now_ms = 200_000
    assert [seller.report(second).status for _ in range(2)] == [200, 429]
    assert seller.market.gate.exceeded == {"sto01": 1, "sto02": 1, "sto03": 1}


def test_an_operator_may_only_count() -> None:
    seller = _seller(enforced=False)
    assert [seller.stock("a;1").status for _ in range(3)] == [201] * 3
    assert seller.market.gate.exceeded["sto01"] == 2
    seller.market.faults.switch_on(Fault("throttle_below_plan"))
    assert seller.stock("a;1").status == 429
    assert _seller().market.settings.enforced  # type: ignore[attr-defined]


def test_a_429_that_does_not_say_when() -> None:
    seller = _seller(retry_after=False)
    seller.stock("a;1")
    assert seller.stock("a;1").header("Retry-After") is None


def test_offers_are_read_by_sku_and_in_pages() -> None:
    seller = _seller()
    assert seller.offers(sku="w").json() == {
        "offers": [
            {
                "active": True,
                "inactivity_reasons": [],
                "quantity": 100,
                "shop_sku": "w",
                "state_code": "11",
                "warehouses": [{"code": "W1", "quantity": 50}, {"code": "W2", "quantity": 50}],
            }
        ],
        "total_count": 1,
    }
    assert "warehouses" not in seller.offers(sku="a").json()["offers"][0]
    assert seller.offers(sku="nobody").json() == {"offers": [], "total_count": 0}
    page = seller.offers(max="2", offset="1").json()
    assert ([each["shop_sku"] for each in page["offers"]], page["total_count"]) == (["b", "c"], 4)
    assert [seller.offers(max=most).status for most in ("0", "101", "x")] == [400] * 3


def test_a_key_opens_the_shops_of_its_user() -> None:
    accounts = {name: AccountSettings(access_token="key") for name in ("one", "two")}
    market = Mirakl(MiraklSettings(accounts={**accounts, "three": AccountSettings()}), seed=5)
    for name in ("one", "two", "three"):
        market.add_listing(name, "a", quantity=len(name))
    seller = MiraklSeller(market, headers={"authorization": "key"})
    for shop, quantity in ((None, 3), ("2000", 3), ("2001", 3)):
        seller.shop = shop
        assert seller.offers(sku="a").json()["offers"][0]["quantity"] == quantity
    import_id = _imported(seller, "a;9")
    seller.shop = "2000"
    assert seller.status(import_id).status == 404
    seller.shop = "2002"
    assert seller.offers(sku="a").status == 403
    seller.headers = {"authorization": "Bearer key"}
    assert seller.offers(sku="a").status == 401
    market.advance(10**7)
    assert [market.place(name, "a").applied for name in ("one", "two", "three")] == [3, 9, 5]


def test_an_import_that_fails_may_have_been_applied_in_part() -> None:
    market = Mirakl(seed=5)
    for n in range(100):
        market.add_listing("S", f"s{n}", quantity=5)
    seller = MiraklSeller(market)
    seller.login()
    market.faults.switch_on(Fault("feed_fatal_partial", share=0.5))
    import_id = _imported(seller, *(f"s{n};1" for n in range(100)))
    seller.now_ms = 10**8
    assert seller.status(import_id).json()["status"] == "FAILED"
    assert 25 < _applied(seller).count(1) < 75


def test_lines_may_fail_for_no_fault_of_theirs_or_be_forgotten() -> None:
    for fault in ("partial_items", "invalid_items", "accepted_never_applied"):
        seller = _seller()
        seller.market.faults.switch_on(Fault(fault, share=1.0))
        import_id = _imported(seller, "a;1", "b;1")
        seller.now_ms = TAKES
        told = seller.status(import_id).json()
        assert told["lines_in_error"] == (0 if fault == "accepted_never_applied" else 2)
        assert _applied(seller)[:2] == [100, 100]


def test_an_import_that_never_ends_lets_the_next_one_pass() -> None:
    seller = _seller()
    seller.market.faults.switch_on(Fault("endless_feed"))
    first = _imported(seller, "a;1")
    seller.market.faults.switch_off("endless_feed")
    seller.now_ms = 60_000
    second = _imported(seller, "b;1")
    seller.now_ms = 10**8
    states = [seller.status(each).json()["status"] for each in (first, second)]
    assert states == ["RUNNING", "COMPLETE"]
    assert _applied(seller)[:2] == [100, 1]


@given(text=st.text(alphabet=st.sampled_from('ab;"\n\r 9-') | st.characters(codec="utf-8"), max_size=60))
def test_whatever_is_in_a_file_is_judged(text: str) -> None:
    seller = _seller()
    for content in (text, f"offer-sku;quantity\n{text}", "offer-sku;quantity\na;" + "9" * 5000):
        given = seller.send(content)
        assert given.status == 201
        seller.now_ms += TAKES
        told = seller.status(given.json()["import_id"]).json()
        assert told["status"] in ("COMPLETE", "FAILED")
        if told["has_error_report"]:
            report = seller.report(given.json()["import_id"]).body.decode()
            assert report.startswith('"error-line";"error-message";"offer-sku";"quantity"')
