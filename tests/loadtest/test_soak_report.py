"""What a soak says of memory, and on what ground."""

import numpy as np
import pytest

from loadtest.peak.lookups import Timed
from loadtest.peak.rows import Latencies, Row
from loadtest.peak.run import Outcome
from loadtest.soak.report import flat, growths, markdown
from loadtest.soak.slope import slope, student


@pytest.mark.parametrize(("freedom", "quantile"), [(6, 2.447), (10, 2.228), (38, 2.024), (1000, 1.962)])
def test_students_t(freedom: int, quantile: float) -> None:
    assert student(freedom) == pytest.approx(quantile, rel=0.01)


def test_the_slope_of_a_line_is_that_line() -> None:
    seconds = np.arange(3600.0)
    found = slope(seconds.tolist(), (500 + seconds * 12 / 3600).tolist())
    assert found is not None
    assert found.per_hour == pytest.approx(12)
    assert found.margin == pytest.approx(0, abs=1e-6)
    assert found.mean == pytest.approx(506, abs=0.1)


def test_the_interval_holds_the_slope_as_often_as_it_says() -> None:
    """Samples of a memory that wanders for minutes: neighbours say the same."""
    dice, seconds, held = np.random.default_rng(3), np.arange(2700.0), 0
    for _ in range(100):
        wandering = np.repeat(dice.normal(0, 5, 45 * 2), 30)
        found = slope(seconds.tolist(), (300 + 8 * seconds / 3600 + wandering).tolist())
        assert found is not None
        held += abs(found.per_hour - 8) <= found.margin
    assert held >= 88


def test_too_few_samples_prove_nothing() -> None:
    assert slope([1.0, 2.0, 3.0], [1.0, 1.0, 1.0]) is None


def _rows(cell: float, seconds: int = 800) -> list[Row]:
    rows = []
    for second in range(seconds):
        row = Row(second, 100, p50_ms=10.0, p99_ms=20.0, max_ms=30.0, redis_mb=50.0)
        row.memory_mb = {
            "cell 0": 900 + min(second * 4, 800) + cell * second / 3600, "kafka": 700.0, "loadtest": second,
        }  # fmt: skip
        rows.append(row)
    return rows


@pytest.mark.parametrize(("cell", "verdict"), [(0.0, True), (0.3, True), (0.5, False), (40.0, False)])
def test_flat_is_less_than_a_byte_an_event(cell: float, verdict: bool) -> None:
    found = growths(_rows(cell), rate=100, seconds=800)  # a byte each of 100 events a second: 0.36 MB an hour
    assert [growth.kind for growth in found] == ["cell 0", "kafka", "Redis' data"]
    assert found[0].bound == pytest.approx(0.36)
    assert found[0].line is not None
    assert found[0].line.per_hour == pytest.approx(cell, abs=1e-6)
    assert flat(found) is verdict


def test_a_cell_that_was_not_seen_is_not_flat() -> None:
    assert not flat([])
    assert not flat(growths([Row(second, 100) for second in range(800)], 100, 800))


def test_the_report_names_its_command_and_what_it_found() -> None:
    rows = _rows(0.0)
    outcome = Outcome(
        "soak", rows, 80_000, 80_000, 0.01, 0.5, Latencies([Timed(0.0, 0.012)]), Latencies([Timed(0.0, None)]),
        ["1 records folded", "0 differences"],
    )  # fmt: skip
    found = growths(rows, 100, 800)
    command = "python -m loadtest soak --minutes 13.3"
    text = markdown(outcome, found, {"dedupe_horizon_ms": 60_000}, command, 100, 800)
    assert f"`{command}`" in text
    assert "`dedupe_horizon_ms` 60,000 ms" in text
    assert "**0 differences, memory of the cells flat.**" in text
    assert "| cell 0 | 1,700 - 1,700 | +0.00 ± 0.00 | 0.36 | flat |" in text
    assert "| lookup | 0 | - | - | - | - | 1 |" in text
    assert text.count("\n| ") > 20
