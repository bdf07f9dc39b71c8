"""How an engine of the next generation takes the view over from one that runs and serves.

Every lane folds in silence until it has read what is there; the old engine writes the view meanwhile. As soon as all
lanes of all cells are that far, one cell raises the generation in `view:meta`, if it is still the one it was: from then
on the view is this engine's. The old one notices within a second, or by its next write, and ends.

Then each lane fences the rows of its skus off, and learns by that how far the old engine had read for the last of them.
It goes on folding until it has read as far; what it sent to other lanes by then is acknowledged, and noted in
`view:taken:G`. When all lanes have noted it, each reads its part of `routed` to the end, and shows all its rows: so no
row is ever replaced by one that knows less. Whoever is killed in the middle does again what it had not noted.
"""

import logging
import time
from enum import IntEnum
from functools import partial
from typing import Any

from dataflows import metrics
from dataflows.redis_link import RedisLink
from runtime.exit import ExitCode, Refusal
from runtime.settings import Settings
from wire.resp import command
from wire.viewkeys import freshness_key, meta_key

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.2
_SAY_EVERY_S = 10.0
_READY_FOR_MS = 5_000
"""A lane that has not said for so long that it is ready is not."""

OPEN = b"open"
_REACHED = b"reached"

_RAISE = b"""
local now = redis.call('HGET', KEYS[1], 'generation')
if now == ARGV[2] then return 1 end
if (now or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'partitions', ARGV[3], 'before', ARGV[4])
return 1
"""


class Fenced(Refusal):
    """Another engine publishes under a greater `generation` than this one's `own`."""

    code = ExitCode.NEEDS_PERSON

    def __init__(self, generation: int, own: int) -> None:
        super().__init__(
            f"the view belongs to generation {generation}; this engine has {own} and must not write: stop it. "
            f"(A rebuild that is to take the view over needs STOCKTIDE_GENERATION={generation + 1} and a state folder "
            f"of its own; the engine that has the view is started with STOCKTIDE_GENERATION={generation})"
        )


class OtherLanes(Refusal):
    """The view has another number of lanes under this generation."""


class Phase(IntEnum):
    """What an engine may do with the view."""

    SILENT = 0
    """It is another one's."""
    TAKES = 1
    """It is this one's, but some lanes have not shown theirs yet."""
    SERVES = 2


