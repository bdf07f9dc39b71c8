from random import Random

import pytest

from feeds.simulator.agenda import Agenda
from feeds.simulator.places import Place
from feeds.simulator.shelf import Shelf
from feeds.simulator.spread import Spread
from feeds.simulator.truth import Truth


def _shelf(delay: Spread | None = None, **options: bool) -> tuple[Agenda, Shelf, Place]:
    agenda = Agenda()
    shelf = Shelf(agenda, Truth(), delay or Spread(), Random(7), **options)
    place = Place("c", "a", "x", None, "x", 5)
    shelf.add(place, 0)
    return agenda, shelf, place


def test_what_is_accepted_is_applied_later() -> None:
    agenda, shelf, place = _shelf(Spread(60_000, 60_000))
    shelf.write(place, 2, 1_000)
    agenda.advance(60_999)
    assert (place.accepted, place.applied) == (2, 5)
    agenda.advance(61_000)
    assert place.applied == 2
    assert place.history == [(0, 5), (61_000, 2)]
    assert [place.seen_at(at) for at in (-1, 0, 60_999, 61_000)] == [None, 5, 5, 2]


def test_writes_are_applied_in_their_order_unless_a_fault_forgets_it() -> None:
    for in_order in (True, False):
        agenda, shelf, place = _shelf(Spread(1_000, 100_000))
        for quantity in range(100, 130):
            shelf.write(place, quantity, 0, in_order=in_order)
        agenda.advance(10**9)
        seen = [applied for _, applied in place.history[1:]]
        assert sorted(seen) == list(range(100, 130))
        assert (seen == sorted(seen)) is in_order


def test_a_lost_write_is_accepted_and_never_applied() -> None:
    agenda, shelf, place = _shelf()
    shelf.write(place, 2, 0, lost=True)
    agenda.advance(10**9)
    assert (place.accepted, place.applied, shelf.never_applied) == (2, 5, 1)


def test_what_was_held_is_released_over_what_was_written_since() -> None:
    agenda, shelf, _ = _shelf()
    place = Place("c", "a", "new", None, "new", 0, onboarded=False)
    shelf.add(place, 0)
    shelf.write(place, 9, 10)
    assert (place.applied, place.held) == (0, 9)
    shelf.onboard(place, 600_000, 20)
    shelf.write(place, 1, 30)
    assert place.applied == 1
    agenda.advance(600_020)
    assert place.applied == 9


def test_a_marketplace_that_subtracts_what_is_reserved_shows_less_than_was_written() -> None:
    _, shelf, place = _shelf(subtracts_reserved=True)
    place.reserved = 3
    shelf.write(place, 10, 0)
    assert place.applied == 7


def test_a_listing_is_added_once() -> None:
    _, shelf, _ = _shelf()
    with pytest.raises(ValueError, match="there already"):
        shelf.add(Place("c", "a", "x", None, "x"), 0)


def test_times_have_the_median_and_the_percentile_they_are_given() -> None:
    random, spread = Random(3), Spread(60_000, 900_000, 2_000_000)
    drawn = sorted(spread.draw(random) for _ in range(20_000))
    assert drawn[10_000] == pytest.approx(60_000, rel=0.05)
    assert drawn[19_000] == pytest.approx(900_000, rel=0.1)
    assert drawn[-1] <= 2_000_000
    assert Spread(250, 250).draw(random) == 250
    assert Spread().draw(random) == 0
    with pytest.raises(ValueError, match="p50"):
        Spread(10, 5)
    with pytest.raises(ValueError, match="p50"):
        Spread(0, 5)
