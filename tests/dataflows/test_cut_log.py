"""A rebuild from topics whose first records retention has removed: no number is too high, and a count puts it right."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from runtime.exit import ExitCode
from runtime.readback import read_topic
from runtime.settings import Settings
from tests.dataflows.feed import HOUR, SECOND, Feed
from tests.dataflows.house import api, engine, eventually
from wire.codec import Codec

_TOLERANCE = SECOND


def _told(url: str, sku: str) -> dict[str, object]:
    return dict(httpx.get(f"{url}/v1/availability/{sku}?channel=web").json())


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
    first = ready.replace(clock_tolerance_ms=_TOLERANCE, exception_delay_ms=0)
    for sku in ("A", "B"):
        feed.item(sku)
        feed.count(sku, 10, ago=2 * HOUR)
        feed.movement(sku, "SHIP", 4, ago=HOUR)
    with engine(first, tmp_path) as running, api(first) as url:
        caught_up()
        assert _told(url, "A")["available"] == 5  # of 6 the safety stock keeps one
        assert running.stop() == ExitCode.DRAINED
    feed.delete_records("stock-movements")
    for sku in ("A", "B"):
        feed.movement(sku, "RECEIPT", 2)
    second = first.replace(generation=generation, state_dir=tmp_path / "second")
    since = time.time() + _TOLERANCE / 1000  # at the latest
    with engine(second, tmp_path) as running, api(second) as url:
        running.says("the topics do not go back far enough", times=second.partitions)
        caught_up()
        eventually(lambda: _told(url, "A")["available"] == 1, "the number without the count")
        late = {("A", "count_too_late"), ("B", "count_too_late")}
        eventually(lambda: late <= _open(second, codec), "the exceptions")
        eventually(lambda: time.time() > since, "the instant since which all is known")
        feed.count("A", 7, ago=0)
        caught_up()
        eventually(lambda: _told(url, "A")["available"] == 6, "the count to hold")
        assert running.stop() == ExitCode.DRAINED
    with engine(second, tmp_path) as running, api(second) as url:
        running.says("resumed=True", times=second.partitions)
        feed.count("B", 9, ago=3 * HOUR)  # it still knows
        caught_up()
        assert _told(url, "A")["available"] == 6
        assert _told(url, "B")["available"] == 1
        assert "do not go back" not in running.said()
        assert running.stop() == ExitCode.DRAINED
