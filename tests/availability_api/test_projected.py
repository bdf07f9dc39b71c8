"""What may be promised by date: the arithmetic, and the route."""

import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from availability_api.projected import DAY, project
from tests.availability_api.conftest import Published, problem
from tests.wire.sample_views import Row
from wire.rows_read import EXPECTED, NEEDED, UNSOURCED, Dated, Node

TODAY = 20_000
NOW = TODAY * DAY + DAY // 2


def node(ordinal: int, on_hand: int, open_demand: int = 0) -> Node:
    return Node(ordinal, on_hand, 0, 0, 0, 0, open_demand, 3)


def by_date(nodes: list[Node], *dated: Dated, active: bool = True, days: int = 4) -> list[int]:
    return project(active, nodes, dated, {0, 1}, {0}, NOW, days)


def on(day: float, quantity: int, ordinal: int = 0, kind: int = EXPECTED) -> Dated:
    return Dated(int((TODAY + day) * DAY), quantity, ordinal, kind)


class TestArithmetic:
    def test_stock_less_demand_before_safety_stock(self) -> None:
        assert by_date([node(0, 10, 4), node(1, 5), node(2, 99)]) == [11] * 4

    def test_a_negative_position_supplies_nothing_and_its_demand_stays(self) -> None:
        assert by_date([node(0, -3, 1), node(1, 5)]) == [4] * 4

    def test_what_arrives_counts_from_its_day_on(self) -> None:
        assert by_date([node(0, 10)], on(2.9, 5), on(2.1, 1), on(1, 7, ordinal=2)) == [10, 10, 16, 16]

    def test_what_is_overdue_counts_nothing(self) -> None:
        assert by_date([], Dated(NOW - 1, 5, 0, EXPECTED), Dated(NOW, 3, 0, EXPECTED)) == [3] * 4

    def test_what_is_needed_later_is_free_until_then_only_if_more_comes(self) -> None:
        later = on(2, 4, kind=NEEDED)
        assert (
            by_date([node(0, 10, 6)], later) == [4] * 4
        )  # whoever takes more today takes it from that order
        assert by_date([node(0, 10, 6)], later, on(1, 3)) == [7] * 4
        assert by_date([node(0, 10, 6)], later, on(2, 9)) == [8, 8, 13, 13]

    def test_dates_beyond_those_asked_for_count(self) -> None:
        assert by_date([node(0, 10, 9)], on(50, 9, kind=NEEDED), on(60, 9)) == [1] * 4
        assert by_date([node(0, 10, 9)], on(50, 9, kind=NEEDED), on(40, 9)) == [10] * 4

    def test_demand_without_a_place_counts_for_the_channels_that_are_near(self) -> None:
        assert by_date([node(0, 10)], Dated(0, 3, 0, UNSOURCED), on(1, 2, kind=UNSOURCED)) == [5] * 4
        assert by_date([node(0, 10)], Dated(0, 3, 1, UNSOURCED)) == [10] * 4
        assert by_date([node(0, 10)], on(-1, 2, kind=UNSOURCED)) == [8] * 4

    def test_more_promised_than_there_is(self) -> None:
        assert by_date([node(0, 1, 5)], on(1, 9), days=2) == [-4, 5]

    def test_a_sku_that_is_not_active(self) -> None:
        assert by_date([node(0, 10)], on(1, 9), active=False, days=2) == [0, 0]


@pytest.fixture(scope="module")
def start(published: Published) -> datetime:
    """A sku with dates; the day on which they begin."""
    today = datetime.fromtimestamp(time.time(), UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    at = [int((today + timedelta(days=after)).timestamp() * 1000) for after in range(9)]
    dated = [(EXPECTED, 33, at[3], 5), (NEEDED, 0, at[5], 2), (UNSOURCED, 2, 0, 1), (EXPECTED, 2, at[1], 99)]
    numbers = [(9, 2, 9, 9, 0, 9, 0, 0)] * 3
    row = Row("dated", 2**44, numbers, {0: (20, 0, 0, 0, 0, 4, 0), 2: (50, 0, 0, 0, 0, 0, 0)}, dated=dated)
    published.rows([row])
    return today


def ask(served: httpx.Client, query: str, sku: str = "dated") -> httpx.Response:
    return served.get(f"/v1/availability/{sku}/projected?{query}")


def test_the_days_of_a_sku(served: httpx.Client, start: datetime) -> None:
    answer = ask(served, "channel=web&days=7").json()
    assert answer.keys() == {"sku", "channel", "days"}
    assert (answer["sku"], answer["channel"], len(answer["days"])) == ("dated", "web", 7)
    told = {each["date"]: each["available"] for each in answer["days"]}
    dates = [(start + timedelta(days=after)).date().isoformat() for after in range(2, 6)]
    assert [told[date] for date in dates] == [
        17,
        20,
        20,
        20,
    ]  # web: 20 - 4 - 1 without a place, and 2 not needed yet


def test_a_deleted_place_and_other_channels_say_nothing(served: httpx.Client, start: datetime) -> None:
    days = ask(served, "channel=pick%2Fup%20%C3%A9").json()["days"]
    assert len(days) == 14
    assert {each["available"] for each in days[4:]} == {4}
    assert days[0]["date"] >= start.date().isoformat()


@pytest.mark.parametrize(
    "query", ["days=0", "days=367", "days=x", "days=-1", "days=1&days=2", "days=", "days=1.5"]
)
def test_days_are_a_whole_number(served: httpx.Client, query: str) -> None:
    assert "1 to 366" in problem(ask(served, f"channel=web&{query}"), 422, "invalid-request")["detail"]


def test_what_it_does_not_know(served: httpx.Client) -> None:
    problem(ask(served, "days=3"), 422, "invalid-request")
    problem(ask(served, "channel=web", sku="nothing"), 404, "unknown-sku")
    problem(ask(served, "channel=new", sku="SKU-1"), 404, "not-published")
    problem(ask(served, "channel=ebay"), 404, "unknown-channel")


def test_it_is_documented(served: httpx.Client) -> None:
    route = served.get("/openapi.json").json()["paths"]["/v1/availability/{sku}/projected"]["get"]
    assert [each["name"] for each in route["parameters"]] == ["sku", "channel", "days"]
