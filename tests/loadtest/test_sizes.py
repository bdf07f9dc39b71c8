"""What things weigh, and what that comes to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.ids import IdMemory
from inventory.state import LINE
from inventory.tables import Store
from loadtest.bench.lane_alone import LaneAlone, Retailer
from loadtest.sizes.command import BOOKKEEPING, INDEX, Row, Sizes, Weight, _weigh
from loadtest.sizes.plan import CHOSEN, DEFAULT, Business, cells, fleet, id_bytes, items, table_bytes
from tests.reference.shop import NOW

SIZES = Sizes(
    Retailer(),
    weights={"sku": Weight(1, 200.0, 200.0), "position": Weight(1, 200.0, 160.0)},
    rows_an_event={"deltas": 0.6, "lines": 0.2, "ids": 0.6},
    row_bytes={"deltas": 45, "lines": 201},
    row=Row(100.0, 6_000.0, 5_000.0, 20_000.0),
)


@given(st.integers(0, 2_000_000))
def test_a_table_has_room_for_its_rows_and_for_what_it_clears_next(rows: int) -> None:
    size = table_bytes(rows, 1)
    assert size >= 1.25 * rows
    assert size == 256 or size < 2.5 * rows


def test_a_lane_is_given_what_the_memory_of_ids_takes() -> None:
    memory = IdMemory(1_000_000)
    memory.reserve(5_000, 0)
    assert 2 * memory.ids.keys.size * 12 >= id_bytes(5_000) >= memory.ids.keys.size * 12


def test_bytes_of_a_row_are_those_of_its_table() -> None:
    store = Store("lines", LINE, keyed=True, capacity=1 << 12)
    whole = store.bytes() - store.table.head.nbytes
    assert whole == (1 << 12) * (LINE.itemsize + BOOKKEEPING + INDEX)


def test_memory_asks_for_as_many_cells_as_hold_it() -> None:
    for horizons in (DEFAULT, CHOSEN):
        for gigabytes in (16.0, 64.0, 1_000.0):
            business = Business(cell_gb=gigabytes)
            found = cells(SIZES, business, horizons)
            total = sum(item.bytes for item in items(SIZES, business, horizons))
            assert 0 < total / found.memory < found.bytes <= gigabytes * 1e9
            fewer = -(-business.lanes // (found.memory - 1)) if found.memory > 1 else 0
            assert found.memory == 1 or fewer * total / business.lanes > 0.8 * gigabytes * 1e9


def test_a_lane_that_no_cell_can_hold_asks_for_more_lanes() -> None:
    assert cells(SIZES, Business(cell_gb=4.0), DEFAULT).memory == 0
    assert cells(SIZES, Business(cell_gb=4.0, lanes=256), DEFAULT).memory > 64


def test_throughput_asks_for_cells_at_the_peak() -> None:
    business = Business(rate=10_000, peak=3.0, cell_rate=20_000)
    assert cells(SIZES, business, CHOSEN).throughput == 2
    assert cells(SIZES, Business(), CHOSEN).throughput == 0


def test_the_fullest_cell_of_a_fleet_bounds_it() -> None:
    one, three = (fleet(SIZES, Business(lanes=8), CHOSEN, many) for many in (1, 3))
    assert (one.lanes, three.lanes) == (8, 3)
    assert three.bytes == pytest.approx(one.bytes * 3 / 8)
    assert three.rate == pytest.approx(one.rate * 3 / 8)


def test_a_lane_alone_folds_what_it_is_told() -> None:
    alone = LaneAlone(Retailer(skus=40, locations=150, positions_a_sku=10, channels=2, events=400), NOW)
    empty = _weigh(alone)
    assert alone.catalog() == 40
    positions = alone.positions()
    counted = _weigh(alone)
    assert counted.rows["positions"] == counted.rows["anchors"] == positions
    assert counted.held > empty.held
    assert counted.base > empty.base + 64 * positions
    written = alone.events()
    alone.fold(written)
    assert not len(alone.lane.parking)
    rows = _weigh(alone).rows
    assert 200 < rows["ids"] == rows["deltas"] < 260
    assert rows["positions"] == positions
    assert alone.bundles() == 8
    assert len(alone.views(40).name_at) >= 40
