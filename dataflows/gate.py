"""When a lane may publish: not before it has caught up with what it (or its forerunner) published last.

A scalar version cannot order two different sets of facts, so a lane that resumes publishes nothing until each of
its partitions has reached the offset that was folded into the last row it wrote (kept in Redis beside the rows). One
that takes the view over from an older generation waits for more: see `dataflows.takeover`.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from dataflows.intake import Raw
from dataflows.redis_link import RedisLink
from dataflows.takeover import OPEN, Fenced, Phase, Takeover
from dataflows.tenure import LaneTaken
from inventory.murmur import SHARDS
from runtime.settings import Settings
from wire.resp import command
from wire.viewkeys import TAGS, folded_key

_RECENT_S = 2.0
"""A lane is ready that has read all that was there so long ago."""

_FENCE = b"""
local newest = redis.call('HGET', KEYS[1], 'g')
if not newest or tonumber(newest) < tonumber(ARGV[1]) then
  local folded = redis.call('HGET', KEYS[1], 'o')
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'g', ARGV[1])
  if folded then redis.call('HSET', KEYS[1], 'before', folded) end
end
return redis.call('HGET', KEYS[1], 'before')
"""
"""Fences an older generation off; replies what the older one had folded when it wrote last."""

_OPEN = """
local told = redis.call('HMGET', KEYS[1], 'g', 'o', 'b')
local same = told[1] == ARGV[1] or (not told[1] and ARGV[3] == '1')
if same and tonumber(told[3] or 0) < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'g', ARGV[1], 'b', ARGV[2])
end
return told
"""
"""Fences folders of the lane off that began earlier, in the same generation; replies what was there. ARGV: generation,
when this one began, whether the view is this engine's."""

EndOf = Callable[[int, str], int | None]
"""Where a lane's partition of a topic ends now; None: Kafka does not say."""


