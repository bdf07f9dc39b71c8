"""Checked reservations on whole lanes. What is decided is held against the reference model in `test_decisions`."""

from typing import Any

import pytest

from inventory.batch import Clock
from inventory.checked import OWN_DECISIONS
from tests.inventory.shop import SKU, Shop
from tests.inventory.simulation import Running
from tests.reference.shop import HOUR, MINUTE, NOW, SECOND

GRACE = 30 * SECOND


def request(shop: Shop, order: str, version: int, quantity: int, *, at: int = -MINUTE, **fields: Any) -> None:
    hold = {"commitment": "SOFT", "expires_at": NOW + 10 * MINUTE, "location": None, "mode": "CHECKED"}
    shop.line(order, version, quantity, at=at, **{**hold, **fields})


def ask(
    shop: Shop, order: str, version: int, quantity: int, *, now: int = 0, **fields: Any
) -> tuple[Any, ...]:
    """One request, and its answer."""
    request(shop, order, version, quantity, **fields)
    told = len(shop.cluster.answers)
    shop.run(now)
    (answer,) = shop.cluster.answers[told:]
    return brief(answer)


def brief(answer: dict[str, Any]) -> tuple[Any, ...]:
    return answer["outcome"], answer["reason"], answer["quantity"], answer["available"]


def stocked(quantity: int = 10) -> Shop:
    shop = Shop(lanes=1)
    shop.count(quantity, at=-HOUR)
    return shop.run()


def test_first_come_first_served_and_never_more_than_there_is() -> None:
    shop = stocked()
    for order in "abc":
        request(shop, order, 1, 4)
    shop.run()
    assert [brief(answer) for answer in shop.cluster.answers] == [
        ("ACCEPTED", None, 4, 10),
        ("ACCEPTED", None, 4, 6),
        ("REFUSED", "insufficient", 0, 2),
    ]
    assert shop.available() == 2


@pytest.mark.parametrize("end", [2**63 - 1, 2**63 - 2, 2**62])
def test_a_line_may_be_held_to_the_end_of_time(end: int) -> None:
    shop = stocked(5)
    assert ask(shop, "o", 1, 2, expires_at=end) == ("ACCEPTED", None, 2, 5)
    told = shop.cluster.answers[-1]["expires_at"]
    assert 2**61 < told <= end
    assert shop.run(100 * HOUR).available() == 3


def test_facts_of_the_same_batch_go_first() -> None:
    shop = Shop(lanes=1)
    request(shop, "o", 1, 4)
    shop.line("fact", 1, 3)
    shop.count(6, at=-HOUR)
    shop.run()
    assert brief(shop.cluster.answers[0]) == ("REFUSED", "insufficient", 0, 3)


def test_what_is_said_with_a_decision() -> None:
    shop = stocked()
    ask(shop, "o", 1, 14, allow_partial=True)
    shop.movement("SHIP", 3, at=-SECOND, reservation_id="o")
    ask(shop, "o", 1, 14, allow_partial=True, now=SECOND)
    first, again = shop.cluster.answers
    assert (first["action"], first["held"], first["expires_at"]) == ("PLACE", 10, NOW + 10 * MINUTE)
    assert again == {**first, "event_id": again["event_id"]}  # what was shipped is had as well
    assert first["event_id"] != again["event_id"]


def test_a_hold_is_open_through_its_grace_and_then_has_nothing() -> None:
    shop = stocked()
    ask(shop, "o", 1, 4, expires_at=NOW)
    assert shop.run(GRACE).available() == 6
    assert shop.run(GRACE + 1).available() == 10
    ask(shop, "o", 1, 4, now=GRACE + 1)
    assert shop.cluster.answers[-1]["held"] == 0


def test_a_conflict_answers_its_event_and_is_no_decision() -> None:
    shop = stocked()
    assert ask(shop, "o", 2, 1) == ("REFUSED", "conflict", 0, 10)
    assert ask(shop, "o", 1, 1) == ("ACCEPTED", None, 1, 10)
    assert ask(shop, "o", 2, 2) == ("ACCEPTED", None, 2, 9)


def test_a_fact_takes_the_line_over() -> None:
    shop = stocked()
    ask(shop, "o", 1, 4, expires_at=NOW)
    ask(shop, "o", 2, 14, allow_partial=True, expires_at=NOW)
    shop.line("o", 1, 3, commitment="SOFT", location=None)  # of a lower version: what stands is a fact's now
    assert shop.told()["unmet"] == 4
    assert shop.run(1).available() == 10  # nor is there a grace
    assert ask(shop, "o", 3, 1, now=1) == ("REFUSED", "fact_line", 0, 10)


