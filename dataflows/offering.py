"""Whether the view in Redis has all rows of a lane, and when the lane must offer them again.

`view:meta` carries an `id` that the first engine to find none makes up: a Redis that was emptied, or from which that
key was deleted, gets another one. Each lane writes the id of the view to which it has offered every row (`offered`)
and the run id of the server that took them (`server`) beside its freshness. A lane for which one of them differs
offers everything again. No lane depends on what another one has noticed, or on having run at the time.
"""

import logging
import uuid
from typing import Any

from dataflows.redis_link import RedisLink
from dataflows.takeover import Fenced, raise_again
from runtime.settings import Settings
from wire.resp import command
from wire.viewkeys import freshness_key, meta_key

_log = logging.getLogger(__name__)


class Offering:
    """The rows of one lane against the view. An offer is a round: begun, shown in some steps, acknowledged."""

    def __init__(self, settings: Settings, redis: RedisLink, lane: int, *, silent: bool = False) -> None:
        prefix = settings.redis_prefix.encode()
        self._settings = settings
        self._redis = redis
        self._number = lane
        self._meta = meta_key(prefix)
        self._lane = freshness_key(prefix, lane)
        self._about = {b"generation": b"%d" % settings.generation, b"partitions": b"%d" % settings.partitions}
        self._round = 0
        self._offered_to: tuple[bytes, bytes] | None = None
        """The view and server of the round that is under way."""
        self._left: int | None = None
        """The rows of that round that were not shown yet; None once all were."""
        self._acknowledged = False
        self.completed = 0
        """The last round that was acknowledged."""
        for words in () if silent else self._introduce():
            redis.ask(*words)
        self._generation = settings.generation
        self._view = _bytes(redis.ask(b"HGET", self._meta, b"id"))
        self._take_told(redis.ask(b"HMGET", self._lane, b"offered", b"server"))

    def _introduce(self) -> list[tuple[bytes, ...]]:
        """What `view:meta` must hold; whoever finds it missing writes it."""
        made_up = {b"id": uuid.uuid4().hex.encode(), **self._about}
        return [(b"HSETNX", self._meta, name, value) for name, value in made_up.items()]

    # -- what Redis says -----------------------------------------------------------------------------------------

    def look(self) -> None:
        """Ask which view is there, and what it says that this lane has offered; once a second."""
        if self._generation < self._settings.generation:
            raise_again(self._settings, self._redis, b"%d" % self._generation)
        self._redis.send([command(*words) for words in self._introduce()])
        self._redis.send([command(b"HMGET", self._meta, b"id", b"generation")], self._take_view)
        self._redis.send([command(b"HMGET", self._lane, b"offered", b"server")], self._take_told)

    def _take_view(self, reply: Any) -> None:
        self._view = _bytes(reply[0])
        self._generation = int(reply[1] or self._settings.generation)
        if self._generation > self._settings.generation:
            raise Fenced(self._generation, self._settings.generation)

    def _take_told(self, reply: Any) -> None:
        offered, server = reply
        self._told = _bytes(offered) or b"", _bytes(server) or b""

    # -- rounds --------------------------------------------------------------------------------------------------

    @property
    def _here(self) -> tuple[bytes, bytes]:
        return self._view or b"", self._redis.identity.encode()

    @property
    def due(self) -> bool:
        """Whether all rows must be offered, and are not being offered to this very view."""
        return self._here not in (self._told, self._offered_to)

    def begin(self, rows: int) -> None:
        """A round begins: so many rows wait, and will be shown before any other."""
        self._round += 1
        self._offered_to, self._left, self._acknowledged = self._here, rows, False
        _log.info("offering all rows", extra={"lane": self._number, "rows": rows})
        if self._told != self._here:
            self._withdraw()

    def shown(self, rows: int) -> int:
        """So many rows were shown; the number of the round that they complete, else 0."""
        if self._left is None:
            return 0
        self._left -= rows
        if self._left > 0:
            return 0
        self._left = None
        return self._round

    def acknowledge(self, number: int) -> None:
        """Redis has answered for every row of that round."""
        if number == self._round:
            self._acknowledged, self.completed = True, number

    def tell(self) -> None:
        """Write down a round that is acknowledged, or take back what an old copy of the view says of this lane."""
        here = self._here
        if self.due and self._told[0]:
            self._withdraw()
        if not self._acknowledged or self._offered_to != here:
            return
        self._acknowledged = False

        def written(_: object) -> None:
            self._told = here
            if self._offered_to == here:
                self._offered_to = None

        self._redis.send([command(b"HSET", self._lane, b"offered", here[0], b"server", here[1])], written)

    def _withdraw(self) -> None:
        """Until the round is over, that a row is absent says nothing."""
        self._told = b"", b""
        self._redis.send([command(b"HDEL", self._lane, b"offered", b"server")])


def _bytes(reply: object) -> bytes | None:
    assert reply is None or isinstance(reply, bytes), reply
    return reply
