"""What the engine's cells say of themselves, added up over the cells."""

from collections import defaultdict
from functools import cache

import httpx
from prometheus_client.parser import text_string_to_metric_families

from runtime.settings import Settings

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]
"""By name of the sample, then by its labels (sorted)."""


def scrape_cell(settings: Settings, cell: int) -> Samples:
    """All samples of one cell; none where it does not answer."""
    return scrape_port(settings.metrics_port + cell)


@cache
def _client() -> httpx.Client:
    # One for all: to make one takes 50 ms, for certificates that nobody needs here.
    return httpx.Client(timeout=2.0, trust_env=False, verify=False)


def scrape_port(port: int) -> Samples:
    """All samples of whoever serves them there; none where nobody answers."""
    samples: Samples = defaultdict(dict)
    try:
        answer = _client().get(f"http://127.0.0.1:{port}/metrics")
    except httpx.TransportError:
        return samples
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            samples[sample.name][tuple(sorted(sample.labels.items()))] = sample.value
    return samples


def scrape(settings: Settings, cells: int) -> Samples:
    """All samples of all cells, same names and labels added."""
    added: dict[str, dict[tuple[tuple[str, str], ...], float]] = defaultdict(lambda: defaultdict(float))
    for cell in range(cells):
        for name, samples in scrape_cell(settings, cell).items():
            for labels, value in samples.items():
                added[name][labels] += value
    return added


def total(samples: Samples, name: str, **labels: str) -> float:
    """The sum of a sample over all label sets that have these labels."""
    wanted = labels.items()
    return sum(value for having, value in samples.get(name, {}).items() if wanted <= set(having))


def quantiles(samples: Samples, before: Samples, name: str, *shares: float) -> list[float | None]:
    """Upper bounds of a histogram's quantiles (its unit) between two scrapes; None without observations."""
    counts: dict[float, float] = defaultdict(float)
    for now, sign in ((samples, 1), (before, -1)):
        for labels, value in now.get(f"{name}_bucket", {}).items():
            counts[float(dict(labels)["le"])] += sign * value
    bounds = sorted(counts)
    if not bounds or counts[bounds[-1]] <= 0:
        return [None] * len(shares)
    many = counts[bounds[-1]]
    return [next(bound for bound in bounds if counts[bound] >= share * many) for share in shares]
