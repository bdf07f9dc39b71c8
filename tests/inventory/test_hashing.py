import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inventory.columns import Bytes
from inventory.hashing import hash_text, mix, same_text

texts = st.binary(max_size=40)


def padded(text: bytes) -> Bytes:
    return np.frombuffer(b"<" + text + b">", np.uint8)


@given(texts, st.integers(0, 2**62))
def test_the_hash_of_a_text_does_not_depend_on_where_it_stands(text: bytes, seed: int) -> None:
    alone = np.frombuffer(text + b"\0", np.uint8)
    hashed = hash_text(padded(text), 1, len(text), seed)
    assert hashed == hash_text(alone, 0, len(text), seed)
    assert 0 <= hashed < 2**63


@given(st.lists(texts, min_size=2, max_size=20, unique=True))
def test_different_texts_hash_differently(few: list[bytes]) -> None:
    assert len({hash_text(padded(text), 1, len(text), 7) for text in few}) == len(few)


def test_no_text_is_not_an_empty_text() -> None:
    nothing = np.zeros(1, np.uint8)
    assert len({hash_text(nothing, 0, length, 0) for length in (-1, 0, 1)}) == 3


@given(texts, texts)
def test_equal_texts_are_the_same(one: bytes, other: bytes) -> None:
    length = min(len(one), len(other))
    assert same_text(padded(one), 1, padded(other), 1, length) == (one[:length] == other[:length])


def test_mixing_keeps_small_numbers_apart_in_their_low_bits() -> None:
    mixed = [mix(i) for i in range(4096)]
    assert min(mixed) >= 0
    assert len(set(mixed)) == 4096
    assert len({m & 1023 for m in mixed}) > 900
