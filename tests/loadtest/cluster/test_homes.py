"""Lanes get names that Bytewax keeps where they are read."""

import pytest

from loadtest.cluster.homes import homes, keys_at_home


@pytest.mark.parametrize(("lanes", "workers"), [(1, 1), (8, 2), (16, 3)])
def test_each_lane_is_at_home_in_its_process(lanes: int, workers: int) -> None:
    keys = keys_at_home(lanes, workers)
    assert sorted(keys) == list(range(lanes))
    assert homes(keys.values(), workers) == {key: lane % workers for lane, key in keys.items()}


def test_names_are_in_the_order_of_the_lanes() -> None:
    keys = keys_at_home(16, 2)
    assert sorted(keys, key=lambda lane: keys[lane]) == list(range(16))


def test_plain_names_are_not_all_at_home() -> None:
    names = [f"lane-{lane:03d}" for lane in range(8)]
    assert [homes(names, 2)[name] for name in names] != [lane % 2 for lane in range(8)]
