"""A rebuild from topics whose first records retention has removed: what nobody has counted since supplies nothing, and
a count puts it right."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from availability_api.recompute import available
from deploy.ports import free_port
from loadtest.metrics import scrape, total
from runtime.exit import ExitCode
from runtime.readback import read_topic
from runtime.settings import Settings
from tests.dataflows.feed import HOUR, SECOND, Feed
from tests.dataflows.house import api, engine, eventually
from wire.codec import Codec

_TOLERANCE = SECOND


def _told(url: str, sku: str, tail: str = "") -> dict[str, Any]:
    return dict(httpx.get(f"{url}/v1/availability/{sku}{tail}?channel=web").json())


def _number(url: str, sku: str) -> tuple[int, bool]:
    """What may be sold, and whether something is not known."""
    told = _told(url, sku)
    return told["available"], told.get("incomplete", False)


def _open(settings: Settings, codec: Codec) -> set[tuple[str, str]]:
    """(sku, code) of the exceptions that stand."""
    told = (codec.decode(stored.value or b"")[1] for stored in read_topic(settings, "exceptions"))
    last = {value["exception_id"]: value for value in told}
    return {(value["sku"], value["code"]) for value in last.values() if value["status"] == "OPEN"}


@pytest.mark.parametrize("generation", [1, pytest.param(2, marks=pytest.mark.deep)])
def test_a_rebuild_does_not_promise_what_was_shipped(
    ready: Settings, feed: Feed, codec: Codec, caught_up: Callable[[], None], tmp_path: Path, generation: int
) -> None:
    """The count is still there, the shipment after it is not."""
    first = ready.replace(clock_tolerance_ms=_TOLERANCE, exception_delay_ms=0, metrics_port=free_port())
    for sku in ("A", "B"):
        feed.item(sku)
        feed.count(sku, 10, ago=2 * HOUR)
        feed.movement(sku, "SHIP", 4, ago=HOUR)
    with engine(first, tmp_path) as running, api(first) as url:
        caught_up()
        assert _number(url, "A") == (5, False)  # of 6 the safety stock keeps one
        assert running.stop() == ExitCode.DRAINED
    feed.delete_records("stock-movements")
    for sku in ("A", "B"):
        feed.movement(sku, "RECEIPT", 2)
    second = first.replace(generation=generation, state_dir=tmp_path / "second")
    since = time.time() + _TOLERANCE / 1000  # at the latest
    with engine(second, tmp_path) as running, api(second) as url:
        running.says("the topics do not go back far enough", times=second.partitions)
        caught_up()
        eventually(lambda: _number(url, "A") == _number(url, "B") == (0, True), "what is not known")
        (place,) = _told(url, "A", "/locations")["locations"]
        assert (place["on_hand"], place["incomplete"]) == (0, True)
        why = _told(url, "A", "/explain")
        assert "counts as 0 until it is counted" in why["sentence"]
        assert available(why) == 0
        late = {("A", "count_too_late"), ("B", "count_too_late")}
        eventually(lambda: late <= _open(second, codec), "the exceptions")
        eventually(lambda: time.time() > since, "the instant since which all is known")
        feed.count("A", 7, ago=0)
        caught_up()
        eventually(lambda: _number(url, "A") == (6, False), "the count to hold")
        assert _told(url, "A", "/locations")["locations"][0]["on_hand"] == 7
        assert running.stop() == ExitCode.DRAINED
    with engine(second, tmp_path) as running, api(second) as url:
        running.says("resumed=True", times=second.partitions)
        feed.count("B", 9, ago=3 * HOUR)  # it still knows
        caught_up()
        assert _number(url, "A") == (6, False)
        assert _number(url, "B") == (0, True)
        assert "do not go back" not in running.said()
        assert running.stop() == ExitCode.DRAINED
    third = second.replace(publish_incomplete=True)
    with engine(third, tmp_path) as running, api(third) as url:
        eventually(lambda: _number(url, "B") == (1, False), "what is left of the log")
        assert _number(url, "A") == (6, False)
        assert running.stop() == ExitCode.DRAINED
    with engine(second, tmp_path) as running, api(second) as url:
        eventually(lambda: _number(url, "B") == (0, True), "nothing again")
        not_counted = "stocktide_incomplete_positions"
        eventually(lambda: total(scrape(second, 1), not_counted) == 1, "B in the metrics, and not A")
        assert running.stop() == ExitCode.DRAINED