def test_nothing_is_decided_while_the_gate_is_closed() -> None:
    shop = stocked()
    running = shop.cluster.running[0]
    running.needed = {"stock-movements": 1}
    request(shop, "o", 1, 4)
    for _ in range(3):
        running.step(NOW, 10)
    assert not shop.cluster.answers
    running.checkpoint(whole=False)  # what waits is written down
    running.start()
    shop.movement("SHIP", 8, at=-MINUTE)
    shop.run()
    assert [brief(answer) for answer in shop.cluster.answers] == [("REFUSED", "insufficient", 0, 2)]


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize("kept", [False, True])
def test_stopped_between_decision_and_publication(published: bool, kept: bool) -> None:
    """The state of a decision is never kept before its publication is; that it was published is read at the start."""
    shop = stocked()
    running = shop.cluster.running[0]
    running.checkpoint(whole=True)
    request(shop, "o", 1, 4)
    if published:
        running.step(NOW, 10)
    else:
        running.lane.step(running.intake.batch(running.poll(NOW, 10))[0], Clock(NOW, NOW))
    if kept and published:
        running.checkpoint(whole=False)
    running.start()
    shop.count(3, at=-MINUTE)  # less is there than when it was decided first
    shop.run()
    expected = ("ACCEPTED", None, 4, 10) if published else ("REFUSED", "insufficient", 0, 3)
    assert {brief(answer) for answer in shop.cluster.answers} == {expected}
    assert shop.run().told()["unmet"] == (1 if published else 0)
    assert ask(shop, "o", 1, 4) == expected


@pytest.mark.parametrize("kept", [False, True])
def test_a_decision_that_is_read_before_its_sku_counts_in_the_version_all_the_same(kept: bool) -> None:
    shop = Shop(lanes=1, skus=("SKU-0",))
    running = shop.cluster.running[0]
    if kept:
        running.checkpoint(whole=True)
    shop.item("another")
    shop.item(SKU)
    shop.count(10, at=-HOUR)
    ask(shop, "o", 1, 4)
    assert counted_decisions(running) == 1
    running.start()
    running.step(NOW, 1)  # one record of each topic: the decision, but of the catalog another sku
    if kept:
        running.checkpoint(whole=False)
        running.start()
    shop.cluster.view.rows.clear()
    while not (running.lane.live and running.lane.memory.sku_names.get(SKU.encode()) >= 0):
        running.step(NOW, 1)
    assert counted_decisions(running) == 1


def counted_decisions(running: Running) -> int:
    """How many records of the decisions' topic the version of the sku has in it."""
    memory = running.lane.memory
    rows = memory.stores["skus"].table.rows
    return int(rows[f"offset_{OWN_DECISIONS}"][memory.sku_names.get(SKU.encode())])


def test_of_two_engines_the_first_published_decision_stands_in_both() -> None:
    """They read the same topics with different batches, and so they decide differently."""
    one = stocked()
    other = Shop(lanes=1)
    other.cluster.log = one.cluster.log
    other.cluster.running[0].start()
    other.run()
    request(one, "o", 1, 8)
    request(one, "o", 2, 9, action="EXTEND")
    one.cluster.running[0].step(NOW, 10)  # grants 8, and then 9, of 10
    one.count(5, at=-MINUTE)
    first = list(one.cluster.log["reservation-decisions", 0])
    del one.cluster.log["reservation-decisions", 0][:]
    other.cluster.running[0].step(NOW, 10)  # refuses both, and is the first to say so
    one.cluster.log["reservation-decisions", 0].extend(
        type(m)(0, len(one.cluster.log["reservation-decisions", 0]) + n, m.log_time, m.at_key, m.payload)
        for n, m in enumerate(first)
    )
    assert other.cluster.answers[0]["outcome"] == "REFUSED"
    one.run()
    other.run()
    assert one.available() == other.available() == 5
    told = len(one.cluster.answers), len(other.cluster.answers)
    request(one, "o", 1, 8)
    one.run()
    other.run()
    later = one.cluster.answers[told[0] :] + other.cluster.answers[told[1] :]
    assert [brief(answer) for answer in later] == [("REFUSED", "insufficient", 0, 5)] * 2
