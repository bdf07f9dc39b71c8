"""The report of a comparison: its shape, its ratios, and that nothing unchecked passes for right."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.bench.latency import Judged
from loadtest.peers import report as compare_report
from loadtest.peers.drain import Run, second_half_per_s
from loadtest.peers.report import Comparison

RUN = Run("stocktide_1", 1_000, False, 2.0, 0.5, 1.0, 300.0, 900.0, 0, [(0.5, 100), (1.0, 400)])
LATENCY = Judged(10_000, 60, 3_000, 0, 12.0, 60.0, 80.0, 120.0, 3.0, 0.0, 0)


def compared() -> Comparison:
    """Two rounds of ours with one cell and with two, and of Kafka Streams; Quix was cut."""
    slow = replace(RUN, contender="quix", cut=True, records=50, second_half_per_s=None, mismatches=None)
    runs = [
        RUN,
        replace(RUN, contender="stocktide_2", seconds=1.0),
        replace(RUN, contender="kafka_streams", seconds=5.0),
        slow,
        replace(RUN, contender="quix", records=40, on_small=True),
    ]
    latencies = {"stocktide": LATENCY, "kafka_streams": replace(LATENCY, p50=48.0, p99=240.0)}
    return Comparison(
        "2026-01-01T00:00:00Z", {"cores": 2}, runs, latencies, [500_000.0, 400_000.0, 600_000.0]
    )


def test_the_document_has_what_is_promised() -> None:
    document = json.loads(json.dumps(compared().document()))
    assert document["best"] == "stocktide_2"
    assert document["ratios"] == pytest.approx({"kafka_streams": 5.0, "quix": 40.0})
    assert document["latency_ms"]["kafka_streams"] == {"p50": 48.0, "p99": 240.0, "p999": 80.0, "max": 120.0}
    assert document["latency_ratios"] == {"stocktide": {"p50": 0.25, "p99": 0.25}}
    assert document["mismatches"] == 0
    assert document["floor"]["consume_only_per_s"] == 500_000.0
    assert [run["contender"] for run in document["runs"]][-1] == "quix"


def test_the_table_has_every_contender() -> None:
    text = compare_report.markdown(compared())
    for words in (
        "| Stocktide, 2 cells | 1,000 |",
        "| 5.00 |",
        "(cut)",
        "Quix Streams, small set",
        "| 48.0 | 240.0 |",
    ):
        assert words in text
    assert "below" not in text
    slow = replace(compared(), consume_only=[300_000.0])
    assert "below 450,000: compare ratios" in compare_report.markdown(slow)


def test_it_is_wrong_where_a_number_is_wrong_unchecked_or_lost() -> None:
    right = compared()
    assert not right.wrong
    assert replace(right, runs=[*right.runs, replace(RUN, mismatches=1)]).wrong
    assert replace(right, runs=right.runs[:-1]).unchecked == ["quix"]
    assert replace(right, runs=right.runs[:-1]).wrong
    assert replace(right, latencies={"stocktide": replace(LATENCY, lost=1)}).wrong


def test_both_reports_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JSON", "MARKDOWN"):
        monkeypatch.setattr(compare_report, name, tmp_path / name)
    compare_report.write(compared())
    assert json.loads(compare_report.JSON.read_text("utf-8"))["machine"] == {"cores": 2}
    assert compare_report.MARKDOWN.read_text("utf-8").startswith("# Stocktide and its peers on W1")


def test_the_second_half_begins_where_half_is_taken() -> None:
    progress = [(1.0, 100), (2.0, 400), (3.0, 600), (9.0, 1_000)]
    assert second_half_per_s(progress, 1_000, 4.0) == pytest.approx(500 / 1.5)
    assert second_half_per_s([], 1_000, 4.0) == pytest.approx(250.0)
