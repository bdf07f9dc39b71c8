"""A topic that is deleted, or deleted and made anew, is never read on as if it were the same."""

from collections.abc import Callable
from pathlib import Path

import httpx

from loadtest.processes import api
from runtime import kafka
from runtime.exit import ExitCode
from runtime.settings import Settings
from runtime.topics import create_topics
from tests.dataflows.feed import Feed
from tests.dataflows.house import engine, eventually


def _delete(settings: Settings, topic: str) -> None:
    name = settings.topic_prefix + topic
    admin = kafka.admin(settings)
    admin.delete_topics([name])[name].result()
    eventually(lambda: name not in admin.list_topics(timeout=10).topics, "the topic to go")


def _shown(settings: Settings, folder: Path, sku: str) -> int:
    with api(settings, folder) as url:
        return int(httpx.get(f"{url}/v1/availability/{sku}?channel=web").json()["available"])


def test_a_topic_made_anew_while_the_engine_is_stopped(
    ready: Settings, feed: Feed, caught_up: Callable[[], None], tmp_path: Path
) -> None:
    feed.item("A")
    feed.count("A", 100)
    for _ in range(5):
        feed.movement("A", "SHIP", 1)
    with engine(ready, tmp_path) as running:
        caught_up()
        assert running.stop() == ExitCode.DRAINED
    _delete(ready, "stock-movements")
    create_topics(ready)
    for _ in range(8):  # more than were there: the old offset is in the middle of them
        feed.movement("A", "SHIP", 1)
    for arguments in (("run",), ("run", "--cells", "1")):  # it does not wear off
        with engine(ready, tmp_path, *arguments) as refused:
            assert refused.ends() == ExitCode.NEEDS_PERSON
            said = refused.said()
        assert f"topic {ready.topic_prefix}stock-movements is not the one that was read" in said
        assert f"move {ready.state_dir} away" in said
        assert "STOCKTIDE_GENERATION=2" in said
        assert "Traceback" not in said
    ready.state_dir.rename(tmp_path / "away")
    feed.count("A", 50, ago=0)
    rebuilt = ready.replace(generation=2)
    with engine(rebuilt, tmp_path) as running:
        caught_up()
        eventually(lambda: _shown(rebuilt, tmp_path, "A") < 50, "the numbers of the new generation")
        assert running.stop() == ExitCode.DRAINED


def test_a_topic_deleted_while_the_engine_runs(
    ready: Settings, feed: Feed, caught_up: Callable[[], None], tmp_path: Path
) -> None:
    feed.item("A")
    feed.count("A", 100)
    with engine(ready, tmp_path) as running:
        caught_up()
        _delete(ready, "reservations")
        assert running.ends(within_s=20) == ExitCode.NEEDS_PERSON
        said = running.said()
    assert f"topic {ready.topic_prefix}reservations was deleted" in said
    assert "python -m dataflows topics create" in said
    assert "Traceback" not in said
