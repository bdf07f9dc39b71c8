"""What an operator sees: names that dashboards rely on, and numbers that add up."""

from collections.abc import Callable
from pathlib import Path

from deploy.ports import free_port
from loadtest.metrics import scrape, total
from runtime.settings import Settings
from tests.dataflows.feed import Feed
from tests.dataflows.house import engine, eventually


def test_the_metrics_of_two_cells(
    ready: Settings, feed: Feed, caught_up: Callable[[], None], tmp_path: Path
) -> None:
    settings = ready.replace(metrics_port=free_port(), cells=2, exception_delay_ms=0)
    for sku in ("A", "B", "C", "D"):
        feed.item(sku)
        feed.count(sku, 10)
        sent = feed.movement(sku, "SHIP", 1)
        feed.put(sent.topic, sent.key, sent.value)
    feed.movement("GHOST", "SHIP", 1)
    feed.put("stock-movements", b"A", b"not avro")
    feed.line("B", "o1", 1, -1)
    feed.line("B", "o2", 1, 3)
    feed.line("B", "o2", 0, 9, action="RELEASE")
    feed.sale("S001", ("A", 1), ("B", 1), ("C", 1), ("D", 1))
    with engine(settings, tmp_path) as running:
        caught_up()
        eventually(
            lambda: total(scrape(settings, 2), "stocktide_folded_total", kind="pos_line") == 4, "the sales"
        )
        caught_up()
        eventually(
            lambda: total(scrape(settings, 2), "stocktide_exceptions_total", code="over_release") == 1,
            "a trouble",
        )
        samples = scrape(settings, 2)
        assert running.stop() == 0
    assert total(samples, "stocktide_events_total", topic="stock-movements") == 10
    assert total(samples, "stocktide_events_total", topic="pos-sales") == 1
    assert total(samples, "stocktide_events_total", topic="catalog") == 4
    assert total(samples, "stocktide_duplicates_total") == 4
    assert total(samples, "stocktide_dead_letters_total", code="undecodable") == 1
    assert total(samples, "stocktide_dead_letters_total", code="invalid_quantity") == 1
    assert total(samples, "stocktide_dead_letters_total") == 2
    assert total(samples, "stocktide_exceptions_total", code="over_release") == 1
    assert total(samples, "stocktide_parked") == 1
    assert total(samples, "stocktide_lag_records") == 0
    assert {dict(labels)["lane"] for labels in samples["stocktide_lag_records"]} == {"0", "1", "2", "3"}
    assert total(samples, "stocktide_routed_rows_total") == 4
    assert total(samples, "stocktide_rows_published_total") >= 4
    # A lane that meets a view without an id offers every row; what it had shown already is refused, once.
    assert total(samples, "stocktide_rows_refused_total") <= 4
    assert total(samples, "stocktide_visible_seconds_count") > 0
    assert total(samples, "stocktide_commit_seconds_count") > 0
    assert total(samples, "stocktide_flush_seconds_count") > 0
    assert total(samples, "stocktide_redis_reconnects_total") == 0
    stages = {dict(labels)["stage"] for labels in samples["stocktide_stage_seconds_total"]}
    assert stages >= {"consume", "decode", "step", "journal", "publish", "encode", "redis", "availability"}
