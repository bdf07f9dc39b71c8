from hypothesis import given
from hypothesis import strategies as st

from inventory.instants import add_instant, free_instant, pop_passed, rebuild_heap
from inventory.state import Memory


def passed(memory: Memory, now: int) -> list[tuple[int, int]]:
    """(due, line) of every instant before `now`, in the order in which they come."""
    state, found = memory.state(), []
    while (row := int(pop_passed(state, now))) >= 0:
        instants = memory.stores["instants"].table.rows
        found.append((int(instants["due"][row]), int(instants["line"][row])))
        free_instant(state, row)
    return found


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.integers(0, 50)), st.tuples(st.just("pass"), st.integers(0, 60))
        )
    )
)
def test_instants_pass_in_order_and_once(deeds: list[tuple[str, int]]) -> None:
    memory = Memory(1)
    ahead: list[tuple[int, int]] = []
    for number, (what, at) in enumerate(deeds):
        memory.reserve(1, 0)
        if what == "add":
            add_instant(memory.state(), at, 0, number)
            ahead.append((at, number))
        else:
            found = passed(memory, at)
            assert [due for due, _ in found] == sorted(due for due, _ in found)
            assert sorted(found) == sorted(each for each in ahead if each[0] < at)
            ahead = [each for each in ahead if each[0] >= at]
    rebuild_heap(memory.state())  # after a load, the table alone must do
    assert sorted(passed(memory, 100)) == sorted(ahead)


def test_an_instant_has_not_passed_at_its_own_moment() -> None:
    memory = Memory(1)
    memory.reserve(1, 0)
    add_instant(memory.state(), 10, 0, 0)
    assert passed(memory, 10) == []
    assert passed(memory, 11) == [(10, 0)]


def test_rows_of_passed_instants_are_used_again() -> None:
    memory = Memory(1)
    for at in range(1000):
        memory.reserve(1, 0)
        add_instant(memory.state(), at, 0, 0)
        assert passed(memory, at + 1) == [(at, 0)]
    assert len(memory.stores["instants"]) == 1
