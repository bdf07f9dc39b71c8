"""How long changes waited, by when they were due and by the process that has their lane."""

import pytest

from inventory.murmur import shard_of
from loadtest.cluster.steady import STRUCK, Plan, Stroke, cost, slower_p50
from loadtest.cluster.waits import by_process, longest_s, percentiles_ms, within
from loadtest.probes import Seen

LANES = 8


def sku_of(lane: int) -> str:
    """The first sku of a lane."""
    return next(name for n in range(1_000) if shard_of(name := f"SKU-{n:06d}") % LANES == lane)


def test_what_was_due_counts_not_what_was_seen() -> None:
    seen = [Seen("a", 9.9, 5.0), Seen("a", 10.0, 0.1), Seen("a", 19.9, 7.0), Seen("a", 20.0, 0.2)]
    assert within(seen, 10.0, 20.0) == seen[1:3]


def test_percentiles_are_waits_that_were_observed() -> None:
    seen = [Seen("a", float(n), n / 1000) for n in range(1, 101)]
    assert percentiles_ms(seen, 50, 99, 100) == pytest.approx([50.0, 99.0, 100.0])
    with pytest.raises(ValueError, match="no probe"):
        percentiles_ms([], 50)


def test_each_probe_is_of_the_process_that_has_its_lane() -> None:
    seen = [Seen(sku_of(lane), float(lane), 0.1) for lane in range(LANES)]
    assert [[each.due for each in own] for own in by_process(seen, LANES, 2)] == [[0, 2, 4, 6], [1, 3, 5, 7]]
    assert longest_s([Seen("a", 1.0, 0.5), Seen("b", 1.0, 4.0), Seen("a", 2.0, 0.7)]) == 4.0


def test_a_stroke_costs_the_lanes_of_its_process_and_those_of_the_other() -> None:
    waits = [(0, 0.1), (1, 2.5), (2, 0.3), (3, 3.5), (4, 0.2), (5, 0.1), (6, 0.2), (7, 3.0)]
    seen = [Seen(sku_of(lane), 100.0, took) for lane, took in waits]
    assert STRUCK == 1
    told = cost(seen, Stroke(100.0, 0.01, 1), LANES)
    assert (told.own_s, told.others_s, told.took_s, told.anew) == (3.5, 0.3, 0.01, 1)


def test_the_slower_process_is_the_one_that_counts() -> None:
    seen = [Seen(sku_of(lane), 1.0, 0.010 if lane % 2 else 0.002) for lane in range(LANES)]
    assert slower_p50(seen, LANES) == pytest.approx(10.0)


def test_a_plan_has_three_strokes_behind_the_calm() -> None:
    assert Plan(5_000, 15, 20).whole == 75
