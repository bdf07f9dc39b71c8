"""A topic that is deleted, or deleted and made anew, is never read on as if it were the same."""

from collections.abc import Callable
from pathlib import Path

from redis import Redis

from loadtest.verify.rows import Places, read_rows
from runtime import kafka
from runtime.exit import ExitCode
from runtime.settings import Settings
from runtime.topics import create_topics
from tests.dataflows.feed import Feed
from tests.dataflows.house import engine, eventually
from wire.rows_read import read_channel, read_header


def _delete(settings: Settings, topic: str) -> None:
    name = settings.topic_prefix + topic
    admin = kafka.admin(settings)
    admin.delete_topics([name])[name].result()
    eventually(lambda: name not in admin.list_topics(timeout=10).topics, "the topic to go")


def _shown(redis: Redis, settings: Settings, sku: str) -> tuple[int, int]:
    """Of which generation a row is, and what it says of the web."""
    (_, row) = next(iter(read_rows(redis, settings, [sku])))
    numbers = read_channel(row[b"c"], Places(redis, settings).channels["web"])
    assert numbers is not None
    return read_header(row[b"c"]).generation, numbers.available


def test_a_topic_made_anew_while_the_engine_is_stopped(
    ready: Settings, feed: Feed, redis: Redis, caught_up: Callable[[], None], tmp_path: Path
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
    with engine(ready, tmp_path) as refused:
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
        eventually(lambda: _shown(redis, rebuilt, "A")[0] == 2, "the numbers of the new generation")
        assert _shown(redis, rebuilt, "A")[1] < 50
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
