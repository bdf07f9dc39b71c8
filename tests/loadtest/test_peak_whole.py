"""Small peaks and a small soak from the beginning to the verdict: real Kafka, Redis, engine and API."""

import csv
import json
from pathlib import Path

import pytest
from rich.console import Console

from loadtest.peak import command as peak
from loadtest.peak.scenarios import SCENARIOS, Options
from loadtest.soak import command as soak
from runtime.codec import codec_of
from runtime.settings import Settings

pytestmark = pytest.mark.deep

SMALL = Options(speed=2_000, rate=300, top=3_000, minutes=0.25, positions=3_000, probes=10, lookups=20)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_small_peak_is_right_and_told(settings: Settings, tmp_path: Path, name: str) -> None:
    assert peak.peak(settings, codec_of(settings), [name], SMALL, Console(quiet=True), tmp_path) == 0
    told = json.loads((tmp_path / "peak.json").read_text("utf-8"))["scenarios"][name]
    assert told["differences"] == 0
    assert told["sent"] == told["planned"] > 300
    assert told["latency_ms"]["lost"] == 0
    assert told["latency_ms"]["count"] >= 100
    assert told["memory_mb_most"]["cell 0"] > 10
    with (tmp_path / f"peak-{name}.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 15
    assert sum(int(row["planned"]) for row in rows) == told["planned"]
    if name == "channel-failures":
        assert told["lookup_ms"]["lost"] > 0
        assert max(int(row["reader_lag"] or 0) for row in rows) > 100
        assert int(rows[-1]["reader_lag"]) == 0
    if name == "snapshot":
        assert max(int(row["planned"]) for row in rows) > 3_000


def test_a_small_soak_is_right(settings: Settings, tmp_path: Path) -> None:
    """Two horizons long: the engine forgets, and the model does not. (So short a soak says nothing of memory.)"""
    options = soak.Options(minutes=2.0, rate=400, horizon=1.0, probes=5, lookups=10)
    soak.soak(settings, codec_of(settings), options, Console(quiet=True), tmp_path)
    told = json.loads((tmp_path / "soak.json").read_text("utf-8"))
    assert told["differences"] == 0
    assert told["sent"] == told["planned"] == 48_000
    assert told["latency_ms"]["lost"] == 0
    assert {"cell 0", "Redis' data"} <= {growth["kind"] for growth in told["growth"]}
    assert "**0 differences" in (tmp_path / "soak.md").read_text("utf-8")
