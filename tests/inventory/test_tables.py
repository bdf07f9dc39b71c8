import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inventory.tables import Store, append, find, give_back, link, take, touch

ROW = np.dtype([("key", "i8"), ("value", "i8"), ("next", "i4")])


def keyed() -> Store:
    return Store("test", ROW, keyed=True, capacity=4)


def put(store: Store, key: int, value: int) -> int:
    store.reserve(1)
    row = find(store.table, key)
    if row < 0:
        row = take(store.table)
        link(store.table, row, key)
    store.table.rows["value"][row] = value
    touch(store.table, row)
    return row


@given(st.lists(st.tuples(st.integers(0, 60), st.integers()), max_size=200))
def test_it_finds_the_rows_of_its_keys_however_it_grew(puts: list[tuple[int, int]]) -> None:
    store, expected = keyed(), dict[int, int]()
    for number, value in puts:
        key, value = number << 32, value % 2**62
        put(store, key, value)
        expected[key] = value
    assert len(store) == len(expected)
    for number in range(61):
        row = find(store.table, number << 32)
        assert expected.get(number << 32) == (None if row < 0 else store.table.rows["value"][row])


def test_a_row_given_back_is_taken_again() -> None:
    store = keyed()
    rows = [take(store.table) for _ in range(3)]
    give_back(store.table, rows[0])
    give_back(store.table, rows[2])
    assert [take(store.table), take(store.table), take(store.table)] == [2, 0, 3]
    assert len(store) == 4


def test_free_rows_are_room() -> None:
    store = keyed()
    rows = [take(store.table) for _ in range(4)]
    assert store.room() == 0
    give_back(store.table, rows[1])
    assert (store.room(), store.reserve(1)) == (1, False)
    take(store.table)
    assert (store.room(), store.reserve(1)) == (0, True)


def test_changes_are_each_touched_row_once() -> None:
    store = keyed()
    for key in (3, 4, 3):
        put(store, key, key)
    index, rows = store.changes()
    assert index.tolist() == [0, 1]
    assert rows["value"].tolist() == [3, 4]
    assert store.changes()[0].size == 0
    put(store, 4, 5)
    assert store.changes()[1]["value"].tolist() == [5]


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.booleans()), max_size=80))
def test_a_copy_made_of_changes_is_the_table(steps: list[tuple[int, bool, bool]]) -> None:
    store, copy = keyed(), keyed()

    def carry_over() -> None:
        index, rows = store.changes()
        copy.put(index, rows, store.table.head)

    for key, remove, write_down in steps:
        row = put(store, key, key + 100)
        if remove:
            store.table.rows["key"][row] = -1
            give_back(store.table, row)
            store.reindex()
        if write_down:
            carry_over()
    carry_over()
    copy.reindex()
    assert copy.used().tolist() == store.used().tolist()
    assert copy.table.head.tolist() == store.table.head.tolist()
    for key in range(21):
        assert find(copy.table, key) == find(store.table, key)


def test_it_says_what_it_holds() -> None:
    store = Store("test", ROW, keyed=False, capacity=8)
    assert store.bytes() >= 8 * ROW.itemsize
    assert store.reserve(8) is False
    assert store.reserve(9) is True
    assert append(store.table) == 0


def test_rows_may_come_in_parts_whose_heads_tell_of_all() -> None:
    whole, copy = keyed(), keyed()
    for key in range(100):
        put(whole, key, -key)
    rows = whole.used()
    for first in range(0, 90, 10):
        index = np.arange(first, first + 10, dtype=np.int32)
        copy.put(index, rows[index], whole.table.head)
    copy.put(np.arange(90, 100, dtype=np.int32), rows[90:], whole.table.head)
    copy.reindex()
    assert (copy.used() == rows).all()
    assert [find(copy.table, key) for key in range(100)] == list(range(100))
