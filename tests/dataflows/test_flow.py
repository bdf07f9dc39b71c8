"""What the recovery store is keyed by must never change: a changed name would lose the state behind it."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from dataflows import flow, intake
from runtime.settings import Settings
from tests.dataflows.house import engine


def test_step_ids_and_keys_are_what_they_always_were() -> None:
    assert (flow.SOURCE, flow.STEP, flow.PUBLISH) == ("source", "step", "publish")
    assert [flow.key_of(lane) for lane in (0, 7, 63, 255)] == ["lane-000", "lane-007", "lane-063", "lane-255"]


def test_version_slots_are_what_they_always_were() -> None:
    assert intake.CARRIERS == {
        "stock-movements": 0, "reservations": 1, "wms-adjustments": 2, "expected-supply": 3, "catalog": 4,
        "allocations": 5, "routed": 6, "reservation-decisions": 7,
    }  # fmt: skip


def test_the_recovery_store_holds_them(
    ready: Settings, caught_up: Callable[[], None], tmp_path: Path
) -> None:
    with engine(ready, tmp_path) as running:
        caught_up()
        assert running.stop() == 0
    store = ready.state_dir / "cell-0-of-1"
    with sqlite3.connect(store / "part-0.sqlite3") as part:
        names = set(part.execute("SELECT step_id, state_key FROM snaps"))
    part.close()
    lanes = [f"lane-{lane:03d}" for lane in range(ready.partitions)]
    assert {step.split(".")[1] for step, _ in names} == {"source", "step", "publish"}
    for step in ("stocktide.source", "stocktide.step"):
        assert {key for name, key in names if name == step} == set(lanes)
    assert sorted(path.name for path in ready.state_dir.glob("lane-*")) == lanes
