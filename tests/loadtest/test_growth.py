"""The systems that growth measures, and what it says of what it found."""

import os
import signal
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from loadtest.bench.drain import Drain, to_drain
from loadtest.bench.latency import Latency
from loadtest.cpu import tree
from loadtest.growth.case import Measured, Stalls
from loadtest.growth.command import NAMES, broken, cases, markdown
from loadtest.growth.load import Case, rules_of
from loadtest.processes import Running
from loadtest.w1 import workload as w1
from loadtest.w1.draw import Size
from loadtest.w1.write import location_name
from rules.parse import parse
from runtime.children import spawn, stop
from runtime.settings import Settings
from wire.codec import Codec

CODEC = Codec()
LATENCY = Latency(5_000, 60, 3_000, 0, 8.0, 20.0, 30.0, 50.0, 1.0, 0.0)


def measured(case: Case, per_s: float, stalls: Stalls | None = None, healed: float | None = None) -> Measured:
    drain = Drain(case.cells, 1_000, 1_000 / per_s, 1.0, 1.0)
    return Measured(case, 1_000_000, 10.0, drain, 0, LATENCY, stalls, healed_s=healed)


def test_each_group_begins_with_what_it_is_compared_with() -> None:
    found = list(cases(quick=False))
    assert tuple(dict.fromkeys(case.grows for case in found)) == NAMES
    assert {case.skus for case in found if case.grows == "skus"} == {10_000, 100_000, 1_000_000}
    first = {case.grows: case for case in reversed(found) if case.grows != "positions"}
    assert len({(c.skus, c.locations, c.channels, c.rules, c.cells) for c in first.values()}) == 1
    assert any(c.skus * c.positions_a_sku == 1_000_000 and c.phases.stalls for c in found)
    assert all(quick.skus < case.skus for quick, case in zip(cases(quick=True), found, strict=True))


@pytest.mark.parametrize(("channels", "rules"), [(3, 4), (10, 4), (3, 250), (30, 1_000)])
def test_the_rules_file_has_as_many_channels_and_rules(channels: int, rules: int) -> None:
    document, problems = parse(rules_of(Case("rules", channels=channels, rules=rules)))
    assert document is not None
    assert not problems
    assert len(document.locations) == 20
    assert len(document.channels) == channels
    assert len(document.rules) == rules


def test_positions_that_do_not_occur_are_counted_too() -> None:
    size, now, heads = Size(2_000, 300, 120), int(time.time() * 1000), w1.headers(CODEC)
    plain, more = (w1.drain(size, now, heads, many) for many in (0, 3))
    assert len(more.opening.end) > len(plain.opening.end)
    assert not plain.occurs.all()
    assert more.occurs.all()
    assert (plain.views[plain.occurs] <= more.views[plain.occurs]).all()
    start = np.concatenate([[0], more.opening.end[:-1]])
    values = [
        CODEC.decode(more.opening.buf[first:last].tobytes())[1]
        for first, last in zip(start[:500], more.opening.end[:500], strict=True)
    ]
    assert {value["location"] for value in values} <= {location_name(i) for i in range(120)}
    assert len({(value["sku"], value["location"]) for value in values}) == 500


def test_locations_beyond_a_hundred_have_three_digits() -> None:
    size, now, heads = Size(200, 4, 500), int(time.time() * 1000), w1.headers(CODEC)
    opening = w1.drain(size, now, heads, 500).opening
    start = np.concatenate([[0], opening.end[:-1]])
    found = {
        CODEC.decode(opening.buf[first:last].tobytes())[1]["location"]
        for first, last in zip(start, opening.end, strict=True)
    }
    assert found == {location_name(i) for i in range(500)}


def test_bounds_that_are_not_kept_are_told() -> None:
    small, large = Case("skus", 10_000), Case("skus", 1_000_000)
    good = Stalls(60, 0.01, 0.03, 0.05, 4.0, 5.0)
    assert not broken([measured(small, 100_000), measured(large, 80_001, good, 59.0)])
    assert "79%" in broken([measured(small, 100_000), measured(large, 79_000)])[0]
    for stalls in (
        Stalls(60, 0.01, 0.03, 0.06, 4.0, 5.0),
        Stalls(60, 0.01, 0.03, None, 4.0, 5.0),
        Stalls(60, 0.01, 0.03, 0.05, 6.1, 7.0),
    ):
        assert len(broken([measured(large, 80_000, stalls, 1.0)])) == 1
    assert len(broken([measured(large, 80_000, good, 61.0)])) == 1


def test_tables_have_a_row_a_system() -> None:
    found = [measured(Case("skus"), 1_000), measured(Case("cells", cells=2), 1_500, Stalls(), 3.0)]
    lines = list(markdown(found))
    assert len(lines) == 2 + 2 + 1 + 2 + 1
    assert "1,500" in lines[3]
    assert "2 cell(s)" in lines[3]


def test_a_process_is_known_with_all_that_it_has_started() -> None:
    child = spawn(["sh", "-c", "sleep 60 & wait"])
    try:
        deadline = time.monotonic() + 20
        while len(tree(child.pid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(tree(child.pid)) == 2
    finally:
        for pid in tree(child.pid):
            os.kill(pid, signal.SIGKILL)
        stop(child, 5.0)


def test_an_engine_that_drains_a_million_skus_offers_no_row_again_meanwhile() -> None:
    asked: list[Settings] = []

    def start(settings: Settings, cells: int, folder: Path) -> AbstractContextManager[Running]:
        asked.append(settings)
        return nullcontext(cast(Running, None))

    with to_drain(Settings(), 1, Path(), start):
        again_a_minute = 1_000_000 * 60_000 / asked[0].offer_again_ms
    assert again_a_minute < 1
