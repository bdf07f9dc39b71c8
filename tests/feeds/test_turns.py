"""Who is next, by each scheme."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.slots import Harm, Slot
from feeds.turns import FirstCome, Strict, Turns, Weighted


def slot(name: str, changed_ms: int = 1) -> Slot:
    return Slot(name, None, name, changed_ms=changed_ms)


def crowd(turns: Turns, each: int) -> None:
    """So many of each class; the later a class the earlier its changes."""
    for harm in Harm:
        for number in range(each):
            turns.put(slot(harm.name, 1_000 * (4 - harm) + number), harm, 1.0)


def order(turns: Turns) -> list[str]:
    found = []
    while (chosen := turns.next()) is not None:
        found.append(chosen.listing)
    return found


def test_first_come_first_served() -> None:
    turns = FirstCome()
    for name, changed_ms, harm in (("b", 2, Harm.ZERO), ("a", 1, Harm.REST), ("c", 3, Harm.ZERO)):
        turns.put(slot(name, changed_ms), harm, 9.0)
    assert order(turns) == ["a", "b", "c"]


def test_strict_priority_and_speed_within_a_class() -> None:
    turns = Strict()
    for name, harm, velocity in (
        ("rest", Harm.REST, 9.0), ("slow", Harm.ZERO, 0.1), ("fast", Harm.ZERO, 2.0), ("scarce", Harm.SCARCE, 5.0),
    ):  # fmt: skip
        turns.put(slot(name), harm, velocity)
    assert order(turns) == ["fast", "slow", "scarce", "rest"]


def test_the_weights_are_kept_while_all_classes_wait() -> None:
    turns = Weighted()
    crowd(turns, 200)
    counted = Counter(turns.next().listing for _ in range(100))  # type: ignore[union-attr]
    # The tenth that belongs to whoever has waited longest goes to the rest, whose changes are the earliest.
    assert counted == {"ZERO": 50, "SCARCE": 25, "BACK": 10, "REST": 15}


def test_the_turns_of_a_class_are_spread() -> None:
    turns = Weighted()
    crowd(turns, 200)
    names = [turns.next().listing for _ in range(100)]  # type: ignore[union-attr]
    assert all("ZERO" in names[at : at + 4] for at in range(96))
    assert all("REST" in names[at : at + 12] for at in range(88))


def test_what_a_class_does_not_use_the_others_share() -> None:
    turns = Weighted()
    for number in range(10):
        turns.put(slot(str(number), number), Harm.REST, 1.0)
    assert len(order(turns)) == 10


def test_nobody_starves_under_a_stream_of_the_urgent() -> None:
    ours, strict = Weighted(), Strict()
    for turns in (ours, strict):
        turns.put(slot("patient", 1), Harm.REST, 0.0)
        taken = []
        for number in range(40):
            turns.put(slot(f"urgent-{number}", 100 + number), Harm.ZERO, 1.0)
            taken.append(turns.next().listing)  # type: ignore[union-attr]
        assert ("patient" in taken) == (turns is ours)


@pytest.mark.parametrize("scheme", [Weighted, Strict, FirstCome])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["put", "drop", "next"]), st.integers(0, 8), st.sampled_from(list(Harm))),
        max_size=60,
    )
)
def test_each_waits_once_and_is_taken_once(scheme: type[Turns], steps: list[tuple[str, int, Harm]]) -> None:
    turns = scheme()
    slots = [slot(str(number)) for number in range(9)]
    waiting = set[str]()
    for clock, (what, number, harm) in enumerate(steps):
        chosen = slots[number]
        if what == "put":
            chosen.changed_ms = chosen.changed_ms if chosen.listing in waiting else clock + 1
            turns.put(chosen, harm, float(number))
            waiting.add(chosen.listing)
        elif what == "drop":
            turns.drop(chosen)
            waiting.discard(chosen.listing)
        else:
            taken = turns.next()
            assert (taken is None) == (not waiting)
            if taken is not None:
                assert taken.listing in waiting
                waiting.discard(taken.listing)
        assert {each.listing for each in turns.waiting.values()} == waiting
    assert sorted(order(turns)) == sorted(waiting)


def test_moving_about_costs_no_memory() -> None:
    turns = Weighted()
    only = slot("only")
    for _ in range(10_000):
        turns.put(only, Harm.ZERO, 1.0)
    assert sum(map(len, turns._heaps.values())) < 100
