"""When a lane may publish: not before it has caught up with what it (or its forerunner) published last.

A scalar version cannot order two different sets of facts, so a lane that resumes publishes nothing until each of
its partitions has reached the offset that was folded into the last row it wrote (kept in Redis beside the rows).
"""

import json
from typing import Any

from dataflows.intake import Raw
from dataflows.publisher import Fenced
from dataflows.redis_link import RedisLink
from inventory.murmur import SHARDS
from runtime.settings import Settings
from wire.viewkeys import TAGS, folded_key, meta_key


class PublishGate:
    """The gate of one lane."""

    def __init__(self, settings: Settings, redis: RedisLink, lane: int) -> None:
        prefix = settings.redis_prefix.encode()
        self._needed: dict[str, int] = {}
        tags = sorted({shard % TAGS for shard in range(lane, SHARDS, settings.partitions)})
        for tag in tags:
            reply: Any = redis.ask("HMGET", folded_key(prefix, tag, lane), "g", "o")
            generation, offsets = reply
            if generation is None:
                continue
            if int(generation) > settings.generation:
                raise Fenced(
                    f"the view of lane {lane} belongs to generation {int(generation)}; this engine has "
                    f"{settings.generation}: set STOCKTIDE_GENERATION={int(generation)}"
                )
            if int(generation) == settings.generation:
                for topic, offset in json.loads(offsets).items():
                    self._needed[topic] = max(self._needed.get(topic, 0), offset)
        told: Any = redis.ask("HGET", meta_key(prefix), "generation")
        if told is None or int(told) < settings.generation:
            redis.ask("HSET", meta_key(prefix), "generation", settings.generation)

    def may_publish(self, raw: Raw) -> bool:
        """Whether the lane, having folded `raw`, has caught up."""
        if not raw.masters_ready:
            return False
        if self._needed:
            at = raw.next_offsets
            self._needed = {t: offset for t, offset in self._needed.items() if at.get(t, 0) < offset}
        return not self._needed
