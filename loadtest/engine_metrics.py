"""Which of the engine's metrics are looked at, and what they mean here."""

from loadtest.metrics import Samples, scrape_cell, total
from runtime.settings import Settings

EVENTS = "stocktide_events_total"
STAGES = "stocktide_stage_seconds_total"
LATENCY = "stocktide_visible_seconds"

_FACT_TOPICS = ("stock-movements", "reservations", "pos-sales", "wms-adjustments", "expected-supply")


def first_fact_at(settings: Settings, cells: int) -> float | None:
    """When the first cell took its first fact (epoch seconds): the moment its counter of a topic came to be."""
    moments = [
        value
        for cell in range(cells)
        for labels, value in scrape_cell(settings, cell).get("stocktide_events_created", {}).items()
        if dict(labels)["topic"] in _FACT_TOPICS
    ]
    return min(moments, default=None)


def facts_read(samples: Samples) -> int:
    """Fact records that the cells have taken so far."""
    return int(sum(total(samples, EVENTS, topic=topic) for topic in _FACT_TOPICS))


def stage_seconds(samples: Samples) -> dict[str, float]:
    """Seconds spent in each stage, added over the cells."""
    return {dict(labels)["stage"]: value for labels, value in samples.get(STAGES, {}).items()}