class Takeover:
    """One for each cell. `before`: how many lanes the engine had that served before (0: none did)."""

    def __init__(self, settings: Settings, redis: RedisLink, lanes: list[int]) -> None:
        prefix = settings.redis_prefix.encode()
        self._settings = settings
        self._redis = redis
        self._lanes = lanes
        self._meta = meta_key(prefix)
        self._prefix = prefix
        self._taken = b"%sview:taken:%d" % (prefix, settings.generation)
        self._masters = b"%sview:masters:%d" % (prefix, settings.generation)
        self._told_masters: set[int] = set()
        self.all_sent_masters = False
        """Whether every lane has sent on what it read of others' master data."""
        self._ready: dict[int, int] = {}
        self._noted: dict[int, bytes] = {}
        self._old = b""
        self._all_ready = False
        self._freshness: dict[int, Any] = {}
        self._behind: dict[int, int] = {}
        self._due = self._say_due = 0.0
        self.before = 0
        self.phase = Phase.SERVES
        about = b"generation", b"partitions", b"before"
        self._take_meta(redis.ask(b"HMGET", self._meta, *about))
        if self.phase is not Phase.SERVES:
            self._take_noted(redis.ask(b"HGETALL", self._taken))
        self._left = {lane for lane in lanes if self.noted(lane) != OPEN}
        if self.phase is Phase.TAKES and not self._left:
            self.phase = Phase.SERVES
        if self.phase is Phase.SILENT:
            _log.info(
                "the view is another engine's: folding in silence until all has been read",
                extra={"generation": self._old.decode(), "own": settings.generation},
            )

    # -- what is known -------------------------------------------------------------------------------------------

    def noted(self, lane: int) -> bytes:
        """How far a lane of this cell is known to be: empty, reached, or `OPEN`."""
        return self._noted.get(lane, b"")

    @property
    def all_reached(self) -> bool:
        """Whether every lane of every cell has read as far as the old engine had."""
        return len(self._noted) == self._settings.partitions

    def _take_meta(self, reply: Any) -> None:
        generation, partitions, before = reply
        own = self._settings.generation
        if generation is not None and int(generation) > own:
            raise Fenced(int(generation), own)
        if (generation is None and self.phase is Phase.SERVES) or self.phase is Phase.TAKES:
            return
        if generation is not None and int(generation) == own:
            if partitions is not None and int(partitions) != self._settings.partitions:
                raise OtherLanes(
                    f"under generation {own} the view has {int(partitions)} lanes, and STOCKTIDE_PARTITIONS="
                    f"{self._settings.partitions}: write {int(partitions)}. Another number of lanes needs "
                    f"STOCKTIDE_GENERATION={own + 1} and a state folder of its own"
                )
            if before is not None:
                self.before = int(before)
            if self.phase is Phase.SILENT or before is not None:
                self._take_over()
            return
        self.phase = Phase.SILENT
        self._old = generation or b""
        self.before = int(partitions or 0) if generation else 0

    def _take_noted(self, reply: Any) -> None:
        self._noted = {int(lane): how for lane, how in _mapping(reply).items()}

    # -- in silence ----------------------------------------------------------------------------------------------

    def tell(self, lane: int, behind: int, *, ready: bool) -> None:
        """How many records a lane has not read yet, and whether it has all that was there a moment ago."""
        metrics.REBUILD_BEHIND.labels(lane).set(behind)
        self._behind[lane] = behind
        self._ready.pop(lane, None)
        if ready:
            self._ready[lane] = behind

    def sent_masters(self, lane: int) -> None:
        """A lane has read its master data, and what it sent on of it is acknowledged."""
        if lane not in self._told_masters:
            self._told_masters.add(lane)
            self._redis.send([command(b"HSET", self._masters, b"%d" % lane, b"sent")])

    def _take_masters(self, reply: Any) -> None:
        self.all_sent_masters = int(reply) == self._settings.partitions

    def look(self) -> None:
        """Several times a second: tell and ask how far everybody is. What is answered is acted upon the next time."""
        now = time.monotonic()
        if now < self._due or self.phase is Phase.SERVES:
            return
        self._due = now + _LOOK_EVERY_S
        if self.phase is Phase.TAKES:
            self._redis.send([command(b"HGETALL", self._taken)], self._take_noted)
            return
        if now >= self._say_due:
            self._say_due = now + _SAY_EVERY_S
            told = {
                "ready": len(self._ready),
                "lanes": len(self._lanes),
                "behind": sum(self._behind.values()),
            }
            _log.info("folding in silence", extra=told)
        if not self.all_sent_masters:
            self._redis.send([command(b"HLEN", self._masters)], self._take_masters)
        if self._all_ready:
            self._raise()
        for lane, behind in self._ready.items():
            words = b"%d" % behind, b"PX", b"%d" % _READY_FOR_MS
            self._redis.send([command(b"SET", self._key_of(lane), *words)])
        meta = command(b"HMGET", self._meta, b"generation", b"partitions", b"before")
        self._redis.send([meta], self._take_meta)
        keys = [self._key_of(lane) for lane in range(self._settings.partitions)]
        self._redis.send([command(b"MGET", *keys)], self._take_ready)

    def _key_of(self, lane: int) -> bytes:
        return b"%sview:rebuild:%d:%d" % (self._prefix, self._settings.generation, lane)

    def _take_ready(self, reply: Any) -> None:
        self._all_ready = None not in reply

    def _raise(self) -> None:
        """Raise the generation. First the lanes that are new are told to be as fresh and as complete as those that
        their skus come from."""
        settings, old = self._settings, self.before
        new = range(old, settings.partitions) if old else range(0)
        if new and len(self._freshness) < old:
            for lane in range(old):
                asked = command(b"HGETALL", freshness_key(self._prefix, lane))
                self._redis.send([asked], partial(self._freshness.__setitem__, lane))
            return
        for lane in new:
            told = _mapping(self._freshness[lane % old])
            if told:
                pairs = [word for pair in told.items() for word in pair]
                self._redis.send([command(b"HSET", freshness_key(self._prefix, lane), *pairs)])
        self._freshness.clear()
        words = self._old, b"%d" % settings.generation, b"%d" % settings.partitions, b"%d" % old
        self._redis.send([command(b"EVAL", _RAISE, b"1", self._meta, *words)])

    # -- taking over ---------------------------------------------------------------------------------------------

    def _take_over(self) -> None:
        if self.phase is Phase.SILENT:
            _log.info("the view is this engine's", extra={"generation": self._settings.generation})
        self.phase, self._due = Phase.TAKES, 0.0

    def reached(self, lane: int) -> None:
        """A lane has read as far as the old engine had, and all that it sent to others is acknowledged."""
        self._note(lane, _REACHED)

    def opened(self, lane: int) -> None:
        """A lane has shown all its rows."""
        self._note(lane, OPEN)
        metrics.REBUILD_BEHIND.labels(lane).set(0)
        self._left.discard(lane)
        if not self._left:
            self.phase = Phase.SERVES
            _log.info("the view is taken over", extra={"generation": self._settings.generation})

    def _note(self, lane: int, how: bytes) -> None:
        self._noted[lane] = how
        self._redis.send([command(b"HSET", self._taken, b"%d" % lane, how)])


def _mapping(reply: Any) -> dict[bytes, bytes]:
    """A hash, as either version of the protocol tells it."""
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))


def raise_again(settings: Settings, redis: RedisLink, found: bytes) -> None:
    """A copy of an earlier view has come back, of a lower generation: it is this engine's all the same."""
    words = found, b"%d" % settings.generation, b"%d" % settings.partitions, b"0"
    redis.send([command(b"EVAL", _RAISE, b"1", meta_key(settings.redis_prefix.encode()), *words)])
