"""Real processes: a cluster comes to the numbers that cells come to, and the whole comparison runs to its report."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from loadtest.bench.w1 import drain_once, loaded
from loadtest.cluster import report
from loadtest.cluster.command import Options, compare
from loadtest.cluster.contenders import PROCESSES, cluster
from loadtest.cluster.supervisor import commands
from runtime.settings import Settings
from wire.codec import Codec

TINY = Options(events=4_000, drains=1, rounds=1, rate=400, seconds=3, after=20)


def test_each_process_is_told_of_all_and_only_one_has_its_state_elsewhere() -> None:
    first, second = commands(["a:1", "b:2"], ["lane-000.0", "lane-001.3"], {1: "there"})
    for command, number in ((first, "0"), (second, "1")):
        assert command[command.index("--addresses") + 1] == "a:1,b:2"
        assert command[command.index("--keys") + 1] == "lane-000.0,lane-001.3"
        assert command[-1] == number
    assert "--state" not in first
    assert second[-3:] == ["--state", "there", "1"]


@pytest.mark.deep
def test_a_cluster_drains_w1_to_the_right_numbers(settings: Settings) -> None:
    with loaded(settings, Codec(), 4_000) as (place, workload, _):
        drain, wrong = drain_once(place.settings, place.folder, PROCESSES, workload, cluster)
        said = (place.folder / "cluster.log").read_text("utf-8")
    assert wrong == 0
    assert drain.records == workload.records
    assert said.count("lane opened") == settings.partitions
    assert said.count("drained") == PROCESSES


@pytest.mark.deep
def test_both_are_drained_and_struck_and_every_number_is_right(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JSON", "MARKDOWN"):
        monkeypatch.setattr(report, name, tmp_path / name)
    assert compare(settings, Codec(), TINY, Console()) == 0
    medians = json.loads(report.JSON.read_text("utf-8"))["medians"]
    assert medians["killed_anew"] == {"cells": 1, "cluster": PROCESSES}
    assert medians["moved_anew"] == {"cells": 1, "cluster": PROCESSES}
    for stroke in ("paused", "killed", "moved"):
        assert medians[f"{stroke}_others_s"]["cells"] < medians[f"{stroke}_others_s"]["cluster"], stroke
