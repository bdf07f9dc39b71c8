"""Keeps one account fed: takes its lease, joins its ledger with what is listed and published, and runs it, again and
again. What happens to one account stops none of the others.
"""

import asyncio
import contextlib
import gc
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from redis import asyncio as redis_asyncio
from redis.exceptions import RedisError

from feeds import ledger
from feeds.account import AccountFeed
from feeds.accounts import Account
from feeds.accounts_file import connector_of, read_secrets
from feeds.buckets import DELAY_S, guarded
from feeds.joining import Fed, Joining
from feeds.kafka_link import Inflow
from feeds.lease import AsyncLease, LeaseLost
from feeds.ledger_link import LedgerReader, LedgerWriter
from feeds.limiter import AsyncLimiter
from feeds.line import Line
from feeds.quotas import Counted
from feeds.runner import AccountRunner
from feeds.worlds import Worlds
from runtime.exit import Refusal
from runtime.settings import Settings

_log = logging.getLogger("stocktide.feeds")

_PAUSE_S, _PAUSE_MOST_S = 1.0, 60.0
_WELL_AFTER_S = 60.0
_ROWS_WITHIN_S = 10.0
_BURY_AFTER_S = 5.0
_SETTLE_S = 5.0


class Stage(Enum):
    """READING: what is listed, published and written down. STANDING_BY: another process has the account. FEEDING.
    PAUSING: it failed, and begins again in a moment."""

    READING = "reading"
    STANDING_BY = "standing by"
    FEEDING = "feeding"
    PAUSING = "pausing"


@dataclass
class Shared:
    """What the accounts of a process have in common. `lease_ms`: how long a lease lasts without being renewed."""

    settings: Settings
    redis: redis_asyncio.Redis
    inflow: Inflow
    joining: Joining
    writer: LedgerWriter
    reader: LedgerReader
    worlds: Worlds
    lease_ms: int


class Keeper:
    """`run` until cancelled; `drain` before that. `feed`, `runner`, `quotas`: of the account while it is fed.
    `failures`: how often it had to begin again."""

    def __init__(self, account: Account, folder: Path, shared: Shared) -> None:
        self.account = account
        # A start reads the secrets: an account that lacks one ends the process before anything is sent.
        self._connector = connector_of(account, read_secrets(account, folder))
        self._shared = shared
        self.stage = Stage.READING
        self.feed: AccountFeed | None = None
        self.runner: AccountRunner | None = None
        self.quotas: Counted | None = None
        self.now_ms: Callable[[], int] = lambda: 0
        self.failures = 0
        self._draining = False

    async def run(self) -> None:
        """Feed the account, for ever."""
        pause_s = _PAUSE_S
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._once()
            except Exception as error:
                self._report(error)
            self.failures += 1
            self.stage = Stage.PAUSING
            if loop.time() - began > _WELL_AFTER_S:
                pause_s = _PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(_PAUSE_MOST_S, 2 * pause_s)

    async def drain(self) -> None:
        """Send nothing new, and return when what is under way was answered and written down."""
        self._draining = True
        if self.runner is not None:
            await self.runner.drain()

    def _report(self, error: Exception) -> None:
        causes = _causes(error)
        reason = "; ".join(dict.fromkeys(str(each) or repr(each) for each in causes))
        extra = {"account": self.account.id, "reason": reason}
        if any(isinstance(each, LeaseLost) for each in causes):
            _log.warning("another process has the account now", extra=extra)
        elif all(isinstance(each, RedisError | Refusal | OSError) for each in causes):
            _log.warning("the account begins again", extra=extra)
        else:
            _log.error("the account failed, and begins again", extra=extra, exc_info=error)

    async def _once(self) -> None:
        """From the lease until it is lost, or something fails."""
        shared, account = self._shared, self.account
        self.stage = Stage.READING
        await shared.inflow.caught_up.wait()  # whoever has the account meanwhile feeds it
        self.stage = Stage.STANDING_BY
        lease = AsyncLease(shared.redis, shared.settings, account.quota, account.id, lasts_ms=shared.lease_ms)
        await lease.stand_by()
        try:
            self.stage = Stage.READING
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(lease.keep())
                tasks.create_task(self._feed(lease))
        finally:
            self.feed = self.runner = self.quotas = None
            shared.joining.end(account.id)
            # Whoever has the account next reads the ledger: what this process wrote must be there by then.
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(_SETTLE_S):
                    await shared.writer.settle()
            with contextlib.suppress(RedisError, OSError):
                await lease.release()

    async def _feed(self, lease: AsyncLease) -> None:
        shared, account, connector = self._shared, self.account, self._connector
        clock, speed = await shared.worlds.of(account)
        limits = guarded(connector.limits, DELAY_S * account.clock_speed)
        limiter = AsyncLimiter(
            shared.redis, shared.settings, account.quota, account.id, limits, lease=lease, speed=speed
        )
        quotas = Counted(limiter, connector.limits, clock.now_ms)
        feed = AccountFeed(
            account.id, connector.operations, account.feed_policy(connector.quantity_most),
            reads=connector.reads_most > 0, tells=connector.tells,
        )  # fmt: skip
        async with account.transport() as transport:
            line = Line(connector, quotas, transport.send, clock)
            runner = AccountRunner(feed, connector, line, shared.writer.write, clock, account.reading())
            fed = Fed(account, feed, clock.now_ms, runner.changed.set)
            await self._join(fed)
            gc.freeze()  # slots are here to stay: looking for cycles among them took half of the time
            self.feed, self.runner, self.quotas, self.now_ms = feed, runner, quotas, clock.now_ms
            if self._draining:
                await runner.drain()
            self.stage = Stage.FEEDING
            _log.info(
                "feeding", extra={"account": account.id, "slots": len(feed.slots), "waiting": feed.waiting}
            )
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(runner.run())
                tasks.create_task(self._bury(fed))

    async def _join(self, fed: Fed) -> None:
        """What the ledger knows, what is listed, what is published."""
        slots = await self._shared.reader.of(self.account.id)
        await self._shared.joining.begin(fed, slots)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _ROWS_WITHIN_S
        if self.account.locations:
            while self._shared.joining.awaits_rows(fed) and loop.time() < deadline:
                await asyncio.sleep(0.05)
        fed.feed.resume(fed.feed.slots.values(), fed.now_ms())

    async def _bury(self, fed: Fed) -> None:
        """What is not listed any more leaves the ledger. Not at once: where a listing goes to another sku, the records
        of both come in any order, and what is on its way stays the listing's."""
        while True:
            seen = set(fed.gone)
            await asyncio.sleep(_BURY_AFTER_S)
            gone = seen & fed.gone.keys()
            for key in gone:
                del fed.gone[key]
            await self._shared.writer.write([(ledger.key(self.account.id, *key), None) for key in gone])


def _causes(error: BaseException) -> list[BaseException]:
    """What groups of errors are made of."""
    if isinstance(error, BaseExceptionGroup):
        return [cause for each in error.exceptions for cause in _causes(each)]
    return [error]
