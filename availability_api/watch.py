"""Looks at what few keys say of the view as a whole, so that no lookup has to: freshness and network."""

import asyncio
import contextlib
import logging
from time import time
from typing import NamedTuple

from availability_api.network import Network, NetworkError, read_network
from availability_api.redis_link import RedisAway, RedisLink
from wire import viewkeys
from wire.resp import command

_log = logging.getLogger(__name__)

PERIOD_S = 0.2
_ANSWER_WITHIN_S = 2.0
_OPENING = 64
"""The document starts with the offset it is as of; this many bytes and its length tell a change."""
_REREAD_EVERY = 50
"""Read the document anyway each so many periods."""


class Lane(NamedTuple):
    """What a lane last said of itself; None where it has said nothing. `offered`: the view that has all its rows;
    `server`: the run id of the Redis that took them."""

    committed_at: int | None
    lag: int | None
    generation: int | None
    offered: bytes | None
    server: bytes | None


class Freshness(NamedTuple):
    """The view as a whole and its id; no lanes while the engine has not said how many there are. `compiling`: an engine
    that starts says so."""

    generation: int | None
    view: bytes | None
    lanes: list[Lane]
    compiling: bool = False


_NOTHING = Freshness(None, None, [])
_NO_NETWORK = "no network is published: run `python -m rules apply FILE` and start the engine"
_COMPILING = "the engine is starting: compiling kernels, about 2 minutes, once per version and host"


