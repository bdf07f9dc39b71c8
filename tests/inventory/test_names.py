from itertools import count

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inventory.names import ABSENT, CANONICAL, Names

texts = st.binary(min_size=1, max_size=12)


@given(st.lists(st.tuples(texts, st.integers(0, 3)), max_size=300))
def test_the_first_binding_of_a_text_in_a_scope_stands(bindings: list[tuple[bytes, int]]) -> None:
    names, expected = Names("test"), dict[tuple[bytes, int], int]()
    for value, (text, scope) in enumerate(bindings):
        assert names.add(text, value, scope) == expected.setdefault((text, scope), value)
    assert len(names) == len(expected)
    for (text, scope), value in expected.items():
        assert names.get(text, scope) == value
        assert names.get(text + b"!", scope) == expected.get((text + b"!", scope), ABSENT)


@given(
    st.lists(st.tuples(texts, st.integers(0, 1)), max_size=20),
    st.lists(st.tuples(texts, st.booleans()), max_size=100),
)
def test_texts_are_numbered_in_their_order(
    bound: list[tuple[bytes, int]], told: list[tuple[bytes, bool]]
) -> None:
    names = Names("test", capacity=2)
    for value, (text, scope) in enumerate(bound):
        names.add(text, value, scope)
    numbers, known = count(1000), {text: names.get(text) for text, _ in told if names.get(text) != ABSENT}
    expected = []
    for text, wanted in told:
        if wanted and text not in known:
            known[text] = next(numbers)
        expected.append(known.get(text, ABSENT))
    wanted_ones = np.array([wanted for _, wanted in told], np.bool_)
    assert names.number([text for text, _ in told], wanted_ones, 1000).tolist() == expected
    assert {text: names.get(text) for text in known} == known


def test_it_grows_from_small() -> None:
    names = Names("test", capacity=4)
    for i in range(1000):
        assert names.intern(b"a longer name than there is room for %d" % i) == i
    assert [names.text(i) for i in (0, 999)] == [
        b"a longer name than there is room for 0", b"a longer name than there is room for 999",
    ]  # fmt: skip


def test_a_scope_does_not_see_another() -> None:
    names = Names("test")
    names.add(b"x", 1)
    names.add(b"x", 2, scope=5)
    assert names.get(b"x", CANONICAL) == 1
    assert names.get(b"x", 5) == 2
    assert names.get(b"x", 4) == ABSENT


def test_what_was_added_can_be_loaded_piece_by_piece() -> None:
    names, copy = Names("test"), Names("copy")
    for piece in ([b"a", b"b"], [], [b"c"]):
        for text in piece:
            names.add(text, names.get(text) + 10 + len(names), len(names) % 2)
        copy.load(*names.additions())
    assert len(copy) == 3
    assert [copy.text(i) for i in range(3)] == [b"a", b"b", b"c"]
    assert copy.additions()[0].size == 0
    again = Names("again")
    again.load(*names.part(0, 2))
    again.load(*names.part(1, 3))  # one twice
    assert [again.text(i) for i in range(3)] == [b"a", b"b", b"c"]
    for name in (names, copy, again):
        assert [name.get(b"a"), name.get(b"b", 1), name.get(b"c")] == [9, 10, 11]
