"""Feeds one account: takes calls from its core, holds the conversations, and tells the core what came of them.

The send protocol, in this order; a process may die between any two of its steps:

1. the limits say how many items a call could have now;
2. the core takes so many slots, in turns;
3. the ledger gets their records, and has them on disk;
4. the limits admit the first request: all buckets are debited, or none; a lease that was lost is noticed here;
5. the conversation is held;
6. the core learns what became of each item, and the ledger gets their records again.

Who starts after a crash finds in the ledger every write that may have been sent, and nothing was sent that is not
there.
"""

import asyncio
import logging
import random
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from feeds import ledger
from feeds.account import AccountFeed, Key
from feeds.breaker import Breaker, Outcome, Permit, outcome
from feeds.clock import Clock
from feeds.connector import Connector, Item, Operation
from feeds.exchange import Lost, Unsent
from feeds.lease import LeaseLost
from feeds.limits import Room
from feeds.line import Line, ListingsRefused, NotAuthorised
from feeds.outcomes import Answer, Fate, ItemOutcome, Setback, Trouble, whole
from feeds.sendings import Call, Submission
from feeds.standing import Troubles

_log = logging.getLogger("stocktide.feeds")

Write = Callable[[Sequence[tuple[bytes, dict[str, Any]]]], Awaitable[None]]
"""Writes records (key, fields of FeedResult) to the ledger; returns when they are on disk."""

_OPEN = (Setback, Lost, Unsent, NotAuthorised, RedisError)
"""What ends a question without an answer: it is asked again."""
_LOOK_S = 1.0
_TICK_S = 1.0
_DRAIN_LOOK_S = 0.02
_FOLLOWING, _READING = "following", "reading"
_USED_UP = "its own limit is used up"
_SWEEP = 2_000
_ASK_S, _ASK_MOST_S = 15.0, 300.0
_LOST_AFTER = 3
_UNAUTHORISED_S = 60.0


@dataclass(frozen=True)
class Reading:
    """What was accepted is read back after `confirm_s`, and may take `grace_s` to show; besides, some listing is read
    every `sample_s`, whatever it is thought to show; None: never."""

    confirm_s: float = 60.0
    grace_s: float = 900.0
    sample_s: float | None = 30.0


class Changed:
    """Wakes everybody who waits for something to do."""

    def __init__(self, waiters: Sequence[asyncio.Event]) -> None:
        self._waiters = waiters

    def set(self) -> None:
        """There is something new."""
        for each in self._waiters:
            each.set()


