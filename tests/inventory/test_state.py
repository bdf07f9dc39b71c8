"""The memory of a lane: tables grow before a kernel needs them to."""

import pytest

from inventory.state import ROWS_A_RECORD, Memory
from inventory.tables import USED


@pytest.mark.parametrize("name", ROWS_A_RECORD)
def test_every_table_is_looked_at_before_records_are_folded(name: str) -> None:
    memory = Memory(1)
    memory.reserve(10, 0)
    assert memory.has_room(10)
    table = memory.stores[name].table
    table.head[USED] = table.rows.shape[0] - 10 * ROWS_A_RECORD[name] + 1
    assert not memory.has_room(10)
    memory.reserve(10, 0)
    assert memory.has_room(10)
    assert memory.stores[name].room() >= 10 * ROWS_A_RECORD[name]


def test_sources_are_ranked_by_their_names_however_they_come_to_be_known() -> None:
    memory = Memory(1)
    names = [b"till-7", b"erp", b"wms", b"till-10", b"\xc3\xa9rp", b"till-7", b"a", b"z", b"till"]
    for name in names:
        memory.intern_source(name)
    one_by_one = memory.source_rank.copy()
    known = list(dict.fromkeys(names))
    assert one_by_one.tolist() == [sorted(known).index(name) for name in known]
    assert one_by_one.dtype == "int32"
    memory.rank_sources()
    assert (memory.source_rank == one_by_one).all()
    memory.intern_source(b"f")
    assert memory.source_rank.tolist() == [sorted([*known, b"f"]).index(name) for name in [*known, b"f"]]
