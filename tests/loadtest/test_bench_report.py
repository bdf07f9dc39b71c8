"""The table shows what was measured and leaves out what was not."""

from io import StringIO

import pytest
from rich.console import Console

from loadtest import cpu
from loadtest.bench.command import table


def shown(report: dict[str, object]) -> str:
    console = Console(width=160, record=True, file=StringIO())
    console.print(table(report))
    return console.export_text()


def test_a_part_of_the_measures() -> None:
    text = shown({"mismatches": 0, "batch_skus_per_s": 70_000.0})
    assert "70,000 skus/s" in text
    assert "W1 drained" not in text


def test_all_measures() -> None:
    drain = {
        "cells": 2,
        "records": 1000,
        "seconds": 0.01,
        "start_s": 1.0,
        "cpu_s": 0.01,
        "stages": {"fold": 0.2},
        "stolen": 0.004,
    }
    text = shown({
        "w1_events_per_s": 100_000, "w1_cells": 2, "consume_only_per_s": 300_000,
        "w1_ratio_to_consume_only": 0.33,
        "w1": {"drains": [drain], "stages_of_best": {"fold": 0.2}, "per_cpu_s": 5.0},
        "tills_lines_per_s": 120_000, "tills": {"drains": [drain], "transactions": 10, "lines": 1000},
        "latency": {"p50": 1.0, "p99": 2.0, "p999": 3.0, "rate": 5000, "lanes": 4, "probes": 100, "worst": 9.0,
                    "stolen": 0.25},
        "checked": {
            "p50": 8.0, "p99": 40.0, "worst": 77.0, "per_s": 200, "rate": 5000, "lanes": 4, "granted": 12_000,
            "undecided": 0,
        },
        "lookup_ratio_to_bare": 0.3, "lookups_per_s": 1.0, "bare_per_s": 2.0, "batch_skus_per_s": 1.0,
        "mismatches": 0,
    })  # fmt: skip
    for words in (
        "100,000 records/s",
        "compare ratios",
        "fold 200.00",
        "120,000 lines/s",
        "p99.9 3.0",
        "0.30 of",
        "p99 40.0",
        "12,000 granted",
        "4 lanes",
        "25% of the processors' time went to other machines",
    ):
        assert words in text
    assert text.count("went to other machines") == 1  # a hundredth says nothing


def test_what_the_host_gave_to_others_is_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([(100, 10_000), (350, 11_000)])
    monkeypatch.setattr(cpu, "_ticks", lambda: next(ticks))
    assert cpu.Stolen().share == 0.25
    monkeypatch.undo()
    stolen, everything = cpu._ticks()
    assert 0 <= stolen < everything
