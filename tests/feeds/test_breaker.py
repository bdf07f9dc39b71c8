from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.breaker import Breaker, Outcome, Permit, State, outcome
from feeds.outcomes import Answer, Fate, Trouble, whole


def permit(breaker: Breaker, now: float) -> Permit:
    given = breaker.permit(now)
    assert given is not None
    return given


def hear(breaker: Breaker, what: Outcome, many: int, now: float = 0.0) -> None:
    for _ in range(many):
        breaker.heard(permit(breaker, now), what, now)


def state(breaker: Breaker) -> State:
    """A look at it that mypy does not remember."""
    return breaker.state


def opened(random: Callable[[], float] = lambda: 0.0) -> Breaker:
    """Open from 0 to 5 s."""
    breaker = Breaker(random)
    hear(breaker, Outcome.BROKEN, 10)
    assert state(breaker) is State.OPEN
    return breaker


def test_it_opens_at_the_share_and_not_before_the_least_number() -> None:
    breaker = Breaker(lambda: 0.0)
    hear(breaker, Outcome.BROKEN, 9)
    assert state(breaker) is State.CLOSED
    hear(breaker, Outcome.WELL, 10)
    assert breaker.said(0).failing == 9 / 19
    hear(breaker, Outcome.BROKEN, 1)
    assert state(breaker) is State.OPEN
    assert breaker.permit(4.9) is None


def test_an_unknown_outcome_weighs_half() -> None:
    breaker = Breaker(lambda: 0.0)
    hear(breaker, Outcome.UNKNOWN, 19)
    assert breaker.said(0).weight == 9.5
    assert state(breaker) is State.CLOSED
    hear(breaker, Outcome.UNKNOWN, 1)
    assert state(breaker) is State.OPEN


def test_throttling_counts_neither_way() -> None:
    breaker = Breaker(lambda: 0.0)
    hear(breaker, Outcome.UNHEARD, 100)
    assert breaker.said(0).weight == 0


def test_what_is_older_than_the_window_is_forgotten() -> None:
    breaker = Breaker(lambda: 0.0)
    hear(breaker, Outcome.BROKEN, 9, now=0)
    assert breaker.said(59).weight == 9
    hear(breaker, Outcome.BROKEN, 9, now=60)
    assert breaker.said(60).weight == 9
    assert state(breaker) is State.CLOSED


def test_a_few_probes_pass_and_close_it_when_all_are_well() -> None:
    breaker = opened()
    probes = [permit(breaker, 5.0) for _ in range(3)]
    assert state(breaker) is State.PROBING
    assert breaker.permit(5.0) is None
    for probe in probes[:2]:
        breaker.heard(probe, Outcome.WELL, 6.0)
    assert breaker.permit(6.0) is None
    breaker.heard(probes[2], Outcome.WELL, 6.0)
    assert state(breaker) is State.CLOSED
    assert breaker.said(6).weight == 0


@pytest.mark.parametrize("what", [Outcome.BROKEN, Outcome.UNKNOWN])
def test_a_probe_that_is_not_well_opens_it_for_twice_as_long(what: Outcome) -> None:
    breaker = opened()
    breaker.heard(permit(breaker, 5.0), what, 6.0)
    assert state(breaker) is State.OPEN
    assert breaker.until == 16.0


def test_a_throttled_probe_makes_room_for_another() -> None:
    breaker = opened()
    probes = [permit(breaker, 5.0) for _ in range(3)]
    breaker.heard(probes[0], Outcome.UNHEARD, 5.1)
    assert permit(breaker, 5.2)
    assert breaker.permit(5.2) is None


def test_probes_that_nobody_hears_of_open_it_again() -> None:
    breaker = opened()
    for _ in range(3):
        permit(breaker, 5.0)
    assert breaker.permit(64.9) is None
    assert state(breaker) is State.PROBING
    assert breaker.permit(65.0) is None
    assert state(breaker) is State.OPEN


def test_what_comes_late_says_nothing_of_a_later_state() -> None:
    breaker = Breaker(lambda: 0.0)
    late = permit(breaker, 0)
    hear(breaker, Outcome.BROKEN, 10)
    permit(breaker, 5.0)
    breaker.heard(late, Outcome.BROKEN, 5.0)
    assert state(breaker) is State.PROBING


def test_pauses_grow_to_the_longest_and_begin_anew_after_a_long_time_well() -> None:
    breaker, now, pauses = Breaker(lambda: 0.0), 0.0, []
    for _ in range(9):
        breaker.trip(now)
        assert breaker.until is not None
        pauses.append(breaker.until - now)
        now = breaker.until
        permit(breaker, now)
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    hear(breaker, Outcome.WELL, 2, now)
    breaker.trip(now + 1)
    assert breaker.until == now + 301
    now = breaker.until
    hear(breaker, Outcome.WELL, 3, now)
    assert state(breaker) is State.CLOSED
    breaker.trip(now + 301)
    assert breaker.until == now + 306


def test_jitter_is_up_to_a_quarter_less() -> None:
    assert opened(lambda: 1.0).until == 3.75


def test_what_it_says() -> None:
    breaker = opened()
    breaker.permit(1.0)
    said = breaker.said(1.0)
    assert (said.state, said.opened, said.refused, said.until) == (State.OPEN, 1, 1, 5.0)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(whole(2, Fate.APPLIED)), Outcome.WELL),
        (Answer(whole(2, Fate.REJECTED)), Outcome.WELL),
        (Answer([]), Outcome.WELL),
        (Answer([*whole(1, Fate.UNKNOWN), *whole(1, Fate.APPLIED)]), Outcome.WELL),
        (Answer(whole(2, Fate.UNKNOWN)), Outcome.UNKNOWN),
        (Answer(whole(2, Fate.UNKNOWN), Trouble.BROKEN), Outcome.BROKEN),
        (Answer(whole(2, Fate.RETURNED), Trouble.THROTTLED), Outcome.UNHEARD),
        (Answer(whole(2, Fate.RETURNED), Trouble.EXHAUSTED), Outcome.UNHEARD),
        (Answer(whole(2, Fate.RETURNED), Trouble.AUTH), Outcome.UNHEARD),
    ],
)
def test_what_an_answer_says_of_the_channel(answer: Answer, says: Outcome) -> None:
    assert outcome(answer) is says


@given(st.lists(st.tuples(st.floats(0, 20), st.sampled_from(Outcome)), max_size=120))
def test_while_open_nothing_passes_and_it_always_comes_back(steps: list[tuple[float, Outcome]]) -> None:
    breaker, now = Breaker(lambda: 0.5, least=3), 0.0
    for pause, what in steps:
        now += pause
        until = breaker.until
        given_permit = breaker.permit(now)
        if until is not None and now < until:
            assert given_permit is None
        if given_permit is not None:
            breaker.heard(given_permit, what, now)
        assert (breaker.until is None) == (breaker.state is not State.OPEN)
    assert breaker.permit(now + 1000) or breaker.permit(now + 2000)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="share"):
        Breaker(lambda: 0.0, share=0)
