"""What is written down of a lane makes the same lane again."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.sections import LayoutError, check_layout, layout
from tests.inventory.same_state import state_of
from tests.inventory.shop import Shop
from tests.inventory.worlds import MASTER_DATA, Plan, events, policies, write
from tests.reference.histories import Told
from tests.reference.shop import NOW


@given(policies, st.lists(events(unknown=True, wrong=True), max_size=25), st.lists(st.booleans(), max_size=8))
def test_a_lane_made_of_sections_is_the_lane(
    master_data: list[Told], history: list[Told], wholes: list[bool]
) -> None:
    cluster = Plan(1, 10_000, 0, 0).cluster()
    running = cluster.running[0]
    for told in (*MASTER_DATA, *master_data):
        write(cluster, told)
    cluster.run(NOW)
    pieces = len(wholes) + 1
    for piece, whole in enumerate([*wholes, False]):
        for told in history[piece::pieces]:
            write(cluster, told)
        cluster.run(NOW + piece)
        running.checkpoint(whole=whole)
    before = running.lane
    running.start()
    assert running.lane is not before
    assert state_of(running.lane) == state_of(before)


def test_a_second_write_down_says_only_what_changed() -> None:
    shop = Shop(lanes=1)
    running = shop.cluster.running[0]
    for n in range(50):
        shop.line(f"o{n}", 1, 1)
    shop.run()
    running.checkpoint(whole=False)
    running.saved.clear()
    running.checkpoint(whole=False)
    assert [section.name for section in running.saved] == ["meta"]
    shop.line("o7", 2, 2)
    shop.run()
    running.saved.clear()
    running.checkpoint(whole=False)
    written = {section.name: section.header.get("count") for section in running.saved}
    assert written["table:lines"] == 1
    assert written["table:positions"] == 1


@pytest.mark.parametrize("column", ["dtype", "format"])
def test_another_layout_is_refused(column: str) -> None:
    found: dict[str, Any] = json.loads(json.dumps(layout()))
    check_layout(copy.deepcopy(found))
    if column == "format":
        found["format"] += 1
    else:
        found["tables"]["positions"][1][1] = "<i4"
    with pytest.raises(LayoutError, match="rebuild the lane"):
        check_layout(found)


def test_what_lies_ahead_comes_to_pass_after_a_restart() -> None:
    shop = Shop(lanes=1)
    shop.count(10)
    shop.line("o", 1, 2, commitment="SOFT", expires_at=NOW + 10)
    shop.rule("buffer", "buffer", '{"units": 5, "channel": "web"}', valid_from=NOW + 20)
    assert shop.available() == 8
    running = shop.cluster.running[0]
    running.checkpoint(whole=True)
    running.start()
    assert shop.run(11).available() == 10
    assert shop.run(20).available() == 5
