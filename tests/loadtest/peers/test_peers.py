"""Every peer on a tiny set, from the broker to the report."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from loadtest.peers import report as compare_report
from loadtest.peers.compare import Options, compare
from loadtest.peers.launch import PEERS
from runtime.settings import Settings
from wire.codec import Codec

TINY = Options(events=4_000, small=1_000, rounds=1, limit=300, rate=500, seconds=2)


@pytest.mark.deep
def test_all_peers_come_to_the_same_numbers(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JSON", "MARKDOWN"):
        monkeypatch.setattr(compare_report, name, tmp_path / name)
    assert compare(settings, Codec(), TINY, Console()) == 0
    report = json.loads((tmp_path / "JSON").read_text("utf-8"))
    assert report["ratios"].keys() == PEERS.keys()
    assert report["mismatches"] == 0
    assert report["unchecked"] == []
    assert {"stocktide", "stocktide_api", "kafka_streams", "kafka_streams_eos"} == report["latency_ms"].keys()
    checked = {run["contender"] for run in report["runs"] if run["mismatches"] == 0}
    assert checked == {"stocktide_1", "stocktide_2", *PEERS}


@pytest.mark.deep
def test_a_peer_that_is_cut_is_checked_on_the_small_set(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JSON", "MARKDOWN"):
        monkeypatch.setattr(compare_report, name, tmp_path / name)
    options = Options(("drain",), ("quix",), events=200_000, small=1_000, cells=(1,), rounds=1, limit=1)
    assert compare(settings, Codec(), options, Console()) == 0
    report = json.loads((tmp_path / "JSON").read_text("utf-8"))
    assert [(run["cut"], run["on_small"]) for run in report["runs"] if run["contender"] == "quix"] == [
        (True, False),
        (False, True),
    ]
