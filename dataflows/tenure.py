"""Which of two engines of one generation has a lane: the one whose folder of it began later.

A folder begins when a lane starts with nothing of its own: it was restored from a checkpoint, or is rebuilt from its
topics. Whoever lets that happen has given the former folder up, which may be on a host that nobody can reach, and whose
engine goes on as soon as somebody can. So the folder keeps when it began (ms), Redis keeps the latest of each lane, and
an engine with an earlier one writes nothing and ends; it does not come back with that folder either.

Of the view of another generation nothing is written here: there the generation decides (`dataflows.takeover`).
"""

from datetime import UTC, datetime
from typing import Any

from dataflows.redis_link import RedisLink
from runtime.exit import ExitCode, Refusal
from runtime.settings import Settings
from runtime.state_files import StateFiles
from wire.resp import command
from wire.viewkeys import freshness_key

_OPEN = """
local told = redis.call('HMGET', KEYS[1], 'generation', 'began')
local same = not told[1] or told[1] == ARGV[1]
local theirs = same and tonumber(told[2] or 0) or 0
local ours = tonumber(ARGV[2])
if ours == 0 then ours = math.max(tonumber(ARGV[3]), theirs + 1) end
if same and ours > theirs and ARGV[4] == '1' then redis.call('HSET', KEYS[1], 'began', string.format('%.0f', ours)) end
return {ours, theirs}
"""
"""ARGV: generation, when the folder began (0: only now), now, whether the view is this engine's. Replies when this
folder began, and when the latest did."""

_TELL = b"""
local told = redis.call('HMGET', KEYS[1], 'generation', 'began')
if told[1] == ARGV[1] and tonumber(told[2] or 0) > tonumber(ARGV[2]) then return tonumber(told[2]) end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'began', ARGV[2], 'committed_at', ARGV[3], 'lag', ARGV[4])
return 0
"""


class LaneTaken(Refusal):
    """Another engine of the same generation has the lane."""

    code = ExitCode.NEEDS_PERSON

    def __init__(self, lane: int, began: int) -> None:
        at = datetime.fromtimestamp(began / 1000, UTC).isoformat(timespec="seconds")
        super().__init__(
            f"lane {lane} was given to another engine: a folder of it began at {at}, later than this engine's, from a "
            "checkpoint or from nothing. This engine must not write any more. Stop it for good and remove its state "
            "folder; a lane that is to come back to this host starts without one, while no other engine has it"
        )


class Tenure:
    """Of one lane in its folder, which must be locked and filled. `began`: when the folder did (ms). `serves`: the view
    is this engine's. Raises `LaneTaken`, OSError."""

    def __init__(
        self, settings: Settings, redis: RedisLink, lane: int, files: StateFiles, now: int, *, serves: bool
    ) -> None:
        self._lane = lane
        self._generation = settings.generation
        self._key = freshness_key(settings.redis_prefix.encode(), lane)
        words = settings.generation, files.began_at(), now, int(serves)
        reply: Any = redis.ask("EVAL", _OPEN, 1, self._key, *words)
        self.began, theirs = reply
        if self.began < theirs:
            raise LaneTaken(lane, theirs)
        if not files.is_new and not files.began_at():
            files.begin(self.began)

    def tell(self, redis: RedisLink, committed_at: int, lag: int) -> None:
        """Write down how fresh the lane is. What Redis answers may raise `LaneTaken`, later."""
        words = self._generation, self.began, committed_at, lag
        told = command(b"EVAL", _TELL, b"1", self._key, *(b"%d" % word for word in words))
        redis.send([told], self._told)

    def _told(self, reply: Any) -> None:
        if reply:
            raise LaneTaken(self._lane, reply)
