"""The report of the comparison: its medians, its table, and that nothing wrong passes for right."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.bench.drain import Drain
from loadtest.cluster import report
from loadtest.cluster.report import Comparison, Drained
from loadtest.cluster.steady import Cost, Steady

DRAIN = Drain(2, 1_000, 2.0, 3.0, 1.0)
PAUSED, KILLED, MOVED = Cost(3.1, 0.3, 3.0, 0), Cost(3.0, 0.1, 0.0, 1), Cost(4.0, 0.2, 1.5, 1)
STEADY = Steady("cells", 1_500, 10.0, 40.0, 90.0, 11.0, 0.4, PAUSED, 12.0, KILLED, MOVED, 0, 3.0, 0)


def compared() -> Comparison:
    """Three drains and two steady runs of each."""
    drains = [Drained("cells", replace(DRAIN, seconds=seconds), 0) for seconds in (1.0, 2.0, 4.0)]
    drains += [Drained("cluster", replace(DRAIN, seconds=seconds), 0) for seconds in (2.0, 4.0, 5.0)]
    other = replace(STEADY, contender="cluster", killed=Cost(5.0, 5.5, 0.0, 2))
    steady = [STEADY, other, replace(other, killed=Cost(7.0, 6.5, 0.0, 2)), replace(STEADY, p50=12.0)]
    return Comparison("2026-01-01T00:00:00Z", {"cores": 2}, "the command", drains, steady, [500_000.0])


def test_the_document_has_the_medians() -> None:
    document = json.loads(json.dumps(compared().document()))
    assert document["medians"]["drain_per_s"] == {"cells": 500.0, "cluster": 250.0}
    assert document["medians"]["p50_ms"] == {"cells": 11.0, "cluster": 10.0}
    assert document["medians"]["killed_others_s"] == {"cells": 0.1, "cluster": 6.0}
    assert document["medians"]["killed_anew"] == {"cells": 1, "cluster": 2}
    assert (document["mismatches"], document["lost"]) == (0, 0)
    assert len(document["drains"]) == 6
    assert document["steady"][0]["moved"]["took_s"] == 1.5


def test_the_table_has_medians_and_runs() -> None:
    text = report.markdown(compared())
    for words in (
        "| W1 drained, records/s | 500 (1,000, 500, 250) | 250 (500, 250, 200) |",
        "| killed: other lanes not fresh, s | 0.10 (0.10, 0.10) | 6.00 (5.50, 6.50) |",
        "| wrong numbers | 0 | 0 |",
        "`the command`; cores 2. Consuming alone: 500,000 records/s.",
    ):
        assert words in text


def test_what_was_not_measured_has_no_row() -> None:
    text = report.markdown(replace(compared(), steady=[]))
    assert "W1 drained" in text
    assert "p50" not in text


def test_every_wrong_number_and_every_lost_probe_counts() -> None:
    right = compared()
    assert (right.mismatches, right.lost) == (0, 0)
    wrong = replace(
        right, drains=[Drained("cluster", DRAIN, 1)], steady=[replace(STEADY, mismatches=2, lost=4)]
    )
    assert (wrong.mismatches, wrong.lost) == (3, 4)
    assert "| wrong numbers | 2 | 1 |" in report.markdown(wrong)
    assert "| lost probes | 4 | 0 |" in report.markdown(wrong)


def test_both_reports_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JSON", "MARKDOWN"):
        monkeypatch.setattr(report, name, tmp_path / name)
    report.write(compared())
    assert json.loads(report.JSON.read_text("utf-8"))["machine"] == {"cores": 2}
    assert report.MARKDOWN.read_text("utf-8").startswith("# Two cells, or a cluster of two processes")