class AccountRunner:
    """`run` until cancelled. `changed` is to be set whenever the core has been told of a change."""

    def __init__(
        self, feed: AccountFeed, connector: Connector, line: Line, write: Write, clock: Clock,
        reading: Reading = Reading(), dice: random.Random | None = None,
    ) -> None:  # fmt: skip
        self.feed = feed
        self._woken = {operation.name: asyncio.Event() for operation in connector.operations}
        self.changed = Changed(list(self._woken.values()))
        self._connector = connector
        self._line = line
        self._write = write
        self._clock = clock
        self._reading = reading
        self._dice = dice or random.Random()
        self.breakers = {operation.name: Breaker(self._dice.random) for operation in connector.operations}
        self.troubles = Troubles(feed.account)
        self._draining = False
        self._under_way = 0

    async def run(self) -> None:
        """Until cancelled. Raises `LeaseLost`: another process has the account."""
        async with asyncio.TaskGroup() as tasks:
            for operation in self._connector.operations:
                tasks.create_task(self._operate(operation))
            tasks.create_task(self._follow())
            tasks.create_task(self._tick())
            if self._connector.reads_most:
                tasks.create_task(self._read())

    async def drain(self) -> None:
        """Begin no more calls; returns when those under way were answered, and the ledger has their records. `run` goes
        on until it is cancelled."""
        self._draining = True
        while self._under_way:
            await asyncio.sleep(_DRAIN_LOOK_S)

    # -- writing -------------------------------------------------------------------------------------------------

    async def _operate(self, operation: Operation) -> None:
        under_way = asyncio.Semaphore(1 if operation.bulk else operation.at_once)
        async with asyncio.TaskGroup() as tasks:
            while True:
                await under_way.acquire()
                started = await self._start(operation)
                task = tasks.create_task(self._finish(*started))
                task.add_done_callback(lambda _: under_way.release())

    async def _start(self, operation: Operation) -> tuple[Call, Permit]:
        """Wait until there is something to do and the limits let it be done; its slots are then on the ledger."""
        breaker = self.breakers[operation.name]
        while True:
            while self._draining or not self.feed.ready(operation, self._clock.now_ms()):
                woken = self._woken[operation.name]
                woken.clear()
                await self._clock.wait(woken, _LOOK_S)
            permit = breaker.permit(self._clock.now_ms() / 1000)
            if permit is None:
                until = breaker.until or 0.0
                await self._clock.sleep(max(_LOOK_S, until - self._clock.now_ms() / 1000))
                continue
            call = None
            try:
                await self._line.authorise()  # what cannot be sent is not taken, and not written down
                room = await self._line.limits.room(operation.limit, operation.most, operation.points)
            except RedisError:
                room = Room(0, 1000)
            except NotAuthorised as error:
                _log.error("not believed", extra={"account": self.feed.account, "reason": str(error)})
                room = Room(0, int(_UNAUTHORISED_S * 1000))
            if room.items and not self._draining:
                intent = uuid.uuid4().hex
                call = self.feed.take(operation, room.items, intent, self._clock.now_ms())
            if call is not None:
                self._under_way += 1
                await self.record()
                return call, permit
            breaker.heard(permit, Outcome.UNHEARD, self._clock.now_ms() / 1000)
            await self._clock.sleep(max(0.001, room.wait_ms / 1000) if not room.items else _LOOK_S)

    async def _finish(self, call: Call, permit: Permit) -> None:
        answer = await self._hold(call)
        if answer.trouble is Trouble.AUTH:
            self._line.forget_token()
        now = self._clock.now_ms()
        self.breakers[call.operation.name].heard(permit, outcome(answer), now / 1000)
        self.troubles.heard(call.operation.name, answer.trouble, answer.reason, now)
        self.feed.answered(call, answer, now)
        self.changed.set()
        await self.record()
        self._under_way -= 1
        if answer.trouble is Trouble.AUTH:
            _log.error("not believed", extra={"account": self.feed.account, "reason": answer.reason})
            await self._clock.sleep(_UNAUTHORISED_S)

    async def _hold(self, call: Call) -> Answer:
        """The conversation of a call. Listings that have used up what is theirs are left out of it."""
        late: dict[str, float] = {}
        while True:
            items = [item for item in call.items if item.listing not in late]
            if not items:
                # Nobody was asked: that says nothing of the channel's health, nor of how much it takes.
                return Answer([_used_up(item, late) for item in call.items], Trouble.THROTTLED, _USED_UP)
            try:
                answer = await self._line.converse(
                    self._connector.write(call.operation, items, call.intent or "")
                )
            except ListingsRefused as refused:
                late |= refused.waits
                continue
            except NotAuthorised as error:
                return Answer(whole(len(call.items), Fate.RETURNED), Trouble.AUTH, str(error))
            except Unsent as error:
                return Answer(whole(len(call.items), Fate.RETURNED), Trouble.BROKEN, str(error))
            except LeaseLost:
                raise
            except Exception as error:  # a connector that cannot go on must not stop the others
                if not isinstance(error, Lost | RedisError):
                    _log.exception("a conversation broke off", extra={"account": self.feed.account})
                return Answer(whole(len(call.items), Fate.UNKNOWN), Trouble.BROKEN, repr(error))
            if not late:
                return answer
            told = iter(answer.items)
            outcomes = [_used_up(item, late) if item.listing in late else next(told) for item in call.items]
            return Answer(outcomes, answer.trouble, answer.reason, answer.again_s, answer.submission)

    async def record(self) -> None:
        """What is new goes to the ledger, and is on disk when this returns."""
        now = self._clock.now_ms()
        slots = self.feed.records()
        account = self.feed.account
        await self._write(
            [
                (ledger.key(account, slot.listing, slot.location), ledger.record(account, slot, now))
                for slot in slots
            ]
        )

    # -- submissions ---------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            await self._clock.sleep(_TICK_S)
            now = self._clock.now_ms()
            for submission in [each for each in self.feed.submissions if 0 < each.ask_ms <= now]:
                try:
                    await self._ask(submission)
                except _OPEN as error:
                    self._open(_FOLLOWING, error)
                    submission.ask_ms = self._clock.now_ms() + int(_ASK_S * 1000)
                await self.record()
            if not self.feed.submissions:
                self._said(_FOLLOWING, Trouble.NONE, None)

    async def _ask(self, submission: Submission) -> None:
        now = self._clock.now_ms()
        if (why := self.feed.hopeless(submission, now)) is not None:
            extra = {"account": self.feed.account, "submission": submission.number, "reason": why}
            _log.warning("a submission is given up, and what is in it is sent again", extra=extra)
            self.feed.give_up(submission, why, now)
            return
        submission.asked += 1
        pause_s = min(_ASK_MOST_S, _ASK_S * 1.5 ** min(submission.asked, 20))
        if submission.number is None:
            found = await self._line.converse(self._connector.find(submission.intent, submission.at_ms))
            self.troubles.heard(_FOLLOWING, Trouble.NONE, None, self._clock.now_ms())
            submission.number = found
            if found is None and submission.asked >= _LOST_AFTER:
                self.feed.lost(submission, self._clock.now_ms())
                return
            submission.ask_ms = self._clock.now_ms() + (0 if found else int(pause_s * 1000))
            return
        progress = await self._line.converse(self._connector.follow(submission.number, submission.items))
        self._said(_FOLLOWING, progress.trouble, progress.reason)
        if progress.answer is not None:
            self._closed(submission, progress.answer)
            return
        again_s = pause_s if progress.again_s is None else progress.again_s
        submission.ask_ms = self._clock.now_ms() + int(again_s * 1000)

    def _closed(self, submission: Submission, answer: Answer) -> None:
        """What its end says of the channel counts as that of a call does."""
        breaker, now = self.breakers.get(submission.operation), self._clock.now_ms()
        permit = None if breaker is None else breaker.permit(now / 1000)
        if breaker is not None and permit is not None:
            breaker.heard(permit, outcome(answer), now / 1000)
        self.feed.progressed(submission, answer, now)

    def _said(self, asked: str, trouble: Trouble, reason: str | None) -> None:
        """What the end of a question said of the marketplace."""
        self.troubles.heard(asked, trouble, reason, self._clock.now_ms())
        if trouble is Trouble.AUTH:
            self._line.forget_token()

    def _open(self, asked: str, error: Exception) -> None:
        """A question has ended without an answer."""
        trouble = error.trouble if isinstance(error, Setback) else Trouble.BROKEN
        if isinstance(error, NotAuthorised):
            trouble = Trouble.AUTH
        self._said(asked, trouble, str(error) or type(error).__name__)

    # -- reading back --------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        sampled_ms = self._clock.now_ms()
        while True:
            await self._clock.sleep(_TICK_S)
            now = self._clock.now_ms()
            keys = self.feed.to_read(self._connector.reads_most, now - int(self._reading.confirm_s * 1000))
            every = self._reading.sample_s
            if not keys and every is not None and now - sampled_ms >= every * 1000 and self.feed.slots:
                sampled_ms = now
                keys = [self._dice.choice(list(self.feed.slots))]
            if keys:
                await self._look(keys)

    async def _look(self, keys: Sequence[Key]) -> None:
        try:
            shown = await self._line.converse(self._connector.read_back(keys))
        except _OPEN as error:
            self._open(_READING, error)
            await self._clock.sleep(_ASK_S)
            return
        self._said(_READING, shown.trouble, shown.reason)
        if shown.trouble is Trouble.NONE:
            grace_ms = int(self._reading.grace_s * 1000)
            self.feed.shown(shown.units, keys, self._clock.now_ms(), grace_ms)
            await self.record()
        else:
            await self._clock.sleep(shown.again_s or _ASK_S)

    # -- time ----------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            now = self._clock.now_ms()
            self.feed.wake(now)
            self.feed.tick(now)
            self.feed.sweep(_SWEEP, now)
            await self.record()
            await self._clock.sleep(_TICK_S)


def _used_up(item: Item, late: Mapping[str, float]) -> ItemOutcome:
    """Of a listing that has used up what is its own; but for writes of 0 some of it may be kept."""
    return ItemOutcome(Fate.LATER, _USED_UP, late[item.listing], but_zero=item.quantity > 0)
