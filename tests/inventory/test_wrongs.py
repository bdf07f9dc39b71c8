"""Wrong numbers as rows: they begin and end with what the numbers show, and cost nothing when they have ended."""

import pytest

from inventory.incidents import MOST_EVENTS
from inventory.trail import FACTS, TEXT, new_trail, remember_zeroed
from tests.inventory.incident_judging import told_last
from tests.inventory.shop import SKU, Shop
from tests.reference.shop import MINUTE, NOW, SECOND

DELAY = 30 * SECOND
LONG = "an id of a source that says everything " * 5


def rows(shop: Shop, table: str = "wrongs") -> int:
    """Rows in use."""
    store = shop.cluster.running[0].lane.memory.stores[table]
    return len(store) - int(store.table.head[3])


def test_what_is_over_leaves_no_row() -> None:
    shop = Shop(lanes=1)
    for n in range(20):
        shop.movement("SHIP", 1, event_id=f"out {n}")
        shop.line(f"o{n}", 1, 2)
        shop.run(2 * n)
        assert rows(shop) == 2  # below 0 at DC1, and web asks for what is nowhere
        assert rows(shop, "causes") > 0
        shop.movement("RECEIPT", 1, event_id=f"in {n}")
        shop.line(f"o{n}", 2, 0, action="CANCEL")
        shop.run(2 * n + 1)
        assert (rows(shop), rows(shop, "causes")) == (0, 0)
    assert len(shop.cluster.running[0].lane.memory.stores["wrongs"]) == 2
    assert shop.cluster.incidents == []


def test_each_place_of_a_sku_begins_and_ends_alone() -> None:
    shop = Shop(lanes=1)
    shop.location("S2", 2)
    for place in ("S2", "DC1", "S1"):
        shop.movement("SHIP", 1, location=place)
    shop.run()
    shop.movement("RECEIPT", 1, location="S1")
    shop.run(SECOND)
    shop.run(DELAY)
    opened = [(i.location, i.opened_at) for i in shop.cluster.incidents if i.code == "negative_stock"]
    assert sorted(opened, key=str) == [("DC1", NOW), ("S2", NOW)]
    shop.movement("SHIP", 1, location="S1")
    shop.movement("RECEIPT", 1, location="DC1")
    shop.run(MINUTE)
    shop.run(MINUTE + DELAY)
    last = {
        i.location: i.closed_at is None
        for i in told_last(shop.cluster).values()
        if i.code == "negative_stock"
    }
    assert last == {"DC1": False, "S1": True, "S2": True}


def test_units_are_those_when_it_is_told() -> None:
    shop = Shop(lanes=1)
    shop.movement("SHIP", 1)
    shop.run()
    shop.movement("SHIP", 2)
    shop.run(SECOND)
    shop.run(DELAY)
    [incident] = shop.cluster.incidents
    assert (incident.opened_at, incident.detail["units"]) == (NOW, 3)
    # What came when there was nothing left already has not caused it.
    assert [cause["units"] for cause in incident.detail["causes"]] == [1]


def test_what_was_put_right_and_not_looked_at_yet_is_not_told() -> None:
    shop = Shop(lanes=1, skus=(SKU, "other"))
    running = shop.cluster.running[0]
    shop.movement("SHIP", 1)
    shop.run()
    for sku, at in (("other", -5), (SKU, 1), ("other", 2), ("other", 3)):
        shop.movement("RECEIPT", 1, sku=sku, at=DELAY + at, log_time=NOW + DELAY + at)
    running.step(NOW + DELAY + 500, 1)  # numbers are shown now, and not again for a while
    for ms in (550, 600):
        assert running.step(NOW + DELAY + ms, 1).views is None
    assert rows(shop) == 1
    shop.run(DELAY + 700)
    shop.run(MINUTE)
    assert (shop.cluster.incidents, rows(shop)) == ([], 0)


def test_many_at_once_are_all_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inventory.wrongs._MOST_AT_ONCE", 7)
    shop = Shop(lanes=1, skus=tuple(f"s{n}" for n in range(30)))
    for n in range(30):
        shop.movement("SHIP", 1, sku=f"s{n}")
    shop.run()
    shop.run(DELAY)
    assert {i.sku for i in shop.cluster.incidents} == {f"s{n}" for n in range(30)}
    for n in range(30):
        shop.movement("RECEIPT", 1, sku=f"s{n}")
    shop.run(MINUTE)
    assert sum(i.closed_at is not None for i in shop.cluster.incidents) == 30
    assert rows(shop) == 0


def test_rows_that_ended_are_taken_again_in_the_same_look() -> None:
    before, after = [f"a{n}" for n in range(100)], [f"b{n}" for n in range(200)]
    shop = Shop(lanes=1, skus=(*before, *after))
    for sku in before:
        shop.movement("SHIP", 1, sku=sku)
    shop.run()
    for sku in before:
        shop.movement("RECEIPT", 1, sku=sku)
    for sku in after:
        shop.movement("SHIP", 1, sku=sku)
    shop.run(SECOND)
    assert rows(shop) == 200
    shop.run(MINUTE)
    assert {i.sku for i in shop.cluster.incidents} == {*after}


def test_the_first_causes_are_kept_with_their_ids_whole() -> None:
    shop = Shop(lanes=1)
    for n in range(12):
        shop.movement("SHIP", 1, event_id=f"{n} {LONG}", correlation_id=f"{LONG} {n}")
    shop.run()
    running = shop.cluster.running[0]
    running.checkpoint(whole=True)
    running.start()
    shop.run(DELAY)
    [incident] = shop.cluster.incidents
    assert incident.events == tuple(f"{n} {LONG}" for n in range(MOST_EVENTS))
    assert incident.correlation_id == f"{LONG} 0"


def test_what_was_folded_before_there_was_enough_is_no_cause() -> None:
    shop = Shop(lanes=1)
    shop.movement("SHIP", 1, event_id="before")
    shop.movement("RECEIPT", 2)
    shop.run()
    shop.movement("SHIP", 2, event_id="after")
    shop.run(SECOND)
    shop.run(SECOND + DELAY)
    [incident] = shop.cluster.incidents
    assert incident.events == ("after",)


def test_what_a_recount_takes_from_a_granted_order_is_named() -> None:
    shop = Shop(lanes=1)
    shop.count(5, location="S1")
    shop.line("o", 1, 2, location=None, channel="web", mode="CHECKED", event_id="asked")
    shop.run()
    shop.count(0, location="S1", at=SECOND, event_id="recount")
    shop.run(SECOND)
    shop.run(MINUTE)
    [incident] = [i for i in shop.cluster.incidents if i.code == "oversell"]
    assert [(c["what"], c["event_id"]) for c in incident.detail["causes"]] == [("count", "recount")]


def test_facts_beyond_the_ring_are_gone() -> None:
    trail = new_trail()
    for n in range(FACTS + 3):
        remember_zeroed(trail, 0, f"batch {n}", n, False)
    assert int(trail.head[0]) == FACTS + 3
    assert trail.facts["location"][:4].tolist() == [FACTS, FACTS + 1, FACTS + 2, 3]
    text = trail.text[int(trail.facts["at"][2]) % TEXT :][: int(trail.facts["event_length"][2])]
    assert text.tobytes() == f"batch {FACTS + 2}".encode()
