"""Bulk submissions: one after the other for each account, each taking its time, others' jobs among them."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Any

from feeds.simulator.agenda import Agenda
from feeds.simulator.faults import Faults
from feeds.simulator.spread import Spread


class State(Enum):
    """FAILED: ended as a whole; what of it was applied depends on the channel. ENDLESS: begun, and never done."""

    QUEUED = "queued"
    RUNNING = "running"
    ENDLESS = "endless"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(slots=True, eq=False)
class Job:
    """`content`: what was handed in; `outcome`: what the channel made of it. `foreign_ms`: somebody else's job that
    takes so long and changes nothing of ours."""

    feed_id: str
    account: str
    feed_type: str
    submitted_ms: int
    content: Any = None
    state: State = State.QUEUED
    started_ms: int | None = None
    ended_ms: int | None = None
    foreign_ms: int | None = None
    outcome: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FeedSettings:
    """`service`: how long one feed takes. `per_item_ms`: and each of its items. `foreign_per_hour`: others' jobs of the
    same account (catalogue work), each `foreign_service` long."""

    service: Spread = field(default=Spread(300_000, 1_800_000))
    per_item_ms: float = 0.0
    foreign_per_hour: float = 0.0
    foreign_service: Spread = field(default=Spread(300_000, 3_600_000))


class FeedQueue:
    """`finish(job, failed, now_ms)` does the work of a job when its time is over, and sets its outcome."""

    def __init__(
        self,
        agenda: Agenda,
        faults: Faults,
        settings: FeedSettings,
        finish: Callable[[Job, bool, int], None],
        seed: str,
    ) -> None:
        self.jobs: dict[str, Job] = {}
        self.of_account: dict[str, list[Job]] = {}
        self._agenda = agenda
        self._faults = faults
        self._settings = settings
        self._finish = finish
        self._random = Random(f"{seed} feeds")
        self._waiting: dict[str, deque[tuple[Job, int]]] = {}
        self._busy: set[str] = set()

    def submit(self, job: Job, items: int, now_ms: int) -> None:
        """Behind everything of this account."""
        self.jobs[job.feed_id] = job
        self.of_account.setdefault(job.account, []).append(job)
        self._put(job, items, now_ms)

    def foreign(self, account: str, takes_ms: int, now_ms: int) -> None:
        """Somebody else's job, behind everything of this account that is there."""
        self._put(Job("", account, "foreign", now_ms, foreign_ms=takes_ms), 0, now_ms)

    def foreigners(self, account: str, now_ms: int) -> None:
        """Begin with others' jobs of an account, where there are any."""
        if self._settings.foreign_per_hour > 0:
            self._plan_foreigner(account, now_ms)

    def cancel(self, job: Job) -> bool:
        """Whether it had not begun."""
        if job.state is not State.QUEUED:
            return False
        self._waiting[job.account] = deque(each for each in self._waiting[job.account] if each[0] is not job)
        job.state, job.ended_ms = State.CANCELLED, self._agenda.now_ms
        return True

    def ahead(self, job: Job) -> int:
        """How many jobs are done before it begins, the running one included."""
        if job.state is not State.QUEUED:
            return 0
        waiting = self._waiting[job.account]
        place = next(n for n, (each, _) in enumerate(waiting) if each is job)
        return place + (job.account in self._busy)

    def _plan_foreigner(self, account: str, now_ms: int) -> None:
        wait_ms = self._random.expovariate(self._settings.foreign_per_hour) * 3_600_000
        self._agenda.at(now_ms + wait_ms, self._foreigner, account)

    def _foreigner(self, account: str, now_ms: int) -> None:
        self.foreign(account, self._settings.foreign_service.draw(self._random), now_ms)
        self._plan_foreigner(account, now_ms)

    def _put(self, job: Job, items: int, now_ms: int) -> None:
        self._waiting.setdefault(job.account, deque()).append((job, items))
        if job.account not in self._busy:
            self._begin(job.account, now_ms)

    def _begin(self, account: str, now_ms: int) -> None:
        waiting = self._waiting[account]
        while waiting:
            job, items = waiting.popleft()
            job.started_ms = now_ms
            if job.foreign_ms is None and self._faults.strikes("endless_feed", now_ms):
                job.state = State.ENDLESS
                continue
            job.state = State.RUNNING
            self._busy.add(account)
            self._agenda.at(now_ms + self._takes_ms(job, items, now_ms), self._end, job)
            return
        self._busy.discard(account)

    def _takes_ms(self, job: Job, items: int, now_ms: int) -> float:
        if job.foreign_ms is not None:
            return job.foreign_ms
        takes = self._settings.service.draw(self._random) + items * self._settings.per_item_ms
        fault = self._faults.strikes("slow_feed", now_ms)
        return takes * fault.factor if fault else takes

    def _end(self, job: Job, now_ms: int) -> None:
        job.ended_ms = now_ms
        if job.foreign_ms is None:
            failed = self._faults.strikes("feed_fatal_partial", now_ms) is not None
            job.state = State.FAILED if failed else State.DONE
            self._finish(job, failed, now_ms)
        else:
            job.state = State.DONE
        self._begin(job.account, now_ms)