class Watch:
    """Keeps `network` and `freshness` current. What an earlier connection told is forgotten: Redis may have
    come back with other data."""

    def __init__(self, link: RedisLink, prefix: bytes, stale_after_ms: int) -> None:
        self._link = link
        self._prefix = prefix
        self._stale_after_ms = stale_after_ms
        self._session = 0
        self._server = b""
        self._network: Network | None = None
        self._why_no_network = _NO_NETWORK
        self._freshness = _NOTHING
        self._seen: tuple[int, bytes] | None = None
        self._unchanged = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def network(self) -> Network | None:
        """The network; None while none is known to be published."""
        return self._network if self._session == self._link.session else None

    @property
    def freshness(self) -> Freshness:
        """What the engine last said of its lanes."""
        return self._freshness if self._session == self._link.session else _NOTHING

    def age_ms(self, shard: int, now_ms: int) -> tuple[int | None, bool]:
        """How long ago the shard's lane last committed (None: unknown), and whether its rows are `stale`: that is too
        long, or they may be an old copy, since the lane has not offered all of them to the Redis that is there."""
        lanes = self.freshness.lanes
        if not lanes:
            return None, True
        committed_at = lanes[shard % len(lanes)].committed_at
        if committed_at is None:
            return None, True
        age = max(0, now_ms - committed_at)
        return age, age > self._stale_after_ms or not self.complete(shard % len(lanes))

    def complete(self, lane: int) -> bool:
        """Whether the lane has offered every row to the view and the server that are there: only then does an absent
        row say that there is no such sku, and is a row that is there no old copy."""
        view, told = self.freshness.view, self.freshness.lanes[lane]
        return view is not None and told.offered == view and told.server in (None, self._server)

    async def still_complete(self, shards: set[int]) -> bool:
        """Whether the lanes of the shards were complete, by what was known before this call, and still are: then no row
        was lost in between. Raises RedisAway."""
        known = self.freshness
        lanes = {shard % len(known.lanes) for shard in shards} if known.lanes else set()
        if not lanes or not all(map(self.complete, lanes)):
            return False
        keys = (viewkeys.freshness_key(self._prefix, lane) for lane in lanes)
        asks = [command(b"HGET", viewkeys.meta_key(self._prefix), b"id")]
        asks += [command(b"HGET", key, b"offered") for key in keys]
        return set(await self._link.ask(b"".join(asks), len(asks))) == {known.view}

    def reasons_not_ready(self) -> list[str]:
        """Why the view should not be relied on, in words; empty if it may."""
        if not self._link.up:
            return [f"Redis at {self._link.place} is away"]
        if self._session != self._link.session:
            return ["Redis has come back this moment; the view in it is being looked at"]
        missing, reasons = [], []
        if self.network is None:
            missing.append(self._why_no_network)
        if not self.freshness.lanes:
            missing.append("view:meta is not there: no engine has published into this Redis and prefix yet")
        now = int(time() * 1000)
        for lane in range(len(self.freshness.lanes)):
            age, _ = self.age_ms(lane, now)
            if age is None:
                reasons.append(f"lane {lane} has not committed yet: is the cell that owns it running?")
            elif age > self._stale_after_ms:
                reasons.append(
                    f"lane {lane} committed {age} ms ago, more than {self._stale_after_ms}: "
                    "is the cell that owns it running?"
                )
            if not self.complete(lane):
                reasons.append(
                    f"lane {lane} has not offered all its rows to this Redis yet: the engine does so as soon as its "
                    "cell runs and has caught up"
                )
        if self.freshness.compiling and (missing or reasons):
            return [_COMPILING, *reasons]
        return missing + reasons

    async def start(self) -> None:
        """Look once, if Redis is there, and then again each period until `close`."""
        await self._look()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PERIOD_S):
                    await self._link.renewed()
            await self._look()

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                await self._refresh()
        except RedisAway:
            return  # the link says so, and what is known grows old
        except TimeoutError:
            self._link.drop(f"it did not answer within {_ANSWER_WITHIN_S:g} s")
        except ValueError as error:
            self._freshness = _NOTHING
            _log.error("the view's own keys cannot be read", extra={"reason": str(error)})

    async def _refresh(self) -> None:
        session = self._link.session
        if session != self._session:
            self._seen = None
            (about,) = await self._link.ask(command(b"INFO", b"server"))
            self._server = _run_id(about)
        key = viewkeys.network_key(self._prefix)
        meta, compiling, length, opening = await self._link.ask(
            command(b"HMGET", viewkeys.meta_key(self._prefix), b"generation", b"partitions", b"id")
            + command(b"EXISTS", viewkeys.compiling_key(self._prefix))
            + command(b"STRLEN", key)
            + command(b"GETRANGE", key, b"0", b"%d" % (_OPENING - 1)),
            4,
        )
        lanes = await self._lanes(int(meta[1] or 0))
        self._unchanged += 1
        if (length, opening) != self._seen or self._unchanged >= _REREAD_EVERY:
            (document,) = await self._link.ask(command(b"GET", key))
            self._take_network(document)
            self._seen = (length, opening)
            self._unchanged = 0
        self._freshness = Freshness(_number(meta[0]), meta[2], lanes, bool(compiling))
        self._session = session

    async def _lanes(self, partitions: int) -> list[Lane]:
        if not partitions:
            return []
        fields = b"committed_at", b"lag", b"generation", b"offered", b"server"
        asks = [
            command(b"HMGET", viewkeys.freshness_key(self._prefix, lane), *fields)
            for lane in range(partitions)
        ]
        replies = await self._link.ask(b"".join(asks), partitions)
        return [
            Lane(_number(committed_at), _number(lag), _number(generation), offered, server)
            for committed_at, lag, generation, offered, server in replies
        ]

    def _take_network(self, document: bytes | None) -> None:
        if document is None:
            self._network, self._why_no_network = None, _NO_NETWORK
            return
        try:
            self._network = read_network(document)
        except NetworkError as error:
            self._network, self._why_no_network = None, str(error)
            _log.error("the network cannot be read", extra={"reason": str(error)})


def _run_id(about: bytes) -> bytes:
    """Of what `INFO server` says."""
    lines = (line.partition(b":") for line in about.splitlines())
    return next((value for name, _, value in lines if name == b"run_id"), b"")


def _number(text: bytes | None) -> int | None:
    return None if text is None else int(text)
