"""The report of a peak: rows, CSV, the histogram that others can read, and a page that needs nothing beside itself."""

import csv
import json
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram

from loadtest.peak import command as peak
from loadtest.peak.chart import chart
from loadtest.peak.lookups import Timed
from loadtest.peak.memory import kind_of
from loadtest.peak.rows import Latencies, Row, rows_of, write_csv
from loadtest.peak.run import Outcome
from loadtest.peak.samples import Sample
from loadtest.peak.scenarios import Options


def _sample(at: float, sent: int, folded: int | None, lag: int) -> Sample:
    return Sample(at, sent, folded, lag, 4.0, 12.5, None, {"cell 0": 300.0 + at, "api": 80.0})


def _rows() -> list[Row]:
    samples = [_sample(1.0, 100, 90, 10), _sample(2.0, 150, 140, 10), _sample(3.0, 300, 300, 0)]
    probes = [Timed(0.1, 0.020), Timed(0.2, 0.040), Timed(1.5, 1.5), Timed(1.6, None)]
    lookups = [Timed(0.5, 0.002), Timed(2.9, None)]
    return rows_of(np.array([100, 100, 100]), samples, probes, lookups, {1: "the <API> is killed"})


def test_a_row_says_what_was_planned_and_what_came_of_it() -> None:
    first, second, third = _rows()
    assert (second.planned, second.sent_per_s, second.folded_per_s) == (100, 50.0, 50.0)
    assert (first.behind_plan, second.behind_plan, third.behind_plan) == (0, 50, 0)
    assert first.p50_ms == pytest.approx(20, rel=0.01)
    assert (second.probes, second.probes_lost) == (1, 1)
    assert second.max_ms == pytest.approx(1500, rel=0.01)  # where it was due, though it was seen in the third
    assert third.p50_ms is None
    assert (first.lookups, third.lookups_failed) == (1, 1)
    assert second.note == "the <API> is killed"


def test_the_csv_has_a_line_a_second(tmp_path: Path) -> None:
    write_csv(_rows(), tmp_path / "peak.csv")
    with (tmp_path / "peak.csv").open(newline="", encoding="utf-8") as file:
        told = list(csv.DictReader(file))
    assert [line["second"] for line in told] == ["0", "1", "2"]
    assert told[1]["cell_0_mb"] == "302.0"
    assert told[1]["note"] == "the <API> is killed"
    assert told[2]["p50_ms"] == ""
    wanted = {"planned", "sent_per_s", "lag", "p999_ms", "lookup_p99_ms", "redis_mb", "stall_ms"}
    assert wanted <= told[0].keys()


def test_a_histogram_can_be_read_by_others() -> None:
    found = Latencies([Timed(0.0, ms / 1000) for ms in range(1, 1001)])
    told = HdrHistogram.decode(found.encoded())
    assert told.get_total_count() == 1000
    for percentile in (50, 99, 99.9):
        assert found.ms(percentile) == pytest.approx(percentile * 10, rel=0.002)
    assert told.get_value_at_percentile(99) / 1000 == found.ms(99)


class _Page(HTMLParser):
    """Counts elements, and whether they are closed; takes what they fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.fetched += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _outcome() -> Outcome:
    probes, lookups = [Timed(0.1, 0.02)], [Timed(0.1, 0.003)]
    return Outcome(
        "rule-change",
        _rows(),
        300,
        300,
        0.004,
        1.25,
        Latencies(probes),
        Latencies(lookups),
        ["0 differences"],
    )


def test_the_report_is_whole(tmp_path: Path) -> None:
    peak.write([_outcome()], Options(), tmp_path)
    told = json.loads((tmp_path / "peak.json").read_text("utf-8"))
    assert told["differences"] == 0
    scenario = told["scenarios"]["rule-change"]
    assert (scenario["planned"], scenario["lag_most"], scenario["drained_s"]) == (300, 10, 1.25)
    assert scenario["memory_mb_most"] == {"cell 0": 303.0, "api": 80.0}
    assert (tmp_path / "peak-rule-change.csv").exists()
    text = (tmp_path / "peak.html").read_text("utf-8")
    page = _Page()
    page.feed(text)
    assert not page.open
    assert page.fetched == []
    assert page.seen.count("svg") == 6
    assert "the <API>" not in text
    assert "the &lt;API&gt; is killed" in text


@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium to show the page")
def test_a_browser_shows_the_page(tmp_path: Path) -> None:
    peak.write([_outcome()], Options(), tmp_path)
    shown = subprocess.run(
        [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile",
            "--dump-dom", (tmp_path / "peak.html").as_uri(),
        ],
        capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    assert shown.stdout.count(b"<svg") == 6


def test_a_chart_keeps_its_peaks_and_its_gaps() -> None:
    line: list[float | None] = [1.0] * 5_000
    line[3_001] = 700.0
    line[100:200] = [None] * 100
    text = chart("Lag", "records", {"lag": line, "nobody said": [None] * 5_000}, {4_000: "killed"})
    path = text.partition(' d="')[2].partition('"')[0]
    assert path.count("M") == 2  # one gap
    heights = [float(word) for word in path.replace("h1", "").split()[1::2]]
    assert sum(height < 50 for height in heights) == 1  # the peak of a single second; the axis ends at 800
    assert sum(height > 200 for height in heights) == len(heights) - 1
    assert "nobody said" not in text


@pytest.mark.parametrize("values", [[0.0, 0.0], [None, None], [5.0], [0.4, 90_000.0], [0.4, float("inf")]])
def test_a_chart_of_anything_is_finite(values: list[float | None]) -> None:
    for log in (False, True):
        text = chart("Latency", "ms", {"p99": values}, {}, log)
        words = text.replace('"', " ").split()
        assert not {"nan", "inf", "-inf"}.intersection(words)
        assert ("<path" in text) == (values[0] is not None)


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (["/usr/bin/java", "-cp", "lib/*"], "kafka"),
        (["/usr/bin/redis-server", "127.0.0.1:6379"], "redis"),
        (["python", "-m", "dataflows", "cell", "--cells", "2", "1"], "cell 1"),
        (["python", "-m", "dataflows", "run", "--cells", "2"], "supervisor"),
        (["python", "-m", "availability_api"], "api"),
        (["python", "-c", "from multiprocessing.spawn import spawn_main"], "loadtest"),
        ([], "loadtest"),
    ],
)
def test_processes_are_known_by_their_command(command: list[str], kind: str) -> None:
    assert kind_of(command) == kind