class PublishGate:
    """The gate of one lane."""

    def __init__(
        self,
        settings: Settings,
        redis: RedisLink,
        lane: int,
        takeover: Takeover,
        end_of: EndOf,
        began: int = 0,
    ) -> None:
        self._settings = settings
        self._redis = redis
        self._lane = lane
        self._takeover = takeover
        self._end_of = end_of
        self._prefix = settings.redis_prefix.encode()
        self._needed: dict[str, int] = {}
        serves = takeover.phase is Phase.SERVES
        for tag in sorted({shard % TAGS for shard in self._shards()}):
            words = settings.generation, began, int(serves)
            reply: Any = redis.ask("EVAL", _OPEN, 1, folded_key(self._prefix, tag, lane), *words)
            generation, offsets, latest = reply
            if generation is None:
                continue
            if int(generation) > settings.generation:
                raise Fenced(int(generation), settings.generation)
            if int(generation) != settings.generation:
                continue
            if int(latest or 0) > began:
                raise LaneTaken(lane, int(latest))
            if offsets is not None:
                self._need(json.loads(offsets))
        self._taking = takeover.phase is not Phase.SERVES and takeover.noted(lane) != OPEN
        self._goal: Mapping[str, int] = {}
        self._goal_since = time.monotonic()
        self._fences = -1  # that were not answered yet; -1: none was set
        self._left: dict[str, int] = {}
        self._reached_at = 0
        self._end_of_routed: int | None = None
        self._masters_read_at = 0
        self._end_of_masters: int | None = None
        self._all_masters = takeover.phase is not Phase.SILENT

    def _shards(self) -> range:
        return range(self._lane, SHARDS, self._settings.partitions)

    def _need(self, offsets: Mapping[str, int]) -> None:
        for topic, offset in offsets.items():
            self._needed[topic] = max(self._needed.get(topic, 0), offset)

    @property
    def taking(self) -> bool:
        """Whether the lane has to take its rows over, and has not shown them all yet: people are told nothing by it."""
        return self._taking

    def may_publish(self, raw: Raw, step: int, *, live: bool = True) -> bool:
        """Whether the lane, having folded `raw` in its step of that number, has caught up. Not `live`: it does not read
        facts yet."""
        if self._taking:
            self._takeover.look()
            if self._takeover.phase is Phase.SILENT:
                if live:
                    self._make_ready(raw)
                return False
        if not raw.masters_ready:
            return False
        if self._needed:
            at = raw.next_offsets
            self._needed = {t: offset for t, offset in self._needed.items() if at.get(t, 0) < offset}
        if self._taking and not self._has_taken(raw, step):
            return False
        return not self._needed

    # -- master data ---------------------------------------------------------------------------------------------

    def masters_ready(self, raw: Raw, step: int) -> bool:
        """Whether a lane without state has all its master data: in a rebuild, where skus may have got other lanes, also
        what others have read of it and sent."""
        if self._all_masters or not raw.masters_ready:
            return raw.masters_ready
        self._masters_read_at = self._masters_read_at or step
        self._takeover.look()
        if not self._takeover.all_sent_masters:
            return False
        if self._end_of_masters is None:
            self._end_of_masters = self._end_of(self._lane, "routed")
        at = raw.next_offsets.get("routed", 0)
        self._all_masters = self._end_of_masters is not None and at >= self._end_of_masters
        return self._all_masters

    # -- in silence ----------------------------------------------------------------------------------------------

    def _make_ready(self, raw: Raw) -> None:
        """Ready is who has read, in every partition, all that was there a moment ago."""
        at, now = raw.next_offsets, time.monotonic()
        self._goal = self._goal or raw.ends
        if raw.masters_ready and all(at.get(topic, 0) >= end for topic, end in self._goal.items()):
            recent = now - self._goal_since <= _RECENT_S
            self._goal, self._goal_since = raw.ends, now
            self._takeover.tell(self._lane, raw.lag, ready=recent)
        elif now - self._goal_since > _RECENT_S:
            self._takeover.tell(self._lane, raw.lag, ready=False)

    # -- taking over ---------------------------------------------------------------------------------------------

    def _has_taken(self, raw: Raw, step: int) -> bool:
        """Whether nothing is missing that the old engine had folded. Goes one step further each time."""
        if self._fences < 0:
            self._fence()
        if self._fences > 0:
            return False
        if self._reached_at == 0:
            at = raw.next_offsets
            self._left = {t: last for t, last in self._left.items() if not self._has_read(t, last, at)}
            if self._left:
                return False
            self._reached_at = step
        if not self._takeover.all_reached:
            return False
        if self._end_of_routed is None:
            self._end_of_routed = self._end_of(self._lane, "routed")
        return self._end_of_routed is not None and raw.next_offsets.get("routed", 0) >= self._end_of_routed

    def _fence(self) -> None:
        before = self._takeover.before
        written = sorted({(shard % TAGS, shard % before) for shard in self._shards()}) if before else []
        self._fences = len(written)
        for tag, lane in written:
            generation = b"%d" % self._settings.generation
            words = _FENCE, b"1", folded_key(self._prefix, tag, lane), generation
            self._redis.send([command(b"EVAL", *words)], self._take_fenced)

    def _take_fenced(self, reply: Any) -> None:
        """What the old engine had folded: of the partitions that this lane reads as well it waits for it. What other
        lanes read comes through `routed`, and they wait for theirs."""
        self._fences -= 1
        if reply is None or self._lane >= self._takeover.before:
            return
        for topic, offset in json.loads(reply).items():
            if topic != "routed":  # each generation has its own
                self._left[topic] = max(self._left.get(topic, 0), offset)

    def _has_read(self, topic: str, offset: int, at: Mapping[str, int]) -> bool:
        """A topic that was made anew since cannot be read so far."""
        if at.get(topic, 0) >= offset:
            return True
        end = self._end_of(self._lane, topic)
        return end is not None and at.get(topic, 0) >= end

    def settled(self, step: int) -> None:
        """All that so many steps put out is acknowledged."""
        if 0 < self._masters_read_at <= step:
            self._takeover.sent_masters(self._lane)
        if self._reached_at and step >= self._reached_at and not self._takeover.noted(self._lane):
            self._takeover.reached(self._lane)

    def shown(self) -> None:
        """The lane has shown all its rows, and Redis has them."""
        if self._taking:
            self._taking = False
            self._takeover.opened(self._lane)
