"""When a lane that starts may publish: a version cannot order two different sets of facts, so it catches up first."""

import json
from collections.abc import Iterator

import pytest
from redis import Redis

from dataflows.gate import PublishGate
from dataflows.intake import Raw
from dataflows.redis_link import RedisLink
from dataflows.takeover import Fenced, OtherLanes, Phase, Takeover
from runtime.settings import Settings
from wire.viewkeys import folded_key, freshness_key, meta_key

LANE = 1


@pytest.fixture
def link(settings: Settings) -> Iterator[RedisLink]:
    opened = RedisLink(settings, lambda: False)
    yield opened
    opened.close()


def _published(redis: Redis, settings: Settings, tag: int, generation: int = 1, **offsets: int) -> None:
    key = folded_key(settings.redis_prefix.encode(), tag, LANE).decode()
    redis.hset(key, mapping={"g": generation, "o": json.dumps(offsets)})


def _read(ready: bool = True, **offsets: int) -> Raw:
    return Raw(LANE, {}, offsets, 0, ready, True, 0, {})


class _Lane:
    """A lane's gate, and how many steps the lane has taken. `ends`: of its partitions."""

    def __init__(
        self, settings: Settings, link: RedisLink, takeover: Takeover | None = None, lane: int = LANE
    ) -> None:
        self.ends: dict[str, int] = {}
        self.takeover = takeover or Takeover(settings, link, [lane])
        self._link = link
        self._steps = 0
        self.gate = PublishGate(
            settings, link, lane, self.takeover, lambda _, topic: self.ends.get(topic, 1_000_000)
        )

    def may_publish(self, raw: Raw) -> bool:
        """What the gate says; Redis has answered everything afterwards."""
        self._steps += 1
        self.takeover._due = 0.0
        said = self.gate.may_publish(raw, self._steps)
        self._link.settle()
        self.gate.settled(self._steps)
        self._link.settle()
        return said


def test_nothing_is_published_before_every_partition_is_where_it_was(
    settings: Settings, redis: Redis, link: RedisLink
) -> None:
    _published(redis, settings, 1, reservations=40, routed=7)
    _published(redis, settings, 5, reservations=50, routed=3)  # another tag of the lane, written later
    lane = _Lane(settings, link)
    assert not lane.may_publish(_read(reservations=45, routed=5))
    assert not lane.may_publish(_read(reservations=49, routed=1_000))  # far ahead in one, behind in the other
    assert not lane.may_publish(_read(ready=False, reservations=50, routed=1_000))
    assert lane.may_publish(_read(reservations=50, routed=1_000))


def test_of_another_lane_nothing_is_waited_for(settings: Settings, redis: Redis, link: RedisLink) -> None:
    _published(redis, settings, 2, reservations=40)  # a tag that no shard of the lane has
    assert _Lane(settings, link).may_publish(_read())


def test_a_greater_generation_has_the_view(settings: Settings, redis: Redis, link: RedisLink) -> None:
    _published(redis, settings, 1, generation=3, reservations=40)
    with pytest.raises(Fenced, match="is started with STOCKTIDE_GENERATION=3"):
        _Lane(settings, link)
    redis.hset(meta_key(settings.redis_prefix.encode()).decode(), "generation", 2)
    with pytest.raises(Fenced, match="STOCKTIDE_GENERATION=3"):  # as a rebuild of its own
        Takeover(settings, link, [LANE])


def test_a_generation_has_one_number_of_lanes(settings: Settings, redis: Redis, link: RedisLink) -> None:
    _serves(redis, settings)
    with pytest.raises(OtherLanes, match="write 4"):
        Takeover(settings.replace(partitions=8), link, [LANE])


# -- taking over ---------------------------------------------------------------------------------------------------


def _serves(redis: Redis, settings: Settings, generation: int = 1) -> None:
    """An engine has the view."""
    key = meta_key(settings.redis_prefix.encode()).decode()
    redis.hset(key, mapping={"generation": generation, "partitions": settings.partitions, "id": "a view"})


def _meta(redis: Redis, settings: Settings, name: str) -> object:
    return redis.hget(meta_key(settings.redis_prefix.encode()).decode(), name)


def _at(ends: dict[str, int], **offsets: int) -> Raw:
    return Raw(LANE, {}, offsets, 0, True, True, 0, ends)


def _phases(lanes: list[_Lane]) -> set[str]:
    return {lane.takeover.phase.name for lane in lanes}


def test_the_generation_is_raised_when_every_lane_of_every_cell_has_read_what_was_there(
    settings: Settings, redis: Redis, link: RedisLink
) -> None:
    _serves(redis, settings)
    second = settings.replace(generation=2, partitions=2)
    lanes = [_Lane(second, link, lane=lane) for lane in range(2)]  # each in a cell of its own
    ends = {"reservations": 50}
    for _ in range(4):
        assert not lanes[0].may_publish(_at(ends, reservations=50))
        assert not lanes[1].may_publish(_at(ends, reservations=49))
    assert _phases(lanes) == {"SILENT"}
    assert _meta(redis, settings, "generation") == b"1"
    for _ in range(4):
        for lane in lanes:
            lane.may_publish(_at(ends, reservations=50))
    assert _meta(redis, settings, "generation") == b"2"
    assert _phases(lanes) == {"TAKES"}


