"""What no record can ask for any more is let go of as time passes, whether or not a table is full."""

from typing import Any

import pytest

from inventory.forgetting import PASSES
from inventory.tables import SPARE
from tests.inventory.shop import Shop
from tests.reference.shop import HOUR, MINUTE, NOW

_SHORT: dict[str, Any] = {
    "count_horizon_ms": HOUR,
    "clock_tolerance_ms": 0,
    "reservation_memory_ms": HOUR,
    "dedupe_horizon_ms": HOUR,
}
_EACH = 2 * MINUTE
_AN_HOUR = HOUR // _EACH


def _held(shop: Shop, table: str) -> int:
    store = shop.cluster.running[0].lane.memory.stores[table]
    return len(store) - int(store.table.head[SPARE])


def _most(held: int) -> float:
    """So many in an hour, a share more for the pass that is under way, and some at either end."""
    return held * (1 + 1 / PASSES) + 3


@pytest.mark.parametrize("places", [("DC1",), ("DC1", "S1")])
def test_movements(places: tuple[str, ...]) -> None:
    shop, seen = Shop(1, **_SHORT), []
    for number in range(5 * _AN_HOUR):
        at = number * _EACH
        for place in places:
            shop.movement("RECEIPT", 1, at=at, location=place)
        shop.run(at + MINUTE)
        seen.append(_held(shop, "deltas"))
    assert max(seen) <= _most(_AN_HOUR * len(places))
    assert max(seen[2 * _AN_HOUR :]) <= max(seen[: 2 * _AN_HOUR])
    assert [shop.on_hand(place) for place in places] == [5 * _AN_HOUR] * len(places)


def test_a_count_within_the_horizon_finds_what_it_asks_for() -> None:
    shop = Shop(1, **_SHORT)
    for number in range(3 * _AN_HOUR):
        shop.movement("RECEIPT", 1, at=number * _EACH)
        shop.run(number * _EACH + MINUTE)
    now = 3 * HOUR
    shop.count(100, at=now, counted_at=shop.now - 50 * MINUTE)
    shop.run(now + MINUTE)
    assert shop.letters() == []
    assert shop.on_hand() == 100 + 25


def test_lines_and_what_they_were_before() -> None:
    shop, seen = Shop(1, **_SHORT), []
    for number in range(5 * _AN_HOUR):
        at = number * _EACH
        shop.line(f"o{number}", 1, 1, at=at, location="DC1")
        shop.line(f"o{number}", 2, 0, at=at + MINUTE // 2, location="DC1", action="CANCEL")
        shop.run(at + MINUTE)
        seen.append((_held(shop, "lines"), _held(shop, "versions")))
    assert max(lines for lines, _ in seen) <= _most(_AN_HOUR)
    assert max(versions for _, versions in seen) <= 2 * _most(_AN_HOUR)


def test_a_night_without_a_record_is_made_up_for() -> None:
    shop = Shop(1, **_SHORT)
    for number in range(_AN_HOUR):
        shop.movement("RECEIPT", 1, at=number * MINUTE // 2)
    shop.run(HOUR)
    for at in (12 * HOUR, 12 * HOUR + 10 * MINUTE):
        shop.movement("RECEIPT", 1, at=at)
        shop.run(at + MINUTE)
    assert _held(shop, "deltas") == 2
    assert shop.on_hand() == _AN_HOUR + 2


@pytest.mark.parametrize("far", [2 * HOUR, 30 * 24 * HOUR])
@pytest.mark.parametrize("closing", ["CANCEL", "SHIP"])
def test_lines_that_would_expire_long_after_they_were_closed(far: int, closing: str) -> None:
    shop, other = Shop(1, **_SHORT), Shop(1)  # the other forgets nothing
    seen = []
    for number in range(5 * _AN_HOUR):
        at, name = number * _EACH, f"o{number}"
        expires = {"commitment": "SOFT", "expires_at": NOW + at + far, "location": "DC1"}
        for each in (shop, other):
            each.line(name, 1, 1, at=at, **expires)
            if closing == "CANCEL":
                each.line(name, 2, 0, at=at + MINUTE // 2, action="CANCEL", **expires)
            else:
                each.movement("SHIP", 1, at=at + MINUTE // 2, reservation_id=name, line="1", channel="web")
            each.run(at + MINUTE)
        seen.append(_held(shop, "lines"))
    assert max(seen) <= _most(_AN_HOUR)
    for at in (5 * HOUR, 5 * HOUR + far):
        rows = [each.run(at).row() for each in (shop, other)]
        assert rows[0] == rows[1]  # with their version, in which every expiry counts
    assert _held(shop, "instants") == 0


def test_a_line_that_has_expired_is_there_for_as_long_as_a_count_may_ask_for_it() -> None:
    shop = Shop(1, **_SHORT)
    # The second version ends it soon; the first one's end, which still lies ahead, says nothing.
    shop.line("cart", 1, 3, at=0, commitment="SOFT", expires_at=NOW + 9 * HOUR, location="DC1")
    shop.line("cart", 2, 3, at=MINUTE, commitment="SOFT", expires_at=NOW + 50 * MINUTE, location="DC1")
    for number in range(1, 51):
        shop.movement("RECEIPT", 1, at=number * _EACH)
        shop.run(number * _EACH + MINUTE)
    assert _held(shop, "lines") == 1  # read 101 minutes after its last fact, 51 after its end
    net = {"basis": "NET", "net_of": "SOFT_AND_HARD"}
    shop.count(10, at=101 * MINUTE, counted_at=NOW + 45 * MINUTE, **net)
    shop.run(102 * MINUTE)
    assert shop.letters() == []
    assert shop.on_hand() == 10 + 3 + 28
