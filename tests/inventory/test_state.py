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