def test_a_lane_that_is_far_behind_is_not_ready_when_it_reaches_what_was_there_at_its_start(
    settings: Settings, redis: Redis, link: RedisLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    _serves(redis, settings)
    second = settings.replace(generation=2, partitions=1)
    lane = _Lane(second, link, lane=0)
    lane.may_publish(_at({"reservations": 50}, reservations=10))
    lane.gate._goal_since -= 60  # a minute later
    for _ in range(3):
        lane.may_publish(_at({"reservations": 90}, reservations=50))
    assert _phases([lane]) == {"SILENT"}
    for _ in range(4):
        lane.may_publish(_at({"reservations": 90}, reservations=90))
    assert _phases([lane]) == {"TAKES"}


def test_nothing_is_shown_that_knows_less_than_what_it_takes_the_place_of(
    settings: Settings, redis: Redis, link: RedisLink
) -> None:
    _serves(redis, settings)
    second = settings.replace(generation=2)
    lanes = [_Lane(second, link, lane=lane) for lane in range(settings.partitions)]
    ends = {"reservations": 50, "routed": 3}
    raw = _at(ends, reservations=50, routed=3)
    _published(redis, settings, 1, reservations=52, routed=1_000)  # of another topic of that name
    for _ in range(6):
        for lane in lanes:
            assert not lane.may_publish(raw)
    assert _phases(lanes) == {"TAKES"}
    key = folded_key(settings.redis_prefix.encode(), 1, LANE).decode()
    assert redis.hget(key, "g") == b"2"  # the old engine's next write is refused
    for lane in lanes:
        lane.ends["routed"] = 9
    further = raw._replace(next_offsets={"reservations": 52, "routed": 3})
    assert not any(lane.may_publish(raw if lane is lanes[LANE] else further) for lane in lanes)
    assert not any(lane.may_publish(further) for _ in range(4) for lane in lanes)
    heard = raw._replace(next_offsets={"reservations": 52, "routed": 9})
    assert all(lane.may_publish(heard) for lane in lanes)
    for number, lane in enumerate(lanes):
        lane.gate.shown()
        link.settle()
        assert redis.hlen(f"{settings.redis_prefix}view:taken:2") == settings.partitions
        again = Takeover(second, link, [number])  # and once is enough
        assert again.phase is Phase.SERVES


def test_who_is_killed_in_the_middle_goes_on_there(settings: Settings, redis: Redis, link: RedisLink) -> None:
    _serves(redis, settings)
    second = settings.replace(generation=2, partitions=1)
    _published_by_lane_0 = folded_key(settings.redis_prefix.encode(), 1, 1).decode()
    redis.hset(_published_by_lane_0, mapping={"g": 1, "o": json.dumps({"reservations": 60})})
    raw = _at({"reservations": 50}, reservations=50)
    first = _Lane(second, link, lane=0)
    for _ in range(4):
        assert not first.may_publish(raw)
    assert first.takeover.phase is Phase.TAKES
    third = _Lane(second, link, lane=0)
    assert third.takeover.phase is Phase.TAKES
    assert third.gate.taking
    for _ in range(4):
        third.may_publish(_at({}, reservations=60, routed=1_000_000))
    assert third.may_publish(_at({}, reservations=60, routed=1_000_000))


def test_a_topic_that_is_shorter_than_what_was_read_of_it_is_read_to_its_end(
    settings: Settings, redis: Redis, link: RedisLink
) -> None:
    _serves(redis, settings.replace(partitions=1))
    second = settings.replace(generation=2, partitions=1)
    key = folded_key(settings.redis_prefix.encode(), 1, 0).decode()
    redis.hset(key, mapping={"g": 1, "o": json.dumps({"reservations": 60})})
    lane = _Lane(second, link, lane=0)
    lane.ends["reservations"] = 5  # it was made anew
    raw = _at({"reservations": 4}, reservations=4, routed=1_000_000)
    assert not any(lane.may_publish(raw) for _ in range(8))
    assert any(lane.may_publish(_at({}, reservations=5, routed=1_000_000)) for _ in range(8))


def test_new_lanes_are_as_fresh_as_those_that_their_skus_come_from(
    settings: Settings, redis: Redis, link: RedisLink
) -> None:
    prefix = settings.redis_prefix.encode()
    old = settings.replace(partitions=1)
    _serves(redis, old)
    told = {b"generation": b"1", b"committed_at": b"7", b"lag": b"0", b"offered": b"a view", b"server": b"s"}
    redis.hset(freshness_key(prefix, 0).decode(), mapping={k.decode(): v for k, v in told.items()})
    second = settings.replace(generation=2, partitions=2)
    lanes = [_Lane(second, link, lane=lane) for lane in range(2)]
    for _ in range(6):
        for lane in lanes:
            lane.may_publish(_at({"reservations": 5}, reservations=5))
    assert _meta(redis, settings, "partitions") == b"2"
    assert redis.hgetall(freshness_key(prefix, 1).decode()) == told


def test_a_silent_engine_that_finds_a_view_of_a_greater_generation_ends(
    settings: Settings, redis: Redis, link: RedisLink
) -> None:
    _serves(redis, settings)
    lane = _Lane(settings.replace(generation=2), link)
    _serves(redis, settings, generation=3)
    with pytest.raises(Fenced):
        lane.may_publish(_read())
