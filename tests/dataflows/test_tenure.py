"""Of two folders of a lane, in one generation, the one that began later has the lane."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from dataflows.gate import PublishGate
from dataflows.redis_link import RedisLink
from dataflows.takeover import Takeover
from dataflows.tenure import LaneTaken, Tenure
from deploy.redis_server import RedisServer
from runtime import redis as redis_clients
from runtime.settings import Settings
from runtime.state_files import StateFiles
from wire.viewkeys import TAGS, folded_key, freshness_key

LANE = 1
NOW = 1_763_840_000_000


@pytest.fixture
def settings(redis_server: RedisServer) -> Iterator[Settings]:
    """Of a Redis alone."""
    mine = Settings(redis_url=redis_server.url, redis_prefix=f"t{uuid.uuid4().hex[:8]}:", partitions=4)
    yield mine
    with redis_clients.client(mine) as client:
        for key in client.scan_iter(match=mine.redis_prefix + "*", count=1000):
            client.unlink(key)


@pytest.fixture
def link(settings: Settings) -> Iterator[RedisLink]:
    opened = RedisLink(settings, lambda: False)
    yield opened
    opened.close()


@pytest.fixture
def key(settings: Settings) -> str:
    return freshness_key(settings.redis_prefix.encode(), LANE).decode()


def folder(at: Path, *, settled: bool = True) -> StateFiles:
    """A lane's folder of which nobody has written down when it began."""
    files = StateFiles(at, LANE, 4)
    files.folder.mkdir(parents=True)
    if settled:
        files.began.touch()
    return files


def opened(
    settings: Settings, link: RedisLink, files: StateFiles, now: int = NOW, *, serves: bool = True
) -> Tenure:
    return Tenure(settings, link, LANE, files, now, serves=serves)


def test_a_folder_keeps_when_it_began(settings: Settings, link: RedisLink, tmp_path: Path) -> None:
    files = folder(tmp_path)
    assert opened(settings, link, files).began == NOW
    assert opened(settings, link, files, NOW + 9).began == NOW
    assert files.began.read_text() == str(NOW)


def test_of_a_folder_that_has_settled_nothing_nothing_is_kept(
    settings: Settings, link: RedisLink, tmp_path: Path
) -> None:
    files = folder(tmp_path, settled=False)
    assert opened(settings, link, files).began == NOW
    assert files.is_new
    assert opened(settings, link, files, NOW + 9).began == NOW + 9


@pytest.mark.parametrize("behind", [0, 3_600_000])
def test_the_later_one_has_the_lane_whatever_its_host_s_clock_says(
    settings: Settings, link: RedisLink, redis: Redis, key: str, tmp_path: Path, behind: int
) -> None:
    former = opened(settings, link, folder(tmp_path / "former"))
    former.tell(link, NOW, 7)
    link.settle()
    later = opened(settings, link, folder(tmp_path / "later"), NOW - behind)
    assert later.began > former.began
    former.tell(link, NOW + 1, 0)
    with pytest.raises(
        LaneTaken, match=r"lane 1 was given to another engine: a folder of it began at 2025-11-22T"
    ):
        link.settle()
    assert redis.hget(key, "lag") == b"7"  # it has told nothing
    link._waiting.clear()
    with pytest.raises(LaneTaken, match="a lane that is to come back to this host starts without one"):
        opened(settings, link, StateFiles(tmp_path / "former", LANE, 4))
    later.tell(link, NOW + 2, 3)
    link.settle()
    assert redis.hmget(key, ["generation", "began", "lag"]) == [b"1", b"%d" % later.began, b"3"]


def test_a_redis_that_was_emptied_learns_it_again(
    settings: Settings, link: RedisLink, redis: Redis, key: str, tmp_path: Path
) -> None:
    former = opened(settings, link, folder(tmp_path / "former"))
    later = opened(settings, link, folder(tmp_path / "later"), NOW + 5)
    redis.delete(key)
    former.tell(link, NOW, 0)  # the first to come is believed
    later.tell(link, NOW, 0)
    link.settle()
    former.tell(link, NOW, 0)
    with pytest.raises(LaneTaken):
        link.settle()


def test_another_generation_s_lane_is_left_alone(
    settings: Settings, link: RedisLink, redis: Redis, key: str, tmp_path: Path
) -> None:
    serving = opened(settings, link, folder(tmp_path / "serving"))
    serving.tell(link, NOW, 0)
    link.settle()
    rebuild = settings.replace(generation=2)
    assert opened(rebuild, link, folder(tmp_path / "rebuild"), NOW - 5, serves=False).began == NOW - 5
    assert opened(rebuild, link, folder(tmp_path / "other"), NOW + 5, serves=False).began == NOW + 5
    assert redis.hget(key, "began") == b"%d" % NOW
    serving.tell(link, NOW + 1, 0)
    link.settle()


def test_the_gate_fences_every_tag_of_the_lane(settings: Settings, link: RedisLink, redis: Redis) -> None:
    prefix = settings.redis_prefix.encode()
    keys = [folded_key(prefix, tag, LANE).decode() for tag in range(TAGS)]
    redis.hset(keys[5], mapping={"g": 1, "b": NOW - 1, "o": '{"reservations": 7}'})
    takeover = Takeover(settings, link, [LANE])
    gate = PublishGate(settings, link, LANE, takeover, lambda *_: None, NOW)
    assert gate._needed == {"reservations": 7}
    mine = [tag for tag in range(TAGS) if tag % 4 == LANE]
    assert [tag for tag in range(TAGS) if redis.hget(keys[tag], "b") == b"%d" % NOW] == mine
    assert redis.hget(keys[5], "o") == b'{"reservations": 7}'
    PublishGate(settings, link, LANE, takeover, lambda *_: None, NOW)
    with pytest.raises(LaneTaken):
        PublishGate(settings, link, LANE, takeover, lambda *_: None, NOW - 1)
