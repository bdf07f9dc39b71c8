"""A load second by second: what was planned, what came of it, and how long it took. As rows, and as CSV."""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hdrh.histogram import HdrHistogram

from loadtest.peak.lookups import Timed
from loadtest.peak.samples import Sample
from loadtest.peak.schedule import Longs

_LONGEST_US = 3_600_000_000


class Latencies:
    """A histogram of latencies (HDR: three digits of whatever size), and how many were lost."""

    def __init__(self, timed: Sequence[Timed] = ()) -> None:
        self._histogram = HdrHistogram(1, _LONGEST_US, 3)
        self.lost = 0
        for each in timed:
            if each.took is None or not self._histogram.record_value(max(1, round(each.took * 1e6))):
                self.lost += 1

    @property
    def many(self) -> int:
        """How many have a time."""
        return int(self._histogram.get_total_count())

    def ms(self, percentile: float) -> float | None:
        """A percentile in milliseconds (100: the longest); None where nothing has a time."""
        if not self.many:
            return None
        return float(self._histogram.get_value_at_percentile(percentile)) / 1000

    def encoded(self) -> str:
        """The histogram in the format of the HdrHistogram project (V2, compressed), for its tools."""
        text: bytes = self._histogram.encode()
        return text.decode()


@dataclass
class Row:
    """One second. Messages are counted in the second in which they were sent; latencies belong to the second in which a
    probe or a lookup was *due*, so that a stall is seen where it began. `lag`, memory: at the end of the second."""

    second: int
    planned: int
    sent_per_s: float | None = None
    folded_per_s: float | None = None
    behind_plan: int = 0
    lag: int | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    p999_ms: float | None = None
    max_ms: float | None = None
    probes: int = 0
    probes_lost: int = 0
    lookup_p50_ms: float | None = None
    lookup_p99_ms: float | None = None
    lookup_max_ms: float | None = None
    lookups: int = 0
    lookups_failed: int = 0
    stall_ms: float | None = None
    redis_mb: float | None = None
    reader_lag: int | None = None
    memory_mb: dict[str, float] = field(default_factory=dict)
    note: str = ""


def rows_of(
    planned: Longs,
    samples: Sequence[Sample],
    probes: Sequence[Timed],
    lookups: Sequence[Timed],
    notes: Mapping[int, str] | None = None,
) -> list[Row]:
    """A row for each second until the last sample, or the last for which something was planned."""
    seconds = max([len(planned), *(round(sample.at) for sample in samples)], default=0)
    rows = [Row(second, int(planned[second]) if second < len(planned) else 0) for second in range(seconds)]
    _fill_samples(rows, samples)
    seen, answered = _by_second(probes), _by_second(lookups)
    for row in rows:
        if timed := seen.get(row.second):
            found = Latencies(timed)
            row.p50_ms, row.p99_ms, row.p999_ms, row.max_ms = (found.ms(p) for p in (50, 99, 99.9, 100))
            row.probes, row.probes_lost = found.many, found.lost
        if timed := answered.get(row.second):
            found = Latencies(timed)
            row.lookup_p50_ms, row.lookup_p99_ms, row.lookup_max_ms = (found.ms(p) for p in (50, 99, 100))
            row.lookups, row.lookups_failed = found.many, found.lost
        row.note = (notes or {}).get(row.second, "")
    return rows


def _fill_samples(rows: list[Row], samples: Sequence[Sample]) -> None:
    due, plan = 0, list[int]()
    for row in rows:
        due += row.planned
        plan.append(due)
    for before, sample in zip([None, *samples[:-1]], samples, strict=True):
        second = round(sample.at) - 1  # samples are taken just after a second has ended; the first before any
        if second < 0:
            continue
        row = rows[second]
        row.lag, row.stall_ms, row.redis_mb = sample.lag, sample.stall_ms, sample.redis_mb
        row.reader_lag, row.memory_mb = sample.reader_lag, sample.memory_mb
        row.behind_plan = max(0, plan[row.second] - sample.sent)
        if before is not None and sample.at > before.at:
            row.sent_per_s = (sample.sent - before.sent) / (sample.at - before.at)
            if sample.folded is not None and before.folded is not None:
                row.folded_per_s = (sample.folded - before.folded) / (sample.at - before.at)


def _by_second(timed: Sequence[Timed]) -> dict[int, list[Timed]]:
    found = defaultdict[int, list[Timed]](list)
    for each in timed:
        found[int(each.due)].append(each)
    return found


def write_csv(rows: Sequence[Row], file: Path) -> None:
    """A line a second; a column for the memory of each kind of process."""
    kinds = sorted({kind for row in rows for kind in row.memory_mb})
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as out:
        writer: csv.DictWriter[str] | None = None
        for row in rows:
            told = asdict(row)
            memory, note = told.pop("memory_mb"), told.pop("note")
            told |= {f"{kind.replace(' ', '_')}_mb": memory.get(kind) for kind in kinds} | {"note": note}
            if writer is None:
                writer = csv.DictWriter(out, list(told))
                writer.writeheader()
            writer.writerow({name: _shown(value) for name, value in told.items()})


def _shown(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value
