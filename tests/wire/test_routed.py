import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.batch import Origin
from inventory.columns import Records
from wire import routed
from wire.framing import WireError
from wire.routed import join_blocks, pack_rows, pack_word, unpack

longs = st.integers(-(2**63), 2**63 - 1)
rows = st.lists(
    st.tuples(
        st.binary(max_size=30), st.integers(0, 255), st.integers(0, 2**31 - 1), longs, longs, st.integers(0, 255)
    ),
    min_size=1,
    max_size=20,
)  # fmt: skip
Row = tuple[bytes, int, int, int, int, int]


def batch_of(given_rows: list[Row]) -> tuple[Origin, Records]:
    messages, topic, partition, offset, log_time, flags = zip(*given_rows, strict=True)
    end = np.cumsum([len(m) for m in messages])
    start = end - np.array([len(m) for m in messages])
    origin = Origin(
        np.array(topic, np.uint8), np.array(partition, np.int32), np.array(offset, np.int64),
        np.array(log_time, np.int64), np.array(flags, np.uint8),
    )  # fmt: skip
    return origin, Records(np.frombuffer(b"".join(messages), np.uint8), start, end)


def rows_of(origin: Origin, records: Records) -> list[Row]:
    texts = [records.buf[s:e].tobytes() for s, e in zip(records.start, records.end, strict=True)]
    return list(zip(texts, *(column.tolist() for column in origin), strict=True))


@given(rows, st.randoms(), st.integers(30, 200))
def test_what_is_sent_arrives_in_blocks_of_a_bounded_size(
    given_rows: list[Row], random: Any, largest: int
) -> None:
    chosen = [i for i in range(len(given_rows)) if random.random() < 0.8] or [0]
    whole, routed.LARGEST_BLOCK = routed.LARGEST_BLOCK, largest
    try:
        blocks = list(pack_rows(*batch_of(given_rows), np.array(chosen)))
    finally:
        routed.LARGEST_BLOCK = whole
    expected = [given_rows[i] for i in chosen]
    assert rows_of(*join_blocks([unpack(block) for block in blocks])) == expected
    for block in blocks:
        assert len(block) <= largest + 16 or unpack(block).records.start.size == 1
    # No block could have taken the next row too.
    sizes = [(unpack(b).records.start.size, len(b) - 16) for b in blocks]
    first = 0
    for count, size in sizes[:-1]:
        following = expected[first + count]
        assert size + len(following[0]) + 26 > largest
        first += count


def test_a_row_larger_than_a_block_goes_alone() -> None:
    big = (b"x" * 800_000, 0, 0, 1, 2, 0)
    blocks = list(pack_rows(*batch_of([big, (b"y", 0, 0, 3, 4, 0), big]), np.arange(3)))
    assert [unpack(block).records.start.size for block in blocks] == [1, 1, 1]


def test_no_rows_are_no_block() -> None:
    assert list(pack_rows(*batch_of([(b"x", 0, 0, 0, 0, 0)]), np.zeros(0, np.int64))) == []


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.none()))
def test_a_word_arrives(word: dict[str, Any]) -> None:
    assert unpack(pack_word(word)).word == word


ONE = next(pack_rows(*batch_of([(b"message", 3, 2, 5, 6, 1), (b"other", 3, 2, 6, 7, 0)]), np.arange(2)))


def test_every_truncation_and_a_trailing_byte_are_found() -> None:
    for size in range(len(ONE)):
        with pytest.raises(WireError) as found:
            unpack(ONE[:size])
        assert found.value.code == "undecodable"
    with pytest.raises(WireError):
        unpack(ONE + b"\0")


@pytest.mark.parametrize(
    "block",
    [
        b"", b"STR1", b"junk" * 10, b"STR1\x02" + bytes(11), b"STR1\x00\0\0\0" + b"\xff" * 8,
        b"STR1\x00\0\0\0" + (2**62).to_bytes(8, "little"), pack_word({"kind": "hello"})[:-1],
        pack_word({})[:16] + b"[1]", pack_word({})[:16] + b"\xff", pack_word({})[:16] + json.dumps("x").encode(),
    ],
)  # fmt: skip
def test_what_is_no_block_is_undecodable(block: bytes) -> None:
    with pytest.raises(WireError) as found:
        unpack(block)
    assert found.value.code == "undecodable"
    assert found.value.reason


def test_a_negative_length_is_found() -> None:
    at = 16 + 2 * 16  # the lengths stand behind two columns of eight bytes
    damaged = ONE[:at] + (-1).to_bytes(4, "little", signed=True) + (13).to_bytes(4, "little") + ONE[at + 8 :]
    with pytest.raises(WireError):
        unpack(damaged)
